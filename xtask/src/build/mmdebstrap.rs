// SPDX-License-Identifier: GPL-2.0-only
//! The command that makes a chroot: mmdebstrap, and what it is to do inside by its hooks.

use anyhow::Result;
use camino::Utf8Path;
use xshell::cmd;

use super::chroot::{build_depends_stanza, Recipe, ACCELERATE, HOT};
use super::depends::Lists;
use crate::effects::{quote, Effects};

/// What people read, in `/usr/share`: neither a build nor a boot does, and it is a third of all files, which
/// each build unpacks and removes again.
pub(super) const LEFT_OUT: &[&str] = &["doc", "i18n", "info", "locale", "man", "zoneinfo"];

impl Recipe<'_> {
    /// Writes what the hooks need into `scratch`, and says what is to be run for the tar file `out`.
    ///
    /// # Errors
    /// The scratch cannot be written.
    pub(super) fn mmdebstrap<'s>(
        &self,
        fx: &'s Effects,
        scratch: &Utf8Path,
        keyring: &Utf8Path,
        out: &Utf8Path,
        lists: Option<&Lists>,
    ) -> Result<xshell::Cmd<'s>> {
        let (suite, archs) = (&self.archive.suite, self.archs.iter().map(|a| a.debian).collect::<Vec<_>>().join(","));
        // `--keyring FILE` alone replaces only one of apt's two places for keys: the directory of the
        // machine's other keys would still count. An empty directory takes its place.
        let nothing = scratch.join("no-other-keys");
        fs_err::create_dir_all(&nothing)?;
        let mut hooks: Vec<String> = Vec::new();
        if let Some(Lists { dir, .. }) = lists {
            // apt asks whether they are still the newest, and checks them like any others.
            hooks.push(format!("--setup-hook=copy-in {} /var/lib/apt", quote(dir)));
        }
        if let Some(build) = self.accelerate {
            let script = scratch.join("accelerate.sh");
            fs_err::write(&script, ACCELERATE)?;
            hooks.push(format!("--customize-hook=upload {} /accelerate.sh", quote(&script)));
            let (build, own, triplet) = (build.debian, build.triplet, self.host.triplet);
            let compiler = self.compiler.as_deref().unwrap_or("gcc");
            let hot = HOT.iter().copied().chain(self.extra.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
            hooks.push(format!(
                "--customize-hook=chroot \"$1\" sh /accelerate.sh in {build} {own} {triplet} {compiler} {hot}"
            ));
        }
        let wanted = self.wanted();
        if !wanted.is_empty() {
            let stanza = scratch.join("depends.dsc");
            fs_err::write(&stanza, build_depends_stanza(&wanted))?;
            // mmdebstrap hands hooks to a shell: they are constant but for our own scratch path.
            hooks.push(format!("--customize-hook=upload {} /depends.dsc", quote(&stanza)));
            let foreign = if self.archs[0] == self.host {
                String::new()
            } else {
                format!("--host-architecture {} ", self.host.debian)
            };
            hooks.push(format!(
                "--customize-hook=chroot \"$1\" apt-get --yes --no-install-recommends {foreign}build-dep /depends.dsc"
            ));
            hooks.push("--customize-hook=rm \"$1/depends.dsc\"".to_owned());
        }
        if let Some(build) = self.accelerate {
            hooks.push(format!("--customize-hook=chroot \"$1\" sh /accelerate.sh done {}", build.debian));
            hooks.push("--customize-hook=rm \"$1/accelerate.sh\"".to_owned());
        }
        let sources = &self.archive.sources;
        let mut options = vec![
            "--aptopt=Acquire::Languages \"none\"".to_owned(),
            "--aptopt=Acquire::Retries \"3\"".to_owned(),
            // The tar is written whole or not at all: dpkg need not sync each file on the way.
            "--dpkgopt=force-unsafe-io".to_owned(),
        ];
        options.extend(LEFT_OUT.iter().map(|d| format!("--dpkgopt=path-exclude=/usr/share/{d}/*")));
        let variant = if self.root.is_some() { "essential" } else { "buildd" };
        if let Some(packages) = &self.root {
            options.push(format!("--include={}", packages.join(",")));
        }
        if self.archive.snapshot.is_some() {
            // What was signed for some days in the past has expired since; the signature counts all the same.
            options.push("--aptopt=Acquire::Check-Valid-Until \"false\"".to_owned());
        }
        Ok(cmd!(
            fx.sh,
            "mmdebstrap --mode=unshare --variant={variant} --format=tar --architectures={archs}
             --keyring={keyring} --keyring={nothing} {options...} {hooks...} {suite} {out} {sources...}"
        )
        .env("TMPDIR", scratch))
    }
}
