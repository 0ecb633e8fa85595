// SPDX-License-Identifier: GPL-2.0-only
//! Keys as `gpg --with-colons` lists them (DETAILS in GnuPG's documentation).

use super::date;

/// The day on which the last of the listed keys that sign expired; `None` while one of them is good, or there is
/// none.
pub fn expired(listed: &str) -> Option<String> {
    let mut last = None;
    for line in listed.lines().filter(|l| l.starts_with("pub:") || l.starts_with("sub:")) {
        let fields: Vec<&str> = line.split(':').collect();
        let [validity, until, uses] = [1, 6, 11].map(|n| fields.get(n).copied().unwrap_or_default());
        // Lower case: what this very key may do. A primary key that only certifies signs no archive.
        if !uses.contains('s') {
            continue;
        }
        if validity != "e" {
            return None;
        }
        last = last.max(until.parse::<i64>().ok());
    }
    // `Fri, 11 Oct 2024 08:29:40 +0000`
    last.map(|time| date::rfc5322(time).split_whitespace().skip(1).take(3).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_key_is_enough() {
        let old =
            "pub:e:4096:1:AAAA:1000:1728635380::-:::sc::::::23::0:\nfpr:::::::::AAAA:\nuid:e::::1::B::x::::::::::0:\n";
        let good = "pub:-:4096:1:BBBB:1000:::-:::scSC::::::23::0:\n";
        assert_eq!(expired(old).as_deref(), Some("11 Oct 2024"));
        assert_eq!(expired(&format!("{old}{good}")), None);
        // It can only certify, and what it certifies to sign has expired.
        let certifies = "pub:-:4096:1:CCCC:1000:::-:::cSC::::::23::0:\nsub:e:4096:1:DDDD:1000:86400:::::s::::::23:\n";
        assert_eq!(expired(certifies).as_deref(), Some("02 Jan 1970"));
        assert_eq!(expired(""), None);
    }
}
