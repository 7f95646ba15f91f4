//! What all tenants have in common: the catalog and the baselines in force, and the operator-wide ceiling.

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_engine::{Baseline, Catalog, CatalogDocument, Facts};
use tidegate_stored::Document;

use crate::platform::real_millis;
use crate::store::{Access, ControlKey, ControlRecord, FactsKey, FactsRecord, Record, Source, StoreError, Versions};

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
        let loaded = load(access, &control.versions).await?;
        let control = loaded.in_force.restrain(control);
        Ok(Self { control, facts: loaded.in_force.facts, versions: loaded.versions })
    }
}

/// The catalog and the baselines in force.
#[derive(Clone, Debug)]
pub struct InForce {
    pub facts: Rc<Facts>,
    /// One of them is of another release, and cannot be read here: the built-in one takes its place, to report by.
    is_replaced: bool,
}

impl InForce {
    /// The ceiling under which decisions may be made by these facts.
    pub fn restrain(&self, control: Rc<ControlRecord>) -> Rc<ControlRecord> {
        if !self.is_replaced {
            return control;
        }
        ControlRecord::restrained(Some(ControlRecord::clone(&control))).map_or(control, Rc::new)
    }
}

/// The catalog and baselines of these versions, parsed once an isolate.
pub async fn facts(access: &Access<'_>, versions: &Versions) -> Result<InForce, StoreError> {
    match settled(versions) {
        Some(in_force) => Ok(in_force),
        None => load(access, versions).await.map(|loaded| loaded.in_force),
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
    in_force: InForce,
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
fn settled(wanted: &Versions) -> Option<InForce> {
    if *wanted == Versions::default() {
        return Some(InForce { facts: built_in(), is_replaced: false });
    }
    STATE.with_borrow(|state| {
        let loaded = state.as_ref()?.loaded.as_ref()?;
        (loaded.versions == *wanted).then(|| loaded.in_force.clone())
    })
}

async fn load(access: &Access<'_>, wanted: &Versions) -> Result<Loaded, StoreError> {
    if let Some(in_force) = settled(wanted) {
        return Ok(Loaded { versions: wanted.clone(), in_force });
    }
    let now = real_millis();
    if access.source != Source::Kv
        && let Some(served) = lately(wanted, now)
    {
        return served;
    }
    if access.source == Source::Cache {
        return Err(StoreError::Uncached);
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
    let mut is_replaced = false;
    for (key, record) in keys.iter().zip(records) {
        let Some(FactsRecord { version, json, waves }) = record else { continue };
        match key {
            FactsKey::Catalog => {
                match understood::<CatalogDocument>(json.get()).map(Catalog::try_from) {
                    Some(Ok(catalog)) => {
                        facts.catalog = catalog;
                        facts.brought_forward.clone_from(&waves);
                    }
                    _ => is_replaced = true,
                }
                versions.waves = waves;
            }
            FactsKey::Baseline(name) => match understood::<Baseline>(json.get()) {
                Some(baseline) => drop(facts.baselines.insert(name.clone(), baseline)),
                None => {
                    is_replaced = true;
                    // a policy may name it
                    if !facts.baselines.contains_key(name) {
                        let stand_in = facts.baselines.values().next().cloned();
                        facts.baselines.extend(stand_in.map(|baseline| (name.clone(), baseline)));
                    }
                }
            },
        }
        versions.set(key, version);
    }
    Ok(Loaded { versions, in_force: InForce { facts: Rc::new(facts), is_replaced } })
}

/// What another release may have written, if this one understands it.
fn understood<T: DeserializeOwned + Serialize>(json: &str) -> Option<T> {
    let document = Document::read(json).ok().filter(Document::is_understood);
    if document.is_none() {
        worker::console_warn!("a catalog or baseline of another release is not understood: nothing is enforced");
    }
    document.map(Document::into_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_facts_than_those_in_force_serve_for_a_while() {
        let facts = built_in();
        let versions = |catalog| Versions { catalog, ..Versions::default() };
        let state = |loaded: Option<u64>| State {
            loaded: loaded.map(|catalog| Loaded {
                versions: versions(catalog),
                in_force: InForce { facts: facts.clone(), is_replaced: false },
            }),
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
