//! Relays of the operator's own in front of the gateway, whose hops are looked through.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::bounded::at_most;
use crate::catalog::is_at_or_below;
use crate::network::Network;

/// Networks of one relay.
pub(crate) const MAX_RELAY_NETWORKS: usize = 64;

/// A relay of the operator's own in front of the gateway, whose hops are looked through.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedRelay {
    /// Its BY hosts end so, at a label border.
    pub host: RelayHost,
    /// It connects from these.
    #[serde(deserialize_with = "at_most::<_, _, MAX_RELAY_NETWORKS>")]
    pub networks: Vec<Network>,
}

impl TrustedRelay {
    /// Whether it connects from `peer`.
    pub fn connects_from(&self, peer: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(peer))
    }

    /// Whether `by_host` is one of its names.
    pub fn is_named(&self, by_host: &[u8]) -> bool {
        is_at_or_below(by_host, self.host.0.as_bytes())
    }
}

/// A host name or the end of one, without leading or trailing dot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelayHost(String);

impl RelayHost {
    /// As it is compared, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the machines of one relay may share of their names: `host` without its first label, if at least two labels
    /// are left, or three below a country's domain.
    pub(crate) fn family_of(host: &str) -> Option<Self> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let least = if host.rsplit('.').next().is_some_and(|last| last.len() == 2) { 3 } else { 2 };
        let family = match host.split_once('.') {
            Some((_, rest)) if rest.split('.').count() >= least => rest,
            _ => host,
        };
        family.to_owned().try_into().ok()
    }
}

impl TryFrom<String> for RelayHost {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let host = text.trim_matches('.').to_ascii_lowercase();
        let valid = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
        let valid = (1..=253).contains(&host.len()) && host.bytes().all(valid);
        valid.then_some(Self(host)).ok_or("not a host name or the end of one")
    }
}

impl From<RelayHost> for String {
    fn from(host: RelayHost) -> Self {
        host.0
    }
}
