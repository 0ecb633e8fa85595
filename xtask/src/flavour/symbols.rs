// SPDX-License-Identifier: GPL-2.0-only
//! What a tree's Kconfig files say of their symbols: type, prompt, what they depend on and what selects them.
//!
//! `resolve` explains a refusal with it, lists show prompts from it. It must never decide a value: that is
//! Kconfig's own, which runs in `kconfig.rs`. Pure text; the caller reads the files.

use std::collections::{BTreeMap, BTreeSet};

use super::kconfig_text::{self as text, Block, Line};

pub use super::kconfig_text::Type;

/// How deep files may source each other; Linux's go five deep.
const DEEPEST: usize = 32;

/// What is known of a symbol. It may be defined in more than one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Symbol {
    pub kind: Type,
    /// What menus call it; without one, only defaults and other symbols set it.
    pub prompt: Option<String>,
    /// The conditions of each definition, all of which have to hold, those around it included.
    pub depends: Vec<Vec<String>>,
    /// Which symbols select it.
    pub selected_by: BTreeSet<String>,
    /// The least and the greatest number.
    pub range: Option<(String, String)>,
    /// The others of the choice that it is one of.
    pub choice: Option<usize>,
}

/// A tree's symbols, those that one architecture has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Symbols {
    symbols: BTreeMap<String, Symbol>,
    choices: Vec<Vec<String>>,
}

impl Symbols {
    /// Reads all files from the top one on; `file` gives the text of each by its path in the tree, if it is there.
    /// `srcarch` is the folder below `arch/`.
    pub fn read(srcarch: &str, file: &mut dyn FnMut(&str) -> Option<String>) -> Self {
        let mut this = Symbols::default();
        let mut reader = Reader { srcarch, file, out: &mut this, seen: BTreeSet::new() };
        reader.file("Kconfig", &[], 0);
        this
    }

    /// A symbol by its name without `CONFIG_`.
    pub fn get(&self, name: &str) -> Option<&Symbol> {
        self.symbols.get(name)
    }

    /// The prompt of a symbol, empty where there is none.
    pub fn prompt(&self, name: &str) -> &str {
        self.get(name).and_then(|symbol| symbol.prompt.as_deref()).unwrap_or_default()
    }

    /// The others of the choice that a symbol is one of.
    pub fn others_of_choice<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let choice = self.get(name).and_then(|symbol| symbol.choice);
        let members = choice.map(|at| self.choices[at].as_slice()).unwrap_or_default();
        members.iter().map(String::as_str).filter(move |other| *other != name)
    }
}

/// Goes through the files.
struct Reader<'a> {
    srcarch: &'a str,
    file: &'a mut dyn FnMut(&str) -> Option<String>,
    out: &'a mut Symbols,
    /// Files are read once: what sources one twice does so under conditions that exclude each other.
    seen: BTreeSet<String>,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, around: &[String], depth: usize) {
        if depth > DEEPEST || !self.seen.insert(path.to_owned()) {
            return;
        }
        let Some(content) = (self.file)(path) else { return };
        // What holds for all that is inside of a menu, an `if` or a choice.
        let mut blocks: Vec<(Block, Vec<String>)> = Vec::new();
        let mut current: Option<String> = None;
        let mut choice: Option<(usize, Type)> = None;
        for line in text::lines(&content) {
            match line {
                Line::Symbol(name) => {
                    let inside = blocks.iter().flat_map(|(_, conditions)| conditions);
                    let conditions: Vec<String> = around.iter().chain(inside).cloned().collect();
                    let symbol = self.out.symbols.entry(name.clone()).or_default();
                    symbol.depends.push(conditions);
                    if let Some((at, kind)) = choice {
                        symbol.choice = Some(at);
                        symbol.kind = kind;
                        self.out.choices[at].push(name.clone());
                    }
                    current = Some(name);
                }
                Line::Begin(block, condition) => {
                    if block == Block::Choice {
                        self.out.choices.push(Vec::new());
                        choice = Some((self.out.choices.len() - 1, Type::Bool));
                    }
                    blocks.push((block, condition.into_iter().collect()));
                    current = None;
                }
                Line::End(block) => {
                    blocks.pop();
                    choice = choice.filter(|_| block != Block::Choice);
                    current = None;
                }
                Line::Comment => {
                    // Its `depends on` is nobody's: it goes with an empty block's.
                    current = Some(String::new());
                }
                Line::Source(pattern) => {
                    let inside = blocks.iter().flat_map(|(_, conditions)| conditions);
                    let conditions: Vec<String> = around.iter().chain(inside).cloned().collect();
                    let path = pattern.replace("$(SRCARCH)", self.srcarch).replace("$SRCARCH", self.srcarch);
                    self.file(&path, &conditions, depth + 1);
                    current = None;
                }
                Line::Depends(condition) => match &current {
                    Some(name) => {
                        let symbol = self.out.symbols.get_mut(name);
                        if let Some(definition) = symbol.and_then(|symbol| symbol.depends.last_mut()) {
                            definition.push(condition);
                        }
                    }
                    None => {
                        if let Some((_, conditions)) = blocks.last_mut() {
                            conditions.push(condition);
                        }
                    }
                },
                Line::Selects(other) => {
                    if let Some(name) = current.as_ref().filter(|name| !name.is_empty()) {
                        self.out.symbols.entry(other).or_default().selected_by.insert(name.clone());
                    }
                }
                Line::Type(kind, prompt) => match (&current, &mut choice) {
                    (Some(name), _) => self.with(name, |symbol| {
                        symbol.kind = kind;
                        symbol.prompt = symbol.prompt.take().or(prompt);
                    }),
                    (None, Some((_, of_members))) => *of_members = kind,
                    _ => {}
                },
                Line::Prompt(prompt) => {
                    if let Some(name) = &current {
                        self.with(name, |symbol| symbol.prompt = Some(prompt));
                    }
                }
                Line::Range(low, high) => {
                    if let Some(name) = &current {
                        self.with(name, |symbol| symbol.range = Some((low, high)));
                    }
                }
            }
        }
    }

    fn with(&mut self, name: &str, change: impl FnOnce(&mut Symbol)) {
        if let Some(symbol) = self.out.symbols.get_mut(name) {
            change(symbol);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Symbols, Type};

    const TOP: &str = "mainmenu \"x\"\nsource \"arch/$(SRCARCH)/Kconfig\"\nif NET\nsource \"net/Kconfig\"\nendif\n\
        config NET\n\tbool \"Networking\"\n\tselect CRC\n\thelp\n\t  config FAKE\n\t    bool\n\n\t  if not\n\n\
        config CRC\n\tdef_bool n\n";
    const NET: &str = "menu \"devices\"\n\tdepends on PCI || \\\n\t\tUSB\n\nconfig TUN\n\ttristate \"TUN/TAP \\\"x\\\"\" if EXPERT\n\
        \tdepends on !UML # c\n\tdefault m\n\nchoice\n\tprompt \"which\"\nconfig A\n\tbool \"a\"\nconfig B\n\tprompt \"b\"\nendchoice\n\
        comment \"none\"\n\tdepends on X\nendmenu\nconfig HZ\n\tint \"rate\"\n\trange 1 1000\n";

    fn read() -> Symbols {
        Symbols::read("arm64", &mut |path| match path {
            "Kconfig" => Some(TOP.to_owned()),
            "net/Kconfig" => Some(NET.to_owned()),
            "arch/arm64/Kconfig" => Some("config PCI\n\tbool\nsource \"Kconfig\"\n".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn types_prompts_and_conditions() {
        let symbols = read();
        let tun = symbols.get("TUN").unwrap();
        assert_eq!((tun.kind, symbols.prompt("TUN")), (Type::Tristate, "TUN/TAP \"x\""));
        assert_eq!(tun.depends, [["NET", "PCI || USB", "!UML"]]);
        assert_eq!(symbols.get("HZ").unwrap().depends, [["NET"]]);
        assert_eq!(symbols.get("HZ").unwrap().range, Some(("1".to_owned(), "1000".to_owned())));
        assert_eq!((symbols.get("B").unwrap().kind, symbols.prompt("B")), (Type::Bool, "b"));
        assert_eq!(symbols.others_of_choice("B").collect::<Vec<_>>(), ["A"]);
        assert!(symbols.get("CRC").unwrap().selected_by.contains("NET"));
        assert_eq!(symbols.get("PCI").unwrap().depends, [Vec::<String>::new()]);
        assert!(symbols.get("FAKE").is_none() && symbols.get("X").is_none());
    }
}
