//! Which addresses notifications may be posted to: https, on hosts of the public Internet.
//!
//! The address comes as the runtime has parsed it, so that a host is in its canonical form, whatever way it was written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Characters of an address.
pub const MAX_URL: usize = 500;

/// Top-level names and others that are nobody's on the public Internet (RFC 6761, 6762, 7686, 8375, 9476).
const LOCAL_NAMES: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "onion",
    "test",
    "invalid",
    "alt",
];

/// An address in its parts, as the runtime's `URL` has them.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// With its colon.
    pub scheme: &'a str,
    pub has_user_info: bool,
    pub has_fragment: bool,
    /// Without port; an IPv6 address in brackets.
    pub host: &'a str,
}

/// What is wrong with an address; `own`: the host that this deployment is asked under.
pub fn refusal(parts: Parts<'_>, own: &str) -> Option<&'static str> {
    let host = parts.host.strip_suffix('.').unwrap_or(parts.host);
    if parts.scheme != "https:" {
        Some("only `https` addresses are posted to")
    } else if parts.has_user_info {
        Some("an address with user name or password is not taken")
    } else if parts.has_fragment {
        Some("an address with a fragment is not taken")
    } else if let Some(address) = literal(host) {
        (!is_public(address)).then_some("this is no address of the public Internet")
    } else if !host.contains('.') || LOCAL_NAMES.iter().any(|name| is_at_or_below(host, name)) {
        Some("this is no host name of the public Internet")
    } else if is_own(host, own.strip_suffix('.').unwrap_or(own)) {
        Some("this is the deployment itself")
    } else {
        None
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => Some(IpAddr::V6(host.parse().unwrap_or(Ipv6Addr::UNSPECIFIED))),
        None => host.parse().ok(),
    }
}

/// Whether an address is one host of the public Internet. What is reserved is not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // all that is given out is 2000::/3; of that: protocol assignments and tunnels, 6to4, documentation
            let assigned = first & 0xe000 == 0x2000;
            let special = first == 0x2001 && second < 0x200 || first == 0x2002;
            let documentation = first == 0x2001 && second == 0xdb8 || first == 0x3fff && second < 0x1000;
            assigned && !special && !documentation
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // this network, reserved, and between them multicast
        [0 | 224..=255, ..] => true,
        // shared by carriers
        [100, 64..=127, ..] => true,
        // protocol assignments, 6to4 relays, benchmarks
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => true,
        _ => false,
    };
    let own = address.is_private() || address.is_loopback() || address.is_link_local();
    !(special || own || address.is_documentation())
}

/// The deployment's own host, names below it, and on `workers.dev` all of the same account.
fn is_own(host: &str, own: &str) -> bool {
    let account = own.split_once('.').map(|(_, account)| account);
    is_at_or_below(host, own)
        || account.is_some_and(|account| is_at_or_below(account, "workers.dev") && is_at_or_below(host, account))
}

fn is_at_or_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &str) -> bool {
        let parts = Parts { scheme: "https:", has_user_info: false, has_fragment: false, host };
        refusal(parts, "tidegate.acct.workers.dev").is_some()
    }

    const NOT_PUBLIC: [&str; 67] = [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.8]",
        "[::ffff:0a00:1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[100::1]",
        "[2001:db8::1]",
        "[3fff:123::1]",
        "[2001::1]",
        "[2001:10::1]",
        "[2001:1ff::1]",
        "[2002:7f00:1::1]",
        "[5f00::1]",
        "[zz]",
        "localhost",
        "localhost.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "db.internal.",
        "router.home.arpa",
        "1.0.0.127.in-addr.arpa",
        "x.onion",
        "hooks.test",
        "hooks.invalid",
        "a.alt",
        "nas.lan",
        "a.corp",
        "a.home",
        "a.private",
        "a.intranet",
        "host.localdomain",
        "intranet",
        "com",
        "",
        "tidegate.acct.workers.dev",
        "x.tidegate.acct.workers.dev",
        "preview-tidegate.acct.workers.dev",
        "acct.workers.dev",
    ];

    #[test]
    fn hosts_that_are_not_public_are_refused() {
        for host in NOT_PUBLIC {
            assert!(refused(host), "{host}");
        }
    }

    #[test]
    fn public_hosts_are_taken() {
        let table = [
            "hooks.example.com",
            "hooks.example",
            "example.com.",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2001:200::1]",
            "[2001:4860:4860::8888]",
            "xn--mnchen-3ya.de",
            "notlocalhost.com",
            "mylocal.net",
            "other.workers.dev",
            "tidegate.other.workers.dev",
            "local.example.com",
        ];
        for host in table {
            assert!(!refused(host), "{host}");
        }
    }

    #[test]
    fn only_plain_https_addresses_are_taken() {
        let plain = Parts { scheme: "https:", has_user_info: false, has_fragment: false, host: "hooks.example.com" };
        assert_eq!(refusal(plain, "mail.example.com"), None);
        for parts in [
            Parts { scheme: "http:", ..plain },
            Parts { scheme: "ftp:", ..plain },
            Parts { has_user_info: true, ..plain },
            Parts { has_fragment: true, ..plain },
        ] {
            assert!(refusal(parts, "mail.example.com").is_some(), "{parts:?}");
        }
        assert!(refusal(plain, "hooks.example.com").is_some() && refusal(plain, "example.com").is_some());
        assert!(refusal(plain, "127.0.0.1").is_none(), "asked under an address, it has no name");
    }
}
