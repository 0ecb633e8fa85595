// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask follow`: what the lab's scheduled job does about a new release of the vendor's.

use std::fmt::Write;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use git2::Repository;

use super::{boot, build, rebase};
use crate::build::metadata;
use crate::effects::{repository, Did, Effects, RefMove, Run};
use crate::error::{exit_code, Kind};
use crate::flavour::news::{self, News};
use crate::fork::history::History;
use crate::fork::idle::idle;
use crate::fork::rebase::range_diff;
use crate::fork::snapshot::{self, Newer};
use crate::fork::{backup, branch, branch_name, here};
use crate::formats::tag::Tag;
use crate::ui::bytes;
use crate::workspace::Workspace;

/// The variable with the token that pushes, if the address needs one.
const TOKEN: &str = "FOLLOW_TOKEN";
/// What a merge request's description is cut to.
const LARGEST: usize = 20_000;
/// What becomes of a kernel, and is for the report.
const BOOT_FAILED: &[Kind] = &[Kind::Panic, Kind::Hang, Kind::WrongKernel, Kind::Check];

/// Try a new release of the vendor's, and ask for it to be merged
///
/// Where there is one: rebases to a branch, builds each flavour, audits, boots, and writes a report with the
/// range-diff and the symbols that are new. With --push the branch goes there, with a merge request; also where
/// a boot failed, which the report says, and the exit code.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask follow                                  # here, to see what it would come to
  cargo xtask follow --push origin                    # GitLab opens a merge request
  FOLLOW_TOKEN=… cargo xtask follow --push https://gitlab.lab.example/kernel.git")]
pub struct Args {
    /// Push the new branch there, a remote or an address
    #[arg(long, value_name = "REMOTE")]
    pub push: Option<String>,
    /// The branch to follow with, which CI has not checked out by name [default: the one checked out]
    #[arg(long)]
    pub branch: Option<String>,
    /// Where the report and the packages go [default: beside the repository]
    #[arg(long, value_name = "DIR")]
    pub report: Option<Utf8PathBuf>,
    /// Build this flavour; can be given more than once [default: the first that is built on one of the vendor's]
    #[arg(long)]
    pub flavour: Vec<String>,
    /// Build in this suite's chroot [default: the settings' `series`]
    #[arg(long)]
    pub suite: Option<String>,
    /// Build with a cross compiler
    #[arg(long)]
    pub cross: bool,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let root = workspace.root.clone();
    let repo = repository(&root)?;
    let (own, before) = match &args.branch {
        Some(branch) if on_branch(fx, &root, &repo, branch)? == Did::Planned => {
            (branch_name::full(branch)?, here::history(&repo)?)
        }
        _ => here::fork_branch(&repo, &root)?,
    };
    let releases = snapshot::releases(fx, &workspace.settings.url, &before.root.tag)?;
    let tag = match releases.newer(Some(before.root.commit))? {
        Newer::Tag(tag) => tag,
        Newer::No(sentence) => {
            fx.ui.note(&sentence);
            return Ok(());
        }
    };
    let name = format!("release/{}", tag.name());
    if let Some(remote) = &args.push {
        let there = remote_run(fx, &root, &["ls-remote", remote, &format!("refs/heads/{name}")]);
        // Before anything is built: a remote that does not answer now takes no branch later.
        let hint = format!("`git ls-remote {remote}` has to work; {}", token_hint());
        if !fx.read(there.or(Kind::Network, hint))?.stdout.is_empty() {
            fx.ui.note(&format!("{name} is there already, for somebody to look at."));
            return Ok(());
        }
    }
    if to_be_made(fx, &repo, tag, &name)? {
        rebase::to_branch(fx, tag.name(), &name)?;
    }
    if fx.switch_to(&root, &name)? == Did::Planned {
        fx.ui.planned("cargo xtask build");
        return Ok(());
    }
    let outcome = tried(fx, &workspace, &repo, &args, &before, &name, backup::short(&own));
    // Whatever became of it: the next run begins where this one did.
    let back = fx.cleanup(|| fx.switch_to(&root, backup::short(&own)));
    outcome.and_then(|()| back.map(drop))
}

/// Checks the branch out where CI has checked out a commit alone. One that is there has to be that commit, or an
/// ancestor of it: CI's clone may hold a branch of before.
fn on_branch(fx: &Effects, root: &Utf8Path, repo: &Repository, branch: &str) -> Result<Did> {
    let refname = branch_name::full(branch)?;
    idle(repo)?;
    if !repo.head_detached()? {
        let current = branch::current(repo)?;
        if current != refname {
            fail!(Repository, "`{}` is checked out, not `{branch}`", backup::short(&current); "git switch {branch}");
        }
        return Ok(Did::Done);
    }
    let head = repo.head()?.peel_to_commit()?.id();
    let there = repo.refname_to_id(&refname).ok();
    if let Some(tip) = there {
        if tip != head && !repo.graph_descendant_of(head, tip)? {
            fail!(Repository, "the branch `{branch}` is at {tip:.12}, which HEAD ({head:.12}) does not contain";
                "`git switch {branch}` follows with the branch; `git branch --force {branch} HEAD` gives its commits up");
        }
    }
    if there != Some(head) {
        let to_head =
            RefMove { name: &refname, old: there, new: Some(head), why: "follow: the commit that is checked out" };
        fx.session(repo, |session| session.publish(&[to_head]))?;
    }
    fx.switch_to(root, branch)
}

/// Is the branch to be made? One that an earlier run has made goes first, since the lab's own may have changed; one
/// that somebody has mended since is gone on with.
fn to_be_made(fx: &Effects, repo: &Repository, tag: &Tag, name: &str) -> Result<bool> {
    let refname = format!("refs/heads/{name}");
    let Ok(tip) = repo.refname_to_id(&refname) else { return Ok(true) };
    if repo.reflog(&refname)?.len() != 1 {
        fx.ui.note(&format!("{name} is there, and has changed since it was made: this run goes on with it."));
        return Ok(false);
    }
    let away = RefMove { name: &refname, old: Some(tip), new: None, why: "follow: made anew" };
    let gone = fx.session(repo, |session| session.publish(&[away]))?;
    if gone == Did::Planned {
        fx.ui.planned(&format!("cargo xtask rebase {} --to-branch {name}", tag.name()));
    }
    Ok(gone == Did::Done)
}

/// Builds, audits and boots what is checked out, the branch `name`; reports, and pushes where that is asked for.
fn tried(
    fx: &Effects,
    workspace: &Workspace,
    repo: &Repository,
    args: &Args,
    before: &History,
    name: &str,
    own: &str,
) -> Result<()> {
    let root = &workspace.root;
    let after = here::history(repo)?;

    let out = match &args.report {
        Some(dir) => Utf8PathBuf::try_from(std::path::absolute(dir)?)?,
        None => workspace.sibling("follow")?,
    };
    let new = Workspace::find(root)?;
    let mut report = format!("{} follows {}.\n", after.root.tag.name(), before.root.tag.name());
    write!(report, "{}{}", patches(fx, root, before, &after)?, symbols(repo, before, &after))?;
    let mut failed = None;
    for flavour in flavours(&new, args)? {
        let (dir, text) = packages(fx, &new, args, &flavour, &out)?;
        report.push_str(&text);
        match boots(fx, &new, &dir) {
            Ok(said) => report.push_str(&said),
            Err(error) if BOOT_FAILED.iter().any(|kind| exit_code(&error) == *kind as i32) => {
                write!(report, "\nThe boot **failed**: {error}\n")?;
                failed = failed.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    fx.create_dir(&out)?;
    fx.write(out.join("report.md"), &report)?;
    fx.ui.note(&format!("{out}/report.md says what is new."));
    if let Some(remote) = &args.push {
        push(fx, root, remote, name, args.branch.as_deref().unwrap_or(own), &report)?;
    }
    failed.map_or(Ok(()), Err)
}

fn flavours(workspace: &Workspace, args: &Args) -> Result<Vec<String>> {
    Ok(if args.flavour.is_empty() { vec![workspace.first_flavour()?.to_owned()] } else { args.flavour.clone() })
}

/// What became of the lab's commits; the first of them is this repository's files and no patch.
fn patches(fx: &Effects, root: &Utf8Path, before: &History, after: &History) -> Result<String> {
    let range = |h: &History| match h.own().collect::<Vec<_>>().as_slice() {
        [first, .., last] => Some(format!("{first}..{last}")),
        _ => None,
    };
    let (Some(old), Some(new)) = (range(before), range(after)) else {
        return Ok("\n## Patches\n\nThe lab has none.\n".to_owned());
    };
    let diff = range_diff(fx, root, &old, &new)?;
    Ok(format!("\n## Patches\n\n```\n{}\n```\n", cut(&diff)))
}

/// What the release brought to the flavours' configurations.
fn symbols(repo: &Repository, before: &History, after: &History) -> String {
    let line = |cells: [String; 6]| format!("| {} |\n", cells.map(|c| c.replace('|', "\\|")).join(" | "));
    let mut text = String::from("\n## New symbols\n");
    for (name, found) in news::all(repo, before.tip, after.tip) {
        text.push_str(&format!("\n{name}: {}\n", found.len()));
        if !found.is_empty() {
            let rows: String = found.iter().map(|news| line(news.row())).collect();
            let heading = line(News::HEADING.map(str::to_owned)) + "|---|---|---|---|---|---|\n";
            text.push_str(&format!("\n{heading}{}\n", cut(rows.trim_end())));
        }
    }
    text
}

/// Builds a flavour, which ends with the audit: where its packages are, and what is to be said of them.
fn packages(
    fx: &Effects,
    workspace: &Workspace,
    args: &Args,
    flavour: &str,
    out: &Utf8Path,
) -> Result<(Utf8PathBuf, String)> {
    let dir = out.join(flavour);
    let request = build::Args {
        flavour: Some(flavour.to_owned()),
        cross: args.cross,
        suite: args.suite.clone(),
        out: Some(dir),
        ..build::Args::default()
    };
    let dir = build::build(fx, workspace, &request)?;
    let mut text = format!("\n## Packages: {flavour}\n\n");
    if let Some(of) = metadata::read(&dir) {
        writeln!(
            text,
            "{} {} in {} s; the audit found nothing wrong. `{}`\n",
            of.version, of.mode, of.seconds, of.reproduce
        )?;
        for (file, size) in of.files.iter().filter(|(name, _)| name.ends_with(".deb")) {
            writeln!(text, "- {file} ({})", bytes(*size))?;
        }
    }
    Ok((dir, text))
}

/// Boots them; a sentence for each boot.
fn boots(fx: &Effects, workspace: &Workspace, dir: &Utf8Path) -> Result<String> {
    let mut text = String::new();
    for sentence in boot::boot(fx, workspace, dir, &boot::Args::default())? {
        write!(text, "\n- {sentence}")?;
    }
    Ok(text + "\n")
}

/// Pushes the branch; GitLab makes a merge request of the options.
fn push(fx: &Effects, root: &Utf8Path, remote: &str, name: &str, target: &str, report: &str) -> Result<()> {
    // An option is one line; GitLab makes `\n` a new one.
    let description = format!("merge_request.description={}", cut(report).replace('\n', "\\n"));
    let title = format!("merge_request.title={name}");
    let target = format!("merge_request.target={target}");
    let refs = format!("refs/heads/{name}:refs/heads/{name}");
    let words = ["push", "-o", "merge_request.create", "-o", &target, "-o", &title, "-o", &description, remote, &refs];
    fx.change(root, remote_run(fx, root, &words).or(Kind::Network, token_hint()))?;
    fx.ui.note(&format!("{name} is pushed."));
    Ok(())
}

fn token_hint() -> String {
    format!("${TOKEN} has to hold a token that may push branches, where the address asks for one")
}

/// git for a remote whose password is the token. The helper is constant, and the token stays in the environment.
fn remote_run<'a>(fx: &'a Effects, root: &Utf8Path, words: &[&str]) -> Run<'a> {
    let git = fx.git(root).env("GIT_TERMINAL_PROMPT", "0");
    let helper = format!("credential.helper=!f() {{ echo username=follow; echo \"password=${TOKEN}\"; }}; f");
    let has = std::env::var_os(TOKEN).is_some();
    Run::from(if has { git.args(["-c", &helper]) } else { git }.args(words))
}

/// As much of a text as a merge request takes, whole lines.
fn cut(text: &str) -> String {
    if text.len() <= LARGEST {
        return text.to_owned();
    }
    let end = text.char_indices().take_while(|(i, _)| *i < LARGEST).last().map_or(0, |(i, _)| i);
    let whole = text[..end].rsplit_once('\n').map_or(&text[..end], |(lines, _)| lines);
    format!("{whole}\n… and more: see report.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_report_is_cut_at_a_line() {
        assert_eq!(cut("short"), "short");
        let long = "ä line\n".repeat(LARGEST);
        let kept = cut(&long);
        assert!(
            kept.len() < LARGEST + 50 && kept.ends_with("ä line\n… and more: see report.md"),
            "{}",
            &kept[kept.len() - 50..]
        );
    }
}
