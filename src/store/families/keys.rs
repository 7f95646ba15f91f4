//! API keys as KV holds them, and whether it has all of them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tidegate_engine::{Connector, Network, TenantId, Timestamp};

use super::family::{Family, GUARDING, Kept, Rank, Record};
use crate::access::{GatewaySettings, Role};

/// `key/{sha256}`: an API key by the hash of the whole of it, in hexadecimal.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KeyKey(pub String);

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "StoredKey", into = "StoredKey")]
pub struct KeyRecord {
    pub id: String,
    pub role: Role,
    /// The one tenant that it is bound to; none: all.
    pub tenant: Option<TenantId>,
    /// None of a key that was made before names were kept here.
    pub name: Option<String>,
    pub gateway: Option<GatewaySettings>,
    pub validity: Validity,
}

/// Until when, and from where, a key may be used.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Validity {
    /// From then on it is as if it were revoked; none: it lasts.
    pub expires_at: Option<Timestamp>,
    /// 1 to 32; none: from anywhere.
    pub networks: Option<Vec<Network>>,
}

impl Validity {
    pub const fn is_bounded(&self) -> bool {
        self.expires_at.is_some() || self.networks.is_some()
    }

    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether a call from that address may use the key; `None`: it cannot be told from where it comes.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let lies_in = |networks: &Vec<Network>| {
            address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
        };
        self.networks.as_ref().is_none_or(lies_in)
    }
}

/// The least reader that honours [`Validity`].
const VALIDITY_READER: u64 = 3;

/// A key as it is stored. The release before refuses a gateway's settings with a member that it does not know, so what
/// came later stands beside them. By a key that is bounded it must not let anybody in, and it knows no `needs` of a
/// document: there the settings have one as well, so that it can make nothing of the key. It then accepts mail, and
/// answers nothing else.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    role: Role,
    tenant: Option<TenantId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway: Option<StoredGateway>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    postfix_refusals: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    networks: Option<Vec<Network>>,
    /// Read by [`Document`] alone.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    needs: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct StoredGateway {
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<Connector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_hops: Option<u8>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rspamd_add_headers: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<u64>,
}

impl From<StoredKey> for KeyRecord {
    fn from(stored: StoredKey) -> Self {
        let StoredKey { id, role, tenant, name, gateway, postfix_refusals, expires_at, networks, needs: _ } = stored;
        let settings = |StoredGateway { connector, own_hops, rspamd_add_headers, needs: _ }| GatewaySettings {
            connector,
            own_hops,
            rspamd_add_headers,
            postfix_refusals,
        };
        let validity = Validity { expires_at, networks };
        // what only bars the release before says nothing of a gateway
        let gateway =
            gateway.map(settings).filter(|gateway| !validity.is_bounded() || *gateway != GatewaySettings::default());
        let gateway = gateway.or_else(|| postfix_refusals.then(|| settings(StoredGateway::default())));
        Self { id, role, tenant, name, gateway, validity }
    }
}

impl From<KeyRecord> for StoredKey {
    fn from(key: KeyRecord) -> Self {
        let KeyRecord { id, role, tenant, name, gateway, validity } = key;
        let needs = validity.is_bounded().then_some(VALIDITY_READER);
        let postfix_refusals = gateway.is_some_and(|gateway| gateway.postfix_refusals);
        let gateway = gateway.or_else(|| needs.map(|_| GatewaySettings::default()));
        let gateway = gateway.map(|GatewaySettings { connector, own_hops, rspamd_add_headers, .. }| StoredGateway {
            connector,
            own_hops,
            rspamd_add_headers,
            needs,
        });
        let Validity { expires_at, networks } = validity;
        Self { id, role, tenant, name, gateway, postfix_refusals, expires_at, networks, needs }
    }
}

impl KeyKey {
    /// How the keys of all of them begin.
    pub const ALL: &'static str = "key/";
}

impl Family for KeyKey {
    type Record = KeyRecord;
    const KEPT: Kept = GUARDING;
    const RANK: Rank = Rank::Rest;

    fn key(&self) -> String {
        format!("{}{}", Self::ALL, self.0)
    }
}

impl KeyRecord {
    /// What follows the one revision of a key: it never changes, but goes.
    pub const REVOKED: u64 = 2;
}

impl Record for KeyRecord {
    fn rev(&self) -> u64 {
        1
    }
}

#[cfg(test)]
mod tests {
    use tidegate_stored::Document;

    use super::*;
    use crate::store::Usable;

    #[test]
    fn the_release_before_reads_a_key_with_settings_that_it_does_not_know() {
        /// As 67205e3 has them.
        #[derive(Deserialize)]
        struct Key {
            gateway: Option<Gateway>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Gateway {
            connector: Option<Connector>,
            own_hops: Option<u8>,
            #[serde(default)]
            rspamd_add_headers: bool,
        }
        let written = include_str!("../../../tests/stored/key-written.json");
        let Gateway { connector, own_hops, rspamd_add_headers } =
            serde_json::from_str::<Key>(written).unwrap().gateway.unwrap();
        assert_eq!((connector, own_hops, rspamd_add_headers), (Some(Connector::OnPremises), Some(1), false));
        let now: KeyRecord = serde_json::from_str(written).unwrap();
        assert!(now.gateway.unwrap().postfix_refusals);
    }

    #[test]
    fn the_release_before_lets_nobody_in_by_a_key_whose_bounds_it_does_not_know() {
        /// As 67205e3 has them: it knows no `needs`, and passes over members of a key that it does not know.
        #[derive(Deserialize)]
        struct Key {
            #[serde(rename = "gateway")]
            _gateway: Option<Gateway>,
        }
        #[derive(Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[derive(Default)]
        struct Gateway {
            #[serde(rename = "connector")]
            _connector: Option<Connector>,
        }
        let bounded = include_str!("../../../tests/stored/key-bounded.json");
        assert!(serde_json::from_str::<Key>(bounded).is_err());
        let key = Document::<KeyRecord>::read(bounded).unwrap().into_value();
        assert_eq!((key.gateway, key.validity.expires_at), (None, Some(Timestamp(1_830_000_000))));
        let unbounded = KeyRecord { validity: Validity::default(), ..key.clone() };
        assert!(serde_json::from_str::<Key>(&serde_json::to_string(&unbounded).unwrap()).is_ok());
        // and by a later one's, nobody is let in here
        let later = bounded.replace(r#""needs": 3"#, r#""needs": 4"#);
        assert!(Usable::<KeyRecord>::of(Document::read(&later)).is_none());
    }

    #[test]
    fn a_key_is_used_until_it_expires_and_from_its_networks_alone() {
        let networks = Some(vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        let key = Validity { expires_at: Some(Timestamp(1_000)), networks };
        assert!(!key.has_expired(Timestamp(999)) && key.has_expired(Timestamp(1_000)));
        let admits = |address: &str| key.admits(Some(address.parse().unwrap()));
        assert!(admits("192.0.2.7") && admits("::ffff:192.0.2.7") && admits("2001:db8::1"));
        assert!(!admits("198.51.100.7") && !admits("2001:db9::1") && !key.admits(None));
        let anywhere = Validity::default();
        assert!(anywhere.admits(None) && !anywhere.has_expired(Timestamp(i64::MAX)));
    }
}
