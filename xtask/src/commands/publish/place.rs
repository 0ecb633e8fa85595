// SPDX-License-Identifier: GPL-2.0-only
//! The directory of a repository: whose it is, who may change it now, and what machines fetch from its top.
//!
//! It is the administrator's. `pool/`, the suites in `dists/`, and the files that are named here are ours; all else in
//! it stays as it is.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::super::replaced;
use crate::effects::{text_plain, Did, Effects, Hold, Lock};
use crate::error::{sentence, Failure, Kind};
use crate::formats::address;
use crate::packages::signing::{fingerprints, Key};

/// The public key.
pub const KEY: &str = "kernel-fork.gpg";
/// The client's source: the repository's, as long as it has one suite, and what it is called on machines.
pub const SOURCE: &str = "kernel-fork.sources";
/// What a directory may hold in which nothing was published yet.
const NOTHING: &[&str] = &["lock", "lost+found"];

/// The client's source for one suite.
pub fn source(suite: &str) -> String {
    format!("kernel-fork-{suite}.sources")
}

/// The whole path of `dir`, where something may be published: a repository of this command, or nothing yet.
///
/// # Errors
/// It is something else; it holds the fork at `root`; it is no name for a directory.
pub fn directory(dir: &Utf8Path, root: &Utf8Path) -> Result<Utf8PathBuf> {
    let dir = replaced::whole(dir, "--to")?;
    if root.starts_with(&dir) {
        fail!(Input, "{dir} holds this repository"; "--to names another directory");
    }
    let is_source = |name: &str| name == SOURCE || (name.starts_with("kernel-fork-") && name.ends_with(".sources"));
    let names: Vec<String> = match dir.read_dir_utf8() {
        Ok(entries) => entries.flatten().map(|e| e.file_name().to_owned()).collect(),
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) if dir.is_dir() => return Err(cannot(&dir, e.into())),
        Err(_) => vec![String::new()],
    };
    let ours = names.iter().any(|n| n == KEY || is_source(n));
    if !ours && names.iter().any(|n| !NOTHING.contains(&n.as_str()) && !n.starts_with(".kernel-fork.")) {
        fail!(Input, "{dir} is there and not from this command, for it has no {KEY}"; "--to names another directory");
    }
    Ok(dir)
}

/// Makes the directory if need be, and waits until nobody else publishes there. Nothing of it in a dry run.
///
/// # Errors
/// It cannot be made or written.
pub fn lock(fx: &Effects, dir: &Utf8Path) -> Result<Option<Lock>> {
    if open_dir(fx, dir).map_err(|e| cannot(dir, e))? == Did::Planned || fx.dry() {
        return Ok(None);
    }
    let mut said = false;
    loop {
        if let Some(lock) = fx.lock(dir, Hold::Alone).map_err(|e| cannot(dir, e))? {
            return Ok(Some(lock));
        }
        if !said {
            fx.ui.note(&format!("     waiting for another publish to {dir} to end"));
        }
        said = true;
        fx.wait(Duration::from_millis(100))?;
    }
}

/// Makes a directory that a web server can read, whatever the umask says. One that is there is the administrator's.
///
/// # Errors
/// It cannot be made.
pub fn open_dir(fx: &Effects, dir: &Utf8Path) -> Result<Did> {
    let there = dir.is_dir();
    let did = fx.create_dir(dir)?;
    if did == Did::Done && !there {
        let mode = fs_err::metadata(dir)?.permissions().mode();
        fs_err::set_permissions(dir, PermissionsExt::from_mode(mode | 0o755))?;
    }
    Ok(did)
}

fn cannot(dir: &Utf8Path, error: anyhow::Error) -> anyhow::Error {
    let hint = "`--to` names another directory; one that only root can make: `sudo install -d -o \"$USER\" DIR`";
    error.context(Failure::new(Kind::Machine, format!("cannot publish to `{dir}`")).hint(hint))
}

/// Fails where the repository is signed by another key: no machine would take anything from it any more.
///
/// # Errors
/// That is so.
pub fn same_key(fx: &Effects, dir: &Utf8Path, key: &Key) -> Result<()> {
    let file = dir.join(KEY);
    if !file.is_file() {
        return Ok(());
    }
    let shown = fx.read(cmd!(fx.sh, "gpg --batch --quiet --with-colons --show-keys {file}"))?.text();
    let before: Vec<String> = fingerprints(&shown).collect();
    if before.is_empty() || before.contains(&key.id) {
        return Ok(());
    }
    fail!(Input, "{dir} is signed by the key {}, and not by {}: machines would refuse it", before[0], key.id;
        "--key {}; for a new key: remove {file}, publish with --trust-pool, and install the new one on each machine", before[0]);
}

/// An address that machines can fetch from.
///
/// # Errors
/// It is none.
pub fn checked(url: String) -> Result<String> {
    if let Err(why) = address::check(&url) {
        let why = sentence(&why.into());
        fail!(Input, "{why}"; "--url names the address that machines will see the repository at");
    }
    Ok(url)
}

/// The address that an earlier run was told, where it is not this directory's path.
pub fn address(dir: &Utf8Path) -> Option<String> {
    let names = dir.read_dir_utf8().ok()?.flatten().map(|e| e.into_path()).filter(|p| p.extension() == Some("sources"));
    let ours = names.filter(|p| p.file_name().is_some_and(|n| n.starts_with("kernel-fork")));
    let texts = ours.filter_map(|p| text_plain(&p));
    let found: Vec<String> =
        texts.filter_map(|t| t.lines().find_map(|l| l.strip_prefix("URIs: ").map(str::to_owned))).collect();
    found.into_iter().find(|uri| !uri.starts_with("file:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_repository_of_this_command_or_an_empty_directory() {
        let lab = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8Path::from_path(lab.path()).unwrap().canonicalize_utf8().unwrap().join(name);
        for (dir, file) in [
            ("kernel", "Cargo.toml"),
            ("mine", "thesis"),
            ("other", "dists/x"),
            ("ours", KEY),
            ("older", SOURCE),
            ("begun", "lock"),
            ("disk", "lost+found/x"),
            ("swept", ".kernel-fork.apt.1.x/pool/y"),
        ] {
            let path = at(dir).join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        fs_err::write(at("file"), "").unwrap();
        let may = |name: &str| directory(&at(name), &at("kernel")).map_err(|e| e.to_string());
        for name in ["ours", "older", "begun", "disk", "swept", "new/one", "kernel/apt"] {
            assert_eq!(may(name), Ok(at(name)));
        }
        for (name, why) in [
            ("mine", "not from this command"),
            ("other", "not from this command"),
            ("file", "not from this command"),
            ("kernel", "holds this repository"),
            ("", "holds this repository"),
        ] {
            assert!(may(name).is_err_and(|e| e.contains(why)), "{name}: {:?}", may(name));
        }
    }
}
