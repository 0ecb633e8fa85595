// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations fmt`: the file in Ubuntu's own form.

use anyhow::Result;

use super::file::Which;
use crate::effects::{Did, Effects};

/// Save the file as Ubuntu's tool does: sorted, nothing said twice, comments lost
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    /// Would it change? Exit code 1 if so, and nothing is written
    #[arg(long)]
    check: bool,
}

/// # Errors
/// The file cannot be read or written; `--check`, and it would change.
pub fn run(fx: &Effects, args: Args) -> Result<()> {
    let opened = args.which.open()?;
    let text = opened.annotations.to_canonical();
    let name = &opened.name;
    if *text == *opened.text {
        fx.ui.note(&format!("{name} is as Ubuntu's tool saves it."));
        return Ok(());
    }
    if args.check {
        let first = text.lines().zip(opened.text.lines()).position(|(new, old)| new != old);
        let line = first.unwrap_or_else(|| text.lines().count().min(opened.text.lines().count())) + 1;
        fail!(Check, "{name} is not as Ubuntu's tool saves it, from line {line} on"; "cargo xtask annotations fmt -f {name}");
    }
    let comments = |text: &str| text.lines().filter(|line| line.trim_start().starts_with('#')).count();
    let lost = comments(&opened.text).saturating_sub(comments(&text));
    if opened.save(fx, &text)? == Did::Done {
        let how = if lost == 0 { String::new() } else { format!(" Lines of comment that are gone: {lost}.") };
        fx.ui.note(&format!("{name} is as Ubuntu's tool saves it now.{how}"));
    }
    Ok(())
}
