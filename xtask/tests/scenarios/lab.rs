// SPDX-License-Identifier: GPL-2.0-only
//! A lab of its own for each test: a home, a git identity, a clock, a clone of this repository, a vendor.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use tempfile::TempDir;

/// The miniature's version, as a mainline tag.
pub const TAG: &str = "v6.1.42";

pub struct Lab {
    dir: TempDir,
    cache: PathBuf,
}

/// What a command did.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn of(output: Output) -> Self {
        let text = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Panics with everything that was said unless the command did well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Panics unless the command did well and said these words on stderr.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        self.fails(0, words)
    }

    /// Panics unless the command failed with this exit code and these words.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in:\n{}", self.stderr);
        }
        self
    }
}

impl Lab {
    /// A lab that shares this machine's cache of chroots, as the person's own runs do.
    pub fn new() -> Self {
        let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
        let cache = std::env::var_os("KERNEL_FORK_CACHE")
            .map(PathBuf::from)
            .unwrap_or_else(|| std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("kernel-fork"));
        Self::with_cache(Some(cache))
    }

    /// A lab with nothing made before.
    pub fn without_cache() -> Self {
        Self::with_cache(None)
    }

    fn with_cache(cache: Option<PathBuf>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let lab = Self { cache: cache.unwrap_or_else(|| dir.path().join("cache")), dir };
        fs::create_dir(lab.path("home")).expect("a home");
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned();
        copy_ours(&top, &lab.path("kernel"));
        lab.git("kernel", &["init", "--quiet", "--initial-branch=main"]);
        lab.git("kernel", &["add", "--all", "--force", "."]);
        lab.git("kernel", &["commit", "--quiet", "--message", "the repository"]);
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where chroots and trees are kept.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).unwrap_or_else(|e| panic!("{name}: {e}"));
    }

    /// Replaces words in a file; they have to be there.
    #[track_caller]
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{name} has no `{from}`");
        self.write(name, &text.replace(from, to));
    }

    /// A command with this lab's environment and nothing else.
    pub fn command(&self, program: &str, at: &str) -> Command {
        // Ends when the thread that started it does, which is when its test is killed. One of ours cleans up first.
        let signal = if [env!("CARGO_BIN_EXE_xtask"), "timeout"].contains(&program) { "TERM" } else { "KILL" };
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", signal, "--", program]);
        command.env_clear().current_dir(self.path(at));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("KERNEL_FORK_CACHE", &self.cache).env("LC_ALL", "C.UTF-8");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", self.path("gitconfig"));
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "member").env(format!("GIT_{role}_EMAIL"), "member@lab.example");
            command.env(format!("GIT_{role}_DATE"), "1700000000 +0100");
        }
        self.write("gitconfig", "[user]\nname = member\nemail = member@lab.example\n[safe]\ndirectory = *\n");
        command
    }

    pub fn xtask_at(&self, at: &str, args: &[&str]) -> Outcome {
        Outcome::of(self.command(env!("CARGO_BIN_EXE_xtask"), at).args(args).output().expect("xtask starts"))
    }

    pub fn xtask(&self, args: &[&str]) -> Outcome {
        self.xtask_at("kernel", args)
    }

    /// Runs the program with more in its environment.
    pub fn xtask_with(&self, environment: &[(&str, &str)], args: &[&str]) -> Outcome {
        let mut command = self.command(env!("CARGO_BIN_EXE_xtask"), "kernel");
        command.envs(environment.iter().copied());
        Outcome::of(command.args(args).output().expect("xtask starts"))
    }

    /// A file that can be run.
    pub fn script(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o755)).expect("a script");
    }

    /// Runs the program on a terminal of its own: each time that something is seen there, keys are pressed. All that
    /// it showed is in `stderr`.
    pub fn on_terminal(&self, args: &[&str], dialog: &[(&str, &str)]) -> Outcome {
        use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("a terminal").into_string().expect("a path");
        let side = || fs::File::options().read(true).write(true).open(&name).expect("a terminal");
        let mut command = self.command("timeout", "kernel");
        command.env("TERM", "xterm").env("LINES", "40").env("COLUMNS", "120");
        // A program that waits for a key that never comes would wait for ever.
        command.args(["--foreground", "--kill-after=5", "300", env!("CARGO_BIN_EXE_xtask")]).args(args);
        let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("xtask starts");
        // The child's sides alone keep it open from now on.
        drop(command);
        let mut terminal = fs::File::from(master);
        let (mut shown, mut from, mut bytes) = (String::new(), 0, [0; 4096]);
        let mut dialog = dialog.iter();
        let mut next = dialog.next();
        // Reading fails when the last of those who write has gone.
        while let Ok(n @ 1..) = std::io::Read::read(&mut terminal, &mut bytes) {
            shown.push_str(&String::from_utf8_lossy(&bytes[..n]));
            while let Some((_, keys)) = next.filter(|(wanted, _)| shown[from..].contains(wanted)) {
                from = shown.len();
                std::io::Write::write_all(&mut terminal, keys.as_bytes()).expect("keys");
                next = dialog.next();
            }
        }
        let code = child.wait().expect("it ends").code().unwrap_or(-1);
        assert!(next.is_none(), "{:?} was never seen in:\n{shown}", next.map(|(wanted, _)| wanted));
        Outcome { code, stdout: String::new(), stderr: shown }
    }

    /// Starts the program with everything it says in the file `log`.
    pub fn spawn(&self, args: &[&str], log: &Path) -> Child {
        let log = fs::File::create(log).expect("a log");
        let mut command = self.command(env!("CARGO_BIN_EXE_xtask"), "kernel");
        command.args(args).stdout(log.try_clone().expect("a log")).stderr(log).spawn().expect("xtask starts")
    }

    /// The names in a directory.
    pub fn names(&self, at: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(at)).expect("a directory");
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Panics where something that was started for this lab still runs, or a mount or a scratch has stayed.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        // The lab's own path is on the command line of everything that was started for it.
        let mine = self.dir.path().display().to_string();
        let running = self.run("ps", &["-eo", "pid,args"]).ok().stdout;
        assert!(!running.lines().any(|l| l.contains(&mine) && !l.contains("ps -eo")), "{running}");
        assert!(!fs::read_to_string("/proc/mounts").expect("mounts").contains(&mine));
        let left = self.names(".");
        assert!(!left.iter().any(|n| n.starts_with(".kernel-fork.")), "{left:?}");
    }

    /// The processes below `pid`.
    pub fn below(&self, pid: u32) -> Vec<u32> {
        let listed = self.run("ps", &["-eo", "pid=,ppid="]).ok().stdout;
        let pairs: Vec<(u32, u32)> = listed
            .lines()
            .filter_map(|l| {
                let mut words = l.split_whitespace().map(str::parse);
                Some((words.next()?.ok()?, words.next()?.ok()?))
            })
            .collect();
        let mut found = vec![pid];
        let mut at = 0;
        while let Some(parent) = found.get(at).copied() {
            found.extend(pairs.iter().filter(|(_, p)| *p == parent).map(|(child, _)| *child));
            at += 1;
        }
        found.split_off(1)
    }

    #[track_caller]
    pub fn git(&self, at: &str, args: &[&str]) -> String {
        let outcome = Outcome::of(self.command("git", at).args(args).output().expect("git starts")).ok();
        outcome.stdout.trim_end().to_owned()
    }

    /// Runs any other program of this machine.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) -> Outcome {
        Outcome::of(self.command(program, ".").args(args).output().unwrap_or_else(|e| panic!("{program}: {e}")))
    }

    /// A vendor's repository with the miniature tree at [`TAG`], and its address.
    pub fn vendor(&self) -> String {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&top.join("mini"), &self.path("vendor"));
        self.git("vendor", &["init", "--quiet"]);
        self.tag("vendor", TAG);
        self.address("vendor")
    }

    pub fn address(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// Commits everything in the work tree `at` and tags it.
    pub fn tag(&self, at: &str, tag: &str) {
        self.commit(at, tag);
        self.git(at, &["tag", "--annotate", "--message", tag, tag]);
    }

    pub fn commit(&self, at: &str, message: &str) {
        self.git(at, &["add", "--all", "--force", "."]);
        self.git(at, &["commit", "--quiet", "--message", message]);
    }

    /// This repository, forked in place from the miniature.
    pub fn forked(&self) -> String {
        let url = self.vendor();
        self.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
        url
    }

    /// Panics with the names of what is not as it was in a snapshot.
    #[track_caller]
    pub fn unchanged(&self, before: &BTreeMap<PathBuf, (u32, Vec<u8>)>) {
        let after = self.snapshot();
        let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
        let changed: Vec<_> = before.keys().chain(after.keys()).filter(differs).collect();
        assert!(changed.is_empty(), "left behind, changed or gone: {changed:?}");
    }

    /// A set of the slim flavour without modules in the directory `name`, with the record of a finished
    /// build; its image holds `kernel`. Packages of a few files, made by dpkg-deb.
    pub fn package_set(&self, name: &str, arch: &str, version: &str, kernel: &str) -> String {
        let (abi, _) = version.rsplit_once('.').expect("a version of ours");
        let release = format!("{abi}-slim");
        let config = self.text("kernel/kernel/configs/slim.config");
        let (image, modules) = (format!("linux-image-unsigned-{release}"), format!("linux-modules-{release}"));
        let packages = [
            (image.clone(), format!("boot/vmlinuz-{release}"), kernel),
            (modules.clone(), format!("boot/config-{release}"), &config),
            (format!("linux-headers-{release}"), format!("usr/src/linux-headers-{release}/.config"), &config),
            (format!("linux-headers-{abi}"), format!("usr/src/linux-headers-{abi}/Makefile"), "all:\n"),
            (format!("linux-buildinfo-{release}"), format!("usr/lib/linux/{release}/config"), &config),
        ];
        fs::create_dir_all(self.path(name)).expect("a directory");
        for (package, path, content) in packages {
            let stage = format!("stage-{}/{package}", name.replace('/', "-"));
            let fields = format!(
                "Source: linux\nVersion: {version}\nArchitecture: {arch}\nMaintainer: a <a@b>\nDescription: x\n"
            );
            self.write(&format!("{stage}/DEBIAN/control"), &format!("Package: {package}\n{fields}"));
            if package == image {
                self.edit(&format!("{stage}/DEBIAN/control"), "Source:", &format!("Depends: {modules}\nSource:"));
                // As the real one: whoever wants to know of a new kernel stands in that directory.
                let hooks = "#!/bin/sh\nset -e\n[ ! -d /etc/kernel/postinst.d ] || \
                             run-parts --verbose --exit-on-error --arg=RELEASE /etc/kernel/postinst.d\n";
                self.script(&format!("{stage}/DEBIAN/postinst"), &hooks.replace("RELEASE", &release));
            }
            self.write(&format!("{stage}/{path}"), content);
            self.pack(&stage, name);
        }
        let record = serde_json::json!({
            "inputs": "", "tag": TAG, "commit": "0".repeat(40), "version": version, "flavour": "slim",
            "architecture": arch, "mode": "cross", "suite": codename(), "chroot": "", "tools": {}, "variables": [],
            "substituted": {}, "from_compiler": {}, "files": {}, "seconds": 1, "reproduce": "",
        });
        self.write(&format!("{name}/metadata.json"), &record.to_string());
        self.path(name).display().to_string()
    }

    /// Makes a package of the files in `stage`, in the directory `to`. Their modes are a package's, whatever the umask.
    #[track_caller]
    pub fn pack(&self, stage: &str, to: &str) {
        self.run("chmod", &["-R", "u=rwX,go=rX", stage]).ok();
        self.run("dpkg-deb", &["-Zgzip", "--root-owner-group", "--build", stage, to]).ok();
    }

    /// Every file and ref of the lab with its content, to see whether anything changed.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.dir.path().to_owned()];
        while let Some(path) = left.pop() {
            let meta = fs::symlink_metadata(&path).expect("metadata");
            let content = if meta.is_dir() {
                left.extend(fs::read_dir(&path).expect("a directory").map(|e| e.expect("an entry").path()));
                Vec::new()
            } else if meta.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).expect("a file")
            };
            found.insert(path, (meta.permissions().mode(), content));
        }
        found
    }
}

/// The suite that this machine runs.
pub fn codename() -> String {
    let text = fs::read_to_string("/etc/os-release").expect("os-release");
    let line = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME=")).expect("a code name");
    line.trim_matches('"').to_owned()
}

/// Copies the files that are this repository's, as they lie: what is tested need not be committed.
fn copy_ours(top: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for name in xtask::workspace::OURS {
        copy(&top.join(name), &to.join(name));
    }
    for flavour in ["slim", "tickless"] {
        for path in [xtask::workspace::vars_path(flavour), xtask::workspace::fragment_path(flavour)] {
            fs::create_dir_all(to.join(&path).parent().expect("a parent")).expect("a directory");
            copy(&top.join(&path), &to.join(&path));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    // The cargo target directory.
    if from.ends_with("xtask/.pc") || !from.exists() {
        return;
    }
    if from.is_dir() {
        fs::create_dir_all(to).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
}
