// SPDX-License-Identifier: GPL-2.0-only
//! A file's content without what differs between two builds of the same source: signatures, build ids,
//! times, and banners that name the compiler, the machine or the day.
//!
//! `compare` takes the digest of it. Where nothing of that kind is known of a file its bytes are what
//! counts; it must never leave out a byte that a program or a person would miss.

use super::deb::Packing;
use super::elf;

/// Sections that hold an id or a banner and nothing else.
const BANNERS: &[&[u8]] = &[b".note.gnu.build-id", b".comment", b".gnu_debuglink", b".shstrtab"];
/// What stands before the 20 bytes of a build id: lengths of name and id, the type, the name.
const BUILD_ID: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";
/// How an entry of a cpio archive begins (`newc`), and where in it the time stands.
const CPIO: &[u8] = b"070701";
const CPIO_TIME: std::ops::Range<usize> = 46..54;
/// How far behind a banner the strings end that it is one of.
const STRINGS: usize = 4096;
/// Lines of configurations and generated headers that name the compiler or the day.
const LINES: &[&str] =
    &["CC_VERSION_TEXT", "# Compiler:", "LINUX_COMPILER", "UTS_VERSION", "LINUX_COMPILE_BY", "LINUX_COMPILE_HOST"];

/// Does [`content`] have to see the whole file, for its name or its first bytes?
pub fn concerns(path: &str, head: &[u8]) -> bool {
    named(path) != Named::Other || Packing::of_bytes(head) != Packing::None || elf::machine(head).is_some()
}

/// The content that counts.
///
/// `left` is how many bytes may come out of what is packed; see [`Packing::unpack`].
pub fn content(path: &str, bytes: &[u8], left: &mut u64) -> Vec<u8> {
    let outline = elf::machine(bytes).and_then(|_| elf::outline(bytes).ok());
    if let Some(outline) = outline.filter(|o| !o.sections.is_empty()) {
        let mut out = outline.loaded.into_bytes();
        for section in outline.sections.iter().filter(|s| s.code || !BANNERS.contains(&s.name)) {
            out.extend(section.name);
            out.extend(format!(" {} {}\n", section.loaded, section.data.len()).bytes());
            out.extend(banners(section.data));
        }
        outline
            .rest
            .iter()
            .for_each(|part| out.extend(format!("\n{}\n", part.len()).bytes().chain(part.iter().copied())));
        return out;
    }
    let packing = Packing::of_bytes(bytes);
    if packing != Packing::None {
        if let Some(unpacked) = packing.unpack(elf::without_signature(bytes), left) {
            // Once: what is packed twice is compared as it is.
            return if Packing::of_bytes(&unpacked) == Packing::None {
                content(path, &unpacked, left)
            } else {
                unpacked
            };
        }
    }
    match named(path) {
        Named::Compiler => Vec::new(),
        Named::Lines => without_lines(bytes, |line| LINES.iter().any(|word| line.contains(word))),
        Named::SystemMap => without_addresses(bytes),
        Named::Assembler => without_lines(bytes, is_remark),
        Named::Image => banners(bytes),
        Named::Other => bytes.to_vec(),
    }
}

/// The code sections of an ELF file; `None` where there are none.
pub fn code(bytes: &[u8]) -> Option<Vec<u8>> {
    elf::machine(bytes)?;
    let outline = elf::outline(bytes).ok()?;
    let code: Vec<u8> = outline.sections.iter().filter(|s| s.code).flat_map(|s| s.data.iter().copied()).collect();
    (!code.is_empty()).then_some(code)
}

#[derive(Debug, PartialEq, Eq)]
enum Named {
    Image,
    SystemMap,
    Lines,
    Assembler,
    Compiler,
    Other,
}

fn named(path: &str) -> Named {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        n if n.starts_with("vmlinu") => Named::Image,
        n if n.starts_with("System.map-") => Named::SystemMap,
        ".config" | "config" | "auto.conf" | "autoconf.h" | "compile.h" | "utsversion.h" => Named::Lines,
        n if n.starts_with("config-") => Named::Lines,
        // What a person writes ends in a capital S.
        n if n.ends_with(".s") => Named::Assembler,
        "compiler" if path.contains("usr/lib/linux/") => Named::Compiler,
        // What kbuild notes of how a file was made: the compiler's name and the places of its headers.
        n if n.starts_with('.') && n.ends_with(".cmd") || n == "auto.conf.cmd" => Named::Compiler,
        _ => Named::Other,
    }
}

fn without_lines(bytes: &[u8], goes: impl Fn(&str) -> bool) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.split_inclusive('\n').filter(|line| !goes(line)).collect::<String>().into_bytes()
}

/// Into what the compiler writes for kbuild to read (asm-offsets.s) it copies the lines of the source, where it has
/// them: a worker of distcc has not. A remark begins with `//` on arm64, `@` on arm, `#` elsewhere.
fn is_remark(line: &str) -> bool {
    ["//", "@", "#"].iter().any(|sign| line.trim_start().starts_with(sign))
}

/// A banner of another length moves what stands behind it.
fn without_addresses(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let rest = text.split_inclusive('\n').map(|l| l.split_once(' ').map_or(l, |(_, rest)| rest));
    rest.collect::<String>().into_bytes()
}

/// Takes out build ids, and of the kernel's banners what follows the release.
fn banners(bytes: &[u8]) -> Vec<u8> {
    let mut cuts = Vec::new();
    for at in find(bytes, BUILD_ID) {
        let from = at + BUILD_ID.len();
        cuts.push((from, (from + 20).min(bytes.len())));
    }
    for at in find(bytes, b"Linux version ") {
        // The release is the third word and counts.
        let from = bytes[at + 14..].iter().position(|b| *b == b' ').map_or(bytes.len(), |n| at + 14 + n);
        let length = bytes[from..].iter().take(1024).position(|b| matches!(b, b'\n' | 0)).unwrap_or(0);
        cuts.push((from, from + length));
        cuts.extend(padding(bytes, from + length));
    }
    for at in find(bytes, b" SMP ") {
        // `#200.220 SMP Sat Nov 2 15:24:11 UTC 2024`, alone in its array.
        let start = bytes[..at].iter().rev().take(40).position(|b| *b == b'#').map(|n| at - n - 1);
        let length = bytes[at..].iter().take(65).position(|b| matches!(b, b'\n' | 0));
        if let (Some(start), Some(length)) = (start, length) {
            cuts.push((start, at + length));
        }
    }
    // The built-in initramfs notes when its three entries were made.
    for at in find(bytes, CPIO) {
        let header = bytes.get(at..at + 110);
        if header.is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) {
            cuts.push((at + CPIO_TIME.start, at + CPIO_TIME.end));
        }
    }
    cuts.sort_unstable();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    for (from, to) in cuts.into_iter().filter(|(from, to)| from < to) {
        out.extend(&bytes[at..from.max(at)]);
        at = at.max(to);
    }
    out.extend(&bytes[at..]);
    out
}

/// The alignment behind the strings that a banner is one of: a banner of another length leaves another.
/// Whatever else it moves is seen in the code that points there.
fn padding(bytes: &[u8], banner_end: usize) -> Option<(usize, usize)> {
    let text = |b: u8| matches!(b, b' '..=b'~' | b'\n' | b'\t' | 0);
    let strings = bytes[banner_end..].iter().take(STRINGS).take_while(|b| text(**b)).count();
    let run = bytes[banner_end..banner_end + strings].windows(2).position(|two| two == [0, 0])?;
    let from = banner_end + run + 1;
    Some((from, from + bytes[from..].iter().take_while(|b| **b == 0).take(7).count()))
}

fn find<'a>(bytes: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = what[0];
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(n) = bytes[at..].iter().position(|b| *b == first) {
            let here = at + n;
            at = here + 1;
            if bytes[here..].starts_with(what) {
                return Some(here);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    fn content(path: &str, bytes: &[u8]) -> Vec<u8> {
        super::content(path, bytes, &mut (1 << 30))
    }

    #[test]
    fn banners_and_ids() {
        let a = b"\x01Linux version 5.4.0-200-slim (a@b) (gcc 12) #1 SMP Mon\n\0code\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0aaaaaaaaaaaaaaaaaaaaend";
        let b = b"\x01Linux version 5.4.0-200-slim (c@d) (gcc 12) #2 SMP Tue\n\0code\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0bbbbbbbbbbbbbbbbbbbbend";
        assert_eq!(content("boot/vmlinuz-5.4.0-200-slim", a), content("boot/vmlinuz-5.4.0-200-slim", b));
        assert_ne!(content("usr/share/x", a), content("usr/share/x", b));
        // A longer one, with what aligns the numbers behind it.
        let c = b"Linux version 5.4.0-1-x (a@b) (gcc) #1\n\0printk\0\0\0\0\x30\0\x08\0\0";
        let d = b"Linux version 5.4.0-1-x (a@b) (x-gcc) #1\n\0printk\0\x30\0\x08\0\0";
        assert_eq!(content("boot/vmlinuz-1", c), content("boot/vmlinuz-1", d));
        let cpio = |time: &str, size: &str| format!("\0070701{}{time}{size}{}/dev\0", "0".repeat(40), "1".repeat(48));
        let (early, late) = (cpio("6B03378F", "00000000"), cpio("6B033967", "00000000"));
        assert_eq!(content("boot/vmlinuz-1", early.as_bytes()), content("boot/vmlinuz-1", late.as_bytes()));
        let large = cpio("6B03378F", "00000001");
        assert_ne!(content("boot/vmlinuz-1", early.as_bytes()), content("boot/vmlinuz-1", large.as_bytes()));
        let release = String::from_utf8_lossy(b).replace("200-slim", "201-slim");
        assert_ne!(content("boot/vmlinuz-1", b), content("boot/vmlinuz-1", release.as_bytes()));
    }

    #[test]
    fn strings_that_end_far_behind_a_banner_are_left_alone() {
        let image = |zeros: usize| [b"Linux version 5.4.0 x\n", &[b'a'; 5000][..], &vec![0; zeros], b"\x01"].concat();
        assert_ne!(content("boot/vmlinuz-1", &image(3)), content("boot/vmlinuz-1", &image(5)));
    }

    #[test]
    fn packed_files() {
        let gzip = |time: u32, text: &[u8]| {
            let mut packer = flate2::GzBuilder::new().mtime(time).write(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packer, text).unwrap();
            packer.finish().unwrap()
        };
        let good = gzip(1, b"text");
        let mut damaged = good.clone();
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        let more = [&good[..], b"more"].concat();
        for (other, same) in [(gzip(2, b"text"), true), (gzip(1, b"next"), false), (damaged, false), (more, false)] {
            assert_eq!(content("a", &good) == content("a", &other), same, "{other:?}");
        }
        // Of what is too much all of it counts.
        assert_eq!(super::content("a", &good, &mut 3), good);
    }

    /// An ELF file of 64 bits that starts little end first, and one with a change.
    #[track_caller]
    fn is_same(changed: impl Fn(&mut Vec<u8>)) -> bool {
        let whole = std::fs::read("/bin/true").unwrap();
        let mut other = whole.clone();
        changed(&mut other);
        assert_ne!(whole, other);
        content("usr/bin/true", &whole) == content("usr/bin/true", &other)
    }

    #[test]
    fn programs() {
        let id = |bytes: &[u8]| find(bytes, super::BUILD_ID).next().unwrap() + super::BUILD_ID.len();
        assert!(is_same(|b| (id(b)..id(b) + 20).for_each(|at| b[at] ^= 1)));
        // The entry, flags, then a segment's flags, place and address: the header has 64 bytes, and they follow.
        for at in [24, 48, 64 + 4, 64 + 8, 64 + 16] {
            assert!(!is_same(|b| b[at] ^= 1), "{at}");
        }
        assert!(!is_same(|b| b.push(1)));
        // Without sections all of it counts.
        let bare = |mut bytes: Vec<u8>| {
            bytes[40..48].fill(0);
            bytes[58..64].fill(0);
            bytes
        };
        let bytes = bare(std::fs::read("/bin/true").unwrap());
        assert_eq!(content("usr/bin/true", &bytes), bytes);
    }

    #[test]
    fn texts() {
        let table: &[(&str, &str, &str, bool)] = &[
            (
                "boot/config-1",
                "CONFIG_CC_VERSION_TEXT=\"a\"\nCONFIG_A=y\n",
                "CONFIG_CC_VERSION_TEXT=\"b\"\nCONFIG_A=y\n",
                true,
            ),
            ("boot/config-1", "CONFIG_A=y\n", "CONFIG_A=m\n", false),
            ("boot/System.map-1", "0001 T a\n0002 T b\n", "0001 T a\n0004 T b\n", true),
            ("boot/System.map-1", "0001 T a\n", "0001 T b\n", false),
            ("usr/lib/linux/1/compiler", "gcc", "aarch64-linux-gnu-gcc", true),
            ("usr/lib/compiler", "gcc", "clang", false),
            ("usr/src/l/scripts/.sortextable.cmd", "cmd := gcc", "cmd := aarch64-linux-gnu-gcc", true),
            ("usr/src/l/include/config/auto.conf.cmd", "a", "b", true),
            ("usr/src/l/scripts/x.cmd", "a", "b", false),
            (
                "usr/src/l/kernel/bounds.s",
                "//# bounds.c:18:  DEFINE(A, 1);\n\t.ascii \"->A 1\"\n",
                "\t.ascii \"->A 1\"\n",
                true,
            ),
            ("usr/src/l/kernel/bounds.s", "\t.ascii \"->A 1\"\n", "\t.ascii \"->A 2\"\n", false),
            ("usr/src/l/kernel/head.S", "@ one\n", "@ two\n", false),
        ];
        for (path, a, b, same) in table {
            assert_eq!(content(path, a.as_bytes()) == content(path, b.as_bytes()), *same, "{path} {a} {b}");
        }
    }

    #[test]
    fn found() {
        assert_eq!(find(b"aabaab", b"ab").collect::<Vec<_>>(), [1, 4]);
        assert_eq!(find(b"", b"ab").count(), 0);
    }
}
