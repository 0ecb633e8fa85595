// SPDX-License-Identifier: GPL-2.0-only
//! The lines of a Kconfig file, as far as symbols are described by them (Documentation/kbuild/kconfig-language.rst).
//!
//! `symbols` puts them together. Help texts, which may look like anything, are passed over.

/// The type of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Type {
    Bool,
    Tristate,
    Int,
    Hex,
    Text,
    /// No definition gives one.
    #[default]
    Unknown,
}

impl Type {
    /// Kconfig's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Tristate => "tristate",
            Type::Int => "int",
            Type::Hex => "hex",
            Type::Text => "string",
            Type::Unknown => "-",
        }
    }
}

/// What encloses other lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    Menu,
    If,
    Choice,
}

/// One line, those that it continues on included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `config X` or `menuconfig X`: what follows is about it.
    Symbol(String),
    /// `comment "…"`.
    Comment,
    /// A block, with the condition of an `if`.
    Begin(Block, Option<String>),
    End(Block),
    Source(String),
    Depends(String),
    Selects(String),
    Type(Type, Option<String>),
    Prompt(String),
    Range(String, String),
}

/// The lines that say something.
pub fn lines(text: &str) -> impl Iterator<Item = Line> + '_ {
    let mut help = Help::No;
    let mut lines = text.lines();
    std::iter::from_fn(move || loop {
        let raw = lines.next()?;
        if help.takes(raw) {
            continue;
        }
        let mut line = raw.to_owned();
        while let Some(more) = line.strip_suffix('\\').map(str::to_owned) {
            line = format!("{} {}", more.trim_end(), lines.next().unwrap_or_default().trim_start());
        }
        let line = without_comment(&line).trim();
        if matches!(line, "help" | "---help---") {
            help = Help::Begins;
        } else if let Some(found) = read(line) {
            return Some(found);
        }
    })
}

/// Where in a help text we are: it goes on for as long as lines are indented as deep as its first.
enum Help {
    No,
    Begins,
    Indented(usize),
}

impl Help {
    fn takes(&mut self, raw: &str) -> bool {
        // A tab goes to the next multiple of 8.
        let indent =
            raw.chars().take_while(|c| c.is_whitespace()).fold(0, |n, c| if c == '\t' { n / 8 * 8 + 8 } else { n + 1 });
        let blank = raw.trim().is_empty();
        match *self {
            Help::No => false,
            Help::Begins if blank => true,
            Help::Begins if indent > 0 => {
                *self = Help::Indented(indent);
                true
            }
            Help::Indented(least) if blank || indent >= least => true,
            _ => {
                *self = Help::No;
                false
            }
        }
    }
}

fn read(line: &str) -> Option<Line> {
    let (word, rest) = line.split_once([' ', '\t']).map_or((line, ""), |(word, rest)| (word, rest.trim()));
    let begin = |block| Some(Line::Begin(block, None));
    let typed = |kind| Some(Line::Type(kind, quoted(rest)));
    match word {
        "config" | "menuconfig" => Some(Line::Symbol(rest.to_owned())),
        "comment" => Some(Line::Comment),
        "menu" => begin(Block::Menu),
        "choice" => begin(Block::Choice),
        "if" => Some(Line::Begin(Block::If, Some(rest.to_owned()))),
        "endmenu" => Some(Line::End(Block::Menu)),
        "endchoice" => Some(Line::End(Block::Choice)),
        "endif" => Some(Line::End(Block::If)),
        "source" => Some(Line::Source(rest.trim_matches('"').to_owned())),
        "depends" => Some(Line::Depends(rest.strip_prefix("on")?.trim().to_owned())),
        "select" | "imply" => Some(Line::Selects(rest.split([' ', '\t']).next()?.to_owned())),
        "bool" | "boolean" => typed(Type::Bool),
        "tristate" => typed(Type::Tristate),
        "int" => typed(Type::Int),
        "hex" => typed(Type::Hex),
        "string" => typed(Type::Text),
        "def_bool" => Some(Line::Type(Type::Bool, None)),
        "def_tristate" => Some(Line::Type(Type::Tristate, None)),
        "prompt" => quoted(rest).map(Line::Prompt),
        "range" => {
            let mut words = rest.split_whitespace().map(str::to_owned);
            Some(Line::Range(words.next()?, words.next()?))
        }
        _ => None,
    }
}

/// The text in quotes at the start.
fn quoted(rest: &str) -> Option<String> {
    let mut chars = rest.chars();
    let quote = chars.next().filter(|c| "\"'".contains(*c))?;
    let mut out = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c if c == quote => return Some(out),
            c => out.push(c),
        }
    }
    None
}

/// A `#` outside of quotes begins a comment.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
    }
    line
}
