// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: parses the command line, makes the gate for effects, dispatches, reports a failure.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use xtask::commands::Cli;
use xtask::effects::{or_interrupted, Effects};
use xtask::error;
use xtask::ui::Ui;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) if usage.use_stderr() => usage.exit(),
        Err(help) => return print(&help.render()),
    };
    let (verbose, dry_run) = (cli.verbose, cli.dry_run);
    let code = Effects::new(Ui::new(verbose), dry_run).and_then(|fx| {
        let outcome = or_interrupted(cli.run(&fx));
        if let Err(e) = &outcome {
            fx.ui.failure(&error::sentence(e), error::hint(e));
        }
        // Destructors of everything that `run` held have been called: nothing stays behind.
        outcome.as_ref().map_or_else(|e| Ok(error::exit_code(e)), |()| fx.ui.written().map(|()| 0))
    });
    exit(code)
}

/// The text that `--help` or `--version` asks for.
fn print(text: &clap::builder::StyledStr) -> ExitCode {
    let ui = Ui::new(false);
    let text = if std::io::stdout().is_terminal() { text.ansi().to_string() } else { text.to_string() };
    ui.raw(&text);
    exit(ui.written().map(|()| 0))
}

fn exit(code: anyhow::Result<i32>) -> ExitCode {
    let code = code.unwrap_or_else(|e| {
        Ui::new(false).failure(&error::sentence(&e), error::hint(&e));
        error::exit_code(&e)
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
