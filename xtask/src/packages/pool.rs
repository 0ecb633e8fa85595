// SPDX-License-Identifier: GPL-2.0-only
//! An apt repository as a tree of files: package sets in their places, old ones pruned, indexes made.
//!
//! ```text
//! pool/SUITE/FLAVOUR-ARCH/VERSION/   one set, and the meta packages that move machines to it
//! pool/SUITE/common/VERSION/         what sets of one version share: headers without a flavour
//! dists/SUITE/                       what apt reads
//! ```
//!
//! The files are the whole state. `commands/publish` works on a copy of the tree made of links, adds to `pool/` what is
//! new, and exchanges `dists/`; nothing here ever touches what is published. The copy has the packages that the last
//! signed indexes list ([`Published`]) and those of the new sets, and an index that lists another is never signed.

mod indexes;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{symlink, PermissionsExt};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xshell::cmd;

use super::compare::{compare, Verdict};
use super::identity::Identity;
use super::published::{below, Fault, Published};
use super::release::Release;
use super::set::{Package, Purpose, Set};
use crate::effects::{digest_plain, open_plain, Effects};
use crate::formats::version::Version;

const COMMON: &str = "common";

/// A repository in the making, in a scratch.
pub struct Pool<'a> {
    fx: &'a Effects,
    root: Utf8PathBuf,
    /// What it was before.
    before: Published,
    /// What its indexes are to list: SHA-256 digests by path below `root`.
    packages: BTreeMap<Utf8PathBuf, String>,
    /// Packages of before that are not there as they were signed.
    faults: BTreeMap<Utf8PathBuf, Fault>,
    /// Packages that are there and were never signed.
    unlisted: Vec<Utf8PathBuf>,
}

/// A set that is to be published for a suite.
pub struct Offer<'a> {
    pub suite: &'a str,
    pub of: &'a Identity,
    pub set: &'a Set,
    /// Where its files are.
    pub dir: &'a Utf8Path,
}

impl<'a> Pool<'a> {
    /// Takes over into the scratch `root`, as links, the packages of `before` that lie at `published` as they are listed.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn take_over(fx: &'a Effects, root: &Utf8Path, published: &Utf8Path, before: Published) -> Result<Self> {
        let (faults, unlisted) = before.against(published)?;
        let mut packages = before.packages.clone();
        packages.retain(|path, _| !faults.contains_key(path));
        for path in packages.keys() {
            let there = root.join(path);
            fs::create_dir_all(there.parent().context("it is below the pool")?)?;
            symlink(published.join(path), &there).with_context(|| format!("cannot link {path}"))?;
        }
        Ok(Self { fx, root: root.to_owned(), before, packages, faults, unlisted })
    }

    /// Puts the packages of a set in their places. `false`: they were there.
    ///
    /// # Errors
    /// Other packages of the same version are there: apt would never see the difference.
    pub fn add(&mut self, offer: &Offer) -> Result<bool> {
        let own = self.place(offer);
        let common = self.root.join("pool").join(offer.suite).join(COMMON).join(&offer.of.version);
        let mut new = false;
        for package in &offer.set.packages {
            let with_flavour = Release::of_package(&package.name).is_some();
            let to = if with_flavour { &own } else { &common }.join(file_name(package));
            let from = offer.dir.join(&package.file);
            let sum = digest_plain(&from).with_context(|| format!("cannot read {from}"))?;
            let path = to.strip_prefix(&self.root)?.to_owned();
            if let Some(there) = self.packages.get(&path) {
                if *there != sum {
                    same(&from, &to, &offer.of.version)?;
                }
                continue;
            }
            // One that is damaged is put back by the very set that it came from.
            if self.faults.contains_key(&path) && self.before.packages.get(&path) != Some(&sum) {
                continue;
            }
            fs::create_dir_all(to.parent().context("it is below the pool")?)?;
            // What is published must not change when a build overwrites its own.
            let copied = open_plain(&from).and_then(|mut file| std::io::copy(&mut file, &mut fs::File::create(&to)?));
            copied.with_context(|| format!("cannot copy {from}"))?;
            self.made(&to)?;
            new = true;
        }
        Ok(new)
    }

    /// Notes a package that is in its place now, whatever was published there.
    fn made(&mut self, to: &Utf8Path) -> Result<()> {
        let path = to.strip_prefix(&self.root)?.to_owned();
        let sum = digest_plain(to).with_context(|| format!("cannot read {to}"))?;
        self.unlisted.retain(|unlisted| *unlisted != path);
        self.faults.remove(&path);
        self.packages.insert(path, sum);
        Ok(())
    }

    /// Fails where packages that were signed are not there any more as they were, and no set has put them back.
    ///
    /// # Errors
    /// That is so.
    pub fn whole(&self, published: &Utf8Path) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let named = |(path, fault): (&Utf8PathBuf, &Fault)| match fault {
            Fault::Changed => format!("{path} has changed"),
            Fault::Missing => format!("{path} is missing"),
        };
        let named: Vec<String> = self.faults.iter().map(named).collect();
        fail!(Check, "{published} is not as it was signed: {}", named.join(", ");
            "`cargo xtask publish SET` with the set of that version puts its packages back; without one, remove the version's directories, and --trust-pool signs what is left as it is");
    }

    /// Directories with packages that no signed index has listed; they are left as they are, and not listed.
    pub fn unlisted(&self) -> BTreeSet<&Utf8Path> {
        self.unlisted.iter().filter_map(|path| path.parent()).collect()
    }

    /// Is the set in the pool?
    pub fn has(&self, offer: &Offer) -> bool {
        self.place(offer).is_dir()
    }

    fn place(&self, offer: &Offer) -> Utf8PathBuf {
        let name = format!("{}-{}", offer.of.release.flavour, offer.of.architecture);
        self.root.join("pool").join(offer.suite).join(name).join(&offer.of.version)
    }

    /// Makes `linux-image-FLAVOUR` and `linux-headers-FLAVOUR`, which depend on those packages of this version: so
    /// `apt upgrade` moves a machine on, and the kernel before stays installed.
    ///
    /// # Errors
    /// dpkg-deb fails.
    pub fn meta_packages(&mut self, offer: &Offer, maintainer: &str) -> Result<()> {
        let parts = [
            ("image", &["linux-image-", "linux-modules-"][..], "kernel", "an upgrade installs it"),
            (
                "headers",
                &["linux-headers-"],
                "headers",
                "an upgrade brings what DKMS compiles modules for the new kernel with",
            ),
        ];
        for (part, names, what, why) in parts {
            let ours = |p: &&Package| {
                names.iter().any(|n| p.name.starts_with(n))
                    && Release::of_package(&p.name).is_some_and(|r| r == offer.of.release)
                    && !p.name.ends_with("-dbgsym")
            };
            let depends = offer.set.packages.iter().filter(ours).map(|p| format!("{} (= {})", p.name, p.version));
            let depends = depends.collect::<Vec<_>>().join(", ");
            let (flavour, version, arch) = (&offer.of.release.flavour, &offer.of.version, &offer.of.architecture);
            let control = format!(
                "Package: linux-{part}-{flavour}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: {maintainer}\n\
                 Section: kernel\nPriority: optional\nDepends: {depends}\nDescription: the newest {flavour} {what}\n \
                 Depends on those of the newest kernel of this flavour, so that\n {why}.\n",
            );
            let to = self.place(offer).join(format!("linux-{part}-{flavour}_{version}_{arch}.deb"));
            if !to.exists() {
                self.meta_package(&to, &control)?;
                self.made(&to)?;
            }
        }
        Ok(())
    }

    fn meta_package(&self, to: &Utf8Path, control: &str) -> Result<()> {
        let fx = self.fx;
        fs::create_dir_all(to.parent().context("it is below the pool")?)?;
        let stage = fx.scratch_for("meta", &self.root.join("pool"))?;
        fs::create_dir_all(stage.join("DEBIAN"))?;
        fs::write(stage.join("DEBIAN/control"), control)?;
        // dpkg-deb packs modes as they are, and a scratch is its owner's alone. It may be in a directory with a group.
        for (path, mode) in [("", 0o755), ("DEBIAN", 0o755), ("DEBIAN/control", 0o644)] {
            fs::set_permissions(stage.join(path), PermissionsExt::from_mode(mode))?;
        }
        let from = stage.path();
        // No clock: the same set gives the same package.
        fx.read(cmd!(fx.sh, "dpkg-deb -Zgzip --root-owner-group --build {from} {to}").env("SOURCE_DATE_EPOCH", "0"))?;
        Ok(())
    }

    /// Of each flavour and architecture the newest `keep` versions stay; what sets shared goes with the last
    /// that had it. Returns what went, as paths below `pool/`.
    ///
    /// # Errors
    /// A directory cannot be read or removed.
    pub fn prune(&mut self, keep: usize) -> Result<Vec<Utf8PathBuf>> {
        let mut gone = Vec::new();
        for suite in below(&self.root.join("pool"))? {
            let (common, flavours): (Vec<_>, Vec<_>) =
                below(&suite)?.into_iter().partition(|d| d.file_name() == Some(COMMON));
            let mut kept = Vec::new();
            for flavour in flavours {
                let versions = newest_first(below(&flavour)?)?;
                for (i, dir) in versions.into_iter().enumerate() {
                    if i < keep {
                        kept.extend(dir.file_name().map(str::to_owned));
                    } else {
                        gone.push(dir);
                    }
                }
            }
            for dir in common.iter().map(|d| below(d)).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
                if !kept.iter().any(|v| Some(v.as_str()) == dir.file_name()) {
                    gone.push(dir);
                }
            }
        }
        for dir in &mut gone {
            fs::remove_dir_all(&dir)?;
            let path = dir.strip_prefix(&self.root)?;
            self.packages.retain(|package, _| !package.starts_with(path));
            self.unlisted.retain(|package| !package.starts_with(path));
            *dir = dir.strip_prefix(self.root.join("pool"))?.to_owned();
        }
        Ok(gone)
    }

    /// The newest version of the set's flavour and architecture, which is the one that machines get.
    ///
    /// # Errors
    /// The pool cannot be read.
    pub fn newest(&self, offer: &Offer) -> Result<String> {
        let all = self.place(offer).parent().map_or_else(|| Ok(Vec::new()), below)?;
        let newest = newest_first(all)?.into_iter().next();
        Ok(newest.as_deref().and_then(Utf8Path::file_name).unwrap_or(&offer.of.version).to_owned())
    }
}

/// Fails unless both files are the same package: of one version there can only be one.
fn same(new: &Utf8Path, there: &Utf8Path, version: &str) -> Result<()> {
    if fs::metadata(new)?.len() == fs::metadata(there)?.len() && fs::read(new)? == fs::read(there)? {
        return Ok(());
    }
    let read = |path: &Utf8Path| Set::read(&[path.to_owned()], Purpose::Compare, &|_| ());
    if compare(&read(there)?, &read(new)?).iter().all(|c| c.verdict != Verdict::Different) {
        return Ok(());
    }
    fail!(Check, "{} is published already, with another content and the same version {version}", new.file_name().unwrap_or_default();
        "machines would not see it: a new `suffix` in Cargo.toml and `cargo xtask flavour regen` make a version of its own");
}

/// Directories by the version that they are named after.
fn newest_first(dirs: Vec<Utf8PathBuf>) -> Result<Vec<Utf8PathBuf>> {
    let mut versions = Vec::new();
    for dir in dirs {
        versions.push((Version::parse(dir.file_name().unwrap_or_default()).with_context(|| format!("{dir}"))?, dir));
    }
    versions.sort_by(|a, b| b.0.cmp(&a.0));
    Ok(versions.into_iter().map(|(_, dir)| dir).collect())
}

/// Lets everybody read what is below `dir`, whatever the umask: a web server is another user.
///
/// # Errors
/// A mode cannot be changed.
pub fn readable(dir: &Utf8Path) -> Result<()> {
    let more = |path: &Utf8Path, bits: u32| -> Result<()> {
        let mode = fs::metadata(path)?.permissions().mode();
        Ok(fs::set_permissions(path, PermissionsExt::from_mode(mode | bits))?)
    };
    more(dir, 0o755)?;
    for entry in dir.read_dir_utf8().with_context(|| format!("cannot read {dir}"))? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => readable(entry.path())?,
            kind if kind.is_file() => more(entry.path(), 0o644)?,
            _ => {}
        }
    }
    Ok(())
}

/// What Debian calls the file of a package: without the epoch.
fn file_name(package: &Package) -> String {
    let (name, version, arch) = package.id();
    format!("{name}_{}_{arch}.deb", version.split_once(':').map_or(version, |(_, version)| version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_dpkg_has_it() {
        let dirs = ["5.4.0-99.1+lab", "5.4.0-200.220+lab", "5.4.0-200.220+lab2"].map(Utf8PathBuf::from).to_vec();
        let sorted = newest_first(dirs).unwrap();
        assert_eq!(sorted, ["5.4.0-200.220+lab2", "5.4.0-200.220+lab", "5.4.0-99.1+lab"]);
        assert!(newest_first(vec!["not a version".into()]).is_err());
    }
}
