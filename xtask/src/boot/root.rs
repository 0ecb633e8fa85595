// SPDX-License-Identifier: GPL-2.0-only
//! The root that packages are installed into: a suite's smallest one with whatever they depend on, made as
//! chroots are made, and packed as the initrd of the machine that boots it.
//!
//! Maintainer scripts run in it, so it is a sandbox: no network, nothing of this machine but the packages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::{self as fs, File};

use crate::effects::{Effects, Run, Scratch};
use crate::error::Kind;
use crate::formats::cpio;
use crate::packages::set::{Package, Set};
use crate::packages::solve::is_name;
use crate::sandbox::{Sandbox, Unpacked};

/// The first process of the machine.
const INIT: &str = include_str!("init.sh");
/// What the first process calls and the smallest root of some suite lacks.
const CALLED: &[&str] = &["kmod", "mount", "util-linux"];
/// What no process in the machine looks at; it would only take room in its memory.
const NOT_PACKED: &[&str] =
    &["boot", "proc", "sys", "usr/share", "usr/src", "var/cache", "var/lib/apt", "var/lib/dpkg"];

/// A root on this machine's disk, for as long as it is held.
pub struct Root<'a> {
    fx: &'a Effects,
    chroot: Unpacked,
    /// What is put together beside it.
    scratch: Scratch,
}

/// The packages that the root must have before these ones of the set can be installed.
pub fn needs<'s>(packages: impl Iterator<Item = &'s Package>, set: &Set) -> Vec<String> {
    let mut needs: BTreeSet<String> = CALLED.iter().map(|p| (*p).to_owned()).collect();
    for package in packages {
        for field in ["Pre-Depends", "Depends"] {
            for entry in package.relations(field).entries {
                let here = entry.alternatives.iter().any(|a| set.has(&a.name));
                // The names go on a command line, and the packages are a stranger's.
                needs.extend(entry.alternatives.first().map(|a| a.name.clone()).filter(|n| !here && is_name(n)));
            }
        }
    }
    needs.into_iter().collect()
}

impl<'a> Root<'a> {
    /// Unpacks a root that was made before.
    ///
    /// # Errors
    /// No room on the disk.
    pub fn unpack(fx: &'a Effects, tar: &Utf8Path) -> Result<Self> {
        Ok(Self { fx, chroot: Unpacked::new(fx, tar)?, scratch: fx.scratch("root")? })
    }

    /// Where it is on this machine.
    pub(super) fn dir(&self) -> Utf8PathBuf {
        self.chroot.root()
    }

    /// Installs packages with dpkg, all at once. Returns the version of each package in the root.
    ///
    /// # Errors
    /// dpkg refuses one, or a maintainer script fails ([`Kind::Check`]).
    pub fn install(&self, debs: &[Utf8PathBuf]) -> Result<BTreeMap<String, String>> {
        let mut sandbox = self.sandbox();
        let mut inside: Vec<String> = Vec::new();
        for deb in debs {
            let to = format!("/mnt/{}", deb.file_name().context("a package has a name")?);
            sandbox = sandbox.see(&deb.canonicalize_utf8().with_context(|| format!("cannot find {deb}"))?, &to);
            inside.push(to);
        }
        let dpkg = ["dpkg", "--install", "--force-unsafe-io"].map(str::to_owned).into_iter().chain(inside);
        let hint = "the packages cannot be installed on a minimal system of the suite: `cargo xtask audit` says more";
        let run = Run::from(sandbox.run(&self.fx.sh, dpkg)).or(Kind::Check, hint);
        self.fx.read(run.watch(|line| self.fx.ui.progress(line)))?;
        let format = "${Package}\t${Version}\t${db:Status-Status}\n";
        let query = ["dpkg-query", "--show", "--showformat", format];
        let listed = self.fx.read(self.sandbox().run(&self.fx.sh, query))?.text();
        let installed = listed.lines().filter_map(|line| {
            let mut fields = line.split('\t');
            let (name, version) = (fields.next()?, fields.next()?);
            (fields.next() == Some("installed")).then(|| (name.to_owned(), version.to_owned()))
        });
        Ok(installed.collect())
    }

    /// The gate that it was made with.
    pub(super) fn fx(&self) -> &Effects {
        self.fx
    }

    /// A sandbox that may change it, with an empty directory `/mnt` for files of this machine.
    pub(super) fn sandbox(&self) -> Sandbox {
        Sandbox::writable_chroot(&self.chroot).user(0).env("DEBIAN_FRONTEND", "noninteractive").own_dir("/mnt")
    }

    /// Puts a module where `modprobe` finds it, which the kernel `uname` then loads with its own.
    ///
    /// # Errors
    /// The modules of that kernel are not installed.
    pub fn add_module(&self, uname: &str, file: &str, module: &[u8]) -> Result<()> {
        // In the sandbox, where a link of the packages leads nowhere else.
        self.scratch.put(file, module)?;
        let (from, to) = (self.scratch.join(file), format!("/lib/modules/{uname}/extra/{file}"));
        let install = ["install", "-D", "--mode=644", "/mnt/module", &to];
        self.fx.read(self.sandbox().see(&from, "/mnt/module").run(&self.fx.sh, install))?;
        self.fx.read(self.sandbox().run(&self.fx.sh, ["depmod", uname]))?;
        Ok(())
    }

    /// The image of a release.
    ///
    /// # Errors
    /// There is none: the packages did not bring it.
    pub fn image(&self, uname: &str) -> Result<Utf8PathBuf> {
        let boot = self.dir().join("boot");
        let names = ["vmlinuz", "vmlinux"].map(|name| boot.join(format!("{name}-{uname}")));
        match names.into_iter().find(|p| !boot.is_symlink() && p.is_file() && !p.is_symlink()) {
            Some(image) => Ok(image),
            None => fail!(Check, "the packages have no image of {uname}"; "cargo xtask audit"),
        }
    }

    /// Packs the root as an initrd with the modules of one release. It is not compressed: unpacking would take
    /// an emulated machine longer than copying.
    ///
    /// # Errors
    /// No room on the disk.
    pub fn initrd(&self, uname: &str) -> Result<Utf8PathBuf> {
        let to = self.scratch.join(format!("initrd-{uname}"));
        let mut archive = cpio::Writer::new(BufWriter::new(File::create(&to)?));
        self.pack(&mut archive, "", uname)?;
        archive.file("init", 0o755, INIT.len() as u64, &mut INIT.as_bytes())?;
        for dir in ["proc", "sys"] {
            archive.directory(dir, 0o755)?;
        }
        archive.device("dev/console", 0o600, (5, 1))?;
        archive.device("dev/null", 0o666, (1, 3))?;
        archive.finish()?;
        Ok(to)
    }

    fn pack(&self, archive: &mut cpio::Writer<BufWriter<File>>, at: &str, uname: &str) -> Result<()> {
        let dir = self.dir().join(at);
        let entries = dir.read_dir_utf8().and_then(|all| all.collect::<Result<Vec<_>, _>>());
        let mut entries = entries.with_context(|| format!("cannot read {dir}"))?;
        entries.sort_by(|a, b| a.file_name().cmp(b.file_name()));
        for entry in entries {
            let path = if at.is_empty() { entry.file_name().to_owned() } else { format!("{at}/{}", entry.file_name()) };
            let other = at.ends_with("lib/modules") && entry.file_name() != uname;
            if other || NOT_PACKED.contains(&path.as_str()) || path == "init" {
                continue;
            }
            let meta = fs::symlink_metadata(entry.path())?;
            let mode = meta.permissions().mode() & 0o7777;
            if meta.is_symlink() {
                let target = entry.path().read_link_utf8().with_context(|| format!("cannot read {}", entry.path()))?;
                archive.symlink(&path, target.as_str())?;
            } else if meta.is_dir() {
                archive.directory(&path, mode)?;
                self.pack(archive, &path, uname)?;
            } else if meta.is_file() {
                archive.file(&path, mode, meta.len(), &mut File::open(entry.path())?)?;
            }
        }
        Ok(())
    }
}
