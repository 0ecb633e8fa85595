// SPDX-License-Identifier: GPL-2.0-only
//! Ubuntu's `config/annotations`, FORMAT 4: what each flavour's `.config` is made of.
//!
//! The flavour stage adds its flavour and its overrides with it, `resolve` and `audit` export and
//! check configurations. It must give what Ubuntu's own Python tool gives on the same text: the
//! build runs that tool, and fails on any difference.

mod compact;
mod edit;
mod header;
mod keep;
mod line;
mod lines;
mod literal;
mod lookup;
mod merge;
mod parse;
mod query;
mod save;
mod table;

pub use lookup::{Mismatch, SKIPPED};
pub use parse::Annotations;
