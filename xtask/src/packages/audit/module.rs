// SPDX-License-Identifier: GPL-2.0-only
//! Check: modules are for this release, signed where the configuration says so, and find every symbol they
//! need in the kernel or in another module of the set.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::finding::Finding;
use super::super::set::Set;
use crate::formats::config::Config;
use crate::formats::elf::Module;
use crate::formats::symvers;

/// Findings of one kind that are listed one by one.
const LISTED: usize = 20;

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut all: BTreeMap<&str, Vec<Loaded>> = BTreeMap::new();
    for (package, entry, content) in set.files() {
        let Some((release, path)) = placed(&entry.path).filter(|_| content.module.is_some()) else { continue };
        match content.module.as_ref() {
            Some(Ok(module)) => {
                all.entry(release).or_default().push(Loaded { package: &package.name, path, full: &entry.path, module })
            }
            Some(Err(e)) => {
                let why = "the kernel would refuse to load it";
                found.push(Finding::error("module", &package.name, e.clone(), why, "build it again").at(&entry.path));
            }
            None => {}
        }
    }
    for (release, modules) in &all {
        for m in modules {
            found.extend(vermagic(release, m));
        }
        found.extend(signed(set, release, modules));
        found.extend(symbols(set, release, modules));
    }
    found
}

struct Loaded<'a> {
    package: &'a str,
    /// Below `kernel/`, without `.ko` and what may follow it: as Module.symvers writes it.
    path: &'a str,
    full: &'a str,
    module: &'a Module,
}

/// `lib/modules/RELEASE/kernel/lib/crc7.ko.zst` is `RELEASE` and `lib/crc7`.
fn placed(path: &str) -> Option<(&str, &str)> {
    let (_, rest) = path.split_once("lib/modules/")?;
    let (release, rest) = rest.split_once('/')?;
    let rest = rest.strip_prefix("kernel/").unwrap_or(rest);
    Some((release, rest.rsplit_once(".ko").map_or(rest, |(path, _)| path)))
}

fn vermagic(release: &str, m: &Loaded) -> Option<Finding> {
    let magic = m.module.vermagic.as_deref().unwrap_or("");
    if magic.split(' ').next() == Some(release) {
        return None;
    }
    let shown: String = magic.chars().take(100).collect();
    let what = format!("its vermagic is `{shown}`, and it is installed for {release}");
    Some(
        Finding::error(
            "vermagic",
            m.package,
            what,
            "the kernel refuses to load it",
            "build the modules together with the image",
        )
        .at(m.full),
    )
}

fn signed(set: &Set, release: &str, modules: &[Loaded]) -> Option<Finding> {
    let path = format!("boot/config-{release}");
    let text = set.files().find(|(_, e, _)| e.path == path).and_then(|(_, _, c)| c.text.as_deref())?;
    let config = Config::parse_lenient(text);
    let yes = |symbol| config.get(symbol).is_some_and(|v| v.as_str() == "y");
    if !(yes("MODULE_SIG") && yes("MODULE_SIG_ALL")) {
        return None;
    }
    let bare: Vec<&Loaded> = modules.iter().filter(|m| !m.module.signed).collect();
    let first = bare.first()?;
    let what = format!("{} of {} modules have no signature, this one first", bare.len(), modules.len());
    let finding = Finding::error(
        "signature",
        first.package,
        what,
        "a kernel under lockdown refuses to load them",
        "sign them after they are stripped",
    )
    .at(first.full);
    Some(if yes("MODULE_SIG_FORCE") { finding } else { finding.warning() })
}

fn symbols(set: &Set, release: &str, modules: &[Loaded]) -> Vec<Finding> {
    let path = format!("usr/src/linux-headers-{release}/Module.symvers");
    let table = set.files().find(|(_, e, _)| e.path == path).and_then(|(p, _, c)| Some((p, c.text.as_deref()?)));
    let Some((package, text)) = table else {
        let why = "whether the modules can be loaded cannot be checked, and no module that needs them can be compiled";
        let what = format!("no package has {path}, the symbols of {release}");
        return vec![Finding::error("symbols", "", what, why, "build the whole set")];
    };
    let exports = match symvers::parse(text) {
        Ok(exports) => exports,
        Err(e) => {
            return vec![Finding::error(
                "symbols",
                &package.name,
                e.to_string(),
                "no module could be compiled",
                "build it again",
            )
            .at(&path)]
        }
    };
    let from: HashMap<&str, &str> = exports.iter().map(|e| (e.symbol, e.from)).collect();
    let there: HashSet<&str> = modules.iter().map(|m| m.path).collect();
    let own: HashSet<&str> = modules.iter().flat_map(|m| m.module.exports.iter().map(String::as_str)).collect();
    let mut found = Vec::new();
    let mut more = 0;
    for m in modules {
        for symbol in m.module.needs.iter().filter(|s| !own.contains(s.as_str())) {
            let shown: String = symbol.chars().take(100).collect();
            let what = match from.get(symbol.as_str()) {
                Some(&"vmlinux") => continue,
                Some(module) if there.contains(module) => continue,
                Some(module) => format!("it needs `{shown}` of the module {module}, which is in no package of the set"),
                None => format!("it needs `{shown}`, which neither the kernel nor a module exports"),
            };
            if found.len() < LISTED {
                let mend = "build the modules together with the image";
                found.push(Finding::error("symbols", m.package, what, "it cannot be loaded", mend).at(m.full));
            } else {
                more += 1;
            }
        }
    }
    if more > 0 {
        let what = format!("{more} more unresolved symbols of modules for {release}");
        found.push(Finding::error(
            "symbols",
            "",
            what,
            "these modules cannot be loaded",
            "build the modules together with the image",
        ));
    }
    found
}
