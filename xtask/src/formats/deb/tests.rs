// SPDX-License-Identifier: GPL-2.0-only
//! Packages made byte by byte, good and bad; each bad one is refused for what is wrong with it.

use std::io::Write;

use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::{read, ControlArea, DebError, Entry};

const CONTROL: &str = "Package: a\nVersion: 1\nArchitecture: arm64\n";

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len()).bytes());
        bytes.extend(*data);
        bytes.extend(vec![b'\n'; data.len() % 2]);
    }
    bytes
}

/// A header as bytes allow it, which `tar`'s own setters do not.
fn entry(kind: EntryType, path: &str, link: &str, data: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..path.len()].copy_from_slice(path.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 1024]);
    bytes
}

fn control(text: &str) -> Vec<u8> {
    tar(&[entry(EntryType::Regular, "./control", "", text.as_bytes())])
}

fn package(data: &[u8]) -> Vec<u8> {
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control(CONTROL)), ("data.tar", data)])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

type Read = (ControlArea, Vec<(Entry, Vec<u8>)>);

fn read_all(bytes: &[u8]) -> Result<Read, DebError> {
    let mut files = Vec::new();
    let area = read(bytes, bytes.len() as u64, &mut |entry, reader| {
        let mut content = Vec::new();
        reader.read_to_end(&mut content).map_err(|e| DebError::from_io(e, "data.tar"))?;
        files.push((entry, content));
        Ok(())
    })?;
    Ok((area, files))
}

#[track_caller]
fn refused(bytes: &[u8]) -> String {
    let error = read_all(bytes).unwrap_err();
    format!("{}: {error}", error.name())
}

#[test]
fn good_ones_packed_in_every_way() {
    let files = tar(&[
        entry(EntryType::Directory, "./", "", b""),
        entry(EntryType::Regular, "./usr/a", "", b"hello"),
        entry(EntryType::Symlink, "./usr/b", "../etc/c", b""),
    ]);
    let xz = {
        let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
        packer.write_all(&files).unwrap();
        packer.finish().unwrap()
    };
    let zstd = zstd::stream::encode_all(&files[..], 3).unwrap();
    for (name, data) in
        [("data.tar", files.clone()), ("data.tar.gz", gzip(&files)), ("data.tar.xz", xz), ("data.tar.zst", zstd)]
    {
        let bytes = ar(&[
            ("debian-binary/", b"2.0\n"),
            ("control.tar.gz", &gzip(&control(CONTROL))),
            (name, &data),
            ("_x", b"1"),
        ]);
        let (area, found) = read_all(&bytes).unwrap();
        assert_eq!(area.fields.get("Package").as_deref(), Some("a"));
        let paths: Vec<&str> = found.iter().map(|(e, _)| e.path.as_str()).collect();
        assert_eq!(paths, ["", "usr/a", "usr/b"], "{name}");
        assert_eq!(found[1].1, b"hello");
    }
}

#[test]
fn a_long_name() {
    let mut builder = Builder::new(Vec::new());
    let long = format!("usr/{}", "x/".repeat(150) + "y");
    let mut header = Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    builder.append_data(&mut header, &long, &b"1"[..]).unwrap();
    assert_eq!(read_all(&package(&builder.into_inner().unwrap())).unwrap().1[0].0.path, long);
    let huge = entry(EntryType::GNULongName, "x", "", &vec![b'a'; 5000]);
    assert_eq!(refused(&package(&tar(&[huge]))), "too-many: it has more bytes in a name than any package");
}

#[test]
fn paths_and_links() {
    use EntryType as T;
    type Link<'a> = (T, &'a str, &'a str);
    let table: &[(&[Link], &str)] = &[
        (&[(T::Regular, "../etc/passwd", "")], "traversal: `../etc/passwd` would be unpacked outside of the package"),
        (&[(T::Regular, "./a/../../b", "")], "traversal: `./a/../../b` would be unpacked outside of the package"),
        (&[(T::Regular, "/etc/passwd", "")], "traversal: `/etc/passwd` would be unpacked outside of the package"),
        (
            &[(T::Symlink, "./a", "/etc"), (T::Regular, "./a/b", "")],
            "traversal: `./a/b` would be unpacked outside of the package",
        ),
        (
            &[(T::Symlink, "./a", "/etc/p"), (T::Regular, "./a", "")],
            "traversal: `./a` would be unpacked outside of the package",
        ),
        (&[(T::Symlink, "./usr/a", "../../etc")], "link-out: `usr/a` is a link out of the package, to `../../etc`"),
        (&[(T::Link, "./a", "../etc/shadow")], "link-out: `a` is a link out of the package, to `../etc/shadow`"),
        (&[(T::Link, "./a", "/etc/shadow")], "link-out: `a` is a link out of the package, to `/etc/shadow`"),
        (&[(T::Regular, "./a\x1b[2J", "")], "traversal: `./a\u{fffd}[2J` would be unpacked outside of the package"),
        (&[(T::XHeader, "./a", "")], "entry: `./a` is an entry of a kind that dpkg does not read"),
    ];
    for (entries, want) in table {
        let made: Vec<Vec<u8>> = entries.iter().map(|(kind, path, link)| entry(*kind, path, link, b"")).collect();
        assert_eq!(refused(&package(&tar(&made))), *want);
    }
}

#[test]
fn entries_that_dpkg_would_read_otherwise() {
    let mut other_version = Header::new_ustar();
    other_version.set_path("usr/share/doc/a").unwrap();
    other_version.set_size(0);
    other_version.set_uid(0);
    other_version.set_gid(0);
    other_version.set_mtime(0);
    other_version.set_mode(0o644);
    other_version.set_entry_type(EntryType::Regular);
    let ustar = other_version.as_ustar_mut().unwrap();
    ustar.prefix[..3].copy_from_slice(b"etc");
    let good = |header: &Header| {
        let mut header = header.clone();
        header.set_cksum();
        package(&tar(&[header.as_bytes().to_vec()]))
    };
    assert_eq!(read_all(&good(&other_version)).unwrap().1[0].0.path, "etc/usr/share/doc/a");
    other_version.as_ustar_mut().unwrap().version = *b"01";
    let table = [
        (good(&other_version), "`usr/share/doc/a` is an entry of a version of tar's format that nobody writes"),
        (package(&tar(&[entry(EntryType::Regular, "", "", b"")])), " is an entry without a name"),
        (
            package(&tar(&[entry(EntryType::Regular, "./a/", "", b"x")])),
            "`./a/` is a file with the name of a directory",
        ),
        (
            package(&tar(&[entry(EntryType::Symlink, "./a", "b", b"x")])),
            "`./a` is an entry with content that is no file",
        ),
    ];
    for (bytes, want) in table {
        assert_eq!(refused(&bytes), format!("entry: {want}"));
    }
}

#[test]
fn layouts() {
    let good = tar(&[]);
    let control = control(CONTROL);
    let table: &[(Vec<u8>, &str)] = &[
        (b"PK\x03\x04 and so on".to_vec(), "not-a-package: no Debian package: it does not begin with `!<arch>`"),
        (ar(&[("control.tar", &control)]), "not-a-package: no Debian package: its first member is not `debian-binary`"),
        (ar(&[("debian-binary", b"3.0\n")]), "not-a-package: no Debian package: it is of another version than 2.x"),
        (ar(&[("debian-binary", b"2.0\n")]), "layout: its parts are not those of a package: it has no control.tar"),
        (
            ar(&[("debian-binary", b"2.0\n"), ("data.tar", &good)]),
            "layout: its parts are not those of a package: `data.tar` where control.tar should be",
        ),
        (
            ar(&[("debian-binary", b"2.0\n"), ("control.tar.lz", &control)]),
            "compression: `control.tar.lz` is packed with something else than gzip, xz or zstd",
        ),
        (
            ar(&[("debian-binary", b"2.0\n"), ("control.tar", &tar(&[])), ("data.tar", &good)]),
            "layout: its parts are not those of a package: it has no control file",
        ),
        (Vec::new(), "truncated: it ends in the middle of the first line"),
    ];
    for (bytes, want) in table {
        assert_eq!(refused(bytes), *want);
    }
    let nameless = tar(&[entry(EntryType::Regular, "./control", "", b"Package: a\n")]);
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &nameless), ("data.tar", &good)]);
    assert_eq!(refused(&bytes), "control: its control file is none: a field is missing: `Version`");
}

#[test]
fn a_huge_control_file_and_a_bomb() {
    let mut huge = Header::new_gnu();
    huge.set_path("control").unwrap();
    huge.set_size(100 << 20);
    huge.set_mode(0o644);
    huge.set_uid(0);
    huge.set_gid(0);
    huge.set_mtime(0);
    huge.set_cksum();
    let huge = gzip(&[huge.as_bytes().to_vec(), vec![b'a'; 1 << 20]].concat());
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &huge), ("data.tar", &tar(&[]))]);
    assert_eq!(refused(&bytes), "huge-control: the control file `control` has 104857600 bytes");

    let zeros = vec![0; 70 << 20];
    let bomb = gzip(&tar(&[entry(EntryType::Regular, "./usr/zeros", "", &zeros)]));
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control(CONTROL)), ("data.tar.gz", &bomb)]);
    assert!(refused(&bytes).starts_with("bomb: "), "{}", refused(&bytes));
    // The same behind the end of the archive, where only the checksum is looked for.
    let hidden = gzip(&[tar(&[]), zeros].concat());
    let bytes = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control(CONTROL)), ("data.tar.gz", &hidden)]);
    assert!(refused(&bytes).starts_with("bomb: "), "{}", refused(&bytes));
}

#[test]
fn cut_anywhere_it_is_refused() {
    let data = gzip(&tar(&[entry(EntryType::Regular, "./usr/a", "", b"hello")]));
    let bytes =
        ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &gzip(&control(CONTROL))), ("data.tar.gz", &data)]);
    assert!(read_all(&bytes).is_ok());
    // The last byte may be the padding of an odd member.
    for length in 0..bytes.len() - 1 {
        let error = read_all(&bytes[..length]).expect_err(&format!("cut to {length} of {}", bytes.len()));
        assert!(matches!(error, DebError::Truncated(_) | DebError::Layout(_)), "{length}: {error:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read_all(&bytes);
        let _ = read_all(&package(&bytes));
        let _ = read_all(&[b"!<arch>\n".to_vec(), bytes].concat());
    }

    #[test]
    fn a_good_one_with_a_byte_changed(at in 0usize..4000, to in any::<u8>()) {
        let mut bytes = package(&tar(&[entry(EntryType::Regular, "./usr/a", "", b"hello")]));
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = read_all(&bytes);
    }
}
