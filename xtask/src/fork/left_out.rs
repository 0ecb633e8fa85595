// SPDX-License-Identifier: GPL-2.0-only
//! Files of the work tree that no build sees, since they are not committed. `build` warns of them and `status` lists
//! them. Also of those that git itself is silent about: a vendor's `.gitignore` may hide every new file
//! (Debian's ends in `/*`), so `git status` shows nothing, and `git add` and `git commit --all` leave them out.

use anyhow::Result;
use camino::Utf8Path;

use crate::effects::{Effects, Run};
use crate::workspace::NOT_BUILT;

/// How many files a message names.
const NAMED: usize = 3;

/// Paths that are changed, new, or hidden by a rule for everything at the top of the tree.
#[derive(Debug, Default)]
pub struct LeftOut {
    pub changed: Vec<String>,
    pub new: Vec<String>,
}

impl LeftOut {
    /// Looks at the work tree.
    ///
    /// # Errors
    /// git cannot read it.
    pub fn of(fx: &Effects, root: &Utf8Path) -> Result<Self> {
        // Behind `skip` characters of each record.
        let list = |args: &[&str], skip: usize| -> Result<Vec<String>> {
            let listed = fx.read(Run::from(fx.git(root).arg("--no-optional-locks").args(args)))?.stdout;
            let paths = listed.split(|b| *b == 0).filter_map(|record| record.get(skip..)).filter(|p| !p.is_empty());
            Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).filter(|path| is_built(path)).collect())
        };
        let changed = list(&["status", "--porcelain", "--no-renames", "--untracked-files=no", "-z"], "XY ".len())?;
        let others = ["ls-files", "--others", "--exclude-standard", "-z"];
        let mut new = list(&others, 0)?;
        // A pattern on the command line outranks those of files: only a rule for all of the top is undone.
        let hidden = list(&[&others[..], &["--exclude=!/*"]].concat(), 0)?;
        new.extend(hidden.into_iter().filter(|path| is_source(path)));
        new.sort_unstable();
        new.dedup();
        Ok(Self { changed, new })
    }

    /// One sentence, and the command that changes it; `None` where everything is committed.
    pub fn sentence(&self) -> Option<String> {
        let all: Vec<&str> = self.changed.iter().chain(&self.new).map(String::as_str).collect();
        let named: Vec<String> = all.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
        let more = match all.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let add = if self.new.is_empty() { "" } else { "; `git add --force FILE` takes a new file in" };
        (!all.is_empty()).then(|| format!("{}{more} not committed{add}", named.join(", ")))
    }
}

/// Is the path part of the tree that packages are built from?
fn is_built(path: &str) -> bool {
    let top = path.split('/').next().unwrap_or(path);
    !NOT_BUILT.contains(&top)
}

/// Could a hidden file be somebody's work, by its name? What `make` leaves in a tree is not.
fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let made = name.starts_with('.') || name.ends_with(".mod.c") || path.contains("/generated/");
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let known = ["c", "h", "S", "rs", "dts", "dtsi", "dtso", "config", "mk", "sh", "py", "pl", "awk"];
    let kbuild = ["Kconfig", "Makefile", "Kbuild"].iter().any(|known| name.starts_with(known));
    !made && (kbuild || known.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_from_what_make_leaves() {
        for path in ["drivers/lab/lab.c", "drivers/lab/Kconfig", "kernel/configs/fast.config", "arch/arm64/boot/x.dts"]
        {
            assert!(is_source(path) && is_built(path), "{path}");
        }
        for path in
            ["vmlinux", "drivers/lab/lab.o", "drivers/lab/.lab.o.cmd", "lab.mod.c", "include/generated/utsrelease.h"]
        {
            assert!(!is_source(path), "{path}");
        }
        assert!(!is_built("xtask/src/main.rs") && !is_built(".ci/run"));
    }

    #[test]
    fn a_few_files_are_named() {
        assert_eq!(LeftOut::default().sentence(), None);
        let paths = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let left = LeftOut { changed: paths(&["a"]), new: paths(&["b", "c", "d"]) };
        let sentence = left.sentence().unwrap();
        assert!(sentence.starts_with("`a`, `b`, `c` and 1 more not committed; `git add --force"), "{sentence}");
    }
}
