// SPDX-License-Identifier: GPL-2.0-only
//! Does a mirror answer at all? apt has patience for minutes with one that takes a connection and says nothing, for
//! each file anew.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use xshell::cmd;

use super::archive::place;
use crate::effects::{Effects, Ended, Run};

/// How long a mirror may say nothing to the first question. A slow one takes five seconds.
const PATIENCE: Duration = Duration::from_secs(45);

/// Asks each mirror of these one-line sources for the file that apt begins with.
///
/// # Errors
/// One of them says nothing ([`Kind::Network`]). What it says is apt's business.
pub fn answers(fx: &Effects, sources: &[String]) -> Result<()> {
    let scratch = fx.scratch("mirror")?;
    let to = scratch.join("InRelease");
    for url in sources.iter().filter_map(|s| first_file(s)).collect::<BTreeSet<_>>() {
        fx.ui.progress(&url);
        let ask = cmd!(fx.sh, "/usr/lib/apt/apt-helper download-file {url} {to}");
        let said = fx.read(Run::from(ask).any_status().until_silence(PATIENCE))?;
        if said.ended == Ended::Silent {
            fail!(Network, "{url} said nothing for {} s", PATIENCE.as_secs();
                "try again later, or name another mirror in [workspace.metadata.fork.distributions] of Cargo.toml");
        }
    }
    Ok(())
}

/// `deb [arch=amd64] http://mirror/debian bookworm main`: what apt reads of it first. Only mirrors can stall.
fn first_file(source: &str) -> Option<String> {
    let (address, suite) = place(source)?;
    address.starts_with("http").then(|| format!("{address}/dists/{suite}/InRelease"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mirrors_are_asked() {
        let file =
            first_file("deb [arch=amd64,arm64 check-valid-until=no] http://m.example/ubuntu focal main universe");
        assert_eq!(file.as_deref(), Some("http://m.example/ubuntu/dists/focal/InRelease"));
        assert_eq!(first_file("deb [arch=amd64] file:///srv/x focal main"), None);
    }
}
