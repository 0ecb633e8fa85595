// SPDX-License-Identifier: GPL-2.0-only
//! The key that a repository is signed with: the person's own, or a throw-away one beside the repository.
//!
//! A throw-away key has no passphrase and never leaves its directory; machines keep trusting the repository
//! as long as it is there.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xshell::cmd;

use crate::effects::{Did, Effects, Run, Scratch};
use crate::error::{Failure, Kind};

/// A key, and where gpg finds it.
pub struct Key {
    /// `None`: the person's own gpg.
    home: Option<Utf8PathBuf>,
    /// Fingerprint, or what the person gave to name it.
    pub id: String,
    /// A dry run's key goes with it.
    _scratch: Option<Scratch>,
}

impl Key {
    /// What the person names: a file with a secret key, or a key of their own gpg.
    ///
    /// # Errors
    /// It is none of both.
    pub fn given(fx: &Effects, name: &str) -> Result<Self> {
        let file = Utf8Path::new(name);
        if file.is_file() {
            Self::of_file(fx, file)
        } else {
            Self::own(fx, name)
        }
    }

    /// Does gpg ask the person for it?
    pub fn is_own(&self) -> bool {
        self.home.is_none()
    }

    /// A program that calls gpg by itself, with this key where gpg looks for it.
    pub fn at_hand<'a>(&self, command: xshell::Cmd<'a>) -> xshell::Cmd<'a> {
        match &self.home {
            Some(home) => command.env("GNUPGHOME", home),
            None => command,
        }
    }

    /// A key of the person's own.
    fn own(fx: &Effects, id: &str) -> Result<Self> {
        let hint = "`gpg --list-secret-keys` names yours; without --key a throw-away one is made";
        let shown = cmd!(fx.sh, "gpg --batch --with-colons --list-secret-keys -- {id}");
        let shown = fx.read(Run::from(shown).or(Kind::Input, hint))?.text();
        let key = Key { home: None, id: fingerprint(&shown).unwrap_or_else(|| id.to_owned()), _scratch: None };
        Ok(key)
    }

    /// A secret key without a passphrase in a file, for as long as this process runs.
    fn of_file(fx: &Effects, file: &Utf8Path) -> Result<Self> {
        let scratch = fx.scratch("key")?;
        let home = scratch.path().to_owned();
        let read = cmd!(fx.sh, "gpg --homedir {home} --batch --quiet --import {file}");
        let read = fx.read(Run::from(read).or(Kind::Input, "`gpg --export-secret-keys --armor ID` writes such a file"));
        let mut key = Key { home: Some(home), id: String::new(), _scratch: Some(scratch) };
        let shown = read.and_then(|_| fx.read(key.gpg(fx, &["--with-colons", "--list-secret-keys"])));
        match shown.map(|s| fingerprint(&s.text())) {
            Ok(Some(id)) => key.id = id,
            other => {
                key.close(fx);
                other?;
                fail!(Input, "{file} holds no secret key"; "`gpg --export-secret-keys --armor ID` writes such a file");
            }
        }
        Ok(key)
    }

    /// The throw-away key in `home`, made if it is not there.
    ///
    /// # Errors
    /// gpg is missing.
    pub fn throw_away(fx: &Effects, home: &Utf8Path, name: &str) -> Result<Self> {
        let mut key = Key { home: Some(home.to_owned()), id: String::new(), _scratch: None };
        if !home.is_dir() {
            let step = fx.ui.step("make a throw-away key");
            let scratch = fx.scratch_for("key", home).map_err(|e| {
                let message = format!("cannot make the throw-away key `{home}`");
                let hint = "--key names a key of your own; or make that directory's parent writable";
                e.context(Failure::new(Kind::Machine, message).hint(hint))
            })?;
            let fresh = scratch.join("gnupg");
            fs::create_dir(&fresh)?;
            fs::set_permissions(&fresh, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            let made = cmd!(
                fx.sh,
                "gpg --homedir {fresh} --batch --quiet --passphrase '' --quick-generate-key {name} ed25519 sign never"
            );
            let done = fx.read(Run::from(made).or(Kind::Machine, "gpg is in the package gnupg"));
            end_agent(fx, &fresh);
            done?;
            if fx.rename(&fresh, home)? == Did::Planned {
                key.home = Some(fresh);
                key._scratch = Some(scratch);
            }
            step.done("");
        }
        let shown = fx.read(key.gpg(fx, &["--with-colons", "--list-secret-keys"]))?.text();
        match fingerprint(&shown) {
            Some(id) => key.id = id,
            None => fail!(Input, "{home} holds no secret key"; "remove it for a new one, or give --key"),
        }
        Ok(key)
    }

    /// Signs `Release` in `dir`: `InRelease` and `Release.gpg`.
    ///
    /// # Errors
    /// gpg fails.
    pub fn sign(&self, fx: &Effects, dir: &Utf8Path) -> Result<()> {
        let (release, inline, beside) = (dir.join("Release"), dir.join("InRelease"), dir.join("Release.gpg"));
        let of = |how: &str, to: &Utf8Path| {
            let run = self.gpg(
                fx,
                &["--yes", "--armor", "--local-user", &self.id, how, "--output", to.as_str(), release.as_str()],
            );
            // The person's own key may ask for its passphrase.
            if self.is_own() {
                run.on_terminal()
            } else {
                run
            }
        };
        fx.read(of("--clearsign", &inline))?;
        fx.read(of("--detach-sign", &beside))?;
        Ok(())
    }

    /// Has this key made this detached signature of the text?
    ///
    /// # Errors
    /// gpg cannot be run.
    pub fn has_signed(&self, fx: &Effects, text: &str, signature: &[u8]) -> Result<bool> {
        let scratch = fx.scratch("signature")?;
        let file = scratch.join("signature");
        fs::write(&file, signature)?;
        let verify = ["--batch", "--no-auto-key-retrieve", "--status-fd", "1", "--verify", file.as_str(), "-"];
        let said = fx.read(self.gpg(fx, &verify).stdin(text).any_status())?;
        // `VALIDSIG` names the key that has signed, and last the primary key that it belongs to.
        let ours = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == Some(&"VALIDSIG") && [words.get(2), words.last()].contains(&Some(&self.id.as_str()))
        };
        Ok(said.status.success() && said.text().lines().any(ours))
    }

    /// Writes the public key, as apt's `signed-by` takes it.
    ///
    /// # Errors
    /// gpg fails.
    pub fn export(&self, fx: &Effects, to: &Utf8Path) -> Result<()> {
        fx.read(self.gpg(fx, &["--yes", "--export", "--output", to.as_str(), &self.id]))?;
        Ok(())
    }

    fn gpg<'a>(&self, fx: &Effects, args: &[&str]) -> Run<'a> {
        let home: Vec<&str> = self.home.iter().flat_map(|h| ["--homedir", h.as_str()]).collect();
        let batch: &[&str] = if self.home.is_some() { &["--batch", "--quiet"] } else { &["--quiet"] };
        Run::from(fx.sh.cmd("gpg").args(home).args(batch).args(args))
            .or(Kind::Machine, "gpg is in the package gnupg; --key names another key")
    }

    /// Ends the agent that gpg starts for a key of ours.
    pub fn close(&self, fx: &Effects) {
        if let Some(home) = &self.home {
            end_agent(fx, home);
        }
    }
}

fn end_agent(fx: &Effects, home: &Utf8Path) {
    // None may be running.
    let _ = fx.read(Run::from(cmd!(fx.sh, "gpgconf --homedir {home} --kill all")).any_status());
}

fn fingerprint(colons: &str) -> Option<String> {
    fingerprints(colons).next()
}

/// The fingerprints of keys and their subkeys, as `gpg --with-colons` lists them.
pub fn fingerprints(colons: &str) -> impl Iterator<Item = String> + '_ {
    colons.lines().filter(|l| l.starts_with("fpr:")).filter_map(|l| l.split(':').nth(9).map(str::to_owned))
}
