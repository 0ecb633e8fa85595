// SPDX-License-Identifier: GPL-2.0-only
//! A package set as a value: a directory or a list of `.deb` files, read as streams.
//!
//! Of each file only what is asked of it later is kept: metadata, digests, the machine of an ELF file, what
//! a module needs, and the text of configurations and symbol tables. It must never unpack to disk.

use std::collections::BTreeMap;
use std::io::BufReader;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;

pub use super::content::Purpose;
use super::content::{self, Content, Left};
use crate::effects::{going_on, open_plain, Interruptible};
use crate::formats::control::{Paragraph, Relations};
use crate::formats::deb::{self, ControlFile, DebError, Entry, Kind};

/// The packages, and the files that are none.
#[derive(Debug, Default)]
pub struct Set {
    /// In the order of their names, versions and architectures.
    pub packages: Vec<Package>,
    /// Names of files with what is wrong with them.
    pub broken: Vec<(String, DebError)>,
}

/// One package.
#[derive(Debug)]
pub struct Package {
    /// The file's name.
    pub file: String,
    pub name: String,
    pub version: String,
    /// Debian's name, or `all`.
    pub architecture: String,
    pub fields: Paragraph,
    /// The control area without `control`.
    pub scripts: BTreeMap<String, ControlFile>,
    /// By path, without a `/` before it.
    pub files: BTreeMap<String, (Entry, Content)>,
}

impl Set {
    /// Reads packages: of a directory all, else the files that are named.
    ///
    /// # Errors
    /// A path is not there or there is no package at all. What is wrong *in* a package is no error here.
    pub fn read(paths: &[Utf8PathBuf], purpose: Purpose, progress: &dyn Fn(&str)) -> Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                let found = crate::build::sbuild::packages(path).with_context(|| format!("cannot read {path}"))?;
                if found.is_empty() {
                    fail!(Input, "there is no package in {path}"; "`cargo xtask build` says where it puts them");
                }
                files.extend(found);
            } else if path.exists() && path.extension() != Some("deb") {
                fail!(Input, "`{path}` is not a package: its name does not end in .deb"; "name a directory of packages, or .deb files");
            } else if path.exists() {
                // What the user names may be a link; what lies in a directory may not.
                files.push(path.canonicalize_utf8().with_context(|| format!("cannot read {path}"))?);
            } else {
                fail!(Input, "no such file or directory: `{path}`"; "name a directory of packages, or .deb files");
            }
        }
        let mut set = Set::default();
        for path in files {
            let name = path.file_name().unwrap_or_default().to_owned();
            progress(&name);
            let read = match open_plain(&path) {
                Ok(file) => Package::read(&path, file, purpose),
                Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Err(DebError::NotDeb(e.to_string())),
                Err(e) => return Err(e).with_context(|| format!("cannot read {path}")),
            };
            going_on()?;
            match read {
                Ok(package) => set.packages.push(package),
                Err(e) => set.broken.push((name, e)),
            }
        }
        set.packages.sort_by(|a, b| (a.id(), &a.file).cmp(&(b.id(), &b.file)));
        Ok(set)
    }

    /// Two packages of which apt would see one: of the same name, version and architecture.
    pub fn twice(&self) -> Option<(&Package, &Package)> {
        self.packages.windows(2).map(|pair| (&pair[0], &pair[1])).find(|(a, b)| a.id() == b.id())
    }

    /// Is a package of that name in the set, or one that provides it?
    pub fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|p| p.name == name || p.provides(name))
    }

    /// Every file of every package.
    pub fn files(&self) -> impl Iterator<Item = (&Package, &Entry, &Content)> {
        self.packages.iter().flat_map(|p| p.files.values().map(move |(entry, content)| (p, entry, content)))
    }

    /// The architecture that is not `all`; the first, where there are several.
    pub fn architecture(&self) -> Option<&str> {
        self.packages.iter().map(|p| p.architecture.as_str()).find(|a| *a != "all")
    }
}

impl Package {
    fn read(path: &Utf8Path, file: Interruptible<File>, purpose: Purpose) -> Result<Self, DebError> {
        let size = file.0.metadata().map_or(0, |m| m.len());
        let (mut files, mut left) = (BTreeMap::new(), Left::default());
        let area = deb::read(BufReader::with_capacity(1 << 16, file), size, &mut |entry, reader| {
            // A small file may unpack to much.
            let content = match entry.kind {
                Kind::File => content::read(&entry, &mut Interruptible(reader), purpose, &mut left)?,
                _ => Content::default(),
            };
            files.insert(entry.path.clone(), (entry, content));
            Ok(())
        })?;
        let field = |name| area.fields.get(name).unwrap_or_default();
        Ok(Package {
            file: path.file_name().unwrap_or_default().to_owned(),
            name: field("Package"),
            version: field("Version"),
            architecture: field("Architecture"),
            scripts: area.files,
            files,
            fields: area.fields,
        })
    }

    /// What tells it from every other package: its name, version and architecture.
    pub fn id(&self) -> (&str, &str, &str) {
        (&self.name, &self.version, &self.architecture)
    }

    /// The source package and its version.
    pub fn source(&self) -> (String, String) {
        let source = self.fields.get("Source").unwrap_or_else(|| self.name.clone());
        match source.split_once(" (") {
            Some((name, version)) => (name.to_owned(), version.trim_end_matches(')').to_owned()),
            None => (source, self.version.clone()),
        }
    }

    /// The relations of a field; empty where there are none that can be read.
    pub fn relations(&self, field: &str) -> Relations {
        let text = self.fields.get(field).unwrap_or_default();
        Relations::parse(&text).unwrap_or_default()
    }

    fn provides(&self, name: &str) -> bool {
        self.relations("Provides").iter().any(|a| a.name == name)
    }
}
