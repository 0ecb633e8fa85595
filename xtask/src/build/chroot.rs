// SPDX-License-Identifier: GPL-2.0-only
//! Chroots: rootless, with the build dependencies in them, kept as tar files named by what went in.
//!
//! Two forks that need the same chroot share it. A tar file is there whole or not at all, and its record
//! (`.json`) is written before it, so whatever has a tar has a record.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use xshell::cmd;

use super::archive::{explain, Archive};
use super::depends::Lists;
use super::mirror;
use super::mmdebstrap::LEFT_OUT;
use crate::arch::{self, Arch};
use crate::effects::{digest_plain, Effects, Run};
use crate::error::Kind;
use crate::machine::disk::Room;
use crate::sandbox::Unpacked;
use crate::ui::count;

/// What a chroot is made from.
pub struct Recipe<'a> {
    pub archive: &'a Archive,
    /// The chroot's own architecture first, then foreign ones.
    pub archs: Vec<&'static Arch>,
    /// Build dependencies to have in it, for `host`; empty for a bare one.
    pub depends: String,
    pub host: &'static Arch,
    /// Put this architecture's programs in front of the chroot's own, where a build spends its time.
    pub accelerate: Option<&'static Arch>,
    /// A compiler beside the suite's own that is accelerated too: `gcc-13`.
    pub compiler: Option<String>,
    /// Not to build in but to be booted: the suite's smallest root, with these packages.
    pub root: Option<Vec<String>>,
    /// Packages of ours, of the chroot's own architecture: their programs run all the time, so they are
    /// accelerated too.
    pub extra: Vec<String>,
}

/// Inside the chroot, see there.
pub(super) const ACCELERATE: &str = include_str!("accelerate.sh");

/// The packages whose programs a kernel build spends its time in, beside those whose names differ from suite
/// to suite (`accelerate.sh`).
pub(super) const HOT: &[&str] = &[
    "bash",
    "bc",
    "bison",
    "bzip2",
    "coreutils",
    "cpio",
    "dash",
    "diffutils",
    "dpkg",
    "findutils",
    "flex",
    "gawk",
    "grep",
    "gzip",
    "kmod",
    "m4",
    "make",
    "mawk",
    "openssl",
    "perl",
    "perl-base",
    "rsync",
    "sed",
    "tar",
    "xz-utils",
    "zstd",
];

/// What is known of a chroot that is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub key: String,
    pub suite: String,
    pub architectures: Vec<String>,
    pub sources: Vec<String>,
    pub fingerprints: Vec<String>,
    pub build_depends: String,
    pub mmdebstrap: String,
    /// What it was made for; records of before do not say.
    #[serde(default)]
    pub host: Option<String>,
    /// Whose programs are in front.
    #[serde(default)]
    pub accelerate: Option<String>,
    /// A compiler that is accelerated beside the suite's own.
    #[serde(default)]
    pub compiler: Option<String>,
    /// For one to be booted, its packages.
    #[serde(default)]
    pub root: Option<Vec<String>>,
    /// Which of the build dependencies are ours.
    #[serde(default)]
    pub extra: Vec<String>,
    /// The date that it is pinned to.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// The SHA-256 of the tar file, for disks forget; records of before do not say.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// A chroot's tar file and record.
pub struct Chroot {
    pub tar: Utf8PathBuf,
    pub record: Record,
}

/// Where chroots are kept.
fn store(fx: &Effects) -> Utf8PathBuf {
    fx.cache().join("chroots")
}

impl<'a> Recipe<'a> {
    /// One without build dependencies, of these architectures, its own first.
    pub fn bare(archive: &'a Archive, archs: Vec<&'static Arch>) -> Self {
        let host = archs[0];
        Self {
            archive,
            archs,
            depends: String::new(),
            host,
            accelerate: None,
            compiler: None,
            root: None,
            extra: Vec::new(),
        }
    }

    /// That of a chroot which is there.
    ///
    /// # Errors
    /// Its record does not say enough.
    pub fn recorded(archive: &'a Archive, chroot: &Chroot) -> Result<Self> {
        let record = &chroot.record;
        let Some(host) = &record.host else {
            fail!(Input, "{} was made by a version that did not record how", chroot.name();
                "`cargo xtask chroot remove {}`; the next build makes it anew", chroot.name());
        };
        let archs: Result<Vec<_>> = record.architectures.iter().map(|a| arch::find(a)).collect();
        let ours: Vec<String> = record.extra.iter().map(|e| format!("{e}:native")).collect();
        let depends: Vec<&str> =
            record.build_depends.split(", ").filter(|d| !d.is_empty() && !ours.iter().any(|o| o == d)).collect();
        Ok(Self {
            archive,
            archs: archs?,
            depends: depends.join(", "),
            host: arch::find(host)?,
            accelerate: record.accelerate.as_deref().map(arch::find).transpose()?,
            compiler: record.compiler.clone(),
            root: record.root.clone(),
            extra: record.extra.clone(),
        })
    }

    /// Names the content: the same recipe has the same key on every machine.
    fn key(&self) -> Result<String> {
        let mut text = format!(
            "2\n{}\n{:?}\n{:?}\n{:?}\n{}\n{}\n{:?}\n{LEFT_OUT:?}\n",
            self.archive.suite,
            self.archs.iter().map(|a| a.debian).collect::<Vec<_>>(),
            self.archive.sources,
            self.archive.fingerprints,
            self.depends,
            self.host.debian,
            self.accelerate.map(|a| (a.debian, HOT, ACCELERATE)),
        ) + &self.extra.join(" ");
        if let Some(compiler) = self.compiler.as_ref().filter(|_| self.accelerate.is_some()) {
            text.push_str(compiler);
        }
        if let Some(packages) = &self.root {
            text.push_str(&format!("{packages:?}\n"));
        }
        let id = git2::Oid::hash_object(git2::ObjectType::Blob, text.as_bytes())?;
        Ok(id.to_string()[..12].to_owned())
    }

    /// All that is to be installed in it.
    pub(super) fn wanted(&self) -> String {
        let extra = self.extra.iter().map(|name| format!("{name}:native"));
        Some(self.depends.clone()).into_iter().filter(|d| !d.is_empty()).chain(extra).collect::<Vec<_>>().join(", ")
    }

    /// What its tar file is called.
    ///
    /// # Errors
    /// None that one would see.
    pub fn name(&self) -> Result<String> {
        let archs: Vec<&str> = self.archs.iter().map(|a| a.debian).collect();
        let kind = match (&self.root, self.accelerate) {
            (Some(_), _) => "-root",
            (None, Some(_)) => "-accelerated",
            (None, None) => "",
        };
        Ok(format!("{}-{}{kind}-{}", self.archive.suite, archs.join("+"), self.key()?))
    }

    /// The chroot, if it has been made.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn find(&self, fx: &Effects) -> Result<Option<Chroot>> {
        let tar = store(fx).join(format!("{}.tar", self.name()?));
        if !tar.is_file() {
            return Ok(None);
        }
        open(tar).map(Some)
    }

    /// Makes the chroot, or finds it made. `None` in a dry run that would have made it.
    ///
    /// # Errors
    /// mmdebstrap fails, and says why; no room on the disk.
    pub fn make(&self, fx: &Effects) -> Result<Option<Chroot>> {
        self.make_from(fx, None)
    }

    /// As [`Recipe::make`], from package lists that were fetched already.
    ///
    /// # Errors
    /// As there.
    pub fn make_from(&self, fx: &Effects, lists: Option<&Lists>) -> Result<Option<Chroot>> {
        if let Some(chroot) = self.find(fx)? {
            chroot.check(fx)?;
            // When it was last used is when its record was last written.
            fx.write_again(chroot.tar.with_extension("json"))?;
            return Ok(Some(chroot));
        }
        self.anew(fx, lists)
    }

    /// Makes the chroot, in the place of one that is there already. `None` in a dry run.
    ///
    /// # Errors
    /// As [`Recipe::make`]; what is there stays then.
    pub fn make_anew(&self, fx: &Effects) -> Result<Option<Chroot>> {
        self.anew(fx, None)
    }

    fn anew(&self, fx: &Effects, lists: Option<&Lists>) -> Result<Option<Chroot>> {
        let dir = store(fx);
        let name = self.name()?;
        Room::Chroot.require(
            &dir,
            "`cargo xtask chroot remove` lists what could go; KERNEL_FORK_CACHE puts the cache elsewhere",
        )?;
        let step = fx.ui.step(&format!("make the chroot {name}"));
        if lists.is_none() {
            mirror::answers(fx, &self.archive.sources)?;
        }
        let scratch = fx.scratch_for("chroot", &dir.join(&name))?;
        let part = scratch.join("chroot.tar");
        // apt reads the keys from inside, as one of the chroot's users.
        let work = fx.shared_scratch("chroot")?;
        Room::Chroot.require(work.path(), "KERNEL_FORK_CACHE puts it on another disk")?;
        let keyring = self.archive.keyring(fx, &work)?;
        let cmd = self.mmdebstrap(fx, work.path(), &keyring, &part, lists)?;
        let mut said = Vec::new();
        let watch = |line: &str| {
            fx.ui.progress(line.trim_start_matches("I: "));
            said.push(line.to_owned());
        };
        let hint = "the lines above say why; `cargo xtask doctor` shows what this machine lacks";
        let made = fx.change(&dir, Run::from(cmd).ends_with_us().or(Kind::Machine, hint).watch(watch));
        made.map_err(|e| explain(&self.archive.sources, &said, e))?;

        let record = Record {
            key: self.key()?,
            suite: self.archive.suite.clone(),
            architectures: self.archs.iter().map(|a| a.debian.to_owned()).collect(),
            sources: self.archive.sources.clone(),
            fingerprints: self.archive.fingerprints.iter().cloned().collect(),
            build_depends: self.wanted(),
            mmdebstrap: fx.read(cmd!(fx.sh, "mmdebstrap --version"))?.text(),
            host: Some(self.host.debian.to_owned()),
            accelerate: self.accelerate.map(|a| a.debian.to_owned()),
            compiler: self.compiler.clone(),
            root: self.root.clone(),
            extra: self.extra.clone(),
            snapshot: self.archive.snapshot.clone(),
            sha256: part.is_file().then(|| digest_plain(&part)).transpose()?,
        };
        let tar = dir.join(format!("{name}.tar"));
        fx.write(tar.with_extension("json"), serde_json::to_string_pretty(&record)?)?;
        fx.rename(&part, &tar)?;
        step.done("");
        Ok(tar.is_file().then_some(Chroot { tar, record }))
    }
}

/// A paragraph in the shape of a `.dsc`, as far as `apt-get build-dep` reads it.
pub fn build_depends_stanza(depends: &str) -> String {
    format!(
        "Format: 1.0\nSource: build-depends\nBinary: build-depends\nArchitecture: any\nVersion: 1\n\
         Maintainer: nobody <nobody@localhost>\nBuild-Depends: {depends}\n"
    )
}

fn open(tar: Utf8PathBuf) -> Result<Chroot> {
    let text = fs_err::read_to_string(tar.with_extension("json")).with_context(|| format!("{tar} has no record"))?;
    Ok(Chroot {
        record: serde_json::from_str(&text).with_context(|| format!("the record of {tar} cannot be read"))?,
        tar,
    })
}

/// All chroots that are there, by name.
///
/// # Errors
/// One of them has no record.
pub fn all(fx: &Effects) -> Result<Vec<Chroot>> {
    let Ok(entries) = store(fx).read_dir_utf8() else { return Ok(Vec::new()) };
    let mut tars: Vec<Utf8PathBuf> =
        entries.flatten().map(|e| e.into_path()).filter(|p| p.extension() == Some("tar")).collect();
    tars.sort();
    tars.into_iter().map(open).collect()
}

impl Chroot {
    /// Its name, as `chroot list` shows it.
    pub fn name(&self) -> &str {
        self.tar.file_stem().unwrap_or_default()
    }

    /// The architecture of its own programs.
    ///
    /// # Errors
    /// Its record names none that is known.
    pub fn own(&self) -> Result<&'static Arch> {
        arch::find(self.record.architectures.first().map_or("", String::as_str))
    }

    /// Says what is in it, for what is kept of builds in it: its name says what it was made from, and `chroot update`
    /// makes another of the same name.
    pub fn content(&self) -> String {
        format!("{} {}", self.name(), self.record.sha256.as_deref().unwrap_or_default())
    }

    /// For how many days no build has used it.
    pub fn unused_days(&self) -> u64 {
        let used = fs_err::metadata(self.tar.with_extension("json")).and_then(|m| m.modified());
        let age = used.ok().and_then(|used| used.elapsed().ok()).unwrap_or_default();
        age.as_secs() / 86_400
    }

    /// When a build last used it: `today`, `3 days ago`.
    pub fn last_used(&self) -> String {
        match self.unused_days() {
            0 => "today".to_owned(),
            days => format!("{} ago", count(days as usize, "day")),
        }
    }

    /// Is the tar file what was made? Programs out of a damaged one would build a damaged kernel.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    pub fn check(&self, fx: &Effects) -> Result<()> {
        let Some(made) = &self.record.sha256 else { return Ok(()) };
        let step = fx.ui.step(&format!("check the chroot {}", self.name()));
        if digest_plain(&self.tar).with_context(|| format!("cannot read {}", self.tar))? != *made {
            fail!(Machine, "the chroot {} is damaged: it is not what was made there", self.tar;
                "cargo xtask chroot remove {}; the next build makes it anew", self.name());
        }
        step.done("");
        Ok(())
    }

    /// Unpacks it as this user's own files, to run single programs of it in a sandbox.
    ///
    /// # Errors
    /// No room on the disk; the tar file is damaged.
    pub fn unpack(&self, fx: &Effects) -> Result<Unpacked> {
        Unpacked::new(fx, &self.tar)
    }

    /// Removes it; the tar first, so that no tar is without a record.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, fx: &Effects) -> Result<()> {
        fx.remove(&self.tar)?;
        fx.remove(self.tar.with_extension("json"))?;
        Ok(())
    }
}
