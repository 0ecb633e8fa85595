// SPDX-License-Identifier: GPL-2.0-only
//! The annotations file that a command is about: found, read with what it includes, saved.
//!
//! All leaves of `annotations` begin here. It must never read an include from outside of the tree, not
//! through a link either.

use std::io::Read;
use std::mem::ManuallyDrop;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::{open_given, Did, Effects};
use crate::error::{Failure, Kind};
use crate::flavour::packaging;
use crate::formats::annotations::Annotations;
use crate::formats::config::Config;
use crate::formats::text::Text;
use crate::formats::FormatError;
use crate::workspace::Workspace;

/// Far more than any of these files has: Ubuntu's annotations are some 1.5 MB.
const LARGEST: u64 = 100_000_000;

/// Which file.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The annotations file; without it, the tree's own
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<Utf8PathBuf>,
}

/// Which flavour of it.
#[derive(Debug, clap::Args)]
pub struct Of {
    #[command(flatten)]
    which: Which,
    /// Debian's name of the architecture
    #[arg(long, short)]
    pub arch: String,
    /// The flavour, without its architecture
    #[arg(long, short = 'l', default_value = "generic")]
    pub flavour: String,
}

/// How it is saved.
#[derive(Debug, clap::Args)]
pub struct Form {
    /// Save as Ubuntu's tool does: everything in its own form and order, comments lost
    #[arg(long)]
    pub canonical: bool,
}

/// An annotations file that has been read.
pub struct Opened {
    /// As the person named it, or its place in the tree.
    pub name: Utf8PathBuf,
    path: Utf8PathBuf,
    pub text: Text,
    /// It goes with the process: to give back its hundred thousand pieces takes a tenth of the time of an export.
    pub annotations: ManuallyDrop<Annotations>,
}

impl Which {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there; it is none.
    pub fn open(&self) -> Result<Opened> {
        let (name, path) = match &self.file {
            Some(file) => (file.clone(), file.clone()),
            None => own()?,
        };
        let text = Text::from(read(&path)?);
        let path = path.canonicalize_utf8().with_context(|| format!("cannot find {path}"))?;
        let tree = tree_of(&path);
        let place = path.strip_prefix(&tree).unwrap_or(&path);
        let include = |place: &str| included(&tree, place);
        let annotations = Annotations::parse(text.clone(), place.as_str(), &include).map_err(|e| {
            let cut = e.line > 0 && !text.ends_with('\n') && e.line == text.lines().count();
            let hint = match (cut, e.line) {
                (true, _) => "it ends in the middle of a line; is the file whole?",
                (false, 0) | (false, 2) => packaging::FORMATS,
                _ => "a line is CONFIG_NAME, then policy<{'ARCH': 'VALUE', …}> or note<…> or both",
            };
            anyhow::Error::from(e).context(Failure::new(Kind::Input, format!("{name} cannot be read")).hint(hint))
        })?;
        Ok(Opened { name, path, text, annotations: ManuallyDrop::new(annotations) })
    }
}

impl Of {
    /// Reads the file and makes sure that it names the flavour.
    ///
    /// # Errors
    /// As [`Which::open`] and [`Opened::names`].
    pub fn open(&self) -> Result<Opened> {
        let opened = self.which.open()?;
        opened.names(&self.arch, Some(&self.flavour))?;
        Ok(opened)
    }
}

impl Opened {
    /// Makes sure that the header names this flavour, or without one the architecture: Ubuntu's tool would answer for
    /// any flavour.
    ///
    /// # Errors
    /// It does not; the hint has those that it names.
    pub fn names(&self, arch: &str, flavour: Option<&str>) -> Result<()> {
        let own = flavour.map(|flavour| format!("{arch}-{flavour}"));
        if own.as_ref().is_some_and(|own| self.annotations.flavours().contains(own)) {
            return Ok(());
        }
        let arches = self.annotations.architectures();
        if !arches.iter().any(|known| known == arch) {
            fail!(Input, "{} has no architecture `{arch}`", self.name; "it has {}", arches.join(", "));
        }
        let Some(own) = own else { return Ok(()) };
        let of_arch = |name: &&String| name.strip_prefix(arch).is_some_and(|rest| rest.starts_with('-'));
        let there: Vec<&str> = self.annotations.flavours().iter().filter(of_arch).map(String::as_str).collect();
        fail!(Input, "{} has no flavour `{own}`", self.name; "of {arch} it has {}", there.join(", "));
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn save(&self, fx: &Effects, text: &str) -> Result<Did> {
        fx.write(&self.path, text)
    }

    /// The text of the changed annotations.
    pub fn form(&self, form: &Form) -> String {
        if form.canonical {
            self.annotations.to_canonical()
        } else {
            self.annotations.to_text()
        }
    }
}

/// A symbol's name with or without `CONFIG_`.
pub fn symbol(name: &str) -> &str {
    name.strip_prefix("CONFIG_").unwrap_or(name)
}

/// Reads a `.config` as Ubuntu's tool does, which passes over all lines that it does not know.
///
/// # Errors
/// It holds no symbol at all: everything would be absent.
pub fn config(path: &Utf8Path) -> Result<Config> {
    let config = Config::parse_lenient(read(path)?);
    if config.is_empty() {
        fail!(Input, "{path} is no .config: it has no line CONFIG_NAME=VALUE");
    }
    Ok(config)
}

/// The text of a file, as a kernel tree has it: UTF-8, no byte order mark, lines that end in LF.
///
/// # Errors
/// It is something else, and where.
pub fn read(path: &Utf8Path) -> Result<String> {
    let cannot = || Failure::new(Kind::Input, format!("cannot read {path}"));
    let file = open_given(path).with_context(cannot)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > LARGEST {
        fail!(Input, "{path} is larger than 100 MB"; "is it the right file?");
    }
    let bad = |at: usize, message: &str, hint: String| -> anyhow::Error {
        let before = &bytes[..at];
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let column = String::from_utf8_lossy(&bytes[start..at]).chars().count() + 1;
        let end = bytes[start..]
            .iter()
            .take(400)
            .position(|b| *b == b'\n')
            .map_or(bytes.len().min(start + 400), |n| start + n);
        let error = FormatError::at(line, column, &String::from_utf8_lossy(&bytes[start..end]), message);
        anyhow::Error::from(error).context(Failure::new(Kind::Input, format!("{path} cannot be read")).hint(hint))
    };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(bad(0, "a byte order mark", format!("sed -i '1s/^\\xef\\xbb\\xbf//' {path}")));
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let at = bytes.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
        return Err(bad(at, "not UTF-8", "is it the right file?".to_owned()));
    };
    if let Some(at) = text.find('\r') {
        return Err(bad(at, "a carriage return", format!("sed -i 's/\\r$//' {path}")));
    }
    String::from_utf8(bytes).with_context(cannot)
}

/// The tree's own annotations: its place in the tree, and its path.
fn own() -> Result<(Utf8PathBuf, Utf8PathBuf)> {
    let root = Workspace::here()?.root;
    let Ok(env) = fs_err::read_to_string(root.join("debian/debian.env")) else {
        fail!(Input, "this tree has no packaging of Ubuntu's, and so no annotations"; "`cargo xtask flavour show NAME` shows a flavour of this tree; `--file FILE` names annotations");
    };
    let place = Utf8PathBuf::from(packaging::folder(&env)?).join("config/annotations");
    let path = root.join(&place);
    if !path.is_file() {
        fail!(Input, "this tree has no {place}: only Ubuntu's trees have annotations"; "`cargo xtask flavour show NAME` shows a flavour of this tree; `--file FILE` names annotations");
    }
    Ok((place, path))
}

/// The tree that a file is of: the nearest directory with packaging or a repository in it, else where we are,
/// else the file's own.
fn tree_of(path: &Utf8Path) -> Utf8PathBuf {
    let folder = path.parent().unwrap_or(path);
    let is_tree = |dir: &&Utf8Path| dir.join("debian/debian.env").is_file() || dir.join(".git").exists();
    let here = || {
        let here = Utf8PathBuf::try_from(std::env::current_dir().ok()?).ok()?.canonicalize_utf8().ok()?;
        path.starts_with(&here).then_some(here)
    };
    let found = folder.ancestors().find(is_tree).map(Utf8Path::to_owned);
    found.or_else(here).unwrap_or_else(|| folder.to_owned())
}

/// The text of an included file.
fn included(tree: &Utf8Path, place: &str) -> Result<String, FormatError> {
    let bad = |message: String| FormatError::new("", message);
    let path = tree.join(place);
    let real = path.canonicalize_utf8().map_err(|_| bad(format!("{place} is not in the tree {tree}")))?;
    if !real.starts_with(tree) {
        return Err(bad(format!("{place} is a link that leads out of the tree")));
    }
    read(&path).map_err(|e| bad(crate::error::sentence(&e)))
}
