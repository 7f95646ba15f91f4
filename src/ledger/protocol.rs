//! What the edge and the ledger say to each other, as JSON.

mod recording;

use serde::{Deserialize, Serialize};
use tidegate_engine::{Date, DelegatedRight, Policy, ServerId, TenantId, Timestamp};
use worker::Env;

use crate::durable::audit::Note;
use crate::durable::client::{Circumstances, Client};
use crate::durable::keys::{KeyUse, NewKey, RevokeKey};
use crate::durable::lists::Range;
use crate::store::{KeyKey, PhaseRecord, PolicyRecord};

pub use recording::{
    Batch, Counts, Dropped, Event, Evidence, Item, Recorded, SENT_AGAIN_SECONDS, Sent, ShownDocument, Sight, Stranger,
    Unbelieved, Unrecorded, What,
};

/// The Durable Object's binding.
const BINDING: &str = "LEDGER";

/// The way to a tenant's ledger.
pub fn of(env: &Env, tenant: &TenantId, actor: &str, circumstances: Circumstances) -> Client {
    Client::new(env, BINDING, tenant.as_str(), actor, circumstances)
}

/// One call to a tenant's ledger.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Answered with [`Recorded`].
    Record(Batch),
    /// Answered with the policy as the API shows it.
    Policy,
    /// Answered with [`Changed`].
    PutPolicy(Box<PutPolicy>),
    /// Answered with what putting it would do, as the API shows it.
    PreviewPolicy(Box<Proposal>),
    /// Answered with one page of servers as the API shows them.
    Servers {
        filter: Filter,
        range: Range,
    },
    /// Answered with one server as the API shows it.
    Server {
        id: ServerId,
    },
    /// Forgets one server.
    DeleteServer {
        id: ServerId,
    },
    /// Answered with the tenant's summary as the API shows it.
    Tenant,
    /// Forgets everything.
    DeleteTenant,
    /// Answered with the report on these days, both included, as the API shows it: JSON with one page of servers, or
    /// without a range CSV with all of them.
    Report {
        from: Date,
        to: Date,
        range: Option<Range>,
    },
    /// Answered with what became of one server's mail on these days, both included, as the API shows it.
    Counts {
        id: ServerId,
        from: Date,
        to: Date,
        step: Step,
    },
    /// Answered with one page of the audit trail as the API shows it.
    Audit(Range),
    /// What the operator's object has for the trail. Answered with `true`.
    Note(Note),
    Pauses(PauseCall),
    Exemption(ServerId, ExemptionCall),
    Webhooks(WebhookCall),
    Keys(KeyCall),
    /// Answered with one page of notifications as the API shows them.
    Notifications(Range),
    /// Has everything laid anew for KV, a step at a time. Answered with `true`.
    Republish,
    /// Does nothing but what is due.
    Tick,
}

/// What is asked of a tenant's pauses.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseCall {
    /// Answered with one page of them and the budget, as the API shows them.
    List(Range),
    /// This and what follows: answered with [`Changed`].
    Create {
        days: i64,
        reason: String,
        starts_on: Option<Date>,
    },
    Change {
        id: u64,
        days: i64,
    },
    End {
        id: u64,
    },
}

/// One call that concerns the tenant's keys.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCall {
    /// Answered with the key as lists show it.
    Make(NewKey),
    /// Answered with one page of keys as the API shows them.
    List(Range),
    /// Answered with the key's hash.
    Revoke(RevokeKey),
    /// On which days keys were used. Answered with `true`.
    Used(Vec<KeyUse>),
    /// Answered with those of these hashes whose keys work.
    Living(Vec<String>),
    /// Has the ledger fetch what the operator's object has of its keys. Answered with `true`.
    Fetch,
    /// Has the tenant's keys laid anew for KV and read back, once in a round of that id. Answered with a
    /// [`crate::durable::laying::Progress`].
    Lay(String),
    /// Answered with whether KV has confirmed what was last laid under the key, within two seconds, and the operator's
    /// object knows of it.
    IsPublished(KeyKey),
}

impl KeyCall {
    /// Whether it is a change by the holder of a key, of which there is a limit. What takes a key away never is.
    pub const fn is_limited(&self) -> bool {
        matches!(self, Self::Make(_))
    }

    /// Whether something has to be fetched before it is answered; `lacks`: the ledger has no keys.
    pub const fn fetches(&self, lacks: bool) -> bool {
        match self {
            Self::Fetch | Self::Lay(_) => true,
            Self::Make(_) | Self::List(_) | Self::Used(_) => lacks,
            Self::Revoke(_) | Self::Living(_) | Self::IsPublished(_) => false,
        }
    }

    /// Whether it begins a ledger of which nothing is stored.
    pub const fn begins(&self) -> bool {
        matches!(self, Self::Make(_))
    }
}

/// What is asked of a server's exemption.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExemptionCall {
    /// Answered with the exemption as the API shows it.
    Show,
    /// This and what follows: answered with [`Changed`]. `needs` is what the policy has to delegate to the caller.
    Put {
        reason: String,
        expires_at: Timestamp,
        needs: Option<DelegatedRight>,
    },
    End {
        needs: Option<DelegatedRight>,
    },
}

/// What is asked of a tenant's webhooks.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookCall {
    /// Answered with one page of them as the API shows them.
    List(Range),
    /// The same for those who may not see more of an address than its host.
    ListMasked(Range),
    /// This and what follows: answered with [`Changed`]. The address is checked by [`super::target`].
    Create {
        url: String,
    },
    Delete {
        id: String,
    },
    /// Draws another secret; the one before signs too for a day.
    Rotate {
        id: String,
    },
}

impl Call {
    /// Whether the answer shows what time alone changes, so that what is due has to be done first.
    pub const fn shows_what_is_due(&self) -> bool {
        !matches!(self, Self::Record(_) | Self::Policy | Self::Note(_) | Self::Republish)
    }

    /// Whether it can be answered where nothing is stored, and leaves that so.
    pub const fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Policy
                | Self::PreviewPolicy(_)
                | Self::Servers { .. }
                | Self::Server { .. }
                | Self::Tenant
                | Self::Report { .. }
                | Self::Counts { .. }
                | Self::Audit(_)
                | Self::Notifications(_)
                | Self::Pauses(PauseCall::List(_))
                | Self::Exemption(_, ExemptionCall::Show)
                | Self::Webhooks(WebhookCall::List(_) | WebhookCall::ListMasked(_))
        )
    }

    /// Whether it may begin a tenant of which nothing is stored.
    pub const fn begins(&self) -> bool {
        matches!(
            self,
            Self::Record(_)
                | Self::PutPolicy(_)
                | Self::Note(_)
                | Self::Pauses(PauseCall::Create { .. })
                | Self::Webhooks(WebhookCall::Create { .. })
                | Self::Republish
        )
    }

    /// Whether it is a change by the holder of a key, of which there is a limit. What is recorded of mail is none.
    pub const fn is_limited(&self) -> bool {
        if let Self::Keys(call) = self {
            return call.is_limited();
        }
        !self.only_reads() && !matches!(self, Self::Record(_) | Self::Note(_) | Self::Republish | Self::Tick)
    }

    /// Whether the tenant's summary may be another one afterwards.
    pub const fn changes(&self) -> bool {
        !self.only_reads()
            && !matches!(self, Self::Note(_) | Self::Webhooks(_) | Self::Keys(_) | Self::Republish | Self::Tick)
    }
}

/// By what counts are added up.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Hour,
    Day,
}

/// Which servers a list shows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Filter {
    pub state: Option<String>,
    pub stage: Option<u8>,
    /// Only those that are exempt now, or only others.
    pub exempt: Option<bool>,
    /// A part of the id or name; case is ignored.
    pub q: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct PutPolicy {
    pub proposal: Proposal,
    /// The revision that the caller knows; `None`: whatever it is.
    pub if_rev: Option<u64>,
    /// Others that it may be as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_revs: Vec<u64>,
    /// What the present policy has to delegate to the caller.
    pub needs: Option<DelegatedRight>,
}

/// A policy as someone wants to have it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Proposal {
    pub policy: Policy,
    pub author: Author,
}

/// Who wrote a policy: what an admin sets stays as it is where someone else leaves it out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    Admin,
    Other { names_delegated: bool, names_pause_days: bool },
}

/// Phases that a change has published.
pub type ChangedPhases = Vec<(ServerId, PhaseRecord)>;

/// A change that was made.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Changed {
    /// What KV will be told, so that the caller reads its own write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<PolicyRecord>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: ChangedPhases,
    /// What the caller is shown, as JSON; `None` for an answer without a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}
