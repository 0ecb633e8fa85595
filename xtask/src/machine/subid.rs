// SPDX-License-Identifier: GPL-2.0-only
//! Ranges of subordinate user and group ids: the users inside a rootless chroot.

use std::fs;

use anyhow::Result;
use xshell::cmd;

use super::{Mend, Need};
use crate::effects::Effects;

const COUNT: u64 = 65_536;
/// Where ranges begin by convention (`SUB_UID_MIN` in login.defs).
const FIRST: u64 = 100_000;

pub(super) fn missing(fx: &Effects) -> Result<Option<Need>> {
    let user = fx.read(cmd!(fx.sh, "id --user --name"))?.text();
    let id = fx.read(cmd!(fx.sh, "id --user"))?.text();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (uids, gids) = (read("/etc/subuid"), read("/etc/subgid"));
    let mut mend = Vec::new();
    for (table, option) in [(&uids, "--add-subuids"), (&gids, "--add-subgids")] {
        if !has_range(table, &user, &id) {
            let start = free_start(&[&uids, &gids]);
            let range = format!("{start}-{}", start + COUNT - 1);
            mend.push(Mend::new(&["usermod", option, &range, &user]));
        }
    }
    Ok((!mend.is_empty())
        .then(|| Need { what: format!("{user} has no range of {COUNT} subordinate ids for rootless chroots"), mend }))
}

/// Is `uid` in a range of subordinate ids of this user's?
///
/// # Errors
/// The user has no name.
pub fn is_subordinate(fx: &Effects, uid: u32) -> Result<bool> {
    let user = fx.read(cmd!(fx.sh, "id --user --name"))?.text();
    let id = fx.read(cmd!(fx.sh, "id --user"))?.text();
    let table = fs::read_to_string("/etc/subuid").unwrap_or_default();
    let uid = u64::from(uid);
    let found = ranges(&table).any(|(owner, start, count)| {
        (owner == user || owner == id) && (start..start.saturating_add(count)).contains(&uid)
    });
    Ok(found)
}

fn has_range(table: &str, user: &str, id: &str) -> bool {
    ranges(table).any(|(owner, _, count)| (owner == user || owner == id) && count >= COUNT)
}

/// The first start that no range in any of the tables reaches.
fn free_start(tables: &[&str]) -> u64 {
    tables
        .iter()
        .flat_map(|t| ranges(t))
        .map(|(_, start, count)| start.saturating_add(count))
        .max()
        .unwrap_or(0)
        .max(FIRST)
}

fn ranges(table: &str) -> impl Iterator<Item = (&str, u64, u64)> {
    table.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        Some((fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_found_by_name_or_id_and_must_be_large_enough() {
        let table = "alice:100000:65536\n1001:165536:65536\nbob:231072:10\n";
        assert!(has_range(table, "alice", "1000"));
        assert!(has_range(table, "carol", "1001"));
        assert!(!has_range(table, "bob", "1002"));
        assert_eq!(free_start(&[table, ""]), 231_082);
        assert_eq!(free_start(&["", "garbage"]), 100_000);
    }
}
