// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask farm serve`: this machine compiles for others, until it is interrupted.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};

use crate::arch;
use crate::build::archive::Archive;
use crate::build::farm::network::Network;
use crate::build::farm::{serve, unit, worker};
use crate::effects::Effects;
use crate::machine;
use crate::sandbox::Unpacked;
use crate::workspace::Workspace;

/// Compile for other machines, until interrupted
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Architecture to compile for [default: the settings' `architecture`]
    #[arg(long)]
    arch: Option<String>,
    /// Suite whose compiler it is [default: the settings' `series`]
    #[arg(long)]
    suite: Option<String>,
    /// A network that may ask, such as 192.168.1.0/24; can be repeated [default: this machine alone]
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<Network>,
    /// Where to listen
    #[arg(long, default_value_t = worker::PORT)]
    port: u16,
    /// How many compilers at once [default: as many as there are processors]
    #[arg(long, short)]
    jobs: Option<usize>,
    /// Write systemd units for a permanent worker into this directory, and do not serve
    #[arg(long, value_name = "DIR")]
    units: Option<Utf8PathBuf>,
}

/// # Errors
/// See the README, "When it breaks".
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let settings = Workspace::here()?.settings;
    let host = arch::find(args.arch.as_deref().unwrap_or(&settings.architecture))?;
    let own = arch::build()?;
    machine::require_chroot(fx, own)?;
    let suite = args.suite.unwrap_or(settings.series.clone());
    let archive = Archive::of(fx, &settings, &suite, &[own], None)?;
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let Some(chroot) = serve::recipe(&archive, host)?.make(fx)? else {
        fx.ui.planned(&format!("distccd --port {} --jobs {jobs}", args.port));
        return Ok(());
    };
    let worker = serve::Worker { host, port: args.port, jobs, allow: &args.allow };
    let step = fx.ui.step("unpack the chroot");
    // Not only for this user: root serves as somebody else, and systemd too.
    let unpacked = Unpacked::shared(fx, &chroot.tar)?;
    step.done("");
    if let Some(to) = &args.units {
        return units(fx, &worker, unpacked, chroot.name(), to);
    }
    worker.run(fx, &unpacked, |compiler| {
        fx.ui.note(&format!("{compiler}, {jobs} at once, at port {}; Ctrl-C ends it", args.port));
    })
}

/// Puts the chroot and this program where they stay, and writes the units.
fn units(fx: &Effects, worker: &serve::Worker, unpacked: Unpacked, name: &str, to: &Utf8Path) -> Result<()> {
    let all = fx.shared_cache()?.join("workers");
    fx.create_open_dir(&all)?;
    let dir = all.join(name);
    unpacked.kept(fx, &dir)?;
    fx.write_program(dir.join("xtask"), fs_err::read(std::env::current_exe()?)?)?;
    fx.create_dir(to)?;
    fx.write(to.join(format!("{}.socket", unit::NAME)), unit::socket(worker))?;
    fx.write(to.join(format!("{}@.service", unit::NAME)), unit::service(worker, &dir))?;
    fx.ui.note("Nothing is installed. This does it:");
    let name = unit::NAME;
    fx.ui.data(&format!("sudo cp {to}/{name}.socket {to}/{name}@.service /etc/systemd/system/"));
    fx.ui.data(&format!("sudo systemctl daemon-reload && sudo systemctl enable --now {name}.socket"));
    Ok(())
}
