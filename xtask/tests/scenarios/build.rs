// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask build`: real packages of the miniature in every mode.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use crate::lab::{codename, Lab, Outcome, TAG};

const ARM64: u16 = 183; // EM_AARCH64
const AMD64: u16 = 62; // EM_X86_64

/// A fork whose `slim` is for both architectures, so that it can be built natively too.
fn lab() -> Lab {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.edit("kernel/debian.master/control.d/vars.slim", "arch=\"arm64\"", "arch=\"amd64 arm64\"");
    lab.commit("kernel", "slim for both");
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    lab
}

/// The files of each package with the machine of those that are ELF, and its control fields.
struct Set {
    files: BTreeMap<String, BTreeSet<String>>,
    machines: BTreeSet<(String, u16)>,
    control: BTreeMap<String, String>,
}

fn read(lab: &Lab, dir: &Path) -> Set {
    let mut set = Set { files: BTreeMap::new(), machines: BTreeSet::new(), control: BTreeMap::new() };
    for entry in std::fs::read_dir(dir).unwrap() {
        let deb = entry.unwrap().path();
        if deb.extension().is_none_or(|e| e != "deb") {
            continue;
        }
        let name = deb.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().to_owned();
        let deb = deb.to_str().unwrap();
        let control = lab.run("dpkg-deb", &["--field", deb]).ok().stdout;
        let fields: Vec<&str> = control.lines().filter(|l| !l.starts_with("Installed-Size")).collect();
        set.control.insert(name.clone(), fields.join("\n"));
        let to = lab.path("unpacked").join(&name);
        std::fs::create_dir_all(&to).unwrap();
        lab.run("dpkg-deb", &["--extract", deb, to.to_str().unwrap()]).ok();
        let mut left = vec![to.clone()];
        while let Some(path) = left.pop() {
            let meta = std::fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                left.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
                continue;
            }
            let inside = path.strip_prefix(&to).unwrap().display().to_string();
            if meta.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                if bytes.starts_with(b"\x7fELF") {
                    set.machines.insert((inside.clone(), u16::from_le_bytes([bytes[18], bytes[19]])));
                }
            }
            set.files.entry(name.clone()).or_default().insert(inside);
        }
    }
    std::fs::remove_dir_all(lab.path("unpacked")).unwrap();
    set
}

fn build(lab: &Lab, args: &[&str], out: &str) -> Set {
    let outcome = build_with(lab, args, out);
    assert!(outcome.stdout.contains("linux-image-unsigned-6.1.42-1-slim"), "{}", outcome.stdout);
    read(lab, &lab.path(out))
}

fn build_with(lab: &Lab, args: &[&str], out: &str) -> Outcome {
    let to = lab.path(out);
    let mut all = vec!["build", "--flavour", "slim", "--out", to.to_str().unwrap()];
    all.extend(args);
    lab.xtask(&all).ok()
}

fn assert_complete(set: &Set, machine: u16) {
    let names: Vec<&str> = set.files.keys().map(String::as_str).collect();
    let expected = [
        "buildinfo-6.1.42-1-slim",
        "headers-6.1.42-1",
        "headers-6.1.42-1-slim",
        "image-unsigned-6.1.42-1-slim",
        "modules-6.1.42-1-slim",
    ];
    assert_eq!(names, expected.map(|n| format!("linux-{n}")));
    // What `publish` goes by is in the packages themselves.
    let suite = format!("Fork-Suite: {}", codename());
    assert!(set.control.values().all(|c| c.lines().filter(|l| *l == suite).count() == 1), "{:?}", set.control);
    assert!(set.machines.iter().any(|(f, _)| f.ends_with("scripts/mod/modpost")), "no host tool in {:?}", set.machines);
    assert!(set.machines.iter().any(|(f, _)| f.ends_with(".ko")), "no module in {:?}", set.machines);
    let foreign: Vec<_> = set.machines.iter().filter(|(_, m)| *m != machine).collect();
    assert!(foreign.is_empty(), "of another architecture: {foreign:?}");
}

#[test]
fn cross_and_emulated_give_the_same_packages() {
    let lab = lab();
    let makefile = lab.text("kernel/Makefile");
    lab.write("kernel/Makefile", &format!("{makefile}\n$(info imitated: $(QEMU_CPU).)\n"));
    lab.commit("kernel", "say what processor qemu imitates");
    lab.xtask(&["flavour", "regen"]).ok();
    let cross = build(&lab, &["arm64", "--cross"], "cross");
    let emulated = build(&lab, &["arm64", "--emulated"], "emulated");
    assert_complete(&cross, ARM64);
    assert_complete(&emulated, ARM64);
    assert_eq!(cross.files, emulated.files);
    assert_eq!(cross.control, emulated.control);
    let (a, b) = (lab.path("cross").display().to_string(), lab.path("emulated").display().to_string());
    let compared = lab.xtask(&["compare", &a, &b]).ok().stdout;
    assert!(!compared.contains("different"), "{compared}");
    // And whoever needs a module of their own can compile it against either.
    lab.xtask(&["audit", "--build-module", &b]).says(&["ok compile a module", "nothing is wrong"]);

    let metadata: serde_json::Value = serde_json::from_str(&lab.text("emulated/metadata.json")).unwrap();
    assert_eq!(metadata["mode"], "emulated");
    assert_eq!(metadata["commit"], lab.git("kernel", &["rev-parse", "HEAD"]));
    assert!(metadata["tools"]["qemu"].as_str().unwrap().contains("version"));
    assert!(lab.text("emulated/build.log").contains("Status: successful"));
    // What the kernel made to run itself ran at this machine's own speed; what is shipped of it is told above.
    for mode in ["cross", "emulated"] {
        assert!(lab.text(&format!("{mode}/metadata.json")).contains("HOSTCC=x86_64-linux-gnu-gcc"));
        assert!(!lab.text(&format!("{mode}/build.log")).contains("twice: no "));
        // And what is left to qemu runs on a processor without pointer authentication.
        assert!(lab.text(&format!("{mode}/build.log")).contains("imitated: cortex-a57."));
    }

    // The same inputs are not built again, and a lost package is noticed.
    let out = lab.path("cross").display().to_string();
    let again = ["build", "arm64", "--cross", "--flavour", "slim", "--out", &out];
    assert!(lab.xtask(&again).ok().stderr.contains("built before"));
}

#[test]
fn native_builds_for_this_machine() {
    let lab = lab();
    // A submodule at the top of the tree: an empty directory, as in a clone.
    let head = lab.git("kernel", &["rev-parse", "HEAD"]);
    lab.git("kernel", &["update-index", "--add", "--cacheinfo", &format!("160000,{head},firmware")]);
    lab.git("kernel", &["commit", "--quiet", "--message", "firmware: a submodule"]);
    std::fs::create_dir(lab.path("kernel/firmware")).unwrap();
    assert_complete(&build(&lab, &["amd64", "--native"], "native"), AMD64);
    // Without a mode it is native too, and so the same.
    let out = lab.path("native").display().to_string();
    assert!(lab.xtask(&["build", "amd64", "--flavour", "slim", "--out", &out]).ok().stderr.contains("built before"));
}

#[test]
fn tools_are_built_when_asked_for() {
    let lab = lab();
    let set = build(&lab, &["arm64", "--cross", "--tools"], "packages");
    let tools: Vec<&str> = set.files.keys().map(String::as_str).filter(|n| n.starts_with("linux-tools-")).collect();
    assert_eq!(tools, ["linux-tools-6.1.42-1", "linux-tools-6.1.42-1-slim"]);
    let (_, machine) = set.machines.iter().find(|(f, _)| f.ends_with("/perf")).expect("perf");
    assert_eq!(*machine, ARM64);
    let metadata: serde_json::Value = serde_json::from_str(&lab.text("packages/metadata.json")).unwrap();
    assert!(metadata["reproduce"].as_str().unwrap().contains(" --tools"), "{metadata}");

    lab.git("kernel", &["rm", "-rq", "tools/perf"]);
    lab.commit("kernel", "without perf");
    lab.xtask(&["build", "arm64", "--cross", "--tools"]).fails(3, &["no tools/perf"]);
}

#[test]
fn a_build_that_fails_leaves_its_log_and_earlier_packages() {
    let lab = lab();
    lab.write("packages/linux-old.deb", "an earlier build\n");
    lab.write("packages/metadata.json", "{}\n");
    lab.write("kernel/init/main.c", "#error broken on purpose\n");
    lab.commit("kernel", "a mistake");
    // As a shell completes it.
    let out = format!("{}/", lab.path("packages").display());
    let outcome = lab.xtask(&["build", "arm64", "--cross", "--flavour", "slim", "--out", &out]);
    let outcome = outcome.fails(6, &["the build failed", "packages.failed.log", "hint:", "at `", "init/main.o"]);
    // The error itself, and not thousands of lines.
    assert!(
        outcome.stderr.contains("| init/main.c:1:2: error")
            || outcome.stderr.contains("main.c:1:2: error: #error broken")
    );
    assert!(outcome.stderr.lines().count() < 60, "{}", outcome.stderr);
    assert!(lab.text("packages.failed.log").contains("broken on purpose"));
    assert_eq!(lab.text("packages/linux-old.deb"), "an earlier build\n");
    let left = lab.names(".");
    assert!(!left.iter().any(|n| n.starts_with(".kernel-fork.")), "{left:?}");
}

#[test]
fn what_cannot_be_built_is_said_before_anything_is_made() {
    let lab = lab();
    lab.xtask(&["build", "vax"]).fails(3, &["unknown architecture `vax`"]);
    lab.xtask(&["build", "--flavour", "fat"]).fails(3, &["unknown flavour `fat`", "slim"]);
    lab.xtask(&["build", "--suite", "hardy"]).fails(3, &["unknown suite `hardy`"]);
    lab.xtask(&["build", "arm64", "--native"]).fails(3, &["not arm64"]);
    lab.xtask(&["build", "amd64", "--cross", "--flavour", "slim"]).fails(3, &["--native"]);
    lab.xtask(&["build", "amd64", "--flavour", "tickless"]).fails(3, &["not for amd64", "vars.tickless"]);
    lab.write("precious/file", "mine\n");
    for (out, why) in
        [(".", "holds this repository"), ("..", "holds this repository"), ("../precious", "metadata.json")]
    {
        lab.xtask(&["build", "arm64", "--out", out]).fails(3, &[why, "--out"]);
    }
    assert_eq!(lab.text("precious/file"), "mine\n");
    lab.git("kernel", &["checkout", "--quiet", "main"]);
    lab.xtask(&["build", "arm64"]).fails(7, &["vendor snapshot", "cargo xtask fork"]);
}

#[test]
fn a_build_dependency_that_the_suite_lacks_is_explained() {
    let lab = lab();
    lab.write(
        "kernel/debian.master/control.d/build-depends",
        " python3-kconfiglib:native,\n no-such-package,\n figlet-of-another-name,\n",
    );
    lab.commit("kernel", "impossible");
    let outcome = lab.xtask(&["build", "arm64", "--cross", "--flavour", "slim"]);
    let outcome = outcome.fails(3, &["no-such-package", "gone or renamed", "substitute", "figlet-of-another-name"]);
    assert!(!outcome.stderr.contains("python3-kconfiglib:"), "{}", outcome.stderr);
    // With a substitute for one and the other dropped, it is built.
    let suite = codename();
    let line = lab.text("kernel/Cargo.toml");
    let line =
        line.lines().find(|l| l.starts_with(&format!("{suite} = "))).expect("this suite is in the settings").to_owned();
    let with =
        line.replace("substitute = { ", "substitute = { no-such-package = \"bc\", figlet-of-another-name = \"\", ");
    lab.edit("kernel/Cargo.toml", &line, &with);
    lab.commit("kernel", "substituted");
    let out = lab.path("packages").display().to_string();
    lab.xtask(&["build", "arm64", "--cross", "--flavour", "slim", "--out", &out]).ok();
    let metadata: serde_json::Value = serde_json::from_str(&lab.text("packages/metadata.json")).unwrap();
    assert_eq!(metadata["substituted"]["no-such-package"], "bc");
}

/// A build that sbuild is at.
fn begun(lab: &Lab) -> std::process::Child {
    let out = lab.path("packages").display().to_string();
    let mut child = lab.spawn(&["build", "arm64", "--cross", "--flavour", "slim", "--out", &out], &lab.path("said"));
    let start = std::time::Instant::now();
    while !lab.text("said").contains(".. build slim") {
        assert!(start.elapsed().as_secs() < 900 && child.try_wait().unwrap().is_none(), "{}", lab.text("said"));
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    std::thread::sleep(std::time::Duration::from_secs(4));
    child
}

#[test]
fn a_killed_build_takes_sbuild_with_it() {
    let lab = lab();
    let mut child = begun(&lab);
    child.kill().unwrap();
    child.wait().unwrap();
    // The place that packages are built in is beside the one that they go to.
    let ours = format!("--build-dir={}", lab.path("").display());
    let start = std::time::Instant::now();
    while lab.run("ps", &["-ww", "-eo", "args"]).ok().stdout.contains(&ours) {
        assert!(start.elapsed().as_secs() < 90, "sbuild goes on");
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    assert!(!lab.path("packages").exists());
}

#[test]
fn an_interrupted_build_leaves_nothing_running_and_nothing_behind() {
    let lab = lab();
    let mut child = begun(&lab);
    for _ in 0..2 {
        lab.run("kill", &["-TERM", &child.id().to_string()]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130), "{}", lab.text("said"));
    assert!(lab.text("said").contains("interrupted during `sbuild`"), "{}", lab.text("said"));
    assert!(!lab.path("packages").exists() && !lab.path("packages.failed.log").exists());
    lab.assert_nothing_left();
}

/// The kernel (6.7 or newer) lets a user namespace have its own list of what it can run, and a new one is empty: no
/// program of another architecture starts there. Only root can make one that has all users, which sbuild needs.
#[test]
#[ignore = "needs root"]
fn a_cross_build_does_without_programs_of_the_other_architecture() {
    let lab = lab();
    let whole = build(&lab, &["arm64", "--cross"], "cross");
    let out = lab.path("apart").display().to_string();
    let args = ["build", "arm64", "--flavour", "slim", "--out", &out];
    let script = "read go && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && exec \"$0\" \"$@\"";
    let without = |mode: &str| {
        let mut command = lab.command("unshare", "kernel");
        command.args(["--user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_xtask")]).args(args).arg(mode);
        let pipe = std::process::Stdio::piped;
        let mut child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
        // Until it is in its namespace, where nobody has a number yet.
        let status = |id: u32| std::fs::read_link(format!("/proc/{id}/ns/user")).unwrap();
        while status(child.id()) == status(std::process::id()) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        for map in ["uid_map", "gid_map"] {
            std::fs::write(format!("/proc/{}/{map}", child.id()), "0 0 4294967295").unwrap();
        }
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        Outcome::of(child.wait_with_output().unwrap())
    };
    without("--emulated").fails(4, &["arm64 programs cannot be run"]);
    without("--cross").ok();
    let apart = read(&lab, &lab.path("apart"));
    assert_complete(&apart, ARM64);
    assert_eq!(apart.files, whole.files);
    assert_eq!(apart.control, whole.control);
}

#[test]
fn ccache_finds_what_was_compiled_before() {
    let lab = lab();
    let cached = |out: &str| {
        build_with(&lab, &["arm64", "--cross", "--ccache", "--again"], out);
        let metadata: serde_json::Value = serde_json::from_str(&lab.text(&format!("{out}/metadata.json"))).unwrap();
        let numbers = metadata["cached"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>();
        (numbers[0], numbers[1])
    };
    cached("first");
    let (hits, all) = cached("second");
    assert!(hits == all && all > 5, "{hits} of {all}");
    // Another repository does not find it: what a build there has put into its cache would count as the compiler's here.
    lab.git(".", &["clone", "--quiet", "kernel", "other"]);
    let out = lab.path("third").display().to_string();
    let branch = lab.git("kernel", &["branch", "--show-current"]);
    lab.git("other", &["checkout", "--quiet", &branch]);
    lab.xtask_at("other", &["build", "arm64", "--cross", "--ccache", "--flavour", "slim", "--out", &out]).ok();
    let metadata: serde_json::Value = serde_json::from_str(&lab.text("third/metadata.json")).unwrap();
    assert_eq!(metadata["cached"][0], 0, "{}", metadata["cached"]);
    // What comes out of the cache is what the compiler would have made.
    build_with(&lab, &["arm64", "--cross"], "alone");
    let (a, b) = (lab.path("alone").display().to_string(), lab.path("second").display().to_string());
    lab.xtask(&["compare", &a, &b]).ok();
}

/// The machine's own packages count here; what it lacks is named and nothing is built.
#[test]
fn right_on_the_machine_it_is_the_same_set() {
    let lab = lab();
    let out = lab.path("host").display().to_string();
    let outcome = lab.xtask(&["build", "amd64", "--native", "--host", "--flavour", "slim", "--out", &out]);
    let needs = ["debhelper", "bc", "bison", "cpio", "flex", "kmod", "libelf-dev", "libssl-dev", "rsync"];
    let lacks = |name: &&&str| {
        // A package that was removed is `not-installed` or `config-files`.
        lab.run("dpkg-query", &["--show", "--showformat", "${db:Status-Status}\\n", name])
            .stdout
            .lines()
            .all(|l| l != "installed")
    };
    if let Some(lacking) = needs.iter().find(lacks) {
        outcome.fails(4, &["lacks build dependencies", lacking]);
        assert!(!lab.path("host").exists());
    } else {
        outcome.ok();
        assert_complete(&read(&lab, &lab.path("host")), AMD64);
        let chroot = lab.path("native").display().to_string();
        build(&lab, &["amd64", "--native"], "native");
        lab.xtask(&["compare", &chroot, &out]).ok();
    }
    lab.xtask(&["build", "arm64", "--cross", "--host", "--flavour", "slim"]).fails(3, &["not arm64"]);
    lab.xtask(&["build", "amd64", "--host", "--suite", "jammy", "--flavour", "slim"]).fails(3, &["this machine runs"]);
}

#[test]
fn a_kernel_for_one_machine_stands_beside_others() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.edit(
        "kernel/Cargo.toml",
        "tickless = { base = \"generic\" }",
        "tickless = { base = \"generic\", modules = \"kernel/configs/board.modules\", abi = \"unique\" }",
    );
    lab.write("kernel/kernel/configs/board.modules", "Module                  Size  Used by\ntun 61440 2\nzfs 1 0\n");
    lab.commit("kernel", "tickless: for the board");
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    // The listing is the fork's, and the configuration that is committed has everything.
    assert!(lab.path("kernel/kernel/configs/board.modules").exists());
    let config = lab.text("kernel/debian.master/config/arm64/config.flavour.tickless");
    assert!(config.contains("CONFIG_TUN=m\n") && config.contains("CONFIG_DUMMY=m\n"), "{config}");

    let modules = |args: &[&str], out: &str| {
        let to = lab.path(out);
        let said =
            lab.xtask(&[&["build", "arm64", "--cross", "--out", to.to_str().unwrap()], args].concat()).ok().stderr;
        let set = read(&lab, &to);
        let name = set.files.keys().find(|name| name.starts_with("linux-modules-")).unwrap().clone();
        let files: Vec<String> = set.files[&name].iter().filter(|f| f.ends_with(".ko")).cloned().collect();
        let mut files: Vec<String> = files.iter().map(|f| f.rsplit('/').next().unwrap().to_owned()).collect();
        files.sort();
        (name, files, said)
    };
    let (name, files, said) = modules(&[], "board");
    assert_eq!(files, ["tun.ko"]);
    assert!(said.contains("not modules of this kernel: zfs"), "{said}");
    // The vendor's ABI number, nine digits of the commit, the flavour.
    let abi = name.strip_prefix("linux-modules-6.1.42-1").unwrap().strip_suffix("-tickless").unwrap();
    assert!(abi.len() == 9 && abi.bytes().all(|b| b.is_ascii_digit()), "{name}");

    let (same, files, _) = modules(&["--no-trim"], "all");
    assert_eq!((same, files), (name, ["crc7.ko", "dummy.ko", "tun.ko"].map(str::to_owned).to_vec()));

    lab.write("kernel/kernel/configs/board.modules", "<html>\n");
    lab.commit("kernel", "not what lsmod prints");
    lab.xtask(&["flavour", "regen"]).ok();
    lab.xtask(&["build", "arm64", "--cross"]).fails(3, &["board.modules", "line 1, column 1: no line of lsmod's"]);
}
