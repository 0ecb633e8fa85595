// SPDX-License-Identifier: GPL-2.0-only
//! The tree that is built: out of git objects, never the work tree as it lies.
//!
//! It is kept, and when the commit moves only what differs is written: a file that stays the same keeps its
//! time, and with that its object in a build that reuses objects. Whoever builds holds a shared lock on it;
//! so no file changes under a build, and a file that does change is newer than every object made of it.
//! `linux.is` names the tree that is there whole; it is taken away before anything changes, and all files
//! are looked at again by whoever misses it.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::{ObjectType, Oid, Repository};

use crate::effects::{Effects, Hold, Lock, Run, Scratch};
use crate::error::{Failure, Kind};
use crate::fork::checkout;
use crate::workspace::NOT_BUILT;

/// What to do where the objects of a commit cannot be read.
const UNREADABLE: &str =
    "`git fsck --full` says what is missing or damaged; fetch the branch again from where it was pushed";

/// A tree to build from; nobody changes it while this is held.
pub struct Tree {
    pub path: Utf8PathBuf,
    kept: Option<Lock>,
    _own: Option<Scratch>,
}

impl Tree {
    /// Is it the one that stays, whose times mean something?
    pub fn is_kept(&self) -> bool {
        self.kept.is_some()
    }
}

/// The tree of `commit` without the folders that a kernel build must not see. Where another build is using
/// the kept one for another commit, one of its own. `None` in a dry run.
///
/// # Errors
/// No room on the disk; objects are missing.
pub fn ready(fx: &Effects, repo: &Repository, repository: &Utf8Path, commit: Oid) -> Result<Option<Tree>> {
    let kept = Kept { fx, dir: fx.kept_dir("trees", repository, "")? };
    let tree = built(repo, commit)?;
    if fx.dry() {
        kept.update(repo, tree)?;
        return Ok(None);
    }
    let path = kept.dir.join("linux");
    if let Some(lock) = kept.hold(repo, tree)? {
        return Ok(Some(Tree { path, kept: Some(lock), _own: None }));
    }
    fx.ui.note("     another build uses the kept tree; this one gets its own");
    let scratch = fx.shared_scratch("tree")?;
    let path = scratch.join("linux");
    export(fx, repository, commit, &path)?;
    Ok(Some(Tree { path, kept: None, _own: Some(scratch) }))
}

/// Writes the tree of `commit` into the new directory `to`, which lies in a scratch.
fn export(fx: &Effects, repository: &Utf8Path, commit: Oid, to: &Utf8Path) -> Result<()> {
    checkout::write_out(fx, repository, &commit.to_string(), to)?;
    for folder in NOT_BUILT {
        let path = to.join(folder);
        if path.is_dir() && !path.is_symlink() {
            fs_err::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// What `git mktree` makes the tree to build of: the top of the commit's own but for some folders.
#[derive(Clone)]
struct Listing {
    text: Vec<u8>,
    name: String,
}

fn built(repo: &Repository, commit: Oid) -> Result<Listing> {
    let tree = repo.find_commit(commit).and_then(|c| c.tree());
    let tree =
        tree.context(Failure::new(Kind::Repository, format!("the tree of {commit} cannot be read")).hint(UNREADABLE))?;
    let mut text = Vec::new();
    for entry in &tree {
        let name = entry.name_bytes();
        if !NOT_BUILT.iter().any(|folder| folder.as_bytes() == name) {
            let kind = match entry.filemode() {
                0o040_000 => "tree",
                // A submodule: its directory is empty, as in a clone.
                0o160_000 => "commit",
                _ => "blob",
            };
            text.extend(format!("{:06o} {kind} {}\t", entry.filemode(), entry.id()).bytes());
            text.extend([name, b"\0"].concat());
        }
    }
    let name = Oid::hash_object(ObjectType::Blob, &text)?.to_string();
    Ok(Listing { text, name })
}

struct Kept<'a> {
    fx: &'a Effects,
    dir: Utf8PathBuf,
}

impl Kept<'_> {
    /// Makes it `tree` and holds it there. `None`: others hold it at another one.
    fn hold(&self, repo: &Repository, tree: Listing) -> Result<Option<Lock>> {
        if let Some(lock) = self.fx.lock(&self.dir, Hold::Alone)? {
            let step = self.fx.ui.step("bring the build tree up to date");
            self.update(repo, tree.clone())?;
            step.done("");
            if lock.hold(Hold::Shared)? && self.is(&tree) {
                return Ok(Some(lock));
            }
        }
        let lock = self.fx.lock(&self.dir, Hold::Shared)?;
        Ok(lock.filter(|_| self.is(&tree)))
    }

    fn is(&self, tree: &Listing) -> bool {
        fs_err::read_to_string(self.record()).is_ok_and(|name| name == tree.name)
    }

    fn record(&self) -> Utf8PathBuf {
        self.dir.join("linux.is")
    }

    /// Writes what differs. All files are looked at: one that something else has changed is mended too.
    fn update(&self, repo: &Repository, tree: Listing) -> Result<()> {
        let (fx, linux, git_dir) = (self.fx, self.dir.join("linux"), self.dir.join("git"));
        fx.remove(self.record())?;
        // Whoever was killed here left its lock; ours says that nobody is at it now.
        fx.remove(git_dir.join("index.lock"))?;
        if !git_dir.join("HEAD").is_file() {
            fx.change(&git_dir, fx.git(&self.dir).args(["init", "--quiet", "--bare", "git"]))?;
        }
        fx.create_open_dir(&linux)?;
        let objects = Utf8Path::from_path(repo.commondir()).unwrap_or(Utf8Path::new("")).join("objects");
        fx.write(git_dir.join("objects/info/alternates"), format!("{objects}\n"))?;
        // A repository of its own, so that the person's settings (line ends, sparse checkout, hooks) and
        // attributes have no say in what is built.
        let git = |args: &[&str]| {
            let plain =
                fx.git(&self.dir).args(["--git-dir=git", "--work-tree=linux", "-c", "core.attributesFile=/dev/null"]);
            Run::from(plain.args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1"))
                .for_everybody()
                .or(Kind::Repository, UNREADABLE)
        };
        let id = match fx.output(&git_dir, git(&["mktree", "-z"]).stdin(tree.text))? {
            Some(made) => made.text(),
            None => "TREE".to_owned(),
        };
        fx.change(&linux, git(&["read-tree", "--reset", "-u", &id]))?;
        fx.change(&linux, git(&["clean", "-ffdxq"]))?;
        fx.write(self.record(), tree.name)?;
        Ok(())
    }
}
