// SPDX-License-Identifier: GPL-2.0-only
//! `ccache --print-stats`: a name, a tab and a number on each line, the same names from 3.7 to 4.x. A build
//! prints it twice, before and after, each line marked; the difference is what the build found.

use std::fmt;

/// How often a compilation was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub hits: u64,
    pub misses: u64,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.hits + self.misses;
        let percent = (self.hits * 100 + all / 2).checked_div(all).unwrap_or(0);
        write!(f, "{} of {all} compilations ({percent} %)", self.hits)
    }
}

impl Rate {
    /// From a build's log; `None` where it does not have both.
    pub fn of_log(log: &str) -> Option<Self> {
        let sum = |mark: &str, names: &[&str]| -> Option<u64> {
            let mut found = None;
            for line in log.lines() {
                let Some((name, value)) = line.strip_prefix(mark).and_then(|l| l.split_once('\t')) else { continue };
                if names.contains(&name) {
                    found = Some(value.trim().parse::<u64>().ok()?.checked_add(found.unwrap_or(0))?);
                }
            }
            found
        };
        let grown = |names: &[&str]| {
            let (before, after) = (sum("ccache before: ", names)?, sum("ccache after: ", names)?);
            // Another build may have set them to nothing in between.
            Some(after.saturating_sub(before))
        };
        Some(Self { hits: grown(&["direct_cache_hit", "preprocessed_cache_hit"])?, misses: grown(&["cache_miss"])? })
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn the_difference_counts() {
        let log = "x\nccache before: direct_cache_hit\t10\nccache before: preprocessed_cache_hit\t1\nccache before: cache_miss\t100\n\
                   ccache after: direct_cache_hit\t30\nccache after: preprocessed_cache_hit\t11\nccache after: cache_miss\t102\n";
        let rate = Rate::of_log(log).unwrap();
        assert_eq!(rate, Rate { hits: 30, misses: 2 });
        assert_eq!(rate.to_string(), "30 of 32 compilations (94 %)");
        assert_eq!(Rate { hits: 0, misses: 0 }.to_string(), "0 of 0 compilations (0 %)");
        for bad in ["", "ccache before: cache_miss\t1\n", "ccache after: cache_miss\tx\nccache before: cache_miss\t1\n"]
        {
            assert_eq!(Rate::of_log(bad), None);
        }
    }
}
