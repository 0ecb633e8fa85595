// SPDX-License-Identifier: GPL-2.0-only
//! `/proc/interrupts`: how often each CPU was interrupted, by what.
//!
//! `boot` reads it out of a kernel under test, `isolate` on the machine itself.

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// A number, or the short name of an interrupt that has none: `LOC`, `IPI0`.
    pub name: String,
    /// One count for each CPU of the heading.
    pub counts: Vec<u64>,
    /// What stands behind the counts: chip, kind, handlers.
    pub what: String,
}

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interrupts {
    /// The numbers of the CPUs that are there.
    pub cpus: Vec<usize>,
    pub lines: Vec<Line>,
}

impl Interrupts {
    /// Reads the file; `None` where this is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let cpus: Vec<usize> =
            lines.next()?.split_whitespace().map(|w| w.strip_prefix("CPU")?.parse().ok()).collect::<Option<_>>()?;
        if cpus.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        for line in lines {
            let Some((name, rest)) = line.split_once(':') else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let counts: Vec<u64> = words.iter().take(cpus.len()).map_while(|w| w.parse().ok()).collect();
            // `ERR: 0` and `MIS: 0` are of the machine and not of a CPU.
            if counts.len() == cpus.len() {
                let what = words[counts.len()..].join(" ");
                found.push(Line { name: name.trim().to_owned(), counts, what });
            }
        }
        Some(Self { cpus, lines: found })
    }

    /// All interrupts of a CPU together.
    pub fn total(&self, cpu: usize) -> u64 {
        self.sum(cpu, |_| true)
    }

    /// The timer interrupts of a CPU.
    pub fn timer(&self, cpu: usize) -> u64 {
        self.sum(cpu, Line::is_timer)
    }

    fn sum(&self, cpu: usize, which: impl Fn(&Line) -> bool) -> u64 {
        let Some(column) = self.cpus.iter().position(|c| *c == cpu) else { return 0 };
        self.lines.iter().filter(|l| which(l)).filter_map(|l| l.counts.get(column)).fold(0, |a, b| a.saturating_add(*b))
    }
}

impl Line {
    /// The local timer: `LOC` on x86, a handler of that name elsewhere.
    pub fn is_timer(&self) -> bool {
        self.name == "LOC" || ["arch_timer", "riscv-timer"].iter().any(|n| self.what.ends_with(n))
    }
}

#[cfg(test)]
mod tests {
    use super::Interrupts;

    const ARM: &str = "           CPU0       CPU1       \n  3:      24211       1021     GICv2  27 Level     arch_timer\n 35:       1         0     GICv2  78 Edge      virtio0\nIPI0:      8         12       Rescheduling interrupts\nErr:          0\n";
    const X86: &str = "            CPU0       CPU3       \n   0:         44          0   IO-APIC    2-edge      timer\n LOC:     100        200   Local timer interrupts\n ERR:          0\n MIS:          0\n";

    #[test]
    fn counted() {
        let arm = Interrupts::parse(ARM).unwrap();
        assert_eq!((arm.timer(0), arm.timer(1), arm.total(1)), (24211, 1021, 1033));
        let x86 = Interrupts::parse(X86).unwrap();
        assert_eq!((x86.cpus.clone(), x86.timer(3), x86.total(3), x86.total(1)), (vec![0, 3], 200, 200, 0));
        assert_eq!(Interrupts::parse("nothing\n"), None);
        assert_eq!(Interrupts::parse(""), None);
    }
}
