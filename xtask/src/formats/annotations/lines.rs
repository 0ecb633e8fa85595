// SPDX-License-Identifier: GPL-2.0-only
//! A symbol's lines as Ubuntu's tool writes them (annotations.py of 5.4.0-200.220, lines 410-468).
//!
//! `save` and `keep` write with it.

use std::collections::BTreeMap;

use super::literal::write_dict;
use super::table::Entry;

/// The heading of the half without notes.
pub const MARKER: &str = "# ---- Annotations without notes ----";

/// All of them.
pub fn block(symbol: &str, entry: &Entry) -> String {
    let policy = policy_line(symbol, entry);
    match &entry.note {
        Some(_) if !entry.one_line => format!("{policy}{}\n", note_line(symbol, entry)),
        _ => policy,
    }
}

/// The one with the values.
pub fn policy_line(symbol: &str, entry: &Entry) -> String {
    let sorted: BTreeMap<&str, &str> = entry.policy.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let name = format!("CONFIG_{symbol}");
    let note = match &entry.note {
        Some(note) if entry.one_line => format!(" note<{note}>"),
        _ => String::new(),
    };
    format!("{name:<47} policy<{}>{note}\n", write_dict(sorted))
}

/// The one with a note of its own.
pub fn note_line(symbol: &str, entry: &Entry) -> String {
    let name = format!("CONFIG_{symbol}");
    format!("{name:<47} note<{}>\n", entry.note.as_deref().unwrap_or_default())
}
