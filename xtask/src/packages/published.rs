// SPDX-License-Identifier: GPL-2.0-only
//! The packages of a repository, as its last signed indexes list them.
//!
//! The pool is a directory that others may be able to write. So what lies there is no reason to sign it: only what the
//! indexes list, whose signature by the repository's own key has been verified, is published again.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use anyhow::{Context, Result};
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::signing::Key;
use crate::effects::{digest_plain, going_on, read_plain, text_plain, Effects};
use crate::formats::index;

/// A package in the pool that is not what its signed index lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Changed,
    Missing,
}

/// The packages of a repository.
#[derive(Debug, Default)]
pub struct Published {
    /// The `Release` of each suite.
    pub releases: BTreeMap<String, String>,
    /// SHA-256 digests by path below the repository's root, which begins with `pool/SUITE/`.
    pub packages: BTreeMap<Utf8PathBuf, String>,
}

impl Published {
    /// Reads the indexes of the repository at `dir`. A suite in `dists/` that has nothing in `pool/` and is not signed by
    /// `key` is the administrator's, and left out.
    ///
    /// # Errors
    /// The indexes of a suite are not signed by `key`, or have changed since.
    pub fn signed(fx: &Effects, dir: &Utf8Path, key: &Key) -> Result<Self> {
        let mut published = Self::default();
        for dists in below(&dir.join("dists"))? {
            let suite = dists.file_name().unwrap_or_default();
            let Some(release) = signed_release(fx, &dists, key)? else {
                if dists.join("Release").symlink_metadata().is_ok() && dir.join("pool").join(suite).is_dir() {
                    fail!(Check, "`{dists}/Release` is not signed by the key {}", key.id;
                        "if the key is a new one, or you have changed the indexes: --trust-pool signs the packages in the pool as they are, whoever put them there");
                }
                continue;
            };
            for (path, sum) in index::release(&release)? {
                if path.ends_with("/Packages") {
                    published.list(suite, &dists.join(path), &sum)?;
                }
            }
            published.releases.insert(suite.to_owned(), release);
        }
        Ok(published)
    }

    /// Takes over one `Packages` file, which has to have this digest.
    fn list(&mut self, suite: &str, file: &Utf8Path, sum: &str) -> Result<()> {
        let text = text_plain(file).unwrap_or_default();
        if sha256(text.as_bytes()) != sum {
            fail!(Check, "`{file}` has changed since its `Release` was signed";
                "--trust-pool makes it again from the packages in the pool, whoever put them there");
        }
        for listed in index::packages(&text).with_context(|| format!("cannot read {file}"))? {
            let path = Utf8PathBuf::from(listed.file);
            let plain = path.components().all(|c| matches!(c, Utf8Component::Normal(_)));
            if plain && path.starts_with(Utf8Path::new("pool").join(suite)) {
                self.packages.insert(path, listed.sha256);
            }
        }
        Ok(())
    }

    /// The packages that lie in the pool of the repository at `dir`, whoever put them there.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn as_it_lies(dir: &Utf8Path) -> Result<Self> {
        let mut published = Self::default();
        for dists in below(&dir.join("dists"))? {
            let release = text_plain(&dists.join("Release"));
            published.releases.extend(dists.file_name().map(str::to_owned).zip(release));
        }
        for path in lying(dir)? {
            let sum = digest_plain(&dir.join(&path)).with_context(|| format!("cannot read {}", dir.join(&path)))?;
            published.packages.insert(path, sum);
        }
        Ok(published)
    }

    /// Compares the packages with the files at `dir`: those that are not there as they are listed, and those that are
    /// there and not listed.
    ///
    /// # Errors
    /// A directory or a file cannot be read.
    pub fn against(&self, dir: &Utf8Path) -> Result<(BTreeMap<Utf8PathBuf, Fault>, Vec<Utf8PathBuf>)> {
        let mut faults = BTreeMap::new();
        for (path, listed) in &self.packages {
            going_on()?;
            let file = dir.join(path);
            let fault = match digest_plain(&file) {
                Ok(sum) => (sum != *listed).then_some(Fault::Changed),
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Some(Fault::Missing),
                Err(e) if e.kind() == ErrorKind::InvalidInput => Some(Fault::Changed),
                Err(e) => return Err(e).with_context(|| format!("cannot read {file}")),
            };
            faults.extend(fault.map(|fault| (path.clone(), fault)));
        }
        let unlisted = lying(dir)?.into_iter().filter(|path| !self.packages.contains_key(path)).collect();
        Ok((faults, unlisted))
    }
}

/// The text of a suite's `Release`, if `key` has signed it.
fn signed_release(fx: &Effects, dists: &Utf8Path, key: &Key) -> Result<Option<String>> {
    let Some(release) = text_plain(&dists.join("Release")) else { return Ok(None) };
    let Ok(signature) = read_plain(&dists.join("Release.gpg")) else { return Ok(None) };
    Ok(key.has_signed(fx, &release, &signature)?.then_some(release))
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    format!("{:x}", sha2::Sha256::digest(bytes))
}

/// The `.deb` files below `pool/`, through links to directories.
fn lying(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let pool = dir.join("pool");
    let (mut found, mut left) = (Vec::new(), if pool.is_dir() { vec![pool] } else { Vec::new() });
    while let Some(at) = left.pop() {
        for entry in at.read_dir_utf8().with_context(|| format!("cannot read {at}"))? {
            let path = entry?.into_path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension() == Some("deb") {
                found.push(path.strip_prefix(dir)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The directories in `dir`, in order.
///
/// # Errors
/// It is there and cannot be read.
pub(super) fn below(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut dirs = Vec::new();
    for entry in dir.read_dir_utf8().with_context(|| format!("cannot read {dir}"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            dirs.push(entry.into_path());
        }
    }
    dirs.sort();
    Ok(dirs)
}
