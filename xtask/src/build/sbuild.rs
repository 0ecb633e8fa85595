// SPDX-License-Identifier: GPL-2.0-only
//! Running sbuild: rootless, without network, free of the person's own configuration.

use std::fs;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use super::progress::Progress;
use super::source::{NAME, RULES};
use crate::arch::Arch;
use crate::effects::{Did, Effects, Run};
use crate::error::Kind;

/// One run.
pub struct Job<'a> {
    pub dsc: &'a Utf8Path,
    pub chroot: &'a Utf8Path,
    /// Architecture of the chroot's programs.
    pub build: &'a Arch,
    pub host: &'a Arch,
    pub suite: &'a str,
    pub variables: &'a [String],
    pub jobs: usize,
    /// Directories that the chroot gets to see, each with the place where.
    pub mounts: &'a [(Utf8PathBuf, &'static str)],
}

/// Builds into the directory `out` with the log in `log`; `scratch` takes the unpacked chroot.
///
/// # Errors
/// The build fails ([`Kind::Build`]).
pub fn run(
    fx: &Effects,
    job: &Job,
    scratch: &Utf8Path,
    out: &Utf8Path,
    log: &Utf8Path,
    progress: &mut Progress,
) -> Result<Did> {
    for dir in ["home", "unpacked"] {
        fs::create_dir_all(scratch.join(dir))?;
    }
    let unpacked = scratch.join("unpacked");
    let configuration = scratch.join("sbuild.conf");
    fs::write(&configuration, configuration_text(&unpacked, job.mounts))?;
    let home = scratch.join("home");
    let (chroot, dsc, suite) = (job.chroot, job.dsc, job.suite);
    let (build, host) = (job.build.debian, job.host.debian);
    // sbuild hands this on as one word.
    let rules = format!("--debbuildopt=-Rmake -f {RULES} {}", job.variables.join(" "));
    let sbuild = cmd!(
        fx.sh,
        "sbuild --chroot-mode=unshare --chroot={chroot} --build={build} --host={host} --dist={suite} --arch-all --arch-any
         --build-dep-resolver=null --no-apt-update --no-apt-upgrade --no-apt-distupgrade --no-run-lintian
         --build-dir={out} --build-path=/build/fork --dsc-dir={NAME} {rules} {dsc} --verbose"
    )
    .env("SBUILD_CONFIG", configuration)
    .env("HOME", home)
    .env("TMPDIR", &unpacked)
    .env("LC_ALL", "C.UTF-8")
    .env("DEB_BUILD_OPTIONS", format!("parallel={}", job.jobs));
    let hint = format!("the log is {log}; the first `error:` or `Error` in it is most often the one that counts");
    fx.change(out, Run::from(sbuild).or(Kind::Build, hint).log(log).watch(|line| progress.line(line)))
}

/// Perl, as sbuild wants it. Our own paths are the only thing that comes in, quoted for Perl.
fn configuration_text(unpacked: &Utf8Path, mounts: &[(Utf8PathBuf, &str)]) -> String {
    let quote = |path: &Utf8Path| path.as_str().replace('\\', "\\\\").replace('\'', "\\'");
    let template = quote(&unpacked.join("sbuild.XXXXXXXXXX"));
    let mounts: String = mounts
        .iter()
        .map(|(from, to)| format!("{{ directory => '{}', mountpoint => '{to}' }}, ", quote(from)))
        .collect();
    format!(
        "$chroot_mode = 'unshare';\n$unshare_tmpdir_template = '{template}';\n$unshare_bind_mounts = [ {mounts}];\n$build_dep_resolver = 'null';\n\
         $apt_update = 0; $apt_upgrade = 0; $apt_distupgrade = 0; $apt_clean = 0;\n\
         $run_lintian = 0; $run_piuparts = 0; $run_autopkgtest = 0;\n\
         $purge_build_directory = 'always'; $purge_build_deps = 'never'; $purge_session = 'always';\n\
         $clean_source = 0;\n$log_colour = 0;\n$nolog = 1;\n\
         $environment_filter = ['^PATH$', '^DEB_BUILD_OPTIONS$', '^LC_ALL$', '^TERM$'];\n1;\n"
    )
}

/// The packages in a directory, by name.
///
/// # Errors
/// The directory cannot be read.
pub fn packages(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut debs: Vec<Utf8PathBuf> =
        dir.read_dir_utf8()?.flatten().map(|e| e.into_path()).filter(|p| p.extension() == Some("deb")).collect();
    debs.sort();
    Ok(debs)
}
