// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask graft-history`: log, blame and describe see the vendor's history through the fork's root.

use anyhow::Result;

use crate::effects::{repository, Did, Effects};
use crate::fork::graft::{can_filter, graft, grafted, replace_ref, ungraft, Added};
use crate::fork::here;
use crate::fork::switch::recover;
use crate::workspace::Workspace;

/// Show the vendor's history behind the fork's root
///
/// Fetches it without file contents (git fetches those it needs) and joins it on by a replace ref. Your
/// commits keep their ids, and nothing of it is pushed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask graft-history                           # git log goes on into the vendor's
  cargo xtask graft-history --undo")]
pub struct Args {
    /// Fetch file contents too, so that nothing has to be fetched later
    #[arg(long)]
    pub full: bool,
    /// Take the history away again
    #[arg(long, conflicts_with_all = ["full", "status"])]
    pub undo: bool,
    /// Is it there?
    #[arg(long, conflicts_with = "full")]
    pub status: bool,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let repo = repository(&workspace.root)?;
    let root = here::history(&repo)?.root;
    let is = grafted(&repo, root.id);
    let added = Added::read(&repo)?;
    if args.status {
        let how = match (is, added.as_ref().is_some_and(|a| a.full)) {
            (false, _) => "not grafted".to_owned(),
            (true, full) => {
                format!("grafted on {:.12}, {}", root.commit, if full { "whole" } else { "without file contents" })
            }
        };
        fx.ui.data(&format!("{}: {how}", root.tag.name()));
        return Ok(());
    }
    let journal = fx.journal(&repo, "graft-history")?;
    recover(fx, &workspace.root, &repo, &journal)?;
    if args.undo {
        if added.is_none() && !is {
            fx.ui.note("There is no grafted history.");
            return Ok(());
        }
        if ungraft(fx, &repo, &workspace.root)? == Did::Done {
            fx.ui.note("The history is gone; the fork is as it was.");
        }
        return Ok(());
    }
    let url = &workspace.settings.url;
    if is && added.as_ref().is_some_and(|a| a.full || !args.full) {
        fx.ui.note(&format!("{} is grafted already; `--undo` takes it away.", root.tag.name()));
        return Ok(());
    }
    if !args.full && !can_filter(fx, url)? {
        fail!(Network, "{url} cannot leave file contents out: the whole history would come, some gigabytes for a kernel";
            "`cargo xtask graft-history --full` fetches it all");
    }
    if graft(fx, &repo, &workspace.root, url, &root, args.full)? == Did::Done {
        fx.ui.note(&format!(
            "{} stands on {:.12} now ({}): `git log`, `git blame` and `git describe` see the vendor's history.",
            root.tag.name(),
            root.commit,
            replace_ref(root.id)
        ));
    }
    Ok(())
}
