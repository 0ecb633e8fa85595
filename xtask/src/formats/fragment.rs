// SPDX-License-Identifier: GPL-2.0-only
//! A flavour's fragment as a person keeps it: symbols change, comments and the order of lines stay.
//!
//! `flavour edit` writes with it. It must never touch the line of a symbol that is not to change.

use super::config::{Config, Value};
use super::FormatError;

/// The text with symbols set anew, at their place or at the end, and with those that have no value taken out.
///
/// # Errors
/// The text is no fragment.
pub fn with(text: &str, changes: &[(String, Option<Value>)]) -> Result<String, FormatError> {
    let old = Config::parse(text)?;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let here = Config::parse_lenient(line);
        let symbol = here.iter().next().map(|(symbol, _)| symbol);
        match symbol.and_then(|symbol| changes.iter().find(|(name, _)| name == symbol)) {
            None => out.push_str(line),
            Some((symbol, Some(value))) => out.push_str(&line_of(symbol, value)?),
            Some((_, None)) => {}
        }
    }
    for (symbol, value) in changes {
        if let (None, Some(value)) = (old.get(symbol), value) {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&line_of(symbol, value)?);
        }
    }
    Ok(out)
}

fn line_of(symbol: &str, value: &Value) -> Result<String, FormatError> {
    let mut config = Config::default();
    config.set(symbol, value.clone())?;
    Ok(config.to_text())
}

#[cfg(test)]
mod tests {
    use super::{with, Config, Value};
    use proptest::prelude::*;

    #[test]
    fn comments_and_order_stay() {
        let value = |text: &str| Some(Value::parse(text).unwrap());
        let text = "# timers\nCONFIG_A=y\n\n# why\n# CONFIG_B is not set\nCONFIG_C=1";
        let changes = [
            ("B".to_owned(), value("y")),
            ("A".to_owned(), None),
            ("D".to_owned(), value("n")),
            ("E".to_owned(), None),
            ("F".to_owned(), value("\"x\"")),
        ];
        let want = "# timers\n\n# why\nCONFIG_B=y\nCONFIG_C=1\n# CONFIG_D is not set\nCONFIG_F=\"x\"\n";
        assert_eq!(with(text, &changes).unwrap(), want);
        assert_eq!(with(text, &[]).unwrap(), text);
        assert!(with("oops", &[]).is_err());
    }

    proptest! {
        #[test]
        fn read_back(symbols in prop::collection::btree_map("[A-D]", "[yn1]", 0..4), changes in prop::collection::btree_map("[A-F]", prop::option::of("[yn2]"), 0..6)) {
            let mut config = Config::default();
            for (symbol, value) in &symbols {
                config.set(symbol, Value::parse(value).unwrap()).unwrap();
            }
            let changes: Vec<_> = changes.into_iter().map(|(s, v)| (s, v.map(|v| Value::parse(&v).unwrap()))).collect();
            let text = with(&config.to_text(), &changes).unwrap();
            for (symbol, value) in changes {
                match value {
                    Some(value) => config.set(&symbol, value).unwrap(),
                    None => config.remove(&symbol),
                }
            }
            prop_assert_eq!(Config::parse(&text).unwrap(), config);
        }
    }
}
