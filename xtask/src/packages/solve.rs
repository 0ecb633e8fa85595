// SPDX-License-Identifier: GPL-2.0-only
//! Whether a set can be installed in a suite: apt is asked, with the suite's own indexes and the set as one more
//! archive.
//!
//! `commands` calls it. apt sees the control fields alone, as they were read, and never a file of the set; nor
//! does it know anything of this machine but its network.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::audit::{wanted, Offered};
use super::finding::Finding;
use super::set::Set;
use crate::arch::Arch;
use crate::build::archive::{private_apt, Archive};
use crate::build::depends;
use crate::effects::{Effects, Run, Scratch};
use crate::formats::version::Version;
use crate::formats::{address, apt};

/// Lines of apt's that are shown.
const LISTED: usize = 8;

/// An apt that knows a suite and a set.
pub struct Solver<'a> {
    fx: &'a Effects,
    suite: String,
    conf: Utf8PathBuf,
    _scratch: Scratch,
}

impl<'a> Solver<'a> {
    /// Fetches the suite's indexes.
    ///
    /// # Errors
    /// The archive cannot be reached ([`crate::error::Kind::Network`]).
    pub fn new(fx: &'a Effects, archive: &Archive, host: &'static Arch, set: &Set) -> Result<Self> {
        let scratch = fx.scratch("solve")?;
        let keyring = archive.keyring(fx, &scratch)?;
        let repository = scratch.join("set");
        fs_err::create_dir_all(&repository)?;
        fs_err::write(repository.join("Packages"), index(set))?;
        let mut sources = archive.sources.clone();
        sources.push(format!("deb [trusted=yes arch={}] {} ./", host.debian, address::of_path(&repository)));
        let conf = private_apt(&scratch.join("apt"), &sources, &keyring, &[host])?;
        depends::update(fx, &archive.sources, &conf)?;
        Ok(Self { fx, suite: archive.suite.clone(), conf, _scratch: scratch })
    }

    /// What the suite has of that which the set depends on.
    ///
    /// # Errors
    /// apt cannot be asked.
    pub fn offered(&self, set: &Set) -> Result<Offered> {
        let wanted = wanted(set).into_iter().flat_map(|(_, _, alternatives)| alternatives.into_iter().map(|a| a.name));
        let names: BTreeSet<String> = wanted.filter(|n| !set.has(n) && is_name(n)).collect();
        let mut offered = Offered { suite: self.suite.clone(), ..Offered::default() };
        // It ends with an error where it knows none of a name, and shows the others.
        let show = cmd!(self.fx.sh, "apt-cache show --all-versions").args(&names).env("APT_CONFIG", &self.conf);
        let shown = if names.is_empty() { String::new() } else { self.fx.read(Run::from(show).any_status())?.text() };
        let mut name = String::new();
        for line in shown.lines() {
            if let Some(package) = line.strip_prefix("Package: ") {
                package.clone_into(&mut name);
            } else if let Some(Ok(version)) = line.strip_prefix("Version: ").map(Version::parse) {
                let best = offered.versions.entry(name.clone()).or_insert_with(|| version.clone());
                if *best < version {
                    *best = version;
                }
            }
        }
        for name in names.iter().filter(|n| !offered.versions.contains_key(*n)) {
            if depends::virtual_here(self.fx, &self.conf, name)? {
                offered.provided.insert(name.clone());
            }
        }
        Ok(offered)
    }

    /// Asks apt to install all of the set at once on an empty system, without doing it.
    ///
    /// # Errors
    /// apt cannot be asked.
    pub fn installable(&self, set: &Set) -> Result<Vec<Finding>> {
        let names: Vec<String> = set
            .packages
            .iter()
            .filter(|p| is_name(&p.name) && Version::parse(&p.version).is_ok())
            .map(|p| format!("{}={}", p.name, p.version))
            .collect();
        let install = cmd!(self.fx.sh, "apt-get --simulate --no-install-recommends install").args(&names);
        let mut said: Vec<String> = Vec::new();
        let run = Run::from(install.env("APT_CONFIG", &self.conf).env("LC_ALL", "C")).any_status();
        let answer = self.fx.read(run.watch(|line| said.push(line.trim().to_owned())))?;
        if answer.status.success() {
            return Ok(Vec::new());
        }
        let reasons: Vec<String> = said.into_iter().filter(|line| apt::is_reason(line)).take(LISTED).collect();
        let what = format!("apt cannot install the set in {}: {}", self.suite, reasons.join("; "));
        let why = "nobody could install it";
        Ok(vec![Finding::error("installable", "", what, why, "build the whole set in the suite's own chroot")])
    }
}

/// The set as an archive's index: the fields that a solver looks at, each on a line of its own.
fn index(set: &Set) -> String {
    let fields =
        ["Package", "Version", "Architecture", "Pre-Depends", "Depends", "Conflicts", "Breaks", "Provides", "Replaces"];
    let mut text = String::new();
    for package in &set.packages {
        for field in fields {
            if let Some(value) = package.fields.get(field) {
                let line: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                text.push_str(&format!("{field}: {line}\n"));
            }
        }
        text.push_str(&format!(
            "Maintainer: nobody <nobody@localhost>\nFilename: ./{}\nSize: 1\n",
            plain(&package.file)
        ));
        text.push_str(&format!("SHA256: {}\nDescription: of the set\n\n", "0".repeat(64)));
    }
    text
}

fn plain(file: &str) -> String {
    Utf8Path::new(file).file_name().unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}

/// Debian policy 5.6.1: what may stand on a command line.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() > 1 && name.starts_with(good) && name.chars().all(|c| good(c) || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_of_packages() {
        for good in ["libc6", "g++-12", "linux-base", "libssl1.1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a", "-x", "a b", "A1", "a;b", "a/b", "--opt"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
