// SPDX-License-Identifier: GPL-2.0-only
//! Was it a good boot? What a console said, held against what the kernel is to be.
//!
//! Values in, a verdict out. `commands` shows it; its kind is the exit code.

use super::console::Said;
use super::ticks::{self, Series};
use crate::effects::Ended;
use crate::error::Kind;

/// What the kernel is to be.
#[derive(Debug, Clone)]
pub struct Want {
    pub uname: String,
    /// CONFIG_HZ, where the configuration is known.
    pub hz: Option<u32>,
    /// Is CONFIG_NO_HZ_FULL on?
    pub tickless: bool,
    /// Was `nohz_full=` on the command line?
    pub nohz_full: bool,
    /// The CPU that was kept busy.
    pub isolated: usize,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The kind of failure; `None` where all is well.
    pub kind: Option<Kind>,
    /// What is wrong, each a sentence without its period.
    pub wrong: Vec<String>,
    /// Warnings of the kernel that are no fault of it.
    pub remarks: Vec<String>,
}

/// What modprobe says where the machine has no device for a module that is otherwise in order.
const NO_DEVICE: &[&str] = &["No such device", "Operation not supported", "Function not implemented"];

/// Judges one boot.
pub fn judge(said: &Said, ended: Ended, series: &[Series], want: &Want) -> Verdict {
    let mut verdict = Verdict::default();
    let broke = |kind, what: String| Verdict { kind: Some(kind), wrong: vec![what], remarks: Vec::new() };
    if let Some(panic) = &said.panic {
        return broke(Kind::Panic, format!("{panic} (the last line: `{}`)", said.last));
    }
    if !said.ended {
        let at = match &said.oops {
            Some(oops) => format!("it had said `{oops}`"),
            None if said.last.is_empty() => "it said nothing at all".to_owned(),
            None => format!("its last line is `{}`", said.last),
        };
        return match ended {
            Ended::Itself => broke(Kind::Panic, format!("the machine stopped before it was done; {at}")),
            _ => broke(Kind::Hang, format!("it hung; {at}")),
        };
    }
    match said.uname.as_deref() {
        Some(uname) if uname == want.uname => {}
        uname => {
            let uname = uname.unwrap_or("nothing");
            return broke(
                Kind::WrongKernel,
                format!("`uname -r` says {uname}, and the packages are of {}", want.uname),
            );
        }
    }
    for (module, answer) in &said.modules {
        match answer {
            Some(answer) if !NO_DEVICE.iter().any(|n| answer.contains(n)) => {
                verdict.wrong.push(format!("module {module} could not be loaded: {answer}"));
            }
            _ => {}
        }
    }
    for message in &said.dmesg {
        if message.is_fault() {
            verdict.wrong.push(format!("the kernel found a fault in itself: {}", message.text));
        } else if message.level <= 4 {
            verdict.remarks.push(message.text.clone());
        }
    }
    verdict.wrong.extend(tick(series, want));
    verdict.kind = (!verdict.wrong.is_empty()).then_some(Kind::Check);
    verdict
}

fn tick(series: &[Series], want: &Want) -> Option<String> {
    let Some(free) = series.iter().find(|s| s.cpu == want.isolated) else {
        return Some(format!("CPU {} was not measured", want.isolated));
    };
    let (cpu, rate) = (free.cpu, free.rate);
    if want.nohz_full && want.tickless && rate > ticks::GONE {
        return Some(format!(
            "CPU {cpu} took {rate:.2} timer interrupts a second in spite of nohz_full=; {} is the most",
            ticks::GONE
        ));
    }
    let hz = want.hz.filter(|_| !want.nohz_full).map(f64::from)?;
    (rate < hz * ticks::THERE).then(|| {
        format!("CPU {cpu} took {rate:.2} timer interrupts a second with its tick, of {hz}: it was not busy, or this machine is too slow to measure")
    })
}

#[cfg(test)]
mod tests {
    use super::super::console;
    use super::*;

    fn want(nohz_full: bool) -> Want {
        Want { uname: "5.4.0-1-t".into(), hz: Some(100), tickless: true, nohz_full, isolated: 1 }
    }

    fn series(rate: f64) -> Vec<Series> {
        vec![Series { cpu: 1, rate, all: rate, points: vec![] }]
    }

    const GOOD: &str = "@fork uname 5.4.0-1-t\n@fork module a\n@fork module b modprobe: No such device\n@fork end\n";

    fn kind(console: &str, ended: Ended, rate: f64, nohz_full: bool) -> (Option<Kind>, String) {
        let verdict = judge(&console::read(console.lines()), ended, &series(rate), &want(nohz_full));
        (verdict.kind, verdict.wrong.join("; "))
    }

    #[test]
    fn each_way_to_fail_has_its_kind() {
        let with = |line: &str| GOOD.replace("@fork end", &format!("{line}\n@fork end"));
        let table = [
            (GOOD.to_owned(), Ended::Enough, None, ""),
            ("[1] Kernel panic - not syncing: x\n".into(), Ended::Itself, Some(Kind::Panic), "Kernel panic: x"),
            (with("[1] Kernel panic - not syncing: y"), Ended::Enough, Some(Kind::Panic), "Kernel panic: y"),
            ("[1] Booting\n".into(), Ended::Itself, Some(Kind::Panic), "stopped before"),
            (
                "[1] Unable to handle kernel x\n[2] y".into(),
                Ended::Silent,
                Some(Kind::Hang),
                "`[1] Unable to handle kernel x`",
            ),
            ("[1] Booting\n".into(), Ended::Silent, Some(Kind::Hang), "its last line is `[1] Booting`"),
            (String::new(), Ended::Silent, Some(Kind::Hang), "said nothing at all"),
            (GOOD.replace("0-1-t", "0-2-t"), Ended::Enough, Some(Kind::WrongKernel), "says 5.4.0-2-t"),
            ("@fork end\n".into(), Ended::Enough, Some(Kind::WrongKernel), "says nothing"),
            (with("@fork module c modprobe: ERROR: Exec format error"), Ended::Enough, Some(Kind::Check), "module c"),
            (with("@fork dmesg <4>[ 1.0] WARNING: CPU: 0 at x"), Ended::Enough, Some(Kind::Check), "fault in itself"),
            (with("@fork dmesg <4>[ 1.0] a remark"), Ended::Enough, None, ""),
        ];
        for (console, ended, want, words) in table {
            let (kind, wrong) = kind(&console, ended, 0.5, true);
            assert_eq!(kind, want, "{console}: {wrong}");
            assert!(wrong.contains(words), "{console}: {wrong}");
        }
    }

    #[test]
    fn the_tick() {
        for (rate, nohz_full, want) in
            [(1.5, true, None), (1.6, true, Some(Kind::Check)), (100.0, false, None), (19.0, false, Some(Kind::Check))]
        {
            assert_eq!(kind(GOOD, Ended::Enough, rate, nohz_full).0, want, "{rate} {nohz_full}");
        }
        let nothing = judge(&console::read(GOOD.lines()), Ended::Enough, &[], &want(true));
        assert_eq!(nothing.wrong, ["CPU 1 was not measured"]);
    }
}
