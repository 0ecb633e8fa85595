// SPDX-License-Identifier: GPL-2.0-only
//! Merging three trees path by path, by way of what changed between two of them.
//!
//! A lab commit changes a handful of 66,000 files: only those are looked at, so that a merge costs what the
//! commit is worth and not what the kernel is. `replay.rs` calls it; nothing here touches a work tree.

use anyhow::Result;
use git2::{FileMode, ObjectType, Odb, Oid, Repository};

use super::merge::{self, Texts};
use crate::effects::{Session, TreePath};

/// What stands at a path: mode and object.
pub type Entry = (i32, Oid);

/// A path that differs between two trees.
pub struct Change {
    pub path: TreePath,
    pub old: Option<Entry>,
    pub new: Option<Entry>,
}

/// What became of a merge.
pub struct Merged {
    pub tree: Oid,
    /// What the merge sets beside `ours`; paths in conflict are not among them.
    pub updates: Updates,
    /// Paths that need a person.
    pub conflicts: Vec<String>,
}

/// Paths and what is to stand there.
pub type Updates = Vec<(TreePath, Option<(FileMode, Oid)>)>;

/// `ours` with what changed from `base` to `theirs`.
///
/// # Errors
/// An object is missing.
pub fn merge(session: &Session, base: Oid, ours: Oid, theirs: Oid) -> Result<Merged> {
    let (mut updates, mut conflicts) = (Updates::new(), Vec::new());
    let repo = session.repo;
    let target = repo.find_tree(ours)?;
    let versions = [base, ours, theirs];
    for change in changes(repo, base, theirs)? {
        let path = &change.path;
        let there = target.get_path(path.as_ref()).ok().map(|e| (e.filemode(), e.id()));
        if there == change.new {
            continue;
        }
        if there == change.old && !blocked(&target, path) {
            updates.push((change.path, change.new.map(|(mode, id)| (file_mode(mode), id))));
            continue;
        }
        match contents(session, path, change.old, there, change.new, versions)? {
            Some(entry) => updates.push((change.path, Some(entry))),
            None => conflicts.push(change.path.to_string()),
        }
    }
    if !conflicts.is_empty() {
        if let Some(merged) = renamed(session, versions)? {
            return Ok(merged);
        }
    }
    let tree = session.tree_with(&target, &updates)?;
    Ok(Merged { tree, updates, conflicts })
}

/// libgit2's own merge, which finds files that were renamed: dear, and only asked where ours has a conflict.
/// `None` where it has one too.
fn renamed(session: &Session, [base, ours, theirs]: [Oid; 3]) -> Result<Option<Merged>> {
    let repo = session.repo;
    let tree = |id| repo.find_tree(id);
    let mut index = repo.merge_trees(&tree(base)?, &tree(ours)?, &tree(theirs)?, None)?;
    let conflicts: Vec<_> = index.conflicts()?.collect::<Result<_, _>>()?;
    for conflict in conflicts {
        let entry = |e: &git2::IndexEntry| (e.mode as i32, e.id);
        let Some(ours_entry) = &conflict.our else { return Ok(None) };
        let at = TreePath::from(ours_entry.path.as_slice());
        let (old, new) = (conflict.ancestor.as_ref().map(entry), conflict.their.as_ref().map(entry));
        let Some((mode, id)) = contents(session, &at, old, Some(entry(ours_entry)), new, [base, ours, theirs])? else {
            return Ok(None);
        };
        index.remove_path(at.as_ref())?;
        let resolved = git2::IndexEntry { id, mode: i32::from(mode) as u32, flags: 0, ..blank(&ours_entry.path) };
        index.add(&resolved)?;
    }
    let tree = index.write_tree_to(repo)?;
    session.note_trees(tree, ours)?;
    let updates: Updates =
        changes(repo, ours, tree)?.into_iter().map(|c| (c.path, c.new.map(|(m, id)| (file_mode(m), id)))).collect();
    // libgit2 has written what it merged itself; a submodule's commit is nowhere.
    let written = updates.iter().filter_map(|(_, new)| *new).filter(|(mode, _)| *mode != FileMode::Commit);
    written.for_each(|(_, id)| session.note(id));
    Ok(Some(Merged { tree, updates, conflicts: Vec::new() }))
}

fn blank(path: &[u8]) -> git2::IndexEntry {
    let time = git2::IndexTime::new(0, 0);
    git2::IndexEntry {
        ctime: time,
        mtime: time,
        dev: 0,
        ino: 0,
        mode: 0,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: Oid::zero(),
        flags: 0,
        flags_extended: 0,
        path: path.to_vec(),
    }
}

/// Does a file stand where the path has a directory, or the other way round?
fn blocked(tree: &git2::Tree, path: &TreePath) -> bool {
    let file_above =
        path.above().any(|dir| tree.get_path(dir.as_ref()).is_ok_and(|e| e.kind() != Some(ObjectType::Tree)));
    file_above || tree.get_path(path.as_ref()).is_ok_and(|e| e.kind() == Some(ObjectType::Tree))
}

/// A file that both sides changed: merged as text, else by what it means.
fn contents(
    session: &Session,
    path: &TreePath,
    old: Option<Entry>,
    ours: Option<Entry>,
    theirs: Option<Entry>,
    trees: [Oid; 3],
) -> Result<Option<(FileMode, Oid)>> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(None) };
    let plain = |(mode, _): Entry| [0o100_644, 0o100_755].contains(&mode);
    if !plain(ours) || !plain(theirs) || !old.is_none_or(plain) {
        return Ok(None);
    }
    let mode = if old.is_some_and(|(mode, _)| mode == ours.0) { theirs.0 } else { ours.0 };
    let read = |entry: Entry| -> Result<Vec<u8>> { Ok(session.repo.find_blob(entry.1)?.content().to_vec()) };
    let base = old.map_or_else(|| Ok(Vec::new()), read)?;
    let (ours, theirs) = (read(ours)?, read(theirs)?);
    let texts = Texts { base: &base, ours: &ours, theirs: &theirs };
    let merged = match old.map(|_| lines(&texts)).transpose()?.flatten() {
        Some(bytes) => Some(bytes),
        None => path.text().and_then(|path| merge::by_meaning(session.repo, path, &texts, trees)),
    };
    Ok(match merged {
        Some(bytes) => Some((file_mode(mode), session.blob(&bytes)?)),
        None => None,
    })
}

/// The three texts merged by lines; `None` on a conflict or where they are no text.
///
/// # Errors
/// Those of libgit2.
pub fn lines(texts: &Texts) -> Result<Option<Vec<u8>>> {
    if [texts.base, texts.ours, texts.theirs].iter().any(|t| t.contains(&0)) {
        return Ok(None);
    }
    // libgit2 merges blobs of a repository: here of one that exists in memory alone.
    let odb = Odb::new()?;
    odb.add_new_mempack_backend(1)?;
    let repo = Repository::from_odb(odb)?;
    let side = |bytes| -> Result<git2::IndexEntry> {
        Ok(git2::IndexEntry { id: repo.blob(bytes)?, mode: 0o100_644, ..blank(b"text") })
    };
    let (base, ours, theirs) = (side(texts.base)?, side(texts.ours)?, side(texts.theirs)?);
    let result = repo.merge_file_from_index(&base, &ours, &theirs, None)?;
    Ok(result.is_automergeable().then(|| result.content().to_vec()))
}

/// The paths that differ between two trees, in order; what is the same on both sides is never read.
///
/// # Errors
/// An object is missing.
pub fn changes(repo: &Repository, old: Oid, new: Oid) -> Result<Vec<Change>> {
    let mut found = Vec::new();
    walk(repo, Some(old), Some(new), b"", &mut found)?;
    Ok(found)
}

fn walk(repo: &Repository, old: Option<Oid>, new: Option<Oid>, at: &[u8], found: &mut Vec<Change>) -> Result<()> {
    if old == new {
        return Ok(());
    }
    let list = |id: Option<Oid>| -> Result<Vec<(Vec<u8>, Entry)>> {
        let Some(id) = id else { return Ok(Vec::new()) };
        let tree = repo.find_tree(id)?;
        Ok(tree.iter().map(|e| (e.name_bytes().to_owned(), (e.filemode(), e.id()))).collect())
    };
    let (old, new) = (list(old)?, list(new)?);
    let (mut left, mut right): (std::collections::BTreeMap<_, _>, std::collections::BTreeMap<_, _>) =
        (old.into_iter().collect(), new.into_iter().collect());
    let names: std::collections::BTreeSet<Vec<u8>> = left.keys().chain(right.keys()).cloned().collect();
    for name in names {
        let (old, new) = (left.remove(&name), right.remove(&name));
        if old == new {
            continue;
        }
        let path = TreePath::of(at, &name);
        let is_tree = |e: Option<Entry>| e.filter(|(mode, _)| *mode == 0o040_000).map(|(_, id)| id);
        let is_file = |e: Option<Entry>| e.filter(|(mode, _)| *mode != 0o040_000);
        if is_file(old) != is_file(new) {
            found.push(Change { path: path.clone(), old: is_file(old), new: is_file(new) });
        }
        walk(repo, is_tree(old), is_tree(new), &[path.bytes(), b"/"].concat(), found)?;
    }
    Ok(())
}

/// The mode as libgit2 names it.
pub fn file_mode(mode: i32) -> FileMode {
    match mode {
        0o100_755 => FileMode::BlobExecutable,
        0o120_000 => FileMode::Link,
        0o160_000 => FileMode::Commit,
        _ => FileMode::Blob,
    }
}
