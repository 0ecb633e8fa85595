// SPDX-License-Identifier: GPL-2.0-only
//! Running sbuild: rootless, without network, free of the person's own configuration.

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use xshell::cmd;

use super::progress::Progress;
use super::source::{NAME, RULES};
use crate::arch::{Arch, QEMU_CPU};
use crate::effects::{Did, Effects, Run};
use crate::error::{Failure, Kind};
use crate::formats::sbuild::Sbuild as Abilities;

/// Where sbuild builds, inside.
pub const PLACE: &str = "/build/fork";

/// The sbuild of this machine.
pub struct Builder {
    pub abilities: Abilities,
}

impl Builder {
    /// Asks it.
    ///
    /// # Errors
    /// It is too old.
    pub fn here(fx: &Effects) -> Result<Self> {
        let said = match which::which("sbuild") {
            Ok(_) => fx.read(cmd!(fx.sh, "sbuild --version"))?.text(),
            // Only a dry run comes here without one.
            Err(_) => return Ok(Self { abilities: Abilities::newest() }),
        };
        let hint = "it is a package without architecture: that of Debian 12 or Ubuntu 24.04 installs on older ones too";
        let abilities = Abilities::parse(&said)
            .map_err(|e| anyhow::Error::from(e).context(Failure::new(Kind::Machine, "cannot build").hint(hint)))?;
        Ok(Self { abilities })
    }

    /// Fails where something was `asked` for that it cannot do.
    ///
    /// # Errors
    /// As said.
    pub fn has(&self, asked: bool, what: &str) -> Result<()> {
        if asked && !self.abilities.binds {
            fail!(Machine, "{what} need a directory of this machine inside the build, which sbuild {} has no way to do", self.abilities.version;
                "sbuild 0.82 or newer has; that of Debian 12 or Ubuntu 24.04 installs on older ones too");
        }
        Ok(())
    }
}

/// One run.
pub struct Job<'a> {
    pub dsc: &'a Utf8Path,
    /// None where it is built on the machine itself.
    pub chroot: Option<&'a Utf8Path>,
    /// Architecture of the chroot's programs.
    pub build: &'a Arch,
    pub host: &'a Arch,
    pub suite: &'a str,
    pub variables: &'a [String],
    pub jobs: usize,
    /// Directories that the chroot gets to see, each with the place where.
    pub mounts: &'a [(Utf8PathBuf, &'static str)],
    /// Commands for the chroot's root, right before the build and after it.
    pub commands: (Option<&'static str>, Option<&'static str>),
    pub abilities: &'a Abilities,
    /// Where the unpacked chroot and other things of the moment go; the stand-in for the tree is there.
    pub scratch: &'a Utf8Path,
    /// Where the packages go.
    pub out: &'a Utf8Path,
    /// Where all that is said goes.
    pub log: &'a Utf8Path,
}

/// Builds in a chroot.
///
/// # Errors
/// The build fails ([`Kind::Build`]).
pub fn run(fx: &Effects, job: &Job, progress: &mut Progress) -> Result<Did> {
    let Job { scratch, out, log, .. } = job;
    for dir in ["home", "unpacked"] {
        fs::create_dir_all(scratch.join(dir))?;
    }
    let unpacked = scratch.join("unpacked");
    let configuration = scratch.join("sbuild.conf");
    fs::write(&configuration, configuration_text(&unpacked, job))?;
    let home = scratch.join("home");
    let chroot = job.chroot.context("sbuild builds in a chroot")?;
    let (dsc, suite) = (job.dsc, job.suite);
    let (build, host) = (job.build.debian, job.host.debian);
    // sbuild hands this on as one word.
    let rules = format!("--debbuildopt=-Rmake -f {RULES} {}", job.variables.join(" "));
    let folder = job.abilities.names_folder.then(|| format!("--dsc-dir={NAME}"));
    let before = job.commands.0.map(|c| format!("--starting-build-commands={c}"));
    let after = job.commands.1.map(|c| format!("--finished-build-commands={c}"));
    let sbuild = cmd!(
        fx.sh,
        "sbuild --chroot-mode=unshare --chroot={chroot} --build={build} --host={host} --dist={suite} --arch-all --arch-any
         --build-dep-resolver=null --no-apt-update --no-apt-upgrade --no-apt-distupgrade --no-run-lintian
         --build-dir={out} --build-path={PLACE} {folder...} {rules} {before...} {after...} {dsc} --verbose"
    )
    .env("SBUILD_CONFIG", configuration)
    .env("HOME", home)
    .env("TMPDIR", &unpacked)
    .env("LC_ALL", "C.UTF-8")
    .env("DEB_BUILD_OPTIONS", format!("parallel={}", job.jobs));
    // Where the log is by then, and what it says, is the caller's matter.
    let hint = "the first `error:` or `Error` in the log is most often the one that counts";
    fx.change(out, Run::from(sbuild).ends_with_us().or(Kind::Build, hint).log(*log).watch(|line| progress.line(line)))
}

/// Perl, as sbuild wants it. Our own paths are the only thing that comes in, quoted for Perl.
fn configuration_text(unpacked: &Utf8Path, job: &Job) -> String {
    let quote = |path: &Utf8Path| path.as_str().replace('\\', "\\\\").replace('\'', "\\'");
    let template = quote(&unpacked.join("sbuild.XXXXXXXXXX"));
    let mounts: Vec<String> = job
        .mounts
        .iter()
        .map(|(from, to)| format!("{{ directory => '{}', mountpoint => '{to}' }}", quote(from)))
        .collect();
    let mut more = String::new();
    if job.abilities.binds {
        more.push_str(&format!("$unshare_bind_mounts = [ {} ];\n", mounts.join(", ")));
    }
    if job.abilities.makes_chroots {
        more.push_str("$unshare_mmdebstrap_auto_create = 0;\n");
    }
    format!(
        "$chroot_mode = 'unshare';\n$unshare_tmpdir_template = '{template}';\n{more}$build_dep_resolver = 'null';\n\
         $apt_update = 0; $apt_upgrade = 0; $apt_distupgrade = 0; $apt_clean = 0;\n\
         $run_lintian = 0; $run_piuparts = 0; $run_autopkgtest = 0;\n\
         $purge_build_directory = 'always'; $purge_build_deps = 'never'; $purge_session = 'always';\n\
         $clean_source = 0;\n$log_colour = 0;\n$nolog = 1;\n\
         $environment_filter = ['^PATH$', '^DEB_BUILD_OPTIONS$', '^LC_ALL$', '^TERM$', '^{QEMU_CPU}$'];\n1;\n"
    )
}

/// The packages in a directory, by name.
///
/// # Errors
/// The directory cannot be read.
pub fn packages(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let entries = dir.read_dir_utf8().with_context(|| format!("cannot read {dir}"))?;
    let mut debs: Vec<Utf8PathBuf> =
        entries.flatten().map(|e| e.into_path()).filter(|p| p.extension() == Some("deb")).collect();
    debs.sort();
    Ok(debs)
}
