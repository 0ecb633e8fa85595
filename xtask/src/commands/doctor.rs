// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask doctor`: what this machine can do, what it lacks for the rest, and what mends that.

use anyhow::Result;
use serde::Serialize;

use crate::arch;
use crate::build::archive::Archive;
use crate::effects::Effects;
use crate::machine::{self, reach, trust, Need, State, Use, Wanted};
use crate::workspace::Workspace;

/// Say what this machine lacks, and mend it
///
/// Looks at packages, id ranges, namespaces, emulation, keys, room, mirrors. Without root, send the lines at
/// the end to whoever has it; the table says what works without them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask doctor                  # everything
  cargo xtask doctor --mode cross     # what cross builds need
  cargo xtask doctor --fix            # mend it, after asking once")]
pub struct Args {
    /// Run the commands that mend what is missing, after asking once
    #[arg(long)]
    pub fix: bool,
    /// With --fix: do not ask
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// As JSON
    #[arg(long, conflicts_with = "fix")]
    pub json: bool,
    /// Only what this needs; can be given more than once
    #[arg(long, value_name = "MODE")]
    pub mode: Vec<Use>,
    /// For builds in this suite [default: the settings' `series`]
    #[arg(long)]
    pub suite: Option<String>,
    /// For packages of this architecture [default: the settings' `architecture`]
    #[arg(long)]
    pub arch: Option<String>,
}

/// All of it, for `--json`.
#[derive(Serialize)]
struct Report<'a> {
    modes: &'a [Verdict],
    needs: &'a [Need],
    /// The lines for whoever is root here.
    mend: &'a [String],
}

#[derive(Serialize)]
struct Verdict {
    mode: Use,
    works: bool,
    /// Names of the needs that are missing.
    lacks: Vec<&'static str>,
}

/// # Errors
/// Something is missing (4).
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let workspace = Workspace::here()?;
    let host = arch::find(args.arch.as_deref().unwrap_or(&workspace.settings.architecture))?;
    let same = arch::build()? == host;
    // Native is for this machine's own packages, and the other two for everything else.
    let possible = |u: &Use| if same { !matches!(u, Use::Cross | Use::Emulated) } else { *u != Use::Native };
    let uses: Vec<Use> = match args.mode.as_slice() {
        [] => Use::ALL.iter().copied().filter(possible).collect(),
        asked => asked.to_vec(),
    };
    if let Some(other) = uses.iter().find(|u| !possible(u)) {
        fail!(Input, "{} is no way to build for {} on this machine", other.name(), host.debian; "--arch names another");
    }
    let wanted = Wanted { uses: &uses, host, packages: &[] };
    if args.fix {
        machine::prepare(fx, &wanted, args.yes)?;
    }
    let suite = args.suite.as_deref().unwrap_or(&workspace.settings.series);
    workspace.settings.suite(suite)?;
    let needs = look(fx, &workspace, &wanted, suite)?;
    let modes: Vec<Verdict> = uses.iter().map(|u| verdict(*u, &needs)).collect();
    let mend: Vec<String> = machine::mends(&needs).iter().map(|m| m.line(fx)).collect();
    if args.json {
        fx.ui.data(&serde_json::to_string_pretty(&Report { modes: &modes, needs: &needs, mend: &mend })?);
    } else {
        show(fx, &needs, &modes, &mend);
    }
    let missing = needs.iter().filter(|n| n.state == State::Missing).count();
    if missing > 0 {
        let things = if missing == 1 { "thing" } else { "things" };
        if mend.is_empty() {
            fail!(Machine, "this machine lacks {missing} {things}"; "what stands behind -> has to be done by hand");
        }
        fail!(Machine, "this machine lacks {missing} {things}";
            "`cargo xtask doctor --fix` runs the commands above, or have your administrator run them");
    }
    Ok(())
}

/// What can be seen here, and what has to be asked of others.
fn look(fx: &Effects, workspace: &Workspace, wanted: &Wanted, suite: &str) -> Result<Vec<Need>> {
    let step = fx.ui.step("look at this machine");
    let settings = &workspace.settings;
    let mut needs = machine::look(fx, wanted)?;
    if wanted.uses.iter().any(|u| matches!(u, Use::Native | Use::Cross | Use::Emulated)) {
        needs.push(trust::look(fx, settings, suite)?);
        let archs = [arch::build()?, wanted.host];
        match Archive::of(fx, settings, suite, &archs, None) {
            Ok(archive) => needs.push(reach::mirrors(fx, &archive.sources)?),
            // The keyring is missing, which is said already.
            Err(_) => fx.ui.progress("no keyring, so no mirror is asked"),
        }
        needs.push(reach::vendor(fx, &settings.url, &settings.tag)?);
    }
    step.done("");
    Ok(needs)
}

fn verdict(mode: Use, needs: &[Need]) -> Verdict {
    let lacks: Vec<&'static str> =
        needs.iter().filter(|n| n.state == State::Missing && n.uses.contains(&mode)).map(|n| n.name).collect();
    Verdict { mode, works: lacks.is_empty(), lacks }
}

fn show(fx: &Effects, needs: &[Need], modes: &[Verdict], mend: &[String]) {
    for need in needs {
        let state = match need.state {
            State::Ok => "ok",
            State::Advice => "look",
            State::Missing => "MISSING",
        };
        fx.ui.entry(state, need.name, &need.what);
        if let Some(detail) = need.detail.as_deref().filter(|_| fx.ui.is_verbose()) {
            fx.ui.entry("", "", detail);
        }
        if let (Some(hint), true) = (&need.hint, need.state != State::Ok && need.mend.is_empty()) {
            fx.ui.entry("", "", &format!("-> {hint}"));
        }
    }
    fx.ui.data("");
    for verdict in modes {
        let text = if verdict.works { "works".to_owned() } else { format!("needs {}", verdict.lacks.join(", ")) };
        fx.ui.entry("", verdict.mode.name(), &text);
    }
    if !mend.is_empty() {
        fx.ui.data("\nAs root:");
        mend.iter().for_each(|line| fx.ui.data(&format!("  {line}")));
    }
}
