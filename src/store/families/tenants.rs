//! What KV holds of a tenant.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::{Connector, Enforcement, Freezes, Mode, Phase, ServerId, TenantId, Timestamp, sender_network};

use super::family::{DECIDING, Family, GUARDING, Kept, Rank, Record};

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
    use tidegate_stored::Document;

    use super::*;

    #[test]
    fn what_the_release_before_kept_of_an_address_refuses_nothing() {
        let stored: Document<PeerRecord> = Document::read(include_str!("../../../tests/stored/peer.json")).unwrap();
        assert_eq!((stored.rev, stored.machines.len()), (1_790_842_508, 0));
    }

    /// `phase.json` is what 67205e3 stored, `phase-written.json` what is written now of the same spell and of one that
    /// is suspended.
    #[test]
    fn a_phase_of_the_release_before_gives_notice_before_anything_is_closed() {
        let stored: PhaseRecord = serde_json::from_str(include_str!("../../../tests/stored/phase.json")).unwrap();
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
            serde_json::from_str(include_str!("../../../tests/stored/phase-written.json")).unwrap();
        let spell = phase.spell.unwrap();
        assert_eq!((rev, spell.detected_at, spell.held), (8, Timestamp(1_790_842_508), 432_000));
        assert_eq!(spell.last_out_of_date, Timestamp(1_793_000_000));
        assert!(phase.nodes.is_empty(), "it accepts");
    }
}
