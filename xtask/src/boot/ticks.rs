// SPDX-License-Identifier: GPL-2.0-only
//! Timer interrupts over time, and what they have to be.
//!
//! Numbers in, numbers out. `console` has the samples, `report` draws them.

use serde::Serialize;

use super::console::Sample;

/// Timer interrupts a second on the busy isolated CPU at which its tick counts as gone. What stays is the
/// kernel's own bookkeeping, and a timer of the measuring itself once in a while.
pub const GONE: f64 = 1.5;
/// Of CONFIG_HZ, what a busy CPU with its tick has at least. An emulated one loses ticks while this machine has
/// other things to do; when it loses more, nothing was measured.
pub const THERE: f64 = 0.2;

/// One CPU over the time that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    pub cpu: usize,
    /// Timer interrupts a second, all of the time together.
    pub rate: f64,
    /// All interrupts a second.
    pub all: f64,
    /// Seconds since the first sample, with the timer interrupts a second up to then from the sample before.
    pub points: Vec<(f64, f64)>,
}

/// What the samples come to, for each CPU; empty where there are fewer than two.
pub fn series(samples: &[Sample]) -> Vec<Series> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let time = last.at - first.at;
    if time <= 0.0 {
        return Vec::new();
    }
    let per = |a: u64, b: u64, seconds: f64| b.saturating_sub(a) as f64 / seconds;
    let of = |cpu: usize| {
        let points = samples.windows(2).filter(|two| two[1].at > two[0].at).map(|two| {
            let rate = per(two[0].interrupts.timer(cpu), two[1].interrupts.timer(cpu), two[1].at - two[0].at);
            (two[1].at - first.at, rate)
        });
        Series {
            cpu,
            rate: per(first.interrupts.timer(cpu), last.interrupts.timer(cpu), time),
            all: per(first.interrupts.total(cpu), last.interrupts.total(cpu), time),
            points: points.collect(),
        }
    };
    first.interrupts.cpus.iter().map(|cpu| of(*cpu)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::interrupts::Interrupts;

    fn sample(at: f64, counts: [u64; 2]) -> Sample {
        let text =
            format!("  CPU0 CPU1\n 1: {} {} GIC arch_timer\n 2: 5 {} GIC other\n", counts[0], counts[1], counts[0]);
        Sample { at, interrupts: Interrupts::parse(&text).unwrap() }
    }

    #[test]
    fn rates_over_all_and_from_sample_to_sample() {
        let series = series(&[sample(100.0, [0, 10]), sample(101.0, [100, 11]), sample(103.0, [300, 11])]);
        assert_eq!(series[0].points, [(1.0, 100.0), (3.0, 100.0)]);
        assert_eq!(series[1].points, [(1.0, 1.0), (3.0, 0.0)]);
        assert!((series[1].rate - 1.0 / 3.0).abs() < 1e-9 && (series[1].all - 301.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn one_moment_is_no_measurement() {
        assert!(series(&[]).is_empty());
        assert!(series(&[sample(1.0, [0, 0])]).is_empty());
        assert!(series(&[sample(1.0, [0, 0]), sample(1.0, [5, 5])]).is_empty());
    }
}
