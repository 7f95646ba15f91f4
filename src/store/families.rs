//! The families of KV keys: what they look like, what they hold, how long an isolate may serve it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::Enforcement;
use tidegate_engine::Freezes;
use tidegate_engine::Mode;
use tidegate_engine::Network;
use tidegate_engine::Phase;
use tidegate_engine::ServerId;
use tidegate_engine::Timestamp;
use tidegate_engine::sender_network;
use tidegate_engine::{Connector, TenantId};
use tidegate_stored::{Document, Unreadable};

use crate::access::{GatewaySettings, Role};

/// A family of KV keys.
pub trait Family {
    type Record: Record;
    const KEPT: Kept;
    const RANK: Rank;

    fn key(&self) -> String;
}

/// What KV is told before what.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rank {
    /// A key that is to work no more.
    Revocation,
    /// The ceiling, and the facts that it puts in force.
    Brake,
    /// Exemptions and patches: what frees a server.
    Relief,
    Policy,
    Phase,
    Rest,
    /// What KV has confirmed already.
    Again,
}

impl Rank {
    /// As the outbox stores it.
    pub const fn number(self) -> i64 {
        match self {
            Self::Revocation => 0,
            Self::Brake => 1,
            Self::Relief => 2,
            Self::Policy => 3,
            Self::Phase => 4,
            Self::Rest => 5,
            Self::Again => 6,
        }
    }
}

/// What KV holds under a key.
pub trait Record: DeserializeOwned + Serialize + 'static {
    /// Counts the publications under one key.
    fn rev(&self) -> u64;

    /// What takes the place of a record that this release does not understand, so that nothing is enforced by it.
    /// `known`: as far as it could be read. `None`: nothing can be decided without it.
    fn restrained(known: Option<Self>) -> Option<Self> {
        let _ = known;
        None
    }
}

/// A stored record as this release may use it.
pub enum Usable<R> {
    Understood(R),
    /// In place of one that is not understood.
    Restrained(R),
}

impl<R: Record> Usable<R> {
    /// `None`: nothing can be decided without it.
    pub fn of(stored: Result<Document<R>, Unreadable>) -> Option<Self> {
        let known = match stored {
            Ok(document) if document.is_understood() => return Some(Self::Understood(document.into_value())),
            Ok(document) => Some(document.into_value()),
            Err(_) => None,
        };
        R::restrained(known).map(Self::Restrained)
    }

    pub fn into_record(self) -> R {
        match self {
            Self::Understood(record) | Self::Restrained(record) => record,
        }
    }
}

/// For how many milliseconds an isolate serves what it read: as it is, and while it is refreshed.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub fresh: u64,
    pub stale: u64,
}

const DECIDING: Kept = Kept { fresh: 30_000, stale: 60_000 };
/// A revoked key and a lowered ceiling take effect sooner.
const GUARDING: Kept = Kept { fresh: 20_000, stale: 30_000 };

/// `policy/{tenant}`: a tenant's policy, and the times during which its clocks stood still.
#[derive(Clone, Copy, Debug)]
pub struct PolicyKey<'a>(pub &'a TenantId);

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRecord {
    /// Counts the changes; 0 for a tenant without a policy.
    pub rev: u64,
    /// The last revision that held clocks back. A phase from before it says too much.
    #[serde(default)]
    pub softened_rev: u64,
    pub enforcement: Enforcement,
}

impl Family for PolicyKey<'_> {
    type Record = PolicyRecord;
    const KEPT: Kept = DECIDING;
    const RANK: Rank = Rank::Policy;

    fn key(&self) -> String {
        format!("policy/{}", self.0)
    }
}

impl Record for PolicyRecord {
    fn rev(&self) -> u64 {
        self.rev
    }

    fn restrained(known: Option<Self>) -> Option<Self> {
        let mut record = known.unwrap_or_else(|| Self { rev: 1, ..Self::default() });
        let policy = &mut record.enforcement.policy;
        policy.mode = policy.mode.min(Mode::Report);
        Some(record)
    }
}

/// `phase/{tenant}/{server}`: what an out-of-date server's decisions rest on.
#[derive(Clone, Copy, Debug)]
pub struct PhaseKey<'a>(pub &'a TenantId, pub &'a ServerId);

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseRecord {
    pub rev: u64,
    /// The policy's revision by which it was made.
    #[serde(default)]
    pub policy_rev: u64,
    pub phase: Phase,
    /// When the server was or is exempt.
    #[serde(default, skip_serializing_if = "Freezes::is_empty")]
    pub exemptions: Freezes,
}

impl PhaseKey<'_> {
    /// How the keys of all servers of a tenant begin.
    pub fn all_of(tenant: &TenantId) -> String {
        format!("phase/{tenant}/")
    }
}

impl Family for PhaseKey<'_> {
    type Record = PhaseRecord;
    const KEPT: Kept = DECIDING;
    const RANK: Rank = Rank::Phase;

    fn key(&self) -> String {
        format!("{}{}", Self::all_of(self.0), self.1)
    }
}

impl Record for PhaseRecord {
    fn rev(&self) -> u64 {
        self.rev
    }

    /// Without a spell: the server's mail is accepted.
    fn restrained(known: Option<Self>) -> Option<Self> {
        Some(Self { phase: Phase::default(), ..known.unwrap_or_default() })
    }
}

/// `peer/{tenant}/{address}`: which machines hand mail over from a peer address, where all of them are out of date: for
/// gateways that show no header. IPv6: its /64. KV drops it by itself an hour after it was put.
#[derive(Clone, Copy, Debug)]
pub struct PeerKey<'a>(pub &'a TenantId, pub IpAddr);

/// What the release before kept there reads as no machine: nothing is refused by it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PeerRecord {
    pub rev: u64,
    /// It says nothing any more from then on.
    pub until: Timestamp,
    /// All of the last 30 days; none where one of them is acceptable.
    #[serde(default)]
    pub machines: Vec<Machine>,
}

/// One machine, by its last message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub server: ServerId,
    pub connector: Connector,
    /// The `Received` field that tells, without its name: what is decided on again.
    pub received: String,
}

impl PeerKey<'_> {
    pub const PREFIX: &'static str = "peer/";

    /// How the keys of all addresses of a tenant begin.
    pub fn all_of(tenant: &TenantId) -> String {
        format!("{}{tenant}/", Self::PREFIX)
    }

    /// The address, for IPv6 that of its /64.
    pub fn address(&self) -> IpAddr {
        sender_network(self.1)
    }
}

impl Family for PeerKey<'_> {
    type Record = PeerRecord;
    const KEPT: Kept = GUARDING;
    const RANK: Rank = Rank::Rest;

    fn key(&self) -> String {
        format!("{}{}", Self::all_of(self.0), self.address())
    }
}

impl Record for PeerRecord {
    fn rev(&self) -> u64 {
        self.rev
    }
}

/// `control/mode`: what the operator set for all tenants.
#[derive(Clone, Copy, Debug)]
pub struct ControlKey;

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ControlRecord {
    pub rev: u64,
    /// The ceiling; none is `enforce`.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// `mode` alone is the ceiling. The release before knows nothing of it and drops it when it writes, so that what
    /// it was told by its variable is handed over again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
    /// The deployment's `MODE_CEILING` as the release before last heard of it; none once it was handed over.
    #[serde(default)]
    pub variable: Option<Mode>,
    /// When the ceiling was below enforce.
    #[serde(default)]
    pub freezes: Freezes,
    /// Which catalog and baselines are in force.
    #[serde(default)]
    pub versions: Versions,
}

/// Versions of the facts that were replaced at run time. 0, or a name that is not listed: the built-in one.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    #[serde(default)]
    pub catalog: u64,
    #[serde(default)]
    pub baselines: BTreeMap<String, u64>,
    /// The engine's `Facts::brought_forward`, which a change of the catalog brings about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waves: BTreeMap<String, Timestamp>,
}

impl Versions {
    pub fn of(&self, facts: &FactsKey) -> u64 {
        match facts {
            FactsKey::Catalog => self.catalog,
            FactsKey::Baseline(name) => self.baselines.get(name).copied().unwrap_or(0),
        }
    }

    pub fn set(&mut self, facts: &FactsKey, version: u64) {
        match facts {
            FactsKey::Catalog => self.catalog = version,
            FactsKey::Baseline(name) if version == 0 => drop(self.baselines.remove(name)),
            FactsKey::Baseline(name) => drop(self.baselines.insert(name.clone(), version)),
        }
    }

    /// All that were replaced.
    pub fn replaced(&self) -> Vec<FactsKey> {
        let catalog = (self.catalog > 0).then_some(FactsKey::Catalog);
        let baselines = self.baselines.keys().cloned().map(FactsKey::Baseline);
        catalog.into_iter().chain(baselines).collect()
    }
}

impl ControlRecord {
    /// The operator-wide ceiling. `variable`: the deployment's `MODE_CEILING`, which counts until it is handed over.
    pub fn ceiling(&self, variable: Mode) -> Mode {
        let mode = self.mode.unwrap_or(Mode::Enforce);
        if self.handed_over { mode } else { mode.min(self.variable.unwrap_or(Mode::Enforce)).min(variable) }
    }
}

impl Family for ControlKey {
    type Record = ControlRecord;
    const KEPT: Kept = GUARDING;
    const RANK: Rank = Rank::Brake;

    fn key(&self) -> String {
        "control/mode".to_owned()
    }
}

impl Record for ControlRecord {
    fn rev(&self) -> u64 {
        self.rev
    }

    fn restrained(known: Option<Self>) -> Option<Self> {
        let record = known.unwrap_or_default();
        Some(Self { mode: Some(record.mode.unwrap_or(Mode::Enforce).min(Mode::Report)), ..record })
    }
}

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

/// `catalog` and `baseline/{name}`: what was put beside or in place of the built-in facts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactsKey {
    Catalog,
    Baseline(String),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FactsRecord {
    pub version: u64,
    /// As it was put, checked; read by [`crate::common`].
    pub json: Box<RawValue>,
    /// Of a catalog, as [`Versions::waves`] has them while it is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waves: BTreeMap<String, Timestamp>,
}

impl Family for FactsKey {
    type Record = FactsRecord;
    const KEPT: Kept = DECIDING;
    const RANK: Rank = Rank::Brake;

    fn key(&self) -> String {
        match self {
            Self::Catalog => "catalog".to_owned(),
            Self::Baseline(name) => format!("baseline/{name}"),
        }
    }
}

impl Record for FactsRecord {
    fn rev(&self) -> u64 {
        self.version
    }

    /// Without its document: [`crate::common`] takes the built-in one in its place, to report by.
    fn restrained(known: Option<Self>) -> Option<Self> {
        Some(Self { json: RawValue::NULL.to_owned(), ..known? })
    }
}

/// `tenant/{tenant}`: a tenant's summary, which lies in the key's metadata as well, for the list of tenants.
#[derive(Clone, Copy, Debug)]
pub struct TenantKey<'a>(pub &'a TenantId);

/// As the API shows it, made by the tenant's ledger.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct TenantRecord(pub Box<RawValue>);

impl TenantKey<'_> {
    /// How the keys of all tenants begin.
    pub const ALL: &'static str = "tenant/";
}

impl Family for TenantKey<'_> {
    type Record = TenantRecord;
    const KEPT: Kept = DECIDING;
    const RANK: Rank = Rank::Rest;

    fn key(&self) -> String {
        format!("{}{}", Self::ALL, self.0)
    }
}

impl Record for TenantRecord {
    fn rev(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{LaidRecord, RoundRecord};
    use serde_json::Value;
    use tidegate_engine::{Baseline, CatalogDocument};

    #[test]
    fn what_was_stored_earlier_is_read_and_written_back_the_same() {
        fn keeps<R: Record>(stored: &str) {
            let record: R = serde_json::from_str(stored).unwrap();
            let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
            assert_eq!(serde_json::to_value(&record).unwrap(), stored);
        }
        keeps::<PolicyRecord>(include_str!("../../tests/stored/policy.json"));
        keeps::<PhaseRecord>(include_str!("../../tests/stored/phase-written.json"));
        keeps::<PeerRecord>(include_str!("../../tests/stored/peer-written.json"));
        keeps::<ControlRecord>(include_str!("../../tests/stored/control.json"));
        keeps::<ControlRecord>(include_str!("../../tests/stored/control-written.json"));
        keeps::<LaidRecord>(include_str!("../../tests/stored/laid.json"));
        keeps::<LaidRecord>(include_str!("../../tests/stored/laid-written.json"));
        keeps::<RoundRecord>(include_str!("../../tests/stored/round.json"));
        keeps::<KeyRecord>(include_str!("../../tests/stored/key.json"));
        keeps::<KeyRecord>(include_str!("../../tests/stored/key-written.json"));
        let bounded = include_str!("../../tests/stored/key-bounded.json");
        let document = Document::<KeyRecord>::read(bounded).unwrap();
        assert!(document.is_understood());
        let (written, stored): (Value, Value) = (
            serde_json::from_str(&serde_json::to_string(&document.into_value()).unwrap()).unwrap(),
            serde_json::from_str(bounded).unwrap(),
        );
        assert_eq!(written, stored);
    }

    #[test]
    fn what_the_release_before_kept_of_an_address_refuses_nothing() {
        let stored: Document<PeerRecord> = Document::read(include_str!("../../tests/stored/peer.json")).unwrap();
        assert_eq!((stored.rev, stored.machines.len()), (1_790_842_508, 0));
    }

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
        let written = include_str!("../../tests/stored/key-written.json");
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
        let bounded = include_str!("../../tests/stored/key-bounded.json");
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

    /// `phase.json` is what 67205e3 stored, `phase-written.json` what is written now of the same spell and of one that
    /// is suspended.
    #[test]
    fn a_phase_of_the_release_before_gives_notice_before_anything_is_closed() {
        let stored: PhaseRecord = serde_json::from_str(include_str!("../../tests/stored/phase.json")).unwrap();
        let spell = stored.phase.spell.unwrap();
        assert_eq!((spell.detected_at, spell.held), (Timestamp(1_790_842_508), 432_000));
        assert!(!spell.is_in_reach(spell.last_out_of_date));
        assert!(stored.phase.builds.is_empty());
        assert_eq!((stored.rev, stored.policy_rev, stored.exemptions.is_empty()), (7, 3, false));
    }

    #[test]
    fn the_release_before_reads_what_is_written_now() {
        #[derive(Deserialize)]
        struct Record {
            rev: u64,
            phase: Before,
        }
        /// The phase as 67205e3 reads it: out of date is only a message of a node that stands here.
        #[derive(Deserialize)]
        struct Before {
            spell: Option<Spell>,
            nodes: Vec<serde_json::Value>,
        }
        #[derive(Deserialize)]
        struct Spell {
            detected_at: Timestamp,
            held: i64,
            last_out_of_date: Timestamp,
        }
        let Record { rev, phase } =
            serde_json::from_str(include_str!("../../tests/stored/phase-written.json")).unwrap();
        let spell = phase.spell.unwrap();
        assert_eq!((rev, spell.detected_at, spell.held), (8, Timestamp(1_790_842_508), 432_000));
        assert_eq!(spell.last_out_of_date, Timestamp(1_793_000_000));
        assert!(phase.nodes.is_empty(), "it accepts");
    }

    /// What each family's records look like, as 67205e3 left them and as this release writes them.
    fn each_stored(mut see: impl FnMut(&str, &str)) {
        #[derive(Deserialize)]
        struct Entry {
            name: String,
            value: String,
        }
        let left: Vec<Entry> = serde_json::from_str(include_str!("../../tests/stored/67205e3/state/kv.json")).unwrap();
        left.iter().for_each(|Entry { name, value }| see(name, value));
        see("policy/contoso", include_str!("../../tests/stored/policy.json"));
        see("phase/contoso/ex01.contoso.com", include_str!("../../tests/stored/phase-written.json"));
        see("peer/contoso/203.0.113.7", include_str!("../../tests/stored/peer.json"));
        see("control/mode", include_str!("../../tests/stored/control.json"));
        see("control/laid", include_str!("../../tests/stored/laid-written.json"));
        see("control/round", include_str!("../../tests/stored/round.json"));
        see("key/0f", include_str!("../../tests/stored/key.json"));
        see("key/1f", include_str!("../../tests/stored/key-bounded.json"));
    }

    /// Whether this release understands a record, and the record as it would write it back.
    fn read_back(name: &str, json: &str) -> (bool, Value) {
        fn of<R: Record>(json: &str) -> (bool, Value) {
            let document = Document::<R>::read(json).unwrap();
            (document.is_understood(), serde_json::from_str(&document.to_json().unwrap()).unwrap())
        }
        let read = match name.split_once('/').unwrap_or((name, "")) {
            ("policy", _) => of::<PolicyRecord>,
            ("phase", _) => of::<PhaseRecord>,
            ("peer", _) => of::<PeerRecord>,
            ("control", "mode") => of::<ControlRecord>,
            ("control", "laid") => of::<LaidRecord>,
            ("control", "round") => of::<RoundRecord>,
            ("key", _) => of::<KeyRecord>,
            ("tenant", _) => of::<TenantRecord>,
            ("catalog", _) | ("baseline", _) => of::<FactsRecord>,
            (other, _) => panic!("a family that is not tried here: {other}"),
        };
        read(json)
    }

    /// The catalog or baseline in a record is a document of its own.
    fn facts_are_understood(name: &str, json: &str) -> bool {
        if name == "catalog" {
            return Document::<CatalogDocument>::read(json).unwrap().is_understood();
        }
        Document::<Baseline>::read(json).unwrap().is_understood()
    }

    /// Calls `change` with each object in a document that has members of its own, and not names that mean something.
    fn each_object(value: &mut Value, name: &str, change: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, "", change)),
            Value::Object(members) if members.contains_key("minimum") || members.contains_key("max_lag_days") => {}
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    // what the release before kept of nodes is passed over
                    if name != "nodes" {
                        each_object(member, name, change);
                    }
                }
                if !["waves", "products", "baselines"].contains(&name) {
                    change(members);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn a_member_of_the_next_release_anywhere_in_a_record_is_understood_and_kept() {
        each_stored(|name, json| {
            let mut next: Value = serde_json::from_str(json).unwrap();
            let mut places = 0;
            each_object(&mut next, "", &mut |members| {
                members.insert("next".to_owned(), serde_json::json!({"of": ["next"]}));
                places += 1;
            });
            let (is_understood, written) = read_back(name, &next.to_string());
            assert!(is_understood, "{name}");
            if let Some(facts) = next.get("json") {
                assert!(facts_are_understood(name, &facts.to_string()), "{name}");
            }
            let kept = written.to_string().matches(r#""next":{"of":["next"]}"#).count();
            assert_eq!(kept, places, "{name}: {written}");
        });
    }

    /// `control.json` is what 67205e3 stored, `control-written.json` what is written of it now.
    #[test]
    fn a_ceiling_of_the_release_before_holds_until_it_is_handed_over() {
        let stored = |json: &str| serde_json::from_str::<ControlRecord>(json).unwrap();
        let before = |mode, variable| ControlRecord { mode, variable, ..ControlRecord::default() };
        let (report, enforce, off) = (Some(Mode::Report), Some(Mode::Enforce), Some(Mode::Off));
        assert_eq!(stored(include_str!("../../tests/stored/control.json")).ceiling(Mode::Enforce), Mode::Report);
        assert_eq!(before(enforce, report).ceiling(Mode::Enforce), Mode::Report);
        assert_eq!(before(off, report).ceiling(Mode::Enforce), Mode::Off);
        assert_eq!(before(enforce, None).ceiling(Mode::Report), Mode::Report, "never told of");
        let after = ControlRecord { handed_over: true, ..before(enforce, None) };
        assert_eq!(after.ceiling(Mode::Report), Mode::Enforce, "moved by its call alone");
    }

    #[test]
    fn the_release_before_holds_tenants_by_what_is_written_now() {
        /// The record as 67205e3 reads it: its own variable may lower the ceiling further.
        #[derive(Deserialize)]
        struct Before {
            mode: Option<Mode>,
            variable: Option<Mode>,
            freezes: Freezes,
        }
        let before: Before = serde_json::from_str(include_str!("../../tests/stored/control-written.json")).unwrap();
        assert_eq!((before.mode, before.variable), (Some(Mode::Report), None));
        assert!(before.freezes.open_since().is_some());
    }

    #[test]
    fn keys_name_their_family() {
        let tenant = "contoso".parse().unwrap();
        let server = ServerId::try_from("ex01.contoso.com".to_owned()).unwrap();
        assert_eq!(PolicyKey(&tenant).key(), "policy/contoso");
        assert_eq!(PhaseKey(&tenant, &server).key(), "phase/contoso/ex01.contoso.com");
        let peer = |address: &str| PeerKey(&tenant, address.parse().unwrap()).key();
        assert_eq!(
            (peer("203.0.113.7"), peer("2001:db8::7:8")),
            ("peer/contoso/203.0.113.7".into(), "peer/contoso/2001:db8::".into())
        );
        assert_eq!(TenantKey(&tenant).key(), "tenant/contoso");
        assert_eq!(KeyKey("0f".to_owned()).key(), "key/0f");
        assert_eq!(FactsKey::Catalog.key(), "catalog");
        assert_eq!(FactsKey::Baseline("strict".to_owned()).key(), "baseline/strict");
    }
}
