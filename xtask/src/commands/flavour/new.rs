// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask flavour new`: the three things that a flavour is, written where they belong.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;

use crate::arch;
use crate::commands::annotations::file::read;
use crate::deploy::{Running, Target};
use crate::effects::{repository, Did, Effects};
use crate::flavour::base::GENERIC;
use crate::flavour::existing;
use crate::flavour::from_config;
use crate::fork::here;
use crate::formats::config::{Config, Value, ValueKind};
use crate::formats::vars;
use crate::settings::{self, Settings, TINY};
use crate::ui::count;
use crate::workspace::{fragment_path, modules_path, vars_path, Workspace, SETTINGS};

/// Add a flavour: its metadata, its fragment, its line in the settings
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Lower-case letters, digits and `-`: it ends package names and `uname -r`
    name: String,
    /// The flavour under the fragment: one of the vendor's, or tiny [default: the running kernel's flavour with
    /// --from-host, else generic]
    #[arg(long)]
    base: Option<String>,
    /// Debian's name; more than one may be given [default: that of the machine with --from-host, else the settings']
    #[arg(long, value_name = "ARCH")]
    arch: Vec<String>,
    /// A fragment, or the .config of a running kernel, of which the difference from the base is taken
    #[arg(long, value_name = "FILE")]
    from_config: Option<Utf8PathBuf>,
    /// Like the kernel that this machine runs, asked over ssh: the difference from the base, and the modules that it loads
    #[arg(long, value_name = "HOST", conflicts_with_all = ["from_config", "from_running"])]
    from_host: Option<String>,
    /// The same of the kernel that runs here
    #[arg(long, conflicts_with = "from_config")]
    from_running: bool,
    /// A symbol that the flavour asks for
    #[arg(long = "set", value_name = "SYMBOL=VALUE")]
    set: Vec<String>,
}

/// # Errors
/// The name is bad or taken; there is no such base; a symbol or a value is none.
pub fn run(fx: &Effects, workspace: &Workspace, args: Args) -> Result<()> {
    let name = &args.name;
    vars::check_flavour(name)?;
    free(workspace, name)?;
    let repo = repository(&workspace.root)?;
    let tree = here::tree(&repo)?;
    if existing::is_vendors(&repo, tree, name)? {
        fail!(Input, "`{name}` is a flavour of the vendor's"; "take another name");
    }
    let running = running(fx, args.from_host.as_deref(), args.from_running)?;
    let arches = match &running {
        _ if !args.arch.is_empty() => args.arch.clone(),
        Some(running) => vec![running.architecture.clone()],
        None => vec![workspace.settings.architecture.clone()],
    };
    let arches = arches.iter().map(|a| arch::find(a)).collect::<Result<Vec<_>>>()?;
    let base = &match (&args.base, &running) {
        (Some(base), _) => base.clone(),
        (None, Some(running)) => base_of(workspace, &running.flavour()?),
        (None, None) => GENERIC.to_owned(),
    };
    for arch in &arches {
        existing::base(&repo, tree, &workspace.settings, arch.debian, base)?;
    }

    let of = |text: &str| from_config::fragment(fx, &repo, tree, arches[0], base, text);
    let mut fragment = match (&args.from_config, &running) {
        (Some(file), _) => of(&read(file)?).with_context(|| file.to_string())?,
        (None, Some(running)) => {
            fx.ui.note(&format!("     it runs {} ({})", running.release, running.architecture));
            of(&running.config)?
        }
        (None, None) => Config::default(),
    };
    for asked in &args.set {
        let (symbol, value) = setting(asked)?;
        fragment.set(&symbol, value)?;
    }
    let metadata = existing::metadata(&repo, tree, name, base, &arches)?;
    let head = format!(
        "# SPDX-License-Identifier: GPL-2.0-only\n# What the {name} flavour asks for on top of {base}.\n{}",
        if fragment.is_empty() { "" } else { "\n" }
    );
    let settings_file = workspace.root.join(SETTINGS);
    let mut files = vec![(vars_path(name), metadata), (fragment_path(name), head + &fragment.to_text())];
    files.extend(running.and_then(|running| running.modules).map(|listing| (modules_path(name), listing)));
    let modules = files.get(2).map(|(path, _)| path.as_str());
    let settings = settings::with_flavour(&read(&settings_file)?, name, base, modules)?;
    Settings::parse(&settings)?;

    for (path, text) in &files {
        let path = workspace.root.join(path);
        fx.create_dir(path.parent().context("a file has a directory")?)?;
        fx.write(&path, text)?;
    }
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    // Last: with this line the flavour is there.
    if fx.write(&settings_file, settings)? == Did::Done {
        let next = existing::next(&repo, tree)?;
        fx.ui.note(&format!(
            "Flavour {name}: {base} and {}. Look at {}, then:",
            count(fragment.len(), "symbol"),
            paths.join(" and ")
        ));
        fx.ui.note(&format!("  git add --force {SETTINGS} {}", paths.join(" ")));
        fx.ui.note(&format!("  git commit --message '{name}: a flavour'"));
        fx.ui.note(&format!("  {next}"));
    }
    Ok(())
}

/// The kernel that the flavour is to be like, where one is named.
fn running(fx: &Effects, host: Option<&str>, here: bool) -> Result<Option<Running>> {
    match host {
        Some(host) => Running::of(&Target::new(fx, host)?).map(Some),
        None if here => Running::here(fx).map(Some),
        None => Ok(None),
    }
}

/// The base of a flavour that a machine runs: it may be one of this fork's own.
fn base_of(workspace: &Workspace, flavour: &str) -> String {
    workspace.settings.flavours.get(flavour).map_or(flavour, |own| &own.base).to_owned()
}

/// Refuses a name that something else has.
fn free(workspace: &Workspace, name: &str) -> Result<()> {
    if name == TINY {
        fail!(Input, "`{TINY}` is a base, and no name for a flavour"; "take another name");
    }
    if workspace.settings.flavours.contains_key(name) {
        fail!(Input, "there is a flavour `{name}` already"; "`cargo xtask flavour show {name}` shows it");
    }
    for path in [vars_path(name), fragment_path(name), modules_path(name)] {
        if workspace.root.join(&path).exists() {
            fail!(Input, "{path} is there already, and no flavour's of the settings"; "take another name");
        }
    }
    Ok(())
}

/// `NO_HZ_FULL=y`, with or without `CONFIG_`.
fn setting(asked: &str) -> Result<(String, Value)> {
    let Some((symbol, value)) = asked.split_once('=') else {
        fail!(Input, "`--set {asked}` sets nothing"; "for example `--set NO_HZ_FULL=y`");
    };
    let value = Value::parse(value)?;
    if value.kind() == ValueKind::Other {
        fail!(Input, "`--set {asked}`: a value is y, m, n, a number, or a text in double quotes";
            "the shell takes one pair of quotes: `--set '{symbol}=\"text\"'`");
    }
    Ok((symbol.strip_prefix("CONFIG_").unwrap_or(symbol).to_owned(), value))
}
