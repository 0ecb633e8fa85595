// SPDX-License-Identifier: GPL-2.0-only
//! A machine in a directory: the suite's own packages, run as root of a user namespace.

use std::path::{Path, PathBuf};

use crate::lab::{codename, Lab, Outcome};

pub struct Root<'a> {
    lab: &'a Lab,
    pub dir: PathBuf,
}

/// Root in a namespace of its own, with a range of users below it.
const UNSHARE: [&str; 7] =
    ["--map-auto", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"];

impl<'a> Root<'a> {
    /// The program's own bare chroot, and these packages.
    pub fn new(lab: &'a Lab, arch: &str, packages: &[&str]) -> Self {
        let tar = lab.xtask(&["chroot", "create", &codename(), arch]).ok().stdout.trim().to_owned();
        let root = Root { lab, dir: lab.path(&format!("root-{arch}")) };
        std::fs::create_dir(&root.dir).expect("a directory");
        std::fs::set_permissions(&root.dir, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
        root.outside(&format!("tar -C '{}' -xf '{tar}' --exclude=./dev/*", root.dir.display())).ok();
        if !packages.is_empty() {
            let packages = packages.join(" ");
            root.run(&format!("apt-get update && apt-get install --yes --no-install-recommends {packages}"));
        }
        root
    }

    /// Runs a shell line as the namespace's root, outside of the directory.
    pub fn outside(&self, line: &str) -> Outcome {
        let (mut args, line) = (UNSHARE.to_vec(), format!("umask 022\n{line}"));
        args.extend(["sh", "-c", &line]);
        self.lab.run("unshare", &args)
    }

    /// Runs a shell line in it; the exit code, and what it said.
    pub fn try_run(&self, line: &str) -> (i32, String) {
        let outcome = self.outside(&format!("{} sh -c '{}'", self.enter("true"), line.replace('\'', r"'\''")));
        (outcome.code, format!("{}{}", outcome.stdout, outcome.stderr))
    }

    /// Runs a shell line in it that has to do well; what it printed.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        self.outside(&format!("{} sh -c '{}'", self.enter("true"), line.replace('\'', r"'\''"))).ok().stdout
    }

    /// The beginning of a shell line that goes on in it, with root's umask, whatever the user's is; `mounts` is what comes after the usual ones.
    pub fn enter(&self, mounts: &str) -> String {
        let dir = self.dir.display();
        format!(
            "umask 022 && mount --rbind /dev '{dir}/dev' && mount -t proc proc '{dir}/proc' && {mounts} && \
             exec env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot '{dir}'"
        )
    }

    /// Puts a copy of the lab's directory `from` in the place of `to`.
    pub fn put(&self, from: &str, to: &str) {
        let (from, to) = (self.lab.path(from), self.dir.join(to));
        let (from, to) = (from.display(), to.display());
        self.outside(&format!("rm -rf '{to}' && mkdir -p \"$(dirname '{to}')\" && cp -r '{from}' '{to}'")).ok();
    }

    /// Writes a file in it.
    pub fn write(&self, path: &str, mode: &str, text: &str) {
        self.lab.write("to-be-put", text);
        let (from, to) = (self.lab.path("to-be-put"), self.dir.join(path));
        let (from, to): (_, &Path) = (from.display(), &to);
        self.outside(&format!("install -D -m {mode} '{from}' '{}'", to.display())).ok();
    }
}

impl Drop for Root<'_> {
    fn drop(&mut self) {
        // Its files belong to users that only the namespace knows.
        let _ = self.outside(&format!("rm -rf '{}'", self.dir.display()));
    }
}
