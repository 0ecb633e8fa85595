// SPDX-License-Identifier: GPL-2.0-only
//! Check: owners and modes of files, and maintainer scripts, as Debian policy wants them (10.9, 6.1).

use super::super::finding::Finding;
use super::super::set::{Package, Set};
use crate::formats::deb::Kind;

const SCRIPTS: &[&str] = &["preinst", "postinst", "prerm", "postrm", "config"];

pub(super) fn check(set: &Set) -> Vec<Finding> {
    let mut found: Vec<Finding> = set.packages.iter().flat_map(scripts).collect();
    for (package, entry, _) in set.files() {
        let mut say = |what: String, why, mend| {
            found.push(Finding::error("mode", &package.name, what, why, mend).at(&entry.path));
        };
        if matches!(entry.kind, Kind::Device | Kind::Fifo) {
            say("it is a device or a pipe".into(), "a package of a kernel has none", "take it out");
        }
        if (entry.uid, entry.gid) != (0, 0) {
            let why = "on the target machine that number is some person";
            say(
                format!("it belongs to user {} and group {}", entry.uid, entry.gid),
                why,
                "build it as root of its namespace, or under fakeroot",
            );
        }
        if matches!(entry.kind, Kind::Symlink(_)) {
            continue;
        }
        if entry.mode & 0o7000 != 0 {
            say(format!("its mode is {:o}", entry.mode), "nothing of a kernel runs as somebody else", "dh_fixperms");
        } else if entry.mode & 0o022 != 0 {
            say(format!("its mode is {:o}", entry.mode), "others than root could change it", "dh_fixperms");
        }
    }
    found
}

fn scripts(package: &Package) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, script) in package.scripts.iter().filter(|(name, _)| SCRIPTS.contains(&name.as_str())) {
        let mut say = |what: String, why| {
            found.push(Finding::error("script", &package.name, what, why, "dh_installdeb").at(name));
        };
        if script.mode & 0o555 != 0o555 {
            say(format!("its mode is {:o}", script.mode), "dpkg could not run it");
        }
        if !script.bytes.starts_with(b"#!") {
            say("it does not say which program runs it".into(), "dpkg could not run it");
        }
    }
    found
}
