// SPDX-License-Identifier: GPL-2.0-only
//! Kconfig's expressions, as far as it takes to say which part of one does not hold
//! (Documentation/kbuild/kconfig-language.rst, "Menu dependencies").
//!
//! `refusal` asks. It must never decide a value; what cannot be read is shown as it stands.

use crate::formats::config::Config;

/// How deep parentheses may be; Linux's go three deep.
const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Symbol(String),
    Constant(String),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Compare(String, String, String),
}

/// A tristate value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    No,
    Module,
    Yes,
}

/// The parts of a condition that keep it below `wanted`, each with the value that it has now; none where it holds.
pub fn unmet(text: &str, wanted: Truth, config: &Config) -> Vec<String> {
    let mut tokens = tokens(text);
    tokens.reverse();
    match or(&mut tokens, 0).filter(|_| tokens.is_empty()) {
        Some(condition) => condition.unmet(wanted, config),
        // A macro, most often: what it comes to only Kconfig knows.
        None => Vec::new(),
    }
}

impl Condition {
    fn truth(&self, config: &Config) -> Truth {
        match self {
            Condition::Symbol(name) => match value(config, name) {
                "y" => Truth::Yes,
                "m" => Truth::Module,
                _ => Truth::No,
            },
            Condition::Constant(text) => match text.as_str() {
                "y" => Truth::Yes,
                "m" => Truth::Module,
                _ => Truth::No,
            },
            Condition::Not(inner) => match inner.truth(config) {
                Truth::Yes => Truth::No,
                Truth::Module => Truth::Module,
                Truth::No => Truth::Yes,
            },
            Condition::And(all) => all.iter().map(|c| c.truth(config)).min().unwrap_or(Truth::Yes),
            Condition::Or(any) => any.iter().map(|c| c.truth(config)).max().unwrap_or(Truth::No),
            Condition::Compare(a, operator, b) => {
                let [a, b] = [a, b].map(|side| side_of(side, config));
                let order = match (number(a), number(b)) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    _ => a.cmp(b),
                };
                let holds = match operator.as_str() {
                    "=" => order.is_eq(),
                    "!=" => order.is_ne(),
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                };
                if holds {
                    Truth::Yes
                } else {
                    Truth::No
                }
            }
        }
    }

    fn unmet(&self, wanted: Truth, config: &Config) -> Vec<String> {
        if self.truth(config) >= wanted {
            return Vec::new();
        }
        match self {
            Condition::And(all) => all.iter().flat_map(|c| c.unmet(wanted, config)).collect(),
            Condition::Or(any) => {
                let any: Vec<String> = any.iter().flat_map(|c| c.unmet(wanted, config)).collect();
                vec![any.join(" or ")]
            }
            Condition::Symbol(name) => vec![format!("{name}, which is {}", value(config, name))],
            Condition::Constant(text) => vec![format!("`{text}`, which never holds")],
            Condition::Not(inner) => vec![format!("!{}, which is {}", inner.text(), shown(inner.truth(config)))],
            Condition::Compare(a, operator, b) => {
                let known = |side: &str| config.get(side).map(|value| format!(", and {side} is {value}"));
                vec![format!("{a} {operator} {b}{}", known(a).or_else(|| known(b)).unwrap_or_default())]
            }
        }
    }

    fn text(&self) -> String {
        let join = |all: &[Condition], with: &str| {
            let parts: Vec<String> = all.iter().map(Condition::text).collect();
            format!("({})", parts.join(with))
        };
        match self {
            Condition::Symbol(text) | Condition::Constant(text) => text.clone(),
            Condition::Not(inner) => format!("!{}", inner.text()),
            Condition::And(all) => join(all, " && "),
            Condition::Or(any) => join(any, " || "),
            Condition::Compare(a, operator, b) => format!("({a} {operator} {b})"),
        }
    }
}

fn shown(truth: Truth) -> &'static str {
    match truth {
        Truth::No => "n",
        Truth::Module => "m",
        Truth::Yes => "y",
    }
}

/// What a symbol has; Kconfig takes one that is not mentioned for `n`.
fn value<'a>(config: &'a Config, name: &str) -> &'a str {
    config.get(name).map_or("n", |value| value.as_str())
}

fn side_of<'a>(side: &'a str, config: &'a Config) -> &'a str {
    let is_name = side.contains(|c: char| c.is_ascii_uppercase());
    if is_name && !side.starts_with(['"', '\'']) {
        value(config, side).trim_matches('"')
    } else {
        side.trim_matches(['"', '\''])
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' => 1,
            '&' | '|' if rest.starts_with("&&") || rest.starts_with("||") => 2,
            '!' | '<' | '>' if rest[1..].starts_with('=') => 2,
            '!' | '<' | '>' | '=' => 1,
            '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            _ => rest
                .find(|c: char| c.is_whitespace() || "()&|!<>=\"'".contains(c))
                .unwrap_or(rest.len())
                .max(first.len_utf8()),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The grammar, with the next token at the end of the list.
fn or(tokens: &mut Vec<String>, depth: usize) -> Option<Condition> {
    let mut any = vec![and(tokens, depth)?];
    while tokens.last().is_some_and(|t| t == "||") {
        tokens.pop();
        any.push(and(tokens, depth)?);
    }
    Some(if any.len() == 1 { any.remove(0) } else { Condition::Or(any) })
}

fn and(tokens: &mut Vec<String>, depth: usize) -> Option<Condition> {
    let mut all = vec![term(tokens, depth)?];
    while tokens.last().is_some_and(|t| t == "&&") {
        tokens.pop();
        all.push(term(tokens, depth)?);
    }
    Some(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
}

fn term(tokens: &mut Vec<String>, depth: usize) -> Option<Condition> {
    if depth > DEEPEST {
        return None;
    }
    match tokens.pop()?.as_str() {
        "!" => Some(Condition::Not(Box::new(term(tokens, depth + 1)?))),
        "(" => {
            let inner = or(tokens, depth + 1)?;
            (tokens.pop()? == ")").then_some(inner)
        }
        word if word.starts_with(['&', '|', ')', '<', '>', '=']) || word.contains('$') => None,
        word => {
            let operator = tokens.last().filter(|t| ["=", "!=", "<", "<=", ">", ">="].contains(&t.as_str()));
            if let Some(operator) = operator.cloned() {
                tokens.pop();
                return Some(Condition::Compare(word.to_owned(), operator, tokens.pop()?));
            }
            let name = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            match word {
                "y" | "m" | "n" => Some(Condition::Constant(word.to_owned())),
                _ if name => Some(Condition::Symbol(word.to_owned())),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{unmet, Truth};
    use crate::formats::config::Config;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_hold() {
        let config = Config::parse_lenient("CONFIG_A=y\nCONFIG_M=m\n# CONFIG_N is not set\nCONFIG_HZ=250\n");
        let table = [
            ("A", Truth::Yes, ""),
            ("A && M", Truth::Module, ""),
            ("A && M", Truth::Yes, "M, which is m"),
            ("N && X && A", Truth::Yes, "N, which is n; X, which is n"),
            ("N || (X && A)", Truth::Yes, "N, which is n or X, which is n"),
            ("!A", Truth::Yes, "!A, which is y"),
            ("!(A || N)", Truth::Yes, "!(A || N), which is y"),
            ("!N", Truth::Yes, ""),
            ("HZ=100", Truth::Yes, "HZ = 100, and HZ is 250"),
            ("HZ >= 0x64 && HZ != 1", Truth::Yes, ""),
            ("A=y && N!=n", Truth::Yes, "N != n, and N is n"),
            ("$(cc-option,-x) && N", Truth::Yes, ""),
            ("A &&", Truth::Yes, ""),
            ("n", Truth::Yes, "`n`, which never holds"),
        ];
        for (text, wanted, want) in table {
            assert_eq!(unmet(text, wanted, &config).join("; "), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text(text in "[A-C()!&|=<>\"'$ é]{0,30}") {
            let _ = unmet(&text, Truth::Yes, &Config::default());
        }
    }
}
