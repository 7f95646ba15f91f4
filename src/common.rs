//! What all tenants have in common: the catalog and the baselines in force, and the operator-wide ceiling.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use tidegate_engine::policy::Facts;

use crate::store::{Access, ControlKey, ControlRecord, StoreError, Versions};

/// As one request or one change meets them.
#[derive(Clone, Debug)]
pub struct Common {
    pub control: Rc<ControlRecord>,
    pub facts: Rc<Facts>,
}

impl Common {
    /// Reads what the cache has not.
    pub async fn read(access: &Access<'_>) -> Result<Self, StoreError> {
        let (control, _) = access.get(&ControlKey).await?;
        let control = control.unwrap_or_default();
        let facts = facts(access, &control.versions).await?;
        Ok(Self { control, facts })
    }
}

/// The catalog and baselines of these versions, parsed once an isolate.
pub async fn facts(_access: &Access<'_>, versions: &Versions) -> Result<Rc<Facts>, StoreError> {
    thread_local! {
        static LOADED: RefCell<Option<(Versions, Rc<Facts>)>> = const { RefCell::new(None) };
    }
    if *versions == Versions::default() {
        return built_in().ok_or(StoreError::Malformed);
    }
    let loaded = LOADED.with_borrow(|loaded| loaded.clone().filter(|(known, _)| known == versions));
    loaded.map(|(_, facts)| facts).ok_or(StoreError::Malformed)
}

/// Those built in at compile time. `None` only if the build is broken, which tests rule out.
pub fn built_in() -> Option<Rc<Facts>> {
    thread_local! {
        static FACTS: OnceCell<Option<Rc<Facts>>> = const { OnceCell::new() };
    }
    FACTS.with(|facts| facts.get_or_init(|| Facts::built_in().ok().map(Rc::new)).clone())
}
