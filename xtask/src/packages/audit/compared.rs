// SPDX-License-Identifier: GPL-2.0-only
//! Sets side by side: the good one in small, and others that differ from it in one thing.

use fs_err as fs;
use std::path::Path;
use std::process::Command;

use object::Architecture;

use super::tests::{findings, good, made, module, put, read, signed, REL};
use crate::packages::compare::{compare, Verdict};
use crate::packages::set::{Purpose, Set};

#[test]
fn compared() {
    let ko = format!("linux-modules-{REL}/lib/modules/{REL}/kernel/net/a.ko");
    let verdicts = |a: &tempfile::TempDir, b: &tempfile::TempDir| {
        let found = compare(&read(a, Purpose::Compare), &read(b, Purpose::Compare));
        let not = found.into_iter().filter(|c| c.verdict != Verdict::Identical);
        not.map(|c| {
            (
                c.package,
                c.verdict,
                c.differences.iter().filter(|d| d.what != "time").map(|d| d.what.clone()).collect::<Vec<_>>(),
            )
        })
        .filter(|(_, v, what)| *v == Verdict::Different || !what.is_empty())
        .collect::<Vec<_>>()
    };
    let modules = format!("linux-modules-{REL}");
    let a = made(|s| put(&s.join(&ko), &signed(good(), b"one")));
    assert_eq!(verdicts(&a, &a), []);
    let b = made(|s| put(&s.join(&ko), &signed(good(), b"another")));
    let banner = vec!["signature, build id, time or banner".to_owned()];
    assert_eq!(verdicts(&a, &b), [(modules.clone(), Verdict::EqualInCode, banner)]);
    let c = made(|s| {
        put(
            &s.join(&ko),
            &module(Architecture::Aarch64, &format!("{REL} SMP mod_unload aarch64"), &["printk"], &[1; 8]),
        )
    });
    assert_eq!(verdicts(&a, &c), [(modules.clone(), Verdict::Different, vec!["code".to_owned()])]);
    let d = made(|s| fs::remove_file(s.join(&ko)).unwrap());
    assert_eq!(verdicts(&a, &d)[0].2[0], "only in the first");
    let e = made(|s| fs::remove_dir_all(s.join(&modules)).unwrap());
    assert_eq!(verdicts(&a, &e), [(modules, Verdict::Different, vec!["only in the first set".to_owned()])]);
}

/// Puts another package of the same name beside those of a set.
fn beside(top: &tempfile::TempDir, version: &str, arch: &str, content: &[u8]) {
    let stage = top.path().join("beside");
    put(&stage.join("boot/vmlinuz"), content);
    let control = format!(
        "Package: linux-image-unsigned-{REL}\nSource: linux\nVersion: {version}\nArchitecture: {arch}\nMaintainer: a <a@b>\nDescription: x\n"
    );
    put(&stage.join("DEBIAN/control"), control.as_bytes());
    let build = ["-Zgzip", "-z1", "--root-owner-group", "--build"];
    let _children = crate::effects::CHILDREN.read();
    let done = Command::new("dpkg-deb").args(build).arg(&stage).arg(top.path()).output().expect("dpkg-deb");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn packages_of_one_name_are_told_apart_by_version_and_architecture() {
    let image = format!("linux-image-unsigned-{REL}");
    for (version, arch) in [("5.4.0-1.2+lab", "amd64"), ("5.4.0-1.3+lab", "arm64")] {
        let made = |content: &[u8]| {
            let top = made(|_| {});
            beside(&top, version, arch, content);
            read(&top, Purpose::Compare)
        };
        let (a, b) = (made(b"one"), made(b"two"));
        let different = |a: &Set, b: &Set| -> Vec<_> {
            let found = compare(a, b).into_iter().filter(|c| c.verdict == Verdict::Different);
            found.map(|c| (c.package, c.version, c.architecture)).collect()
        };
        let name = (image.clone(), version.to_owned(), arch.to_owned());
        assert_eq!(different(&a, &b), std::slice::from_ref(&name), "{version} {arch}");
        assert_eq!(different(&a, &a), []);
        // One that only one of the sets has.
        let less = read(&self::made(|_| {}), Purpose::Compare);
        assert_eq!(different(&a, &less), std::slice::from_ref(&name));
        assert_eq!(different(&less, &a), [name]);
        assert!(a.twice().is_none());
    }
}

#[test]
fn builds_of_two_versions_are_compared_by_name() {
    let other = |s: &Path| {
        for dir in fs::read_dir(s).unwrap() {
            let path = dir.unwrap().path().join("DEBIAN/control");
            put(&path, fs::read_to_string(&path).unwrap().replace("-1.2+lab", "-1.2+lab2").as_bytes());
        }
    };
    let found = compare(&read(&made(|_| {}), Purpose::Compare), &read(&made(other), Purpose::Compare));
    assert_eq!(found.len(), 5);
    for one in found {
        assert!(one.verdict == Verdict::Different && one.files.iter().all(Option::is_some), "{one:?}");
        assert_eq!(
            one.differences.iter().filter(|d| !d.expected).map(|d| d.place.as_str()).collect::<Vec<_>>(),
            ["Version"]
        );
    }
}

#[test]
fn a_package_that_is_there_twice() {
    let top = made(|_| {});
    let name = format!("linux-modules-{REL}_5.4.0-1.2+lab_arm64.deb");
    fs::copy(top.path().join(&name), top.path().join("copy.deb")).unwrap();
    let set = read(&top, Purpose::Compare);
    let (one, other) = set.twice().unwrap();
    assert_eq!([one.file.as_str(), &other.file], ["copy.deb", &name]);
    assert!(findings(&top).contains(&format!("source linux-modules-{REL} -")), "{:?}", findings(&top));
}
