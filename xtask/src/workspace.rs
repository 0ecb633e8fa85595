// SPDX-License-Identifier: GPL-2.0-only
//! Where we are: the repository that the command was called in, its settings, its own files.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::text_given;
use crate::error::{Failure, Kind};
use crate::settings::{Flavour, Settings, TINY};

/// The file with the settings.
pub const SETTINGS: &str = "Cargo.toml";

/// The top-level paths that are this repository's and not the vendor's. With the flavours' own files
/// ([`is_ours`]) they are what `fork` lays over a vendor tree.
pub const OURS: &[&str] = &[
    ".cargo",
    ".ci",
    ".github",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "ci",
    "xtask",
];

/// Folders of ours that a kernel build must not see: the packaging copies every Makefile, Kconfig and
/// `*.sh` it finds into the headers package.
pub const NOT_BUILT: &[&str] = &[".cargo", ".ci", ".github", "ci", "xtask"];

/// A repository that holds the tool: a fork, or not yet one.
#[derive(Debug)]
pub struct Workspace {
    pub root: Utf8PathBuf,
    pub settings: Settings,
}

impl Workspace {
    /// The nearest directory upwards from `start` whose `Cargo.toml` has the settings.
    ///
    /// # Errors
    /// There is none; its settings are bad.
    pub fn find(start: &Utf8Path) -> Result<Self> {
        let start = start.canonicalize_utf8().with_context(|| format!("cannot find {start}"))?;
        for dir in start.ancestors() {
            let file = dir.join(SETTINGS);
            let text = text_given(&file).unwrap_or_default();
            if text.contains("[workspace.metadata.fork") {
                let settings = Settings::parse(&text).with_context(|| file.to_string())?;
                return Ok(Self { root: dir.to_owned(), settings });
            }
            if dir.join("xtask/src/settings.rs").is_file() {
                fail!(Input, "`{file}` cannot be read or has no `[workspace.metadata.fork]`";
                    "`git checkout HEAD -- {file}` takes it back to the last commit");
            }
        }
        fail!(Input, "{start} is in no fork repository"; "call it inside a clone, where Cargo.toml has `[workspace.metadata.fork]`");
    }

    /// As [`Workspace::find`], from the current directory.
    ///
    /// # Errors
    /// As there.
    pub fn here() -> Result<Self> {
        let dir = std::env::current_dir().context("there is no current directory")?;
        let dir = Utf8PathBuf::try_from(dir).map_err(|e| {
            let shown = e.as_path().display().to_string();
            Failure::new(Kind::Input, format!("the name of the current directory is not UTF-8: `{shown}`"))
                .hint("rename that directory, or move the clone")
        })?;
        Self::find(&dir)
    }

    /// The flavour that is meant when none is named: the first that is built on one of the vendor's.
    ///
    /// # Errors
    /// The settings have no flavour.
    pub fn first_flavour(&self) -> Result<&str> {
        let flavours = &self.settings.flavours;
        let first = flavours.iter().find(|(_, f)| f.base != TINY).or_else(|| flavours.iter().next());
        match first {
            Some((name, _)) => Ok(name),
            None => fail!(Input, "the settings have no flavour"; "`cargo xtask flavour new NAME` makes one"),
        }
    }

    /// The directory of the repository's objects.
    ///
    /// # Errors
    /// It is no git repository.
    pub fn objects(&self) -> Result<Utf8PathBuf> {
        let repo = crate::effects::repository(&self.root)?;
        Ok(Utf8Path::from_path(repo.commondir()).context("the repository's path is not UTF-8")?.join("objects"))
    }

    /// A directory beside the repository, where neither git nor the kernel's makefiles meet it.
    ///
    /// # Errors
    /// The repository is the root directory.
    pub fn sibling(&self, what: &str) -> Result<Utf8PathBuf> {
        let (parent, name) =
            self.root.parent().zip(self.root.file_name()).context("the repository is the root directory")?;
        Ok(parent.join(format!("{name}-{what}")))
    }

    /// Is `path` (relative to the root, `/` between) one of this repository's files?
    pub fn is_ours(&self, path: &str) -> bool {
        let top = path.split('/').next().unwrap_or(path);
        let mut of_flavours = self.settings.flavours.iter().flat_map(|(name, flavour)| files_of(name, flavour));
        OURS.contains(&top) || of_flavours.any(|file| file == path)
    }
}

/// The files that a flavour is made from.
pub fn files_of<'a>(name: &str, flavour: &'a Flavour) -> impl Iterator<Item = String> + use<'a> {
    [vars_path(name), fragment_path(name)].into_iter().chain(flavour.modules.clone())
}

/// Where `flavour new` puts the list of the modules that a machine loads.
pub fn modules_path(flavour: &str) -> String {
    format!("kernel/configs/{flavour}.modules")
}

/// Where a flavour's metadata stands, in Ubuntu's place and format.
pub fn vars_path(flavour: &str) -> String {
    format!("debian.master/control.d/vars.{flavour}")
}

/// Where a flavour's fragment stands, in Linux's place and format.
pub fn fragment_path(flavour: &str) -> String {
    format!("kernel/configs/{flavour}.config")
}
