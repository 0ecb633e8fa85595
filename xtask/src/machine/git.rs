// SPDX-License-Identifier: GPL-2.0-only
//! git: new enough, and told whose commits it makes.

use anyhow::Result;
use xshell::cmd;

use super::{Need, Use};
use crate::effects::{Effects, Run};

/// What Ubuntu 22.04 has; nothing newer is asked of it.
const OLDEST: (u32, u32) = (2, 34);

pub(super) fn look(fx: &Effects) -> Result<Vec<Need>> {
    let Ok(said) = fx.read(cmd!(fx.sh, "git --version")) else {
        return Ok(Vec::new()); // not installed: the packages say so
    };
    let version = said.text().trim_start_matches("git version ").to_owned();
    let mut needs = vec![if version_of(&version).is_some_and(|v| v >= OLDEST) {
        Need::ok("git", Use::BUILDS, format!("git {version}"))
    } else {
        Need::missing("git", Use::BUILDS, format!("git {version} is older than {}.{}", OLDEST.0, OLDEST.1))
            .hint("install the distribution's newest; Debian 12 and Ubuntu 22.04 have it")
    }];
    let identity = fx.read(Run::from(cmd!(fx.sh, "git var GIT_COMMITTER_IDENT")).any_status())?;
    needs.push(if identity.status.success() {
        let text = identity.text();
        Need::ok("identity", Use::BUILDS, text.rsplit_once("> ").map_or(text.clone(), |(who, _)| format!("{who}>")))
    } else {
        // A build makes no commit; `fork` and `rebase` say so themselves when they need one.
        let mut need = Need::ok("identity", &[], "git does not know whose commits it makes: fork and rebase need that");
        need.state = super::State::Advice;
        need.hint("git config --global user.name NAME && git config --global user.email ADDRESS")
    });
    Ok(needs)
}

fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version_of("2.39.5"), Some((2, 39)));
        assert!(version_of("2.34.1").is_some_and(|v| v >= OLDEST));
        assert!(version_of("2.9.4").is_some_and(|v| v < OLDEST));
        assert_eq!(version_of("unknown"), None);
    }
}
