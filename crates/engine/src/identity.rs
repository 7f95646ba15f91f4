//! By what a server and its machines are told from others.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::event::Connector;
use crate::network::sender_network;

/// A server within its tenant: the BY host in lower case without trailing dot, and for connectors on which nobody
/// vouches for the name `name@address` (IPv6: its /64).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerId(String);

impl ServerId {
    pub(crate) fn new(host: &[u8], connector: Connector, peer: Option<IpAddr>) -> Option<Self> {
        let mut id = host_name(host)?;
        if connector != Connector::OnPremises {
            id = format!("{id}@{}", sender_network(peer?));
        }
        Some(Self(id))
    }

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
        let (host, address) = match text.split_once('@') {
            Some((host, address)) => (host, Some(address.parse().map_err(|_| InvalidServerId)?)),
            None => (text.as_str(), None),
        };
        let connector = if address.is_some() { Connector::Internet } else { Connector::OnPremises };
        Self::new(host.as_bytes(), connector, address).filter(|id| id.0 == text).ok_or(InvalidServerId)
    }
}

impl From<ServerId> for String {
    fn from(id: ServerId) -> Self {
        id.0
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidServerId;

impl fmt::Display for InvalidServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a server id: a host name in lower case, or `name@address`")
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

/// Whether two BY hosts are the same name, case and final dot ignored.
pub(crate) fn same_host(one: &[u8], other: &[u8]) -> bool {
    without_final_dot(one).eq_ignore_ascii_case(without_final_dot(other))
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

fn without_final_dot(host: &[u8]) -> &[u8] {
    host.strip_suffix(b".").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_they_are_written_and_nothing_else_does() {
        let id = |host: &str, connector, peer: &str| ServerId::new(host.as_bytes(), connector, peer.parse().ok());
        let written = [
            id("EX01.Contoso.com.", Connector::OnPremises, ""),
            id("_ex-1", Connector::Partner, "203.0.113.7"),
            id("ex01", Connector::Internet, "2001:db8:1:2:3:4:5:6"),
            id("ex01", Connector::Internet, "::ffff:203.0.113.7"),
        ];
        for id in written.map(Option::unwrap) {
            assert_eq!(ServerId::try_from(id.to_string()), Ok(id));
        }
        for wrong in [
            "",
            ".",
            "ex01.",
            "EX01",
            "ex 01",
            "ex01@",
            "ex01@x",
            "ex01@2001:db8::1",
            "ex01@::ffff:203.0.113.7",
            "@::",
            "a@b@c",
        ] {
            assert_eq!(ServerId::try_from(wrong.to_owned()), Err(InvalidServerId), "{wrong}");
        }
        for none in ["", ".", "..", "ex01..", "a b", "a\0", "ä"] {
            assert_eq!(id(none, Connector::OnPremises, ""), None, "{none:?}");
        }
    }
}
