// SPDX-License-Identifier: GPL-2.0-only
//! Running the kernel's own Kconfig on a tree that nobody has vouched for.
//!
//! Only what Kconfig reads is written out (about 2,000 of 66,000 files), and `make` runs in the
//! [sandbox](crate::sandbox), with its own directory to write in. Its programs are this machine's or those of an
//! unpacked chroot.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use camino::Utf8Path;
use fs_err as fs;
use git2::{ObjectType, Oid, Repository};

use super::probes;
use super::symbols::Symbols;
use crate::arch::{self, Arch};
use crate::effects::{read_plain, sound, Did, Effects, Run, Scratch};
use crate::error::{Failure, Kind};
use crate::formats::config::Config;
use crate::sandbox::{Sandbox, Unpacked};

/// Far more questions than `localmodconfig` has.
const ANSWERS: usize = 10_000;

/// Whose compiler and tools Kconfig runs with.
pub enum Programs {
    /// This machine's, with its cross compiler where the architecture is another.
    Machine,
    /// Those of an unpacked chroot of the architecture `own`.
    Chroot { chroot: Unpacked, own: &'static Arch },
}

/// A tree's Kconfig, ready to resolve configurations of one architecture.
pub struct Kconfig<'a> {
    fx: &'a Effects,
    scratch: Scratch,
    arch: &'static Arch,
    programs: Programs,
    /// Another compiler than their `gcc`.
    compiler: Option<String>,
    /// Symbols probed from the toolchain.
    pub probed: BTreeSet<String>,
    /// Every symbol that is defined for this architecture.
    pub defined: BTreeSet<String>,
}

impl<'a> Kconfig<'a> {
    /// Writes out what Kconfig needs of `tree`. `recorded`: the vendor's values for probed symbols.
    ///
    /// # Errors
    /// The tree cannot be read; no room on the disk.
    pub fn new(
        fx: &'a Effects,
        repo: &Repository,
        tree: Oid,
        arch: &'static Arch,
        recorded: Option<&Config>,
    ) -> Result<Self> {
        Self::read(fx, repo, tree, arch, recorded, false)
    }

    /// The same with all the tree's makefiles, which say what is a module of which symbol.
    ///
    /// # Errors
    /// As [`Kconfig::new`].
    pub fn with_makefiles(
        fx: &'a Effects,
        repo: &Repository,
        tree: Oid,
        arch: &'static Arch,
        recorded: Option<&Config>,
    ) -> Result<Self> {
        Self::read(fx, repo, tree, arch, recorded, true)
    }

    fn read(
        fx: &'a Effects,
        repo: &Repository,
        tree: Oid,
        arch: &'static Arch,
        recorded: Option<&Config>,
        makefiles: bool,
    ) -> Result<Self> {
        let scratch = fx.scratch("kconfig")?;
        let mut this = Self {
            fx,
            scratch,
            arch,
            programs: Programs::Machine,
            compiler: None,
            probed: BTreeSet::new(),
            defined: BTreeSet::new(),
        };
        for (path, mode, id) in files(repo, tree, arch, makefiles)? {
            this.write_one(&path, repo.find_blob(id)?.content(), mode, recorded)?;
        }
        Ok(this)
    }

    /// The same with the programs of a chroot.
    #[must_use]
    pub fn with(self, programs: Programs) -> Self {
        Self { programs, ..self }
    }

    /// The same with another compiler of theirs than `gcc`, such as `gcc-13`.
    #[must_use]
    pub fn compiler(self, name: Option<&str>) -> Self {
        Self { compiler: name.map(str::to_owned), ..self }
    }

    /// `make olddefconfig` of `config`: every symbol that it leaves open gets its default.
    ///
    /// # Errors
    /// Kconfig fails.
    pub fn olddefconfig(&self, config: &str) -> Result<Config> {
        self.scratch.put(".config", config)?;
        self.make("olddefconfig")?;
        self.config()
    }

    /// `make TARGET` (`tinyconfig`, `defconfig`) and the `.config` that it leaves.
    ///
    /// # Errors
    /// Kconfig fails.
    pub fn target(&self, target: &str) -> Result<String> {
        self.make(target)?;
        self.text()
    }

    /// `make localmodconfig` of `config`: of the modules, those that `listing` (the output of `lsmod`) names. The
    /// `.config` that it leaves, and the names that it knows no symbol for.
    ///
    /// # Errors
    /// Kconfig fails.
    pub fn localmodconfig(&self, config: &str, listing: &str) -> Result<(String, Vec<String>)> {
        self.scratch.put(".config", config)?;
        self.scratch.put(".lsmod", listing)?;
        let mut unknown = Vec::new();
        let watch = |line: &str| {
            unknown.extend(line.strip_suffix(" config not found!!").map(str::to_owned));
        };
        // A symbol that comes to light is asked for; an empty line takes its default.
        let run = self.run("localmodconfig")?.stdin("\n".repeat(ANSWERS)).watch(watch);
        self.fx.read(run)?;
        Ok((self.text()?, unknown))
    }

    /// `make TARGET` on this terminal (`menuconfig`, `nconfig`): the configuration that the person leaves, resolved;
    /// `None` in a dry run. `changes` is the file that it will end up in.
    ///
    /// # Errors
    /// Kconfig fails, the program that draws the menus cannot be compiled.
    pub fn edited(&self, config: &str, target: &str, changes: &Utf8Path) -> Result<Option<Config>> {
        self.scratch.put(".config", config)?;
        let hint = "it is compiled on this machine, with libncurses-dev and pkg-config";
        let run = self.run(target)?.on_terminal().or(Kind::Machine, hint);
        if self.fx.change(changes, run)? == Did::Planned {
            return Ok(None);
        }
        self.make("olddefconfig")?;
        self.config().map(Some)
    }

    /// What the tree's files say of its symbols, to explain them with.
    pub fn symbols(&self) -> Symbols {
        Symbols::read(self.arch.srcarch, &mut |path| {
            // A link of the tree's may lead anywhere.
            let real = self.scratch.join(path).canonicalize_utf8().ok()?;
            let bytes = real.starts_with(self.scratch.path()).then(|| read_plain(&real).ok())??;
            String::from_utf8(bytes).ok()
        })
    }

    fn config(&self) -> Result<Config> {
        Ok(Config::parse_lenient(&self.text()?))
    }

    /// The tree's makefiles ran with the whole directory for themselves.
    fn text(&self) -> Result<String> {
        let bytes = self.scratch.take(".config").context("Kconfig wrote no .config")?;
        let failure = || Failure::new(Kind::Input, "Kconfig of this tree wrote a .config that is not UTF-8");
        String::from_utf8(bytes).with_context(failure)
    }

    fn make(&self, target: &str) -> Result<()> {
        self.fx.read(self.run(target)?)?;
        Ok(())
    }

    fn run(&self, target: &str) -> Result<Run<'_>> {
        let kernel = self.arch.kernel;
        let own = match &self.programs {
            Programs::Machine => arch::build()?,
            Programs::Chroot { own, .. } => own,
        };
        let cross = if own == self.arch { String::new() } else { format!("{}-", self.arch.triplet) };
        let sandbox = match &self.programs {
            Programs::Machine => Sandbox::machine()?,
            Programs::Chroot { chroot, .. } => Sandbox::chroot(chroot)?,
        };
        // A place that nothing else is in. Menus are drawn on the terminal.
        let sandbox = sandbox.on_terminal().change(self.scratch.path(), "/mnt").at("/mnt");
        let mut variables =
            vec![format!("ARCH={kernel}"), format!("CROSS_COMPILE={cross}"), "LSMOD=/mnt/.lsmod".to_owned()];
        variables.extend(self.compiler.iter().map(|gcc| format!("CC={cross}{gcc}")));
        let make = sandbox.run(&self.fx.sh, ["make", "--silent", "--no-print-directory"]).args(variables).arg(target);
        let hint = "Kconfig runs on this machine in bubblewrap and needs make, flex, bison and a compiler for the \
                    architecture; `cargo xtask doctor --fix` installs them";
        Ok(Run::from(make).or(Kind::Machine, hint))
    }

    fn write_one(&mut self, path: &str, content: &[u8], mode: i32, recorded: Option<&Config>) -> Result<()> {
        let to = self.scratch.join(path);
        fs::create_dir_all(to.parent().context("a file has a directory")?)?;
        if mode == 0o120_000 {
            // A link in an untrusted tree: inside the sandbox it can lead nowhere that matters.
            let target = String::from_utf8_lossy(content).into_owned();
            return Ok(std::os::unix::fs::symlink(target, to)?);
        }
        if is_kconfig(path) {
            let text = String::from_utf8_lossy(content);
            let (text, probed) = probes::pin(&text, recorded);
            self.probed.extend(probed);
            if !is_foreign(path, self.arch) {
                self.defined.extend(probes::defined(&text).map(str::to_owned));
            }
            return Ok(fs::write(to, text)?);
        }
        fs::write(&to, content)?;
        if mode == 0o100_755 {
            fs::set_permissions(&to, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// Names all that Kconfig reads of a tree: trees that agree in it have the same configurations.
///
/// # Errors
/// The tree cannot be read.
pub fn inputs(repo: &Repository, tree: Oid, arch: &Arch) -> Result<Oid> {
    let mut text = String::new();
    for (path, mode, id) in files(repo, tree, arch, false)? {
        text.push_str(&format!("{mode:o} {id} {path}\n"));
    }
    Ok(Oid::hash_object(ObjectType::Blob, text.as_bytes())?)
}

/// The files that Kconfig reads, and with `makefiles` those that localmodconfig does: path, mode and object.
fn files(repo: &Repository, tree: Oid, arch: &Arch, makefiles: bool) -> Result<Vec<(String, i32, Oid)>> {
    let (mut found, mut left) = (Vec::new(), vec![(String::new(), tree)]);
    while let Some((at, tree)) = left.pop() {
        let tree = repo.find_tree(tree)?;
        // These names become files.
        sound(&tree)?;
        for entry in &tree {
            let Some(name) = entry.name() else { continue };
            let path = format!("{at}{name}");
            let wanted = needed(&path) || makefiles && ["Makefile", "Kbuild"].contains(&name);
            match entry.kind() {
                Some(ObjectType::Tree) if may_hold(&path) => left.push((format!("{path}/"), entry.id())),
                Some(ObjectType::Blob) if is_kconfig(&path) || wanted && !is_foreign(&path, arch) => {
                    found.push((path, entry.filemode(), entry.id()));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Is a file of another architecture? Drivers read some of their Kconfig files, yet what is defined there is not
/// for us.
fn is_foreign(path: &str, arch: &Arch) -> bool {
    path.strip_prefix("arch/").is_some_and(|rest| rest.split('/').next() != Some(arch.srcarch) && rest.contains('/'))
}

/// Folders without a Kconfig file, which only cost time.
fn may_hold(path: &str) -> bool {
    !["xtask", "LICENSES", "scripts/kconfig/tests"].contains(&path)
}

/// Does Kconfig read the file, for some architecture?
pub fn reads(path: &str) -> bool {
    is_kconfig(path) || needed(path)
}

fn is_kconfig(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("Kconfig"))
}

fn needed(path: &str) -> bool {
    let arch_file = path.starts_with("arch/")
        && (path.contains("/configs/") || path.rsplit('/').next().is_some_and(|n| n.starts_with("Makefile")));
    arch_file
        || path.starts_with("scripts/")
        || path.starts_with("kernel/configs/")
        || ["Makefile", "Kbuild"].contains(&path)
}
