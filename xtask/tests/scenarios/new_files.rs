// SPDX-License-Identifier: GPL-2.0-only
//! Files that a lab adds to the tree, and trees at odd places.

use crate::lab::{codename, Lab, TAG};

#[test]
fn a_new_file_that_git_hides_is_named_before_it_is_missing_from_the_kernel() {
    let lab = Lab::new();
    let url = lab.vendor();
    // As in the trees that Debian's packages hold.
    lab.write("vendor/.gitignore", "/*\n");
    lab.git("vendor", &["add", "--force", ".gitignore"]);
    lab.git("vendor", &["commit", "--quiet", "--amend", "--no-edit"]);
    lab.git("vendor", &["tag", "--force", "--annotate", "--message", TAG, TAG]);
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename()]).ok();
    let build = ["--dry-run", "build", "arm64", "--cross", "--flavour", "slim"];
    assert!(!lab.xtask(&build).ok().stderr.contains("not committed"));
    assert!(!lab.xtask(&[]).ok().stdout.contains("not committed"));

    lab.write("kernel/drivers/lab/lab.c", "int lab;\n");
    lab.write("kernel/drivers/lab/lab.o", "");
    lab.write("kernel/fresh/Kconfig", "config FRESH\n");
    assert_eq!(lab.git("kernel", &["status", "--porcelain"]), "", "the rule hides them from git");
    let said = lab.xtask(&build).says(&["`drivers/lab/lab.c`, `fresh/Kconfig` not committed", "git add --force"]);
    assert!(!said.stderr.contains("lab.o"), "{}", said.stderr);
    assert!(lab.xtask(&[]).ok().stdout.contains("drivers/lab/lab.c"));

    lab.git("kernel", &["add", "--force", "drivers/lab/lab.c", "fresh/Kconfig"]);
    lab.xtask(&build).says(&["not committed"]);
    lab.git("kernel", &["commit", "--quiet", "--message", "drivers: lab"]);
    assert!(!lab.xtask(&[]).ok().stdout.contains("not committed"));
}

#[test]
fn a_colon_in_the_path_of_a_fork_is_a_character() {
    let lab = Lab::new();
    let url = lab.vendor();
    lab.xtask(&["fork", TAG, "--url", &url, "--series", &codename(), "--into", "../a:b\"c"]).ok();
    lab.write("vendor/lib/news.txt", "6.1.43\n");
    lab.tag("vendor", "v6.1.43");
    lab.xtask_at("a:b\"c", &["rebase", "v6.1.43"]).ok();
    assert_eq!(lab.git("a:b\"c", &["fsck", "--full", "--no-dangling"]), "");
}
