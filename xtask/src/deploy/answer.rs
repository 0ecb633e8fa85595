// SPDX-License-Identifier: GPL-2.0-only
//! What `target.sh` prints: lines of `KEY VALUE` between two markers.

use std::collections::BTreeMap;

use anyhow::Result;

const BEGIN: &str = "kernel-fork: begin";
const END: &str = "kernel-fork: end";
/// Keys of which each line has one; every other key is there once.
const MANY: &[&str] = &["config", "menu", "module"];

/// One answer of a machine.
#[derive(Debug)]
pub struct Answer<'a> {
    host: &'a str,
    said: BTreeMap<&'a str, &'a str>,
    many: BTreeMap<&'a str, String>,
}

impl<'a> Answer<'a> {
    /// Reads it. What a login shell prints before and after it does not count.
    ///
    /// # Errors
    /// It is not whole, or says something twice.
    pub fn read(host: &'a str, text: &'a str) -> Result<Self> {
        let mut answer = Self { host, said: BTreeMap::new(), many: BTreeMap::new() };
        let mut inside = false;
        for line in text.lines().map(|l| l.trim_end_matches('\r')) {
            match line {
                BEGIN if !inside => inside = true,
                END if inside => return Ok(answer),
                _ if inside => answer.take(line)?,
                _ => {}
            }
        }
        fail!(Network, "{host} has not answered in full"; "`ssh {host} true` has to work without a question")
    }

    fn take(&mut self, line: &'a str) -> Result<()> {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if MANY.contains(&key) {
            let lines = self.many.entry(key).or_default();
            lines.push_str(value);
            lines.push('\n');
        } else if self.said.insert(key, value).is_some() {
            fail!(Network, "{} has answered twice what its {key} is", self.host);
        }
        Ok(())
    }

    /// The lines of a key that is there any number of times.
    pub fn lines(&self, key: &str) -> &str {
        self.many.get(key).map_or("", String::as_str)
    }

    /// The value of a key, which may be empty.
    ///
    /// # Errors
    /// The key is not there.
    pub fn get(&self, key: &str) -> Result<&'a str> {
        match self.said.get(key) {
            Some(value) => Ok(value),
            None => {
                fail!(Machine, "{} does not say what its {key} is", self.host; "it has to be a Debian or Ubuntu machine")
            }
        }
    }

    /// The value of a key, which is not empty.
    ///
    /// # Errors
    /// It is not there.
    pub fn word(&self, key: &str) -> Result<&'a str> {
        match self.get(key)? {
            "" => {
                fail!(Machine, "{} does not say what its {key} is", self.host; "it has to be a Debian or Ubuntu machine")
            }
            value => Ok(value),
        }
    }

    /// Is the value `yes`?
    ///
    /// # Errors
    /// The key is not there.
    pub fn yes(&self, key: &str) -> Result<bool> {
        Ok(self.get(key)? == "yes")
    }

    /// A number of bytes in the value of a key.
    ///
    /// # Errors
    /// It is not a number.
    pub fn number(&self, key: &str, value: &str) -> Result<u64> {
        match value.parse() {
            Ok(n) => Ok(n),
            Err(_) => fail!(Machine, "{} says `{value}` where its {key} is a number of bytes", self.host),
        }
    }
}
