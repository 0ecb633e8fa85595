// SPDX-License-Identifier: GPL-2.0-only
//! The workers of a farm, as the person names them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Failure, Kind};

/// distcc's own port.
pub const PORT: u16 = 3632;
/// No machine takes more jobs at once from one build.
const MOST: usize = 1024;

/// One machine that compiles: `HOST[:PORT][/SLOTS]`; an IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub host: String,
    pub port: u16,
    /// How many jobs at once.
    pub slots: usize,
}

impl FromStr for Worker {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let bad = |what: &str| {
            Failure::new(Kind::Input, format!("`{text}` is no worker: {what}"))
                .hint("HOST/SLOTS or HOST:PORT/SLOTS, commas between workers; for example --farm fast.lab/8,old.lab/2")
        };
        let (place, slots) = text.split_once('/').unwrap_or((text, "2"));
        let slots =
            slots.parse().ok().filter(|n| (1..=MOST).contains(n)).ok_or_else(|| bad("SLOTS is a number from 1"))?;
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port
            .map_or(Some(PORT), |p| p.parse().ok().filter(|p| *p != 0))
            .ok_or_else(|| bad("PORT is a number up to 65535"))?;
        let sound = |c: char| c.is_ascii_alphanumeric() || ".-:_%".contains(c);
        if host.is_empty() || host.starts_with('-') || !host.chars().all(sound) {
            return Err(bad("HOST is a name or an address"));
        }
        Ok(Self { host: host.to_owned(), port, slots })
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == PORT {
            write!(f, "{bare}/{}", self.slots)
        } else {
            write!(f, "{bare}:{}/{}", self.port, self.slots)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_read_and_written() {
        let table = [
            ("fast/8", "fast", PORT, 8, "fast/8"),
            ("fast", "fast", PORT, 2, "fast/2"),
            ("10.0.0.1:4000/3", "10.0.0.1", 4000, 3, "10.0.0.1:4000/3"),
            ("[fe80::1%eth0]/1", "fe80::1%eth0", PORT, 1, "[fe80::1%eth0]/1"),
            ("[::1]:99/1", "::1", 99, 1, "[::1]:99/1"),
        ];
        for (text, host, port, slots, shown) in table {
            let worker: Worker = text.parse().unwrap();
            assert_eq!((worker.host.as_str(), worker.port, worker.slots), (host, port, slots));
            assert_eq!(worker.to_string(), shown);
        }
        for bad in ["", "/4", "a/0", "a/x", "a:0/1", "a:99999/1", "a b/1", "-o/1", "a;b/1", "a/1/2", "a/9999"] {
            assert!(bad.parse::<Worker>().is_err(), "{bad}");
        }
    }
}
