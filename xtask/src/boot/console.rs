// SPDX-License-Identifier: GPL-2.0-only
//! What a kernel under test said on its console: the lines of `init.sh` among the kernel's own.
//!
//! Text in, values out. It must never take what a kernel says for more than a claim of that kernel: a panic
//! counts wherever it stands, and silence is never a good sign.

use crate::formats::interrupts::Interrupts;

/// How the lines of `init.sh` begin.
const MARK: &str = "@fork ";

/// Everything that was said.
#[derive(Debug, Default)]
pub struct Said {
    /// What `uname -r` answered.
    pub uname: Option<String>,
    pub cmdline: String,
    /// How many modules are installed.
    pub installed: usize,
    /// Each module that was loaded or could not be, with what modprobe said then.
    pub modules: Vec<(String, Option<String>)>,
    pub samples: Vec<Sample>,
    pub dmesg: Vec<Message>,
    /// The line of a panic.
    pub panic: Option<String>,
    /// The first line of an oops: a kernel that has had one may well go on, or not.
    pub oops: Option<String>,
    /// Did it get to its end?
    pub ended: bool,
    /// The last line that held anything.
    pub last: String,
}

/// `/proc/interrupts` at one moment.
#[derive(Debug)]
pub struct Sample {
    /// Seconds since the boot.
    pub at: f64,
    pub interrupts: Interrupts,
}

/// A line of the kernel's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// From 0 (emergency) to 7 (debug).
    pub level: u8,
    pub text: String,
}

impl Message {
    /// Does it say that the kernel found a fault in itself?
    pub fn is_fault(&self) -> bool {
        let starts = ["WARNING: ", "BUG: ", "Oops", "Internal error", "Call Trace", "Call trace", "rcu: INFO: "];
        let text = self.text.split_once("] ").map_or(self.text.as_str(), |(_, text)| text);
        self.level <= 2 || starts.iter().any(|s| text.starts_with(s)) || text.contains("Unable to handle kernel")
    }
}

/// Is this the line after which nothing more is to come?
pub fn is_end(line: &str) -> bool {
    line.trim() == "@fork end"
}

/// Reads a console from its beginning.
pub fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Said {
    let mut said = Said::default();
    let mut table: Option<(f64, String)> = None;
    for line in lines {
        let line = line.trim();
        if !line.is_empty() {
            line.clone_into(&mut said.last);
        }
        if let Some((_, panic)) = line.split_once("Kernel panic - not syncing") {
            said.panic.get_or_insert_with(|| format!("Kernel panic{panic}"));
        }
        let Some(rest) = line.strip_prefix(MARK) else {
            if ["Internal error: ", "Unable to handle kernel ", "BUG: "].iter().any(|o| line.contains(o)) {
                said.oops.get_or_insert_with(|| line.to_owned());
            }
            continue;
        };
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if word == "|" {
            if let Some((_, text)) = &mut table {
                text.push_str(rest);
                text.push('\n');
            }
            continue;
        }
        if let Some((at, text)) = table.take() {
            said.samples.extend(Interrupts::parse(&text).map(|interrupts| Sample { at, interrupts }));
        }
        match word {
            "uname" => said.uname = Some(rest.to_owned()),
            "cmdline" => rest.clone_into(&mut said.cmdline),
            "modules" => said.installed = rest.parse().unwrap_or(0),
            "module" => {
                let (name, answer) = rest.split_once(' ').unwrap_or((rest, ""));
                let answer = Some(answer.trim().to_owned()).filter(|a| !a.is_empty());
                said.modules.push((name.to_owned(), answer));
            }
            "sample" => table = rest.parse().ok().map(|at| (at, String::new())),
            "dmesg" => said.dmesg.extend(message(rest)),
            "end" => said.ended = true,
            _ => {}
        }
    }
    said
}

/// `<4>[    1.2] text`; the number is eight times the facility plus the level.
fn message(line: &str) -> Option<Message> {
    let (number, text) = line.strip_prefix('<')?.split_once('>')?;
    let number: u32 = number.parse().ok()?;
    Some(Message { level: u8::try_from(number % 8).ok()?, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "[    0.0] Booting Linux\r\n@fork uname 5.4.0-1-t\r\n@fork cmdline a=b c\n@fork modules 2\n\
        @fork module dummy\n@fork module tun modprobe: ERROR: No such device \n@fork busy\n@fork sample 10.50\n\
        @fork |            CPU0       CPU1\n@fork |  3:  100  7  GIC  27 Level     arch_timer\n@fork sample 11.50\n\
        @fork |            CPU0       CPU1\n@fork |  3:  200  8  GIC  27 Level     arch_timer\n\
        @fork dmesg <4>[    1.2] WARNING: CPU: 0 PID: 1 at x.c:1\n@fork dmesg <6>[    1.3] fine\n@fork end\n";

    #[test]
    fn a_whole_boot() {
        let said = read(CONSOLE.lines());
        assert_eq!((said.uname.as_deref(), said.cmdline.as_str(), said.installed), (Some("5.4.0-1-t"), "a=b c", 2));
        assert_eq!(said.modules[0], ("dummy".to_owned(), None));
        assert_eq!(said.modules[1].1.as_deref(), Some("modprobe: ERROR: No such device"));
        let seen: Vec<_> = said.samples.iter().map(|s| (s.at, s.interrupts.timer(1))).collect();
        assert_eq!(seen, [(10.5, 7), (11.5, 8)]);
        assert_eq!(said.dmesg.iter().map(|m| (m.level, m.is_fault())).collect::<Vec<_>>(), [(4, true), (6, false)]);
        assert!(said.ended && said.panic.is_none());
    }

    #[test]
    fn a_panic_and_a_boot_that_stops() {
        let said = read("[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\n---[ end\n".lines());
        assert_eq!(said.panic.as_deref(), Some("Kernel panic: VFS: Unable to mount root fs"));
        let said = read("[    1.0] Booting\n@fork sample x\n@fork | y\n\n".lines());
        assert!(!said.ended && said.uname.is_none() && said.samples.is_empty());
        assert_eq!(said.last, "@fork | y");
    }
}
