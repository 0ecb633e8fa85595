// SPDX-License-Identifier: GPL-2.0-only
//! The one gate for effects: programs, files, refs and objects pass through here and nowhere else.
//!
//! Dry run is decided here. A change below a directory that this process made for itself (a *scratch*) is
//! nobody's loss, so it happens in a dry run too; every other change is printed as a shell has it, and left
//! undone. Stages therefore have no dry-run branches: they compute in a scratch and hand the result to
//! [`Effects::rename`], [`Effects::write`] or a git session at the end.
//!
//! Must never print (that is `ui.rs`) nor know what a flavour or a chroot is.

pub mod backup;
mod child;
mod command;
mod disk;
mod encoding;
mod files;
mod git;
mod journal;
mod kept;
mod lock;
mod objects;
mod open;
mod repository;
mod scratch;
mod serve;
mod signals;
mod tree_path;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

pub use command::{quote, Did, Ended, Output, Run};
pub use disk::free_bytes;
pub use journal::{state_dir, under_way, Journal, Move};
pub use kept::Lock;
pub use lock::Hold;
pub use objects::{sound, RefMove, Session, Signed};
pub use open::{
    digest_plain, going_on, open_given, open_plain, or_interrupted, read_plain, text_given, text_plain, Interruptible,
};
pub use repository::{bare, repository, HISTORY_REMOTE};
pub use scratch::Scratch;
pub use serve::Bounds;
#[cfg(test)]
pub use signals::CHILDREN;
pub use tree_path::TreePath;

use crate::error::Failure;
use crate::ui::Ui;

/// The gate. One per process.
pub struct Effects {
    /// Builds command lines (`cmd!(fx.sh, "…")`); its own `run` and file methods are never used.
    pub sh: xshell::Shell,
    pub ui: Ui,
    dry: bool,
    cache: Utf8PathBuf,
    scratches: Rc<RefCell<Vec<Utf8PathBuf>>>,
    /// Objects that a dry run leaves in memory.
    unborn: RefCell<BTreeSet<String>>,
    /// Since when what was begun is being taken away ([`Effects::cleanup`]).
    cleaning: Cell<Option<Instant>>,
}

impl Effects {
    /// `dry`: say what would be done. The cache directory is `$KERNEL_FORK_CACHE`, else
    /// `$XDG_CACHE_HOME/kernel-fork`, else `~/.cache/kernel-fork`.
    pub fn new(ui: Ui, dry: bool) -> Result<Self> {
        signals::install()?;
        // git tells its hooks and aliases where they are; our commands say it themselves.
        for variable in
            ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"]
        {
            std::env::remove_var(variable);
        }
        if dry {
            // Else `git status` writes to the index what it has seen.
            std::env::set_var("GIT_OPTIONAL_LOCKS", "0");
        }
        let (sh, cache) = (xshell::Shell::new()?, files::cache_dir()?);
        Ok(Self { sh, ui, dry, cache, scratches: Rc::default(), unborn: RefCell::default(), cleaning: Cell::default() })
    }

    /// Where chroots, sources and other things that can be made again are kept.
    pub fn cache(&self) -> &Utf8Path {
        &self.cache
    }

    /// Is this a dry run? Only for loops that wait for a change to show its effect.
    pub fn dry(&self) -> bool {
        self.dry
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// The person interrupts.
    pub fn wait(&self, time: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            going_on()?;
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
        Ok(())
    }

    /// Asks before something is changed. A dry run changes nothing, so it need not ask.
    pub fn agreed(&self, question: &str) -> bool {
        self.dry || self.ui.ask(question)
    }

    /// Fails because this machine lacks something. A dry run needs it for nothing: it says so and goes on.
    ///
    /// # Errors
    /// The failure itself.
    pub fn lacking(&self, failure: Failure) -> Result<()> {
        if self.dry {
            self.ui.warn(&failure.message);
            return Ok(());
        }
        Err(failure.into())
    }

    /// Says what would be done. What only this run has (a scratch directory, an object in memory) no shell can be given
    /// later: such a line is a comment.
    fn plan(&self, line: &str) {
        let mut text = line.to_owned();
        for id in self.unborn.borrow().iter().filter(|id| line.contains(id.as_str())) {
            text = text.replace(id.as_str(), "<new>");
        }
        let ours = self.scratches.borrow().iter().any(|scratch| line.contains(scratch.as_str()));
        if ours || text != line {
            text = format!("# {}", text.replace('\n', "\n# "));
        }
        self.ui.planned(&text);
    }

    /// Is a change at or below `path` to be left undone?
    fn planned(&self, path: &Utf8Path) -> bool {
        self.dry && !self.scratches.borrow().iter().any(|s| path.starts_with(s))
    }
}
