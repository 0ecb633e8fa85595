// SPDX-License-Identifier: GPL-2.0-only
//! Texts of commits in another encoding than UTF-8, which git names in a commit's `encoding` header and in
//! `i18n.commitEncoding`.
//!
//! Commits that are copied keep their bytes and the header ([`super::Session::again`]); only what is shown to the user
//! or handed to git as a file is converted, by iconv.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::command::Run;
use super::Effects;

impl Effects {
    /// The text of `bytes` in `encoding`. What cannot be converted becomes U+FFFD.
    ///
    /// # Errors
    /// iconv cannot be started.
    pub fn decoded(&self, bytes: &[u8], encoding: Option<&str>) -> Result<String> {
        let converted = match encoding.filter(|name| is_other(name) && !bytes.is_ascii()) {
            Some(name) => self.iconv(name, "UTF-8", bytes)?,
            None => None,
        };
        Ok(String::from_utf8_lossy(converted.as_deref().unwrap_or(bytes)).into_owned())
    }

    /// `text` as git wants a commit message in the repository at `root`: in `i18n.commitEncoding`. One that has letters
    /// which the encoding lacks stays UTF-8, as git leaves it.
    ///
    /// # Errors
    /// git or iconv cannot be started.
    pub fn for_git(&self, root: &Utf8Path, text: &str) -> Result<Vec<u8>> {
        if text.is_ascii() {
            return Ok(text.into());
        }
        let configured = self.git(root).args(["config", "--get", "i18n.commitEncoding"]);
        let name = self.read(Run::from(configured).any_status())?.text();
        let converted = if is_other(&name) { self.iconv("UTF-8", &name, text.as_bytes())? } else { None };
        Ok(converted.unwrap_or_else(|| text.into()))
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
