// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask publish [SET…]`: audited package sets become a signed apt repository.

mod source;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use super::{audit, replaced};
use crate::build::metadata::{self, Metadata};
use crate::effects::{quote, Did, Effects};
use crate::packages::built;
use crate::packages::pool::{Place, Pool};
use crate::packages::set::Set;
use crate::packages::signing::Key;
use crate::ui::count;
use crate::workspace::Workspace;

/// The public key and the client's source, in the repository's top.
const KEY: &str = "kernel-fork.gpg";
const SOURCE: &str = "kernel-fork.sources";

/// Put package sets into a signed apt repository
///
/// Only sets that pass the audit. Older versions stay beside new ones, and `linux-image-FLAVOUR` always
/// depends on the newest: `apt upgrade` moves machines on. The repository is a directory for any web server.
/// With --source it is a signed source package that a PPA builds, and dput says what it would upload.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask publish                          # the set built last, to ../NAME-apt
  cargo xtask publish --to /srv/apt --url http://apt.lab.example --key 0123ABCD
  cargo xtask publish ../NAME-packages/*/slim-arm64-emulated --keep 5
  cargo xtask publish --source ppa:lab/kernels --key 0123ABCD")]
pub struct Args {
    /// Directories of packages, as `build` makes them [default: the set built last]
    #[arg(value_name = "SET")]
    pub sets: Vec<Utf8PathBuf>,
    /// The repository [default: beside this one, `…-apt`]
    #[arg(long, value_name = "DIR")]
    pub to: Option<Utf8PathBuf>,
    /// The address that machines will see it at [default: its path]
    #[arg(long)]
    pub url: Option<String>,
    /// Sign with this key of your gpg, or of a file [default: a throw-away key, beside the repository]
    #[arg(long, value_name = "FINGERPRINT|FILE", env = "KERNEL_FORK_KEY")]
    pub key: Option<String>,
    /// How many versions of each flavour stay
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: u16,
    /// Not packages but the fork's source, for dput to upload there: ppa:OWNER/NAME
    #[arg(long, value_name = "HOST", conflicts_with_all = ["sets", "to", "url", "keep"])]
    pub source: Option<String>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    if let Some(host) = &args.source {
        let Some(key) = &args.key else {
            fail!(Input, "an upload is signed with your own key"; "--key FINGERPRINT; `gpg --list-secret-keys` names yours");
        };
        let key = Key::given(fx, key)?;
        let done = source::publish(fx, &workspace, host, &key);
        key.close(fx);
        return done;
    }
    let dirs = if args.sets.is_empty() { vec![built::newest(&workspace)?] } else { args.sets.clone() };
    let mut sets = Vec::new();
    for dir in dirs {
        let of = record(&dir)?;
        workspace.settings.suite(&of.suite)?;
        let set = audit::passes(fx, &workspace, &dir, of.clone())?;
        sets.push((of, set, dir));
    }
    let to = match &args.to {
        Some(to) => to.clone(),
        None => workspace.sibling("apt")?,
    };
    let to = replaced::directory(&to, SOURCE, "--to", &workspace.root)?;
    let url = args.url.clone().unwrap_or_else(|| format!("file:{to}"));
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        fail!(Input, "`{url}` is no address");
    }

    let maintainer = &workspace.settings.maintainer;
    let key = match &args.key {
        Some(key) => Key::given(fx, key)?,
        None => {
            Key::throw_away(fx, &Utf8PathBuf::from(format!("{to}-key")), &format!("apt repository of {maintainer}"))?
        }
    };
    let done = publish(fx, &args, &to, &url, maintainer, &sets, &key);
    key.close(fx);
    done
}

fn publish(
    fx: &Effects,
    args: &Args,
    to: &Utf8Path,
    url: &str,
    maintainer: &str,
    sets: &[(Metadata, Set, Utf8PathBuf)],
    key: &Key,
) -> Result<()> {
    let step = fx.ui.step("make the repository");
    let fresh = fx.scratch_for("apt", to)?;
    let pool = Pool { fx, root: fresh.path().to_owned() };
    pool.take_over(to)?;
    for (of, set, dir) in sets {
        let place =
            Place { suite: &of.suite, flavour: &of.flavour, architecture: &of.architecture, version: &of.version };
        fx.ui.progress(&format!("{} {}", of.flavour, of.version));
        if !pool.add(dir, &place)? {
            fx.ui.note(&format!("     {} {} was published before", of.flavour, of.version));
        }
        pool.meta_package(&place, set, maintainer)?;
    }
    let gone = pool.prune(usize::from(args.keep))?;
    let releases = pool.index(&name_of(maintainer))?;
    for dir in &releases {
        key.sign(fx, dir)?;
    }
    key.export(fx, &fresh.join(KEY))?;
    let suites: Vec<&str> = releases.iter().filter_map(|d| d.file_name()).collect();
    let keyring = format!("/usr/share/keyrings/{KEY}");
    let source =
        format!("Types: deb\nURIs: {url}\nSuites: {}\nComponents: main\nSigned-By: {keyring}\n", suites.join(" "));
    fx.write(fresh.join(SOURCE), &source)?;
    step.done(&format!("{} of {}", count(sets.len(), "set"), suites.join(", ")));
    gone.iter().for_each(|g| fx.ui.note(&format!("     no longer there: {g}")));
    if fx.replace_dir(fresh.path(), to)? == Did::Planned {
        return Ok(());
    }
    fx.ui.note(&format!("{to} is signed by {}. On each machine, as root:", key.id));
    for (file, place) in [(KEY, "/usr/share/keyrings"), (SOURCE, "/etc/apt/sources.list.d")] {
        let line = if url.starts_with("http://") || url.starts_with("https://") {
            format!("curl --fail --output {place}/{file} {}", quote(format!("{}/{file}", url.trim_end_matches('/'))))
        } else {
            format!("cp {} {place}/", quote(to.join(file)))
        };
        fx.ui.data(&line);
    }
    let flavour = sets.first().map_or("FLAVOUR", |(of, _, _)| of.flavour.as_str());
    fx.ui.data(&format!("apt-get update && apt-get install linux-image-{flavour}"));
    Ok(())
}

fn record(dir: &Utf8Path) -> Result<Metadata> {
    match metadata::read(dir) {
        Some(of) => Ok(of),
        None => {
            fail!(Input, "{dir} is no set that `build` has finished: its metadata.json is missing or is no record, or a file that it names is missing";
            "cargo xtask build")
        }
    }
}

fn name_of(maintainer: &str) -> String {
    maintainer.split(" <").next().unwrap_or(maintainer).to_owned()
}
