// SPDX-License-Identifier: GPL-2.0-only
//! Programs for this repository's own checks that no distribution has: taken from PyPI by version and
//! content (`ci/tools.txt`), into the cache, and nowhere else on the machine.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::effects::{Did, Effects, Run};
use crate::error::Kind;

/// Where they are.
pub struct Tools {
    dir: Utf8PathBuf,
}

impl Tools {
    /// Those of this list, fetched if they are not there. `None` in a dry run that would have fetched them.
    ///
    /// # Errors
    /// They cannot be fetched ([`Kind::Network`]), or are not what the list says.
    pub fn of(fx: &Effects, list: &Utf8Path) -> Result<Option<Self>> {
        let text = fs_err::read_to_string(list).with_context(|| format!("cannot read {list}"))?;
        let python = fx.read(cmd!(fx.sh, "python3 --version"))?.text();
        let key = git2::Oid::hash_object(git2::ObjectType::Blob, format!("{python}\n{text}").as_bytes())?.to_string();
        let top = fx.cache().join("tools");
        let made = Tools { dir: top.join(&key[..12]) };
        if made.dir.is_dir() {
            return Ok(Some(made));
        }
        let step = fx.ui.step("fetch the programs that check dependencies and pipelines");
        let scratch = fx.scratch_for("tools", &made.dir)?;
        let (venv, fresh) = (scratch.join("venv"), scratch.join("tools"));
        fx.change(&top, Run::from(cmd!(fx.sh, "python3 -m venv {venv}")).or(Kind::Machine, "package python3-venv"))?;
        let pip = cmd!(
            fx.sh,
            "{venv}/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --only-binary :all: --require-hashes
             --requirement {list} --target {fresh}"
        );
        let hint = "PyPI has to be reachable once; `pip config` names a mirror";
        let did = fx.change(&top, Run::from(pip).or(Kind::Network, hint).watch(|l| fx.ui.progress(l)))?;
        if did == Did::Planned {
            return Ok(None);
        }
        // Somebody else may have been faster, with the same.
        if let (Err(e), false) = (fx.rename(&fresh, &made.dir), made.dir.is_dir()) {
            return Err(e);
        }
        step.done("");
        Ok(Some(made))
    }

    /// A program among them.
    pub fn program(&self, name: &str) -> Utf8PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Where Python finds their modules.
    pub fn modules(&self) -> &Utf8Path {
        &self.dir
    }
}
