// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask annotations`.

use std::fs;

use crate::lab::Lab;

const TEXT: &str = "\
# Menu: HEADER
# FORMAT: 4
# ARCH: amd64 arm64
# FLAVOUR: amd64-generic arm64-generic arm64-64k

CONFIG_NO_HZ_IDLE                               policy<{'amd64': 'y', 'arm64': 'y'}>
CONFIG_NO_HZ_IDLE                               note<'no tick when idle'>


# ---- Annotations without notes ----

CONFIG_CMDLINE                                  policy<{'amd64': '\"\"', 'arm64': '\"console=ttyAMA0\"'}>
CONFIG_GCC_VERSION                              policy<{'amd64': '90400', 'arm64': '90400'}>
CONFIG_HZ                                       policy<{'amd64': '250', 'arm64-64k': '100', 'arm64-generic': '250'}>
CONFIG_NO_HZ_FULL                               policy<{'amd64': 'n', 'arm64': 'n'}>
";

const CONFIG: &str = "\
CONFIG_NO_HZ_IDLE=y
CONFIG_CMDLINE=\"console=ttyAMA0\"
CONFIG_GCC_VERSION=90400
CONFIG_HZ=250
# CONFIG_NO_HZ_FULL is not set
";

const FILE: &str = "tree/debian.master/config/annotations";

/// A lab with a kernel tree that is no fork, and its annotations.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("tree/debian/debian.env", "DEBIAN=debian.master\n");
    lab.write(FILE, TEXT);
    lab
}

const F: &str = "../tree/debian.master/config/annotations";
const GENERIC: [&str; 6] = ["-f", F, "--arch", "arm64", "--flavour", "generic"];

fn with<'a>(action: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    ["annotations", action].into_iter().chain(GENERIC).chain(more.iter().copied()).collect()
}

#[test]
fn export_and_query_answer_as_ubuntu_s_tool() {
    let lab = lab();
    assert_eq!(lab.xtask(&with("export", &[])).ok().stdout, CONFIG);
    // The short options and the default flavour are that tool's too.
    let short = ["annotations", "export", "-f", F, "-a", "arm64", "-c", "CONFIG_HZ"];
    assert_eq!(lab.xtask(&short).ok().stdout, "CONFIG_HZ=250\n");
    let one = lab.xtask(&["annotations", "query", "-f", F, "-a", "arm64", "-l", "64k", "-c", "HZ"]).ok();
    assert_eq!(one.stdout, "{\n  \"CONFIG_HZ\": \"100\"\n}\n");
    assert_eq!(lab.xtask(&["annotations", "query", "-f", F, "-c", "NONE"]).ok().stdout, "null\n");
    let all = lab.xtask(&["annotations", "query", "-f", F]).ok().stdout;
    assert!(
        all.contains("\"CONFIG_NO_HZ_IDLE\": {\"policy\": {\"amd64\": \"y\", \"arm64\": \"y\"}, \"note\":"),
        "{all}"
    );
}

#[test]
fn the_tree_s_own_file_needs_no_name() {
    let lab = lab();
    lab.xtask(&["annotations", "export", "--arch", "arm64"]).fails(3, &["no packaging of Ubuntu's", "--file"]);
    lab.write("kernel/debian/debian.env", "DEBIAN=debian.aws\n");
    lab.xtask(&["annotations", "export", "--arch", "arm64"]).fails(3, &["no debian.aws/config/annotations"]);
    lab.write("kernel/debian.aws/config/annotations", TEXT);
    assert_eq!(lab.xtask_at("kernel/xtask", &["annotations", "export", "--arch", "arm64"]).ok().stdout, CONFIG);
}

#[test]
fn check_says_what_changed_and_exits_with_1() {
    let lab = lab();
    lab.write("good", CONFIG);
    let good = lab.xtask(&with("check", &["../good"])).ok().stdout;
    assert_eq!(good, format!("check-config: loading annotations from {F}\ncheck-config: all good\n"));
    // Which compiler it was is no difference.
    let changed = CONFIG.replace("HZ=250", "HZ=100").replace("90400", "120200").replace("CONFIG_NO_HZ_IDLE=y\n", "");
    lab.write("changed", &changed);
    let said = lab.xtask(&with("check", &["../changed"])).fails(1, &["2 symbols", "hint:"]).stdout;
    let want = "\
check-config: CONFIG_HZ changed from 250 to 100: policy<{'amd64': '250', 'arm64-64k': '100', 'arm64-generic': '250'}>)
check-config: CONFIG_NO_HZ_IDLE changed from y to -: policy<{'amd64': 'y', 'arm64': 'y'}>)
check-config: 2 config options have been changed, review them with `git diff`
";
    assert_eq!(said.split_once('\n').expect("lines").1, want);
}

#[test]
fn a_file_without_generic_answers_for_the_architecture() {
    let lab = lab();
    lab.edit(FILE, "amd64-generic arm64-generic arm64-64k", "amd64-aws arm64-aws");
    lab.edit(FILE, "'arm64-64k': '100', 'arm64-generic': '250'", "'arm64': '250', 'arm64-aws': '100'");
    let query = |more: &[&str]| lab.xtask(&[&["annotations", "query", "-f", F, "-c", "HZ", "-a"], more].concat());
    assert_eq!(query(&["arm64"]).ok().stdout, "{\n  \"CONFIG_HZ\": \"250\"\n}\n");
    assert_eq!(query(&["arm64", "-l", "aws"]).ok().stdout, "{\n  \"CONFIG_HZ\": \"100\"\n}\n");
    query(&["armhf"]).fails(3, &["no architecture `armhf`", "amd64, arm64"]);
    query(&["arm64", "-l", "generic"]).fails(3, &["no flavour `arm64-generic`", "arm64-aws"]);
    lab.write("fragment", "CONFIG_NO_HZ_FULL=y\n");
    lab.xtask(&["annotations", "update", "-f", F, "-a", "arm64", "../fragment"]).ok();
    assert!(lab.text(FILE).contains("policy<{'amd64': 'n', 'arm64': 'y'}>"), "{}", lab.text(FILE));
    // What is about a flavour wants one that is there.
    lab.xtask(&["annotations", "export", "-f", F, "-a", "arm64"]).fails(3, &["of arm64 it has arm64-aws"]);
}

#[test]
fn import_takes_in_all_and_update_what_is_mentioned() {
    let lab = lab();
    // A comment of the lab's: kept, where Ubuntu's tool loses it.
    lab.edit(FILE, "CONFIG_HZ ", "# the tick\nCONFIG_HZ ");
    let text = lab.text(FILE);
    lab.write(
        "config",
        &CONFIG.replace("HZ=250", "HZ=1000").replace("CONFIG_NO_HZ_IDLE=y\n", "").replace("90400", "1"),
    );
    lab.xtask(&["--dry-run"].into_iter().chain(with("import", &["../config"])).collect::<Vec<_>>()).ok();
    assert_eq!(lab.text(FILE), text);

    lab.xtask(&with("import", &["../config"])).says(&["CONFIG_NO_HZ_IDLE has another value"]);
    let want = text.replace("'arm64-generic': '250'", "'arm64-generic': '1000'").replace(
        "'arm64': 'y'}>\nCONFIG_NO_HZ_IDLE                               note<'no tick when idle'>",
        "'arm64': 'y', 'arm64-generic': '-'}>\nCONFIG_NO_HZ_IDLE                               note<TODO: update note>",
    );
    assert_eq!(lab.text(FILE), want);

    lab.write(FILE, &text);
    lab.write("fragment", "CONFIG_HZ=100\n");
    lab.xtask(&with("update", &["../fragment"])).ok();
    // Both flavours of arm64 have it now; comments go with `--canonical`.
    let line = "CONFIG_HZ                                       policy<{'amd64': '250', 'arm64': '100'}>\n";
    assert!(lab.text(FILE).contains(&format!("# the tick\n{line}")), "{}", lab.text(FILE));
    lab.write("fragment", "CONFIG_HZ=300\n");
    let arch = ["annotations", "update", "-f", F, "--arch", "amd64", "--canonical", "../fragment"];
    lab.xtask(&arch).ok();
    assert!(lab.text(FILE).contains(&line.replace("250", "300")) && !lab.text(FILE).contains("# the tick"));

    lab.write("empty", "\n");
    lab.xtask(&with("import", &["../empty"])).fails(3, &["empty is no .config"]);
}

#[test]
fn fmt_saves_in_the_vendor_s_form() {
    let lab = lab();
    let check = ["annotations", "fmt", "-f", F, "--check"];
    lab.xtask(&check).ok();
    lab.edit(FILE, "'arm64-64k': '100', 'arm64-generic': '250'", "'arm64': '250', 'arm64-64k': '250'");
    lab.edit(FILE, "CONFIG_HZ ", "# mine\nCONFIG_HZ ");
    let before = lab.text(FILE);
    lab.xtask(&check).fails(1, &["from line 14 on", "annotations fmt"]);
    assert_eq!(lab.text(FILE), before);
    lab.xtask(&check[..4]).says(&["comment that are gone: 1"]);
    lab.xtask(&check).ok();
    assert!(lab.text(FILE).contains("policy<{'amd64': '250', 'arm64': '250'}>\n"), "{}", lab.text(FILE));
}

#[test]
fn diff_shows_two_flavours_side_by_side() {
    let lab = lab();
    let want = "SYMBOL  arm64-generic  arm64-64k\nHZ      250            100\n";
    assert_eq!(lab.xtask(&["annotations", "diff", "-f", F, "arm64-generic", "arm64-64k"]).ok().stdout, want);
    let short = lab.xtask(&["annotations", "diff", "-f", F, "-a", "arm64", "generic", "64k"]).ok().stdout;
    assert_eq!(
        short,
        want.replace("arm64-", "")
            .replace("generic        64k", "generic  64k")
            .replace("250            ", "250      ")
    );
    lab.xtask(&["annotations", "diff", "-f", F, "arm64-generic", "arm64-4k"]).fails(3, &["no flavour `arm64-4k`"]);
}

#[test]
fn bad_input_is_named_with_file_line_and_column() {
    let lab = lab();
    let export = ["annotations", "export", "-f", F, "--arch", "arm64"];
    lab.xtask(&[&export[..], &["--flavour", "tickless"]].concat())
        .fails(3, &["has no flavour `arm64-tickless`", "hint: of arm64 it has arm64-generic, arm64-64k"]);
    lab.xtask(&["annotations", "export", "-f", F, "--arch", "s390x"])
        .fails(3, &["no architecture `s390x`", "amd64, arm64"]);
    lab.xtask(&["annotations", "export", "-f", "../none", "--arch", "arm64"]).fails(3, &["cannot read ../none"]);
    lab.xtask(&["annotations", "export", "-f", "..", "--arch", "arm64"]).fails(3, &["cannot read .."]);

    let table = [
        (TEXT.replace('\n', "\r\n"), "line 1, column 15: a carriage return", "sed -i"),
        (format!("\u{feff}{TEXT}"), "line 1, column 1: a byte order mark", "sed -i"),
        (TEXT.split_at(TEXT.len() - 20).0.to_owned(), "line 15, column 1: neither a symbol", "is the file whole?"),
        (TEXT.replace("{'amd64': '250'", "{'amd64': 250"), "line 14, column 56: not a string in quotes", "CONFIG_HZ"),
        (TEXT.replace("FORMAT: 4", "FORMAT: 3"), "line 2: ", "166.183"),
        (String::new(), "no line `# ARCH: …`", "FORMAT 4"),
        (
            format!("{TEXT}include \"../../../outside\"\n"),
            "line 16, column 10: an include from outside of the tree",
            "outside",
        ),
        (format!("{TEXT}include \"annotations\"\n"), "line 16, column 10: a file that includes itself", ""),
        (format!("{TEXT}include \"cycle\"\n"), "in debian.master/config/cycle: a file that includes itself", ""),
        (TEXT.replace("console=ttyAMA0", "a>b"), "line 12, column 56: a string that is not closed", "CONFIG_CMDLINE"),
        (format!("{TEXT}include \"link\"\n"), "a link that leads out of the tree", "line 16"),
        (format!("{TEXT}include \"missing\"\n"), "debian.master/config/missing is not in the tree", "line 16"),
    ];
    lab.write("tree/debian.master/config/cycle", "include \"annotations\"\n");
    lab.write("outside", "CONFIG_A policy<{'arm64': 'y'}>\n");
    std::os::unix::fs::symlink(lab.path("outside"), lab.path("tree/debian.master/config/link")).expect("a link");
    for (text, what, more) in table {
        lab.write(FILE, &text);
        lab.xtask(&export).fails(3, &[F, what, more]);
    }
    fs::write(lab.path(FILE), [TEXT.as_bytes(), b"# \xff\n"].concat()).expect("a file");
    lab.xtask(&export).fails(3, &["line 16, column 3: not UTF-8"]);
    // Nothing but a hole: it is refused for its size, and not read to the end.
    fs::File::create(lab.path(FILE)).and_then(|f| f.set_len(100_000_001)).expect("a file");
    lab.xtask(&export).fails(3, &["larger than 100 MB"]);
}

#[test]
fn what_ubuntu_s_tool_takes_is_taken_the_same_way() {
    let lab = lab();
    // A symbol given twice: the dicts are merged. An architecture that the header lacks: read, and not saved.
    let twice = format!("{TEXT}CONFIG_HZ policy<{{'arm64-generic': '300', 's390x': '7'}}>\n");
    lab.write(FILE, &twice);
    assert_eq!(lab.xtask(&with("export", &[])).ok().stdout, CONFIG.replace("250", "300"));
    lab.xtask(&["annotations", "export", "-f", F, "--arch", "s390x"]).fails(3, &["no architecture `s390x`"]);
    lab.xtask(&["annotations", "fmt", "-f", F]).ok();
    assert_eq!(lab.text(FILE), TEXT.replace("'arm64-generic': '250'", "'arm64-generic': '300'"));
    // The format ends a value at a `>`: it is refused before anything is written.
    lab.write("config", &CONFIG.replace("console=ttyAMA0", "a>b"));
    let before = lab.text(FILE);
    lab.xtask(&with("import", &["../config"])).fails(3, &["a value that annotations cannot hold: `\"a>b\"`"]);
    assert_eq!(lab.text(FILE), before);
}

#[test]
fn includes_are_read_from_the_tree() {
    let lab = lab();
    let aws = "# FORMAT: 4\n# ARCH: arm64\n# FLAVOUR: arm64-aws\n# FLAVOUR_DEP: {'arm64-aws': 'arm64-generic'}\n\n\
               include \"../../debian.master/config/annotations\"\n\nCONFIG_HZ policy<{'arm64-aws': '1000'}>\n";
    lab.write("tree/debian.aws/config/annotations", aws);
    let args = ["annotations", "export", "-f", "../tree/debian.aws/config/annotations", "-a", "arm64", "-l", "aws"];
    assert_eq!(lab.xtask(&args).ok().stdout, CONFIG.replace("HZ=250", "HZ=1000"));
}
