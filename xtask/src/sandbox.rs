// SPDX-License-Identifier: GPL-2.0-only
//! The one sandbox for code that nobody has vouched for: Kconfig, compilers of a chroot, host builds, module builds,
//! farm workers, shells in a chroot, package installation. bubblewrap starts it.
//!
//! It begins with an empty root, and what is visible is named: the programs of this machine, or those of an unpacked
//! chroot. `/run`, `/tmp`, `/dev` and `/proc` are its own, and so are its processes, IPC objects, host name, control
//! groups, network (abstract sockets included) and session. Homes, and the sockets of docker, ssh, gpg and D-Bus, are
//! nowhere in it. Only [`Sandbox`] makes arguments for bubblewrap, so no caller can let the machine's own root in.

use camino::{Utf8Path, Utf8PathBuf};
use xshell::{cmd, Cmd, Shell};

use crate::arch::QEMU_CPU;
use crate::effects::{Effects, Run, Scratch};
use anyhow::{Context, Result};

/// Directories of this machine that hold its programs and libraries, where they are no links into `/usr`.
const PROGRAMS: &[&str] = &["bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"];
/// Files of `/etc` that programs cannot do without, none of which names a user or holds a secret.
const ETC: &[&str] = &[
    "alternatives",
    "debian_version",
    "dpkg",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "lsb-release",
    "magic",
    "os-release",
    "perl",
    "sgml",
    "ssl/openssl.cnf",
    "xml",
];
/// Users and groups of every Debian system, from the package base-passwd, in place of this machine's own.
const USERS: [(&str, &str); 2] =
    [("/usr/share/base-passwd/passwd.master", "/etc/passwd"), ("/usr/share/base-passwd/group.master", "/etc/group")];
/// What a sandbox has of its own, or has not at all, whatever a chroot holds there.
const NOT_OF_CHROOT: &[&str] = &["dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "tmp"];
/// In an unpacked chroot: the root directory, and beside it the file that says what it is.
const ROOT: &str = "root";
const MARK: &str = "unpacked";

/// An unpacked chroot: the only directory that can become the root of a sandbox.
pub struct Unpacked {
    dir: Utf8PathBuf,
    scratch: Option<Scratch>,
}

impl Unpacked {
    /// Unpacks a tar file of a chroot. It is removed when this is dropped.
    ///
    /// # Errors
    /// No room on the disk; the tar file is damaged.
    pub fn new(fx: &Effects, tar: &Utf8Path) -> Result<Self> {
        Self::in_scratch(fx, fx.scratch("chroot")?, tar)
    }

    /// As [`Unpacked::new`], where other users of this machine can read it too.
    ///
    /// # Errors
    /// As there.
    pub fn shared(fx: &Effects, tar: &Utf8Path) -> Result<Self> {
        Self::in_scratch(fx, fx.shared_scratch("chroot")?, tar)
    }

    fn in_scratch(fx: &Effects, scratch: Scratch, tar: &Utf8Path) -> Result<Self> {
        let (dir, to) = (scratch.path().to_owned(), scratch.join(ROOT));
        // Everything belongs to whoever calls, who is root in some sandboxes; device files cannot be made.
        let extract = cmd!(
            fx.sh,
            "tar --extract --file {tar} --directory {to} --no-same-owner --no-same-permissions --exclude=./dev/*"
        );
        fx.read(Run::from(cmd!(fx.sh, "mkdir {to}")).for_everybody())?;
        fx.read(Run::from(extract).for_everybody())?;
        scratch.put(MARK, tar.file_name().unwrap_or_default())?;
        Ok(Self { dir, scratch: Some(scratch) })
    }

    /// One that [`Unpacked::kept`] has put at `dir`.
    ///
    /// # Errors
    /// There is none.
    pub fn at(dir: &Utf8Path) -> Result<Self> {
        if !dir.is_absolute() || !dir.join(MARK).is_file() || !dir.join(ROOT).is_dir() {
            fail!(Input, "`{dir}` is not an unpacked chroot"; "`cargo xtask farm serve` unpacks one");
        }
        Ok(Self { dir: dir.to_owned(), scratch: None })
    }

    /// Moves it to `dir`, where it stays. `None` in a dry run.
    ///
    /// # Errors
    /// `dir` cannot be written.
    pub fn kept(self, fx: &Effects, dir: &Utf8Path) -> Result<()> {
        let scratch = self.scratch.context("it is in a scratch directory")?;
        fx.replace_dir(scratch.path(), dir)?;
        Ok(())
    }

    /// The directory that [`Unpacked::at`] takes.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// The root directory.
    pub fn root(&self) -> Utf8PathBuf {
        self.dir.join(ROOT)
    }
}

/// A sandbox in the making.
#[derive(Debug, Clone)]
#[must_use]
pub struct Sandbox {
    args: Vec<String>,
}

impl Sandbox {
    /// With the programs of this machine, read-only.
    ///
    /// # Errors
    /// The root directory cannot be read.
    pub fn machine() -> Result<Self> {
        let mut this = Self::empty();
        for name in PROGRAMS {
            this = this.top(&Utf8Path::new("/").join(name), name)?;
        }
        for name in ETC {
            let path = format!("/etc/{name}");
            this = this.with(&["--ro-bind-try", &path, &path]);
        }
        for (from, to) in USERS {
            this = this.with(&["--ro-bind-try", from, to]);
        }
        Ok(this.own())
    }

    /// With everything of an unpacked chroot, read-only.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn chroot(chroot: &Unpacked) -> Result<Self> {
        let mut this = Self::empty();
        for entry in chroot.root().read_dir_utf8().with_context(|| format!("cannot read {}", chroot.root()))? {
            let entry = entry?;
            if !NOT_OF_CHROOT.contains(&entry.file_name()) {
                this = this.top(entry.path(), entry.file_name())?;
            }
        }
        Ok(this.own())
    }

    /// With everything of an unpacked chroot, which it may change.
    pub fn writable_chroot(chroot: &Unpacked) -> Self {
        let mut this = Self::empty().with(&["--bind", chroot.root().as_str(), "/"]).own();
        for home in ["root", "home"] {
            if chroot.root().join(home).is_dir() {
                this = this.with(&["--tmpfs", &format!("/{home}")]);
            }
        }
        this
    }

    fn empty() -> Self {
        let mut this = Self { args: Vec::new() }.with(&["--die-with-parent", "--unshare-all", "--new-session"]);
        this = this.with(&["--clearenv"]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        // Programs of another architecture want it.
        match std::env::var(QEMU_CPU) {
            Ok(cpu) if !cpu.is_empty() => this.env(QEMU_CPU, &cpu),
            _ => this,
        }
    }

    /// One directory, or link, of the top.
    fn top(self, path: &Utf8Path, name: &str) -> Result<Self> {
        let to = format!("/{name}");
        if path.is_symlink() {
            let target = path.read_link_utf8().with_context(|| format!("cannot read {path}"))?;
            return Ok(self.with(&["--symlink", target.as_str(), &to]));
        }
        Ok(if path.exists() { self.with(&["--ro-bind", path.as_str(), &to]) } else { self })
    }

    /// What it has of its own, whatever was mounted before.
    fn own(self) -> Self {
        self.with(&["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--tmpfs", "/tmp"])
    }

    fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|a| (*a).to_owned()));
        self
    }

    /// Its processes have this user and group id; 0 is root, inside.
    pub fn user(self, id: u32) -> Self {
        let id = id.to_string();
        self.with(&["--unshare-user", "--uid", &id, "--gid", &id])
    }

    /// The machine's network, and with it what listens on the machine itself: TCP ports and abstract sockets.
    pub fn network(self) -> Self {
        self.with(&["--share-net", "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"])
    }

    /// Something of the machine that it sees, and where.
    pub fn see(self, from: &Utf8Path, to: &str) -> Self {
        self.with(&["--ro-bind", from.as_str(), to])
    }

    /// Something of the machine that it may change, and where.
    pub fn change(self, from: &Utf8Path, to: &str) -> Self {
        self.with(&["--bind", from.as_str(), to])
    }

    /// An empty directory in memory.
    pub fn own_dir(self, at: &str) -> Self {
        self.with(&["--tmpfs", at])
    }

    /// A link in a directory of its own.
    pub fn link(self, target: &str, at: &str) -> Self {
        self.with(&["--symlink", target, at])
    }

    /// A variable of its environment, which is empty but for `PATH` and `LC_ALL`.
    pub fn env(self, name: &str, value: &str) -> Self {
        self.with(&["--setenv", name, value])
    }

    /// The directory that it starts in.
    pub fn at(self, dir: &str) -> Self {
        self.with(&["--chdir", dir])
    }

    /// Draws on the user's terminal. It is in a session of its own even so: a terminal lets whoever controls it type
    /// for the user (TIOCSTI), into the shell that comes back afterwards.
    pub fn on_terminal(self) -> Self {
        match std::env::var("TERM") {
            Ok(term) if !term.is_empty() => self.env("TERM", &term),
            _ => self,
        }
    }

    /// The command line that runs a program in it.
    pub fn run<'a, S: AsRef<str>>(&self, sh: &'a Shell, command: impl IntoIterator<Item = S>) -> Cmd<'a> {
        let args = &self.args;
        command.into_iter().fold(cmd!(sh, "bwrap {args...} --"), |cmd, word| cmd.arg(word.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_what_is_named_is_let_in() {
        let sandbox = Sandbox::machine().unwrap();
        let bound: Vec<&str> = sandbox
            .args
            .windows(2)
            .filter(|w| w[0].contains("bind"))
            .map(|w| w[1].as_str())
            .filter(|p| !p.starts_with("/etc/") && !p.starts_with("/usr/share/base-passwd/"))
            .collect();
        assert!(bound.iter().all(|p| PROGRAMS.contains(&&p[1..])), "{bound:?}");
        assert!(Unpacked::at(Utf8Path::new("/")).is_err(), "the machine's root is not a chroot");
    }

    /// Everybody else goes through [`Sandbox`].
    #[test]
    fn no_other_file_starts_bubblewrap() {
        let mut left = vec![Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(path.read_dir_utf8().unwrap().map(|e| e.unwrap().into_path()));
            } else if path.extension() == Some("rs") && path.file_name() != Some("sandbox.rs") {
                let text = fs_err::read_to_string(&path).unwrap();
                for start in ["\"bwrap {", "\"--ro-bind", "\"--bind\"", "cmd(\"bwrap\")"] {
                    assert!(!text.contains(start), "{path} has `{start}`");
                }
            }
        }
    }
}
