//! By what a server and its machines are told from others.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::event::{Connector, Login};
use crate::network::sender_network;
use crate::received::without_final_dot;

/// A server within its tenant: the BY host in lower case without trailing dot. On connectors on which nobody vouches for
/// that name, `name@login` where the gateway verified who connects, else `name@address` (IPv6: its /64).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerId(String);

/// What is known of a peer beside the name that it stamps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Voucher<'a> {
    /// The gateway verified this login or name of a certificate.
    Login(&'a Login),
    /// The address from which it connects.
    Address(IpAddr),
    /// Nothing.
    None,
}

impl ServerId {
    pub(crate) fn new(host: &[u8], connector: Connector, voucher: Voucher<'_>) -> Option<Self> {
        let name = host_name(host)?;
        if connector == Connector::OnPremises {
            return Some(Self(name));
        }
        match voucher {
            Voucher::Login(login) => Some(Self(format!("{name}@{}", login.as_str()))),
            Voucher::Address(address) => Some(Self(format!("{name}@{}", sender_network(address)))),
            Voucher::None => None,
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ServerId {
    type Error = InvalidServerId;

    fn try_from(text: String) -> Result<Self, InvalidServerId> {
        let id = match text.split_once('@') {
            None => Self::new(text.as_bytes(), Connector::OnPremises, Voucher::None),
            Some((host, voucher)) => match (voucher.parse(), voucher.parse::<Login>()) {
                (Ok(address), _) => Self::new(host.as_bytes(), Connector::Internet, Voucher::Address(address)),
                (_, Ok(login)) => Self::new(host.as_bytes(), Connector::Internet, Voucher::Login(&login)),
                _ => None,
            },
        };
        id.filter(|id| id.0 == text).ok_or(InvalidServerId)
    }
}

impl From<ServerId> for String {
    fn from(id: ServerId) -> Self {
        id.0
    }
}

/// The text is no [`ServerId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidServerId;

impl fmt::Display for InvalidServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a server id: a host name in lower case, `name@address` or `name@login`")
    }
}

impl std::error::Error for InvalidServerId {}

/// One machine behind a server's name: the address in its BY clause. A farm has several.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Node(pub Option<IpAddr>);

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// A BY host that can identify a server: `[a-z0-9._-]{1,253}` in lower case, without a trailing dot.
fn host_name(host: &[u8]) -> Option<String> {
    let host = without_final_dot(host);
    let valid = |octet: &u8| octet.is_ascii_alphanumeric() || b"._-".contains(octet);
    if !(1..=253).contains(&host.len()) || !host.iter().all(valid) || host.ends_with(b".") {
        return None;
    }
    std::str::from_utf8(host).ok().map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_they_are_written_and_nothing_else_does() {
        let id = |host: &str, connector, peer: &str| {
            let voucher = peer.parse().map_or(Voucher::None, Voucher::Address);
            ServerId::new(host.as_bytes(), connector, voucher)
        };
        let login =
            |text: &str| ServerId::new(b"EX01", Connector::Partner, Voucher::Login(&text.parse().unwrap())).unwrap();
        let written = [
            id("EX01.Contoso.com.", Connector::OnPremises, ""),
            id("_ex-1", Connector::Partner, "203.0.113.7"),
            id("ex01", Connector::Internet, "2001:db8:1:2:3:4:5:6"),
            id("ex01", Connector::Internet, "::ffff:203.0.113.7"),
        ];
        let vouched = [login("Relay.Contoso.com"), login("ex01@contoso.com"), login("a+b=c")];
        assert_eq!(vouched[1].as_str(), "ex01@ex01@contoso.com");
        for id in written.map(Option::unwrap).into_iter().chain(vouched) {
            assert_eq!(ServerId::try_from(id.to_string()), Ok(id));
        }
        for wrong in [
            "",
            ".",
            "ex01.",
            "EX01",
            "ex 01",
            "ex01@",
            "ex01@a b",
            "ex01@X",
            "ex01@2001:db8::1",
            "ex01@::ffff:203.0.113.7",
            "@::",
            "ex01@a/b",
        ] {
            assert_eq!(ServerId::try_from(wrong.to_owned()), Err(InvalidServerId), "{wrong}");
        }
        for no_login in ["", "203.0.113.7", "::1", "a b", "a/b", "ä", &"a".repeat(129)] {
            assert!(no_login.parse::<Login>().is_err(), "{no_login:?}");
        }
        for none in ["", ".", "..", "ex01..", "a b", "a\0", "ä"] {
            assert_eq!(id(none, Connector::OnPremises, ""), None, "{none:?}");
        }
    }
}
