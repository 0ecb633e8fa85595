// SPDX-License-Identifier: GPL-2.0-only
//! Where a suite's packages come from: apt source lines for a set of architectures, and the keys that they
//! are checked with.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::arch::Arch;
use crate::build::chroot::Record;
use crate::effects::{Effects, Run, Scratch};
use crate::error::{Failure, Kind};
use crate::formats::apt::{self, Why};
use crate::formats::date::Snapshot;
use crate::formats::keys;
use crate::machine::trust;
use crate::settings::{Distribution, Settings};

/// A suite's archive, ready for apt and mmdebstrap.
#[derive(Debug, Clone)]
pub struct Archive {
    pub suite: String,
    /// One-line apt sources, each with its architectures.
    pub sources: Vec<String>,
    /// Trusted primary fingerprints, in order.
    pub fingerprints: BTreeSet<String>,
    /// The moment that it is pinned to.
    pub snapshot: Option<String>,
    keyring: Utf8PathBuf,
}

/// What this machine's own apt has: address and suite name (`bookworm-security`) of each source.
type Own = Vec<(String, String)>;

impl Archive {
    /// The archive of `suite` for `archs`, from the settings and, where they leave it open, this machine.
    ///
    /// # Errors
    /// An unknown suite; an address that neither has; a keyring that is not there.
    pub fn of(
        fx: &Effects,
        settings: &Settings,
        suite: &str,
        archs: &[&Arch],
        snapshot: Option<&Snapshot>,
    ) -> Result<Self> {
        let (setting, distribution) = settings.suite(suite)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Some(date) = snapshot.filter(|date| **date > Snapshot::at(i64::try_from(now).unwrap_or(i64::MAX))) {
            fail!(Input, "no snapshot of {} can exist yet: that moment is in the future", date.as_str(); "--snapshot with a day of the past");
        }
        let keyring = trust::keyring(settings, suite)?;
        let own = if snapshot.is_some() { None } else { own(fx, &setting.distribution)? };
        let pinned = snapshot.map(|date| distribution.at(&setting.distribution, date)).transpose()?;
        let sources =
            sources(pinned.as_ref().unwrap_or(&distribution), &setting.distribution, suite, archs, own.as_ref())?;
        let fingerprints = trusted(&distribution);
        let snapshot = snapshot.map(|date| date.as_str().to_owned());
        Ok(Self { suite: suite.to_owned(), sources, fingerprints, snapshot, keyring })
    }

    /// That which a chroot was made from.
    ///
    /// # Errors
    /// The settings no longer have its suite; the keyring is not there.
    pub fn recorded(settings: &Settings, record: &Record) -> Result<Self> {
        Ok(Self {
            suite: record.suite.clone(),
            sources: record.sources.clone(),
            fingerprints: record.fingerprints.iter().cloned().collect(),
            snapshot: record.snapshot.clone(),
            keyring: trust::keyring(settings, &record.suite)?,
        })
    }

    /// A keyring with the trusted keys alone, in `scratch`; the file of the distribution may hold others.
    ///
    /// # Errors
    /// gpg is missing; the file has none of the trusted keys.
    pub fn keyring(&self, fx: &Effects, scratch: &Scratch) -> Result<Utf8PathBuf> {
        let (out, home, from) = (scratch.join("trusted.gpg"), scratch.join("gnupg"), &self.keyring);
        fs_err::create_dir_all(&home)?;
        fs_err::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let keys = &self.fingerprints;
        let export = cmd!(fx.sh, "gpg --homedir {home} --batch --quiet --no-default-keyring --keyring {from} --export --output {out} {keys...}");
        fx.read(
            Run::from(export).or(Kind::Machine, "gpg (package gnupg) picks the trusted keys out of the keyring file"),
        )?;
        if !out.is_file() {
            fail!(Machine, "{from} has none of the keys that the settings trust"; "compare `gpg --show-keys {from}` with `fingerprints`");
        }
        let listed = fx.read(cmd!(fx.sh, "gpg --homedir {home} --batch --with-colons --show-keys {out}"))?.text();
        // A day of the past was signed when they were good.
        if let Some(day) = keys::expired(&listed).filter(|_| self.snapshot.is_none()) {
            fail!(Machine, "every key of {from} that the settings trust has expired, the last one on {day}";
                "get the distribution's newer keyring (apt install --only-upgrade its keyring package) and add its fingerprint to the settings");
        }
        fs_err::set_permissions(&out, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        Ok(out)
    }
}

/// Explains a failure of a program that has fetched from `sources`, by the first line of its output in which apt says
/// that a download failed; else leaves the error as it is.
pub fn explain(sources: &[String], said: &[String], error: anyhow::Error) -> anyhow::Error {
    let Some(failed) = said.iter().find_map(|line| apt::failed(line)) else { return error };
    let from: Vec<(&str, &str)> = sources.iter().filter_map(|s| place(s)).collect();
    // apt writes `file:/x` for `file:///x`.
    let begins = |address: &str| failed.url.starts_with(&address.replacen("file:///", "file:/", 1));
    let mut of: Vec<(&str, &str)> = from.into_iter().filter(|(address, _)| begins(address)).collect();
    let longest = of.iter().map(|(address, _)| address.len()).max().unwrap_or(0);
    of.retain(|(address, _)| address.len() == longest);
    // Only an index says of which pocket it is; packages of all pockets may lie in one pool.
    if let Some((_, rest)) = failed.url.split_once("/dists/") {
        of.retain(|(_, release)| rest.starts_with(&format!("{release}/")));
    }
    of.dedup();
    let Some((mirror, first)) = of.first().copied() else { return error };
    let releases: Vec<&str> = of.iter().map(|(_, release)| *release).collect();
    let file = failed.url.rsplit('/').next().unwrap_or(failed.url);
    let message = match failed.why {
        Why::NotThere => {
            format!("the mirror `{mirror}` does not have `{file}`, which the index of {} lists", releases.join(" or "))
        }
        Why::Other => {
            format!("the mirror `{mirror}` has another `{file}` than the index of {} lists", releases.join(" or "))
        }
        Why::Unreachable => format!("the mirror `{mirror}` cannot be reached"),
    };
    let pocket = first.find('-').filter(|_| of.len() == 1).map(|at| &first[at..]);
    let hint = match (failed.why, pocket) {
        (Why::Unreachable, _) => "is the archive of the settings right, and can this machine reach it?".to_owned(),
        (_, Some(pocket)) => format!(
            "leave `{pocket}` out of `pockets` of that suite, in [workspace.metadata.fork] of Cargo.toml, or name another mirror there"
        ),
        (_, None) => "try again later, or name another mirror in [workspace.metadata.fork.distributions] of Cargo.toml".to_owned(),
    };
    Failure::new(Kind::Network, message).hint(hint).into()
}

/// Address and suite name of a one-line source.
pub(super) fn place(source: &str) -> Option<(&str, &str)> {
    let mut words = source.split_once(']').map_or(source, |(_, rest)| rest).split_whitespace().filter(|w| *w != "deb");
    Some((words.next()?.trim_end_matches('/'), words.next()?))
}

fn trusted(distribution: &Distribution) -> BTreeSet<String> {
    distribution.fingerprints.iter().map(|f| f.replace(' ', "").to_uppercase()).collect()
}

/// The sources of this machine's apt, if it runs that distribution.
fn own(fx: &Effects, distribution: &str) -> Result<Option<Own>> {
    let release = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.lines().any(|l| l.trim_matches('"') == format!("ID={distribution}")) {
        return Ok(None);
    }
    let listed = fx.read(cmd!(fx.sh, "apt-get indextargets --format {OWN} 'Created-By: Packages'"))?;
    Ok(Some(own_of(&listed.text(), distribution)))
}

/// How apt is asked for its sources. The origin is any text, blanks included, so it comes last.
const OWN: &str = "$(REPO_URI) $(RELEASE) $(ORIGIN)";

/// The sources in apt's answer that are the distribution's.
fn own_of(listed: &str, distribution: &str) -> Own {
    let mut own = Own::new();
    for line in listed.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(uri), Some(release), Some(origin)) = (words.next(), words.next(), words.next()) else { continue };
        let pair = (uri.trim_end_matches('/').to_owned(), release.to_owned());
        if origin.eq_ignore_ascii_case(distribution) && !own.contains(&pair) {
            own.push(pair);
        }
    }
    own
}

fn sources(d: &Distribution, name: &str, suite: &str, archs: &[&Arch], own: Option<&Own>) -> Result<Vec<String>> {
    // The address for a suite name: the settings', else this machine's own for the same pocket, else its
    // own for the suite itself.
    let security = |release: &str| release.ends_with("-security");
    let address = |release: &str, arch: &Arch| -> Option<String> {
        if let (Some(ports), false) = (&d.ports, arch.in_archive) {
            return Some(ports.clone());
        }
        if let (Some(address), true) = (&d.security, security(release)) {
            return Some(address.clone());
        }
        d.archive.clone().or_else(|| {
            let kind = |r: &str| (security(r), r.split_once('-').map(|(_, pocket)| pocket.to_owned()));
            let all: Vec<_> = own?.iter().filter(|(_, r)| security(r) == security(release)).collect();
            // One of the same pocket before the suite's own, and that before any: backports may come from elsewhere.
            let same = all.iter().find(|(_, r)| kind(r) == kind(release));
            let plain = || all.iter().find(|(_, r)| !r.contains('-'));
            same.or_else(plain).or_else(|| all.first()).map(|(uri, _)| uri.clone())
        })
    };
    let mut sources = Vec::new();
    for pocket in std::iter::once("").chain(d.pockets.iter().map(String::as_str)) {
        let release = format!("{suite}{pocket}");
        let mut by_address: Vec<(String, Vec<&str>)> = Vec::new();
        for arch in archs {
            let Some(address) = address(&release, arch) else {
                if pocket.is_empty() {
                    fail!(Input, "nobody says where {name}'s archive is"; "`archive = \"http://…\"` in [workspace.metadata.fork.distributions.{name}]");
                }
                continue; // this machine does without that pocket, and so does the chroot
            };
            match by_address.iter_mut().find(|(a, _)| *a == address) {
                Some((_, archs)) => archs.push(arch.debian),
                None => by_address.push((address, vec![arch.debian])),
            }
        }
        for (address, archs) in by_address {
            let components = d.components.join(" ");
            sources.push(format!("deb [arch={}] {address} {release} {components}", archs.join(",")));
        }
    }
    if let Some(bad) = sources.iter().find(|s| s.chars().any(char::is_control)) {
        fail!(Input, "the settings make an apt source of more than one line: {bad:?}");
    }
    Ok(sources)
}

/// Writes `Dir`-style configuration for an apt that knows nothing of this machine but its network.
///
/// # Errors
/// The directory cannot be written.
pub fn private_apt(dir: &Utf8Path, sources: &[String], keyring: &Utf8Path, archs: &[&Arch]) -> Result<Utf8PathBuf> {
    for sub in ["state/lists/partial", "cache/archives/partial", "etc/parts", "etc/trusted"] {
        fs_err::create_dir_all(dir.join(sub))?;
    }
    fs_err::write(dir.join("state/status"), "")?;
    fs_err::write(dir.join("etc/sources.list"), format!("{}\n", sources.join("\n")))?;
    let mut conf = format!(
        "Dir \"{dir}\";\nDir::State \"state\";\nDir::State::status \"{dir}/state/status\";\nDir::Cache \"cache\";\nDir::Etc \"etc\";\n\
         Dir::Etc::sourcelist \"sources.list\";\nDir::Etc::sourceparts \"parts\";\nDir::Etc::preferencesparts \"parts\";\n\
         Dir::Etc::parts \"parts\";\nDir::Etc::trusted \"{keyring}\";\nDir::Etc::trustedparts \"trusted\";\n\
         APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\nAcquire::Retries \"3\";\nAPT::Get::Assume-Yes \"true\";\n"
    );
    if let Some(first) = archs.first() {
        conf.push_str(&format!("APT::Architecture \"{}\";\nAPT::Architectures {{ ", first.debian));
        archs.iter().for_each(|a| conf.push_str(&format!("\"{}\"; ", a.debian)));
        conf.push_str("};\n");
    }
    let file = dir.join("apt.conf");
    fs_err::write(&file, conf)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::find;

    fn ubuntu() -> Distribution {
        Distribution {
            archive: Some("http://archive.example/ubuntu".into()),
            ports: Some("http://ports.example/ubuntu-ports".into()),
            security: None,
            snapshot: None,
            security_snapshot: None,
            components: vec!["main".into(), "universe".into()],
            pockets: vec!["-updates".into(), "-security".into()],
            keyring: String::new(),
            fingerprints: vec![],
        }
    }

    #[test]
    fn archive_and_ports_each_have_their_architectures() {
        let archs = [find("amd64").unwrap(), find("arm64").unwrap()];
        let lines = sources(&ubuntu(), "ubuntu", "focal", &archs, None).unwrap();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0], "deb [arch=amd64] http://archive.example/ubuntu focal main universe");
        assert_eq!(lines[1], "deb [arch=arm64] http://ports.example/ubuntu-ports focal main universe");
        assert_eq!(lines[5], "deb [arch=arm64] http://ports.example/ubuntu-ports focal-security main universe");
    }

    #[test]
    fn a_mirror_that_lacks_what_its_index_lists_is_named_with_its_pocket() {
        let sources = [
            "deb [arch=arm64] http://m.example/debian bullseye main",
            "deb [arch=arm64] http://m.example/debian bullseye-updates main",
            "deb [arch=arm64] http://m.example/debian-security bullseye-security main",
            "deb [arch=arm64] file:///srv/x focal main",
        ]
        .map(str::to_owned);
        let told = |url: &str, why: &str| {
            let said =
                ["I: running", &format!("E: Failed to fetch {url}  {why} [IP: 192.0.2.1 80]")].map(str::to_owned);
            let error = explain(&sources, &said, anyhow::anyhow!("as it was"));
            (error.to_string(), crate::error::hint(&error).unwrap_or_default().to_owned())
        };
        let (message, hint) =
            told("http://m.example/debian-security/pool/updates/main/a_1_arm64.deb", "404  Not Found");
        assert_eq!(message, "the mirror `http://m.example/debian-security` does not have `a_1_arm64.deb`, which the index of bullseye-security lists");
        assert!(hint.contains("leave `-security` out of `pockets`"), "{hint}");
        // All pockets of a mirror share its pool.
        let (message, hint) = told("http://m.example/debian/pool/main/a_1_arm64.deb", "404  Not Found");
        assert!(message.ends_with("which the index of bullseye or bullseye-updates lists"), "{message}");
        assert!(hint.contains("another mirror"), "{hint}");
        let (message, _) = told(
            "http://m.example/debian/dists/bullseye-updates/main/Packages.xz",
            "File has unexpected size (1 != 2)",
        );
        assert_eq!(
            message,
            "the mirror `http://m.example/debian` has another `Packages.xz` than the index of bullseye-updates lists"
        );
        assert!(told("file:/srv/x/pool/a.deb", "File not found").0.contains("`file:///srv/x`"));
        assert_eq!(
            told("http://m.example/debian/dists/bullseye/InRelease", "Could not connect to m").0,
            "the mirror `http://m.example/debian` cannot be reached"
        );
        // Whatever else is said stays what it was.
        assert_eq!(told("http://other.example/a.deb", "404  Not Found").0, "as it was");
        assert_eq!(told("http://m.example/debian/a.deb", "500  Internal Server Error").0, "as it was");
    }

    #[test]
    fn an_origin_may_be_of_more_than_one_word() {
        let listed = "http://b.example/debian bookworm-backports Debian Backports\n\
            http://a.example/debian/ bookworm Debian\nhttp://a.example/debian/ bookworm Debian\n\
            http://s.example bookworm-security Debian\nhttps://x.example/repo stable Docker CE Debian\n\
            http://l.example ./ \nhttp://n.example stable\n";
        let pair = |uri: &str, release: &str| (uri.to_owned(), release.to_owned());
        let own = [pair("http://a.example/debian", "bookworm"), pair("http://s.example", "bookworm-security")];
        assert_eq!(own_of(listed, "debian"), own);
    }

    #[test]
    fn backports_from_elsewhere_are_no_mirror_of_the_suite() {
        let debian = Distribution { archive: None, ports: None, ..ubuntu() };
        let own = own_of(
            "http://b.example bookworm-backports Debian\nhttp://a.example bookworm Debian\nhttp://u.example bookworm-updates Debian\n",
            "debian",
        );
        let lines = sources(&debian, "debian", "trixie", &[find("amd64").unwrap()], Some(&own)).unwrap();
        let from: Vec<&str> = lines.iter().map(|l| l.split(' ').nth(2).unwrap()).collect();
        assert_eq!(from, ["http://a.example", "http://u.example"]);
    }

    #[test]
    fn an_address_left_out_is_the_machine_s_own() {
        let debian = Distribution { archive: None, ports: None, ..ubuntu() };
        let archs = [find("amd64").unwrap(), find("arm64").unwrap()];
        let own = vec![
            ("http://a.example".to_owned(), "bookworm".to_owned()),
            ("http://s.example".to_owned(), "bookworm-security".to_owned()),
        ];
        let lines = sources(&debian, "debian", "trixie", &archs, Some(&own)).unwrap();
        assert_eq!(lines[0], "deb [arch=amd64,arm64] http://a.example trixie main universe");
        assert_eq!(lines[2], "deb [arch=amd64,arm64] http://s.example trixie-security main universe");
        assert!(sources(&debian, "debian", "trixie", &archs, None).is_err());
    }
}
