//! What the edge reads from KV, each family of keys a type, through the isolate's cache.
//!
//! The Durable Objects are the only writers of these keys. An entry is served as it is while it is fresh, then while one
//! refresh runs after the answer, and read anew when it is older: memory alone never defers or rejects.

mod cache;
mod families;
mod kv;
mod laid;

use std::collections::BTreeSet;
use std::rc::Rc;

use tidegate_engine::ServerId;
use tidegate_engine::TenantId;
use tidegate_stored::Document;
use worker::{Context, Env};

use crate::platform::{Deadline, real_millis, within};
use cache::{Age, Cache, SETTLING_MILLIS};
pub use families::{
    ControlKey, ControlRecord, FactsKey, FactsRecord, Family, Kept, KeyKey, KeyRecord, Machine, PeerKey, PeerRecord,
    PhaseKey, PhaseRecord, PolicyKey, PolicyRecord, Rank, Record, TenantKey, TenantRecord, Usable, Validity, Versions,
};
pub use kv::Kv;
pub use laid::{LaidKey, LaidRecord, RoundKey, RoundRecord};

pub use crate::access::GatewaySettings;

/// The KV namespace's binding.
pub const BINDING: &str = "STATE";

/// Keys that KV reads in one request.
const MAX_KEYS: usize = 100;

/// A record, or the certainty that there is none.
pub type Found<R> = Option<Rc<R>>;

/// Nothing could be had: KV was late, failed, or held something malformed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreError {
    Late,
    Failed,
    Malformed,
    /// It has not what was put elsewhere a while ago.
    Behind,
    /// It was emptied or exchanged, or is being laid anew, and says nothing of keys.
    Unlaid,
    /// It has not a key that it had a moment ago, and may be about to show that it was emptied.
    Vanished,
    /// It was not asked: see [`Source::Cache`].
    Uncached,
}

impl StoreError {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "the KV store did not answer in time",
            Self::Failed => "the KV store failed",
            Self::Malformed => "the KV store holds a malformed record",
            Self::Behind => "the KV store has not the catalog or baseline that is in force",
            Self::Unlaid => "the KV store has not all keys",
            Self::Vanished => "the KV store has not a key that it had a moment ago",
            Self::Uncached => "the KV store was not asked",
        }
    }
}

/// How to read, and by when.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    pub env: &'a Env,
    pub source: Source,
    pub deadline: Deadline,
}

/// Where what is wanted is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// In the isolate's cache alone: nothing is awaited, and what it cannot serve is [`StoreError::Uncached`].
    Cache,
    CacheThenKv,
    /// In KV, whatever the cache holds.
    Kv,
}

impl<'a> Access<'a> {
    /// For an answer that begins now.
    pub fn for_answer(env: &'a Env) -> Self {
        Self { env, source: Source::CacheThenKv, deadline: Deadline::for_answer() }
    }
}

impl Access<'_> {
    /// A record, if the cache can serve it; the flag asks for a refresh.
    pub fn cached<F: Family>(&self, family: &F) -> Option<(Found<F::Record>, bool)> {
        if self.source == Source::Kv {
            return None;
        }
        match Cache::with(|cache| cache.get(family, real_millis()))? {
            (record, Age::Fresh) => Some((record, false)),
            (record, Age::Stale { refresh }) => Some((record, refresh)),
            (_, Age::Old) => None,
        }
    }

    /// A record; the flag asks for [`Self::refresh`] after the answer.
    pub async fn get<F: Family>(&self, family: &F) -> Result<(Found<F::Record>, bool), StoreError> {
        if let Some(cached) = self.cached(family) {
            return Ok(cached);
        }
        match self.read(family).await {
            Ok(record) => Ok((record, false)),
            // meanwhile another request may have been luckier
            Err(error) => self.cached(family).ok_or(error),
        }
    }

    /// Whether a record that is missing now was in KV as this isolate last read it there, less than KV's own delay ago,
    /// and nobody told that it was deleted: KV shows what becomes of several keys one after the other.
    pub fn was_there_lately<F: Family>(&self, family: &F) -> bool {
        Cache::with(|cache| {
            cache.vanished_at(family).is_some_and(|at| real_millis().saturating_sub(at) < SETTLING_MILLIS)
        })
    }

    /// Reads KV, so that the next request finds the cache fresh. A failure is left to that request.
    pub async fn refresh<F: Family>(&self, family: &F) {
        let _ = self.read(family).await;
    }

    async fn read<F: Family>(&self, family: &F) -> Result<Found<F::Record>, StoreError> {
        let mut texts = self.texts(&[family.key()]).await?.into_iter();
        keep(family, texts.next().flatten())
    }

    /// The records under keys of one family, at most 100, in one read past the cache.
    pub async fn read_all<F: Family>(&self, families: &[F]) -> Result<Vec<Option<F::Record>>, StoreError> {
        if families.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = families.iter().map(Family::key).collect();
        let texts = self.texts(&keys).await?;
        let parsed = |text: &String| parse(text).map(Usable::into_record);
        texts.iter().map(|text| text.as_ref().map(parsed).transpose()).collect()
    }

    /// Reads what decisions on mail of these servers rest on into the cache, unless it is there.
    pub async fn read_ahead(&self, servers: &BTreeSet<(TenantId, ServerId)>) {
        if self.source != Source::CacheThenKv || servers.is_empty() {
            return;
        }
        let mut tenants: Vec<&TenantId> = servers.iter().map(|(tenant, _)| tenant).collect();
        tenants.dedup();
        let policies = tenants.into_iter().map(|tenant| Wanted::Policy(PolicyKey(tenant)));
        let phases = servers.iter().map(|(tenant, server)| Wanted::Phase(PhaseKey(tenant, server)));
        let wanted = std::iter::once(Wanted::Control(ControlKey)).chain(policies).chain(phases);
        let missing: Vec<Wanted<'_>> = wanted.filter(|wanted| !wanted.is_cached(self)).collect();
        for wanted in missing.chunks(MAX_KEYS) {
            let keys: Vec<String> = wanted.iter().map(Wanted::key).collect();
            let Ok(texts) = self.texts(&keys).await else { return };
            for (wanted, text) in wanted.iter().zip(texts) {
                wanted.keep(text);
            }
        }
    }

    async fn texts(&self, keys: &[String]) -> Result<Vec<Option<String>>, StoreError> {
        if self.source == Source::Cache {
            return Err(StoreError::Uncached);
        }
        let kv = Kv::new(self.env, BINDING).ok_or(StoreError::Failed)?;
        let read = within(self.deadline.left(), kv.read(keys)).await.map_err(|_| StoreError::Late)?;
        read.map_err(|_| StoreError::Failed)
    }
}

/// A record of which many are read at once.
enum Wanted<'a> {
    Control(ControlKey),
    Policy(PolicyKey<'a>),
    Phase(PhaseKey<'a>),
}

impl Wanted<'_> {
    fn key(&self) -> String {
        match self {
            Self::Control(family) => family.key(),
            Self::Policy(family) => family.key(),
            Self::Phase(family) => family.key(),
        }
    }

    /// What is asked to be refreshed is not: it comes along with the others.
    fn is_cached(&self, access: &Access<'_>) -> bool {
        match self {
            Self::Control(family) => is_fresh(access.cached(family)),
            Self::Policy(family) => is_fresh(access.cached(family)),
            Self::Phase(family) => is_fresh(access.cached(family)),
        }
    }

    /// What is malformed is met again by who needs it.
    fn keep(&self, text: Option<String>) {
        match self {
            Self::Control(family) => drop(keep(family, text)),
            Self::Policy(family) => drop(keep(family, text)),
            Self::Phase(family) => drop(keep(family, text)),
        }
    }
}

fn is_fresh<R>(cached: Option<(Found<R>, bool)>) -> bool {
    cached.is_some_and(|(_, refresh)| !refresh)
}

/// What decisions on a tenant's mail rest on.
#[derive(Clone, Debug)]
pub struct Grounds {
    pub policy: Found<PolicyRecord>,
    pub control: Found<ControlRecord>,
    /// Of the server that was asked for.
    pub phase: Found<PhaseRecord>,
    /// The cache asks for [`Reader::refresh_later`] after the answer.
    pub refresh: bool,
}

/// Reads what decisions on one tenant's mail rest on.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub access: Access<'a>,
    pub tenant: &'a TenantId,
}

impl Reader<'_> {
    /// Policy and ceiling, and a server's phase where asked for, if the cache can serve them all.
    pub fn cached(&self, server: Option<&ServerId>) -> Option<Grounds> {
        let (policy, first) = self.access.cached(&PolicyKey(self.tenant))?;
        let (control, second) = self.access.cached(&ControlKey)?;
        let (phase, third) = match server {
            Some(server) => self.access.cached(&PhaseKey(self.tenant, server))?,
            None => (None, false),
        };
        Some(Grounds { policy, control, phase, refresh: first || second || third })
    }

    /// A server's phase, where the rest is known already; the flag asks for a refresh.
    pub async fn phase(&self, server: &ServerId) -> Result<(Found<PhaseRecord>, bool), StoreError> {
        self.access.get(&PhaseKey(self.tenant, server)).await
    }

    /// As [`Self::cached`], in one bulk read of KV unless the cache can serve it.
    pub async fn read(&self, server: Option<&ServerId>) -> Result<Grounds, StoreError> {
        if let Some(cached) = self.cached(server) {
            return Ok(cached);
        }
        match self.read_kv(server).await {
            Err(error) => self.cached(server).ok_or(error),
            read => read,
        }
    }

    /// Reads KV again after the answer, so that the next request finds the cache fresh. A failure is left to that one.
    pub fn refresh_later(&self, context: &Context, server: Option<&ServerId>) {
        let (env, tenant, server) = (self.access.env.clone(), self.tenant.clone(), server.cloned());
        context.wait_until(async move {
            let access = Access::for_answer(&env);
            let _ = Reader { access, tenant: &tenant }.read_kv(server.as_ref()).await;
        });
    }

    async fn read_kv(&self, server: Option<&ServerId>) -> Result<Grounds, StoreError> {
        let policy = PolicyKey(self.tenant);
        let phase = server.map(|server| PhaseKey(self.tenant, server));
        let keys: Vec<String> =
            [policy.key(), ControlKey.key()].into_iter().chain(phase.as_ref().map(Family::key)).collect();
        let mut texts = self.access.texts(&keys).await?.into_iter();
        let mut next = || texts.next().flatten();
        Ok(Grounds {
            policy: keep(&policy, next())?,
            control: keep(&ControlKey, next())?,
            phase: phase.map_or(Ok(None), |phase| keep(&phase, next()))?,
            refresh: false,
        })
    }
}

/// Takes in a record that its Durable Object just answered with.
pub fn remember<F: Family>(family: &F, record: F::Record) {
    let bytes = serde_json::to_vec(&record).map_or(0, |json| json.len());
    Cache::with(|cache| cache.tell(family, record, bytes, real_millis()));
}

/// Takes in that its Durable Object just revoked a key.
pub fn forget_key(key: &KeyKey) {
    Cache::with(|cache| cache.remove(key, KeyRecord::REVOKED, real_millis()));
}

/// Takes in that a record was deleted, as its Durable Object just answered.
pub fn forget<F: Family>(family: &F) {
    Cache::with(|cache| cache.forget(family, real_millis()));
}

/// Takes in that all records were deleted whose keys begin so.
pub fn forget_all(prefix: &str) {
    Cache::with(|cache| cache.forget_all(prefix, real_millis()));
}

/// Reads a record, whichever release wrote it.
fn parse<R: Record>(text: &str) -> Result<Usable<R>, StoreError> {
    let usable = Usable::of(Document::<R>::read(text));
    if !matches!(usable, Some(Usable::Understood(_))) {
        worker::console_warn!("KV holds a record that this release does not understand: nothing is enforced by it");
    }
    usable.ok_or(StoreError::Malformed)
}

fn keep<F: Family>(family: &F, text: Option<String>) -> Result<Found<F::Record>, StoreError> {
    let bytes = text.as_ref().map_or(0, String::len);
    let parsed = text.as_deref().map(parse).transpose()?;
    Ok(Cache::with(|cache| match parsed {
        Some(Usable::Restrained(record)) => Some(cache.put_anyway(family, record, bytes, real_millis())),
        parsed => cache.put(family, parsed.map(Usable::into_record), bytes, real_millis()),
    }))
}
