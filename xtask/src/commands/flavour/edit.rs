// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour edit`: the kernel's own menus on a flavour, and what was changed in its fragment.

use anyhow::{Context, Result};

use crate::arch;
use crate::commands::annotations::file::read;
use crate::effects::{repository, Did, Effects};
use crate::flavour::edit::{menus, Edited};
use crate::flavour::existing;
use crate::fork::here;
use crate::formats::config::{Config, Value};
use crate::formats::fragment;
use crate::formats::vars::Vars;
use crate::ui::count;
use crate::workspace::{fragment_path, vars_path, Workspace};

/// Change a flavour in the kernel's own menus; the fragment then asks for what was changed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A flavour of the settings
    name: String,
    /// As which architecture its menus are shown [default: the settings', where the flavour is for it]
    #[arg(long)]
    arch: Option<String>,
    /// `make nconfig` in place of `make menuconfig`
    #[arg(long)]
    nconfig: bool,
}

/// # Errors
/// There is no such flavour; Kconfig refuses its fragment; the menus cannot be shown.
pub fn run(fx: &Effects, workspace: &Workspace, args: Args) -> Result<()> {
    let name = args.name.as_str();
    let setting = workspace.settings.flavour(name)?;
    let vars = Vars::parse(&read(&workspace.root.join(vars_path(name)))?).with_context(|| vars_path(name))?;
    let arches: Vec<&str> = vars.architectures().collect();
    let default = workspace.settings.architecture.as_str();
    let arch = match &args.arch {
        Some(arch) => arch,
        None if arches.contains(&default) => default,
        None => arches.first().copied().unwrap_or(default),
    };
    if !arches.contains(&arch) {
        fail!(Input, "flavour `{name}` is not for {arch}"; "it is for {}", arches.join(", "));
    }
    let path = fragment_path(name);
    let file = workspace.root.join(&path);
    let text = read(&file)?;
    let fragment = Config::parse(&text).with_context(|| path.clone())?;
    let repo = repository(&workspace.root)?;
    let tree = here::tree(&repo)?;
    let edited =
        Edited { repo: &repo, tree, arch: arch::find(arch)?, flavour: name, base: &setting.base, fragment: &fragment };
    let target = if args.nconfig { "nconfig" } else { "menuconfig" };
    let Some(changes) = menus(fx, &edited, target, &file)? else { return Ok(()) };
    if changes.fragment.is_empty() {
        fx.ui.note(&format!("{path} stays as it is."));
        return Ok(());
    }
    let shown = |value: Option<&Value>| value.map_or("-", Value::as_str).to_owned();
    let mut rows = vec![["SYMBOL", "WAS", "IS"].map(str::to_owned).to_vec()];
    rows.extend(changes.config.iter().map(|(s, was, is)| vec![s.clone(), shown(was.as_ref()), shown(is.as_ref())]));
    fx.ui.table(&rows);
    if fx.write(&file, fragment::with(&text, &changes.fragment)?)? == Did::Done {
        let n = changes.fragment.len();
        let changed = if n == 1 { "has" } else { "have" };
        fx.ui.note(&format!("{} of {path} {changed} changed. Next:", count(n, "line")));
        fx.ui.note(&format!("  git commit --message '{name}: …' -- {path}"));
        fx.ui.note(&format!("  {}", existing::next(&repo, tree)?));
    }
    Ok(())
}
