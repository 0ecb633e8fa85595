// SPDX-License-Identifier: GPL-2.0-only
//! The oldest supported Rust, `rust-version`: dependencies compile with it, and every file that names it agrees.

use std::path::{Path, PathBuf};
use std::process::Command;

const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// Major and minor version as numbers.
fn release(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().expect("a Rust version"));
    (numbers.next().expect("a major version"), numbers.next().unwrap_or(0))
}

#[test]
fn no_locked_dependency_wants_a_newer_one() {
    let metadata = Command::new("cargo")
        .args(["metadata", "--locked", "--format-version=1"])
        .current_dir(top())
        .output()
        .expect("cargo starts");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.iter().any(|p| p["name"] == "proptest"), "dev-dependencies are among them");
    let newer = packages.iter().filter_map(|package| {
        let wants = package["rust_version"].as_str()?;
        (release(wants) > release(OLDEST)).then(|| format!("{} {} wants {wants}", package["name"], package["version"]))
    });
    let newer: Vec<String> = newer.collect();
    assert!(newer.is_empty(), "Rust {OLDEST} does not compile Cargo.lock; `cargo update CRATE` mends it: {newer:#?}");
}

#[test]
fn every_file_that_names_it_agrees() {
    for (file, words) in [
        ("README.md", "Rust OLDEST or newer"),
        ("README.md", "requires rustc OLDEST"),
        ("ci/Containerfile", "--default-toolchain OLDEST "),
        (".github/workflows/checks.yml", "RUSTUP_TOOLCHAIN: \"OLDEST\""),
    ] {
        let words = words.replace("OLDEST", OLDEST);
        let text = std::fs::read_to_string(top().join(file)).expect(file);
        assert!(text.contains(&words), "{file} has no `{words}`");
    }
}
