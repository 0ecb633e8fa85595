// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: parses the command line, makes the gate for effects, dispatches, reports a failure.

use std::process::ExitCode;

use clap::Parser;
use xtask::commands::Cli;
use xtask::effects::Effects;
use xtask::error;
use xtask::ui::Ui;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let (verbose, dry_run) = (cli.verbose, cli.dry_run);
    let outcome = Effects::new(Ui::new(verbose), dry_run).map(|fx| {
        let outcome = cli.run(&fx);
        if let Err(e) = &outcome {
            fx.ui.failure(&error::sentence(e), error::hint(e));
        }
        // Destructors of everything that `run` held have been called: nothing stays behind.
        outcome.as_ref().map_or_else(error::exit_code, |()| 0)
    });
    match outcome {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(e) => {
            Ui::new(false).failure(&error::sentence(&e), error::hint(&e));
            ExitCode::from(u8::try_from(error::exit_code(&e)).unwrap_or(1))
        }
    }
}
