// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask adopt DIR`: a fork that was made by hand becomes one that carries this repository.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use git2::Oid;

use super::upgrade::FROM;
use crate::effects::{repository, Did, Effects, RefMove, Session, Signed};
use crate::flavour::packaging::Packaging;
use crate::fork::adopt::{asks_within, by_hand, flavours, fragment_text, stripped, tag_of, ByHand, Found};
use crate::fork::history::{History, Root};
use crate::fork::message::summary;
use crate::fork::replay::{Replayed, WORKFLOW};
use crate::fork::switch::{recover, switch, Switch};
use crate::fork::{backup, branch, driver, guard, here, overlay, snapshot, tree};
use crate::formats::abi::Suffix;
use crate::formats::changelog;
use crate::formats::config::Config;
use crate::formats::tag::Tag;
use crate::settings;
use crate::workspace::{fragment_path, vars_path, Workspace, SETTINGS};

/// Take over a fork that was made by hand
///
/// DIR has a branch checked out that begins with a commit without a parent, a vendor tag's tree, and your
/// commits on it. The branch is rewritten with this repository's files; what the flavours' generator makes
/// is taken out of your commits. Where the branch was is kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask adopt ../linux-focal                    # its tag is found by its tree
  cargo xtask adopt ../linux-focal --tag Ubuntu-5.4.0-200.220")]
pub struct Args {
    /// The fork's work tree
    pub dir: Utf8PathBuf,
    /// The vendor's tag that it was made from [default: as its changelog says]
    #[arg(long)]
    pub tag: Option<String>,
    /// Fetch from here and keep it in the settings [default: the settings' `url`]
    #[arg(long)]
    pub url: Option<String>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let own = Workspace::here()?;
    let Ok(dir) = args.dir.canonicalize_utf8() else {
        fail!(Input, "there is no directory {}", args.dir);
    };
    let repo = repository(&dir)?;
    let journal = fx.journal(&repo, "adopt")?;
    let finished = recover(fx, &dir, &repo, &journal)?.is_some();
    let name = branch::current(&repo)?;
    let tip = here::commit(&repo)?.id();
    if History::find(&repo, tip)?.is_some() {
        fx.ui.note(&format!(
            "{} is a fork branch{}.",
            backup::short(&name),
            if finished { " now" } else { " already" }
        ));
        return Ok(());
    }
    branch::clean(fx, &dir)?;
    let who = branch::identity(fx, &dir)?;
    let old = by_hand(&repo, tip)?;
    let tag = match &args.tag {
        Some(tag) => super::vendor_tag(tag)?,
        None => Tag::parse(&tag_of(&repo, old.tree)?)?,
    };
    let url = args.url.as_deref().unwrap_or(&own.settings.url);
    let source = repository(&own.root)?;
    let head = here::commit(&source)?;
    let ours = head.tree()?;
    let fetched = snapshot::fetch(fx, url, &tag, None, &ours)?;
    if fetched.tree != old.tree {
        fail!(Input, "the fork's first commit {:.12} does not have the tree of {}", old.root, tag.name();
            "`--tag` names another; a first commit with changes of its own has to be split by hand");
    }
    let tip_tree = repo.find_commit(tip)?.tree_id();
    fx.session(&repo, |session| {
        fetched.lend(session)?;
        session.lend(&own.objects()?)?;
        let root = Root::read(&repo.find_commit(fetched.record(session)?)?)?;
        let (dir_name, found) = match Packaging::of(&repo, old.tree)? {
            Packaging::Ubuntu { dir } => (dir.clone(), flavours(&repo, &dir, old.tree, tip_tree)?),
            Packaging::Bundled => (String::new(), Vec::new()),
        };

        let laid = overlay::ours_over(session, &own, &session.repo.find_tree(ours.id())?, old.tree)?;
        let first = first_tree(session, &own, &old, &dir_name, &found, laid, &[("tag", tag.name()), ("url", url)])?;
        let message = format!(
            "{WORKFLOW}{}\n\nThe tool, its settings, the flavours' fragments and metadata.\n\n{FROM}: {}\n",
            tag.name(),
            head.id()
        );
        let lab = session.commit(&who, &who, &message, first, &[root.id])?;
        let replayed = take_over(session, &old, &dir_name, &found, lab)?;
        let made = branch::whole(fx, session, &root, &replayed)?;

        session.import(&own.root, ours.id(), None)?;
        guard::set(fx, &repo)?;
        driver::set(fx, &repo)?;
        let kept = backup::next(&repo, backup::BACKUP, &name)?;
        let why = "adopt";
        let refs = [
            RefMove { name: &kept, old: None, new: Some(tip), why },
            RefMove { name: &name, old: Some(tip), new: Some(made.tip), why },
        ];
        let to = Switch { branch: Some(&name), old: tip, new: made.tip, files: None, why };
        let did = switch(fx, &dir, session, &journal, &to, &refs)?;
        for id in &replayed.dropped {
            fx.ui.note(&format!("Made by the generator now: {id:.12} {}", summary(fx, &repo, *id)));
        }
        if did == Did::Done {
            fx.ui.note(&format!(
                "\n{} is {}, {:.12}; it was {tip:.12}, kept as {kept}. Next: cargo xtask flavour check, in {dir}",
                backup::short(&name),
                made.version,
                made.tip
            ));
        }
        Ok(())
    })
}

/// The tree of the first commit: this repository's files, with the settings and flavours of the old fork.
fn first_tree(
    session: &Session,
    here: &Workspace,
    old: &ByHand,
    dir: &str,
    found: &[Found],
    laid: Oid,
    set: &[(&str, &str)],
) -> Result<Oid> {
    let repo = session.repo;
    let read = |path: &str| -> Option<String> {
        let entry = repo.find_tree(laid).ok()?.get_path(path.as_ref()).ok()?;
        String::from_utf8(repo.find_blob(entry.id()).ok()?.content().to_vec()).ok()
    };
    let mut cargo = settings::with(&read(SETTINGS).context("Cargo.toml is not committed")?, set)?;
    // The newest entry of its changelog says who signs and what the suffix is, if it is the lab's own.
    let path = format!("{dir}/changelog");
    let top = |tree| -> Result<Option<changelog::Entry>> {
        let text = crate::flavour::packaging::text(repo, tree, &path)?;
        Ok(text.map(|text| changelog::top(&text)).transpose()?)
    };
    if let (Some(vendor), Some(own)) = (top(old.tree)?, top(repo.find_commit(old.tip)?.tree_id())?) {
        let suffix = own.header.version.as_str().strip_prefix(vendor.header.version.as_str());
        if let Some(suffix) = suffix.filter(|suffix| Suffix::parse(suffix).is_ok()) {
            cargo = settings::with(&cargo, &[("suffix", suffix)])?;
        }
        if own.maintainer != vendor.maintainer {
            cargo = settings::with(&cargo, &[("maintainer", &own.maintainer)])?;
        }
    }
    let mut files: overlay::Files = Vec::new();
    for flavour in found {
        if !here.settings.flavours.contains_key(&flavour.name) {
            cargo = settings::with_flavour(&cargo, &flavour.name, &flavour.base, None)?;
        }
        let path = fragment_path(&flavour.name);
        let ours = read(&path).and_then(|text| Config::parse(&text).ok());
        if !ours.is_some_and(|ours| asks_within(&ours, &flavour.fragment)) {
            files.push((path, fragment_text(flavour).into_bytes(), false));
        }
        files.push((vars_path(&flavour.name), flavour.vars.clone().into_bytes(), false));
    }
    settings::Settings::parse(&cargo)?;
    files.push((SETTINGS.to_owned(), cargo.into_bytes(), false));
    overlay::lay(session, laid, &files)
}

/// The old fork's commits on top of `onto`, without what the generator makes.
fn take_over(session: &Session, old: &ByHand, dir: &str, found: &[Found], onto: Oid) -> Result<Replayed> {
    let repo = session.repo;
    let mut done = Replayed { tip: onto, kept: Vec::new(), dropped: Vec::new(), stop: None };
    let strip = |id: Oid| -> Result<Oid> {
        let tree = repo.find_commit(id)?.tree_id();
        if dir.is_empty() {
            Ok(tree)
        } else {
            stripped(session, dir, tree, found)
        }
    };
    let mut before = strip(old.root)?;
    for id in &old.lab {
        let commit = repo.find_commit(*id)?;
        let after = strip(*id)?;
        let ours = repo.find_commit(done.tip)?.tree_id();
        let merged = tree::merge(session, before, ours, after)?;
        before = after;
        if let Some(path) = merged.conflicts.first() {
            fail!(Repository, "{id:.12} changes {path}, which this repository has too"; "take it out of that commit with `git rebase`, then adopt again");
        }
        if merged.tree == ours {
            done.dropped.push(*id);
            continue;
        }
        done.tip = session.again(&Signed::of(&commit)?, commit.message_bytes(), merged.tree, &[done.tip])?;
        done.kept.push((*id, done.tip));
    }
    Ok(done)
}
