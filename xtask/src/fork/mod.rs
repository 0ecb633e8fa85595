// SPDX-License-Identifier: GPL-2.0-only
//! The git side of a fork: a vendor tag as a parentless snapshot, this repository's files on top of it, the
//! lab's commits, and the generated one.
//!
//! Knows commits and trees; what is generated is `flavour/`'s business and comes in as files.

pub mod adopt;
pub mod branch;
pub mod branch_name;
pub mod checkout;
pub mod conflict;
pub mod driver;
pub mod generated;
pub mod graft;
pub mod guard;
pub mod half_done;
pub mod here;
pub mod history;
pub mod idle;
pub mod left_out;
pub mod local;
pub mod merge;
pub mod message;
pub mod overlay;
pub mod rebase;
pub mod replay;
pub mod snapshot;
pub mod stale;
pub mod stopped;
pub mod switch;
pub mod tree;
mod unmarked;
mod vendor_tree;
mod work_tree;

pub use crate::effects::backup;
