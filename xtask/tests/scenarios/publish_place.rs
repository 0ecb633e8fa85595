// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask publish`, the directory: who may be at work in it, what is another's there, what machines are told of
//! it, and what packages have to be to get in.

use std::os::unix::fs::PermissionsExt;

use crate::lab::{codename, Lab};
use crate::root::Root;

const V1: &str = "6.1.42-1.1+lab";
const V2: &str = "6.1.42-2.1+lab";

/// A set for a suite, with the control field that a build leaves.
fn for_suite(lab: &Lab, name: &str, version: &str, suite: &str) -> String {
    let set = lab.package_set(name, "arm64", version, name);
    for package in lab.names(&format!("stage-{name}")) {
        let stage = format!("stage-{name}/{package}");
        lab.edit(&format!("{stage}/DEBIAN/control"), "Source:", &format!("Fork-Suite: {suite}\nSource:"));
        lab.pack(&stage, name);
    }
    record(lab, name, "suite", suite);
    set
}

/// Changes a field of a set's record.
fn record(lab: &Lab, name: &str, field: &str, value: &str) {
    let path = format!("{name}/metadata.json");
    let mut json: serde_json::Value = serde_json::from_str(&lab.text(&path)).unwrap();
    json[field] = value.into();
    lab.write(&path, &json.to_string());
}

/// The versions of a package in the index of the repository `apt`.
fn published(lab: &Lab, apt: &str, package: &str) -> Vec<String> {
    let index = lab.text(&format!("{apt}/dists/{}/main/binary-arm64/Packages", codename()));
    let paragraphs = index.split("\n\n").filter(|p| p.starts_with(&format!("Package: {package}\n")));
    paragraphs.filter_map(|p| p.lines().find_map(|l| l.strip_prefix("Version: ")).map(str::to_owned)).collect()
}

#[test]
fn each_of_many_at_once_is_published() {
    let lab = Lab::without_cache();
    let versions: Vec<String> = (1..=8).map(|n| format!("6.1.42-{n}.1+lab")).collect();
    let sets: Vec<String> = versions.iter().map(|v| lab.package_set(&format!("set-{v}"), "arm64", v, v)).collect();
    let logs: Vec<_> = (0..sets.len()).map(|n| lab.path(&format!("log-{n}"))).collect();
    let running: Vec<_> =
        sets.iter().zip(&logs).map(|(set, log)| lab.spawn(&["publish", set, "--keep", "9"], log)).collect();
    for (mut child, log) in running.into_iter().zip(&logs) {
        assert!(child.wait().unwrap().success(), "{}", std::fs::read_to_string(log).unwrap());
    }
    let mut found = published(&lab, "kernel-apt", "linux-image-slim");
    found.sort();
    assert_eq!(found, versions);
    for n in 1..=8 {
        assert_eq!(published(&lab, "kernel-apt", &format!("linux-modules-6.1.42-{n}-slim")).len(), 1);
    }
    lab.assert_nothing_left();
}

#[test]
fn a_second_waits_for_the_first_and_says_so() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    lab.xtask(&["publish", &set]).ok();
    let before = lab.text(&format!("kernel-apt/dists/{}/InRelease", codename()));
    let held = std::fs::File::options().append(true).open(lab.path("kernel-apt/lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let other = lab.package_set("other", "arm64", V2, "another kernel");
    let log = lab.path("log");
    let mut child = lab.spawn(&["publish", &other], &log);
    while !lab.text("log").contains("waiting for another publish") {
        assert!(child.try_wait().unwrap().is_none(), "{}", lab.text("log"));
        std::thread::yield_now();
    }
    assert_eq!(lab.text(&format!("kernel-apt/dists/{}/InRelease", codename())), before);
    drop(held);
    assert!(child.wait().unwrap().success(), "{}", lab.text("log"));
    assert_eq!(published(&lab, "kernel-apt", "linux-image-slim").len(), 2);
}

#[test]
fn what_the_administrator_has_put_there_stays() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    lab.xtask(&["publish", &set]).ok();
    // A pool on a larger disk, another name for a suite, files for people and for the web server.
    std::fs::rename(lab.path("kernel-apt/pool"), lab.path("disk")).unwrap();
    std::os::unix::fs::symlink("../disk", lab.path("kernel-apt/pool")).unwrap();
    std::os::unix::fs::symlink(codename(), lab.path("kernel-apt/dists/stable")).unwrap();
    for file in ["index.html", ".htaccess", "lab.asc", "pool/README", "dists/README", "more/file"] {
        lab.write(&format!("kernel-apt/{file}"), file);
    }
    std::os::unix::fs::symlink("lab.asc", lab.path("kernel-apt/current.asc")).unwrap();
    lab.run("chmod", &["2775", "kernel-apt"]).ok();
    let other = lab.package_set("other", "arm64", V2, "another kernel");
    lab.xtask(&["publish", &other, "--keep", "1"]).says(&["no longer there: "]);
    for file in ["index.html", ".htaccess", "lab.asc", "pool/README", "dists/README", "more/file"] {
        assert_eq!(lab.text(&format!("kernel-apt/{file}")), file);
    }
    assert_eq!(lab.text("kernel-apt/current.asc"), "lab.asc");
    assert!(lab.path("kernel-apt/dists/stable").is_symlink() && lab.path("kernel-apt/pool").is_symlink());
    let mode = std::fs::metadata(lab.path("kernel-apt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o2775);
    assert_eq!(lab.names(&format!("disk/{}/slim-arm64", codename())), [V2]);
    assert_eq!(published(&lab, "kernel-apt", "linux-image-slim"), [V2]);
}

#[test]
fn a_web_server_can_read_it_whatever_the_umask() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    lab.run("chmod", &["-R", "go=", "set"]).ok();
    let line = format!("umask 077 && exec '{}' publish '{set}' --to ../new/apt", env!("CARGO_BIN_EXE_xtask"));
    let done = lab.command("sh", "kernel").args(["-c", &line]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let apt = lab.path("new/apt");
    let found = lab.snapshot().into_iter().filter(|(path, _)| path.starts_with(&apt) && !path.ends_with("lock"));
    let closed: Vec<_> = found.filter(|(_, (mode, _))| mode & 0o004 == 0).collect();
    assert!(closed.is_empty(), "{closed:?}");
}

#[test]
fn machines_of_each_suite_have_a_source_of_their_own() {
    let lab = Lab::new();
    let (own, other) = (codename(), if codename() == "focal" { "jammy" } else { "focal" });
    let first = for_suite(&lab, "first", V1, &own);
    let second = for_suite(&lab, "second", V1, other);
    lab.xtask(&["publish", &first, "--to", "../apt", "--url", "file:/srv/apt"]).ok();
    assert!(lab.text("apt/kernel-fork.sources").contains(&format!("Suites: {own}\n")));
    let said = lab.xtask(&["publish", &first, &second, "--to", "../apt", "--url", "file:/srv/apt"]).ok().stdout;
    assert!(!lab.path("apt/kernel-fork.sources").exists());
    let block: Vec<String> = said
        .lines()
        .skip_while(|l| *l != format!("# a machine of {own}:"))
        .skip(1)
        .take(3)
        .map(|l| l.replace(&lab.path("apt").display().to_string(), "/srv/apt"))
        .collect();
    assert_eq!(said.lines().count(), 8, "{said}");
    let root = Root::new(&lab, "arm64", &[]);
    root.put("apt", "srv/apt");
    root.run("mv /etc/apt/sources.list /etc/apt/sources.list.off");
    root.run(&block[..2].join(" && "));
    root.run("apt-get update");
    let policy = root.run("apt-cache policy linux-image-slim");
    assert!(policy.contains(&format!("/srv/apt {own}/main")) && !policy.contains(other), "{policy}");
}

#[test]
fn packages_say_themselves_what_they_are() {
    let lab = Lab::without_cache();
    let suite = codename();
    let set = for_suite(&lab, "set", V1, &suite);
    let other = if suite == "focal" { "jammy" } else { "focal" };
    for (field, says, is) in [
        ("version", format!("9:{V1}"), V1),
        ("version", "6.1.42-1.2+lab".to_owned(), V1),
        ("flavour", "tickless".to_owned(), "slim"),
        ("suite", other.to_owned(), &suite),
        ("architecture", "amd64".to_owned(), "arm64"),
    ] {
        record(&lab, "set", field, &says);
        let refused = lab.xtask(&["publish", &set]);
        assert_eq!(refused.code, 1, "{field}: {}", refused.stderr);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!([field, &says, is].iter().all(|word| said.contains(word)), "{field}: {said}");
        assert!(!lab.path("kernel-apt").exists());
        for_suite(&lab, "set", V1, &suite);
    }
    record(&lab, "set", "version", &format!("9:{V1}"));
    let audited = lab.xtask(&["audit", &set]).fails(1, &["1 thing is wrong"]);
    assert!(audited.stdout.contains(&format!("gives the version as `9:{V1}`")), "{}", audited.stdout);
    for_suite(&lab, "set", V1, &suite);
    // What a file is called says nothing.
    let modules = format!("linux-modules-6.1.42-1-slim_{V1}_arm64.deb");
    std::fs::rename(lab.path("set").join(modules), lab.path("set/a_9_amd64.deb")).unwrap();
    lab.xtask(&["publish", &set]).ok();
    let pool = format!("kernel-apt/pool/{suite}/slim-arm64/{V1}");
    assert!(
        lab.names(&pool).contains(&format!("linux-modules-6.1.42-1-slim_{V1}_arm64.deb")),
        "{:?}",
        lab.names(&pool)
    );
}

#[test]
fn a_flavour_with_an_abi_of_its_own_is_published() {
    let lab = Lab::without_cache();
    // As `abi = "unique"` makes them: the version is the vendor's, and the names are not.
    let set = lab.package_set("set", "arm64", "6.1.42-1123456789.1+lab", "a kernel");
    for package in lab.names("stage-set") {
        let stage = format!("stage-set/{package}");
        lab.edit(&format!("{stage}/DEBIAN/control"), "Version: 6.1.42-1123456789.1+lab", &format!("Version: {V1}"));
        std::fs::remove_file(lab.path(&format!("set/{package}_6.1.42-1123456789.1+lab_arm64.deb"))).unwrap();
        lab.pack(&stage, "set");
    }
    record(&lab, "set", "version", V1);
    lab.xtask(&["publish", &set]).ok();
    assert_eq!(published(&lab, "kernel-apt", "linux-image-unsigned-6.1.42-1123456789-slim"), [V1]);
}

#[test]
fn one_key_signs_a_repository_and_its_address_stays() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    lab.xtask(&["publish", &set, "--url", "https://apt.lab.example"]).ok();
    let source = format!("kernel-apt/kernel-fork-{}.sources", codename());
    assert!(lab.text(&source).contains("URIs: https://apt.lab.example\n"));
    lab.xtask(&["publish", &set]).ok();
    assert!(lab.text(&source).contains("URIs: https://apt.lab.example\n"));
    // The throw-away key is gone, and another one would lock every machine out.
    std::fs::rename(lab.path("kernel-apt-key"), lab.path("away")).unwrap();
    let before = lab.text(&format!("kernel-apt/dists/{}/InRelease", codename()));
    lab.xtask(&["publish", &set]).fails(3, &["is signed by the key", "machines would refuse it", "--key"]);
    assert_eq!(lab.text(&format!("kernel-apt/dists/{}/InRelease", codename())), before);
    // As the hint has it.
    std::fs::remove_file(lab.path("kernel-apt/kernel-fork.gpg")).unwrap();
    lab.xtask(&["publish", &set]).fails(1, &["is not signed by the key", "--trust-pool"]);
    lab.xtask(&["publish", &set, "--trust-pool"]).ok();
    lab.assert_nothing_left();
}

#[test]
fn where_only_root_can_make_a_directory() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    // Root of a user namespace, without the right to pass over modes.
    let publish = |to: &str, before: &str| {
        let line = format!(
            "{before} && cd kernel && exec setpriv --bounding-set=-all --inh-caps=-all '{}' publish '{set}' --to '{to}'",
            env!("CARGO_BIN_EXE_xtask")
        );
        lab.run("unshare", &["--map-root-user", "--mount", "sh", "-c", &line])
    };
    std::fs::create_dir_all(lab.path("closed/there")).unwrap();
    lab.run("chmod", &["555", "closed"]).ok();
    publish("../closed/apt", "true").fails(4, &["cannot publish to", "closed/apt", "hint:"]);
    // The directory may be written, and what it is in may not.
    publish("../closed/there", "true").fails(4, &["throw-away key", "closed/there-key", "--key"]);
    lab.run("chmod", &["755", "closed"]).ok();
    // A mount point, of a new disk.
    publish("../closed/there", "mount -t tmpfs none closed/there && mkdir closed/there/lost+found").ok();
}

#[test]
fn an_older_version_moves_no_machine_and_that_is_said() {
    let lab = Lab::without_cache();
    let sets = [V1, V2].map(|version| lab.package_set(version, "arm64", version, version));
    lab.xtask(&["publish", &sets[1]]).ok();
    lab.xtask(&["publish", &sets[0], "--keep", "1"]).fails(3, &["slim 6.1.42-1.1+lab is older", "--keep"]);
    assert_eq!(published(&lab, "kernel-apt", "linux-image-slim"), [V2]);
    lab.xtask(&["publish", &sets[0]]).says(&["machines stay with 6.1.42-2.1+lab"]);
    assert_eq!(published(&lab, "kernel-apt", "linux-image-slim").len(), 2);
}
