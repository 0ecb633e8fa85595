// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask chroot`.

use crate::lab::{codename, Lab};

#[test]
fn a_chroot_is_made_listed_and_removed() {
    let lab = Lab::without_cache();
    let suite = codename();
    lab.xtask(&["chroot", "list"]).ok();
    let tar = lab.xtask(&["chroot", "create", &suite]).ok().stdout.trim().to_owned();
    let listed = lab.run("tar", &["--list", "--file", &tar]).ok().stdout;
    assert!(listed.contains("usr/bin/dpkg\n"), "{listed}");
    let name = std::path::Path::new(&tar).file_stem().unwrap().to_str().unwrap().to_owned();
    assert!(lab.xtask(&["chroot", "list"]).ok().stdout.contains(&name));
    // A second time it is found.
    assert_eq!(lab.xtask(&["chroot", "create", &suite]).ok().stdout.trim(), tar);
    // Inside it is that suite, and what is changed there is gone afterwards.
    let shell = |command: &[&str]| lab.xtask(&[&["chroot", "shell", &name, "--"][..], command].concat());
    assert!(shell(&["cat", "/etc/os-release"]).ok().stdout.contains(&suite));
    shell(&["sh", "-c", "echo changed >/etc/changed"]).ok();
    shell(&["test", "-e", "/etc/changed"]).fails(1, &["hint:"]);
    // Made anew it is another file of the same name; what no build has used for long goes.
    let made = std::fs::metadata(&tar).unwrap().modified().unwrap();
    lab.xtask(&["chroot", "update", &name]).ok();
    assert!(std::fs::metadata(&tar).unwrap().modified().unwrap() > made);
    assert!(lab.xtask(&["chroot", "prune"]).ok().stderr.contains("0 chroots"));
    assert!(lab.xtask(&["--dry-run", "chroot", "prune", "--days", "0"]).ok().stdout.contains(&tar));
    assert!(std::path::Path::new(&tar).exists());
    lab.xtask(&["chroot", "prune", "--days", "0"]).says(&["1 chroot, "]);
    assert!(!std::path::Path::new(&tar).exists());
    lab.xtask(&["chroot", "create", &suite]).ok();
    lab.xtask(&["chroot", "remove", &name]).ok();
    assert!(!lab.xtask(&["chroot", "list"]).ok().stdout.contains(&name));
    lab.xtask(&["chroot", "remove", &name]).fails(3, &["no chroot"]);
}

#[test]
fn keys_that_the_settings_do_not_trust_make_no_chroot() {
    let lab = Lab::without_cache();
    let text = lab.text("kernel/Cargo.toml");
    // Keys of the right file, yet not the ones that sign this suite.
    let kept = "AC530D520F2F3269F5E98313A48449044AAD5C5D";
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        let signs = ["release key", "archive signing key, 1", "security archive"].iter().any(|key| line.contains(key));
        if signs && line.trim_start().starts_with('"') {
            *line = format!("    \"{kept}\",");
        }
    }
    lab.write("kernel/Cargo.toml", &lines.join("\n"));
    lab.xtask(&["chroot", "create", &codename()]).fails(4, &["mmdebstrap"]);
    assert!(lab.xtask(&["chroot", "list"]).ok().stdout.is_empty());
}

#[test]
fn unknown_suites_and_architectures_are_named() {
    let lab = Lab::without_cache();
    lab.xtask(&["chroot", "create", "hardy"]).fails(3, &["unknown suite `hardy`"]);
    lab.xtask(&["chroot", "create", &codename(), "vax"]).fails(3, &["unknown architecture `vax`"]);
}

/// The snapshot services are far away: one of the test's own sends each request on to the archive of today, and
/// remembers what was asked.
#[test]
fn a_suite_is_pinned_to_a_date() {
    let lab = Lab::without_cache();
    let suite = codename();
    let said = lab.xtask(&["--dry-run", "chroot", "create", &suite, "--snapshot", "2024-05-01"]).ok().stdout;
    assert!(said.contains("snapshot.debian.org/archive/debian/20240501T000000Z"), "{said}");
    assert!(said.contains("snapshot.debian.org/archive/debian-security/20240501T000000Z"), "{said}");
    assert!(said.contains("Check-Valid-Until"), "{said}");
    lab.xtask(&["chroot", "create", &suite, "--snapshot", "yesterday"]).fails(2, &["no date such as"]);

    let archive =
        lab.run("apt-get", &["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]).ok();
    let address = |release: &str| {
        let found = archive.stdout.lines().find_map(|l| l.strip_suffix(&format!(" {release}")).map(str::to_owned));
        found.expect("this machine has the suite").trim_end_matches('/').to_owned()
    };
    let (main, security) = (address(&suite), address(&format!("{suite}-security")));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let paths = std::sync::Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (main, security, paths) = (main.clone(), security.clone(), std::sync::Arc::clone(&paths));
            std::thread::spawn(move || redirect(stream, &main, &security, &paths));
        }
    });
    lab.edit("kernel/Cargo.toml", "http://snapshot.debian.org/archive/debian/", &format!("http://{here}/main/"));
    lab.edit(
        "kernel/Cargo.toml",
        "http://snapshot.debian.org/archive/debian-security/",
        &format!("http://{here}/security/"),
    );
    lab.xtask(&["chroot", "create", &suite, "--snapshot", "2024-05-01"]).ok();
    let asked = asked.lock().unwrap();
    assert!(asked.iter().any(|p| p.starts_with(&format!("/main/20240501T000000Z/dists/{suite}/"))), "{asked:?}");
    assert!(asked.iter().any(|p| p.starts_with("/security/20240501T000000Z/dists/")), "{asked:?}");
    assert!(asked.iter().any(|p| p.starts_with("/main/20240501T000000Z/pool/")), "{asked:?}");
    // It stays what it is.
    lab.xtask(&["chroot", "update"]).says(&["stays", "20240501T000000Z"]);
}

fn redirect(mut stream: std::net::TcpStream, main: &str, security: &str, paths: &std::sync::Mutex<Vec<String>>) {
    use std::io::{BufRead, Write};
    let mut lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(request)) = lines.next() {
        let Some(path) = request.split(' ').nth(1).map(str::to_owned) else { return };
        while lines.next().is_some_and(|l| l.is_ok_and(|l| !l.is_empty())) {}
        let mut parts = path.splitn(4, '/').skip(1);
        let base = if parts.next() == Some("security") { security } else { main };
        let rest = parts.nth(1).unwrap_or_default();
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: {base}/{rest}\r\nContent-Length: 0\r\n\r\n");
        paths.lock().unwrap().push(path);
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
