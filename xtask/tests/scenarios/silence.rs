// SPDX-License-Identifier: GPL-2.0-only
//! Without a terminal: what goes on is told from time to time, since CI systems end jobs that are silent.

use crate::lab::Lab;

#[test]
fn a_build_tells_how_far_it_is() {
    let lab = Lab::new();
    lab.forked();
    let out = lab.path("packages").display().to_string();
    let args = ["build", "arm64", "--cross", "--flavour", "slim", "--out", &out];
    // Whatever is seen, and not what is new after a minute.
    let said = lab.xtask_with(&[("KERNEL_FORK_PROGRESS", "0")], &args).ok().stderr;
    let tells = |begin: &str, words: &str| said.lines().any(|l| l.starts_with(begin) && l.contains(words));
    assert!(tells("  .. build slim 6.1.42-1.1+lab (cross): compile: ", " objects ("), "{said}");
    assert!(tells("  .. build slim 6.1.42-1.1+lab (cross): make packages: ", " objects ("), "{said}");
    assert!(tells("  .. read the packages: ", "linux-image-unsigned"), "{said}");
    // As often as nobody asked: once a minute, which this is not.
    let said = lab.xtask(&["audit", &out]).ok().stderr;
    assert!(!said.contains(".. read the packages: "), "{said}");
}
