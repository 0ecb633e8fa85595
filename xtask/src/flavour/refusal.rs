// SPDX-License-Identifier: GPL-2.0-only
//! Why Kconfig turned a symbol down, in words: the wrong type, a dependency that does not hold and the value that
//! it has, another symbol that selects it, another one of its choice.

use super::condition::{unmet, Truth};
use super::symbols::{Symbol, Symbols, Type};
use crate::formats::config::{Config, Value, ValueKind};

/// One sentence about a symbol that was asked to be `asked` and is not, in the configuration `got`.
pub fn why(symbols: &Symbols, name: &str, asked: &Value, got: &Config) -> String {
    let now = got.get(name).map_or("absent", Value::as_str);
    let is = format!("CONFIG_{name}={asked} is {now}");
    let Some(symbol) = symbols.get(name) else { return is };
    if let Some(wanted) = wrong_type(symbol, asked) {
        return format!("CONFIG_{name}={asked}: it is of type {}, and takes {wanted}", symbol.kind.word());
    }
    let truth = match asked.kind() {
        ValueKind::Module => Truth::Module,
        _ => Truth::Yes,
    };
    let on = |other: &&String| got.get(other).is_some_and(|value| matches!(value.as_str(), "y" | "m"));
    if asked.kind() == ValueKind::No || asked.kind() == ValueKind::Module && now == "y" {
        let by: Vec<&str> = symbol.selected_by.iter().filter(on).map(String::as_str).collect();
        return match by.as_slice() {
            [] if symbol.choice.is_some() => format!("{is}: one of its choice has to be on"),
            [] => is,
            by => format!("{is}: it is selected by {}", by.join(", ")),
        };
    }
    // Of several definitions one is enough.
    let of_each = symbol.depends.iter().map(|all| all.iter().flat_map(|c| unmet(c, truth, got)).collect::<Vec<_>>());
    let mut missing: Vec<Vec<String>> = of_each.collect();
    missing.sort_by_key(Vec::len);
    if let Some(missing) = missing.first().filter(|missing| !missing.is_empty()) {
        return format!("{is}: it depends on {}", missing.join(", and on "));
    }
    let set = symbols.others_of_choice(name).find(|other| on(&&(*other).to_owned()));
    if let Some(other) = set {
        return format!("{is}: of its choice, {other} is on");
    }
    if symbol.prompt.is_none() {
        let by: Vec<&str> = symbol.selected_by.iter().map(String::as_str).take(5).collect();
        let how = if by.is_empty() { String::new() } else { format!("; it is selected by {}", by.join(", ")) };
        return format!("{is}: it has no prompt, so only other symbols set it{how}");
    }
    match &symbol.range {
        Some((low, high)) => format!("{is}: it goes from {low} to {high}"),
        None => is,
    }
}

/// What a symbol of that type takes, where `asked` is something else.
fn wrong_type(symbol: &Symbol, asked: &Value) -> Option<&'static str> {
    use ValueKind::*;
    let (fits, wanted): (&[ValueKind], _) = match symbol.kind {
        Type::Bool => (&[Yes, No], "y or n"),
        Type::Tristate => (&[Yes, Module, No], "y, m or n"),
        Type::Int => (&[Int], "a number, as in 100"),
        Type::Hex => (&[Hex, Int], "a hexadecimal number, as in 0x100"),
        Type::Text => (&[Text], "a text in double quotes"),
        Type::Unknown => return None,
    };
    (!fits.contains(&asked.kind())).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "config A\n\tbool \"a\"\n\tdepends on B && C=y\nconfig B\n\tbool\nconfig D\n\tdef_bool y\n\tselect E\n\
        config E\n\ttristate \"e\"\nconfig HZ\n\tint \"rate\"\n\trange 1 1000\nconfig H\n\thex \"h\"\nconfig S\n\tstring \"s\"\n\
        choice\n\tprompt \"c\"\nconfig ONE\n\tbool \"one\"\nconfig TWO\n\tbool \"two\"\nendchoice\n";

    #[test]
    fn reasons() {
        let symbols = Symbols::read("arm64", &mut |path| (path == "Kconfig").then(|| TEXT.to_owned()));
        let got =
            Config::parse_lenient("CONFIG_D=y\nCONFIG_E=y\nCONFIG_HZ=250\nCONFIG_ONE=y\n# CONFIG_TWO is not set\n");
        let table = [
            ("A", "y", "CONFIG_A=y is absent: it depends on B, which is n, and on C = y"),
            ("A", "m", "CONFIG_A=m: it is of type bool, and takes y or n"),
            ("B", "y", "CONFIG_B=y is absent: it has no prompt, so only other symbols set it"),
            ("E", "n", "CONFIG_E=n is y: it is selected by D"),
            ("E", "m", "CONFIG_E=m is y: it is selected by D"),
            ("E", "3", "CONFIG_E=3: it is of type tristate, and takes y, m or n"),
            ("HZ", "y", "CONFIG_HZ=y: it is of type int, and takes a number, as in 100"),
            ("HZ", "2000", "CONFIG_HZ=2000 is 250: it goes from 1 to 1000"),
            ("H", "\"x\"", "CONFIG_H=\"x\": it is of type hex, and takes a hexadecimal number, as in 0x100"),
            ("S", "y", "CONFIG_S=y: it is of type string, and takes a text in double quotes"),
            ("TWO", "y", "CONFIG_TWO=y is n: of its choice, ONE is on"),
            ("ONE", "n", "CONFIG_ONE=n is y: one of its choice has to be on"),
        ];
        for (name, asked, want) in table {
            assert_eq!(why(&symbols, name, &Value::parse(asked).unwrap(), &got), want);
        }
    }
}
