// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask publish [SET…]`: audited package sets become a signed apt repository.

mod place;
mod source;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use self::place::{KEY, SOURCE};
use super::audit;
use crate::build::metadata::{self, Metadata};
use crate::effects::{quote, Did, Effects};
use crate::error::sentence;
use crate::formats::address;
use crate::packages::built;
use crate::packages::identity::Identity;
use crate::packages::pool::{readable, Offer, Pool};
use crate::packages::published::Published;
use crate::packages::set::Set;
use crate::packages::signing::Key;
use crate::ui::count;
use crate::workspace::Workspace;

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
    /// Sign the packages in the pool as they are, whoever put them there [default: those that the last publish signed]
    #[arg(long)]
    pub trust_pool: bool,
    /// Not packages but the fork's source, for dput to upload there: ppa:OWNER/NAME
    #[arg(long, value_name = "HOST", conflicts_with_all = ["sets", "to", "url", "keep", "trust_pool"])]
    pub source: Option<String>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    if let Some(host) = &args.source {
        source::check(host)?;
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
        let record = record(&dir)?;
        workspace.settings.suite(&record.suite)?;
        let set = audit::passes(fx, &workspace, &dir, record.clone())?;
        let of = Identity::of(&set)?;
        sets.push(Passed { suite: record.suite, of, set, dir });
    }
    let to = match &args.to {
        Some(to) => to.clone(),
        None => workspace.sibling("apt")?,
    };
    let to = place::directory(&to, &workspace.root)?;
    let url = match args.url.clone().or_else(|| place::address(&to)) {
        Some(url) => place::checked(url)?,
        None => address::of_path(&to),
    };

    let maintainer = &workspace.settings.maintainer;
    let given = args.key.as_ref().map(|key| Key::given(fx, key)).transpose()?;
    let _lock = place::lock(fx, &to).inspect_err(|_| given.iter().for_each(|key| key.close(fx)))?;
    let key = match given {
        Some(key) => key,
        None => {
            Key::throw_away(fx, &Utf8PathBuf::from(format!("{to}-key")), &format!("apt repository of {maintainer}"))?
        }
    };
    let done = publish(fx, &args, &to, &url, maintainer, &sets, &key);
    key.close(fx);
    done
}

/// A set that has passed the audit.
struct Passed {
    suite: String,
    of: Identity,
    set: Set,
    dir: Utf8PathBuf,
}

fn publish(
    fx: &Effects,
    args: &Args,
    to: &Utf8Path,
    url: &str,
    maintainer: &str,
    sets: &[Passed],
    key: &Key,
) -> Result<()> {
    place::same_key(fx, to, key)?;
    let step = fx.ui.step("make the repository");
    // Here an earlier version has worked, and the throw-away key is made.
    to.parent().into_iter().for_each(|beside| fx.sweep(beside));
    let fresh = fx.scratch_for("apt", &to.join("dists"))?;
    let before = before(fx, to, key, args.trust_pool)?;
    let mut pool = Pool::take_over(fx, fresh.path(), to, before)?;
    let offers: Vec<Offer> = sets.iter().map(|Passed { suite, of, set, dir }| Offer { suite, of, set, dir }).collect();
    for offer in &offers {
        let name = offer.of.name();
        fx.ui.progress(&name);
        if !pool.add(offer)? {
            fx.ui.note(&format!("     {name} was published before"));
        }
        pool.meta_packages(offer, maintainer)?;
    }
    pool.whole(to)?;
    let gone = pool.prune(usize::from(args.keep))?;
    for offer in &offers {
        let (name, newest) = (offer.of.name(), pool.newest(offer)?);
        if !pool.has(offer) {
            fail!(Input, "{name} is older than the newest {} of its flavour, and no more stay", args.keep;
                "`--keep` says how many stay; a higher version moves machines back to it");
        }
        if newest != offer.of.version {
            fx.ui.warn(&format!("machines stay with {newest}, which is newer than {name}"));
        }
    }
    let releases = pool.index(&name_of(maintainer))?;
    for dir in &releases {
        key.sign(fx, dir)?;
    }
    key.export(fx, &fresh.join(KEY))?;
    let suites: Vec<&str> = releases.iter().filter_map(|d| d.file_name()).collect();
    step.done(&format!("{} of {}", count(sets.len(), "set"), suites.join(", ")));
    gone.iter().for_each(|g| fx.ui.note(&format!("     no longer there: {g}")));
    for dir in pool.unlisted() {
        fx.ui.warn(&format!("{to}/{dir} has packages that no publish has signed: machines do not see them"));
    }
    if put(fx, fresh.path(), to, &suites, url, &gone)? == Did::Planned {
        return Ok(());
    }
    fx.ui.note(&format!("{to} is signed by {}. On each machine, as root:", key.id));
    show(fx, to, url, sets);
    Ok(())
}

/// The packages that are published already. With `trust` those in the pool are taken as they are, and each is named that
/// the last signed indexes do not list so.
fn before(fx: &Effects, to: &Utf8Path, key: &Key, trust: bool) -> Result<Published> {
    let signed = Published::signed(fx, to, key);
    if !trust {
        return signed;
    }
    let signed = signed.unwrap_or_else(|e| {
        fx.ui.warn(&sentence(&e));
        Published::default()
    });
    let lying = Published::as_it_lies(to)?;
    for (path, sum) in &lying.packages {
        match signed.packages.get(path) {
            Some(listed) if listed == sum => {}
            Some(_) => fx.ui.warn(&format!("{path} has changed, and is signed as it is now")),
            None => fx.ui.warn(&format!("{path} was not signed before, and is now")),
        }
    }
    for path in signed.packages.keys().filter(|path| !lying.packages.contains_key(*path)) {
        fx.ui.warn(&format!("{path} is missing, and no longer listed"));
    }
    Ok(lying)
}

/// Puts what was made in its place: packages before the indexes that name them, and those that no index names any more
/// go last. So whoever reads the repository meanwhile finds all that it is told of.
fn put(fx: &Effects, fresh: &Utf8Path, to: &Utf8Path, suites: &[&str], url: &str, gone: &[Utf8PathBuf]) -> Result<Did> {
    readable(fresh)?;
    let (pool, dists) = (to.join("pool"), to.join("dists"));
    place::open_dir(fx, &pool)?;
    place::open_dir(fx, &dists)?;
    fx.fill_dir(fresh.join("pool"), &pool)?;
    fx.write(to.join(KEY), fs_err::read(fresh.join(KEY))?)?;
    let source = |suite: &str| {
        format!("Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: main\nSigned-By: /usr/share/keyrings/{KEY}\n")
    };
    for suite in suites {
        fx.write(to.join(place::source(suite)), source(suite))?;
    }
    // One that serves all machines: with several suites, those of one would take packages of another.
    match suites {
        [suite] => fx.write(to.join(SOURCE), source(suite))?,
        _ => fx.remove(to.join(SOURCE))?,
    };
    let mut did = Did::Done;
    for suite in suites {
        did = fx.replace_dir(fresh.join("dists").join(suite), dists.join(suite))?;
    }
    for dir in gone {
        fx.remove(pool.join(dir))?;
    }
    Ok(did)
}

/// The lines for a machine of each suite.
fn show(fx: &Effects, to: &Utf8Path, url: &str, sets: &[Passed]) {
    let mut suites: Vec<&str> = sets.iter().map(|set| set.suite.as_str()).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in &suites {
        if suites.len() > 1 {
            fx.ui.data(&format!("# a machine of {suite}:"));
        }
        let places = [
            (KEY.to_owned(), format!("/usr/share/keyrings/{KEY}")),
            (place::source(suite), format!("/etc/apt/sources.list.d/{SOURCE}")),
        ];
        for (file, place) in places {
            let line = if url.starts_with("http://") || url.starts_with("https://") {
                format!("curl --fail --output {place} {}", quote(format!("{}/{file}", url.trim_end_matches('/'))))
            } else {
                format!("cp {} {place}", quote(to.join(file)))
            };
            fx.ui.data(&line);
        }
        let flavour = sets.iter().find(|set| set.suite == *suite).map_or("FLAVOUR", |set| &set.of.release.flavour);
        fx.ui.data(&format!("apt-get update && apt-get install linux-image-{flavour}"));
    }
    fx.ui.note("Machines with DKMS modules also want linux-headers-FLAVOUR, which follows in the same way.");
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
