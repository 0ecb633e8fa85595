// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask farm serve`: this machine compiles for others, until it is interrupted.

use anyhow::Result;

use crate::arch;
use crate::build::archive::Archive;
use crate::build::farm::{serve, worker};
use crate::effects::Effects;
use crate::machine;
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
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    allow: Vec<String>,
    /// Where to listen
    #[arg(long, default_value_t = worker::PORT)]
    port: u16,
    /// How many compilers at once [default: as many as there are processors]
    #[arg(long, short)]
    jobs: Option<usize>,
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
    let step = fx.ui.step("unpack the chroot");
    let chroot = chroot.unpack(fx)?;
    step.done("");
    let worker = serve::Worker { host, port: args.port, jobs, allow: &args.allow };
    worker.run(fx, &chroot, |compiler| {
        fx.ui.note(&format!("{compiler}, {jobs} at once, at port {}; Ctrl-C ends it", args.port));
    })
}

/// distccd would take a name, and resolve it, too.
fn network(text: &str) -> Result<String, String> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
    let address: std::net::IpAddr = address.parse().map_err(|_| "an address, or ADDRESS/BITS".to_owned())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if bits.is_some_and(|b| b.parse::<u8>().map_or(true, |b| b > most)) {
        return Err(format!("BITS is a number up to {most}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn networks() {
        for good in ["10.0.0.1", "192.168.1.0/24", "fe80::/10"] {
            assert_eq!(network(good).unwrap(), good);
        }
        for bad in ["", "lab", "10.0.0.0/33", "10.0.0.0/x", "fe80::/129"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
