// SPDX-License-Identifier: GPL-2.0-only
//! An apt repository as a tree of files: package sets in their places, old ones pruned, indexes made.
//!
//! ```text
//! pool/SUITE/FLAVOUR-ARCH/VERSION/   one set, and the meta package that moves machines to it
//! pool/SUITE/common/VERSION/         what sets of one version share: headers without a flavour
//! dists/SUITE/                       what apt reads
//! ```
//!
//! The files are the whole state. `commands/publish` works on a copy of the tree made of links and puts it
//! in place at the end; nothing here ever touches what is published.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xshell::cmd;

use super::compare::{compare, Verdict};
use super::release::Release;
use super::set::{Purpose, Set};
use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::formats::version::Version;

const COMMON: &str = "common";
/// The one component; apt wants a name for it.
const COMPONENT: &str = "main";

/// A repository in the making, in a scratch.
pub struct Pool<'a> {
    pub fx: &'a Effects,
    pub root: Utf8PathBuf,
}

/// A set's place.
pub struct Place<'a> {
    pub suite: &'a str,
    pub flavour: &'a str,
    pub architecture: &'a str,
    pub version: &'a str,
}

impl Pool<'_> {
    /// Takes over what `published` has: as links, since a package is never changed.
    ///
    /// # Errors
    /// It is on another file system, or cannot be read.
    pub fn take_over(&self, published: &Utf8Path) -> Result<()> {
        link_tree(&published.join("pool"), &self.root.join("pool"))
    }

    /// Puts the packages of `dir` in their places. `false`: they were there.
    ///
    /// # Errors
    /// Other packages of the same version are there: apt would never see the difference.
    pub fn add(&self, dir: &Utf8Path, place: &Place) -> Result<bool> {
        let own = self.place(place);
        let common = self.root.join("pool").join(place.suite).join(COMMON).join(place.version);
        let mut new = false;
        for deb in crate::build::sbuild::packages(dir)? {
            let name = deb.file_name().context("a package has a name")?;
            let with_flavour = Release::of_package(name.split('_').next().unwrap_or(name)).is_some();
            let to = if with_flavour { &own } else { &common }.join(name);
            if to.exists() {
                same(&deb, &to, place.version)?;
                continue;
            }
            fs::create_dir_all(to.parent().context("it is below the pool")?)?;
            // What is published must not change when a build overwrites its own.
            fs::copy(&deb, &to).with_context(|| format!("cannot copy {deb}"))?;
            new = true;
        }
        Ok(new)
    }

    fn place(&self, place: &Place) -> Utf8PathBuf {
        let name = format!("{}-{}", place.flavour, place.architecture);
        self.root.join("pool").join(place.suite).join(name).join(place.version)
    }

    /// Makes `linux-image-FLAVOUR`, which depends on the images of this version: so `apt upgrade` moves a
    /// machine on, and the kernel before stays installed.
    ///
    /// # Errors
    /// dpkg-deb fails.
    pub fn meta_package(&self, place: &Place, set: &Set, maintainer: &str) -> Result<()> {
        let fx = self.fx;
        let (flavour, version, arch) = (place.flavour, place.version, place.architecture);
        let depends: Vec<String> = set
            .packages
            .iter()
            .filter(|p| {
                ["linux-image-", "linux-modules-"].iter().any(|n| p.name.starts_with(n)) && !p.name.ends_with("-dbgsym")
            })
            .map(|p| format!("{} (= {version})", p.name))
            .collect();
        let control = format!(
            "Package: linux-image-{flavour}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: {maintainer}\nSection: kernel\n\
             Priority: optional\nDepends: {}\nDescription: the newest {flavour} kernel\n \
             Depends on the newest kernel of this flavour, so that an upgrade installs it.\n",
            depends.join(", ")
        );
        let to = self.place(place).join(format!("linux-image-{flavour}_{version}_{arch}.deb"));
        if to.exists() {
            return Ok(());
        }
        let stage = fx.scratch_for("meta", &self.root.join("pool"))?;
        fs::create_dir_all(stage.join("DEBIAN"))?;
        // A scratch is its owner's alone, and dpkg-deb packs modes as they are.
        for dir in [stage.path(), &stage.join("DEBIAN")] {
            fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        fs::write(stage.join("DEBIAN/control"), control)?;
        let from = stage.path();
        // No clock: the same set gives the same package.
        fx.read(cmd!(fx.sh, "dpkg-deb -Zgzip --root-owner-group --build {from} {to}").env("SOURCE_DATE_EPOCH", "0"))?;
        Ok(())
    }

    /// Of each flavour and architecture the newest `keep` versions stay; what sets shared goes with the last
    /// that had it. Returns what went.
    ///
    /// # Errors
    /// A directory cannot be read or removed.
    pub fn prune(&self, keep: usize) -> Result<Vec<String>> {
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
                        fs::remove_dir_all(&dir)?;
                        gone.push(dir.strip_prefix(self.root.join("pool"))?.to_string());
                    }
                }
            }
            for dir in common.iter().map(|d| below(d)).collect::<Result<Vec<_>>>()?.into_iter().flatten() {
                if !kept.iter().any(|v| Some(v.as_str()) == dir.file_name()) {
                    fs::remove_dir_all(dir)?;
                }
            }
        }
        Ok(gone)
    }

    /// Writes `dists/`, unsigned; returns the directories that have a `Release`.
    ///
    /// # Errors
    /// apt-ftparchive fails.
    pub fn index(&self, origin: &str) -> Result<Vec<Utf8PathBuf>> {
        let (fx, mut made) = (self.fx, Vec::new());
        for pool in below(&self.root.join("pool"))? {
            let suite = pool.file_name().context("a suite has a name")?;
            let dists = self.root.join("dists").join(suite);
            let mut archs: Vec<String> = below(&pool)?
                .iter()
                .filter_map(|d| d.file_name()?.rsplit_once('-').map(|(_, arch)| arch.to_owned()))
                .collect();
            archs.sort();
            archs.dedup();
            for arch in &archs {
                let dir = dists.join(COMPONENT).join(format!("binary-{arch}"));
                fs::create_dir_all(&dir)?;
                let path = format!("pool/{suite}");
                let index = cmd!(fx.sh, "apt-ftparchive -o APT::FTPArchive::MD5=false -o APT::FTPArchive::SHA1=false --arch {arch} packages {path}");
                let packages = self.run(index)?;
                fs::write(dir.join("Packages.gz"), gzip(&packages)?)?;
                fs::write(dir.join("Packages"), packages)?;
            }
            let name = "APT::FTPArchive::Release";
            let (origin, codename) = (format!("{name}::Origin={origin}"), format!("{name}::Codename={suite}"));
            let (archs, parts) =
                (format!("{name}::Architectures={}", archs.join(" ")), format!("{name}::Components={COMPONENT}"));
            let (suite, of) = (format!("{name}::Suite={suite}"), format!("dists/{suite}"));
            let release = self.run(cmd!(
                fx.sh,
                "apt-ftparchive -o {origin} -o {suite} -o {codename} -o {archs} -o {parts} release {of}"
            ))?;
            fs::write(dists.join("Release"), release)?;
            made.push(dists);
        }
        Ok(made)
    }

    fn run(&self, command: xshell::Cmd) -> Result<Vec<u8>> {
        let line = Run::from(command).or(Kind::Machine, "apt-ftparchive is in the package apt-utils");
        Ok(self.fx.read(line.at(&self.root))?.stdout)
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

fn below(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut dirs = Vec::new();
    for entry in dir.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            dirs.push(entry.into_path());
        }
    }
    dirs.sort();
    Ok(dirs)
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

fn link_tree(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_tree(entry.path(), &there)?;
        } else {
            fs::hard_link(entry.path(), &there).with_context(|| format!("cannot link {}", entry.path()))?;
        }
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, bytes)?;
    Ok(packed.finish()?)
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
