// SPDX-License-Identifier: GPL-2.0-only
//! The lines in which apt says that a download has failed, or why packages cannot be installed. `build/archive.rs` and
//! `packages/solve.rs` make errors of them.

/// A download that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed<'a> {
    pub url: &'a str,
    pub why: Why,
}

/// The reason, as far as another mirror or setting would change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The server answers and has no such file.
    NotThere,
    /// The file is not the one that the index describes.
    Other,
    /// The server cannot be reached.
    Unreachable,
}

/// Words in apt's reason, in this order.
const WHY: &[(&str, Why)] = &[
    ("404 ", Why::NotThere),
    ("410 ", Why::NotThere),
    ("File not found", Why::NotThere),
    ("Hash Sum mismatch", Why::Other),
    ("File has unexpected size", Why::Other),
    ("Could not resolve", Why::Unreachable),
    ("Temporary failure resolving", Why::Unreachable),
    ("Could not connect", Why::Unreachable),
    ("Unable to connect", Why::Unreachable),
    ("Cannot initiate the connection", Why::Unreachable),
    ("Connection failed", Why::Unreachable),
    ("Connection timed out", Why::Unreachable),
];

/// Reads a line such as `E: Failed to fetch http://mirror/pool/a.deb  404  Not Found [IP: 192.0.2.1 80]`.
pub fn failed(line: &str) -> Option<Failed<'_>> {
    let (_, rest) = line.split_once("Failed to fetch ")?;
    let (url, reason) = rest.split_once(' ')?;
    let why = WHY.iter().find(|(words, _)| reason.contains(words))?.1;
    Some(Failed { url, why })
}

/// Whether a line without its indentation says why packages cannot be installed: `a : Depends: b but …`, what follows
/// it without the name, and the error. apt 3 adds the heading of an explanation as an error.
pub fn is_reason(line: &str) -> bool {
    (line.contains("s: ") || line.starts_with("E: ")) && !line.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_packages_cannot_be_installed() {
        // apt 3.0.
        let said = "The following packages have unmet dependencies:
aaa : Depends: libc6 but it is not installable
Breaks: bbb
E: Unable to correct problems, you have held broken packages.
E: The following information from --solver 3.0 may provide additional context:
Unable to satisfy dependencies. Reached two conflicting decisions:
1. libc6:amd64=2.41-12 is not selected for install because:";
        let reasons: Vec<&str> = said.lines().filter(|line| is_reason(line)).collect();
        assert_eq!(reasons, said.lines().skip(1).take(3).collect::<Vec<_>>());
    }

    #[test]
    fn why_a_download_failed() {
        // Lines of apt 2.2 to 3.0.
        let table = [
            (
                "E: Failed to fetch http://m.example/debian-security/pool/updates/main/o/openssl/libssl1.1_1.1.1w_amd64.deb  404  Not Found [IP: 192.0.2.1 80]",
                Some(Why::NotThere),
            ),
            ("W: Failed to fetch https://m.example/dists/x/InRelease  404  Not Found [IP: 192.0.2.1 443]", Some(Why::NotThere)),
            ("E: Failed to fetch file:/srv/x/pool/a.deb  File not found - /srv/x/pool/a.deb (2: No such file or directory)", Some(Why::NotThere)),
            ("E: Failed to fetch http://m.example/dists/x/main/binary-arm64/Packages.xz  File has unexpected size (1 != 2). Mirror sync in progress? [IP: 192.0.2.1 80]", Some(Why::Other)),
            ("E: Failed to fetch http://m.example/dists/x/InRelease  Temporary failure resolving 'm.example'", Some(Why::Unreachable)),
            ("W: Failed to fetch http://m.example/dists/x/InRelease  Could not connect to m.example:80 (192.0.2.1). - connect (111: Connection refused)", Some(Why::Unreachable)),
            ("E: Failed to fetch http://m.example/x  500  Internal Server Error", None),
            ("E: Failed to fetch", None),
            ("Get:1 http://m.example/x 404 ", None),
        ];
        for (line, why) in table {
            assert_eq!(failed(line).map(|f| f.why), why, "{line}");
        }
        assert_eq!(failed(table[1].0).map(|f| f.url), Some("https://m.example/dists/x/InRelease"));
    }
}
