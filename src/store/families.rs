//! The families of KV keys: what they look like, what they hold, how long an isolate may serve it.

mod control;
mod family;
mod keys;
mod tenants;
#[cfg(test)]
mod tests;

pub use control::{ControlKey, ControlRecord, FactsKey, FactsRecord, Versions};
pub use family::{Family, Kept, Rank, Record, Usable};
pub use keys::{KeyKey, KeyRecord, Validity};
pub use tenants::{
    Machine, PeerKey, PeerRecord, PhaseKey, PhaseRecord, PolicyKey, PolicyRecord, TenantKey, TenantRecord,
};
