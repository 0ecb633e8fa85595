// SPDX-License-Identifier: GPL-2.0-only
//! Addresses of repositories: the one of a directory, and those that apt of every supported suite can fetch from.
//!
//! It must never look whether anything is there.

use camino::Utf8Path;

use super::FormatError;

/// `file:/a%20b` for a directory. apt and git decode `%xx`, and apt takes white space for the end of the address.
pub fn of_path(path: &Utf8Path) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~+".contains(&b);
    let encoded = path.as_str().bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") });
    format!("file:{}", encoded.collect::<String>())
}

/// The same with two more slashes, for git, which takes `file:` for the name of a host.
pub fn of_path_for_git(path: &Utf8Path) -> String {
    of_path(path).replacen("file:", "file://", 1)
}

/// Checks the address of an apt repository.
///
/// # Errors
/// No apt of a supported suite can fetch from there, or not what is below it.
pub fn check(address: &str) -> Result<(), FormatError> {
    let bad = |message: &str| Err(FormatError::new(address, message));
    if address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return bad("an address has no white space: a blank is `%20` there");
    }
    if address.contains(['?', '#']) {
        return bad("apt appends file names to the address, so it ends with a directory");
    }
    let known = match address.split_once(':') {
        Some(("http" | "https", rest)) => {
            rest.strip_prefix("//").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']))
        }
        Some(("file", rest)) => rest.starts_with('/'),
        _ => false,
    };
    if !known {
        return bad("apt fetches from `https://HOST/…`, `http://HOST/…` and `file:/DIR`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_directory() {
        for (path, address) in [
            ("/srv/apt", "file:/srv/apt"),
            ("/home/Ann Lab/a+b~1", "file:/home/Ann%20Lab/a+b~1"),
            ("/50%/é#[x]?", "file:/50%25/%C3%A9%23%5Bx%5D%3F"),
        ] {
            assert_eq!(of_path(path.into()), address);
            assert_eq!(check(address), Ok(()));
        }
        assert_eq!(of_path_for_git("/a b".into()), "file:///a%20b");
    }

    #[test]
    fn where_apt_can_fetch_from() {
        for good in ["http://apt.lab", "https://apt.lab:8080/x/", "file:/srv/apt", "file:///srv/apt", "http://[::1]/x"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "ftp://x",
            "x",
            "",
            "/srv/apt",
            "http:x",
            "http://",
            "http:///x",
            "file:srv",
            "HTTP//x",
            "http://x/?q=1",
            "http://x/#a",
            "http://a b/",
            "http://x\nTrusted: yes",
            "ssh://x/",
            "http://:80/",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
