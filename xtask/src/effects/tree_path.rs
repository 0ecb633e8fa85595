// SPDX-License-Identifier: GPL-2.0-only
//! Paths in git trees: bytes, in whatever encoding the vendor or the lab has named their files. What names a file of
//! this tool's (settings, fragments, packaging) is UTF-8.

use std::borrow::Borrow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

/// A path in a tree, with `/` between its names. Shown as git quotes paths: control characters, and bytes that are not
/// UTF-8, as octal numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The path of `name` in the directory `at`, which is empty or ends in `/`.
    pub fn of(at: &[u8], name: &[u8]) -> Self {
        Self([at, name].concat())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text; `None` where it is not UTF-8, and so none that this tool knows by name.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The file in a work tree.
    pub fn on(&self, root: &Utf8Path) -> PathBuf {
        root.as_std_path().join(self)
    }

    /// The directories on the way to it, the outermost first.
    pub fn above(&self) -> impl DoubleEndedIterator<Item = Self> + '_ {
        let slashes: Vec<usize> = (0..self.0.len()).filter(|at| self.0[*at] == b'/').collect();
        slashes.into_iter().map(|at| Self(self.0[..at].to_owned()))
    }
}

impl From<&[u8]> for TreePath {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }
}

impl From<&str> for TreePath {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl AsRef<[u8]> for TreePath {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<Path> for TreePath {
    fn as_ref(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

impl Borrow<[u8]> for TreePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() {
                    let mut buffer = [0; 4];
                    c.encode_utf8(&mut buffer).bytes().try_for_each(|byte| write!(f, "\\{byte:03o}"))?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\{byte:03o}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_and_shown_escaped() {
        let path = TreePath::of(b"a\xe4/", b"b\x1b[/\xff");
        assert_eq!((path.to_string().as_str(), path.text()), ("a\\344/b\\033[/\\377", None));
        assert_eq!(path.on(Utf8Path::new("/x")).as_os_str().as_bytes(), b"/x/a\xe4/b\x1b[/\xff");
        let above: Vec<TreePath> = path.above().collect();
        assert_eq!(above, [TreePath::from(&b"a\xe4"[..]), TreePath::from(&b"a\xe4/b\x1b["[..])]);
        assert_eq!(TreePath::from("ä b").to_string(), "ä b");
    }
}
