// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask publish`: the repository is one that apt itself installs from.

use crate::lab::{codename, Lab};
use crate::root::Root;

const V1: &str = "6.1.42-1.1+lab";
const V2: &str = "6.1.42-2.1+lab";

#[test]
fn apt_installs_and_upgrades_from_it() {
    let lab = Lab::new();
    let root = Root::new(&lab, "arm64", &[]);
    let first = lab.package_set("one", "arm64", V1, "a kernel");
    let said = lab.xtask(&["publish", &first, "--to", "../apt", "--url", "file:/srv/apt"]).ok();
    // The lines that it prints are the ones that are run.
    let lines: Vec<String> =
        said.stdout.lines().map(|l| l.replace(&lab.path("apt").display().to_string(), "/srv/apt")).collect();
    assert_eq!(lines.len(), 3, "{}", said.stdout);
    root.put("apt", "srv/apt");
    let installed = "dpkg-query --show --showformat '${Package} ${Version}\\n' 'linux-[im]*'";
    root.run("mv /etc/apt/sources.list /etc/apt/sources.list.off");
    root.run(&lines[..2].join(" && "));
    root.run(&lines[2].replace("install", "install --yes --no-install-recommends"));
    let there = root.run(installed);
    let expected = |v: &str, abi: &str| {
        format!("linux-image-slim {v}\nlinux-image-unsigned-{abi}-slim {v}\nlinux-modules-{abi}-slim {v}\n")
    };
    assert_eq!(there, expected(V1, "6.1.42-1"));

    // The next build: an upgrade brings it, and the kernel of before stays.
    let second = lab.package_set("two", "arm64", V2, "another kernel");
    // Somebody else maintains it by now, and apt has no question about that.
    lab.edit("kernel/Cargo.toml", "maintainer = \"", "maintainer = \"Another ");
    lab.xtask(&["publish", &second, "--to", "../apt", "--url", "file:/srv/apt"]).ok();
    root.put("apt", "srv/apt");
    root.run("apt-get install --yes --no-install-recommends linux-headers-slim=6.1.42-1.1+lab");
    root.run("apt-get update && apt-get upgrade --yes --with-new-pkgs");
    // Where DKMS compiles a module for the new kernel, it finds the headers.
    root.run(
        "test -e /usr/src/linux-headers-6.1.42-2-slim/.config && test -e /usr/src/linux-headers-6.1.42-1-slim/.config",
    );
    let there = root.run(installed);
    assert!(
        there.contains(&format!("linux-image-slim {V2}")) && there.contains("linux-image-unsigned-6.1.42-2-slim"),
        "{there}"
    );
    assert!(there.contains("linux-image-unsigned-6.1.42-1-slim"), "{there}");

    // Somebody changes a package: apt does not take it.
    let pool = "srv/apt/dists";
    root.run(&format!(
        "sed -i s/lab/bal/ /{pool}/{}/main/binary-arm64/Packages; rm /{pool}/*/main/*/Packages.gz",
        codename()
    ));
    let refused = root.try_run("rm -rf /var/lib/apt/lists/*; apt-get update 2>&1");
    assert!(
        refused.1.contains("Hash Sum mismatch") || refused.1.contains("unexpected size") || refused.0 != 0,
        "{refused:?}"
    );
}

#[test]
fn a_source_upload_is_signed_and_tried() {
    let lab = Lab::new();
    lab.forked();
    let home = lab.path("gnupg").display().to_string();
    lab.run("mkdir", &["-m", "700", &home]).ok();
    let gpg = |args: &[&str]| lab.run("gpg", &[&["--homedir", &home, "--batch", "--quiet"], args].concat());
    gpg(&["--passphrase", "", "--quick-generate-key", "Lab <lab@example.org>", "ed25519", "sign", "never"]).ok();
    let key = lab.path("key.asc").display().to_string();
    gpg(&["--armor", "--export-secret-keys", "--output", &key]).ok();

    lab.xtask(&["publish", "--source", "ppa:lab/kernels"]).fails(3, &["signed with your own key"]);
    lab.xtask(&["publish", "--source", "--key", &key]).fails(2, &["--source"]);
    lab.xtask(&["publish", "--source=-x", "--key", &key]).fails(3, &["no place to upload to"]);
    lab.edit("kernel/Cargo.toml", "suffix = \"+lab\"", "suffix = \"+lab2\"");
    lab.commit("kernel", "another suffix");
    lab.xtask(&["publish", "--source", "ppa:lab/kernels", "--key", &key]).fails(7, &["cargo xtask flavour regen"]);
    lab.git("kernel", &["reset", "--quiet", "--hard", "HEAD~1"]);
    let said = lab.xtask(&["publish", "--source", "ppa:lab/kernels", "--key", &key]).ok();
    let out = format!("kernel-source/{V1}");
    let changes = format!("linux_{V1}_source.changes");
    let line = format!("dput --config={} ppa ", lab.path(&format!("{out}/dput.cf")).display());
    assert!(said.stdout.starts_with(&line) && said.stdout.trim_end().ends_with(&changes), "{}", said.stdout);

    assert!(lab.text(&format!("{out}/dput.cf")).contains("incoming = ~lab/kernels\n"));
    let dsc = lab.path(&format!("{out}/linux_{V1}.dsc")).display().to_string();
    for file in [&dsc, &lab.path(&format!("{out}/{changes}")).display().to_string()] {
        gpg(&["--verify", file]).ok();
    }
    // It is a whole source, with the control file that only `clean` makes.
    lab.run("dpkg-source", &["--no-check", "--extract", &dsc, "unpacked"]).ok();
    let control = lab.text("unpacked/debian/control");
    assert!(control.contains("Package: linux-image-unsigned-6.1.42-1-slim\n"), "{control}");
    assert_eq!(lab.text("unpacked/init/main.c"), lab.text("kernel/init/main.c"));
    lab.run("gpgconf", &["--homedir", &home, "--kill", "all"]).ok();
}

#[test]
fn versions_stay_beside_each_other_and_old_ones_go() {
    let lab = Lab::without_cache();
    for (name, version) in [("a", "6.1.42-1.1+lab"), ("b", "6.1.42-9.1+lab"), ("c", "6.1.42-10.1+lab")] {
        let set = lab.package_set(name, "arm64", version, name);
        lab.xtask(&["publish", &set, "--keep", "2"]).ok();
    }
    let pool = format!("kernel-apt/pool/{}", codename());
    let sorted = |at: String| {
        let mut names = lab.names(&at);
        names.sort();
        names
    };
    assert_eq!(sorted(format!("{pool}/slim-arm64")), ["6.1.42-10.1+lab", "6.1.42-9.1+lab"]);
    assert_eq!(sorted(format!("{pool}/common")), ["6.1.42-10.1+lab", "6.1.42-9.1+lab"]);
    let index = lab.text(&format!("kernel-apt/dists/{}/main/binary-arm64/Packages", codename()));
    assert_eq!(index.matches("Package: linux-image-slim\n").count(), 2, "{index}");
    assert!(!index.contains("6.1.42-1-slim"), "{index}");
    // The same again changes no package, and one key signs all of it.
    let set = lab.path("c").display().to_string();
    lab.xtask(&["publish", &set, "--keep", "2"]).says(&["was published before"]);
    assert_eq!(lab.text(&format!("kernel-apt/dists/{}/main/binary-arm64/Packages", codename())), index);
    // Machines that see it over a network are told to fetch from there.
    let said = lab.xtask(&["publish", &set, "--url", "https://apt.lab.example/x/"]).ok().stdout;
    let lines = [
        "curl --fail --output /usr/share/keyrings/kernel-fork.gpg https://apt.lab.example/x/kernel-fork.gpg",
        "curl --fail --output /etc/apt/sources.list.d/kernel-fork.sources https://apt.lab.example/x/kernel-fork-SUITE.sources",
    ]
    .map(|line| line.replace("SUITE", &codename()));
    assert_eq!(said.lines().take(2).collect::<Vec<_>>(), lines);
    let left = lab.names(".");
    assert!(!left.iter().any(|n| n.starts_with(".kernel-fork.")), "{left:?}");
    let running = lab.run("ps", &["-eo", "args"]).ok().stdout;
    assert!(!running.contains(&lab.path("kernel-apt-key").display().to_string()), "an agent is left: {running}");
}

/// Whoever works in a scratch may be on another machine, and its process id means nothing here.
#[test]
fn what_the_dead_left_is_swept_and_what_the_living_have_is_not() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    for name in ["living", "dead"] {
        lab.write(&format!(".kernel-fork.apt.999999999.{name}/dists/file"), "");
        lab.write(&format!(".kernel-fork.apt.999999999.{name}.lock"), "");
    }
    let left = || {
        lab.xtask(&["publish", &set]).ok();
        let mut names: Vec<_> = lab.names(".").into_iter().filter(|n| n.starts_with(".kernel-fork.")).collect();
        names.sort();
        names.join(" ")
    };
    let living = lab.path(".kernel-fork.apt.999999999.living.lock");
    let held = std::fs::File::options().write(true).open(living).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(left(), ".kernel-fork.apt.999999999.living .kernel-fork.apt.999999999.living.lock");
    assert!(lab.path(".kernel-fork.apt.999999999.living/dists/file").exists());
    drop(held);
    assert_eq!(left(), "");
}

#[test]
fn what_must_not_be_published_is_not() {
    let lab = Lab::without_cache();
    let good = lab.package_set("good", "arm64", V1, "a kernel");
    lab.xtask(&["publish", &good]).ok();
    let published = lab.text(&format!("kernel-apt/dists/{}/Release", codename()));
    let unchanged = |lab: &Lab| assert_eq!(lab.text(&format!("kernel-apt/dists/{}/Release", codename())), published);

    // The same version, another kernel.
    let other = lab.package_set("other", "arm64", V1, "some other kernel");
    lab.xtask(&["publish", &other]).fails(1, &["published already", "suffix"]);
    unchanged(&lab);
    // A set that does not pass the audit.
    std::fs::remove_file(lab.path("other/linux-headers-6.1.42-1_6.1.42-1.1+lab_arm64.deb")).unwrap();
    lab.xtask(&["publish", &other]).fails(1, &["wrong with these packages"]);
    unchanged(&lab);
    // Not a finished build; nothing; not a repository of ours; a key that is not there.
    std::fs::remove_file(lab.path("other/metadata.json")).unwrap();
    lab.xtask(&["publish", &other]).fails(3, &["no set that `build` has finished"]);
    lab.xtask(&["publish", "nowhere"]).fails(3, &["nowhere"]);
    lab.write("precious/file", "mine\n");
    lab.xtask(&["publish", &good, "--to", "../precious"]).fails(3, &["not from this command"]);
    assert_eq!(lab.text("precious/file"), "mine\n");
    lab.xtask(&["publish", &good, "--key", "nobody@nowhere"]).fails(3, &["--list-secret-keys"]);
    lab.xtask(&["publish", &good, "--keep", "0"]).fails(2, &["--keep"]);
    unchanged(&lab);
}

#[test]
fn a_record_does_not_say_where_packages_go() {
    let lab = Lab::new();
    let set = lab.package_set("one", "arm64", V1, "a kernel");
    for (suite, said) in [("../../../out", "is no set that `build` has finished"), ("hardy", "unknown suite `hardy`")] {
        lab.edit("one/metadata.json", &format!("\"suite\":\"{}\"", codename()), &format!("\"suite\":\"{suite}\""));
        lab.xtask(&["publish", &set, "--to", "../apt"]).fails(3, &[said, "hint:"]);
        assert!(!lab.path("out").exists() && !lab.path("apt").exists());
        lab.package_set("one", "arm64", V1, "a kernel");
    }
}
