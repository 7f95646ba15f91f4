//! IP addresses as `Received` fields write them, and networks as policies do.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads an address with or without brackets, `IPv6:` tag, scope id (`%12`) and port, as found in comments of
/// `Received` fields (RFC 5321, section 4.4).
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = plain_v4(text) {
        return Some(IpAddr::V4(address));
    }
    let text = std::str::from_utf8(text.get(..64).unwrap_or(text)).ok()?.trim();
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.split(']').next().unwrap_or(text);
    let text = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => text.get(5..).unwrap_or_default(),
        _ => text,
    };
    let text = text.split('%').next().unwrap_or(text);
    let address = text.parse().ok().or_else(|| {
        let (address, _port) = text.split_once(':')?;
        address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    })?;
    Some(canonical_address(address))
}

/// Four decimal numbers, as nearly all fields have them: what the standard library's general reader takes, read faster.
fn plain_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut part, mut digits, mut dots) = (0u32, 0u32, 0u8, 0u8);
    for octet in text.get(..16).unwrap_or(text) {
        match octet {
            // 0 alone begins with it: by some readers, what follows another 0 is octal
            b'0'..=b'9' if digits == 0 || (1..26).contains(&part) => {
                part = part * 10 + u32::from(octet - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && part < 256 && dots < 3 => {
                octets = octets << 8 | part;
                (part, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0 && part < 256).then(|| Ipv4Addr::from_bits(octets << 8 | part))
}

/// An IPv4-mapped IPv6 address as the IPv4 address it stands for.
pub fn canonical_address(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The /64 of an IPv6 address, an IPv4 address itself: what one sender commands.
pub fn sender_network(address: IpAddr) -> IpAddr {
    match canonical_address(address) {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !0 << 64)),
        v4 => v4,
    }
}

/// A block of addresses in CIDR notation, `10.0.0.0/8` or `2001:db8::/32`; an address alone is a block of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network(IpNet);

impl Network {
    /// Whether `address` lies in it; an IPv4-mapped IPv6 address is the IPv4 address it stands for.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&canonical_address(address))
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let alone = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| alone()).map(Self).map_err(|_| InvalidNetwork)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no [`Network`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidNetwork;

impl fmt::Display for InvalidNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a network such as `10.0.0.0/8` or `2001:db8::/32`")
    }
}

impl std::error::Error for InvalidNetwork {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_in_every_shape_seen_in_mail() {
        let read = |text: &str| parse_address(text.as_bytes()).map(|address| address.to_string());
        let v4 = Some("10.98.245.205".to_owned());
        for shape in
            ["10.98.245.205", "[10.98.245.205]", " [10.98.245.205] ", "[10.98.245.205:21286]", "::ffff:10.98.245.205"]
        {
            assert_eq!(read(shape), v4, "{shape}");
        }
        assert_eq!(read("[fe80::e6fd:5a3f:8946:92c4%10]"), Some("fe80::e6fd:5a3f:8946:92c4".into()));
        assert_eq!(read("[IPv6:::1]"), Some("::1".into()));
        for none in ["", "unknown", "10.0.0", "[", "Not Verified"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn plain_addresses_are_those_of_the_standard_library() {
        let parts =
            ["", "0", "00", "01", "1", "9", "25", "26", "99", "100", "249", "255", "256", "260", "999", "1000", "x"];
        for part in parts {
            for text in [
                format!("{part}.0.2.7"),
                format!("10.{part}.2.7"),
                format!("10.0.2.{part}"),
                format!("{part}.{part}.{part}.{part}"),
                format!("10.0.2.7.{part}"),
                format!("10.0.{part}"),
            ] {
                assert_eq!(plain_v4(text.as_bytes()), text.parse().ok(), "{text}");
            }
        }
    }

    #[test]
    fn networks_contain_what_cidr_says() {
        let network = |text: &str| text.parse::<Network>().unwrap();
        let contains = |text: &str, address: &str| network(text).contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.1.2"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
        assert!(contains("192.0.2.7", "192.0.2.7") && !contains("192.0.2.7", "192.0.2.6"));
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "ten/8"] {
            assert_eq!(wrong.parse::<Network>(), Err(InvalidNetwork), "{wrong}");
        }
    }

    #[test]
    fn a_sender_commands_a_whole_64() {
        let network = |text: &str| sender_network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
    }
}
