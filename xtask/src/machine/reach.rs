// SPDX-License-Identifier: GPL-2.0-only
//! What is fetched from: mirrors and the vendor's repository. Only `doctor` asks, since it takes a network;
//! whoever fetches finds out anyway.

use anyhow::Result;
use xshell::cmd;

use super::{Need, State, Use};
use crate::effects::{Effects, Run};

/// Seconds that a server has to answer.
const PATIENCE: &str = "15";

/// Does every archive of these one-line apt sources answer? Asked by apt itself, so with its proxy and
/// certificates.
///
/// # Errors
/// No scratch directory can be made.
pub fn mirrors(fx: &Effects, sources: &[String]) -> Result<Need> {
    let scratch = fx.scratch("mirror")?;
    let (file, mut bad) = (scratch.join("InRelease"), Vec::new());
    let mut hosts: Vec<&str> = Vec::new();
    for source in sources {
        let words: Vec<&str> = source.split(' ').filter(|w| !w.starts_with('[')).collect();
        let [_, address, suite, ..] = words.as_slice() else { continue };
        if !hosts.contains(address) {
            hosts.push(address);
        }
        let url = format!("{address}/dists/{suite}/InRelease");
        let (http, https) =
            (format!("Acquire::http::Timeout={PATIENCE}"), format!("Acquire::https::Timeout={PATIENCE}"));
        let helper = cmd!(
            fx.sh,
            "/usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=0 -o {http} -o {https} download-file {url} {file}"
        );
        if !fx.read(Run::from(helper).any_status())?.status.success() {
            bad.push(url);
        }
    }
    if bad.is_empty() {
        return Ok(Need::ok("mirrors", Use::BUILDS, hosts.join(", ")));
    }
    Ok(Need::missing("mirrors", Use::BUILDS, format!("no answer from {}, so no chroot can be made", bad.join(", ")))
        .hint("`archive`, `ports` and `security` of [workspace.metadata.fork.distributions.…] name nearer ones; apt's proxy is used"))
}

/// Has the vendor's repository the tag?
///
/// # Errors
/// git cannot be started.
pub fn vendor(fx: &Effects, url: &str, tag: &str) -> Result<Need> {
    let reference = format!("refs/tags/{tag}");
    let low = ["-c", "http.lowSpeedLimit=1", "-c"];
    let time = format!("http.lowSpeedTime={PATIENCE}");
    let ask =
        cmd!(fx.sh, "git {low...} {time} ls-remote --exit-code {url} {reference}").env("GIT_TERMINAL_PROMPT", "0");
    // The whole address would not fit on a line, and the settings have it.
    let host =
        url.split_once("://").map_or(url, |(_, rest)| rest.split('/').next().filter(|h| !h.is_empty()).unwrap_or(rest));
    if fx.read(Run::from(ask).any_status())?.status.success() {
        return Ok(Need::ok("vendor", &[], format!("{host} has {tag}")));
    }
    // What is forked already can be built without it.
    Ok(Need::new("vendor", &[], State::Advice, format!("{host} does not give {tag}: fork, rebase and tags need it"))
        .hint("setting `url`, or --url, names a mirror of it"))
}
