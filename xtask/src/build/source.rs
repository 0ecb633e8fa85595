// SPDX-License-Identifier: GPL-2.0-only
//! A source package for sbuild that stands for a build tree, without running anything of the tree.
//!
//! sbuild takes source packages. Packing a kernel into one and unpacking it takes longer than building a small
//! one, so what is packed is a stand-in: a `debian/control` with the build dependencies and the makefile that
//! stands in for `debian/rules`. The tree itself is mounted into the chroot, read-only to whoever builds, and
//! the makefile copies it over the stand-in as the first thing that happens. Ubuntu's `debian/control` is made
//! by `debian/rules clean`, which only the chroot may run.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use git2::{Oid, Repository};
use xshell::cmd;

use super::apart;
use super::mode::Mode;
use super::parts::Parts;
use crate::arch::Arch;
use crate::effects::Effects;
use crate::flavour::packaging::{required, text, Packaging};
use crate::formats::changelog;
use crate::formats::control::{self, Alternative, Control, Relations, Substitute};

/// The makefile that stands in for `debian/rules` in the build's copy.
pub const RULES: &str = "debian/fork.mk";
/// The control field of each package that says which suite it was built in.
pub const SUITE: &str = "Fork-Suite";
/// What the folder is called that a build runs in.
pub const NAME: &str = "linux";
/// Where the chroot has the tree.
pub const MOUNTED: &str = "/srv/kernel-tree";
/// Where the chroot has the objects: beside the tree, so that they can be kept. Anybody may make it.
pub const OBJECTS: &str = "/tmp/kernel-objects";

/// What the manuals of Ubuntu's tools are made with, which it asks for among much else in Build-Depends-Indep.
const MANUALS: &[&str] = &["asciidoc", "python3-docutils", "xmlto"];
/// Libraries that perf of a tree with the bundled packaging is better with.
const FOR_PERF: &[&str] = &["libcap-dev", "libdw-dev", "libnuma-dev", "libslang2-dev", "libtraceevent-dev"];

/// What there is to know about a tree's source package.
pub struct Source {
    pub name: String,
    pub version: String,
    /// The Build-Depends that the chroot is to have.
    pub depends: String,
    /// What was replaced (by what) or left out (by nothing).
    pub substituted: BTreeMap<String, String>,
    /// What got `:native`, since the build runs it.
    pub native: Vec<String>,
}

impl Source {
    /// The same where what runs during the build is not what is shipped: `own` is the architecture of what runs.
    ///
    /// # Errors
    /// None that one would see.
    pub fn apart(self, mode: Mode, own: &Arch) -> Result<Self> {
        let (qualifier, (depends, native)) = match mode {
            Mode::Cross => ("native", apart::run_natively(&self.depends)?),
            Mode::Native | Mode::Emulated => (own.debian, (self.depends, Vec::new())),
        };
        Ok(Self { depends: apart::link_twice(&depends, qualifier)?, native, ..self })
    }
}

/// Where the template of the control file is.
pub fn stub_path(packaging: &Packaging) -> String {
    format!("{}/control.stub.in", packaging.dir())
}

/// Reads the packaging of the tree `tree` as text. `tools`: also what the tools need.
///
/// # Errors
/// Files are missing or cannot be read.
pub fn read(
    repo: &Repository,
    tree: Oid,
    packaging: &Packaging,
    tools: bool,
    parts: &Parts,
    mode: Mode,
    host: &Arch,
) -> Result<Source> {
    let (dir, ubuntu) = (packaging.dir(), packaging.is_ubuntu());
    let header = changelog::top(&required(repo, tree, &format!("{dir}/changelog"))?)?.header;
    let stub = required(repo, tree, &stub_path(packaging))?;
    let more = text(repo, tree, &format!("{dir}/control.d/build-depends"))?.unwrap_or_default();
    let (depends, mut substituted) = build_depends(&stub, &more, &parts.mapping, host, mode.profiles())?;
    substituted.extend(parts.lacking.iter().map(|gcc| (gcc.clone(), "gcc".to_owned())));
    let mut depends = vec![depends];
    depends.extend(parts.more.iter().cloned());
    if ubuntu {
        // Its rules run python3 and count on something else to bring it.
        depends.push("python3:any".to_owned());
    }
    if tools {
        depends.extend(if ubuntu { MANUALS } else { FOR_PERF }.iter().map(|p| (*p).to_owned()));
    }
    depends.extend(mode.depends(host));
    Ok(Source {
        name: header.source,
        version: header.version.as_str().to_owned(),
        depends: depends.join(", "),
        substituted,
        native: Vec::new(),
    })
}

/// Variables for `debian/rules` that make it build one flavour and nothing that needs a network.
pub fn variables(flavour: &str, ubuntu: bool, tools: bool) -> Vec<String> {
    let mut variables = vec![format!("flavours={flavour}"), format!("do_tools={tools}"), "skipdbg=true".to_owned()];
    if ubuntu {
        let off = [
            "do_zfs",
            "do_dkms_wireguard",
            "do_dkms_nvidia",
            "do_dkms_nvidia_server",
            "do_dkms_vbox",
            "do_doc_package",
            "do_source_package",
            "do_libc_dev_package",
        ];
        variables.extend(off.iter().map(|v| format!("{v}=false")));
        variables.push("disable_d_i=true".to_owned());
        if tools {
            // For virtual machines of Hyper-V, for hosts of any, for Java: with a package or a JDK of its own each.
            let off = ["do_tools_hyperv", "do_tools_host", "do_tools_perf_jvmti"];
            variables.extend(off.iter().map(|v| format!("{v}=false")));
        }
    }
    variables
}

/// Lines around the vendor's rules.
pub struct Makefile<'a> {
    /// When the source was last changed, in seconds since 1970.
    pub changed: i64,
    /// The suite whose chroot it is built in.
    pub suite: &'a str,
    pub before: &'a str,
    pub after: &'a str,
}

impl Makefile<'_> {
    /// The makefile that is run in the place of the vendor's rules, which it includes.
    pub fn text(&self) -> String {
        RULES_TEXT
            .replace("@TREE@", MOUNTED)
            .replace("@OBJECTS@", OBJECTS)
            .replace("@CHANGED@", &self.changed.to_string())
            .replace("@SUITE@", &format!("XB-{SUITE}: {}", self.suite))
            .replace("@BEFORE@\n", self.before)
            + self.after
    }
}

/// Packs the stand-in for the tree whose packaging is in `dir`, in a scratch. Files of `own` take the place of the
/// tree's; `whole`: this tree is packed itself, since it cannot be
/// mounted. Returns the `.dsc`.
///
/// # Errors
/// dpkg-source fails; no room on the disk.
pub fn pack(
    fx: &Effects,
    scratch: &Utf8Path,
    changelog: &str,
    source: &Source,
    own: &BTreeMap<String, String>,
    makefile: &Makefile,
    whole: Option<&Utf8Path>,
) -> Result<Utf8PathBuf> {
    let copy = scratch.join(NAME);
    if let Some(tree) = whole {
        fx.read(cmd!(fx.sh, "cp --archive --reflink=auto {tree} {copy}"))?;
    }
    let mut files = vec![("debian/changelog", changelog.to_owned()), ("debian/control", stand_in(source))];
    files.push((RULES, makefile.text()));
    files.extend(own.iter().map(|(path, text)| (path.as_str(), text.clone())));
    for (path, text) in files {
        let to = copy.join(path);
        fs::create_dir_all(to.parent().context("a file has a directory")?)?;
        fs::write(&to, &text)?;
        if text.starts_with("#!") {
            fs::set_permissions(&to, PermissionsExt::from_mode(0o755))?;
        }
    }
    // Format 1.0 takes a version with a revision from a tree alone.
    let pack = cmd!(fx.sh, "dpkg-source --format=1.0 -sn -Zgzip -z1 --build {NAME}").env("LC_ALL", "C");
    let _in_scratch = fx.sh.push_dir(scratch.as_std_path());
    fx.read(pack)?;
    let version = source.version.split_once(':').map_or(source.version.as_str(), |(_, v)| v);
    Ok(scratch.join(format!("{}_{version}.dsc", source.name)))
}

fn stand_in(source: &Source) -> String {
    // Both kinds of package: sbuild builds what it finds here, and the common headers are arch:all.
    format!(
        "Source: {name}\nSection: kernel\nPriority: optional\nMaintainer: nobody <nobody@localhost>\nStandards-Version: 4.6.2\n\
         Rules-Requires-Root: no\nBuild-Depends: {depends}\n\n\
         Package: {name}-stand-in\nArchitecture: any\nDescription: stands in until the chroot has made debian/control\n\n\
         Package: {name}-stand-in-common\nArchitecture: all\nDescription: stands in until the chroot has made debian/control\n",
        name = source.name,
        depends = source.depends,
    )
}

const RULES_TEXT: &str = include_str!("fork.mk");

/// The Build-Depends field of a control stub's first paragraph.
fn field(stub: &str) -> Result<String> {
    let control = Control::parse(stub)?;
    let first = control.paragraphs().next().context("there is no paragraph")?;
    Ok(first.get("Build-Depends").context("there is no Build-Depends")?.to_owned())
}

/// What a control stub's Build-Depends ask for in a mode.
///
/// # Errors
/// It has none.
pub fn asked(stub: &str, host: &Arch, mode: Mode) -> Result<Vec<Alternative>> {
    let entries = Relations::parse(&field(stub)?)?.entries;
    let all = entries.into_iter().flat_map(|entry| entry.alternatives);
    Ok(all.filter(|a| a.applies(host.debian, mode.profiles())).collect())
}

/// The Build-Depends of a control stub's first paragraph for `host`, with packages replaced, and what was.
/// `more`: further lines of the field, which a tree with the bundled packaging may have.
fn build_depends(
    stub: &str,
    more: &str,
    mapping: &BTreeMap<String, String>,
    host: &Arch,
    profiles: &[&str],
) -> Result<(String, BTreeMap<String, String>)> {
    let asked = field(stub)?;
    let asked = format!("{},\n{more}", asked.trim_end().trim_end_matches(','));
    let changes: Vec<(&str, Substitute)> = mapping
        .iter()
        .map(|(name, by)| (name.as_str(), if by.is_empty() { Substitute::Drop } else { Substitute::Name(by.clone()) }))
        .collect();
    let made = control::substitute(&asked, &changes)?;
    let mut relations = Relations::parse(&made.text)?;
    for entry in &mut relations.entries {
        entry.alternatives.retain(|a| a.applies(host.debian, profiles));
        entry.alternatives.iter_mut().for_each(|a| {
            a.architectures.clear();
            a.profiles.clear();
        });
    }
    relations.entries.retain(|e| !e.alternatives.is_empty());
    let changed = made
        .changed
        .into_iter()
        .map(|name| (mapping.get(&name).cloned().unwrap_or_default(), name))
        .map(|(by, name)| (name, by));
    Ok((relations.to_string(), changed.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_dependencies_are_read_as_text() {
        let stub =
            "Source: SRCPKGNAME\nBuild-Depends:\n debhelper (>= 9),\n dh-systemd,\n curl <!stage1>,\n lz4 [amd64],\n \
                    libssl-dev <!stage1>,\nPackage-List: x\n\nPackage: y\n";
        let mapping = BTreeMap::from([("dh-systemd".into(), "debhelper".into()), ("curl".into(), String::new())]);
        let (depends, changed) =
            build_depends(stub, " bc:native,\n", &mapping, crate::arch::find("arm64").unwrap(), &[]).unwrap();
        assert_eq!(depends, "debhelper (>= 9), debhelper, libssl-dev, bc:native");
        assert_eq!(
            changed,
            BTreeMap::from([("dh-systemd".into(), "debhelper".into()), ("curl".into(), String::new())])
        );
    }

    #[test]
    fn a_cross_build_has_the_profiles_that_sbuild_gives_it() {
        let stub = "Source: x\nBuild-Depends:\n gcc-13-aarch64-linux-gnu [arm64] <cross>,\n gcc-13 <!cross>,\n bc <!nocheck>,\n make\n";
        let depends = |mode: Mode| {
            let host = crate::arch::find("arm64").unwrap();
            build_depends(stub, "", &BTreeMap::new(), host, mode.profiles()).unwrap().0
        };
        assert_eq!(depends(Mode::Cross), "gcc-13-aarch64-linux-gnu, make");
        assert_eq!(depends(Mode::Native), "gcc-13, bc, make");
    }
}
