// SPDX-License-Identifier: GPL-2.0-only
//! Texts of commits in another encoding than UTF-8, which git names in a commit's `encoding` header and in
//! `i18n.commitEncoding`.
//!
//! Commits that are copied keep their bytes and the header ([`super::Session::again`]); only what is shown to the user
//! or handed to git as a file is converted, by iconv. `fork/message.rs` does the latter.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::command::Run;
use super::Effects;

impl Effects {
    /// The text of `bytes` in `encoding` (UTF-8 where none is named); `None` where they are none in it.
    ///
    /// # Errors
    /// iconv cannot be started.
    pub fn exact(&self, bytes: &[u8], encoding: Option<&str>) -> Result<Option<String>> {
        let bytes = match encoding.filter(|name| is_other(name) && !bytes.is_ascii()) {
            Some(name) => self.iconv(name, "UTF-8", bytes)?,
            None => Some(bytes.into()),
        };
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// As [`Effects::exact`], to be shown: what cannot be converted becomes U+FFFD.
    ///
    /// # Errors
    /// As there.
    pub fn decoded(&self, bytes: &[u8], encoding: Option<&str>) -> Result<String> {
        Ok(self.exact(bytes, encoding)?.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned()))
    }

    /// `text` in the encoding `name`; `None` where that lacks one of its letters.
    ///
    /// # Errors
    /// iconv cannot be started.
    pub fn encoded(&self, text: &str, name: &str) -> Result<Option<Vec<u8>>> {
        if !is_other(name) || text.is_ascii() {
            return Ok(Some(text.into()));
        }
        self.iconv("UTF-8", name, text.as_bytes())
    }

    /// The encoding that git takes names and messages of new commits in the repository at `root` for, where that is
    /// not UTF-8.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn commit_encoding(&self, root: &Utf8Path) -> Result<Option<String>> {
        let configured = self.git(root).args(["config", "--get", "i18n.commitEncoding"]);
        let name = self.read(Run::from(configured).any_status())?.text();
        Ok(Some(name).filter(|name| is_other(name)))
    }

    fn iconv(&self, from: &str, to: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let run = Run::from(cmd!(self.sh, "iconv --from-code={from} --to-code={to}")).stdin(bytes).any_status();
        let output = self.read(run)?;
        Ok(output.status.success().then_some(output.stdout))
    }
}

/// Is it the name of an encoding other than UTF-8? A name with a `/` would be a file to iconv.
fn is_other(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    !name.is_empty() && name.chars().all(plain) && !["utf-8", "utf8"].contains(&name.to_lowercase().as_str())
}
