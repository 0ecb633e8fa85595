// SPDX-License-Identifier: GPL-2.0-only
//! The kernel that a machine runs, as the pattern of a flavour.

use anyhow::Result;
use xshell::cmd;

use super::answer::Answer;
use super::{Target, SCRIPT};
use crate::effects::{Effects, Run};
use crate::error::Kind;
use crate::packages::release::Release;

/// Release, configuration and loaded modules of a running kernel.
#[derive(Debug, PartialEq, Eq)]
pub struct Running {
    /// Debian's name.
    pub architecture: String,
    /// `uname -r`.
    pub release: String,
    /// Its whole configuration.
    pub config: String,
    /// The modules that it has loaded, in the form of `lsmod`; `None` for a kernel without any.
    pub modules: Option<String>,
}

impl Running {
    /// Asks a machine, over ssh.
    ///
    /// # Errors
    /// It does not answer, or its configuration cannot be read.
    pub fn of(target: &Target) -> Result<Self> {
        let hint = format!("`ssh {} true` has to work without a question, and /boot/config-… be there", target.host);
        Self::parse(&target.host, &target.fx.read(target.step(&["kernel"])?.or(Kind::Network, hint))?.text())
    }

    /// Asks this machine.
    ///
    /// # Errors
    /// Its configuration cannot be read.
    pub fn here(fx: &Effects) -> Result<Self> {
        let hint = "/boot/config-… of the running kernel has to be there, or /proc/config.gz";
        let run = Run::from(cmd!(fx.sh, "sh -s -- kernel")).stdin(SCRIPT).or(Kind::Machine, hint);
        Self::parse("this machine", &fx.read(run)?.text())
    }

    fn parse(host: &str, text: &str) -> Result<Self> {
        let answer = Answer::read(host, text)?;
        let config = answer.lines("config");
        if config.is_empty() {
            fail!(Machine, "{host} has no configuration of the kernel that it runs"; "`--from-config FILE` takes one from elsewhere");
        }
        let modules: String = answer.lines("module").lines().map(|name| format!("{name} 0 0\n")).collect();
        Ok(Self {
            architecture: answer.word("architecture")?.to_owned(),
            release: answer.word("running")?.to_owned(),
            config: config.to_owned(),
            modules: (!modules.is_empty()).then(|| format!("Module Size Used by\n{modules}")),
        })
    }

    /// The flavour in its release.
    ///
    /// # Errors
    /// It is not a release of Ubuntu's or Debian's packages.
    pub fn flavour(&self) -> Result<String> {
        match Release::parse(&self.release) {
            Some(release) => Ok(release.flavour),
            None => {
                fail!(Input, "`{}` is not a release of a packaged kernel, so it does not name a flavour", self.release;
                "`--base FLAVOUR` says what the fragment is taken against: `cargo xtask flavour list` names them")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_says_of_its_kernel() {
        let said =
            "hello\nkernel-fork: begin\narchitecture arm64\nrunning 5.4.0-200-generic\nmodule ext4\nmodule nvme\n\
                    config # Automatically generated file; DO NOT EDIT.\nconfig CONFIG_HZ=250\nkernel-fork: end\n";
        let running = Running::parse("box", said).expect("whole");
        assert_eq!(running.flavour().expect("a flavour"), "generic");
        assert_eq!(running.modules.as_deref(), Some("Module Size Used by\next4 0 0\nnvme 0 0\n"));
        assert!(running.config.ends_with("CONFIG_HZ=250\n"));
        let own = Running { release: "6.12.3".to_owned(), ..running };
        assert!(own.flavour().is_err());
        assert!(Running::parse("box", &said.replace("config ", "konfig ")).is_err());
    }
}
