// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask farm check`: are the workers there, and do they have one and the same compiler?

use std::time::Instant;

use anyhow::Result;

use crate::arch;
use crate::build::farm::probe::{self, Compiler};
use crate::build::farm::worker::Worker;
use crate::effects::Effects;
use crate::error::sentence;
use crate::workspace::Workspace;

/// Ask workers which compiler they have, and whether it is one and the same
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workers, as for `build --farm`
    #[arg(required = true, value_delimiter = ',', value_name = "HOST/SLOTS")]
    workers: Vec<Worker>,
    /// Architecture that they compile for [default: the settings' `architecture`]
    #[arg(long)]
    arch: Option<String>,
}

/// # Errors
/// One of them is not there or has another compiler (a check that says no).
pub fn run(fx: &Effects, args: &Args) -> Result<()> {
    let settings = Workspace::here()?.settings;
    let host = arch::find(args.arch.as_deref().unwrap_or(&settings.architecture))?;
    let program = probe::program(host);
    let mut rows = vec![["WORKER", "COMPILER", "TIME"].map(str::to_owned).to_vec()];
    let mut compilers: Vec<Compiler> = Vec::new();
    let mut bad = 0;
    for worker in &args.workers {
        let start = Instant::now();
        match probe::of_worker(worker, &program) {
            Ok(compiler) => {
                rows.push(vec![
                    worker.to_string(),
                    compiler.to_string(),
                    format!("{} ms", start.elapsed().as_millis()),
                ]);
                bad += u32::from(compiler.target != host.triplet);
                compilers.push(compiler);
            }
            Err(e) => {
                rows.push(vec![worker.to_string(), "-".to_owned(), "-".to_owned()]);
                fx.ui.warn(&sentence(&e));
                bad += 1;
            }
        }
    }
    fx.ui.table(&rows);
    compilers.dedup();
    if bad > 0 || compilers.len() > 1 {
        fail!(Check, "these workers cannot compile one kernel for {}", host.debian;
            "`cargo xtask farm serve --arch {} --suite SUITE` on each gives the same compiler", host.debian);
    }
    Ok(())
}
