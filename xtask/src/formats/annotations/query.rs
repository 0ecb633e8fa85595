// SPDX-License-Identifier: GPL-2.0-only
//! What annotations say, as the JSON that Ubuntu's tool prints: scripts read it.
//!
//! The `annotations` command prints it. It must be byte for byte what `--query` gives there (print_result
//! and export_result, kconfig/run.py of 5.4.0-200.220), down to Python's `\uXXXX`.

use std::collections::BTreeMap;

use super::super::FormatError;
use super::literal::{write_dict, Pairs};
use super::parse::Annotations;
use super::table::Entry;

/// The `_version` among the attributes: that of the tool's data, not of the file.
const VERSION: u32 = 5;

impl Annotations {
    /// The policy of a symbol as a Python dict, in the order in which files give its keys.
    pub fn policy(&self, symbol: &str) -> Option<String> {
        let entry = self.table.get(symbol)?;
        Some(write_dict(entry.policy.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
    }

    /// All that is known: header and symbols, those with notes first.
    pub fn query(&self) -> String {
        let header = &self.header;
        let list = |names: &[String]| format!("[{}]", comma(names.iter().map(|name| quote(name))));
        let dict = |pairs: &Pairs| {
            format!("{{{}}}", comma(pairs.iter().map(|(key, value)| format!("{}: {}", quote(key), quote(value)))))
        };
        let attributes = [
            ("_version", VERSION.to_string()),
            ("arch", list(&header.arches)),
            ("flavour", list(&header.flavours)),
            ("flavour_dep", dict(&header.dependencies)),
            ("include", list(&self.includes)),
        ];
        let attributes = attributes.map(|(key, value)| format!("     \"{key}\": {value}"));
        let mut symbols: Vec<(&str, &Entry)> = self.table.iter().collect();
        symbols.sort_by_key(|(symbol, entry)| (entry.note.is_none(), *symbol));
        let symbols = symbols.iter().map(|(symbol, entry)| {
            let note = entry.note.as_ref().map(|note| format!(", \"note\": {}", quote(note)));
            format!("    \"CONFIG_{symbol}\": {{\"policy\": {}{}}}", dict(&entry.policy), note.unwrap_or_default())
        });
        let symbols: Vec<String> = symbols.collect();
        format!(
            "{{\n  \"attributes\": {{\n{}\n  }},\n  \"config\": {{\n{}\n  }}\n}}",
            attributes.join(",\n"),
            symbols.join(",\n")
        )
    }

    /// What is known of one symbol, named without `CONFIG_`.
    pub fn query_symbol(&self, symbol: &str) -> String {
        let Some(entry) = self.table.get(symbol) else { return "null".to_owned() };
        let policy = entry.policy.iter().map(|(key, value)| (key.as_str(), quote(value))).collect();
        let mut fields = BTreeMap::from([("policy", object(&policy, 2))]);
        if let Some(note) = &entry.note {
            fields.insert("note", quote(note));
            fields.insert("oneline", entry.one_line.to_string());
        }
        let name = format!("CONFIG_{symbol}");
        object(&BTreeMap::from([(name.as_str(), object(&fields, 1))]), 0)
    }

    /// The values of a flavour (without one, as Ubuntu's tool: generic's or the architecture's), or its value of one
    /// symbol; `-` is absent.
    ///
    /// # Errors
    /// An architecture or a flavour that the header does not name.
    pub fn query_flavour(
        &self,
        arch: &str,
        flavour: Option<&str>,
        symbol: Option<&str>,
    ) -> Result<String, FormatError> {
        let keys = self.keys(arch, flavour)?;
        let wanted = self.table.iter().filter(|(name, _)| symbol.is_none_or(|symbol| symbol == *name));
        let values: Vec<(String, String)> =
            wanted.filter_map(|(name, entry)| Some((format!("CONFIG_{name}"), quote(keys.of(entry)?)))).collect();
        if values.is_empty() && symbol.is_some() {
            return Ok("null".to_owned());
        }
        Ok(object(&values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect(), 0))
    }
}

fn comma(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// Fields, each on a line, as deep as `depth` objects.
fn object(fields: &BTreeMap<&str, String>, depth: usize) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let indent = "  ".repeat(depth);
    let lines: Vec<String> = fields.iter().map(|(key, value)| format!("{indent}  {}: {value}", quote(key))).collect();
    format!("{{\n{}\n{indent}}}", lines.join(",\n"))
}

/// A string in JSON as Python writes it: nothing but ASCII.
fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::FormatError;
    use super::{quote, Annotations};

    const TEXT: &str =
        "# ARCH: amd64 arm64\n# FLAVOUR: amd64-g arm64-g arm64-t\n# FLAVOUR_DEP: {'arm64-t': 'arm64-g'}\n\n\
                        CONFIG_B policy<{'arm64': '-'}>\n\
                        CONFIG_A policy<{'arm64': '\"s\"', 'amd64': 'y'}>\nCONFIG_A note<why>\n";

    fn read() -> Annotations {
        Annotations::parse(TEXT, "", &|_: &str| Err(FormatError::new("", "none"))).unwrap()
    }

    #[test]
    fn everything() {
        let want = r#"{
  "attributes": {
     "_version": 5,
     "arch": ["amd64", "arm64"],
     "flavour": ["amd64-g", "arm64-g", "arm64-t"],
     "flavour_dep": {"arm64-t": "arm64-g"},
     "include": []
  },
  "config": {
    "CONFIG_A": {"policy": {"arm64": "\"s\"", "amd64": "y"}, "note": "'why'"},
    "CONFIG_B": {"policy": {"arm64": "-"}}
  }
}"#;
        assert_eq!(read().query(), want);
        assert_eq!(read().policy("A").as_deref(), Some("{'arm64': '\"s\"', 'amd64': 'y'}"));
    }

    #[test]
    fn one_symbol_and_one_flavour() {
        let want = r#"{
  "CONFIG_A": {
    "note": "'why'",
    "oneline": false,
    "policy": {
      "amd64": "y",
      "arm64": "\"s\""
    }
  }
}"#;
        assert_eq!(read().query_symbol("A"), want);
        assert_eq!(read().query_symbol("X"), "null");
        let flavour = |symbol| read().query_flavour("arm64", Some("t"), symbol).unwrap();
        assert_eq!(flavour(None), "{\n  \"CONFIG_A\": \"\\\"s\\\"\",\n  \"CONFIG_B\": \"-\"\n}");
        assert_eq!(flavour(Some("B")), "{\n  \"CONFIG_B\": \"-\"\n}");
        assert_eq!(flavour(Some("X")), "null");
        assert!(read().query_flavour("arm64", Some("x"), None).is_err());
    }

    #[test]
    fn nothing_but_ascii() {
        assert_eq!(quote("\"é\\\u{1f600}\u{7}"), r#""\"\u00e9\\\ud83d\ude00\u0007""#);
    }
}
