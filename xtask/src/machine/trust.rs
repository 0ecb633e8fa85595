// SPDX-License-Identifier: GPL-2.0-only
//! Keyrings: the files that archives' signatures are checked with.

use anyhow::Result;
use camino::Utf8PathBuf;
use xshell::cmd;

use super::{Need, Use};
use crate::effects::{Effects, Run};
use crate::error::{Failure, Kind};
use crate::settings::Settings;

/// The keyring file of a suite's distribution.
///
/// # Errors
/// An unknown suite; the file is not there ([`Kind::Machine`]), and the hint says where to get it.
pub fn keyring(settings: &Settings, suite: &str) -> Result<Utf8PathBuf> {
    let (setting, distribution) = settings.suite(suite)?;
    let file = Utf8PathBuf::from(&distribution.keyring);
    if file.is_file() {
        return Ok(file);
    }
    let name = &setting.distribution;
    let text = format!("the keyring {file} is not on this machine, so nothing of {name} can be trusted");
    Err(Failure::new(Kind::Machine, text).hint(advice(name, &file, &distribution.fingerprints)).into())
}

/// Where to get it, and how to tell that it is the right one.
fn advice(distribution: &str, file: &Utf8PathBuf, fingerprints: &[String]) -> String {
    let package =
        if distribution == "ubuntu" { "ubuntu-keyring".to_owned() } else { format!("{distribution}-archive-keyring") };
    format!(
        "copy {file} from a machine that has the package {package}, then see that `gpg --show-keys {file}` names {}",
        fingerprints.join(" or ")
    )
}

/// The keyring of the suite that the fork is built in: there, and with a key that the settings trust.
///
/// # Errors
/// An unknown suite.
pub fn look(fx: &Effects, settings: &Settings, suite: &str) -> Result<Need> {
    let (setting, distribution) = settings.suite(suite)?;
    let (name, file) = (&setting.distribution, Utf8PathBuf::from(&distribution.keyring));
    let hint = advice(name, &file, &distribution.fingerprints);
    if !file.is_file() {
        let what = format!("{file}: no chroot of {suite} can be made without {name}'s keys");
        return Ok(Need::missing("keyring", Use::BUILDS, what).hint(hint));
    }
    let shown = cmd!(fx.sh, "gpg --batch --show-keys --with-colons {file}");
    let Ok(shown) = fx.read(Run::from(shown).any_status()) else {
        return Ok(Need::missing("keyring", Use::BUILDS, "gpg cannot be run to look at keys").hint("package gnupg"));
    };
    let text = shown.text();
    let known: Vec<&str> = text.lines().filter(|l| l.starts_with("fpr:")).filter_map(|l| l.split(':').nth(9)).collect();
    let trusted =
        distribution.fingerprints.iter().filter(|f| known.contains(&f.replace(' ', "").to_uppercase().as_str()));
    Ok(match trusted.count() {
        0 => Need::missing("keyring", Use::BUILDS, format!("{file} has none of the keys that the settings trust"))
            .hint(hint),
        n => Need::ok(
            "keyring",
            Use::BUILDS,
            format!("{file}: {n} of the {} trusted keys", distribution.fingerprints.len()),
        ),
    })
}
