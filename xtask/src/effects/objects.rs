// SPDX-License-Identifier: GPL-2.0-only
//! Git objects and refs: written to memory first, then stored and pointed at in one go.
//!
//! A [`Session`] sees the repository's objects, those of lent object directories (a scratch repository that
//! a tag was fetched into) and what it has itself made. Nothing is on disk until [`Session::publish`]: a
//! dry run, an error or a kill before that leaves the repository as it was.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::{Commit, FileMode, ObjectType, Oid, Repository, Signature, Tree};

use super::backup;
use super::command::{Did, Run};
use super::repository::bare;
use super::tree_path::TreePath;
use super::Effects;

/// Makes sure that each name in a tree that came from elsewhere is that of one file in its directory: neither
/// libgit2 nor a fetch does.
///
/// # Errors
/// A name leads elsewhere, or is there twice.
pub fn sound(tree: &Tree) -> Result<()> {
    let mut seen = HashSet::new();
    for entry in tree {
        let name = entry.name_bytes();
        let leads =
            [&b"."[..], b"..", b""].contains(&name) || name.contains(&b'/') || name.eq_ignore_ascii_case(b".git");
        if leads || !seen.insert(name.to_vec()) {
            let what = if leads { "is no name for a file" } else { "is there twice" };
            fail!(Input, "`{}` in the tree {} {what}", String::from_utf8_lossy(name), tree.id();
                "no git makes such a tree: ask whoever made it");
        }
    }
    Ok(())
}

/// Where a ref is to go. `old` is what it must be at (`None`: not there yet), `new` where it is to be
/// (`None`: gone).
#[derive(Clone, Copy)]
pub struct RefMove<'a> {
    pub name: &'a str,
    pub old: Option<Oid>,
    pub new: Option<Oid>,
    /// For the reflog.
    pub why: &'a str,
}

/// What is to stand at a path of a tree: mode and object, or nothing.
pub type Put = Option<(FileMode, Oid)>;

/// Objects being made. Reads go through [`Session::repo`].
pub struct Session<'a> {
    fx: &'a Effects,
    pub repo: &'a Repository,
    odb: git2::Odb<'a>,
    made: RefCell<Vec<Oid>>,
}

/// Who signed a commit and in which encoding, in the commit's own bytes.
pub struct Signed<'a> {
    pub author: &'a [u8],
    pub committer: &'a [u8],
    pub encoding: Option<&'a [u8]>,
}

impl<'a> Signed<'a> {
    /// # Errors
    /// The commit is malformed.
    pub fn of(commit: &'a Commit) -> Result<Self> {
        let field = |key: &[u8]| {
            let lines = commit.raw_header_bytes().split(|b| *b == b'\n');
            lines.into_iter().find_map(|line| line.strip_prefix(key))
        };
        let signed = field(b"author ").zip(field(b"committer "));
        let (author, committer) = signed.with_context(|| format!("the commit {} is malformed", commit.id()))?;
        Ok(Self { author, committer, encoding: field(b"encoding ") })
    }

    /// The name of the encoding, where it is one.
    pub fn encoding(&self) -> Option<&str> {
        self.encoding.and_then(|name| std::str::from_utf8(name).ok())
    }
}

impl RefMove<'_> {
    fn line(&self) -> String {
        let old = self.old.unwrap_or(Oid::zero());
        match self.new {
            Some(new) => format!("git update-ref -m '{}' {} {new} {old}", self.why, self.name),
            None => format!("git update-ref -d {} {old}", self.name),
        }
    }
}

impl Effects {
    /// Runs `f` with a session on `repo`.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn session<T>(&self, repo: &Repository, f: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let odb = repo.odb()?;
        // libgit2 asks back ends in order of priority: the memory must come before the disk.
        odb.add_new_mempack_backend(1000)?;
        f(&Session { fx: self, repo, odb, made: RefCell::default() })
    }
}

impl Session<'_> {
    /// Lets the session read the objects of another repository's object directory.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn lend(&self, objects: &Utf8Path) -> Result<()> {
        Ok(self.odb.add_disk_alternate(objects.as_str())?)
    }

    pub fn blob(&self, bytes: &[u8]) -> Result<Oid> {
        let id = self.odb.write(ObjectType::Blob, bytes)?;
        self.made.borrow_mut().push(id);
        Ok(id)
    }

    /// Notes an object that was made without the session, so that [`Session::publish`] stores it.
    pub fn note(&self, id: Oid) {
        self.made.borrow_mut().push(id);
    }

    /// The tree without an entry.
    ///
    /// # Errors
    /// Those of git.
    pub fn empty_tree(&self) -> Result<Oid> {
        Ok(self.repo.treebuilder(None)?.write()?)
    }

    /// `base` with some paths set (mode and object) or taken out (`None`). Directories come and go as needed; a file
    /// or directory of that name is replaced.
    ///
    /// # Errors
    /// A path leads through a file ([`Kind::Repository`]): named.
    pub fn tree_with<P: AsRef<[u8]>>(&self, base: &Tree, changes: &[(P, Put)]) -> Result<Oid> {
        let changes: Vec<_> = changes.iter().map(|(path, change)| (path.as_ref(), *change)).collect();
        let id = self.below(b"", Some(base), &changes)?;
        self.note_trees(id, base.id())?;
        Ok(id)
    }

    /// [`Session::tree_with`] of the directory `at`, with paths from there.
    fn below(&self, at: &[u8], base: Option<&Tree>, changes: &[(&[u8], Put)]) -> Result<Oid> {
        let mut tree = self.repo.treebuilder(base)?;
        let mut deeper: BTreeMap<&[u8], Vec<_>> = BTreeMap::new();
        for (path, change) in changes {
            match (path.iter().position(|byte| *byte == b'/'), change) {
                (Some(slash), _) => deeper.entry(&path[..slash]).or_default().push((&path[slash + 1..], *change)),
                (None, Some((mode, id))) => drop(tree.insert(*path, *id, i32::from(*mode))?),
                (None, None) if tree.get(*path)?.is_some() => tree.remove(*path)?,
                (None, None) => {}
            }
        }
        for (name, changes) in deeper {
            let there = tree.get(name)?.map(|entry| (entry.kind(), entry.id()));
            let old = match there {
                Some((Some(ObjectType::Tree), id)) => Some(self.repo.find_tree(id)?),
                _ if changes.iter().all(|(_, change)| change.is_none()) => continue,
                None => None,
                Some(_) => {
                    let (file, below) = (TreePath::of(at, name), TreePath::of(name, &[b"/", changes[0].0].concat()));
                    fail!(Repository, "`{file}` is a file in this tree, and `{}` cannot be below it", TreePath::of(at, below.bytes());
                        "whoever has put it there (`git log -- {file}`) has to give it another name");
                }
            };
            let id = self.below(&[at, name, b"/"].concat(), old.as_ref(), &changes)?;
            if id == self.empty_tree()? {
                if there.is_some() {
                    tree.remove(name)?;
                }
            } else {
                tree.insert(name, id, i32::from(FileMode::Tree))?;
            }
        }
        Ok(tree.write()?)
    }

    /// Notes the trees below `new` that `old` has not, so that [`Session::publish`] stores them.
    ///
    /// # Errors
    /// A tree is not there.
    pub fn note_trees(&self, new: Oid, old: Oid) -> Result<()> {
        if new == old {
            return Ok(());
        }
        self.made.borrow_mut().push(new);
        let (new, old) = (self.repo.find_tree(new)?, self.repo.find_tree(old).ok());
        for entry in new.iter().filter(|e| e.kind() == Some(ObjectType::Tree)) {
            let before = old.as_ref().and_then(|t| t.get_name_bytes(entry.name_bytes())).map(|e| e.id());
            self.note_trees(entry.id(), before.unwrap_or(Oid::zero()))?;
        }
        Ok(())
    }

    /// A commit with the given author, who is the committer too unless another is given.
    ///
    /// # Errors
    /// `tree` or a parent is not there.
    pub fn commit(
        &self,
        author: &Signature,
        committer: &Signature,
        message: &str,
        tree: Oid,
        parents: &[Oid],
    ) -> Result<Oid> {
        let tree = self.repo.find_tree(tree)?;
        let parents = parents.iter().map(|p| self.repo.find_commit(*p)).collect::<Result<Vec<_>, _>>()?;
        let parents: Vec<&git2::Commit> = parents.iter().collect();
        let buffer = self.repo.commit_create_buffer(author, committer, message, &tree, &parents)?;
        let id = self.odb.write(ObjectType::Commit, &buffer)?;
        self.made.borrow_mut().push(id);
        Ok(id)
    }

    /// A commit signed as another one is, whose bytes are copied as they are: in whatever encoding its names and
    /// `message` are.
    ///
    /// # Errors
    /// No room in memory.
    pub fn again(&self, signed: &Signed, message: &[u8], tree: Oid, parents: &[Oid]) -> Result<Oid> {
        let mut bytes = format!("tree {tree}\n").into_bytes();
        for parent in parents {
            bytes.extend(format!("parent {parent}\n").bytes());
        }
        let lines =
            [("author", Some(signed.author)), ("committer", Some(signed.committer)), ("encoding", signed.encoding)];
        for (key, value) in lines {
            if let Some(value) = value {
                bytes.extend([key.as_bytes(), b" ", value, b"\n"].concat());
            }
        }
        bytes.extend([b"\n", message].concat());
        let id = self.odb.write(ObjectType::Commit, &bytes)?;
        self.made.borrow_mut().push(id);
        Ok(id)
    }

    /// Bytes of a message in a commit's encoding, as text.
    ///
    /// # Errors
    /// iconv cannot be started.
    pub fn text(&self, signed: &Signed, message: &[u8]) -> Result<String> {
        self.fx.decoded(message, signed.encoding())
    }

    /// Copies `tree` and all below it out of the repository `from` as one pack, without its history and
    /// without what is below `but`, which this repository has.
    ///
    /// # Errors
    /// git fails; no room on the disk.
    pub fn import(&self, from: &Utf8Path, tree: Oid, but: Option<Oid>) -> Result<Did> {
        // git ends a pack by a rename from its own object directory, so that has to be this repository's: `from` may
        // be on another file system. The tree `but` is known there, too.
        let objects = self.git_dir()?.join("objects");
        let theirs = Utf8PathBuf::try_from(bare(from)?.commondir().join("objects"))?;
        let prefix = objects.join("pack/pack");
        // As the vendor packed it: looking for better deltas takes longer than it is worth.
        let as_it_is = ["pack-objects", "--revs", "--quiet", "--window=0", "--delta-base-offset"];
        let pack = self.fx.git(from).args(as_it_is).arg(&prefix);
        // A list with `:` between its paths, in which one that has a `:` is quoted as in C.
        let theirs = format!("\"{}\"", theirs.as_str().replace('\\', "\\\\").replace('"', "\\\""));
        let pack = pack.env("GIT_OBJECT_DIRECTORY", &objects).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", theirs);
        let but = but.map_or(String::new(), |but| format!("^{but}\n"));
        self.fx.change(&prefix, Run::from(pack).stdin(format!("{tree}\n{but}")))
    }

    /// Stores what was made and moves the refs, one after the other in the order given, each at once or not
    /// at all. What a ref keeps from being lost comes before what loses it; where no ref is to keep a branch's old tip,
    /// a backup ref is made here, so that no caller can forget it.
    ///
    /// # Errors
    /// A ref is not where it was said to be; a lock is held.
    pub fn publish(&self, moves: &[RefMove]) -> Result<Did> {
        let kept = backup::missing(self.repo, moves)?;
        let why = "backup";
        let backups = kept.iter().map(|(name, old)| RefMove { name, old: None, new: Some(*old), why });
        let moves: Vec<RefMove> = backups.chain(moves.iter().copied()).collect();
        if self.fx.planned(self.git_dir()?) {
            self.store()?;
            moves.iter().for_each(|m| self.fx.plan(&m.line()));
            return Ok(Did::Planned);
        }
        self.store()?;
        for m in &moves {
            self.fx.ui.command(&m.line());
            let mut transaction = self.repo.transaction()?;
            transaction.lock_ref(m.name)?;
            if self.repo.refname_to_id(m.name).ok() != m.old {
                fail!(Repository, "{} has moved in the meantime", m.name; "run the command again");
            }
            match m.new {
                Some(new) => transaction.set_target(m.name, new, None, m.why)?,
                None => transaction.remove(m.name)?,
            }
            transaction.commit()?;
            if m.new.is_none() {
                // As git does: the next ref of that name begins anew.
                self.repo.reflog_delete(m.name)?;
            }
        }
        for (name, old) in &kept {
            self.fx.ui.note(&format!("The branch was at {old:.12}, which is kept as {name}."));
        }
        Ok(Did::Done)
    }

    /// Writes what was made as loose objects (a few hundred at the most). The order does not matter: no
    /// ref points at any of them yet. In a dry run they stay in memory.
    ///
    /// # Errors
    /// No room on the disk.
    pub fn store(&self) -> Result<()> {
        let planned = self.fx.planned(self.git_dir()?);
        // Another handle on the same repository: it has neither the memory nor the lent objects.
        let disk = Repository::open(self.repo.path())?;
        let disk = disk.odb()?;
        for id in self.made.borrow().iter() {
            if !disk.exists(*id) {
                if planned {
                    self.fx.unborn.borrow_mut().insert(id.to_string());
                    continue;
                }
                let object = self.odb.read(*id)?;
                disk.write(object.kind(), object.data())?;
            }
        }
        Ok(())
    }

    /// The directory that objects and branches are in: a linked work tree has only its HEAD for itself.
    fn git_dir(&self) -> Result<&Utf8Path> {
        Utf8Path::from_path(self.repo.commondir()).context("the repository's path is not UTF-8")
    }
}
