// SPDX-License-Identifier: GPL-2.0-only
//! Watching a build: which part it is at, how many objects are made, and how many there will be, as far as an
//! earlier build of the same flavour and architecture tells.

use std::time::{Duration, Instant};

use anyhow::Result;
use camino::Utf8PathBuf;
use git2::{ObjectType, Oid};

use crate::effects::Effects;
use crate::formats::buildlog::{event, Event};
use crate::ui::{count, seconds};

/// What has been seen of a build so far.
pub struct Progress<'a> {
    fx: &'a Effects,
    learned: Utf8PathBuf,
    expected: Option<u64>,
    made: u64,
    part: &'static str,
    first: Option<Instant>,
}

impl<'a> Progress<'a> {
    /// `whom` names builds that make the same objects: a repository, flavour and architecture.
    ///
    /// # Errors
    /// None that one would see.
    pub fn new(fx: &'a Effects, whom: &str) -> Result<Self> {
        let name = Oid::hash_object(ObjectType::Blob, whom.as_bytes())?.to_string();
        let learned = fx.cache().join("objects-made").join(&name[..12]);
        let expected = fs_err::read_to_string(&learned).ok().and_then(|n| n.trim().parse().ok());
        Ok(Self { fx, learned, expected, made: 0, part: "start", first: None })
    }

    /// Takes in a line of the log.
    pub fn line(&mut self, line: &str) {
        match event(line) {
            Some(Event::Part(part)) => self.part = part,
            Some(Event::Object(_)) => {
                self.made += 1;
                self.first.get_or_insert_with(Instant::now);
            }
            None => return,
        }
        let passed = self.first.map(|f| f.elapsed()).unwrap_or_default();
        let text = text(self.part, self.made, self.expected, passed);
        self.fx.ui.fraction(self.made, self.expected.unwrap_or(0), &text);
    }

    /// A clean build has ended well: the next one knows how many objects there are.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn learn(&self) -> Result<()> {
        if self.made > 0 {
            self.fx.create_dir(self.learned.parent().unwrap_or(self.fx.cache()))?;
            self.fx.write(&self.learned, format!("{}\n", self.made))?;
        }
        Ok(())
    }
}

/// `compile: 310 of 1240 objects, 2 min 05 s left`
fn text(part: &str, made: u64, expected: Option<u64>, passed: Duration) -> String {
    match expected.filter(|_| made > 0) {
        Some(expected) if made < expected => {
            let left = passed.as_secs_f64() / made as f64 * (expected - made) as f64;
            // The first few objects say nothing about the rest.
            let left = if made * 20 < expected {
                String::new()
            } else {
                format!(", {} left", seconds(Duration::from_secs_f64(left)))
            };
            format!("{part}: {made} of {expected} objects{left}")
        }
        _ if made > 0 => format!("{part}: {}", count(made as usize, "object")),
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_when_it_can_be() {
        let passed = Duration::from_secs(60);
        assert_eq!(text("compile", 0, Some(9), passed), "compile");
        assert_eq!(text("compile", 7, None, passed), "compile: 7 objects");
        assert_eq!(text("compile", 1, Some(100), passed), "compile: 1 of 100 objects");
        assert_eq!(text("compile", 50, Some(100), passed), "compile: 50 of 100 objects, 1 min 00 s left");
        assert_eq!(text("link", 101, Some(100), passed), "link: 101 objects");
    }
}
