// SPDX-License-Identifier: GPL-2.0-only
//! Check: the set has every package of its flavour, and whatever else of the same ABI they depend on.

use super::super::finding::Finding;
use super::super::set::Set;
use super::{releases, Expected};
use crate::formats::control::Relations;

const CHECK: &str = "complete";

pub(super) fn check(set: &Set, expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut all = releases(set);
    all.extend(expected.release.iter().filter(|r| !all.contains(r)).cloned().collect::<Vec<_>>());
    if all.is_empty() && set.broken.is_empty() {
        let why = "there is nothing that could boot";
        found.push(Finding::error(
            CHECK,
            "",
            "there is no package of a kernel release".into(),
            why,
            "name another directory",
        ));
    }
    for release in &all {
        let uname = release.uname();
        let common = |name: &str| name.starts_with("linux-") && name.ends_with(&format!("headers-{}", release.abi));
        let parts = [
            (
                "image",
                "nothing could boot",
                set.has(&format!("linux-image-unsigned-{uname}")) || set.has(&format!("linux-image-{uname}")),
            ),
            (
                "modules",
                "the kernel would find no driver that is not built in",
                set.has(&format!("linux-modules-{uname}")),
            ),
            (
                "headers",
                "no module could be compiled for it, DKMS's neither",
                set.has(&format!("linux-headers-{uname}")),
            ),
            ("buildinfo", "nobody could say later how it was built", set.has(&format!("linux-buildinfo-{uname}"))),
        ];
        let tools = ("tools", "perf and its kind were asked for", set.has(&format!("linux-tools-{uname}")));
        for (part, why, there) in parts.into_iter().chain(expected.tools.then_some(tools)) {
            if !there {
                found.push(missing(&format!("linux-{part}-{uname}"), why));
            }
        }
        if !set.packages.iter().any(|p| common(&p.name)) {
            found.push(missing(
                &format!("linux-headers-{}", release.abi),
                "the flavour's headers depend on it, so they could not be installed",
            ));
        }
    }
    found.extend(depends(set, &all.iter().map(|r| r.abi.clone()).collect::<Vec<_>>()));
    found
}

/// Is a package named after one of the ABIs?
pub(super) fn is_ours(name: &str, abis: &[String]) -> bool {
    abis.iter()
        .any(|abi| name.split_once(abi.as_str()).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('-')))
}

/// What is named after the ABI comes from nowhere else than from this set.
fn depends(set: &Set, abis: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in &set.packages {
        for field in ["Pre-Depends", "Depends"] {
            let text = package.fields.get(field).unwrap_or_default();
            let relations = match Relations::parse(&text) {
                Ok(relations) => relations,
                Err(e) => {
                    let why = "dpkg would refuse it";
                    found.push(Finding::error(
                        "control",
                        &package.name,
                        format!("{field}: {e}"),
                        why,
                        "build it again",
                    ));
                    continue;
                }
            };
            for entry in &relations.entries {
                let names: Vec<&str> = entry.alternatives.iter().map(|a| a.name.as_str()).collect();
                if names.iter().any(|n| is_ours(n, abis)) && !names.iter().any(|n| set.has(n)) {
                    let what = format!("it depends on {}, which is not in the set", names.join(" | "));
                    let why = "no archive has a package of this very ABI: it could not be installed";
                    found.push(Finding::error(
                        "depends",
                        &package.name,
                        what,
                        why,
                        "build the whole set, or add that package",
                    ));
                }
            }
        }
    }
    found
}

fn missing(name: &str, why: &'static str) -> Finding {
    Finding::error(CHECK, "", format!("{name} is missing"), why, "build the whole set, or add that package")
}
