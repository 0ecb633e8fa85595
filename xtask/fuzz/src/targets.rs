// SPDX-License-Identifier: GPL-2.0-only
//! What must hold for any bytes, a function for each format. cargo-fuzz calls them with what it makes up, and
//! `tests/seeds.rs` with the seeds beside this file, among them what fuzzing has found.
//!
//! Where a target takes several texts, they stand one behind the other with a NUL between them.

use std::io::Read;

use crate::formats::annotations::Annotations;
use crate::formats::config::{Config, Value};
use crate::formats::control::{self, Control, Relations, Substitute};
use crate::formats::cpu_list::CpuList;
use crate::formats::date::Snapshot;
use crate::formats::deb::{self, Packing};
use crate::formats::grub::Menu;
use crate::formats::interrupts::Interrupts;
use crate::formats::neutral;
use crate::formats::sbuild::Sbuild;
use crate::formats::tag::Tag;
use crate::formats::vars::Vars;
use crate::formats::version::Version;
use crate::formats::{abi::Suffix, buildlog, ccache, changelog, changelog_merge, compile, distcc, elf, fragment};
use crate::formats::{rules_mk, symvers, FormatError};

/// The texts in `data`; there are always `N`.
fn texts<const N: usize>(data: &[u8]) -> [String; N] {
    let mut parts = data.splitn(N, |b| *b == 0);
    std::array::from_fn(|_| String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned())
}

/// The file, two that it may include, a `.config`.
pub fn annotations(data: &[u8]) {
    let [text, a, b, config] = texts(data);
    let include = |path: &str| match path {
        "d/a" => Ok(a.clone()),
        "d/b" => Ok(b.clone()),
        _ => Err(FormatError::new(path, "no such file")),
    };
    let parse = |text: &str| Annotations::parse(text, "d/annotations", &include);
    let Ok(read) = parse(&text) else { return };
    assert_eq!(read.to_text(), text, "unchanged, a text stays as it is");
    let canonical = read.to_canonical();
    let again = parse(&canonical).expect("what is saved can be read");
    assert_eq!(again.to_canonical(), canonical, "saving twice is saving once");
    let _ = read.query();
    for flavour in read.flavours() {
        let (arch, name) = flavour.split_once('-').unwrap_or((flavour, ""));
        let Ok(exported) = read.export(arch, name) else { continue };
        assert_eq!(again.export(arch, name).expect("the same flavours"), exported, "saving changes no value");
        assert_eq!(read.check(&exported, arch, name), Ok(Vec::new()), "an export passes its own check");
        let mut imported = read.clone();
        if imported.import(&exported, arch, name).is_ok() {
            let saved = parse(&imported.to_text()).expect("what is saved can be read");
            assert_eq!(saved.export(arch, name).expect("the same flavours"), exported, "export, then import");
        }
        let other = Config::parse_lenient(&config);
        let mut imported = read.clone();
        if imported.update(&other, arch, Some(name)).is_ok() {
            let saved = parse(&imported.to_text()).expect("what is saved can be read");
            assert_eq!(saved.export(arch, name), imported.export(arch, name), "saving keeps what was taken in");
        }
    }
}

/// The log of a build, which says whatever the tree wants it to.
pub fn buildlog(data: &[u8]) {
    let [log] = texts(data);
    assert!(log.lines().filter_map(buildlog::event).count() <= log.lines().count());
    let _ = buildlog::ended_by_itself(&log);
    if let Some(fault) = buildlog::fault(&log) {
        let line = log.lines().nth(fault.line - 1).expect("it is a line of the log");
        assert!(fault.context.iter().any(|l| l == line), "what is shown has the line in it");
    }
    let _ = ccache::Rate::of_log(&log).map(|rate| rate.to_string());
}

/// A changelog and two that were made from it.
pub fn changelog(data: &[u8]) {
    let [base, ours, theirs] = texts(data);
    if let Ok((entry, rest)) = changelog::split_top(&base) {
        assert!(base.ends_with(rest), "what is below an entry is as it was");
        let new = changelog::NewEntry {
            header: entry.header,
            maintainer: entry.maintainer,
            unix_time: 0,
            changes: entry.body.lines().map(str::to_owned).collect(),
        };
        if let Ok(text) = changelog::prepend(&base, &new) {
            let (top, below) = changelog::split_top(&text).expect("what is written can be read");
            assert_eq!((top.header, below.trim_start()), (new.header, base.trim_start()));
        }
    }
    assert!(changelog::headers(&base).count() <= base.lines().count());
    if let Some(merged) = changelog_merge::merge(&base, &ours, &theirs) {
        assert!(merged.len() <= 2 * (base.len() + ours.len() + theirs.len()) + 100, "nothing is made up");
    }
}

/// A fragment and another, whose values the first takes over.
pub fn config(data: &[u8]) {
    let [text, other] = texts(data);
    let lenient = Config::parse_lenient(&text);
    assert_eq!(Config::parse_lenient(lenient.to_text()), lenient, "what is written is read the same");
    if let Ok(strict) = Config::parse(&text) {
        assert_eq!(strict, lenient, "a good text is read the same by both");
    }
    let other = Config::parse_lenient(&other);
    assert_eq!(lenient.diff(&other).is_empty(), lenient == other);
    for (symbol, here, there) in lenient.diff(&other) {
        assert_eq!((lenient.get(&symbol), other.get(&symbol)), (here.as_ref(), there.as_ref()));
    }
    let changes: Vec<(String, Option<Value>)> =
        lenient.diff(&other).into_iter().map(|(symbol, _, there)| (symbol, there)).collect();
    // What only the lenient one reads is no value for a fragment.
    if let (Ok(with), true) = (fragment::with(&text, &changes), Config::parse(&other.to_text()).is_ok()) {
        assert_eq!(Config::parse(&with).as_ref(), Ok(&other), "all changes are in it, and nothing else");
    }
}

/// A control file and two that were made from it; each is read as a relation field too.
pub fn control(data: &[u8]) {
    let [base, ours, theirs] = texts(data);
    if let Ok(mut read) = Control::parse(&base) {
        assert_eq!(read.to_text(), base, "unchanged, a text stays as it is");
        for paragraph in read.paragraphs_mut() {
            let name = paragraph.names().next().map(str::to_owned);
            if let Some(name) = name {
                paragraph.set(&name, "a\n b").expect("a plain value");
                assert_eq!(paragraph.get(&name).as_deref(), Some("a\n b"));
            }
        }
        let text = read.to_text();
        assert_eq!(Control::parse(&text).expect("what is written can be read").to_text(), text);
    }
    if let Ok(relations) = Relations::parse(&base) {
        let version = Version::parse("1:2.3-4").expect("a version");
        for alternative in relations.iter() {
            let _ = (
                alternative.applies("arm64", &["cross"]),
                alternative.constraint.as_ref().map(|c| c.accepts(&version)),
            );
        }
        for change in [Substitute::Drop, Substitute::Name("x".to_owned())] {
            let changes: Vec<(&str, Substitute)> =
                relations.iter().take(2).map(|a| (a.name.as_str(), change.clone())).collect();
            let changed = control::substitute(&base, &changes).expect("relations that were read");
            assert!(changed.empty || Relations::parse(&changed.text).is_ok(), "{:?}", changed.text);
        }
    }
    if let Some(merged) = control::merge(&base, &ours, &theirs) {
        assert!(Control::parse(&merged).is_ok(), "{merged:?}");
    }
}

/// By its first byte: a whole package, or the archive in one, as it is or packed, with its checksums put
/// right, which no fuzzer guesses.
pub fn deb(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let names = ["data.tar", "data.tar.gz", "data.tar.xz", "data.tar.zst"];
    let package = match kind % 8 {
        0 => data.to_vec(),
        kind @ 1..=4 => ar(names[usize::from(kind) - 1], data),
        _ => ar(names[0], &with_checksums(data)),
    };
    let mut paths = Vec::new();
    let read = deb::read(package.as_slice(), package.len() as u64, &mut |entry, content| {
        let most = content.take(1 << 20).read_to_end(&mut Vec::new()).map_err(|e| deb::DebError::from_io(e, "data"))?;
        assert!(most as u64 <= entry.size, "no more comes out than the header says");
        paths.push(entry.path);
        Ok(())
    });
    if read.is_ok() {
        let out = |path: &String| path.starts_with('/') || path.split('/').any(|part| part == "..");
        assert!(!paths.iter().any(out), "{paths:?}");
    }
}

/// A package around an archive of files.
fn ar(name: &str, data: &[u8]) -> Vec<u8> {
    let control = b"Package: a\nVersion: 1\nArchitecture: arm64\n";
    let mut tar = vec![0; 512 + control.len()];
    tar[..9].copy_from_slice(b"./control");
    tar[100..108].copy_from_slice(b"0000644\0");
    for numbers in [108..116, 116..124] {
        tar[numbers].copy_from_slice(b"0000000\0");
    }
    tar[124..136].copy_from_slice(format!("{:011o}\0", control.len()).as_bytes());
    tar[136..148].copy_from_slice(b"00000000000\0");
    tar[156] = b'0';
    tar[257..265].copy_from_slice(b"ustar  \0");
    tar[512..].copy_from_slice(control);
    tar.resize(2048, 0);
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in [("debian-binary", b"2.0\n".as_slice()), ("control.tar", &with_checksums(&tar)), (name, data)] {
        bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len()).bytes());
        bytes.extend(data);
        bytes.extend(vec![b'\n'; data.len() % 2]);
    }
    bytes
}

/// An archive of which every header has the checksum that it should have.
fn with_checksums(tar: &[u8]) -> Vec<u8> {
    let mut bytes = tar.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    let mut at = 0;
    while at + 1024 < bytes.len() {
        let header = &mut bytes[at..at + 512];
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&header[124..135]).ok().and_then(|s| usize::from_str_radix(s.trim(), 8).ok());
        at += 512 + size.unwrap_or(0).min(bytes.len()).next_multiple_of(512);
    }
    bytes
}

/// The menu of a machine that is deployed to, and a choice in it.
pub fn grub(data: &[u8]) {
    let [text, choice] = texts(data);
    let menu = Menu::parse(&text);
    let _ = menu.release(&choice);
    if let Some(default) = menu.choice() {
        let _ = menu.release(default);
    }
    if let Some(way) = menu.entry(&choice) {
        assert!(way.contains(&format!("gnulinux-{choice}-advanced-")), "{way}");
    }
}

/// What a worker of a compile farm is asked and answers.
pub fn distcc(data: &[u8]) {
    if let Ok(request) = distcc::Request::read(&mut &data[..]) {
        let bytes = request.bytes();
        assert!(bytes.len() <= data.len() && data[..12] == bytes[..12], "nothing is made up");
        assert_eq!(distcc::Request::read(&mut &bytes[..]).as_ref(), Ok(&request), "what is passed on is read the same");
        let compiler = request.command.first().map_or("", String::as_str);
        if compile::check(&request.command, compiler).is_ok() {
            let bad = |word: &String| word.starts_with(['@', '|']) || word.contains("plugin") && word.starts_with("-f");
            assert!(!request.command[1..].iter().any(bad), "{:?}", request.command);
        }
    }
    if let Ok(answer) = distcc::answer(data) {
        assert!(answer.object.len() + 12 <= data.len(), "an object is a part of the answer");
    }
}

/// An ELF file, a module among them, and whatever else `compare` looks into.
pub fn elf(data: &[u8]) {
    let _ = (elf::machine(data), elf::module(data));
    assert!(data.starts_with(elf::without_signature(data)));
    if let Ok(outline) = elf::outline(data) {
        let size: usize =
            outline.sections.iter().map(|s| s.data.len()).chain(outline.rest.iter().map(|r| r.len())).sum();
        assert!(size <= data.len(), "they are parts of the file");
    }
    for path in ["boot/vmlinuz-1", "boot/System.map-1", "usr/src/.config", "usr/lib/linux/compiler", "x.ko.zst"] {
        let content = neutral::content(path, data, &mut (1 << 30));
        assert!(Packing::of_bytes(data) != Packing::None || content.len() <= 4 * data.len() + (1 << 20));
    }
    let _ = neutral::code(data);
}

/// `/proc/interrupts` and a CPU list, as a kernel under test prints them.
pub fn kernel(data: &[u8]) {
    let [interrupts, list] = texts(data);
    if let Some(read) = Interrupts::parse(&interrupts) {
        assert!(read.lines.iter().all(|line| line.counts.len() == read.cpus.len()));
        assert!(read.cpus.iter().all(|cpu| read.timer(*cpu) <= read.total(*cpu)));
    }
    let Ok(list) = list.parse::<CpuList>() else { return };
    assert_eq!(list.to_string().parse().as_ref(), Ok(&list), "what is written is read the same");
    assert!(list.without(&list).is_empty() && list.and(&list) == list);
}

/// A `rules.d` file, then a flavour.
pub fn rules_mk(data: &[u8]) {
    let [text, flavour] = texts(data);
    let _ = rules_mk::variable(&text, "build_image");
    let Ok(flavours) = rules_mk::flavours(&text) else { return };
    let Some(base) = flavours.first() else { return };
    let Ok(with) = rules_mk::add_flavour(&text, &flavour, base) else { return };
    let now = rules_mk::flavours(&with).expect("what is written can be read");
    assert!(now.contains(&flavour), "{now:?}");
    assert_eq!(rules_mk::add_flavour(&with, &flavour, base).as_ref(), Ok(&with), "adding it twice is adding it once");
    if !flavours.contains(&flavour) {
        assert_eq!(rules_mk::remove_flavour(&with, &flavour).as_ref(), Ok(&text), "and out again, to the byte");
    }
}

/// `Module.symvers`.
pub fn symvers(data: &[u8]) {
    let [text] = texts(data);
    if let Ok(exports) = symvers::parse(&text) {
        assert_eq!(exports.len(), text.lines().filter(|line| !line.is_empty()).count());
        assert!(exports.iter().all(|export| !export.symbol.is_empty()));
    }
}

/// The name of a tag.
pub fn tag(data: &[u8]) {
    let [text] = texts(data);
    let Ok(tag) = Tag::parse(&text) else { return };
    assert_eq!(tag.name(), text.strip_prefix("refs/tags/").unwrap_or(&text));
    assert_eq!(Tag::parse(tag.name()).as_ref(), Ok(&tag));
    let version = tag.version();
    assert_eq!(Version::parse(version.as_str()).as_ref(), Ok(&version), "a tag's version is one");
    let _ = (tag.kind(), tag.major_minor(), version.abi());
    assert!(!tag.refname().contains([' ', '\n', '~', '^', ':', '?', '*', '[', '\\']), "git takes it");
}

/// A flavour's metadata, a key, a value.
pub fn vars(data: &[u8]) {
    let [text, key, value] = texts(data);
    let Ok(mut read) = Vars::parse(&text) else { return };
    let _ = (read.check(), read.architectures().count());
    let before: Vec<(String, String)> = read.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let again = Vars::parse(&read.to_text()).expect("what is written can be read");
    assert_eq!(again.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>(), before);
    if read.set(&key, &value).is_ok() {
        let again = Vars::parse(&read.to_text()).expect("what is written can be read");
        assert_eq!(again.get(&key), Some(value.as_str()));
    }
}

/// Three versions, the last a suffix, a date and what sbuild says too.
pub fn version(data: &[u8]) {
    let [a, b, c] = texts(data);
    let suffix = Suffix::parse(&c);
    let _ = (c.parse::<Snapshot>(), Sbuild::parse(&c));
    let Ok(a) = Version::parse(&a) else { return };
    assert_eq!(Version::parse(a.as_str()).as_ref(), Ok(&a));
    if let (Ok(suffix), Ok(abi)) = (&suffix, a.abi()) {
        let with = a.with_suffix(suffix);
        assert_eq!(with.abi().map(|abi| abi.abinum), Ok(abi.abinum), "a suffix leaves the ABI number");
    }
    let Ok(b) = Version::parse(&b) else { return };
    assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
    let Ok(c) = Version::parse(&c) else { return };
    assert!(!(a <= b && b <= c) || a <= c, "an order is transitive");
}
