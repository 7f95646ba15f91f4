//! What edge, ledgers and the operator's object say to each other, as JSON.

use serde::{Deserialize, Serialize};
use tidegate_engine::{Freezes, Mode, TenantId, Timestamp};
use worker::Env;

use crate::durable::audit::Note;
use crate::durable::client::{Circumstances, Client};
use crate::durable::keys::{Key, KeyUse, NewKey, RevokeKey};
use crate::durable::lists::Range;
use crate::store::{ControlRecord, FactsKey, KeyKey};

/// The Durable Objects' binding, and the names of those that do not only add up.
pub const BINDING: &str = "OPERATOR";
pub const NAME: &str = "operator";
pub const CONTROL: &str = "control";

/// The way to the operator's object.
pub fn of(env: &Env, actor: &str, circumstances: Circumstances) -> Client {
    Client::new(env, BINDING, NAME, actor, circumstances)
}

/// The id of the operator's own object: no other deployment has one of the same.
pub fn id(env: &Env) -> Option<String> {
    env.durable_object(BINDING).ok()?.id_from_name(NAME).ok().map(|id| id.to_string())
}

/// The way to the object that has the ceiling. It takes [`Call::ToControl`] alone, which the release before cannot read:
/// it would take what lies there for all that the operator has.
pub fn control(env: &Env, actor: &str, circumstances: Circumstances) -> Client {
    Client::new(env, BINDING, CONTROL, actor, circumstances)
}

/// One call to the operator's object.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Answered with the key as lists show it. One of a tenant is made by the tenant's ledger; edges of the release before
    /// ask for it here.
    CreateKey(NewKey),
    /// The same for a key that expires or is bound to networks: an object of 67205e3, which would make one without bounds,
    /// does not know this call.
    CreateBoundedKey(NewKey),
    /// Answered with one page of keys as the API shows them; of one tenant where one is given.
    Keys(Option<TenantId>, Range),
    /// Answered with the key's hash. One of a tenant whose id leads to it is revoked by the tenant's ledger, and here where
    /// that fails.
    RevokeKey(RevokeKey),
    /// On which days keys were used that are bound to no tenant. Answered with `true`.
    KeysUsed(Vec<KeyUse>),
    /// A tenant's ledger fetches its keys. Answered with [`Handed`].
    HandOver(TenantId),
    /// What became of a tenant's keys in its ledger. Answered with `true`.
    KeyEvents(Vec<KeyEvent>),
    /// Sets the ceiling where one is given. The first mode is the deployment's variable: the release before takes it
    /// in, this one passes over it. Edges of the release before ask for it here; it is passed on. Answered with
    /// [`Changed`].
    Control(Mode, Option<Mode>),
    /// What the object `control` is asked.
    ToControl(ControlCall),
    /// Takes in the ceiling, where one is given and nothing else came between. Answered with what is stored here then:
    /// the document as text.
    CopyCeiling(Option<CeilingCopy>),
    /// Answered with a version of a catalog or baseline as the API shows it; `None`: the one in force.
    Facts(FactsKey, Option<u64>),
    /// Answered with [`Changed`].
    PutFacts(PutFacts),
    /// Answered with one page of the baselines that policies may name.
    Baselines(Range),
    /// A tenant is about to be recorded; for one that is known already there is always room. Answered with whether it
    /// may be.
    Admit(TenantId, Known),
    /// What a tenant's ledger has for the trail; `tenant.delete`, whose subject is the tenant, revokes its keys.
    /// Answered with the hashes of the keys that this revoked.
    Note(Note),
    /// Answered with one page of the audit trail as the API shows it.
    Audit(Range),
    /// Answered with one page of what the operator is told, as the API shows it.
    Notifications(Range),
    /// What a gateway claimed whose key is bound to no tenant. Answered with `true`.
    OwnHops { actor: String, messages: u32, disbelieved: u32 },
    /// Adds to the counters, as the release before did. Answered with [`Counts`], the sums of this object.
    Count(Counts),
    /// What an isolate counted. Answered with `true`.
    Tell(Told),
    /// Answered with whether KV has confirmed what was last laid under the key, within two seconds.
    IsPublished(KeyKey),
    /// Has everything laid anew for KV, a step at a time. Answered with [`Republished`].
    Republish,
    /// Does nothing but what is due.
    Tick,
}

impl Call {
    /// Whether it is a change by the holder of a key, of which there is a limit. What holds mail back less, and what takes
    /// a key away, is never limited.
    pub const fn is_limited(&self) -> bool {
        match self {
            Self::CreateKey(_) | Self::CreateBoundedKey(_) | Self::PutFacts(_) | Self::Republish => true,
            Self::Control(_, mode) | Self::ToControl(ControlCall::Ceiling(mode)) => matches!(mode, Some(Mode::Enforce)),
            Self::RevokeKey(_)
            | Self::Keys(..)
            | Self::KeysUsed(_)
            | Self::HandOver(_)
            | Self::KeyEvents(_)
            | Self::Facts(..)
            | Self::Baselines(_)
            | Self::Admit(..)
            | Self::Note(_)
            | Self::Audit(_)
            | Self::Notifications(_)
            | Self::OwnHops { .. }
            | Self::Count(_)
            | Self::Tell(_)
            | Self::IsPublished(_)
            | Self::ToControl(_)
            | Self::CopyCeiling(_)
            | Self::Tick => false,
        }
    }

    /// Whether a key may have come or gone by it, which its tenant's ledger is then told.
    pub const fn changes_key(&self) -> bool {
        matches!(self, Self::CreateKey(_) | Self::CreateBoundedKey(_) | Self::RevokeKey(_))
    }
}

/// One call to the object that has the ceiling.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlCall {
    /// Sets the ceiling where one is given. Answered with [`Changed`].
    Ceiling(Option<Mode>),
    /// What the operator's own object stores: which facts are in force, and the ceiling as it has it. Answered with the
    /// [`ControlRecord`] that is published.
    Told(String),
    /// Has `control/mode` laid anew. Answered with `true`.
    Republish,
    /// The same where KV has not what is in force: part of the daily sweep. Answered with whether it was so.
    Sweep,
}

/// What `control` decides.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ceiling {
    pub mode: Option<Mode>,
    pub freezes: Freezes,
    pub updated_at: Option<Timestamp>,
}

/// The ceiling for the operator's own object.
#[derive(Debug, Deserialize, Serialize)]
pub struct CeilingCopy {
    pub ceiling: Ceiling,
    /// Of `control/mode`, which has it.
    pub rev: u64,
    /// What `control` has last seen there.
    pub replaces: Ceiling,
}

/// What a tenant's ledger fetches of its keys.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Handed {
    /// All that work, as far as the operator's object knows.
    pub keys: Vec<Key>,
    /// Hashes of those that were revoked here and of which the ledger may not have heard.
    pub gone: Vec<String>,
}

impl Handed {
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.gone.is_empty()
    }
}

/// What became of a tenant's key in its ledger, and what the operator's trail has to say of it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyEvent {
    Made(Key, Note),
    /// By its hash.
    Gone(String, Note),
    Used(KeyUse),
}

/// What a ledger knows of its tenant: it has a policy, or was recorded before.
pub type Known = bool;

#[derive(Debug, Deserialize, Serialize)]
pub struct PutFacts {
    pub key: FactsKey,
    pub content: Content,
    /// The version that the caller knows to be in force; `None`: whatever it is.
    pub if_version: Option<u64>,
    /// Others that it may be as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_versions: Vec<u64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// What was posted.
    New(String),
    /// That of an earlier version; 0: the built-in one.
    Version(u64),
}

/// A change that was made.
#[derive(Debug, Deserialize, Serialize)]
pub struct Changed {
    /// What KV will be told, so that the caller reads its own write. Where that is not known yet, it is of revision 0 and
    /// restrained.
    pub control: ControlRecord,
    /// What the caller is shown, as JSON.
    pub shown: String,
    /// The version that is in force now, where versions are counted.
    pub version: Option<u64>,
}

/// What an isolate counted, under a number by which it is known when it comes twice.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Told {
    pub isolate: String,
    /// Rises by one with everything that this isolate tells.
    pub sequence: u64,
    pub counts: Counts,
}

/// What is laid anew, as the API shows it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Republished {
    pub keys: i64,
    /// Whose ledgers are asked for the rest.
    pub tenants: i64,
}

/// Series as Prometheus names them, with what was counted.
pub type Counts = Vec<(String, u64)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lowers_the_brake_or_takes_a_key_away_is_never_limited() {
        let control = |mode| Call::Control(Mode::Enforce, mode).is_limited();
        assert!(control(Some(Mode::Enforce)));
        assert!(!control(Some(Mode::Report)) && !control(Some(Mode::Off)) && !control(None));
        let control = |mode| Call::ToControl(ControlCall::Ceiling(mode)).is_limited();
        assert!(control(Some(Mode::Enforce)));
        assert!(!control(Some(Mode::Report)) && !control(Some(Mode::Off)) && !control(None));
        let revoke = RevokeKey { id: "k3f9".to_owned(), bound_to: None, as_admin: true };
        assert!(!Call::RevokeKey(revoke).is_limited());
    }
}
