// SPDX-License-Identifier: GPL-2.0-only
//! `metadata.json`: what a package set was made from, and the command that makes it again.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use xshell::cmd;

use crate::arch::{self, Arch};
use crate::effects::{text_plain, Effects};
use crate::formats::version::Version;
use crate::settings;

/// The record beside the packages. Fields are only ever added.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Metadata {
    /// Names everything that the packages follow from; the same inputs need not be built again.
    pub inputs: String,
    pub tag: String,
    pub commit: String,
    pub version: String,
    pub flavour: String,
    pub architecture: String,
    pub mode: String,
    pub suite: String,
    pub chroot: String,
    /// Programs that had a part in it, with their versions.
    pub tools: BTreeMap<String, String>,
    /// Variables given to `debian/rules`.
    pub variables: Vec<String>,
    /// Build dependencies that were replaced or left out, each with what for.
    pub substituted: BTreeMap<String, String>,
    /// The compiler, where it is the one that the packaging pins.
    #[serde(default)]
    pub compiler: Option<String>,
    /// Symbols set from the build's compiler in its copy of the annotations, where that is not the series' own.
    pub from_compiler: BTreeMap<String, String>,
    /// How many compilations each machine of a farm did.
    #[serde(default)]
    pub compiled_at: BTreeMap<String, u64>,
    /// How many compilations ccache had, of how many.
    #[serde(default)]
    pub cached: Option<(u64, u64)>,
    /// Size in bytes of each file.
    pub files: BTreeMap<String, u64>,
    pub seconds: u64,
    pub reproduce: String,
}

/// The file's name.
pub const FILE: &str = "metadata.json";

/// The record of a directory, if it has one that a build could have written, and all the files that it names.
pub fn read(dir: &Utf8Path) -> Option<Metadata> {
    let text = text_plain(&dir.join(FILE))?;
    let metadata: Metadata = serde_json::from_str(&text).ok()?;
    let whole = metadata
        .files
        .iter()
        .all(|(name, size)| fs_err::metadata(dir.join(name)).is_ok_and(|m| m.is_file() && m.len() == *size));
    (whole && metadata.has_names()).then_some(metadata)
}

impl Metadata {
    /// Paths are made of these; a record may be anybody's.
    fn has_names(&self) -> bool {
        [&self.suite, &self.flavour].into_iter().all(|name| settings::word(name).is_ok())
            && arch::find(&self.architecture).is_ok()
            && Version::parse(&self.version).is_ok()
    }
}

/// The text of a record.
///
/// # Errors
/// None that one would see.
pub fn text(metadata: &Metadata) -> Result<String> {
    Ok(serde_json::to_string_pretty(metadata)? + "\n")
}

/// The programs that a build for `host` goes through, each with its version.
///
/// # Errors
/// One of them is not there.
pub fn tools(fx: &Effects, host: &Arch) -> Result<BTreeMap<String, String>> {
    let mut tools = BTreeMap::new();
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    tools.insert("sbuild".to_owned(), first(fx.read(cmd!(fx.sh, "sbuild --version"))?.text()));
    tools.insert("mmdebstrap".to_owned(), first(fx.read(cmd!(fx.sh, "mmdebstrap --version"))?.text()));
    if arch::build()?.debian != host.debian {
        let qemu = crate::machine::emulator(host)?;
        if let Ok(version) = fx.read(cmd!(fx.sh, "{qemu} --version")) {
            tools.insert("qemu".to_owned(), first(version.text()));
        }
    }
    Ok(tools)
}

/// Size in bytes of each file in a directory.
///
/// # Errors
/// It cannot be read.
pub fn sizes(dir: &Utf8Path) -> Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    for entry in dir.read_dir_utf8().with_context(|| format!("cannot read {dir}"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            sizes.insert(entry.file_name().to_owned(), fs_err::metadata(entry.path())?.len());
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_names_other_places_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let good = Metadata {
            suite: "focal".into(),
            flavour: "slim".into(),
            architecture: "arm64".into(),
            version: "5.4.0-200.220+lab".into(),
            ..Metadata::default()
        };
        let read_back = |record: &Metadata| {
            fs_err::write(dir.join(FILE), text(record).unwrap()).unwrap();
            read(dir).is_some()
        };
        assert!(read_back(&good));
        let up = || "../../..".to_owned();
        assert!(!read_back(&Metadata { suite: up(), ..good.clone() }));
        assert!(!read_back(&Metadata { flavour: up(), ..good.clone() }));
        assert!(!read_back(&Metadata { architecture: up(), ..good.clone() }));
        for version in ["../../..", "..", "1/2", ""] {
            assert!(!read_back(&Metadata { version: version.to_owned(), ..good.clone() }), "{version}");
        }
    }
}
