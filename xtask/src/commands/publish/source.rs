// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask publish --source HOST`: a signed source package of the fork, as a PPA takes it.
//!
//! The vendor's `clean`, which makes `debian/control`, runs in a chroot of the series; packing and signing are
//! dpkg-buildpackage's, and dput says what it would upload.

use anyhow::{Context, Result};
use camino::Utf8Path;
use xshell::cmd;

use crate::arch;
use crate::build::archive::Archive;
use crate::build::chroot::{Chroot, Recipe};
use crate::build::mode::Mode;
use crate::build::parts::{self, Build};
use crate::build::{depends, source, tree};
use crate::effects::{repository, Did, Effects, Run};
use crate::error::Kind;
use crate::flavour::packaging::{required, Packaging};
use crate::fork::{here, stale};
use crate::formats::changelog;
use crate::packages::signing::Key;
use crate::sandbox::Sandbox;
use crate::workspace::Workspace;

/// Where Launchpad takes uploads, as Ubuntu's dput knows it and Debian's does not.
const PPA: &str = "[ppa]\nfqdn = ppa.launchpad.net\nmethod = ftp\nincoming = ~OWNER/NAME\nlogin = anonymous\n";
/// Where the sandbox has the tree.
const PLACE: &str = "/mnt";

/// Makes sure that `host` is a PPA or can be a name in dput's configuration.
///
/// # Errors
/// It is neither.
pub fn check(host: &str) -> Result<()> {
    let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || ".-_~+".contains(c));
    let ppa = host.strip_prefix("ppa:").and_then(|name| name.split_once('/'));
    if host.starts_with('-') || !(word(host) || ppa.is_some_and(|(owner, name)| word(owner) && word(name))) {
        fail!(Input, "`{host}` is no place to upload to"; "ppa:OWNER/NAME, or what your dput.cf calls it");
    }
    Ok(())
}

/// Makes the source package of the commit that is checked out, signs it, and has dput try the upload to `host`.
///
/// # Errors
/// The branch is no fork; `host` is no name; the chroot cannot be made; the vendor's `clean` fails.
pub fn publish(fx: &Effects, workspace: &Workspace, host: &str, key: &Key) -> Result<()> {
    let repo = repository(&workspace.root)?;
    let (head, history) = (here::commit(&repo)?, here::history(&repo)?);
    stale::current(fx, &repo, &history)?;
    let packaging = Packaging::of(&repo, head.tree_id())?;
    let text = required(&repo, head.tree_id(), &format!("{}/changelog", packaging.dir()))?;
    let version = changelog::top(&text)?.header.version;

    let Some(chroot) = chroot(fx, workspace, &repo, &head, &packaging)? else { return planned(fx, host) };
    let Some(ready) = tree::ready(fx, &repo, &workspace.root, history.tip)? else { return planned(fx, host) };
    let out = workspace.sibling("source")?.join(version.as_str());
    let fresh = fx.scratch_for("source", &out)?;
    let copy = fresh.join(source::NAME);
    let (from, id) = (&ready.path, &key.id);
    let step = fx.ui.step("make debian/control in the chroot");
    fx.read(cmd!(fx.sh, "cp --archive --reflink=auto {from} {copy}"))?;
    clean(fx, &chroot, &copy)?;
    step.done("");

    let step = fx.ui.step(&format!("pack the source of {}", version.as_str()));
    let pack = cmd!(fx.sh, "dpkg-buildpackage --build=source --no-pre-clean --no-check-builddeps --sign-keyid={id}");
    let pack = Run::from(key.at_hand(pack)).at(&copy).or(Kind::Build, "dpkg-source says why");
    // A passphrase is asked for on the terminal.
    fx.read(if key.is_own() { pack.on_terminal() } else { pack.watch(|line| fx.ui.progress(line)) })?;
    step.done("");
    fs_err::remove_dir_all(&copy)?;
    if let Some(name) = host.strip_prefix("ppa:") {
        fs_err::write(fresh.join("dput.cf"), PPA.replace("OWNER/NAME", name))?;
    }
    if fx.replace_dir(fresh.path(), &out)? == Did::Planned {
        return Ok(());
    }

    let changes = out
        .read_dir_utf8()
        .with_context(|| format!("cannot read {out}"))?
        .flatten()
        .map(|e| e.into_path())
        .find(|p| p.extension() == Some("changes"));
    let changes = changes.context("dpkg-buildpackage made no .changes file")?;
    let host = to_dput(host, &out);
    let dput = key.at_hand(cmd!(fx.sh, "dput --simulate").args(&host).arg(&changes));
    let said = fx.read(Run::from(dput).or(Kind::Check, "dput says what is wrong with the upload"))?.text();
    said.lines().for_each(|line| fx.ui.note(&format!("     {line}")));
    fx.ui.note("Nothing was uploaded. This does it:");
    fx.ui.data(&format!("dput {} {changes}", host.join(" ")));
    Ok(())
}

/// A chroot of the series with what `clean` needs: the build dependencies on this machine's own architecture.
fn chroot(
    fx: &Effects,
    workspace: &Workspace,
    repo: &git2::Repository,
    head: &git2::Commit,
    packaging: &Packaging,
) -> Result<Option<Chroot>> {
    let (own, series) = (arch::build()?, &workspace.settings.series);
    let (suite, _) = workspace.settings.suite(series)?;
    let archive = Archive::of(fx, &workspace.settings, series, &[own], None)?;
    let tree = head.tree_id();
    // Nothing is compiled.
    let of = Build { flavour: None, mode: Mode::Native, host: own, tools: false, suite, foreign: true };
    let offered = |names: &_| depends::offered(fx, &archive, &[own], names);
    let (parts, _) = parts::read(repo, tree, packaging, &of, offered)?;
    let source = source::read(repo, tree, packaging, false, &parts, Mode::Native, own)?;
    Recipe { depends: source.depends, ..Recipe::bare(&archive, vec![own]) }.make(fx)
}

/// Runs the packaging's `clean` in the chroot.
fn clean(fx: &Effects, chroot: &Chroot, tree: &Utf8Path) -> Result<()> {
    let root = chroot.unpack(fx)?;
    // dh_testroot wants to be root.
    let sandbox = Sandbox::writable_chroot(&root).user(0).change(tree, PLACE).at(PLACE);
    let run = Run::from(sandbox.run(&fx.sh, ["make", "-f", "debian/rules", "clean"]));
    fx.read(run.or(Kind::Build, "the packaging's own `clean` failed").watch(|line| fx.ui.progress(line)))?;
    Ok(())
}

/// What dput is told of the host: a PPA by our own configuration, any other by the person's.
fn to_dput(host: &str, out: &Utf8Path) -> Vec<String> {
    if host.starts_with("ppa:") {
        return vec![format!("--config={out}/dput.cf"), "ppa".to_owned()];
    }
    vec![host.to_owned()]
}

/// The rest of a dry run.
fn planned(fx: &Effects, host: &str) -> Result<()> {
    fx.ui.planned("dpkg-buildpackage --build=source --no-pre-clean --no-check-builddeps");
    fx.ui.planned(&format!("dput --simulate {host} ….changes"));
    Ok(())
}
