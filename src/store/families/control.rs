//! What KV holds for all tenants alike: the ceiling, and the facts in force.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::{Freezes, Mode, Timestamp};

use super::family::{DECIDING, Family, GUARDING, Kept, Rank, Record};

/// `control/mode`: what the operator set for all tenants.
#[derive(Clone, Copy, Debug)]
pub struct ControlKey;

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ControlRecord {
    pub rev: u64,
    /// The ceiling; none is `enforce`.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// `mode` alone is the ceiling. The release before knows nothing of it and drops it when it writes, so that what
    /// it was told by its variable is handed over again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
    /// The deployment's `MODE_CEILING` as the release before last heard of it; none once it was handed over.
    #[serde(default)]
    pub variable: Option<Mode>,
    /// When the ceiling was below enforce.
    #[serde(default)]
    pub freezes: Freezes,
    /// Which catalog and baselines are in force.
    #[serde(default)]
    pub versions: Versions,
}

/// Versions of the facts that were replaced at run time. 0, or a name that is not listed: the built-in one.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    #[serde(default)]
    pub catalog: u64,
    #[serde(default)]
    pub baselines: BTreeMap<String, u64>,
    /// The engine's `Facts::brought_forward`, which a change of the catalog brings about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waves: BTreeMap<String, Timestamp>,
}

impl Versions {
    pub fn of(&self, facts: &FactsKey) -> u64 {
        match facts {
            FactsKey::Catalog => self.catalog,
            FactsKey::Baseline(name) => self.baselines.get(name).copied().unwrap_or(0),
        }
    }

    pub fn set(&mut self, facts: &FactsKey, version: u64) {
        match facts {
            FactsKey::Catalog => self.catalog = version,
            FactsKey::Baseline(name) if version == 0 => drop(self.baselines.remove(name)),
            FactsKey::Baseline(name) => drop(self.baselines.insert(name.clone(), version)),
        }
    }

    /// All that were replaced.
    pub fn replaced(&self) -> Vec<FactsKey> {
        let catalog = (self.catalog > 0).then_some(FactsKey::Catalog);
        let baselines = self.baselines.keys().cloned().map(FactsKey::Baseline);
        catalog.into_iter().chain(baselines).collect()
    }
}

impl ControlRecord {
    /// The operator-wide ceiling. `variable`: the deployment's `MODE_CEILING`, which counts until it is handed over.
    pub fn ceiling(&self, variable: Mode) -> Mode {
        let mode = self.mode.unwrap_or(Mode::Enforce);
        if self.handed_over { mode } else { mode.min(self.variable.unwrap_or(Mode::Enforce)).min(variable) }
    }
}

impl Family for ControlKey {
    type Record = ControlRecord;
    const KEPT: Kept = GUARDING;
    const RANK: Rank = Rank::Brake;

    fn key(&self) -> String {
        "control/mode".to_owned()
    }
}

impl Record for ControlRecord {
    fn rev(&self) -> u64 {
        self.rev
    }

    fn restrained(known: Option<Self>) -> Option<Self> {
        let record = known.unwrap_or_default();
        Some(Self { mode: Some(record.mode.unwrap_or(Mode::Enforce).min(Mode::Report)), ..record })
    }
}

/// `catalog` and `baseline/{name}`: what was put beside or in place of the built-in facts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactsKey {
    Catalog,
    Baseline(String),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FactsRecord {
    pub version: u64,
    /// As it was put, checked; read by [`crate::common`].
    pub json: Box<RawValue>,
    /// Of a catalog, as [`Versions::waves`] has them while it is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waves: BTreeMap<String, Timestamp>,
}

impl Family for FactsKey {
    type Record = FactsRecord;
    const KEPT: Kept = DECIDING;
    const RANK: Rank = Rank::Brake;

    fn key(&self) -> String {
        match self {
            Self::Catalog => "catalog".to_owned(),
            Self::Baseline(name) => format!("baseline/{name}"),
        }
    }
}

impl Record for FactsRecord {
    fn rev(&self) -> u64 {
        self.version
    }

    /// Without its document: [`crate::common`] takes the built-in one in its place, to report by.
    fn restrained(known: Option<Self>) -> Option<Self> {
        Some(Self { json: RawValue::NULL.to_owned(), ..known? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `control.json` is what 67205e3 stored, `control-written.json` what is written of it now.
    #[test]
    fn a_ceiling_of_the_release_before_holds_until_it_is_handed_over() {
        let stored = |json: &str| serde_json::from_str::<ControlRecord>(json).unwrap();
        let before = |mode, variable| ControlRecord { mode, variable, ..ControlRecord::default() };
        let (report, enforce, off) = (Some(Mode::Report), Some(Mode::Enforce), Some(Mode::Off));
        assert_eq!(stored(include_str!("../../../tests/stored/control.json")).ceiling(Mode::Enforce), Mode::Report);
        assert_eq!(before(enforce, report).ceiling(Mode::Enforce), Mode::Report);
        assert_eq!(before(off, report).ceiling(Mode::Enforce), Mode::Off);
        assert_eq!(before(enforce, None).ceiling(Mode::Report), Mode::Report, "never told of");
        let after = ControlRecord { handed_over: true, ..before(enforce, None) };
        assert_eq!(after.ceiling(Mode::Report), Mode::Enforce, "moved by its call alone");
    }

    #[test]
    fn the_release_before_holds_tenants_by_what_is_written_now() {
        /// The record as 67205e3 reads it: its own variable may lower the ceiling further.
        #[derive(Deserialize)]
        struct Before {
            mode: Option<Mode>,
            variable: Option<Mode>,
            freezes: Freezes,
        }
        let before: Before = serde_json::from_str(include_str!("../../../tests/stored/control-written.json")).unwrap();
        assert_eq!((before.mode, before.variable), (Some(Mode::Report), None));
        assert!(before.freezes.open_since().is_some());
    }
}
