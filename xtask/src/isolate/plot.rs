// SPDX-License-Identifier: GPL-2.0-only
//! Interrupts of a few CPUs over time as lines of text.
//!
//! Numbers in, text out; `ui` draws it anew each second.

use std::collections::VecDeque;

/// Values that are shown beside each other.
const WIDTH: usize = 60;
/// A row's heights, from nothing to the most.
const HEIGHTS: [char; 8] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '█'];

/// One CPU's values, the newest last.
#[derive(Debug)]
pub struct Row {
    cpu: usize,
    values: VecDeque<f64>,
}

impl Row {
    pub fn new(cpu: usize) -> Self {
        Self { cpu, values: VecDeque::new() }
    }

    pub fn cpu(&self) -> usize {
        self.cpu
    }

    pub fn push(&mut self, value: f64) {
        self.values.push_back(value);
        if self.values.len() > WIDTH {
            self.values.pop_front();
        }
    }
}

/// A line for each row, on one scale, and one that says what the scale is.
pub fn lines(rows: &[Row]) -> Vec<String> {
    let most = rows.iter().flat_map(|r| r.values.iter().copied()).fold(1.0, f64::max);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let bars: String = row.values.iter().map(|v| height(*v, most)).collect();
            format!("CPU {:<4} {bars:<WIDTH$} {:>7.0}/s", row.cpu, row.values.back().copied().unwrap_or(0.0))
        })
        .collect();
    lines.push(format!("interrupts a second, the highest is {most:.0}"));
    lines
}

/// Anything above nothing is seen.
fn height(value: f64, most: f64) -> char {
    let top = (HEIGHTS.len() - 1) as f64;
    let step = (value / most * top).ceil().clamp(0.0, top);
    HEIGHTS[step as usize]
}

#[cfg(test)]
mod tests {
    use super::{lines, Row};

    #[test]
    fn one_scale_for_all() {
        let mut rows = [Row::new(3), Row::new(12)];
        for value in [0.0, 1.0, 100.0] {
            rows[0].push(value);
            rows[1].push(value / 2.0);
        }
        let lines = lines(&rows);
        assert!(lines[0].starts_with("CPU 3     ▁█ ") && lines[0].ends_with("    100/s"), "{lines:?}");
        assert!(lines[1].starts_with("CPU 12    ▁▄ ") && lines[1].ends_with("     50/s"), "{lines:?}");
        assert_eq!(lines[2], "interrupts a second, the highest is 100");
    }

    #[test]
    fn the_oldest_goes() {
        let mut row = Row::new(0);
        (0..1000).for_each(|n| row.push(f64::from(n)));
        assert!(lines(&[row])[0].chars().count() < 90);
    }
}
