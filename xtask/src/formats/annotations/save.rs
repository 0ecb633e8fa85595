// SPDX-License-Identifier: GPL-2.0-only
//! Annotations as text: as they were but for what changed, or in the vendor's own form.
//!
//! The flavour stage writes the first, so that a rebase meets lines that the vendor wrote; the
//! second is byte for byte what Ubuntu's tool saves. It must never write a text that gives a
//! flavour of the header another value than the annotations it was made from.

use super::keep::Edit;
use super::lines::{block, MARKER};
use super::parse::Annotations;
use super::table::Entry;

impl Annotations {
    /// The text with all lines as they were read, comments among them, but for those of symbols
    /// and flavours that changed. From a text in the vendor's form, it is the vendor's form, but
    /// for a heading that is left without symbols.
    pub fn to_text(&self) -> String {
        let mut changed: Vec<usize> = self.table.changed().collect();
        changed.sort_by_key(|place| self.table.at(*place).0);
        let mut edit = Edit::new(self, &changed);
        edit.header();
        changed.into_iter().for_each(|place| edit.symbol(place));
        edit.finish()
    }

    /// The text as Ubuntu's tool saves it: sorted, no longer than needed, other comments lost
    /// (annotations.py of 5.4.0-200.220, lines 410-468).
    pub fn to_canonical(&self) -> String {
        let mut text = String::new();
        for line in &self.header.lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        for include in &self.includes {
            text.push_str(&format!("include \"{include}\"\n"));
        }
        if !self.includes.is_empty() {
            text.push('\n');
        }
        let mut symbols: Vec<(&str, Entry)> =
            self.table.iter().filter_map(|(symbol, entry)| Some((symbol, self.wanted(symbol, entry)?))).collect();
        symbols.sort_by_key(|(symbol, entry)| (entry.note.is_none(), *symbol));
        let mut marked = false;
        for (symbol, entry) in symbols {
            if entry.note.is_none() && !marked {
                text.push_str(&format!("\n{MARKER}\n\n"));
                marked = true;
            }
            text.push_str(&block(symbol, &entry));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::config::Value;
    use super::super::super::FormatError;
    use super::Annotations;
    use proptest::prelude::*;

    const HEADER: &str = "# FORMAT: 4\n# ARCH: amd64 arm64\n# FLAVOUR: amd64-generic arm64-generic arm64-t\n\n";
    const BODY: &str = "CONFIG_B                                        policy<{'arm64': 'y'}>\n\
                        CONFIG_B                                        note<'why'>\n\n\
                        CONFIG_D                                        policy<{'amd64': 'y', 'arm64': 'n'}> note<'x'>\n\n\
                        # ---- Annotations without notes ----\n\n\
                        CONFIG_C                                        policy<{'arm64': '\"s\"'}>\n\
                        CONFIG_E                                        policy<{'amd64-generic': 'm', 'arm64': '4'}>\n";

    fn read(text: &str) -> Annotations {
        let include = |path: &str| match path {
            "base" => Ok("CONFIG_C policy<{'amd64': 'y', 'arm64': 'm'}>\n# FLAVOUR: arm64-base\n".to_owned()),
            _ => Err(FormatError::new("", "no such file")),
        };
        Annotations::parse(text, "annotations", &include).unwrap()
    }

    fn set(annotations: &mut Annotations, symbol: &str, key: &str, value: &str) {
        let value = (value != "-").then(|| Value::parse(value).unwrap());
        annotations.set(symbol, key, value.as_ref()).unwrap();
    }

    #[test]
    fn the_vendors_form() {
        let messy = "# why\n\nCONFIG_E\tpolicy<{'arm64': '4', 'arm64-t': '4', 'riscv64': 'y'}>\n\
                     CONFIG_D policy<{'arm64-generic': 'n', 'arm64-t': 'n', 'amd64': 'y'}> note<x>\n\
                     CONFIG_C policy<{'arm64': '\"s\"'}>\nCONFIG_A policy<{'arm64': '-'}>\n\
                     CONFIG_B note<'why'>\nCONFIG_B policy<{'arm64': 'y'}>\n\
                     CONFIG_E policy<{'amd64-generic': 'm'}>\nCONFIG_F note<alone>\n";
        let annotations = read(&format!("{HEADER}{messy}"));
        // Of amd64 there is but one flavour.
        let want = HEADER.to_owned() + &BODY.replace("amd64-generic", "amd64");
        assert_eq!(annotations.to_canonical(), want);
        assert_eq!(annotations.to_text(), format!("{HEADER}{messy}"));
        assert_eq!(read(&want).to_canonical(), want);
    }

    #[test]
    fn only_what_changed() {
        let before = format!("{HEADER}# top\n{}# end\n", BODY.replace("CONFIG_E", "# about E\nCONFIG_E"));
        let table = [
            // One line changes.
            ("C arm64-t y", "CONFIG_C", "{'arm64': '\"s\"'}", "{'arm64': '\"s\"', 'arm64-t': 'y'}"),
            ("B arm64-t n", "CONFIG_B", "{'arm64': 'y'}", "{'arm64': 'y', 'arm64-t': 'n'}"),
            ("D arm64-t y", "CONFIG_D", "'arm64': 'n'}", "'arm64': 'n', 'arm64-t': 'y'}"),
            // Said already, so that nothing does.
            ("B arm64-t y", "CONFIG_B", "", ""),
            ("NEW arm64-t -", "", "", ""),
        ];
        for (change, symbol, old, new) in table {
            let mut annotations = read(&before);
            let words: Vec<&str> = change.split(' ').collect();
            set(&mut annotations, words[0], words[1], words[2]);
            let lines = before.split_inclusive('\n');
            let want: String = lines
                .map(|line| if line.starts_with(symbol) { line.replacen(old, new, 1) } else { line.to_owned() })
                .collect();
            assert_eq!(annotations.to_text(), want, "{change}");
        }
    }

    #[test]
    fn new_symbols_where_the_vendor_has_them() {
        let before = format!("{HEADER}{}", BODY.replace("CONFIG_E", "# about E\nCONFIG_E"));
        let mut annotations = read(&before);
        for symbol in ["F", "D2", "A"] {
            set(&mut annotations, symbol, "arm64-t", "y");
        }
        set(&mut annotations, "C2", "arm64-t", "y");
        annotations.set_note("C2", "new").unwrap();
        let line = |symbol: &str| format!("CONFIG_{symbol:<40} policy<{{'arm64-t': 'y'}}>\n");
        let note = format!("CONFIG_{:<40} note<'new'>\n\n", "C2");
        let want = before
            .replace("CONFIG_D ", &format!("{}{note}CONFIG_D ", line("C2")))
            .replace("CONFIG_C  ", &format!("{}CONFIG_C  ", line("A")))
            .replace("# about E", &format!("{}# about E", line("D2")))
            + &line("F");
        assert_eq!(annotations.to_text(), want);
        for symbol in ["F", "D2", "A", "C2"] {
            annotations.unset(symbol, "arm64-t");
        }
        assert_eq!(annotations.to_text(), before);
    }

    #[test]
    fn a_file_without_symbols() {
        let mut annotations = read(HEADER.trim_end());
        set(&mut annotations, "A", "arm64-t", "y");
        let want =
            format!("{HEADER}# ---- Annotations without notes ----\n\nCONFIG_{:<40} policy<{{'arm64-t': 'y'}}>\n", "A");
        assert_eq!(annotations.to_text(), want);
    }

    #[test]
    fn behind_includes() {
        let text = format!("{HEADER}include \"base\"\n\n\n# ---- Annotations without notes ----\n\n");
        let text = text.replace("\n\ninclude", "\n# FLAVOUR_DEP: {'arm64-t': 'arm64-base'}\n\ninclude");
        let mut annotations = read(&text);
        set(&mut annotations, "C", "arm64-t", "y");
        let want = format!("{text}CONFIG_C                                        policy<{{'amd64': 'y', 'arm64': 'm', 'arm64-t': 'y'}}>\n");
        assert_eq!(annotations.to_text(), want);
        assert_eq!(annotations.to_canonical(), want);
        // Back to what the included file says.
        set(&mut annotations, "C", "arm64-t", "m");
        assert_eq!(annotations.to_text(), text);
        let mut annotations = read(&want);
        set(&mut annotations, "C", "arm64-t", "m");
        assert_eq!(annotations.to_text(), text);
    }
    proptest! {
        /// Whatever is set on whatever is read, both texts say it.
        #[test]
        fn nothing_is_said_otherwise(
            body in "((CONFIG_[A-D] policy<\\{('(arm64|amd64|arm64-generic|arm64-t|arm64-base)': '[ymn-]', )*\\}>( note<x>)?|CONFIG_[A-D] note<y>|# c|include \"base\"|)\n){0,8}",
            changes in prop::collection::vec(("[A-E]", "arm64|amd64|arm64-t|arm64-generic", "[ymn-]"), 0..4),
        ) {
            let dependency = if body.contains("include") { "arm64-base" } else { "arm64-generic" };
            let header = HEADER.replace("\n\n", &format!("\n# FLAVOUR_DEP: {{'arm64-t': '{dependency}'}}\n\n"));
            let mut annotations = read(&format!("{header}{body}"));
            prop_assert_eq!(annotations.to_text(), format!("{header}{body}"));
            for (symbol, key, value) in &changes {
                set(&mut annotations, symbol, key, value);
            }
            for text in [annotations.to_text(), annotations.to_canonical()] {
                let again = read(&text);
                for (arch, flavour) in [("amd64", "generic"), ("arm64", "generic"), ("arm64", "t")] {
                    let (a, b) = (annotations.export(arch, flavour), again.export(arch, flavour));
                    prop_assert_eq!(a, b, "{}", text);
                }
            }
        }

        /// Headers that no vendor writes: flavours of architectures that are not named, dependencies across
        /// architectures and in circles, keys of neither.
        #[test]
        fn under_any_header(
            arches in prop::collection::btree_set("arm64|amd64|arm|riscv64", 1..4),
            flavours in prop::sample::subsequence(vec!["amd64-a", "arm-a", "arm64-a", "arm64-b", "riscv64-a"], 1..6),
            dependencies in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 0..4),
            included in "(CONFIG_[AB] policy<\\{('(arm64|amd64|arm|arm64-a|arm64-b|amd64-a)': '[yn-]', ){0,3}\\}>\n){0,2}",
            body in "(CONFIG_[AB] policy<\\{('(arm64|amd64|arm|arm64-a|arm64-b|arm-a|amd64-a|riscv64-a|riscv64)': '[yn-]', ){0,5}\\}>( note<x>)?\n|include \"base\"\n){0,3}",
        ) {
            let pairs: std::collections::BTreeMap<&str, &str> =
                dependencies.iter().map(|pair| (*pair[0].get(&flavours), *pair[1].get(&flavours))).collect();
            let arches: Vec<String> = arches.into_iter().collect();
            let text = format!(
                "# FORMAT: 4\n# ARCH: {}\n# FLAVOUR: {}\n# FLAVOUR_DEP: {}\n\n{body}",
                arches.join(" "), flavours.join(" "), super::super::literal::write_dict(pairs.into_iter()),
            );
            let include = |_: &str| Ok(included.clone());
            let parse = |text: &str| Annotations::parse(text, "annotations", &include).unwrap();
            let annotations = parse(&text);
            let canonical = annotations.to_canonical();
            let again = parse(&canonical);
            prop_assert_eq!(again.to_canonical(), canonical.as_str());
            for (arch, name) in flavours.iter().filter_map(|flavour| flavour.split_once('-')) {
                prop_assert_eq!(again.export(arch, name), annotations.export(arch, name), "{} of\n{}\nin\n{}", name, text, canonical);
            }
        }

        /// Saving and reading a saved file, exporting and importing an export: nothing comes of either.
        #[test]
        fn there_and_back(
            body in "(CONFIG_[A-F] policy<\\{('(arm64|amd64|arm64-generic|arm64-t|amd64-generic)': '(y|m|n|-|250|0x1f|\"a b\")', )*\\}>( note<x>)?\n){0,10}",
            symbols in prop::collection::btree_map("[A-H]", "y|m|n|-|300|\"c\"", 0..6),
        ) {
            let header = HEADER.replace("\n\n", "\n# FLAVOUR_DEP: {'arm64-t': 'arm64-generic'}\n\n");
            let saved = read(&format!("{header}{body}")).to_canonical();
            let annotations = read(&saved);
            prop_assert_eq!(annotations.to_text(), saved.as_str());
            prop_assert_eq!(annotations.to_canonical(), saved.as_str());
            for (arch, flavour) in [("amd64", "generic"), ("arm64", "generic"), ("arm64", "t")] {
                let mut config = annotations.export(arch, flavour).unwrap();
                let mut same = annotations.clone();
                prop_assert_eq!(same.import(&config, arch, flavour), Ok(Vec::new()));
                prop_assert_eq!(same.to_text(), saved.as_str());
                prop_assert_eq!(same.to_canonical(), saved.as_str());
                for (symbol, value) in &symbols {
                    match value.as_str() {
                        "-" => config.remove(symbol),
                        value => config.set(symbol, Value::parse(value).unwrap()).unwrap(),
                    }
                }
                let mut other = annotations.clone();
                other.import(&config, arch, flavour).unwrap();
                for text in [other.to_text(), other.to_canonical()] {
                    prop_assert_eq!(read(&text).export(arch, flavour).unwrap(), config.clone(), "{}", text);
                }
            }
        }
    }
}
