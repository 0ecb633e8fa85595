// SPDX-License-Identifier: GPL-2.0-only
//! R, the vendor snapshot: a tag's tree as a commit without a parent.
//!
//! Everything in R follows from the tag alone (its tree, its commit's signatures and dates, its name), so
//! two members who fork the same tag, from whatever address, get the same commit id.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use git2::{Oid, Tree};

use super::history::Root;
use super::vendor_tree;
use crate::effects::{bare, Effects, Run, Scratch, Session, Signed};
use crate::error::{Failure, Kind};
use crate::formats::tag::Tag;

/// A tag that lies in a scratch repository of its own, depth 1.
pub struct Fetched {
    pub tag: Tag,
    /// The commit that the tag points at.
    pub commit: Oid,
    pub tree: Oid,
    /// The commit's time in seconds since 1970: the date of all that is generated for this tag.
    pub time: i64,
    dir: Utf8PathBuf,
    _scratch: Scratch,
}

/// Fetches one tag without its history, into a scratch repository: a fetch into the fork itself would make
/// it a shallow one for good. `ours` is the tree with this repository's files.
///
/// # Errors
/// The address does not answer ([`Kind::Network`]); it has no such tag ([`Kind::Input`]), or [`vendor_tree::check`]
/// refuses its tree.
pub fn fetch(fx: &Effects, url: &str, tag: &Tag, known: Option<&Known>, ours: &Tree) -> Result<Fetched> {
    let step = fx.ui.step(&format!("fetch {}", tag.name()));
    let scratch = fx.scratch("fetch")?;
    let dir = scratch.join("tag.git");
    let refname = tag.refname();
    fx.read(fx.git(scratch.path()).args(["init", "--quiet", "--bare", dir.as_str()]))?;
    let trace = scratch.join("trace");
    let listed = network(fx, &dir, url, &["ls-remote", "--", url, &refname]).env("GIT_TRACE_PACKET", trace.as_str());
    let listed = fx.read(listed)?;
    if listed.stdout.is_empty() {
        fail!(Input, "{url} has no tag {}", tag.name(); "`cargo xtask tags` lists the releases of the fork's series");
    }
    if let Some(known) = known.filter(|_| filters(&fs_err::read_to_string(&trace).unwrap_or_default())) {
        known.offer(fx, url, &scratch, &dir)?;
    }
    let refspec = format!("+{refname}:{refname}");
    // What the fork's own refs reach may lack parents or blobs: only the snapshot's objects are offered.
    let alone = ["-c", "core.alternateRefsCommand=true"];
    let args = ["fetch", "--depth=1", "--no-tags", "--progress", "--", url, &refspec];
    let fetch = network(fx, &dir, url, &[&alone[..], &args].concat());
    fx.read(fetch.watch(|line| fx.ui.progress(line)))?;

    let repo = bare(&dir)?;
    let (id, tree, time) = commit_of(&repo, tag)?;
    vendor_tree::check(&repo, tree, ours)?;
    step.done("");
    Ok(Fetched { tag: tag.clone(), commit: id, tree, time, dir, _scratch: scratch })
}

/// The commit that a tag names, its tree, and its time in seconds since 1970.
///
/// # Errors
/// The tag names something else, or a commit that git would not have made ([`Kind::Input`]).
fn commit_of(repo: &git2::Repository, tag: &Tag) -> Result<(Oid, Oid, i64)> {
    let malformed = || {
        Failure::new(Kind::Input, format!("what tag `{}` names is malformed", tag.name()))
            .hint("`git fsck` in a clone of the vendor's repository shows what is wrong with it")
    };
    let object = repo.find_reference(&tag.refname())?.peel(git2::ObjectType::Any).with_context(malformed)?;
    let Some(commit) = object.as_commit() else {
        let kind = object.kind().map_or("object", |kind| kind.str());
        fail!(Input, "tag `{}` names a {kind}, not a commit", tag.name(); "`git ls-remote --tags URL` lists the tags there");
    };
    // Its signatures are copied into R.
    Signed::of(commit).with_context(malformed)?;
    Ok((commit.id(), commit.tree().with_context(malformed)?.id(), commit.time().seconds()))
}

/// What is here already of the vendor's: the snapshot that the fork stands on.
pub struct Known<'a> {
    pub root: &'a Root,
    /// The directory of the fork's objects.
    pub objects: Utf8PathBuf,
}

impl Known<'_> {
    /// Makes the scratch repository say that it has the vendor's commit, so that only what differs is sent.
    /// The fork has all of the commit's tree and not the commit, which the vendor sends alone.
    fn offer(&self, fx: &Effects, url: &str, scratch: &Scratch, dir: &Utf8Path) -> Result<()> {
        let alone = scratch.join("commit.git");
        let (tag, id) = (self.root.tag.refname(), self.root.commit.to_string());
        fx.read(fx.git(scratch.path()).args(["init", "--quiet", "--bare", alone.as_str()]))?;
        let refspec = format!("+{tag}:{tag}");
        let args = ["fetch", "--quiet", "--depth=1", "--no-tags", "--filter=tree:0", "--", url, &refspec];
        let fetched = fx.read(network(fx, &alone, url, &args).any_status())?;
        let commit =
            fx.read(Run::from(fx.git(&alone).args(["cat-file", "commit", &format!("{tag}^{{commit}}")])).any_status())?;
        let tree = format!("tree {}\n", self.root.tree);
        if !fetched.status.success() || !commit.status.success() || !commit.stdout.starts_with(tree.as_bytes()) {
            return Ok(()); // the tag is gone or moved: everything is sent
        }
        fs_err::write(dir.join("objects/info/alternates"), format!("{}\n", self.objects))?;
        let write = fx.git(dir).args(["hash-object", "-t", "commit", "-w", "--stdin"]);
        if fx.read(Run::from(write).stdin(commit.stdout))?.text() == id {
            fs_err::write(dir.join("shallow"), format!("{id}\n"))?;
            fx.read(fx.git(dir).args(["update-ref", "refs/heads/known", &id]))?;
        }
        Ok(())
    }
}

/// Does what the server said (a trace of packets) offer to leave objects out?
pub fn filters(trace: &str) -> bool {
    let from_server = trace.lines().filter(|line| line.contains("ls-remote<"));
    from_server.flat_map(str::split_whitespace).any(|word| word == "filter")
}

/// How long a server may be silent; the environment's `KERNEL_FORK_TIMEOUT`, in seconds, says otherwise.
const SILENCE: u64 = 120;

/// A git command that talks to `url`: no prompt, no helper protocol that runs a program, and one that hangs is
/// ended.
pub fn network<'a>(fx: &'a Effects, dir: &Utf8Path, url: &str, args: &[&str]) -> Run<'a> {
    let limit = std::env::var("KERNEL_FORK_TIMEOUT").ok().and_then(|text| text.parse().ok()).unwrap_or(SILENCE);
    let slow = format!("http.lowSpeedTime={limit}");
    let cmd = fx.git(dir).args(["-c", "http.lowSpeedLimit=1000", "-c", &slow]).args(args);
    let cmd = cmd.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh");
    Run::from(cmd)
        .silence(Duration::from_secs(limit))
        .or(Kind::Network, format!("is `{url}` right, and can this machine reach it? `--url` names another"))
}

/// What a vendor has released in the line of one tag.
pub struct Releases {
    /// The oldest first, with the commits that their tags point at.
    pub all: Vec<(Tag, Oid)>,
    url: String,
    like: Tag,
    /// The newest of those that go on with the line for another release of Ubuntu.
    elsewhere: Option<Tag>,
}

/// The answer to "is there a newer release?".
pub enum Newer<'a> {
    Tag(&'a Tag),
    /// The fork's tag is the newest; a sentence that says so.
    No(String),
}

impl Releases {
    /// The newest release, if it is newer than the tag that was asked about. `commit` is what the fork was made from,
    /// where there is a fork.
    ///
    /// # Errors
    /// There is none, and the address cannot say so ([`Kind::Input`](crate::error::Kind)): it does not have the fork's
    /// own tag, or has moved it.
    pub fn newer(&self, commit: Option<Oid>) -> Result<Newer<'_>> {
        let Self { all, url, like, .. } = self;
        let series = like.major_minor();
        let hint =
            "is that the vendor's repository? `url` in [workspace.metadata.fork] of Cargo.toml names another, and \
                    `cargo xtask rebase TAG --url URL` sets it";
        let Some((newest, _)) = all.last() else {
            fail!(Input, "{url} has no release of {series}, not even the fork's own {}", like.name(); "{hint}");
        };
        if newest > like {
            return Ok(Newer::Tag(newest));
        }
        let Some((_, now)) = all.iter().find(|(tag, _)| tag == like) else {
            fail!(Input, "{url} does not have the fork's own tag {}: its newest release of {series} is {}, which is older", like.name(), newest.name(); "{hint}");
        };
        if let Some(commit) = commit {
            same_commit(like, commit, *now)?;
        }
        let newest = format!("{} is the newest.", like.name());
        Ok(Newer::No(match &self.elsewhere {
            None => newest,
            Some(tag) => format!(
                "{newest} {} goes on for another release of Ubuntu: `cargo xtask rebase {}` moves to it.",
                tag.name(),
                tag.name()
            ),
        }))
    }
}

/// Makes sure that a tag is at the vendor's what it was when the fork was made from it.
fn same_commit(tag: &Tag, then: Oid, now: Oid) -> Result<()> {
    if then != now {
        fail!(Input, "the vendor has moved {}: the fork was made from {then:.12}, it is {now:.12} now", tag.name();
            "ask the vendor why; `cargo xtask fork {} --branch NAME` makes a new fork of it", tag.name());
    }
    Ok(())
}

/// The vendor's releases of the line that `like` is of ([`Tag::same_line`]).
///
/// # Errors
/// The address does not answer.
pub fn releases(fx: &Effects, url: &str, like: &Tag) -> Result<Releases> {
    let step = fx.ui.step("ask for the vendor's releases");
    let listed = fx.read(network(fx, Utf8Path::new("/"), url, &["ls-remote", "--tags", "--", url]))?.text();
    let (mut found, mut elsewhere) = (BTreeMap::new(), None);
    for line in listed.lines() {
        let Some((id, name)) = line.split_once('\t') else { continue };
        // An annotated tag is listed twice; the commit comes second, with `^{}` behind the name.
        let (Ok(id), Ok(tag)) = (Oid::from_str(id), Tag::parse(name.trim_end_matches("^{}"))) else { continue };
        if like.same_line(&tag) {
            found.insert(tag, id);
        } else if like.goes_on_elsewhere(&tag) {
            elsewhere = elsewhere.max(Some(tag));
        }
    }
    step.done(&found.len().to_string());
    Ok(Releases { all: found.into_iter().collect(), url: url.to_owned(), like: like.clone(), elsewhere })
}

/// Makes sure that the vendor's tag is still the commit that the snapshot was made from.
///
/// # Errors
/// It is another one, or gone.
pub fn unmoved(fx: &Effects, url: &str, root: &Root) -> Result<()> {
    let refname = root.tag.refname();
    let peeled = format!("{refname}^{{}}");
    let listed = fx.read(network(fx, Utf8Path::new("/"), url, &["ls-remote", "--", url, &refname, &peeled]))?.text();
    let now = listed.lines().last().and_then(|line| Oid::from_str(line.split_once('\t')?.0).ok());
    match now {
        Some(now) => same_commit(&root.tag, root.commit, now),
        None => fail!(Input, "{url} has no tag {}", root.tag.name(); "`cargo xtask tags` lists what it has"),
    }
}

impl Fetched {
    /// Lets `session` read the tag's objects.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn lend(&self, session: &Session) -> Result<()> {
        session.lend(&self.dir.join("objects"))
    }

    /// Makes R. The session must have been lent the objects.
    ///
    /// # Errors
    /// Those of git.
    pub fn record(&self, session: &Session) -> Result<Oid> {
        let vendor = session.repo.find_commit(self.commit)?;
        let name = self.tag.name();
        let message = format!(
            "{name}\n\nThe vendor's tree at this tag, without its history.\n\n\
             Fork-Tag: {name}\nFork-Commit: {}\nFork-Tree: {}\n",
            self.commit, self.tree
        );
        session.again(&Signed::of(&vendor)?, message.as_bytes(), self.tree, &[])
    }

    /// Copies the snapshot's objects, and nothing of the tag's history, into the session's repository, but
    /// for what is below the tree `but`: that of the snapshot that the fork stands on.
    ///
    /// # Errors
    /// No room on the disk.
    pub fn import(&self, session: &Session, but: Option<Oid>) -> Result<()> {
        session.import(&self.dir, self.tree, but)?;
        Ok(())
    }
}
