// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour show`: what a flavour is, and what it comes to.

use anyhow::{Context, Result};

use crate::commands::annotations::file::read;
use crate::effects::{repository, Effects};
use crate::flavour::existing;
use crate::fork::here;
use crate::formats::config::Config;
use crate::formats::vars::Vars;
use crate::settings::TINY;
use crate::ui::count;
use crate::workspace::{fragment_path, vars_path, Workspace};

/// Show a flavour: base, architectures, what it asks for, and how much differs from its base
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A flavour of the settings
    name: String,
}

/// # Errors
/// There is no such flavour; its files cannot be read.
pub fn run(fx: &Effects, workspace: &Workspace, args: Args) -> Result<()> {
    let name = args.name.as_str();
    let base = &workspace.settings.flavour(name)?.base;
    let (vars, fragment) = (vars_path(name), fragment_path(name));
    let metadata = Vars::parse(&read(&workspace.root.join(&vars))?).with_context(|| vars.clone())?;
    let asked = Config::parse(&read(&workspace.root.join(&fragment))?).with_context(|| fragment.clone())?;

    let row = |key: &str, value: &str| vec![key.to_owned(), value.to_owned()];
    let mut rows = vec![row("flavour", name), row("base", base), row("metadata", &vars), row("fragment", &fragment)];
    rows.extend(metadata.iter().map(|(key, value)| row(key, value)));
    let repo = repository(&workspace.root)?;
    let tree = here::tree(&repo)?;
    for arch in metadata.architectures() {
        let own = existing::config(&repo, tree, arch, name);
        let of = existing::based_on(&repo, tree, arch, base).unwrap_or_else(|_| base.clone());
        let size = match (own, existing::config(&repo, tree, arch, &of)) {
            (Ok(own), Ok(of_base)) if base != TINY => {
                format!("{}, {} of them other than {of}'s", count(own.len(), "symbol"), of_base.diff(&own).len())
            }
            (Ok(own), _) => count(own.len(), "symbol"),
            (Err(_), _) => "not generated yet".to_owned(),
        };
        rows.push(row(&format!("on {arch}"), &size));
    }
    fx.ui.table(&rows);
    fx.ui.data(&format!("\n{}", asked.to_text().trim_end()));
    Ok(())
}
