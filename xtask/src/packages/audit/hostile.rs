// SPDX-License-Identifier: GPL-2.0-only
//! Files that no honest builder makes: each is one of a set, caught by the finding meant for it, and nothing of
//! it is unpacked.

use fs_err as fs;
use std::io::Write;

use flate2::write::GzEncoder;
use flate2::Compression;

use super::tests::{findings, made};

const FILE: &str = "linux-modules-extra-5.4.0-1-t_5.4.0-1.2+lab_arm64.deb";

/// A `.deb` of a control archive and a data archive, both packed with gzip already.
fn deb(control: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", control), ("data.tar.gz", data)] {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100644, bytes.len()).bytes());
        out.extend(bytes);
        out.extend(vec![b'\n'; bytes.len() % 2]);
    }
    out
}

/// A gzipped archive of one file with `size` bytes: of `text`, and zeros behind it.
fn archive(path: &str, text: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    // Not through the crate's own setter, which would refuse what this is about.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(header.as_bytes()).unwrap();
    out.write_all(text.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    let mut left = (size - text.len() as u64).next_multiple_of(512) + 1024;
    while left > 0 {
        let now = left.min(1 << 20);
        out.write_all(&zeros[..now as usize]).unwrap();
        left -= now;
    }
    out.finish().unwrap()
}

fn control(more: u64) -> Vec<u8> {
    let text = "Package: linux-modules-extra-5.4.0-1-t\nSource: linux\nVersion: 5.4.0-1.2+lab\nArchitecture: arm64\n";
    archive("./control", text, text.len() as u64 + more)
}

/// The findings of a set that has this file too.
fn with(bytes: &[u8]) -> Vec<String> {
    let top = made(|_| {});
    fs::write(top.path().join(FILE), bytes).unwrap();
    let before = fs::read_dir(top.path()).unwrap().count();
    let found = findings(&top);
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), before);
    found
}

#[test]
fn each_is_caught() {
    let harmless = || archive("./usr/a", "hello", 5);
    assert_eq!(with(&deb(&control(0), &harmless())), [""; 0]);
    let mut damaged = harmless();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    let whole = deb(&control(0), &harmless());
    let table: Vec<(Vec<u8>, String)> = vec![
        (deb(&control(0), &archive("../../etc/passwd", "x", 1)), format!("traversal {FILE} ../../etc/passwd")),
        (deb(&control(0), &archive("/etc/passwd", "x", 1)), format!("traversal {FILE} /etc/passwd")),
        (deb(&control(0), &archive("./usr/zeros", "", 300 << 20)), format!("bomb {FILE} -")),
        (deb(&control(100 << 20), &harmless()), format!("huge-control {FILE} control")),
        (deb(&control(0), &damaged), format!("corrupt {FILE} -")),
        (whole[..whole.len() - 10].to_vec(), format!("truncated {FILE} -")),
        (b"<html>404 not found</html>".to_vec(), format!("not-a-package {FILE} -")),
    ];
    for (bytes, want) in table {
        assert_eq!(with(&bytes), std::slice::from_ref(&want), "{want}");
    }
}
