// SPDX-License-Identifier: GPL-2.0-only
//! What a vendor's tree may hold, asked before anything is made of it.
//!
//! A tag is anybody's until its tree has been looked at: git takes names that lead out of a directory, and programs that
//! the lab starts in the work tree obey files that they find there.

use std::collections::HashSet;

use anyhow::Result;
use git2::{ObjectType, Oid, Repository, Tree};

use crate::effects::sound;
use crate::workspace::OURS;

/// Files that cargo and rustup obey in every directory above the one they are started in: which compiler runs, and
/// which program in its place.
const ANYWHERE: &[&str] = &[".cargo", "rust-toolchain", "rust-toolchain.toml"];
/// Files that the lab's server obeys, with the variables that it gives its jobs.
const SERVER: &[&str] = &[".gitlab-ci.yml", ".github", ".gitea", ".forgejo"];
/// Of this repository's own files, those that are text alone.
const TEXT: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Makes sure that each name in the tree is that of one file in its directory, and that the tree brings nothing that
/// a program outside of the sandbox would obey, but for what is the same in `ours`.
///
/// # Errors
/// It does ([`Kind::Input`](crate::error::Kind::Input), [`Kind::Repository`](crate::error::Kind::Repository)), by path.
pub fn check(repo: &Repository, vendor: Oid, ours: &Tree) -> Result<()> {
    let (mut seen, mut left) = (HashSet::new(), vec![(String::new(), vendor)]);
    while let Some((dir, id)) = left.pop() {
        let tree = repo.find_tree(id)?;
        sound(&tree)?;
        for entry in &tree {
            let name = String::from_utf8_lossy(entry.name_bytes());
            let at_top =
                dir.is_empty() && (SERVER.contains(&&*name) || OURS.contains(&&*name) && !TEXT.contains(&&*name));
            if at_top || ANYWHERE.contains(&&*name) {
                let path = format!("{dir}{name}");
                if ours.get_path(path.as_ref()).ok().is_none_or(|own| own.id() != entry.id()) {
                    fail!(Repository, "the vendor's tree has `{path}`, which programs of yours would obey outside of any sandbox";
                        "ask the vendor what it is for; no kernel of Ubuntu's has one");
                }
            }
            if entry.kind() == Some(ObjectType::Tree) && seen.insert(entry.id()) {
                left.push((format!("{dir}{name}/"), entry.id()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use git2::{ObjectType, Oid, Repository};

    use super::check;

    #[test]
    fn names_that_lead_elsewhere_or_are_obeyed() {
        let dir = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(dir.path()).unwrap();
        let odb = repo.odb().unwrap();
        let blob = odb.write(ObjectType::Blob, b"../../..").unwrap();
        let tree = |entries: &[(&str, &str, Oid)]| {
            let mut bytes = Vec::new();
            for (mode, name, id) in entries {
                bytes.extend(format!("{mode} {name}\0").bytes());
                bytes.extend(id.as_bytes());
            }
            odb.write(ObjectType::Tree, &bytes).unwrap()
        };
        let empty = repo.find_tree(tree(&[])).unwrap();
        let said = |vendor: Oid| check(&repo, vendor, &empty).expect_err("it is refused").to_string();
        let below = tree(&[("100644", "..a", blob), ("100644", "b", blob), ("40000", "c", tree(&[]))]);
        let fine = tree(&[
            ("100644", "README.md", blob),
            ("40000", "a", below),
            ("100644", "b", blob),
            ("40000", "ci.d", below),
        ]);
        check(&repo, fine, &empty).unwrap();
        for name in [".", "..", "a/b", ".git", ".GiT"] {
            let said = said(tree(&[("40000", "scripts", tree(&[("40000", name, below)]))]));
            assert!(said.contains(&format!("`{name}` in the tree")), "{said}");
        }
        let twice = tree(&[("120000", "a", blob), ("100644", "a-b", blob), ("40000", "a", below)]);
        assert!(said(twice).ends_with("is there twice"));
        for name in [".cargo", "Cargo.toml", "xtask", "ci", ".github", ".gitlab-ci.yml", "rust-toolchain"] {
            let vendor = tree(&[("40000", name, below)]);
            assert!(said(vendor).contains(&format!("has `{name}`")));
            check(&repo, vendor, &repo.find_tree(vendor).unwrap()).expect("the lab's own");
        }
        let deep = tree(&[("40000", "drivers", tree(&[("40000", "net", tree(&[("40000", ".cargo", below)]))]))]);
        assert!(said(deep).contains("has `drivers/net/.cargo`"));
        let not_at_the_top = tree(&[("40000", "tools", tree(&[("40000", "ci", below), ("40000", "xtask", below)]))]);
        check(&repo, not_at_the_top, &empty).unwrap();
    }
}
