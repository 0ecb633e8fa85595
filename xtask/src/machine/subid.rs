// SPDX-License-Identifier: GPL-2.0-only
//! Ranges of subordinate user and group ids: the users inside a rootless chroot.

use anyhow::Result;
use fs_err as fs;
use xshell::cmd;

use super::{Mend, Need, Use};
use crate::effects::Effects;

const COUNT: u64 = 65_536;
/// Where ranges begin by convention (`SUB_UID_MIN` in login.defs).
const FIRST: u64 = 100_000;

pub(super) fn look(fx: &Effects) -> Result<Need> {
    let ask =
        |what: &str, name: Option<&str>| Ok::<_, anyhow::Error>(fx.read(cmd!(fx.sh, "id {what} {name...}"))?.text());
    let user = ask("--user", Some("--name"))?;
    let (id, group) = (ask("--user", None)?, ask("--group", Some("--name"))?);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (uids, gids) = (read("/etc/subuid"), read("/etc/subgid"));
    let mut mend = Vec::new();
    let mut start = free_start(&[&uids, &gids]);
    for (table, option) in [(&uids, "--add-subuids"), (&gids, "--add-subgids")] {
        match range(table, &user, &id) {
            Some(own) => start = own,
            None => mend.push(Mend::new(&["usermod", option, &format!("{start}-{}", start + COUNT - 1), &user])),
        }
    }
    // The mmdebstrap of Ubuntu 22.04 looks for the group's name where the user's is meant.
    if group != user && range(&gids, &group, &group).is_none() {
        let line = format!("{group}:{start}:{COUNT}\n");
        mend.push(Mend::new(&["tee", "--append", "/etc/subgid"]).stdin(line));
    }
    if mend.is_empty() {
        return Ok(Need::ok("ids", Use::BUILDS, format!("{user} has a range of {COUNT} subordinate ids")));
    }
    let what = format!("{user} has no range of {COUNT} subordinate ids for rootless chroots");
    Ok(Need::missing("ids", Use::BUILDS, what).mend(mend))
}

/// Options for unshare that give a new user namespace this user as root and the subordinate ids behind it, as chroots
/// have them: the first one is user 1. unshare's own `--map-auto` takes, for root, the first range of the file,
/// whoever has it.
///
/// # Errors
/// The user has no such ranges.
pub fn mapped(fx: &Effects) -> Result<Vec<String>> {
    let user = fx.read(cmd!(fx.sh, "id --user --name"))?.text();
    let id = fx.read(cmd!(fx.sh, "id --user"))?.text();
    let table = |path: &str| fs::read_to_string(path).unwrap_or_default();
    options(&table("/etc/subuid"), &table("/etc/subgid"), &user, &id)
}

fn options(uids: &str, gids: &str, user: &str, id: &str) -> Result<Vec<String>> {
    let (Some(uid), Some(gid)) = (range(uids, user, id), range(gids, user, id)) else {
        fail!(Machine, "{user} has no range of {COUNT} subordinate ids"; "`cargo xtask doctor --fix` adds one");
    };
    let behind = COUNT - 1;
    Ok(vec![
        "--map-root-user".to_owned(),
        format!("--map-users={uid},1,{behind}"),
        format!("--map-groups={gid},1,{behind}"),
    ])
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

/// Where the range of an owner begins that is large enough.
fn range(table: &str, user: &str, id: &str) -> Option<u64> {
    ranges(table)
        .find(|(owner, _, count)| (*owner == user || *owner == id) && *count >= COUNT)
        .map(|(_, start, _)| start)
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
    fn root_maps_its_own_range_and_not_the_first_of_the_file() {
        let table = "alice:100000:65536\nroot:165536:65536\n";
        let want = ["--map-root-user", "--map-users=165536,1,65535", "--map-groups=165536,1,65535"];
        assert_eq!(options(table, table, "root", "0").unwrap(), want);
        assert!(options(table, "", "root", "0").is_err());
    }

    #[test]
    fn a_range_is_found_by_name_or_id_and_must_be_large_enough() {
        let table = "alice:100000:65536\n1001:165536:65536\nbob:231072:10\n";
        assert_eq!(range(table, "alice", "1000"), Some(100_000));
        assert_eq!(range(table, "carol", "1001"), Some(165_536));
        assert_eq!(range(table, "bob", "1002"), None);
        assert_eq!(free_start(&[table, ""]), 231_082);
        assert_eq!(free_start(&["", "garbage"]), 100_000);
    }
}
