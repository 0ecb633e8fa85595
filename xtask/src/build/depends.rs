// SPDX-License-Identifier: GPL-2.0-only
//! Build dependencies, looked at before anything is made: which ones the suite cannot satisfy, why, and
//! what mends it.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::archive::{explain, private_apt, Archive};
use super::chroot::build_depends_stanza;
use super::mirror;
use crate::arch::Arch;
use crate::effects::{Effects, Run, Scratch};
use crate::error::Kind;
use crate::formats::control::Relations;

/// Every component that a distribution of this kind may have, to look where a missing package went.
const COMPONENTS: &[&str] = &["main", "universe", "restricted", "multiverse", "contrib", "non-free"];

/// The suite's package lists, as apt keeps them: whoever makes a chroot next need not fetch them again.
pub struct Lists {
    pub dir: Utf8PathBuf,
    _scratch: Scratch,
}

/// Asks apt, with indexes of the suite alone, whether `depends` can be installed to build for `host`.
///
/// # Errors
/// It cannot ([`Kind::Input`]): each dependency in the way, with the reason and the setting that mends it.
/// The archive cannot be reached, or is out of step with itself ([`Kind::Network`]).
pub fn check(fx: &Effects, archive: &Archive, archs: &[&'static Arch], host: &Arch, depends: &str) -> Result<Lists> {
    let step = fx.ui.step(&format!("check the build dependencies against {}", archive.suite));
    mirror::answers(fx, &archive.sources)?;
    let scratch = fx.shared_scratch("depends")?;
    let keyring = archive.keyring(fx, &scratch)?;
    let conf = private_apt(&scratch.join("apt"), &archive.sources, &keyring, archs)?;
    let stanza = scratch.join("depends.dsc");
    fs_err::write(&stanza, build_depends_stanza(depends))?;
    update(fx, &archive.sources, &conf)?;
    let there = architectures(&scratch.join("apt/state/lists"));
    if let Some(none) = archs.iter().find(|a| !there.is_empty() && !there.contains(a.debian)) {
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        fail!(Input, "{} has no packages for {}", archive.suite, none.debian;
            "it has {}; --suite names another", there.join(", "));
    }
    let foreign: &[&str] = if archs[0] == host { &[] } else { &["--host-architecture", host.debian] };
    let simulate = cmd!(fx.sh, "apt-get --simulate --no-install-recommends {foreign...} build-dep {stanza}")
        .env("APT_CONFIG", &conf);
    let mut said = Vec::new();
    let answer = fx.read(Run::from(simulate).any_status().watch(|line| said.push(line.to_owned())))?;
    if answer.status.success() {
        step.done("");
        let dir = scratch.join("apt/state/lists");
        // For apt alone; whoever copies the lists is one of a chroot's users.
        fs_err::remove_file(dir.join("lock"))?;
        fs_err::remove_dir_all(dir.join("partial"))?;
        return Ok(Lists { dir, _scratch: scratch });
    }
    drop(step);
    let reasons = reasons(fx, archive, &keyring, &scratch.join("wide"), &conf, host, depends)?;
    if let Some((package, versions)) = out_of_step(fx, &conf, archs)? {
        fail!(Network, "{} is out of step with itself: {package} is {versions}", archive.suite;
            "packages of two architectures have to be of one version; the mirrors of the settings agree again when both are up to date, most often within hours");
    }
    let text = if reasons.is_empty() { said.into_iter().filter(|l| !l.is_empty()).collect() } else { reasons };
    fail!(Input, "{} cannot satisfy the build dependencies:\n  {}", archive.suite, text.join("\n  ");
        "the settings named above are in [workspace.metadata.fork] of Cargo.toml");
}

/// Which of these package names a suite has. The answer is kept: it changes with a release of the distribution.
///
/// # Errors
/// The archive cannot be reached ([`Kind::Network`]).
pub fn offered(
    fx: &Effects,
    archive: &Archive,
    archs: &[&'static Arch],
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let question = format!("1 {:?} {:?} {names:?}", archive.sources, archive.fingerprints);
    let key = git2::Oid::hash_object(git2::ObjectType::Blob, question.as_bytes())?.to_string();
    let kept = fx.cache().join("offered").join(&key[..16]);
    if let Ok(text) = fs_err::read_to_string(&kept) {
        return Ok(text.lines().map(str::to_owned).collect());
    }
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let step = fx.ui.step(&format!("ask {} for {}", archive.suite, listed.join(" ")));
    mirror::answers(fx, &archive.sources)?;
    let scratch = fx.shared_scratch("offered")?;
    let keyring = archive.keyring(fx, &scratch)?;
    let conf = private_apt(&scratch.join("apt"), &archive.sources, &keyring, archs)?;
    update(fx, &archive.sources, &conf)?;
    let all = self::names(fx, &conf)?;
    let there: BTreeSet<String> = names.iter().filter(|name| all.contains(*name)).cloned().collect();
    step.done(&format!("{} of {}", there.len(), names.len()));
    fx.create_dir(fx.cache().join("offered"))?;
    fx.write(kept, there.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    Ok(there)
}

/// The architectures that the release files in a directory of apt's lists speak of.
fn architectures(lists: &Utf8Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in lists.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.file_name().ends_with("Release") {
            let text = fs_err::read_to_string(entry.path()).unwrap_or_default();
            let line = text.lines().find_map(|l| l.strip_prefix("Architectures: ")).unwrap_or_default();
            found.extend(line.split(' ').filter(|a| !["", "all", "source"].contains(a)).map(str::to_owned));
        }
    }
    found
}

/// Fetches the indexes of a private apt, which has these sources.
///
/// # Errors
/// The archive cannot be reached ([`Kind::Network`]).
pub fn update(fx: &Effects, sources: &[String], conf: &Utf8Path) -> Result<()> {
    // Else an archive that cannot be reached is a warning, and everything seems to be missing from it.
    let strict = "APT::Update::Error-Mode=any";
    let update = cmd!(fx.sh, "apt-get --quiet --option {strict} update").env("APT_CONFIG", conf);
    let hint = "is the archive of the settings right, and can this machine reach it?";
    let mut said = Vec::new();
    let watch = |line: &str| {
        fx.ui.progress(line);
        said.push(line.to_owned());
    };
    let updated = fx.read(Run::from(update).or(Kind::Network, hint).watch(watch));
    updated.map(drop).map_err(|e| explain(sources, &said, e))
}

/// The C library, which every chroot of two architectures has in both, if its versions differ: the mirror of one
/// architecture is then older than the other's, and apt's own words would be pages of dependencies.
fn out_of_step(fx: &Effects, conf: &Utf8Path, archs: &[&Arch]) -> Result<Option<(&'static str, String)>> {
    let package = "libc6";
    let mut versions = Vec::new();
    for arch in archs {
        let name = format!("{package}:{}", arch.debian);
        let shown =
            fx.read(Run::from(cmd!(fx.sh, "apt-cache policy {name}").env("APT_CONFIG", conf).env("LC_ALL", "C")))?;
        let text = shown.text();
        let version = text.lines().find_map(|l| l.trim().strip_prefix("Candidate: ")).unwrap_or("not there").to_owned();
        versions.push((version, arch.debian));
    }
    let differ = versions.iter().any(|(version, _)| *version != versions[0].0);
    let told: Vec<String> = versions.iter().map(|(version, arch)| format!("{version} for {arch}")).collect();
    Ok(differ.then(|| (package, told.join(" and "))))
}

/// One line for each dependency that no package of the suite can satisfy.
fn reasons(
    fx: &Effects,
    archive: &Archive,
    keyring: &Utf8Path,
    wide: &Utf8Path,
    conf: &Utf8Path,
    host: &Arch,
    depends: &str,
) -> Result<Vec<String>> {
    let here = names(fx, conf)?;
    let missing: Vec<String> = Relations::parse(depends)?
        .entries
        .iter()
        .map(|e| e.alternatives.iter().map(|a| a.name.clone()).collect::<Vec<_>>())
        .filter(|names| !names.iter().any(|n| here.contains(n)))
        .map(|names| names.join(" | "))
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let mut reasons = Vec::new();
    let elsewhere = elsewhere(fx, archive, keyring, wide, host);
    for name in missing {
        let first = name.split(" | ").next().unwrap_or(&name);
        reasons.push(if virtual_here(fx, conf, first)? {
            continue;
        } else if let Some(component) = elsewhere.iter().find(|(_, names)| names.contains(first)).map(|(c, _)| c) {
            format!("{name}: it is in the component {component}, which is not enabled; add it to `components`")
        } else {
            let suite = &archive.suite;
            format!("{name}: {suite} has no such package (gone or renamed); `substitute = {{ {first} = \"NEW-NAME\" }}` in suites.{suite}, \"\" to drop it")
        });
    }
    Ok(reasons)
}

/// The package names that an apt knows.
fn names(fx: &Effects, conf: &Utf8Path) -> Result<BTreeSet<String>> {
    let listed = fx.read(cmd!(fx.sh, "apt-cache pkgnames").env("APT_CONFIG", conf))?;
    Ok(listed.text().lines().map(str::to_owned).collect())
}

/// Does a private apt know a package that provides this name?
///
/// # Errors
/// It cannot be asked.
pub fn virtual_here(fx: &Effects, conf: &Utf8Path, name: &str) -> Result<bool> {
    let shown =
        fx.read(Run::from(cmd!(fx.sh, "apt-cache showpkg {name}").env("APT_CONFIG", conf)).any_status())?.text();
    Ok(shown.rsplit_once("Reverse Provides:").is_some_and(|(_, p)| !p.trim().is_empty()))
}

/// What the components that are not enabled have. Best effort: it only makes a message better.
fn elsewhere(
    fx: &Effects,
    archive: &Archive,
    keyring: &Utf8Path,
    dir: &Utf8Path,
    host: &Arch,
) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for component in COMPONENTS {
        let sources: Vec<String> = archive
            .sources
            .iter()
            .take(1)
            .filter(|s| !s.split(' ').any(|w| w == *component))
            .filter_map(|s| {
                let mut words = s.split(' ').take(4);
                Some(format!("{} {} {} {} {component}", words.next()?, words.next()?, words.next()?, words.next()?))
            })
            .collect();
        let known = private_apt(&dir.join(component), &sources, keyring, &[host])
            .and_then(|conf| update(fx, &sources, &conf).and_then(|()| names(fx, &conf)));
        if let Ok(names) = known {
            found.push(((*component).to_owned(), names));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::architectures;

    #[test]
    fn release_files_say_for_which_architectures_a_suite_is() {
        let dir = tempfile::tempdir().unwrap();
        let dir = camino::Utf8Path::from_path(dir.path()).unwrap();
        fs_err::write(dir.join("a_dists_x_InRelease"), "Suite: x\nArchitectures: all amd64 arm64\n").unwrap();
        fs_err::write(dir.join("b_dists_x_Release"), "Architectures: riscv64\n").unwrap();
        fs_err::write(dir.join("a_dists_x_main_binary-s390x_Packages"), "Architectures: s390x\n").unwrap();
        assert_eq!(architectures(dir).into_iter().collect::<Vec<_>>(), ["amd64", "arm64", "riscv64"]);
    }
}
