// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask publish`, the pool: what somebody else has done there is not signed.

use std::fs;

use crate::lab::{codename, Lab};

const V1: &str = "6.1.42-1.1+lab";
const V2: &str = "6.1.42-2.1+lab";
const V3: &str = "6.1.42-3.1+lab";

/// A lab that has published the set `one`, and has the set `two`.
fn published() -> (Lab, String, String) {
    let lab = Lab::without_cache();
    let one = lab.package_set("one", "arm64", V1, "a kernel");
    let two = lab.package_set("two", "arm64", V2, "another kernel");
    lab.xtask(&["publish", &one]).ok();
    (lab, one, two)
}

fn place(version: &str) -> String {
    format!("kernel-apt/pool/{}/slim-arm64/{version}", codename())
}

fn image(version: &str) -> String {
    let (abi, _) = version.rsplit_once('.').unwrap();
    format!("linux-image-unsigned-{abi}-slim_{version}_arm64.deb")
}

fn index(lab: &Lab) -> String {
    lab.text(&format!("kernel-apt/dists/{}/main/binary-arm64/Packages", codename()))
}

#[test]
fn what_has_changed_or_is_missing_is_named_and_its_own_set_puts_it_back() {
    let (lab, one, two) = published();
    let evil = lab.package_set("evil", "arm64", V1, "EVIL");
    let path = lab.path(&place(V1)).join(image(V1));
    let good = fs::read(&path).unwrap();
    let before = index(&lab);
    let other = || fs::copy(lab.path("evil").join(image(V1)), &path).map(drop);
    let link = || std::os::unix::fs::symlink(lab.path("one").join(image(V1)), &path);
    let ways: [(&str, &dyn Fn() -> std::io::Result<()>); 5] = [
        ("has changed", &other),
        ("has changed", &|| fs::write(&path, "garbage")),
        ("has changed", &link),
        ("has changed", &|| fs::create_dir(&path)),
        ("is missing", &|| Ok(())),
    ];
    for (n, (fault, way)) in ways.into_iter().enumerate() {
        fs::remove_file(&path).unwrap();
        way().unwrap();
        let named = format!("{} {fault}", image(V1));
        lab.xtask(&["publish", &two]).fails(1, &[&named, "is not as it was signed", "--trust-pool", "hint:"]);
        // Another set of the version is not what was signed.
        lab.xtask(&["publish", &evil]).fails(1, &[&named]);
        assert_eq!(index(&lab), before, "{n}");
        assert!(!lab.path(&place(V2)).exists());
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        }
        lab.xtask(&["publish", &one]).ok();
        assert_eq!((fs::read(&path).unwrap(), index(&lab)), (good.clone(), before.clone()), "{n}");
    }
    // So does a package that moves machines on.
    let meta = lab.path(&place(V1)).join(format!("linux-image-slim_{V1}_arm64.deb"));
    fs::remove_file(&meta).unwrap();
    lab.xtask(&["publish", &two]).fails(1, &["linux-image-slim"]);
    lab.xtask(&["publish", &one, &two]).ok();
    assert!(meta.is_file());
    lab.xtask(&["publish", &evil]).fails(1, &["is published already, with another content"]);
    lab.assert_nothing_left();
}

#[test]
fn what_nobody_has_signed_is_not_listed_and_stays() {
    let (lab, _, two) = published();
    lab.package_set("evil", "arm64", "6.1.42-9.1+lab", "EVIL");
    let suite = codename();
    let foreign = [
        format!("kernel-apt/pool/{suite}/{}", image("6.1.42-9.1+lab")),
        format!("{}/{}", place("9"), image("6.1.42-9.1+lab")),
        format!("kernel-apt/pool/hardy/x-arm64/1/{}", image("6.1.42-9.1+lab")),
    ];
    for file in &foreign {
        fs::create_dir_all(lab.path(file).parent().unwrap()).unwrap();
        fs::copy(lab.path("evil").join(image("6.1.42-9.1+lab")), lab.path(file)).unwrap();
    }
    let pool = [format!("pool/{suite} has"), "slim-arm64/9 has".to_owned(), "pool/hardy/x-arm64/1 has".to_owned()];
    let words: Vec<&str> = pool.iter().map(String::as_str).chain(["no publish has signed"]).collect();
    lab.xtask(&["publish", &two, "--keep", "1"]).says(&words);
    assert!(!index(&lab).contains("6.1.42-9"), "{}", index(&lab));
    assert!(index(&lab).contains(V2) && !lab.path("kernel-apt/dists/hardy").exists());
    for file in &foreign {
        assert!(lab.path(file).is_file(), "{file}");
    }
}

/// Killed after the packages were added and before the index was exchanged.
#[test]
fn a_killed_publish_is_in_the_way_of_none() {
    let (lab, one, two) = published();
    let three = lab.package_set("three", "arm64", V3, "a third");
    let dists = format!("kernel-apt/dists/{}", codename());
    lab.run("cp", &["-a", &dists, "dists"]).ok();
    lab.xtask(&["publish", &two]).ok();
    let undo = || {
        fs::remove_dir_all(lab.path(&dists)).unwrap();
        lab.run("cp", &["-a", "dists", &dists]).ok();
    };
    undo();
    lab.xtask(&["publish", &three]).says(&[&format!("slim-arm64/{V2} has packages that no publish has signed")]);
    assert!(!index(&lab).contains("6.1.42-2") && index(&lab).contains("6.1.42-3"), "{}", index(&lab));
    let said = lab.xtask(&["publish", &two]).ok().stderr;
    assert!(!said.contains("no publish has signed"), "{said}");
    assert!(index(&lab).contains(V2));
    // The same version, built once more: what was never signed binds nobody.
    undo();
    let other = lab.package_set("other", "arm64", V2, "another one");
    lab.xtask(&["publish", &other]).ok();
    let path = lab.path(&place(V2)).join(image(V2));
    assert_eq!(fs::read(path).unwrap(), fs::read(lab.path("other").join(image(V2))).unwrap());
    // Even the very first may be killed.
    fs::remove_dir_all(lab.path("kernel-apt/dists")).unwrap();
    lab.xtask(&["publish", &one]).says(&["no publish has signed"]);
    assert!(index(&lab).contains(V1) && !index(&lab).contains(V2));
}

#[test]
fn indexes_that_the_key_has_not_signed_are_believed_only_when_told() {
    let (lab, _, two) = published();
    let dists = format!("kernel-apt/dists/{}", codename());
    let sum = |file: &str| lab.run("sha256sum", &[file]).ok().stdout.split(' ').next().unwrap().to_owned();
    // A package is exchanged and the index too; then what lists the index as well.
    fs::copy(lab.package_set("evil", "arm64", V1, "EVIL") + "/" + &image(V1), lab.path(&place(V1)).join(image(V1)))
        .unwrap();
    let packages = format!("{dists}/main/binary-arm64/Packages");
    let (was, old) = (sum(&packages), sum(&format!("one/{}", image(V1))));
    lab.edit(&packages, &old, &sum(&format!("evil/{}", image(V1))));
    lab.xtask(&["publish", &two]).fails(1, &["Packages` has changed since its `Release` was signed", "--trust-pool"]);
    lab.edit(&format!("{dists}/Release"), &was, &sum(&packages));
    lab.xtask(&["publish", &two]).fails(1, &["Release` is not signed by the key", "--trust-pool"]);
    // Nor by another key.
    let home = lab.path("gnupg").display().to_string();
    lab.run("mkdir", &["-m", "700", &home]).ok();
    let gpg =
        |args: &[&str]| lab.run("gpg", &[&["--homedir", &home, "--batch", "--quiet", "--yes"], args].concat()).ok();
    gpg(&["--passphrase", "", "--quick-generate-key", "E <e@example.org>", "ed25519", "sign", "never"]);
    gpg(&["--detach-sign", "--armor", "--output", &format!("{dists}/Release.gpg"), &format!("{dists}/Release")]);
    lab.run("gpgconf", &["--homedir", &home, "--kill", "all"]).ok();
    lab.xtask(&["publish", &two]).fails(1, &["Release` is not signed by the key", "--trust-pool"]);
    assert!(!lab.path(&place(V2)).exists());

    // What is then signed is said, and it is whole.
    let modules = lab.path(&place(V1)).join(image(V1).replace("image-unsigned", "modules"));
    let kept = fs::read(&modules).unwrap();
    fs::remove_file(&modules).unwrap();
    lab.xtask(&["publish", &two, "--trust-pool"])
        .fails(1, &["linux-image-slim", "depends on linux-modules-6.1.42-1-slim"]);
    fs::write(&modules, "garbage").unwrap();
    lab.xtask(&["publish", &two, "--trust-pool"]).fails(1, &["linux-modules-6.1.42-1-slim"]);
    fs::write(&modules, kept).unwrap();
    lab.xtask(&["publish", &two, "--trust-pool"]).says(&[&format!("{} was not signed before, and is now", image(V1))]);
    lab.xtask(&["publish", &two]).says(&["was published before"]);
    assert!(index(&lab).contains(V1) && index(&lab).contains(V2));
}

/// Of the same kind: each file of the repository that is opened.
#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let (lab, _, two) = published();
    let pipe = |name: &str| {
        lab.run("rm", &["-f", name]).ok();
        lab.run("mkfifo", &[name]).ok();
    };
    pipe("kernel-apt/lock");
    lab.xtask(&["publish", &two]).fails(4, &["cannot publish to", "lock", "not a regular file"]);
    fs::remove_file(lab.path("kernel-apt/lock")).unwrap();
    let source = format!("kernel-apt/kernel-fork-{}.sources", codename());
    for name in ["kernel-apt/kernel-fork.sources", &source] {
        pipe(name);
    }
    pipe(&format!("{}/x.deb", place(V1)));
    lab.xtask(&["publish", &two]).ok();
    assert!(lab.text(&source).starts_with("Types: deb\n"));
    pipe(&format!("kernel-apt/dists/{}/Release", codename()));
    lab.xtask(&["publish", &two]).fails(1, &["Release` is not signed by the key"]);
}

#[test]
fn a_path_with_a_space_is_an_address_that_apt_takes() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    lab.xtask(&["publish", &set, "--to", "../Ann Lab/a+b 50%"]).ok();
    let source = lab.text("Ann Lab/a+b 50%/kernel-fork.sources");
    assert!(source.contains("/Ann%20Lab/a+b%2050%25\n"), "{source}");
    // This machine's apt, with nothing of the machine.
    fs::copy(lab.path("Ann Lab/a+b 50%/kernel-fork.gpg"), lab.path("key.gpg")).unwrap();
    let key = lab.path("key.gpg").display().to_string();
    lab.write("lists.d/lab.sources", &source.replace("/usr/share/keyrings/kernel-fork.gpg", &key));
    for dir in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(lab.path(dir)).unwrap();
    }
    lab.write("status", "");
    let option = |name: &str, value: &str| format!("-o{name}={}", lab.path(value).display());
    let options = [
        option("Dir::Etc::SourceParts", "lists.d"),
        option("Dir::State", "state"),
        option("Dir::State::status", "status"),
        option("Dir::Cache", "cache"),
        "-oDir::Etc::SourceList=/dev/null".to_owned(),
        "-oAPT::Architecture=arm64".to_owned(),
        "-oAPT::Architectures=arm64".to_owned(),
        "-oAPT::Sandbox::User=root".to_owned(),
    ];
    let apt = |args: &[&str]| {
        let args: Vec<&str> = options.iter().map(String::as_str).chain(args.iter().copied()).collect();
        lab.run("apt-get", &args).ok()
    };
    apt(&["update"]);
    apt(&["download", "linux-image-slim"]);
    assert!(lab.names(".").iter().any(|n| n.starts_with("linux-image-slim_")), "{:?}", lab.names("."));
}

#[test]
fn an_address_that_no_apt_fetches_from_is_refused() {
    let lab = Lab::without_cache();
    let set = lab.package_set("set", "arm64", V1, "a kernel");
    for url in ["ftp://x", "http://x/?q=1", "http://x/#a", "http://a b/", "x", "", "http://x\nTrusted: yes"] {
        lab.xtask(&["publish", &set, "--url", url]).fails(3, &["hint:", "--url"]);
        assert!(!lab.path("kernel-apt").exists());
    }
}
