// SPDX-License-Identifier: GPL-2.0-only
//! Check: the packaged configuration has what the flavour's fragment asks for, and is one and the same in
//! every package.

use super::super::finding::Finding;
use super::super::set::Set;
use super::{releases, Annotated, Expected};
use crate::formats::config::{Config, Value, ValueKind};

const CHECK: &str = "config";

pub(super) fn check(set: &Set, expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    for release in releases(set) {
        let uname = release.uname();
        let places = [
            format!("boot/config-{uname}"),
            format!("usr/src/linux-headers-{uname}/.config"),
            format!("usr/lib/linux/{uname}/config"),
        ];
        let mut first: Option<(String, Config)> = None;
        for (package, entry, content) in set.files().filter(|(_, e, _)| places.contains(&e.path)) {
            let Some(text) = &content.text else { continue };
            let config = Config::parse_lenient(text);
            let missing = expected.fragments.get(&release.flavour).map(|f| refused(f, &config)).unwrap_or_default();
            for (symbol, want, have) in missing {
                let what = format!("CONFIG_{symbol} is {have}, and the fragment asks for {want}");
                let why = "this is not the kernel that the flavour promises";
                let mend = "cargo xtask flavour check, then build again";
                found.push(Finding::error(CHECK, &package.name, what, why, mend).at(&entry.path));
            }
            if let Some(mismatch) =
                expected.annotations.get(&release.flavour).and_then(|a| disagrees(a, &release.flavour, &config))
            {
                let why = "the vendor's own check would have refused it: it was changed after the build, or is of another one";
                let mend = "cargo xtask flavour regen, then build again";
                found.push(Finding::error("annotations", &package.name, mismatch, why, mend).at(&entry.path));
            }
            match &first {
                None => first = Some((entry.path.clone(), config)),
                Some((other, kept)) => {
                    if let Some((symbol, here, there)) = kept.diff(&config).into_iter().next() {
                        let show = |v: Option<Value>| v.map_or("absent".to_owned(), |v| v.to_string());
                        let what = format!("CONFIG_{symbol} is {} here and {} in {other}", show(there), show(here));
                        let why = "modules would be compiled for another kernel than the one that runs";
                        found.push(
                            Finding::error(CHECK, &package.name, what, why, "take the packages of one build")
                                .at(&entry.path),
                        );
                    }
                }
            }
        }
        if first.is_none() {
            let why = "nobody can say how this kernel was configured";
            let what = format!("no package holds the configuration of {uname}");
            found.push(Finding::error(CHECK, "", what, why, "build the whole set"));
        }
    }
    found
}

/// What the annotations say otherwise than the configuration, in a sentence.
fn disagrees(annotated: &Annotated, flavour: &str, config: &Config) -> Option<String> {
    let mismatches = match annotated.annotations.check(config, &annotated.architecture, flavour) {
        Ok(mismatches) => mismatches,
        Err(e) => return Some(format!("the annotations do not know the flavour: {e}")),
    };
    let off = |v: &Option<String>| v.as_deref().is_none_or(|v| v == "n" || v == "-");
    let counts = |symbol: &String| !annotated.from_compiler.contains(symbol);
    let mut all = mismatches.into_iter().filter(|m| counts(&m.symbol) && !(off(&m.expected) && off(&m.actual)));
    let first = all.next()?;
    let show = |v: Option<String>| v.unwrap_or("absent".to_owned());
    let more = match all.count() {
        0 => String::new(),
        n => format!(", and {n} more symbols"),
    };
    Some(format!(
        "CONFIG_{} is {}, and the annotations say {}{more}",
        first.symbol,
        show(first.actual),
        show(first.expected)
    ))
}

/// What the fragment asks for and the configuration has otherwise; off and absent are the same here.
fn refused(fragment: &Config, config: &Config) -> Vec<(String, String, String)> {
    let off = |v: Option<&Value>| v.is_none_or(|v| v.kind() == ValueKind::No);
    let mut found = Vec::new();
    for (symbol, want) in fragment.iter() {
        let have = config.get(symbol);
        if have != Some(want) && !(off(have) && off(Some(want))) {
            let have = have.map_or("absent".to_owned(), Value::to_string);
            found.push((symbol.to_owned(), want.to_string(), have));
        }
    }
    found
}
