// SPDX-License-Identifier: GPL-2.0-only
//! A good set in small, made with dpkg-deb, and what becomes of it when one thing is wrong: each is caught
//! by the finding meant for it and by no other.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::Command;

use camino::Utf8PathBuf;
use fs_err as fs;
use object::write::{Object, StandardSection, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SymbolFlags, SymbolKind, SymbolScope};

use super::{audit, Annotated, Expected, Offered};
use crate::formats::annotations::Annotations;
use crate::formats::config::Config;
use crate::formats::version::Version;
use crate::formats::FormatError;
use crate::packages::release::Release;
use crate::packages::set::{Purpose, Set};

pub(super) const REL: &str = "5.4.0-1-t";
const CONFIG: &str = "CONFIG_NO_HZ_FULL=y\nCONFIG_HZ=100\nCONFIG_MODULE_SIG=y\n";

/// A module as a compiler makes it, as far as anybody looks.
pub(super) fn module(architecture: Architecture, vermagic: &str, needs: &[&str], code: &[u8]) -> Vec<u8> {
    let mut file = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
    let text = file.section_id(StandardSection::Text);
    file.append_section_data(text, code, 4);
    let info = file.add_section(Vec::new(), b".modinfo".to_vec(), object::SectionKind::ReadOnlyData);
    file.append_section_data(info, format!("license=GPL\0vermagic={vermagic}\0").as_bytes(), 1);
    for name in needs {
        file.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        });
    }
    file.write().unwrap()
}

pub(super) fn signed(mut bytes: Vec<u8>, signature: &[u8]) -> Vec<u8> {
    bytes.extend(signature);
    bytes.extend([0, 0, 2, 0, 0, 0, 0, 0]);
    bytes.extend((signature.len() as u32).to_be_bytes());
    bytes.extend(b"~Module signature appended~\n");
    bytes
}

pub(super) fn good() -> Vec<u8> {
    module(Architecture::Aarch64, &format!("{REL} SMP mod_unload aarch64"), &["printk"], &[0; 8])
}

pub(super) fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o644)).unwrap();
}

/// A set whose staging directories, one a package, `change` may alter.
pub(super) fn made(change: impl Fn(&Path)) -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    let stage = top.path().join("stage");
    let packages = [
        (format!("linux-image-unsigned-{REL}"), "arm64", format!("Depends: linux-modules-{REL}\n")),
        (format!("linux-modules-{REL}"), "arm64", String::new()),
        (format!("linux-headers-{REL}"), "arm64", "Depends: libc6 (>= 2.31), linux-headers-5.4.0-1\n".to_owned()),
        ("linux-headers-5.4.0-1".to_owned(), "all", String::new()),
        (format!("linux-buildinfo-{REL}"), "arm64", String::new()),
    ];
    for (name, arch, depends) in &packages {
        let control = format!("Package: {name}\nSource: linux\nVersion: 5.4.0-1.2+lab\nArchitecture: {arch}\nMaintainer: a <a@b>\n{depends}Description: x\n");
        put(&stage.join(name).join("DEBIAN/control"), control.as_bytes());
    }
    let modules = stage.join(format!("linux-modules-{REL}"));
    let headers = stage.join(format!("linux-headers-{REL}")).join(format!("usr/src/linux-headers-{REL}"));
    put(&stage.join(format!("linux-image-unsigned-{REL}/boot/vmlinuz-{REL}")), b"kernel");
    put(&modules.join(format!("boot/config-{REL}")), CONFIG.as_bytes());
    put(&modules.join(format!("lib/modules/{REL}/kernel/net/a.ko")), &good());
    put(&headers.join(".config"), CONFIG.as_bytes());
    put(&headers.join("Module.symvers"), b"0x0\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x0\tc\tlib/c\tEXPORT_SYMBOL\t\n");
    put(&headers.join("scripts/fixdep"), &module(Architecture::Aarch64, "", &[], &[0; 4]));
    put(&stage.join("linux-headers-5.4.0-1/usr/src/linux-headers-5.4.0-1/Makefile"), b"all:\n");
    put(&stage.join(format!("linux-buildinfo-{REL}/usr/lib/linux/{REL}/config")), CONFIG.as_bytes());
    change(&stage);
    let _children = crate::effects::CHILDREN.read();
    for entry in fs::read_dir(&stage).unwrap() {
        let dir = entry.unwrap().path();
        let done = Command::new("chmod").args(["-R", "g-w,o-w"]).arg(&dir).status().unwrap();
        assert!(done.success());
        if dir.join("loose").exists() {
            fs::set_permissions(dir.join("loose"), PermissionsExt::from_mode(0o666)).unwrap();
        }
        let build = ["-Zgzip", "-z1", "--root-owner-group", "--build"];
        let done = Command::new("dpkg-deb").args(build).arg(&dir).arg(top.path()).output().expect("dpkg-deb");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    top
}

pub(super) fn read(top: &tempfile::TempDir, purpose: Purpose) -> Set {
    Set::read(&[Utf8PathBuf::from(top.path().to_str().unwrap())], purpose, &|_| {}).unwrap()
}

/// Changes what a package depends on.
fn depend(stage: &Path, package: &str, from: &str, to: &str) {
    let path = stage.join(package).join("DEBIAN/control");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    put(&path, text.replace(from, to).as_bytes());
}

/// What the annotations say: also of one symbol that the fragment does not name.
fn annotated() -> Annotated {
    let text = "# ARCH: arm64\n# FLAVOUR: arm64-t\n\nCONFIG_HZ policy<{'arm64': '100'}>\n\
                CONFIG_NO_HZ_FULL policy<{'arm64': 'y'}>\nCONFIG_MODULE_SIG policy<{'arm64': 'y'}>\n\
                CONFIG_CC_HAS_X policy<{'arm64': 'y'}>\n";
    let none = |path: &str| Err(FormatError::new(path, "nothing is included"));
    let annotations = Annotations::parse(text, "annotations", &none).unwrap();
    let from_compiler = ["CC_HAS_X", "MODULE_SIG_ALL"].map(str::to_owned).into();
    Annotated { annotations, architecture: "arm64".to_owned(), from_compiler }
}

/// What focal has.
fn offered() -> Offered {
    let versions = BTreeMap::from([("libc6".to_owned(), Version::parse("2.31-0ubuntu9.17").unwrap())]);
    Offered { suite: "focal".to_owned(), versions, provided: BTreeSet::new() }
}

/// `check package path` of each finding.
pub(super) fn findings(top: &tempfile::TempDir) -> Vec<String> {
    found(top, false)
}

fn found(top: &tempfile::TempDir, tools: bool) -> Vec<String> {
    let fragment = Config::parse("CONFIG_NO_HZ_FULL=y\n# CONFIG_NO_HZ_IDLE is not set\n").unwrap();
    let expected = Expected {
        release: Release::parse(REL),
        architecture: Some("arm64".to_owned()),
        fragments: BTreeMap::from([("t".to_owned(), fragment)]),
        annotations: BTreeMap::from([("t".to_owned(), annotated())]),
        tools,
        offered: Some(offered()),
    };
    let set = read(top, Purpose::Audit);
    audit(&set, &expected)
        .iter()
        .map(|f| format!("{} {} {}", f.check, f.package, f.path.as_deref().unwrap_or("-")))
        .collect()
}

#[test]
fn a_good_set() {
    assert_eq!(findings(&made(|_| {})), [""; 0]);
}

#[test]
fn tools_that_were_asked_for() {
    assert_eq!(found(&made(|_| {}), true), ["complete  -"]);
}

#[test]
fn each_fault_has_its_finding() {
    let modules = format!("linux-modules-{REL}");
    let headers = format!("linux-headers-{REL}");
    let ko = format!("lib/modules/{REL}/kernel/net/a.ko");
    let config = format!("boot/config-{REL}");
    let source = format!("usr/src/linux-headers-{REL}");
    let replace = |stage: &Path, bytes: &[u8]| put(&stage.join(&modules).join(&ko), bytes);
    let arm = Architecture::Aarch64;
    let magic = format!("{REL} SMP");
    type Change<'a> = Box<dyn Fn(&Path) + 'a>;
    let table: Vec<(Change, Vec<String>)> = vec![
        (
            Box::new(|s| {
                put(
                    &s.join(&headers).join(&source).join("scripts/fixdep"),
                    &module(Architecture::X86_64, "", &[], &[0; 4]),
                )
            }),
            vec![format!("architecture {headers} {source}/scripts/fixdep")],
        ),
        (
            Box::new(|s| put(&s.join("linux-headers-5.4.0-1/usr/src/linux-headers-5.4.0-1/x"), &good())),
            vec!["architecture linux-headers-5.4.0-1 usr/src/linux-headers-5.4.0-1/x".into()],
        ),
        (
            Box::new(|s| fs::remove_dir_all(s.join("linux-headers-5.4.0-1")).unwrap()),
            vec!["complete  -".into(), format!("depends {headers} -")],
        ),
        (
            Box::new(|s| {
                let control = "Package: linux-tools-5.4.0-1-t\nSource: linux\nVersion: 5.4.0-1.2+lab\nArchitecture: arm64\nMaintainer: a <a@b>\nDepends: linux-tools-5.4.0-1\nDescription: x\n";
                put(&s.join("linux-tools-5.4.0-1-t/DEBIAN/control"), control.as_bytes());
            }),
            vec!["depends linux-tools-5.4.0-1-t -".into()],
        ),
        (
            Box::new(|s| {
                put(&s.join(&modules).join(&config), CONFIG.replace("NO_HZ_FULL=y", "NO_HZ_IDLE=y").as_bytes())
            }),
            vec![
                // The first of the three is what the others are compared with.
                format!("config {modules} {config}"),
                format!("config {modules} {config}"),
                format!("annotations {modules} {config}"),
                format!("config {modules} {config}"),
            ],
        ),
        (
            Box::new(|s| replace(s, &module(arm, "5.4.0-2-t SMP", &[], &[0; 4]))),
            vec![format!("vermagic {modules} {ko}")],
        ),
        (Box::new(|s| replace(s, &module(arm, &magic, &["gone"], &[0; 4]))), vec![format!("symbols {modules} {ko}")]),
        (Box::new(|s| replace(s, &module(arm, &magic, &["c"], &[0; 4]))), vec![format!("symbols {modules} {ko}")]),
        (Box::new(|s| replace(s, &good()[..90])), vec![format!("module {modules} {ko}")]),
        (
            Box::new(|s| fs::remove_file(s.join(&headers).join(&source).join("Module.symvers")).unwrap()),
            vec!["symbols  -".into()],
        ),
        (
            Box::new(|s| symlink("/home/somebody/linux", s.join(&headers).join(&source).join("source")).unwrap()),
            vec![format!("link-out {headers} {source}/source")],
        ),
        (
            Box::new(|s| symlink("../../../../../etc", s.join(&headers).join(&source).join("source")).unwrap()),
            vec![
                "complete  -".into(),
                "symbols  -".into(),
                format!("link-out {headers}_5.4.0-1.2+lab_arm64.deb {source}/source"),
            ],
        ),
        (Box::new(|s| put(&s.join(&modules).join("loose"), b"")), vec![format!("mode {modules} loose")]),
        (Box::new(|s| put(&s.join(&headers).join(&ko), &good())), vec![format!("overlap {modules} {ko}")]),
        (
            Box::new(|s| {
                let path = s.join(&modules).join("DEBIAN/control");
                let text = fs::read_to_string(&path).unwrap().replace("5.4.0-1.2+lab", "5.4.0-1.3+lab");
                put(&path, text.as_bytes());
            }),
            vec!["source  -".into()],
        ),
        (
            Box::new(|s| {
                let path = s.join(&modules).join("DEBIAN/control");
                let text =
                    fs::read_to_string(&path).unwrap().replace("Source: linux\n", "Source: linux (5.4.0-1.2+lab)\n");
                put(&path, text.replace("Version: 5", "Version: 9:5").as_bytes());
            }),
            vec!["source  -".into()],
        ),
        (
            Box::new(|s| {
                let path = s.join(&modules).join("DEBIAN/postinst");
                put(&path, b"echo\n");
                fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
            }),
            vec![format!("script {modules} postinst")],
        ),
        (Box::new(|s| depend(s, &headers, "libc6 (>= 2.31)", "libc6 (>= 2.34)")), vec![format!("too-new {headers} -")]),
        (Box::new(|s| depend(s, &headers, "libc6 (>= 2.31)", "libc7")), vec![format!("not-in-suite {headers} -")]),
        (
            Box::new(|s| {
                put(&s.join(&modules).join("DEBIAN/md5sums"), format!("{}  {ko}\n", "0".repeat(32)).as_bytes())
            }),
            vec![format!("checksum {modules} {ko}")],
        ),
        (
            // d41d8…: of an empty file.
            Box::new(|s| {
                put(&s.join(&modules).join("empty"), b"");
                put(&s.join(&modules).join("DEBIAN/md5sums"), b"d41d8cd98f00b204e9800998ecf8427e  empty\n");
            }),
            vec![],
        ),
        (
            Box::new(|s| {
                for place in [
                    modules.clone() + "/" + &config,
                    format!("{headers}/{source}/.config"),
                    format!("linux-buildinfo-{REL}/usr/lib/linux/{REL}/config"),
                ] {
                    put(&s.join(place), CONFIG.replace("HZ=100", "HZ=250").as_bytes());
                }
            }),
            vec![
                format!("annotations linux-buildinfo-{REL} usr/lib/linux/{REL}/config"),
                format!("annotations {headers} {source}/.config"),
                format!("annotations {modules} {config}"),
            ],
        ),
        (
            Box::new(|s| {
                for place in [
                    modules.clone() + "/" + &config,
                    format!("{headers}/{source}/.config"),
                    format!("linux-buildinfo-{REL}/usr/lib/linux/{REL}/config"),
                ] {
                    put(&s.join(place), format!("{CONFIG}CONFIG_MODULE_SIG_ALL=y\n").as_bytes());
                }
            }),
            vec![format!("signature {modules} {ko}")],
        ),
    ];
    for (number, (change, want)) in table.iter().enumerate() {
        assert_eq!(findings(&made(change)), *want, "fault {number}");
    }
}

#[test]
fn fields_that_act_on_a_whole_machine() {
    let modules = format!("linux-modules-{REL}");
    for (field, fine) in [
        ("Essential: yes", false),
        ("Protected: yes", false),
        ("Essential: no", true),
        ("Conflicts: sudo", false),
        ("Replaces: linux-oem-5.6-tools-common, bash", false),
        ("Provides: libc6 (= 99)", false),
        ("Provides: linux-image, fuse-module, aufs-dkms, kvm-api-4, wireguard-modules (= 1)", true),
        ("Breaks: flash-kernel (<< 3.90ubuntu2)", true),
    ] {
        let top = made(|s| depend(s, &modules, "Description:", &format!("{field}\nDescription:")));
        let want = if fine { vec![] } else { vec![format!("fields {modules} -")] };
        assert_eq!(findings(&top), want, "{field}");
    }
    let top =
        made(|s| put(&s.join(&modules).join("DEBIAN/triggers"), b"interest linux-update-5\ninterest-noawait /usr\n"));
    assert_eq!(findings(&top), [format!("fields {modules} -")]);
}

#[test]
fn a_truncated_package() {
    let top = made(|_| {});
    let name = format!("linux-modules-{REL}_5.4.0-1.2+lab_arm64.deb");
    let bytes = fs::read(top.path().join(&name)).unwrap();
    fs::write(top.path().join(&name), &bytes[..bytes.len() - 100]).unwrap();
    assert!(findings(&top).contains(&format!("truncated {name} -")), "{:?}", findings(&top));
}
