// SPDX-License-Identifier: GPL-2.0-only
//! A vendor repository made on this machine, out of a source tree that did not come through git: the
//! archive's `linux-source` package, or the miniature tree.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::effects::{Did, Effects, Run};
use crate::formats::address;
use crate::formats::tag::Tag;
use crate::machine::disk::Room;

/// A local vendor repository and the one tag in it.
pub struct Local {
    pub dir: Utf8PathBuf,
    pub tag: Tag,
}

impl Local {
    /// The address for `git fetch`.
    pub fn url(&self) -> String {
        address::of_path_for_git(&self.dir)
    }
}

/// The real Linux source of the machine's own archive: package `linux-source`, which has to be installed.
/// `None` in a dry run that would have made the repository.
///
/// # Errors
/// The package is not there; no room on the disk.
pub fn linux_source(fx: &Effects) -> Result<Option<Local>> {
    let (tar, version) = installed(fx)?;
    let tag = Tag::parse(&format!("debian/{}", version.replace('~', "_").replace(':', "%")))?;
    let made = Local { dir: place(fx, &tag), tag };
    if made.dir.is_dir() {
        return Ok(Some(made));
    }
    Room::Source.require(&made.dir, "KERNEL_FORK_CACHE puts it on another disk")?;
    let step = fx.ui.step(&format!("unpack {}", tar.file_name().unwrap_or_default()));
    let scratch = fx.scratch("source")?;
    let tree = scratch.join("tree");
    fs_err::create_dir(&tree)?;
    fx.read(cmd!(fx.sh, "tar --extract --file {tar} --directory {tree} --strip-components=1 --no-same-owner"))?;
    step.done("");
    // dpkg keeps the file's own date, so everybody who makes this repository makes the same commit.
    let time = fs_err::metadata(&tar)?.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let did = import(fx, &tree, &made, &format!("{time} +0000"))?;
    Ok((did == Did::Done).then_some(made))
}

/// The miniature tree of this repository, as it stands in `commit`.
///
/// # Errors
/// The commit has none.
pub fn miniature(fx: &Effects, repository: &Utf8Path, commit: &str) -> Result<Option<Local>> {
    let tree = fx.read(fx.git(repository).args(["rev-parse", "--verify", &format!("{commit}:xtask/mini")]))?.text();
    let tag = Tag::parse("v6.1.42")?;
    let dir = fx.cache().join("sources").join(format!("mini-{tree}.git"));
    let made = Local { dir, tag };
    if made.dir.is_dir() {
        return Ok(Some(made));
    }
    let scratch = fx.scratch("source")?;
    let to = scratch.join("tree");
    crate::fork::checkout::write_out(fx, repository, &tree, &to)?;
    let time = fx.read(fx.git(repository).args(["show", "--no-patch", "--format=%cd", "--date=raw", commit]))?.text();
    let did = import(fx, &to, &made, &time)?;
    Ok((did == Did::Done).then_some(made))
}

fn place(fx: &Effects, tag: &Tag) -> Utf8PathBuf {
    fx.cache().join("sources").join(format!("{}.git", tag.name().replace('/', "-")))
}

/// The tar file and version of the newest `linux-source-X.Y` that is installed.
fn installed(fx: &Effects) -> Result<(Utf8PathBuf, String)> {
    let format = "${db:Status-Status} ${Version} ${Package}\\n";
    let listed =
        fx.read(Run::from(cmd!(fx.sh, "dpkg-query --show --showformat {format} linux-source-*")).any_status())?.text();
    let mut found: Option<(crate::formats::version::Version, String)> = None;
    for line in listed.lines() {
        let mut words = line.split(' ');
        let (Some("installed"), Some(version), Some(package)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let version = crate::formats::version::Version::parse(version)?;
        if found.as_ref().is_none_or(|(v, _)| version > *v) {
            found = Some((version, package.to_owned()));
        }
    }
    let Some((version, package)) = found else {
        fail!(Machine, "no package linux-source-… is installed"; "apt-get install linux-source");
    };
    let files = fx.read(cmd!(fx.sh, "dpkg-query --listfiles {package}"))?.text();
    let tar = files
        .lines()
        .map(Utf8Path::new)
        .find(|f| f.is_file() && f.file_name().is_some_and(|n| n.starts_with("linux-source") && n.contains(".tar.")));
    Ok((tar.with_context(|| format!("package {package} has no tar file"))?.to_owned(), version.as_str().to_owned()))
}

/// Makes the repository, with one commit and one tag, out of all files below `tree`.
fn import(fx: &Effects, tree: &Utf8Path, made: &Local, time: &str) -> Result<Did> {
    let step = fx.ui.step(&format!("make a git repository of {}", made.tag.name()));
    let scratch = fx.scratch_for("vendor", &made.dir)?;
    let dir = scratch.join("vendor.git");
    let git = || {
        fx.git(tree)
            .env("GIT_DIR", &dir)
            .env("GIT_WORK_TREE", tree)
            .env("GIT_AUTHOR_NAME", "vendor")
            .env("GIT_AUTHOR_EMAIL", "vendor@localhost")
            .env("GIT_COMMITTER_NAME", "vendor")
            .env("GIT_COMMITTER_EMAIL", "vendor@localhost")
            .env("GIT_AUTHOR_DATE", time)
            .env("GIT_COMMITTER_DATE", time)
            // Read a few times on this machine and never sent anywhere: speed over size.
            .args(["-c", "core.looseCompression=0", "-c", "core.autocrlf=false", "-c", "core.attributesFile=/dev/null"])
    };
    fx.read(fx.git(scratch.path()).args(["init", "--quiet", "--bare", dir.as_str()]))?;
    for (key, value) in [("pack.window", "0"), ("pack.compression", "1"), ("gc.auto", "0")] {
        fx.read(git().args(["config", key, value]))?;
    }
    // --force: the kernel's .gitignore, and Debian's even more, hide files that belong to it.
    fx.read(git().args(["add", "--all", "--force", "."]))?;
    fx.read(git().args(["commit", "--quiet", "--no-gpg-sign", "--message", made.tag.name()]))?;
    fx.read(git().args(["tag", "--no-sign", made.tag.name()]))?;
    fs_err::remove_file(dir.join("index"))?;
    let did = fx.rename(&dir, &made.dir)?;
    if did == Did::Done {
        step.done("");
    }
    Ok(did)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_version_makes_a_tag() {
        for (version, tag) in [("6.1.192-2", "debian/6.1.192-2"), ("6.1.90-1~bpo11+1", "debian/6.1.90-1_bpo11+1")] {
            assert_eq!(Tag::parse(&format!("debian/{}", version.replace('~', "_"))).unwrap().name(), tag);
        }
    }
}
