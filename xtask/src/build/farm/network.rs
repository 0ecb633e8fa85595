// SPDX-License-Identifier: GPL-2.0-only
//! Who may ask a worker: an address, or a network such as `192.168.1.0/24`. No names, which somebody else resolves.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Is `peer` in it? An IPv4 address that came over an IPv6 socket is an IPv4 address.
    pub fn has(&self, peer: IpAddr) -> bool {
        let beginning = |address: IpAddr| match address {
            IpAddr::V4(a) => u128::from(a.to_bits()).checked_shr(32 - self.bits),
            IpAddr::V6(a) => a.to_bits().checked_shr(128 - self.bits),
        };
        let (own, peer) = (self.address.to_canonical(), peer.to_canonical());
        own.is_ipv4() == peer.is_ipv4() && beginning(own).unwrap_or(0) == beginning(peer).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| "an address, or ADDRESS/BITS".to_owned())?;
        let address = address.to_canonical();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |b| b.parse().ok().filter(|b| *b <= most));
        Ok(Self { address, bits: bits.ok_or_else(|| format!("BITS is a number up to {most}"))? })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (text, shown) in
            [("10.0.0.1", "10.0.0.1/32"), ("192.168.1.0/24", "192.168.1.0/24"), ("fe80::/10", "fe80::/10")]
        {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for bad in ["", "lab", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/-1", "fe80::/129", "10.0.0.0/24/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_is_in_one() {
        let table = [
            ("192.168.1.0/24", "192.168.1.77", true),
            ("192.168.1.0/24", "::ffff:192.168.1.77", true),
            ("192.168.1.0/24", "192.168.2.77", false),
            ("192.168.1.9", "192.168.1.8", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "8.8.8.8", false),
            ("fe80::/10", "febf::1", true),
            ("fe80::/10", "fec0::1", false),
        ];
        for (network, peer, inside) in table {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.has(peer.parse().unwrap()), inside, "{network} {peer}");
        }
    }
}
