// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask tags`: the vendor's releases that are newer than the fork's.

use anyhow::Result;
use serde::Serialize;

use crate::effects::{repository, Effects};
use crate::fork::here;
use crate::fork::history::History;
use crate::fork::snapshot::{self, Newer};
use crate::formats::tag::Tag;
use crate::workspace::Workspace;

/// List the vendor's releases that are newer than the fork's
///
/// Of the same source and series, in Debian's order of versions; the last one is what `rebase --latest`
/// takes. A source with its series in its name (linux-hwe-6.8) goes on as the next one (linux-hwe-6.11).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask tags                                    # releases newer than the fork's
  cargo xtask tags --json")]
pub struct Args {
    /// The older ones too
    #[arg(long)]
    pub all: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Ask here [default: the settings' `url`]
    #[arg(long)]
    pub url: Option<String>,
}

#[derive(Serialize)]
struct Release {
    tag: String,
    version: String,
    commit: String,
    current: bool,
    series: String,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let repo = repository(&workspace.root)?;
    // A fork that cannot be read whole (a shallow clone) still has its settings.
    let fork = History::find(&repo, here::commit(&repo)?.id()).ok().flatten();
    let own = match &fork {
        Some(history) => history.root.tag.clone(),
        None => Tag::parse(&workspace.settings.tag)?,
    };
    let url = args.url.as_deref().unwrap_or(&workspace.settings.url);
    let releases = snapshot::releases(fx, url, &own)?;
    let newer = releases.newer(fork.as_ref().map(|history| history.root.commit))?;
    let found: Vec<Release> = releases
        .all
        .iter()
        .filter(|(tag, _)| args.all || *tag > own)
        .map(|(tag, commit)| Release {
            current: *tag == own,
            series: tag.major_minor(),
            version: tag.version().as_str().to_owned(),
            commit: commit.to_string(),
            tag: tag.name().to_owned(),
        })
        .collect();
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&found)?);
    } else if let (Newer::No(sentence), false) = (newer, args.all) {
        fx.ui.note(&sentence);
    } else {
        let mut rows = vec![["TAG", "VERSION", ""].map(str::to_owned).to_vec()];
        rows.extend(found.into_iter().map(|r| {
            let remark = match (r.current, r.series == own.major_minor()) {
                (true, _) => "the fork's".to_owned(),
                (false, true) => String::new(),
                (false, false) => format!("the series {}", r.series),
            };
            vec![r.tag, r.version, remark]
        }));
        fx.ui.table(&rows);
    }
    Ok(())
}
