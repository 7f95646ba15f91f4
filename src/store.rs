//! What the edge reads from KV, each family of keys a type, through the isolate's cache.
//!
//! The ledger is the only writer of these keys. An entry is served for 30 s as it is, to 60 s while one refresh runs
//! after the answer, and read anew when it is older: memory alone never defers or rejects.

mod cache;
mod kv;

use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_engine::clock::Freezes;
use tidegate_engine::event::TenantId;
use tidegate_engine::policy::Policy;
use tidegate_engine::server::ServerId;
use tidegate_engine::spell::Phase;
use tidegate_engine::time::Timestamp;
use worker::Env;

use crate::platform::{Deadline, real_millis, within};
use cache::{Age, Cache};
pub use kv::Kv;

/// The KV namespace's binding.
pub const BINDING: &str = "STATE";

/// A family of KV keys: what they look like and what they hold.
pub trait Family {
    type Record: DeserializeOwned + Serialize;

    fn key(&self) -> String;
}

/// `policy/{tenant}`: a tenant's policy, and the times during which its clocks stood still.
#[derive(Clone, Copy, Debug)]
pub struct PolicyKey<'a>(pub &'a TenantId);

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct PolicyRecord {
    /// Counts the changes; 0 for a tenant without a policy.
    pub rev: u64,
    pub policy: Policy,
    pub freezes: Freezes,
    /// The last revision that held clocks back. A phase from before it says too much.
    #[serde(default)]
    pub softened_rev: u64,
    /// When what a spell meets last changed: mode, ladder, waves, scope or relays.
    #[serde(default)]
    pub changed_at: Timestamp,
}

impl Family for PolicyKey<'_> {
    type Record = PolicyRecord;

    fn key(&self) -> String {
        format!("policy/{}", self.0)
    }
}

/// `phase/{tenant}/{server}`: what an out-of-date server's decisions rest on.
#[derive(Clone, Copy, Debug)]
pub struct PhaseKey<'a>(pub &'a TenantId, pub &'a ServerId);

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct PhaseRecord {
    /// Counts the publications.
    pub rev: u64,
    /// The policy's revision by which it was made.
    #[serde(default)]
    pub policy_rev: u64,
    pub phase: Phase,
}

impl Family for PhaseKey<'_> {
    type Record = PhaseRecord;

    fn key(&self) -> String {
        format!("phase/{}/{}", self.0, self.1)
    }
}

/// A record, or the certainty that there is none.
type Found<R> = Option<Rc<R>>;

/// What one read brought. `refresh` asks for [`Reader::refresh`] after the answer.
#[derive(Debug)]
pub struct Read {
    pub policy: Found<PolicyRecord>,
    pub phase: Found<PhaseRecord>,
    pub refresh: bool,
}

/// Nothing could be had: KV was late, failed, or held something malformed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreError {
    Late,
    Failed,
    Malformed,
}

impl StoreError {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "the KV store did not answer in time",
            Self::Failed => "the KV store failed",
            Self::Malformed => "the KV store holds a malformed record",
        }
    }
}

/// Reads one tenant's records.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub env: &'a Env,
    pub tenant: &'a TenantId,
    /// Reads KV whatever the cache holds. For tests.
    pub fresh: bool,
    pub deadline: Deadline,
}

impl Reader<'_> {
    /// The policy, if the cache can serve it; the flag asks for a refresh.
    pub fn cached_policy(&self) -> Option<(Found<PolicyRecord>, bool)> {
        if self.fresh {
            return None;
        }
        Cache::with(|cache| cache.policy(&PolicyKey(self.tenant).key(), real_millis())).and_then(servable)
    }

    fn cached_phase(&self, server: &ServerId) -> Option<(Found<PhaseRecord>, bool)> {
        if self.fresh {
            return None;
        }
        Cache::with(|cache| cache.phase(&PhaseKey(self.tenant, server).key(), real_millis())).and_then(servable)
    }

    /// A server's phase, where the policy is known already; the flag asks for a refresh.
    pub async fn phase(&self, server: &ServerId) -> Result<(Found<PhaseRecord>, bool), StoreError> {
        match self.cached_phase(server) {
            Some(cached) => Ok(cached),
            None => self.read(Some(server)).await.map(|read| (read.phase, read.refresh)),
        }
    }

    /// The policy and, where asked for, a server's phase, in one bulk read unless the cache can serve both.
    pub async fn read(&self, server: Option<&ServerId>) -> Result<Read, StoreError> {
        if let Some(cached) = self.cached(server) {
            return Ok(cached);
        }
        match self.read_kv(server).await {
            // meanwhile another request may have been luckier
            Err(error) => self.cached(server).ok_or(error),
            read => read,
        }
    }

    fn cached(&self, server: Option<&ServerId>) -> Option<Read> {
        let (policy, refresh) = self.cached_policy()?;
        let Some(server) = server else { return Some(Read { policy, phase: None, refresh }) };
        let (phase, too) = self.cached_phase(server)?;
        Some(Read { policy, phase, refresh: refresh || too })
    }

    /// Reads KV, so that the next request finds the cache fresh. A failure is left to that request.
    pub async fn refresh(&self, server: Option<&ServerId>) {
        let _ = self.read_kv(server).await;
    }

    async fn read_kv(&self, server: Option<&ServerId>) -> Result<Read, StoreError> {
        let kv = Kv::new(self.env, BINDING).ok_or(StoreError::Failed)?;
        let policy_key = PolicyKey(self.tenant).key();
        let phase_key = server.map(|server| PhaseKey(self.tenant, server).key());
        let read = async {
            match &phase_key {
                Some(phase_key) => kv.read_two([policy_key.as_str(), phase_key.as_str()]).await,
                None => kv.read(&policy_key).await.map(|policy| [policy, None]),
            }
        };
        let read = within(self.deadline.left(), read).await.map_err(|_| StoreError::Late)?;
        let [policy, phase] = read.map_err(|_| StoreError::Failed)?;
        let policy = parse::<PolicyKey<'_>>(policy)?;
        let phase = parse::<PhaseKey<'_>>(phase)?;
        let now = real_millis();
        Ok(Cache::with(|cache| Read {
            policy: cache.put_policy(policy_key, policy, now),
            phase: phase_key.and_then(|key| cache.put_phase(key, phase, now)),
            refresh: false,
        }))
    }
}

/// Takes in a policy that the ledger just answered with.
pub fn remember_policy(tenant: &TenantId, record: PolicyRecord) {
    Cache::with(|cache| cache.put_policy(PolicyKey(tenant).key(), Some(record), real_millis()));
}

/// Takes in a phase that the ledger just answered with.
pub fn remember_phase(tenant: &TenantId, server: &ServerId, record: PhaseRecord) {
    Cache::with(|cache| cache.put_phase(PhaseKey(tenant, server).key(), Some(record), real_millis()));
}

fn parse<F: Family>(text: Option<String>) -> Result<Option<F::Record>, StoreError> {
    text.map(|text| serde_json::from_slice(text.as_bytes()).map_err(|_| StoreError::Malformed)).transpose()
}

fn servable<R>((record, age): (Found<R>, Age)) -> Option<(Found<R>, bool)> {
    match age {
        Age::Fresh => Some((record, false)),
        Age::Stale { refresh } => Some((record, refresh)),
        Age::Old => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_earlier_is_read_and_written_back_the_same() {
        fn keeps<R: DeserializeOwned + Serialize>(stored: &str) {
            let record: R = serde_json::from_str(stored).unwrap();
            let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
            assert_eq!(serde_json::to_value(&record).unwrap(), stored);
        }
        keeps::<PolicyRecord>(include_str!("../tests/stored/policy.json"));
        keeps::<PhaseRecord>(include_str!("../tests/stored/phase.json"));
    }

    #[test]
    fn keys_name_their_family() {
        let tenant = "contoso".parse().unwrap();
        let server = ServerId::try_from("ex01.contoso.com".to_owned()).unwrap();
        assert_eq!(PolicyKey(&tenant).key(), "policy/contoso");
        assert_eq!(PhaseKey(&tenant, &server).key(), "phase/contoso/ex01.contoso.com");
    }
}
