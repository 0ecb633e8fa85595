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
//! new, and exchanges `dists/`; nothing here ever touches what is published.

use std::os::unix::fs::{symlink, PermissionsExt};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xshell::cmd;

use super::compare::{compare, Verdict};
use super::identity::Identity;
use super::release::Release;
use super::set::{Package, Purpose, Set};
use crate::effects::{text_plain, Effects, Run};
use crate::error::Kind;
use crate::formats::version::Version;

const COMMON: &str = "common";
/// The one component; apt wants a name for it.
const COMPONENT: &str = "main";
/// Fields of a suite's `Release` that apt remembers: it refuses a repository in which one has changed.
const REMEMBERED: &[&str] = &["Origin", "Label"];

/// A repository in the making, in a scratch.
pub struct Pool<'a> {
    pub fx: &'a Effects,
    pub root: Utf8PathBuf,
    /// The one that is published.
    pub published: Utf8PathBuf,
}

/// A set that is to be published for a suite.
pub struct Offer<'a> {
    pub suite: &'a str,
    pub of: &'a Identity,
    pub set: &'a Set,
    /// Where its files are.
    pub dir: &'a Utf8Path,
}

impl Pool<'_> {
    /// Takes over what is published, as links.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn take_over(&self) -> Result<()> {
        link_tree(&self.published.join("pool"), &self.root.join("pool"))
    }

    /// Puts the packages of a set in their places. `false`: they were there.
    ///
    /// # Errors
    /// Other packages of the same version are there: apt would never see the difference.
    pub fn add(&self, offer: &Offer) -> Result<bool> {
        let own = self.place(offer);
        let common = self.root.join("pool").join(offer.suite).join(COMMON).join(&offer.of.version);
        let mut new = false;
        for package in &offer.set.packages {
            let with_flavour = Release::of_package(&package.name).is_some();
            let to = if with_flavour { &own } else { &common }.join(file_name(package));
            let from = offer.dir.join(&package.file);
            if to.exists() {
                same(&from, &to, &offer.of.version)?;
                continue;
            }
            fs::create_dir_all(to.parent().context("it is below the pool")?)?;
            // What is published must not change when a build overwrites its own.
            fs::copy(&from, &to).with_context(|| format!("cannot copy {from}"))?;
            new = true;
        }
        Ok(new)
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
    pub fn meta_packages(&self, offer: &Offer, maintainer: &str) -> Result<()> {
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
            self.meta_package(
                &self.place(offer).join(format!("linux-{part}-{flavour}_{version}_{arch}.deb")),
                &control,
            )?;
        }
        Ok(())
    }

    fn meta_package(&self, to: &Utf8Path, control: &str) -> Result<()> {
        let fx = self.fx;
        if to.exists() {
            return Ok(());
        }
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
    pub fn prune(&self, keep: usize) -> Result<Vec<Utf8PathBuf>> {
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

    /// Writes `dists/`, unsigned; returns the directories that have a `Release`. A repository that is not there yet
    /// says that it is of `origin`.
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
            let codename = format!("{name}::Codename={suite}");
            let remembered = self.remembered(suite, origin);
            let remembered =
                remembered.iter().flat_map(|(field, value)| ["-o".to_owned(), format!("{name}::{field}={value}")]);
            let (archs, parts) =
                (format!("{name}::Architectures={}", archs.join(" ")), format!("{name}::Components={COMPONENT}"));
            let (suite, of) = (format!("{name}::Suite={suite}"), format!("dists/{suite}"));
            let release = self.run(cmd!(
                fx.sh,
                "apt-ftparchive {remembered...} -o {suite} -o {codename} -o {archs} -o {parts} release {of}"
            ))?;
            fs::write(dists.join("Release"), release)?;
            made.push(dists);
        }
        Ok(made)
    }

    /// The fields that stay as they were when a suite was published first; a new suite has those of the others.
    fn remembered(&self, suite: &str, origin: &str) -> Vec<(&'static str, String)> {
        let dists = self.published.join("dists");
        let read = |suite: &Utf8Path| text_plain(&suite.join("Release"));
        let others = || below(&dists).ok()?.iter().find_map(|suite| read(suite));
        let Some(release) = read(&dists.join(suite)).or_else(others) else {
            return vec![("Origin", origin.to_owned())];
        };
        let field =
            |name: &str| release.lines().find_map(|l| Some(l.strip_prefix(name)?.strip_prefix(": ")?.to_owned()));
        REMEMBERED.iter().filter_map(|name| Some((*name, field(name)?))).collect()
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
    for entry in from.read_dir_utf8().with_context(|| format!("cannot read {from}"))? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            link_tree(entry.path(), &there)?;
        } else {
            symlink(entry.path(), &there).with_context(|| format!("cannot link {}", entry.path()))?;
        }
    }
    Ok(())
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
    for entry in dir.read_dir_utf8()? {
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
