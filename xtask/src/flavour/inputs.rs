// SPDX-License-Identifier: GPL-2.0-only
//! A digest of everything that the generated commit is made from, computed without making it: Kconfig alone takes
//! twenty seconds on a real tree.
//!
//! The generated commit records it, and `fork/stale.rs` compares. It must cover whatever `generate.rs` reads.

use std::cell::RefCell;
use std::collections::BTreeSet;

use anyhow::Result;
use git2::{ObjectType, Oid, Repository};

use super::packaging::{self, required, text, Packaging};
use super::target::{self, Inputs};
use super::{bundled, kconfig, stub};
use crate::formats::annotations::Annotations;
use crate::formats::FormatError;
use crate::settings::Settings;
use crate::workspace::{vars_path, SETTINGS};

/// Digests the inputs. Trees that agree in it have the same generated files.
///
/// # Errors
/// A flavour's files are missing or wrong, as for the generated files themselves.
pub fn digest(repo: &Repository, inputs: &Inputs) -> Result<Oid> {
    let (tag, time, tree) = (inputs.tag.name(), inputs.time, inputs.tree);
    let settings = Settings::parse(&required(repo, tree, SETTINGS)?)?;
    let targets = target::all(repo, tree, &settings)?;
    let Settings { suffix, maintainer, series, .. } = &settings;
    let packaging = Packaging::of(repo, tree)?;
    let mut said = format!("1\n{tag} {time} {}\n{suffix} {maintainer} {series}\n{packaging:?}\n", inputs.vendor);
    let mut archs = BTreeSet::new();
    for target in &targets {
        let (arch, fragment) = (target.arch, target.fragment.to_text());
        said.push_str(&format!("flavour {} {} {}\n{fragment}", target.flavour, arch.debian, target.base));
        if archs.insert(arch.debian) {
            said.push_str(&format!("kconfig {}\n", kconfig::inputs(repo, tree, arch)?));
        }
    }
    let entry = |path: &str| -> Result<String> {
        let entry =
            repo.find_tree(tree)?.get_path(path.as_ref()).ok().map(|e| format!("{:o} {}", e.filemode(), e.id()));
        Ok(format!("{path} {}\n", entry.as_deref().unwrap_or("none")))
    };
    match packaging {
        Packaging::Bundled => {
            said.push_str(&entry(packaging::SOURCE)?);
            let replaced = bundled::replaced(repo, tree, &settings)?;
            for path in replaced.into_iter().chain(bundled::local_versions(repo, tree)?) {
                said.push_str(&format!("without {path}\n"));
            }
        }
        Packaging::Ubuntu { dir } => {
            let mut paths = BTreeSet::from([format!("{dir}/changelog")]);
            paths.extend(archs.iter().map(|arch| format!("{dir}/rules.d/{arch}.mk")));
            paths.extend(stub::PLACES.iter().map(|place| place.replace("DIR", &dir)));
            paths.extend(targets.iter().map(|t| vars_path(&t.flavour)));
            paths.extend(annotations(repo, tree, format!("{dir}/config/annotations"))?);
            for path in paths {
                said.push_str(&entry(&path)?);
            }
        }
    }
    Ok(Oid::hash_object(ObjectType::Blob, said.as_bytes())?)
}

/// The annotations at `path` and all that they include.
fn annotations(repo: &Repository, tree: Oid, path: String) -> Result<Vec<String>> {
    let included = RefCell::new(Vec::new());
    let include = |path: &str| -> Result<String, FormatError> {
        included.borrow_mut().push(path.to_owned());
        text(repo, tree, path).ok().flatten().ok_or_else(|| FormatError::new(path, "the tree has no such file"))
    };
    // Whether they can be read is the generator's matter.
    let _ = Annotations::parse(required(repo, tree, &path)?, &path, &include);
    let mut all = included.into_inner();
    all.push(path);
    Ok(all)
}

/// Is it a file that a lab changes to get another generated commit? Only to name it in a message.
pub fn is_one(path: &str) -> bool {
    path == SETTINGS
        || path.starts_with("debian.master/control.d/vars.")
        || path.starts_with(packaging::SOURCE)
        || kconfig::reads(path)
}
