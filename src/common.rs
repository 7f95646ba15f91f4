//! What all tenants have in common: the catalog and the baselines in force, and the operator-wide ceiling.

use std::cell::RefCell;
use std::rc::Rc;

use tidegate_engine::Baseline;
use tidegate_engine::Catalog;
use tidegate_engine::Facts;

use crate::platform::real_millis;
use crate::store::{Access, ControlKey, ControlRecord, FactsKey, FactsRecord, StoreError, Versions};

/// How long other facts than those in force may serve: KV's keys propagate apart.
const SETTLING_MILLIS: u64 = 120_000;
/// How often those in force are looked for meanwhile.
const LOOK_MILLIS: u64 = 2_000;

/// As one request or one change meets them.
#[derive(Clone, Debug)]
pub struct Common {
    pub control: Rc<ControlRecord>,
    pub facts: Rc<Facts>,
    /// Of `facts`: not yet those of `control` while KV's keys propagate.
    pub versions: Versions,
}

impl Common {
    /// Reads what the cache has not.
    pub async fn read(access: &Access<'_>) -> Result<Self, StoreError> {
        let (control, _) = access.get(&ControlKey).await?;
        let control = control.unwrap_or_default();
        let Loaded { versions, facts } = load(access, &control.versions).await?;
        Ok(Self { control, facts, versions })
    }
}

/// The catalog and baselines of these versions, parsed once an isolate.
pub async fn facts(access: &Access<'_>, versions: &Versions) -> Result<Rc<Facts>, StoreError> {
    match settled(versions) {
        Some(facts) => Ok(facts),
        None => load(access, versions).await.map(|loaded| loaded.facts),
    }
}

/// Those built in at compile time, made once an isolate.
pub fn built_in() -> Rc<Facts> {
    thread_local! {
        static FACTS: Rc<Facts> = Rc::new(Facts::built_in());
    }
    FACTS.with(Rc::clone)
}

#[derive(Clone)]
struct Loaded {
    versions: Versions,
    facts: Rc<Facts>,
}

/// What the isolate knows of facts that were replaced at run time.
struct State {
    /// The last good ones.
    loaded: Option<Loaded>,
    wanted: Versions,
    /// When `wanted` was first missed.
    missed_at: u64,
    /// When KV was last looked into, and with what result.
    looked_at: u64,
    error: StoreError,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// The facts of exactly these versions, if the isolate has them.
fn settled(wanted: &Versions) -> Option<Rc<Facts>> {
    if *wanted == Versions::default() {
        return Some(built_in());
    }
    STATE.with_borrow(|state| {
        let loaded = state.as_ref()?.loaded.as_ref()?;
        (loaded.versions == *wanted).then(|| loaded.facts.clone())
    })
}

async fn load(access: &Access<'_>, wanted: &Versions) -> Result<Loaded, StoreError> {
    if let Some(facts) = settled(wanted) {
        return Ok(Loaded { versions: wanted.clone(), facts });
    }
    let now = real_millis();
    if !access.fresh
        && let Some(served) = lately(wanted, now)
    {
        return served;
    }
    let read = read(access, wanted).await;
    STATE.with_borrow_mut(|state| {
        let known = state.take();
        let missed_at = known.as_ref().filter(|known| known.wanted == *wanted).map_or(now, |known| known.missed_at);
        let last = known.and_then(|known| known.loaded);
        let (loaded, error) = match read {
            // while none is loaded, those of a moment ago are better than none
            Ok(read) if read.versions == *wanted || last.is_none() => (Some(read), StoreError::Behind),
            Ok(_) => (last, StoreError::Behind),
            Err(error) => (last, error),
        };
        let state = state.insert(State { loaded, wanted: wanted.clone(), missed_at, looked_at: now, error });
        state.serve(now)
    })
}

/// What the isolate serves for these versions without looking into KV again.
fn lately(wanted: &Versions, now: u64) -> Option<Result<Loaded, StoreError>> {
    STATE.with_borrow(|state| {
        let state = state.as_ref().filter(|state| state.wanted == *wanted)?;
        (now.saturating_sub(state.looked_at) < LOOK_MILLIS).then(|| state.serve(now))
    })
}

impl State {
    fn serve(&self, now: u64) -> Result<Loaded, StoreError> {
        let serves =
            |loaded: &&Loaded| loaded.versions == self.wanted || now.saturating_sub(self.missed_at) < SETTLING_MILLIS;
        self.loaded.as_ref().filter(serves).cloned().ok_or(self.error)
    }
}

/// The facts that KV has in place of the built-in ones, and their versions.
async fn read(access: &Access<'_>, wanted: &Versions) -> Result<Loaded, StoreError> {
    let keys = wanted.replaced();
    let records = access.read_all(&keys).await?;
    // of the built-in catalog; another one brings its own
    let waves = wanted.waves.clone();
    let mut versions = Versions { waves: waves.clone(), ..Versions::default() };
    let mut facts = Facts { brought_forward: waves, ..Facts::clone(&built_in()) };
    for (key, record) in keys.iter().zip(records) {
        let Some(FactsRecord { version, json, waves }) = record else { continue };
        match key {
            FactsKey::Catalog => {
                facts.catalog = Catalog::from_json(json.get()).map_err(|_| StoreError::Malformed)?;
                facts.brought_forward.clone_from(&waves);
                versions.waves = waves;
            }
            FactsKey::Baseline(name) => {
                let baseline: Baseline =
                    serde_json::from_slice(json.get().as_bytes()).map_err(|_| StoreError::Malformed)?;
                facts.baselines.insert(name.clone(), baseline);
            }
        }
        versions.set(key, version);
    }
    Ok(Loaded { versions, facts: Rc::new(facts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_facts_than_those_in_force_serve_for_a_while() {
        let facts = built_in();
        let versions = |catalog| Versions { catalog, ..Versions::default() };
        let state = |loaded: Option<u64>| State {
            loaded: loaded.map(|catalog| Loaded { versions: versions(catalog), facts: facts.clone() }),
            wanted: versions(2),
            missed_at: 1_000,
            looked_at: 1_000,
            error: StoreError::Behind,
        };
        let serve = |loaded, now| state(loaded).serve(now).map(|loaded| loaded.versions.catalog);
        assert_eq!((serve(Some(2), 1_000), serve(Some(2), 10_000_000)), (Ok(2), Ok(2)));
        assert_eq!((serve(Some(1), 1_000), serve(Some(1), 120_999)), (Ok(1), Ok(1)));
        assert_eq!(serve(Some(1), 121_000), Err(StoreError::Behind));
        assert_eq!(serve(None, 1_000), Err(StoreError::Behind));
    }
}
