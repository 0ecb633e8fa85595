// SPDX-License-Identifier: GPL-2.0-only
//! The indexes of a pool, as apt-ftparchive makes them. What it lists is held against what the pool knows: it leaves
//! out a damaged package without a word, and lists whatever has come to lie there.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use fs_err as fs;
use xshell::cmd;

use super::super::published::below;
use super::super::release::Release;
use super::Pool;
use crate::effects::Run;
use crate::error::Kind;
use crate::formats::index::{self, Listed};

/// The one component; apt wants a name for it.
const COMPONENT: &str = "main";
/// Fields of a suite's `Release` that apt remembers: it refuses a repository in which one has changed.
const REMEMBERED: &[&str] = &["Origin", "Label"];

impl Pool<'_> {
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
            let mut listed = BTreeSet::new();
            for arch in &archs {
                let dir = dists.join(COMPONENT).join(format!("binary-{arch}"));
                fs::create_dir_all(&dir)?;
                let path = format!("pool/{suite}");
                let index = cmd!(fx.sh, "apt-ftparchive -o APT::FTPArchive::MD5=false -o APT::FTPArchive::SHA1=false --arch {arch} packages {path}");
                let packages = self.run(index)?;
                listed.extend(self.sound(&packages, arch)?);
                fs::write(dir.join("Packages.gz"), gzip(&packages)?)?;
                fs::write(dir.join("Packages"), packages)?;
            }
            let own = self.packages.keys().filter(|path| path.starts_with(format!("pool/{suite}")));
            if let Some(path) = own.into_iter().find(|path| !listed.contains(*path)) {
                fail!(Check, "{path} is not a package for {}", archs.join(", "); "remove it from the repository");
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

    /// The files that an index lists, which have to be packages of this pool with the content that it knows.
    fn sound(&self, packages: &[u8], arch: &str) -> Result<Vec<Utf8PathBuf>> {
        let listed = index::packages(&String::from_utf8_lossy(packages))?;
        let there: BTreeSet<(&str, &str)> = listed.iter().map(|l| (l.name.as_str(), l.version.as_str())).collect();
        for Listed { name, exactly, version, .. } in listed.iter().filter(|l| is_meta(&l.name)) {
            let lacks = |(name, version): &&(String, String)| !there.contains(&(name.as_str(), version.as_str()));
            if let Some((lacking, at)) = exactly.iter().find(lacks) {
                fail!(Check, "{name} {version} for {arch} depends on {lacking} {at}, which is not in the pool";
                    "remove that version's directories from the pool, or publish its set");
            }
        }
        let path = |listed: Listed| {
            let path = Utf8PathBuf::from(listed.file);
            if self.packages.get(&path) != Some(&listed.sha256) {
                fail!(Check, "{path} has changed while it was read"; "who else writes there? run it again");
            }
            Ok(path)
        };
        listed.into_iter().map(path).collect()
    }

    /// The fields that stay as they were when a suite was published first; a new suite has those of the others.
    fn remembered(&self, suite: &str, origin: &str) -> Vec<(&'static str, String)> {
        let releases = &self.before.releases;
        let Some(release) = releases.get(suite).or_else(|| releases.values().next()) else {
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

/// Is it one of those that move machines to the newest kernel?
fn is_meta(name: &str) -> bool {
    ["linux-image-", "linux-headers-"].iter().any(|start| name.starts_with(start))
        && Release::of_package(name).is_none()
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, bytes)?;
    Ok(packed.finish()?)
}
