// SPDX-License-Identifier: GPL-2.0-only
//! Directories that a command puts its result in the place of: `build --out`. What was there goes, so it has to be an
//! earlier result, or nothing.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

/// The whole path of `dir`, where it may be replaced: it is not there or empty, or has the file `mark`, by which the
/// command knows its own. `option` names another one; the repository is at `root`.
///
/// # Errors
/// It is something else; it holds the repository; it is no name for a directory.
pub fn directory(dir: &Utf8Path, mark: &str, option: &str, root: &Utf8Path) -> Result<Utf8PathBuf> {
    let dir = whole(dir, option)?;
    if root.starts_with(&dir) {
        fail!(Input, "{dir} holds this repository, and all of it would be replaced"; "{option} names another directory");
    }
    let empty = match dir.read_dir_utf8() {
        Ok(mut entries) => entries.next().is_none(),
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    };
    if !empty && !dir.join(mark).is_file() {
        fail!(Input, "{dir} is there and not from this command, for it has no {mark}; all of it would be replaced";
            "{option} names another directory");
    }
    Ok(dir)
}

/// The whole path of `dir`, without links, `..` or a slash at the end: names are made of it, and other machines' lines.
pub(super) fn whole(dir: &Utf8Path, option: &str) -> Result<Utf8PathBuf> {
    let given = Utf8PathBuf::try_from(std::path::absolute(dir)?)?;
    let there = given.ancestors().find(|d| d.symlink_metadata().is_ok()).unwrap_or(&given);
    let whole = there.canonicalize_utf8().map(|d| d.join(given.strip_prefix(there).unwrap_or(Utf8Path::new(""))));
    let whole: Utf8PathBuf = whole.as_deref().unwrap_or(Utf8Path::new("")).components().collect();
    let plain = |c| !matches!(c, camino::Utf8Component::ParentDir);
    if whole.file_name().is_none() || !whole.components().all(plain) {
        fail!(Input, "{dir} is no name for a directory"; "{option} names another one");
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_command_made_is_replaced() {
        let lab = tempfile::tempdir().unwrap();
        let at = |name: &str| Utf8Path::from_path(lab.path()).unwrap().canonicalize_utf8().unwrap().join(name);
        let root = at("work/kernel");
        for dir in ["work/kernel/sub", "work/empty", "work/mine", "work/ours"] {
            fs_err::create_dir_all(at(dir)).unwrap();
        }
        for file in ["work/mine/thesis", "work/ours/mark", "work/ours/old.deb", "work/file", "work/mark"] {
            fs_err::write(at(file), "").unwrap();
        }
        std::os::unix::fs::symlink("ours", at("work/link")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("work/dangling")).unwrap();
        let may = |name: &str| directory(&at(name), "mark", "--out", &root).map_err(|e| e.to_string());

        for (name, whole) in [
            ("work/empty/", "work/empty"),
            ("work/ours/", "work/ours"),
            ("work/link", "work/ours"),
            ("work/kernel/../new/one/", "work/new/one"),
            ("work/kernel/sub", "work/kernel/sub"),
        ] {
            assert_eq!(may(name), Ok(at(whole)), "{name}");
        }
        for (name, why) in [
            ("work/mine", "not from this command"),
            ("work/file", "not from this command"),
            ("work/kernel", "holds this repository"),
            ("work/kernel/sub/..", "holds this repository"),
            ("work", "holds this repository"),
            ("work/none/../kernel", "is no name"),
            ("work/dangling", "is no name"),
        ] {
            assert!(may(name).is_err_and(|e| e.contains(why)), "{name}: {:?}", may(name));
        }
        assert!(directory(Utf8Path::new("/"), "mark", "--out", &root).is_err());
    }
}
