// SPDX-License-Identifier: GPL-2.0-only
//! git as a program: how it is called, and which of its commands may run.
//!
//! A branch moves in one way only, by [`super::Session::publish`], which leaves a backup. A git command that could
//! move one is refused here, whoever calls it, so that no stage can go around that; one that this module does not know
//! counts as such. What moves HEAD alone has a function here. In a repository of our own (a scratch, the cache) there
//! is nothing to lose, and every command may run.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use git2::Oid;
use xshell::cmd;

use super::command::{Did, Run};
use super::Effects;
use crate::error::Kind;

/// Commands that move no ref of the repository that they run in.
const PLAIN: &[&str] = &[
    "cat-file",
    "checkout-index",
    "clone",
    "config",
    "diff",
    "hash-object",
    "init",
    "ls-files",
    "ls-remote",
    "merge-file",
    "merge-recursive",
    "mktree",
    "pack-objects",
    "push",
    "range-diff",
    "read-tree",
    "rev-list",
    "rev-parse",
    "show",
    "show-index",
    "status",
    "update-index",
    "var",
    "write-tree",
];

impl Effects {
    /// A git command in `dir`, blind to replace refs: a grafted fork must look the same to us as any other.
    pub fn git<'s>(&'s self, dir: &Utf8Path) -> xshell::Cmd<'s> {
        cmd!(self.sh, "git -C {dir}").env("GIT_NO_REPLACE_OBJECTS", "1").env("LC_ALL", "C")
    }

    /// Puts HEAD on a branch (`refs/heads/…`), or at a commit. The work tree stays as it is.
    ///
    /// # Errors
    /// git fails.
    pub fn set_head(&self, root: &Utf8Path, branch: Option<&str>, commit: Oid, why: &str) -> Result<Did> {
        let commit = commit.to_string();
        let git = match branch {
            Some(branch) => self.git(root).args(["symbolic-ref", "-m", why, "HEAD", branch]),
            None => self.git(root).args(["update-ref", "--no-deref", "-m", why, "HEAD", &commit]),
        };
        self.change(root, Run::from(git).moves_head())
    }

    /// Tells git which commit it is picking, or that it is picking none.
    ///
    /// # Errors
    /// git fails.
    pub fn set_picked(&self, root: &Utf8Path, commit: Option<&str>) -> Result<Did> {
        let what = commit.map_or(vec!["-d", "CHERRY_PICK_HEAD"], |commit| vec!["CHERRY_PICK_HEAD", commit]);
        self.change(root, Run::from(self.git(root).args(["update-ref", "--no-deref"]).args(what)).moves_head())
    }

    /// Commits what git is picking, with its message as it is; `settings` are git's own, `NAME=VALUE`.
    ///
    /// # Errors
    /// git waits for something else.
    pub fn commit_picked(&self, root: &Utf8Path, settings: &[String]) -> Result<Did> {
        // The message is the person's: its lines that begin with `#` stay.
        let plain = ["core.editor=true", "commit.cleanup=whitespace"];
        let mut git = self.git(root);
        for setting in plain.into_iter().chain(settings.iter().map(String::as_str)) {
            git = git.args(["-c", setting]);
        }
        let run = Run::from(git.args(["cherry-pick", "--continue"])).moves_head();
        self.change(root, run.or(Kind::Repository, "`git status` says what git is waiting for"))
    }

    /// Checks a branch out that is there.
    ///
    /// # Errors
    /// Files of the user's are in the way, ignored ones among them.
    pub fn switch_to(&self, root: &Utf8Path, branch: &str) -> Result<Did> {
        let git = self.git(root).args(["switch", "--quiet", "--no-guess", "--no-overwrite-ignore", branch]);
        let hint = "commit your changes, put them away with `git stash`, or move what is in the way elsewhere";
        self.change(root, Run::from(git).moves_head().or(Kind::Repository, hint))
    }

    /// Makes sure that a program is no git command that could move a branch.
    ///
    /// # Errors
    /// It is one: a fault of the caller.
    pub(super) fn moves_no_branch(&self, run: &Run) -> Result<()> {
        let Some(call) = Call::of(run) else { return Ok(()) };
        let own = |dir: &Utf8PathBuf| {
            let scratches = self.scratches.borrow();
            self.is_kept(dir) || scratches.iter().any(|scratch| dir.starts_with(scratch))
        };
        if run.moves_head || call.is_plain() || call.dir.as_ref().is_some_and(own) {
            return Ok(());
        }
        anyhow::bail!("`git {}` could move a branch without a backup: a session has to move it", call.words.join(" "))
    }
}

/// A git command line.
struct Call {
    /// Where its repository is, as far as that is said.
    dir: Option<Utf8PathBuf>,
    /// The command and its arguments, without git's own options.
    words: Vec<String>,
    input: String,
}

impl Call {
    /// `None`: it is another program.
    fn of(run: &Run) -> Option<Self> {
        let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
        let all = std::iter::once(run.command.get_program()).chain(run.command.get_args()).map(text);
        // It may have been wrapped in another program.
        let mut words = all.skip_while(|word| word != "git" && !word.ends_with("/git")).skip(1).peekable();
        if run.name != "git" {
            return None;
        }
        let git_dir = run.command.get_envs().find(|(key, _)| *key == "GIT_DIR").and_then(|(_, value)| value);
        let (mut dir, mut elsewhere) = (None, git_dir.map(text));
        while let Some(option) = words.next_if(|word| word.starts_with('-')) {
            match option.as_str() {
                "-C" => dir = words.next(),
                "-c" => drop(words.next()),
                _ => elsewhere = option.strip_prefix("--git-dir=").map(str::to_owned).or(elsewhere),
            }
        }
        let dir = dir.map(Utf8PathBuf::from);
        let dir = match elsewhere {
            Some(git_dir) => Some(dir.unwrap_or_default().join(git_dir)),
            None => dir,
        };
        let input = run.stdin.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        Some(Self { dir, words: words.collect(), input })
    }

    fn is_plain(&self) -> bool {
        match self.words.first().map(String::as_str) {
            // It asks git itself.
            None => true,
            Some("fetch") => {
                let refspecs = self.words.iter().map(String::as_str).chain(self.input.lines());
                let mut into = refspecs.filter_map(|word| word.split_once(':').map(|(_, to)| to));
                !into.any(|to| to.starts_with("refs/heads/"))
            }
            Some(command) => PLAIN.contains(&command),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> bool {
        let sh = xshell::Shell::new().unwrap();
        let (words, input) = line.split_once('<').unwrap_or((line, ""));
        let run = Run::from(cmd!(sh, "git -C /repository").args(words.split(' '))).stdin(input).for_everybody();
        Call::of(&run).unwrap().is_plain()
    }

    #[test]
    fn commands_that_could_move_a_branch_are_none_that_may_run() {
        for line in ["-c a.b=c read-tree -m -u x y", "--no-optional-locks status", "fetch origin", "--version"] {
            assert!(plain(line), "{line}");
        }
        assert!(plain("fetch --stdin x<refs/tags/a:refs/tags/a"));
        for line in [
            "branch --delete --force x",
            "branch -f x y",
            "update-ref refs/heads/x y",
            "-c a.b=c reset --hard",
            "checkout -B x",
            "switch --force-create x",
            "commit --amend",
            "cherry-pick x",
            "fetch origin +x:refs/heads/y",
            "fetch --stdin origin<a:b\nx:refs/heads/y",
            "symbolic-ref HEAD x",
            "something-new",
        ] {
            assert!(!plain(line), "{line}");
        }
    }

    #[test]
    fn only_repositories_of_our_own_may_be_changed_at_will() {
        let sh = xshell::Shell::new().unwrap();
        let dir = |cmd: xshell::Cmd| Call::of(&Run::from(cmd)).unwrap().dir.unwrap();
        assert_eq!(dir(cmd!(sh, "git -C /a -c x.y=z commit")), "/a");
        assert_eq!(dir(cmd!(sh, "git -C /a --git-dir=b commit")), "/a/b");
        assert_eq!(dir(cmd!(sh, "git -C /a commit").env("GIT_DIR", "/b")), "/b");
        assert!(Call::of(&Run::from(cmd!(sh, "ls git branch"))).is_none());
    }

    /// libgit2 is no way around it: only the session's file moves refs.
    #[test]
    fn only_a_session_moves_refs_with_libgit2() {
        let moves = [
            ".transaction(",
            ".set_head",
            ".reference(",
            ".reference_symbolic(",
            ".reset(",
            ".branch(",
            ".set_target(",
        ];
        let mut left = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs_err::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if !path.ends_with("effects/objects.rs") && !path.ends_with("effects/git.rs") {
                let text = fs_err::read_to_string(&path).unwrap_or_default();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().replace("fx.set_head", "");
                assert_eq!(moves.iter().find(|words| code.contains(*words)), None, "{}", path.display());
            }
        }
    }
}
