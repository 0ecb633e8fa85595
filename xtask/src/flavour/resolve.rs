// SPDX-License-Identifier: GPL-2.0-only
//! From base and fragment to a configuration, as Kconfig itself sees it.

use anyhow::Result;

use super::kconfig::Kconfig;
use super::refusal;
use crate::formats::config::{Config, Value};
use crate::workspace::fragment_path;

/// Resolves `base` with `fragment` on top and makes sure that Kconfig took every symbol of it.
///
/// # Errors
/// A symbol of the fragment does not exist (the nearest names are given), or Kconfig gave it another value.
pub fn resolve(kconfig: &Kconfig, flavour: &str, base: &str, fragment: &Config) -> Result<Config> {
    if let Some((unknown, _)) = fragment.iter().find(|(s, v)| !kconfig.defined.contains(*s) && v.as_str() != "n") {
        let near = nearest(unknown, kconfig.defined.iter().map(String::as_str));
        fail!(Input, "flavour `{flavour}` asks for CONFIG_{unknown}, which this kernel does not have"; "near it: {}", near.join(", "));
    }
    let resolved = kconfig.olddefconfig(&format!("{base}\n{}", fragment.to_text()))?;
    let refused: Vec<(&str, &Value)> =
        fragment.iter().filter(|(symbol, asked)| resolved.get(symbol).unwrap_or(&Value::no()) != *asked).collect();
    if !refused.is_empty() {
        let symbols = kconfig.symbols();
        let why: Vec<String> =
            refused.iter().map(|(symbol, asked)| refusal::why(&symbols, symbol, asked, &resolved)).collect();
        fail!(Input, "Kconfig refused what flavour `{flavour}` asks for: {}", why.join("; ");
            "ask for what it depends on too, in {}, or do without it", fragment_path(flavour));
    }
    Ok(resolved)
}

/// The three known names that are nearest to `name`.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(usize, &str)> = known.map(|k| (strsim::levenshtein(name, k), k)).collect();
    scored.sort_unstable();
    scored.into_iter().take(3).map(|(_, k)| k).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_near() {
        let known = ["NO_HZ_FULL", "NO_HZ_IDLE", "HZ", "SMP"];
        assert_eq!(nearest("NOHZ_FULL", known.into_iter())[0], "NO_HZ_FULL");
    }
}
