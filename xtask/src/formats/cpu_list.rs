// SPDX-License-Identifier: GPL-2.0-only
//! CPU lists as the kernel writes them: `0-3,7`.
//!
//! `isolate` and `boot` read and write them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::FormatError;

/// More than the kernel's largest NR_CPUS; a list with a higher one is a slip of the finger.
const MOST: usize = 8192;

/// A set of CPUs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuList(BTreeSet<usize>);

impl CpuList {
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Reads a mask as `/sys` has it: groups of 32 bits in hexadecimal, the highest first.
    pub fn of_mask(text: &str) -> Option<Self> {
        let mut cpus = Self::default();
        for (group, word) in text.trim().split(',').rev().enumerate() {
            let bits = u32::from_str_radix(word, 16).ok()?;
            cpus.0.extend((0..32).filter(|bit| bits & (1 << bit) != 0).map(|bit| group * 32 + bit));
        }
        Some(cpus)
    }

    /// The mask that [`CpuList::of_mask`] reads.
    pub fn to_mask(&self) -> String {
        let groups = self.iter().max().map_or(1, |most| most / 32 + 1);
        let word =
            |group: usize| (0..32).filter(|bit| self.contains(group * 32 + bit)).fold(0u32, |w, bit| w | (1 << bit));
        let words: Vec<String> = (0..groups).rev().map(|g| format!("{:08x}", word(g))).collect();
        words.join(",")
    }

    /// Those of this list that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }
}

impl FromIterator<usize> for CpuList {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl FromStr for CpuList {
    type Err = FormatError;

    /// An empty text is an empty list: so does the kernel write it.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = |part: &str| FormatError::new(part, "no CPU list: it reads `3`, `2-5` or `1,4-6`");
        let mut cpus = BTreeSet::new();
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self(cpus));
        }
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |t: &str| t.parse::<usize>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()));
            let (Some(first), Some(last)) = (number(first), number(last)) else { return Err(wrong(part)) };
            if first > last || last >= MOST {
                return Err(wrong(part));
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for cpu in self.iter() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => runs.push((cpu, cpu)),
            }
        }
        let text: Vec<String> =
            runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect();
        f.write_str(&text.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::CpuList;

    #[test]
    fn masks() {
        for (mask, list) in [("7", "0-2"), ("00008000,00000001", "0,47"), ("0", "")] {
            let cpus = CpuList::of_mask(mask).unwrap();
            assert_eq!(cpus.to_string(), list);
            assert_eq!(CpuList::of_mask(&cpus.to_mask()), Some(cpus));
        }
        assert_eq!(CpuList::of_mask("x"), None);
        assert_eq!("0,47".parse::<CpuList>().unwrap().to_mask(), "00008000,00000001");
    }

    #[test]
    fn read_and_written() {
        let table = [
            ("47", Some("47")),
            ("0-3,7", Some("0-3,7")),
            ("7,3,1-2", Some("1-3,7")),
            ("0-0", Some("0")),
            ("", Some("")),
            (" 1\n", Some("1")),
            ("3-1", None),
            ("-1", None),
            ("+1", None),
            ("1,", None),
            ("1-", None),
            ("a", None),
            ("0-99999999999", None),
            ("8192", None),
            ("1 2", None),
        ];
        for (text, want) in table {
            assert_eq!(text.parse::<CpuList>().ok().map(|l| l.to_string()).as_deref(), want, "{text}");
        }
    }
}
