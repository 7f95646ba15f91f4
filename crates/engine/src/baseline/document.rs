//! A baseline as it is stored and sent, and what can be wrong with one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Baseline, BaselineEdition, MAX_EDITIONS, MAX_LAG_DAYS, ProductRequirement, Requirement, Requirements};
use crate::build::Build;
use crate::fnv::fnv1a;
use crate::order::order_by_key;
use crate::time::Date;

/// A baseline as it is stored and sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineDocument {
    name: String,
    #[serde(alias = "edition")]
    editions: Vec<BaselineEdition>,
}

impl TryFrom<BaselineDocument> for Baseline {
    type Error = BaselineError;

    fn try_from(document: BaselineDocument) -> Result<Self, BaselineError> {
        let BaselineDocument { name, editions } = document;
        let plain = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-' || octet == b'_';
        if !(1..=63).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(BaselineError::Name);
        }
        if !(1..=MAX_EDITIONS).contains(&editions.len()) {
            return Err(BaselineError::Editions(editions.len()));
        }
        let editions = order_by_key(editions, |edition| edition.effective);
        for (one, next) in editions.iter().zip(editions.iter().skip(1)) {
            if one.effective == next.effective {
                return Err(BaselineError::DateTwice(one.effective));
            }
        }
        for entry in editions.iter().flat_map(|edition| edition.products.0.iter()) {
            entry.requirement.check(&entry.product)?;
        }
        Ok(Self { name: name.into(), editions: editions.into() })
    }
}

impl From<Baseline> for BaselineDocument {
    fn from(baseline: Baseline) -> Self {
        Self { name: baseline.name.into_owned(), editions: baseline.editions.into_owned() }
    }
}

impl Requirement {
    fn check(&self, product: &str) -> Result<(), BaselineError> {
        match self {
            Self::Unsupported | Self::MaxLagDays(..=MAX_LAG_DAYS) => Ok(()),
            Self::MaxLagDays(_) => Err(BaselineError::Lag(product.to_owned())),
            Self::Minimum(builds) => {
                let mut lanes = BTreeSet::new();
                if !builds.is_empty() && builds.iter().all(|build| lanes.insert(build.lane())) {
                    Ok(())
                } else {
                    Err(BaselineError::Minimum(product.to_owned()))
                }
            }
        }
    }
}

impl Serialize for Requirements {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|entry| (&entry.product, &entry.requirement)))
    }
}

impl<'de> Deserialize<'de> for Requirements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let products = BTreeMap::<String, Requirement>::deserialize(deserializer)?;
        let entry = |(product, requirement): (String, Requirement)| ProductRequirement {
            key: fnv1a(product.as_bytes()),
            product: product.into(),
            requirement,
        };
        Ok(Self(products.into_iter().map(entry).collect()))
    }
}

/// What is wrong with a baseline.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BaselineError {
    /// It has no name that is safe as a key.
    #[error("a baseline's name is 1 to 63 of `a-z`, `0-9`, `-`, `_`")]
    Name,
    /// It has none, or too many.
    #[error("a baseline has 1 to {MAX_EDITIONS} editions, not {0}")]
    Editions(usize),
    /// It cannot be told which of two editions applies.
    #[error("two editions are effective on `{0}`")]
    DateTwice(Date),
    /// Of this product, a lane has two minimums, or there is none.
    #[error("`{0}`: `minimum` needs one build for each accepted lane, at least one")]
    Minimum(String),
    /// Of this product, the lag is above [`MAX_LAG_DAYS`].
    #[error("`{0}`: `max_lag_days` is at most {MAX_LAG_DAYS}")]
    Lag(String),
    /// The catalog does not know this product.
    #[error("`{0}` is no product of the catalog")]
    UnknownProduct(String),
    /// The catalog does not know this build of that product.
    #[error("`{1}` is no release of `{0}` in the catalog")]
    UnknownMinimum(String, Build),
}

impl BaselineError {
    /// The member in which the fault lies; empty where it is the whole.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Name => "name",
            _ => "editions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_edition_whose_day_has_come_applies() {
        let edition = |day: &str| format!(r#"{{"effective":"{day}","products":{{}}}}"#);
        let json = format!(r#"{{"name":"x","editions":[{},{}]}}"#, edition("2026-03-01"), edition("2026-01-01"));
        let baseline: Baseline = serde_json::from_str(&json).unwrap();
        let effective = |day: &str| baseline.edition(day.parse().unwrap()).map(|edition| edition.effective.to_string());
        assert_eq!(effective("2025-12-31"), None);
        assert_eq!(effective("2026-01-01"), Some("2026-01-01".into()));
        assert_eq!(effective("2026-02-28"), Some("2026-01-01".into()));
        assert_eq!(effective("2026-03-01"), Some("2026-03-01".into()));
    }

    #[test]
    fn names_are_safe_as_keys() {
        let named = |name: &str| {
            let json = format!(r#"{{"name":"{name}","editions":[{{"effective":"2026-01-01","products":{{}}}}]}}"#);
            serde_json::from_str::<Baseline>(&json).is_ok()
        };
        assert!(["a", "7", "_x-9", &"a".repeat(63)].into_iter().all(named));
        assert!(!["", "A", "a b", "a/b", "ä", &"a".repeat(64)].into_iter().any(named));
    }

    #[test]
    fn a_long_list_of_minimums_is_refused_in_no_time() {
        let builds = (0..=u16::MAX).map(|build| Build::new(15, 1, build, 0)).chain([Build::new(15, 1, 0, 1)]);
        assert_eq!(Requirement::Minimum(builds.collect()).check("x"), Err(BaselineError::Minimum("x".into())));
    }
}
