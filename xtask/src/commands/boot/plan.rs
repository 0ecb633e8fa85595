// SPDX-License-Identifier: GPL-2.0-only
//! What `boot` is to boot, decided before anything happens.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::Args;
use crate::arch::{self, Arch};
use crate::boot::qemu::{self, Machine};
use crate::boot::root;
use crate::build::{metadata, sbuild};
use crate::effects::Effects;
use crate::formats::config::Config;
use crate::packages::audit::releases;
use crate::packages::release::Release;
use crate::packages::set::{Purpose, Set};
use crate::workspace::Workspace;

/// The flavour that others are compared with, where its packages are beside theirs.
const COMPARED_WITH: &str = "generic";

/// What is booted, decided before anything happens.
pub struct Plan {
    pub host: &'static Arch,
    pub machine: Machine,
    pub suite: String,
    pub debs: Vec<Utf8PathBuf>,
    pub set: Set,
    pub kernels: Vec<Kernel>,
    /// What the root must have beside the packages.
    pub needs: Vec<String>,
    pub report: Utf8PathBuf,
}

pub struct Kernel {
    pub release: Release,
    pub hz: Option<u32>,
    pub tickless: bool,
}

/// Reads the packages in `dir` and the arguments.
///
/// # Errors
/// There is no kernel in `dir`, or none for that architecture; a package cannot be read.
pub fn plan(fx: &Effects, workspace: &Workspace, dir: &Utf8Path, args: &Args) -> Result<Plan> {
    let record = metadata::read(dir);
    let mut dirs = vec![dir.to_owned()];
    dirs.extend(record.as_ref().and_then(|r| compared_with(dir, &r.architecture)));
    let step = fx.ui.step("read the packages");
    let mut set = Set::read(&dirs, Purpose::Audit, &|name| fx.ui.progress(name))?;
    step.done("");
    // Headers that both flavours share are in both directories.
    set.packages.dedup_by(|a, b| a.id() == b.id() && a.file == b.file);
    if let Some(pair) = set.packages.windows(2).find(|pair| pair[0].name == pair[1].name) {
        fail!(Input, "`{}` is in both `{}` and `{}`, and only one of them can be installed", pair[0].name, pair[0].file, pair[1].file;
            "take one of the files away");
    }
    if let Some((file, error)) = set.broken.first() {
        fail!(Check, "{file} cannot be read: {error}"; "cargo xtask audit {dir}");
    }
    let Some(said) = set.architecture() else {
        fail!(Input, "there is no kernel for any architecture in {dir}"; "name a directory of packages that `cargo xtask build` made");
    };
    let host = arch::find(args.arch.as_deref().unwrap_or(said))?;
    if host.debian != said {
        fail!(Input, "the packages are for {said} and not for {}", host.debian; "leave --arch out");
    }
    let kernels: Vec<Kernel> =
        releases(&set).into_iter().filter(|r| has_image(&set, r)).map(|r| kernel(&set, r)).collect();
    if kernels.is_empty() {
        fail!(Input, "there is no image in {dir}"; "name a directory of packages that `cargo xtask build` made");
    }
    let suite = args.suite.clone().or(record.map(|r| r.suite)).unwrap_or_else(|| workspace.settings.series.clone());
    Ok(Plan {
        host,
        machine: qemu::machine(host)?,
        suite,
        debs: debs(&dirs)?,
        kernels,
        needs: root::needs(set.packages.iter(), &set),
        set,
        report: args.report.clone().unwrap_or_else(|| dir.join(super::REPORT)),
    })
}

/// The directory of the flavour to compare with, beside this one, for the same architecture.
fn compared_with(dir: &Utf8Path, architecture: &str) -> Option<Utf8PathBuf> {
    let beside = dir.canonicalize_utf8().ok()?.parent()?.read_dir_utf8().ok()?;
    let is_it = |path: &Utf8PathBuf| {
        metadata::read(path).is_some_and(|r| r.flavour == COMPARED_WITH && r.architecture == architecture)
    };
    beside.flatten().map(|e| e.into_path()).filter(|p| p.file_name() != dir.file_name()).find(is_it)
}

/// The files, each name once, without debugging symbols.
fn debs(dirs: &[Utf8PathBuf]) -> Result<Vec<Utf8PathBuf>> {
    let mut debs: Vec<Utf8PathBuf> = Vec::new();
    for dir in dirs {
        for deb in sbuild::packages(dir)? {
            let name = deb.file_name().unwrap_or_default();
            if !name.contains("-dbgsym_") && !debs.iter().any(|d| d.file_name() == Some(name)) {
                debs.push(deb);
            }
        }
    }
    Ok(debs)
}

fn has_image(set: &Set, release: &Release) -> bool {
    let uname = release.uname();
    ["linux-image-unsigned-", "linux-image-"]
        .iter()
        .any(|start| set.packages.iter().any(|p| p.name == format!("{start}{uname}")))
}

fn kernel(set: &Set, release: Release) -> Kernel {
    let path = format!("boot/config-{}", release.uname());
    let text = set.files().find(|(_, e, _)| e.path == path).and_then(|(_, _, c)| c.text.as_deref());
    let config = Config::parse_lenient(text.unwrap_or_default());
    let value = |symbol| config.get(symbol).map(|v| v.as_str().to_owned());
    let hz = value("HZ").and_then(|v| v.parse().ok());
    Kernel { release, hz, tickless: value("NO_HZ_FULL").as_deref() == Some("y") }
}
