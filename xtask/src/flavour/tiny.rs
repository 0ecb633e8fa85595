// SPDX-License-Identifier: GPL-2.0-only
//! What code does not compile without, though tinyconfig leaves it off.
//!
//! Nobody builds these trees so small but us: a symbol that every vendor's flavour has on is then used where it is not
//! defined. A row says which symbol, and how a tree that needs it is known. A fragment that names the symbol decides.

use anyhow::{Context, Result};
use git2::{Oid, Repository};

use super::packaging::text;
use crate::formats::config::{Config, Value};

/// One symbol that some trees need.
struct Need {
    arch: &'static str,
    symbol: &'static str,
    /// Two files of the tree, and what their texts must say.
    files: [&'static str; 2],
    is: fn(&str, &str) -> bool,
}

const NEEDS: &[Need] = &[
    // jammy's backport uses `crashk_low_res` in any kernel and declares it with KEXEC_CORE alone. KEXEC, which would
    // select that too, wants suspend.
    Need {
        arch: "arm64",
        symbol: "KEXEC_FILE",
        files: ["arch/arm64/mm/init.c", "include/linux/kexec.h"],
        is: |init, kexec| {
            let condition = kexec.find("#ifdef CONFIG_KEXEC_CORE").unwrap_or(usize::MAX);
            let declared = kexec.find("extern struct resource crashk_low_res");
            init.contains("crashk_low_res") && declared.is_some_and(|at| at > condition)
        },
    },
];

/// The fragment of a flavour that starts from nothing, with what the tree needs beside it.
///
/// # Errors
/// A file of the tree is not UTF-8.
pub fn with_needs(repo: &Repository, tree: Oid, arch: &str, fragment: Config) -> Result<Config> {
    let mut fragment = fragment;
    for need in NEEDS.iter().filter(|need| need.arch == arch) {
        let [first, second] = need.files;
        let (Some(first), Some(second)) = (text(repo, tree, first)?, text(repo, tree, second)?) else { continue };
        if fragment.get(need.symbol).is_none() && (need.is)(&first, &second) {
            fragment.set(need.symbol, Value::yes()).context(need.symbol)?;
        }
    }
    Ok(fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USES: &str = "if (crashk_low_res.end)\n";
    const DECLARES: &str = "#ifdef CONFIG_KEXEC_CORE\nextern struct resource crashk_low_res;\n#endif\n";

    fn with(init: &str, kexec: &str, fragment: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init(dir.path()).unwrap();
        let mut tree = git2::build::TreeUpdateBuilder::new();
        for (path, text) in [("arch/arm64/mm/init.c", init), ("include/linux/kexec.h", kexec)] {
            tree.upsert(path, repo.blob(text.as_bytes()).unwrap(), git2::FileMode::Blob);
        }
        let empty = repo.find_tree(repo.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let tree = tree.create_updated(&repo, &empty).unwrap();
        with_needs(&repo, tree, "arm64", Config::parse(fragment).unwrap()).unwrap().to_text()
    }

    #[test]
    fn a_tree_that_does_not_compile_without_a_symbol_gets_it() {
        assert!(with(USES, DECLARES, "CONFIG_A=y\n").contains("CONFIG_KEXEC_FILE=y"));
        // The fragment decides.
        assert!(with(USES, DECLARES, "# CONFIG_KEXEC_FILE is not set\n").contains("# CONFIG_KEXEC_FILE is not set"));
        // Other trees declare it for any kernel, or do not use it.
        let always = "extern struct resource crashk_low_res;\n#ifdef CONFIG_KEXEC_CORE\n#endif\n";
        assert!(!with(USES, always, "CONFIG_A=y\n").contains("KEXEC"));
        assert!(!with("", DECLARES, "CONFIG_A=y\n").contains("KEXEC"));
    }
}
