//! What the caller passes in: JSON objects, read into the engine's own types.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer};
use tidegate_engine::Ladder;
use tidegate_engine::{BaselineChoice, Facts, Mode, Policy};
use tidegate_engine::{Date, Timestamp};
use tidegate_engine::{Freeze, Freezes};
use tidegate_wire::problem::read_json;

use crate::error::{Code, Fault};

/// Freezes in one list.
pub const MAX_FREEZES: usize = 1_000;

/// The built-in catalog and baselines, read once.
pub fn facts() -> Result<&'static Facts, Fault> {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    Ok(FACTS.get_or_init(Facts::built_in))
}

pub fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Fault> {
    read_json(json.as_bytes()).map_err(Fault::in_options)
}

/// A time as people write it, where the engine stores seconds.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// By what a build is judged and enforced.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    pub baseline: Option<BaselineChoice>,
    pub ladder: Option<Ladder>,
    pub waves: Option<BTreeMap<String, Option<Date>>>,
}

impl Choices {
    /// An enforcing policy, whose names are all known.
    pub fn into_policy(self, facts: &Facts) -> Result<Policy, Fault> {
        let policy = Policy {
            mode: Mode::Enforce,
            baseline: self.baseline.unwrap_or_default(),
            ladder: self.ladder.unwrap_or_default(),
            waves: self.waves.unwrap_or_default(),
            ..Policy::default()
        };
        policy.check(facts).map_err(|error| Fault::in_policy(error, &policy, ""))?;
        Ok(policy)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeDocument {
    from: Time,
    until: Time,
}

/// The freezes of the list `member`.
pub fn freezes(list: Option<Vec<FreezeDocument>>, member: &str) -> Result<Freezes, Fault> {
    let list = list.unwrap_or_default();
    if list.len() > MAX_FREEZES {
        return Err(Fault::new(Code::Freeze, member, format_args!("at most {MAX_FREEZES} entries")));
    }
    if let Some(index) = list.iter().position(|freeze| freeze.until.0 <= freeze.from.0) {
        return Err(Fault::new(Code::Freeze, format!("{member}[{index}].until"), "must lie after `from`"));
    }
    Ok(list.iter().map(|freeze| Freeze { from: freeze.from.0, until: Some(freeze.until.0) }).collect::<Vec<_>>().into())
}
