//! What an edge tells of mail that it has answered, and what the ledger says of that.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tidegate_engine::{Build, Component, Connector, DAY, Node, ServerId, Shown, Timestamp};

use super::ChangedPhases;

/// How long after it was sealed a batch may come again: for longer the ledger knows by its number that it has it.
pub const SENT_AGAIN_SECONDS: i64 = DAY;

/// Observations of one tenant, added up in one isolate.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Batch {
    /// By which a batch that comes twice is known; none where it is not sent again.
    pub sent: Option<Sent>,
    /// When nobody waits for the receipt any more, in milliseconds of the real clock: what was to be answered has then
    /// been answered otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<u64>,
    pub items: Vec<Item>,
    /// Left out where there is none, and by edges of the release before, whose ledgers pass over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unbelieved: Vec<Unbelieved>,
    /// Decisions that the isolate had no room for since its batch before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: u32,
    /// Some of it came by a key that has Postfix's policy service refuse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses_at_rcpt: bool,
    /// Addresses from which, by such a key, came mail that is recorded of no server: others than Exchange are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<Stranger>,
}

/// An address from which others than recorded servers hand mail over.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stranger {
    pub peer: IpAddr,
    pub at: Timestamp,
}

impl Batch {
    /// How many decisions it tells of, as far as none is told twice.
    pub fn messages(&self) -> u32 {
        let of = |item: &Item| {
            item.events.iter().fold(item.counts.messages(), |sum, event| sum.saturating_add(event.counts.messages()))
        };
        self.items.iter().map(of).fold(0, u32::saturating_add)
    }

    pub fn latest(&self) -> Option<Timestamp> {
        let seen = self.items.iter().flat_map(|item| &item.sights).map(|sight| sight.at);
        let others = self.unbelieved.iter().map(|seen| seen.last_at).chain(self.strangers.iter().map(|seen| seen.at));
        seen.chain(others).max()
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sent {
    pub isolate: String,
    /// Rises by one with every batch of this isolate to this tenant.
    pub sequence: u64,
}

/// Messages whose server could not be told, for one reason.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Unbelieved {
    pub what: What,
    pub messages: u32,
    /// Those of them whose fields are not the gateway's own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub disbelieved: u32,
    pub last_at: Timestamp,
    /// The field of the first one that tells, without its `for` clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The gateway of that actor, bound to the tenant, claims fields that may not be its own.
    OwnHops { actor: String },
    /// A field is nearly what Exchange writes.
    Unreadable { reason: String },
    /// Exchange's hop stands below that of a relay that the policy does not name.
    Relay { host: String, peer: IpAddr },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What was answered to messages of one server, node and build in one hour.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Item {
    pub server: ServerId,
    pub name: String,
    pub connector: Connector,
    pub node: Node,
    pub shown: ShownDocument,
    /// What another component of the server stamped beside `shown`. The release before calls it after the first that was.
    #[serde(rename = "mapi", default, skip_serializing_if = "Option::is_none")]
    pub other_component: Option<Build>,
    /// Handed over through a trusted relay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relayed: bool,
    /// The first message, the newest that differs from it, and the last: at most three, in order.
    pub sights: Vec<Sight>,
    /// Of messages without an event id.
    pub counts: Counts,
    /// Messages with one: a repetition within 10 minutes counts once.
    pub events: Vec<Event>,
    pub evidence: Evidence,
    /// From which address they came; a ledger of the release before passes over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sight {
    pub at: Timestamp,
    #[serde(with = "hex")]
    pub fingerprint: u64,
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "[u32; 5]", into = "[u32; 5]")]
pub struct Counts {
    pub accept: u32,
    pub defer: u32,
    pub reject: u32,
    pub would_defer: u32,
    pub would_reject: u32,
}

impl From<[u32; 5]> for Counts {
    fn from([accept, defer, reject, would_defer, would_reject]: [u32; 5]) -> Self {
        Self { accept, defer, reject, would_defer, would_reject }
    }
}

impl From<Counts> for [u32; 5] {
    fn from(counts: Counts) -> Self {
        [counts.accept, counts.defer, counts.reject, counts.would_defer, counts.would_reject]
    }
}

impl Counts {
    /// How many messages were answered.
    pub const fn messages(self) -> u32 {
        self.accept.saturating_add(self.defer).saturating_add(self.reject)
    }

    pub fn add(&mut self, other: Self) {
        self.accept = self.accept.saturating_add(other.accept);
        self.defer = self.defer.saturating_add(other.defer);
        self.reject = self.reject.saturating_add(other.reject);
        self.would_defer = self.would_defer.saturating_add(other.would_defer);
        self.would_reject = self.would_reject.saturating_add(other.would_reject);
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Event {
    #[serde(with = "hex")]
    pub hash: u64,
    pub counts: Counts,
}

/// The evidence of an item's last message.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Evidence {
    pub field: usize,
    pub component: Component,
    pub telling: String,
    pub received: String,
}

/// The engine's [`Shown`] as it travels.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShownDocument {
    Update(Build),
    Lane(Build),
    Product(Build),
    Nothing,
}

impl From<Shown> for ShownDocument {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Update(build) => Self::Update(build),
            Shown::Lane(build) => Self::Lane(build),
            Shown::Product(build) => Self::Product(build),
            Shown::Nothing => Self::Nothing,
        }
    }
}

impl From<ShownDocument> for Shown {
    fn from(shown: ShownDocument) -> Self {
        match shown {
            ShownDocument::Update(build) => Self::Update(build),
            ShownDocument::Lane(build) => Self::Lane(build),
            ShownDocument::Product(build) => Self::Product(build),
            ShownDocument::Nothing => Self::Nothing,
        }
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Recorded {
    /// Records that changed, so that the caller reads its own write.
    pub phases: ChangedPhases,
    /// Not all of it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
    /// The servers of which nothing was written down for want of room. A ledger of the release before does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<ServerId>,
    #[serde(default, skip_serializing_if = "Unrecorded::is_none")]
    pub unrecorded: Unrecorded,
}

/// Decisions that were not written down, by the bound that was met.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Unrecorded {
    /// Of servers for which the tenant has no room.
    pub servers: u32,
    /// Of servers of which their address names too many.
    pub peer_servers: u32,
    /// Of tenants without a policy, beyond those that are admitted.
    pub tenants: u32,
}

impl Unrecorded {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Why something was not written down.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// Nobody waits for the receipt any more.
    Late,
    /// There is no room for another server, or nothing is to be stored of this tenant.
    NoPlace,
}

/// 64 bits do not fit into a JSON number that JavaScript keeps.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}
