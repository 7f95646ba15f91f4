//! Which builds are acceptable: dated requirements for each product, and the standing that follows for a build.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::catalog::{Catalog, Known, Place, Product, Release};
use crate::order::ordered;
use crate::shown::Shown;
use crate::time::Date;

pub const MAX_EDITIONS: usize = 64;
pub const MAX_LAG_DAYS: u32 = 3_650;

/// A named, dated list of requirements. The newest edition whose `effective` date has come applies.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "BaselineDocument", into = "BaselineDocument")]
pub struct Baseline {
    name: String,
    /// Oldest first, no date twice, at least one.
    editions: Vec<Edition>,
}

/// The requirements in force from a date on. A product that is not named is accepted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    pub effective: Date,
    /// Whatever is out of support is `unsupported`, but for a build released under extended support until that ends.
    #[serde(default)]
    pub unsupported_after_end_of_support: bool,
    /// By product name.
    pub products: BTreeMap<String, Requirement>,
}

/// What a product has to fulfil.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    Unsupported,
    /// The lowest accepted build of each accepted lane. A lane above all of them is newer than the baseline: accepted.
    Minimum(Vec<Build>),
    /// Out of date once a newer security update of the lane has been public for that many days.
    MaxLagDays(u32),
}

/// How a server stands, with the rule that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    Current(Pass),
    OutOfDate(Failing),
    Unknown(Doubt),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pass {
    MeetsBaseline,
    /// Newer than all that is known: never punish a server for being ahead of our data.
    AheadOfCatalog,
    NoRequirement,
}

/// Why a build is out of date, and what would end it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failing {
    pub fault: Fault,
    /// The lowest build that would be accepted in place of this one; `None` where the product is not accepted at all.
    pub required: Option<Build>,
    /// Days between the releases of this build and of the required one, where both are known.
    pub behind_days: Option<i64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    Unsupported,
    BehindOnUpdates,
    LaneNotAccepted,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doubt {
    NoBuild,
    /// The store's number meets the requirement, the transport's does not.
    ComponentsDisagree,
    /// Only a component that lags behind the server showed itself, or a lane without its update level.
    UpdateLevelNotShown,
    UnknownProduct,
    UnknownLane,
}

impl Standing {
    pub const fn is_out_of_date(&self) -> bool {
        matches!(self, Self::OutOfDate(_))
    }

    pub const fn is_current(&self) -> bool {
        matches!(self, Self::Current(_))
    }
}

impl Baseline {
    /// The presets built in at compile time from `data/baselines/`.
    pub fn built_in() -> Result<Vec<Self>, BaselineError> {
        let presets = [
            include_str!(concat!(env!("OUT_DIR"), "/microsoft.json")),
            include_str!(concat!(env!("OUT_DIR"), "/strict.json")),
        ];
        presets
            .into_iter()
            .map(|json| serde_json::from_slice(json.as_bytes()).map_err(|error| BaselineError::Json(error.to_string())))
            .collect()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn editions(&self) -> &[Edition] {
        &self.editions
    }

    /// The edition in force on `day`; `None` before the first.
    pub fn edition(&self, day: Date) -> Option<&Edition> {
        self.editions.iter().rfind(|edition| edition.effective <= day)
    }

    /// Whether the catalog knows every product and minimum that is named.
    pub fn check(&self, catalog: &Catalog) -> Result<(), BaselineError> {
        for (name, requirement) in self.editions.iter().flat_map(|edition| &edition.products) {
            let product = catalog.product_named(name).ok_or_else(|| BaselineError::UnknownProduct(name.clone()))?;
            if let Requirement::Minimum(builds) = requirement {
                for build in builds {
                    if catalog.release(*build).is_none() || catalog.product(*build) != Some(product) {
                        return Err(BaselineError::UnknownMinimum(name.clone(), *build));
                    }
                }
            }
        }
        Ok(())
    }

    /// The requirement that what a server shows fails on `day`; `None` if it fails none.
    pub fn failed_requirement(&self, catalog: &Catalog, shown: Shown, day: Date) -> Option<FailedRequirement> {
        if !self.assess(catalog, shown, day).is_out_of_date() {
            return None;
        }
        let (edition, build) = (self.edition(day)?, shown.build()?);
        Some(FailedRequirement {
            build,
            on: day,
            unsupported_after_end_of_support: edition.unsupported_after_end_of_support,
            requirement: edition.products.get(&catalog.product(build)?.name).cloned(),
        })
    }

    /// Judges what a server shows of its build, on `day`.
    pub fn assess(&self, catalog: &Catalog, shown: Shown, day: Date) -> Standing {
        let product = shown.stamped().and_then(|build| catalog.product(build));
        let edition = self.edition(day);
        let demand = Demand {
            requirement: edition.zip(product).and_then(|(edition, product)| edition.products.get(&product.name)),
            unsupported_after_end_of_support: edition.is_some_and(|edition| edition.unsupported_after_end_of_support),
        };
        demand.assess(catalog, shown, day)
    }
}

/// A requirement that a server failed, kept with its spell: whether a later build meets it can be told whatever the
/// baseline says by then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FailedRequirement {
    /// The build that failed; the requirement is its product's.
    pub build: Build,
    /// The day on which it failed.
    pub on: Date,
    /// As the edition in force had it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsupported_after_end_of_support: bool,
    pub requirement: Option<Requirement>,
}

impl FailedRequirement {
    /// Whether the server would have met it by showing this. A build of another product is not concerned, and meets it.
    pub fn is_met_by(&self, catalog: &Catalog, shown: Shown) -> bool {
        self.standing(catalog, shown).is_none_or(|standing| standing.is_current())
    }

    /// Whether the server would certainly have failed it by showing this.
    pub fn is_failed_by(&self, catalog: &Catalog, shown: Shown) -> bool {
        self.standing(catalog, shown).is_some_and(|standing| standing.is_out_of_date())
    }

    /// `None` for a build of another product.
    fn standing(&self, catalog: &Catalog, shown: Shown) -> Option<Standing> {
        let known = shown.stamped().and_then(|build| catalog.look_up(build));
        if known.is_some_and(|known| Some(known.product) != catalog.product(self.build)) {
            return None;
        }
        let demand = Demand {
            requirement: self.requirement.as_ref(),
            unsupported_after_end_of_support: self.unsupported_after_end_of_support,
        };
        Some(demand.assess(catalog, shown, self.on))
    }
}

/// What an edition demands of a product.
#[derive(Clone, Copy)]
struct Demand<'a> {
    requirement: Option<&'a Requirement>,
    unsupported_after_end_of_support: bool,
}

impl Demand<'_> {
    fn assess(self, catalog: &Catalog, shown: Shown, day: Date) -> Standing {
        let Some(stamped) = shown.stamped() else {
            return Standing::Unknown(Doubt::NoBuild);
        };
        let Some(known) = catalog.look_up(stamped) else {
            return Standing::Unknown(Doubt::UnknownProduct);
        };
        if matches!(shown, Shown::Product(_)) {
            return Standing::Unknown(Doubt::UpdateLevelNotShown);
        }
        if self.requirement == Some(&Requirement::Unsupported) || self.is_past_support(&known, day) {
            return Standing::OutOfDate(Failing { fault: Fault::Unsupported, required: None, behind_days: None });
        }
        if known.place == Place::Ahead {
            return Standing::Current(Pass::AheadOfCatalog);
        }
        match self.requirement {
            None | Some(Requirement::Unsupported) => Standing::Current(Pass::NoRequirement),
            Some(Requirement::Minimum(builds)) => against_minimum(catalog, &known, shown, stamped, builds),
            Some(Requirement::MaxLagDays(days)) => against_lag(catalog, &known, shown, stamped, *days, day),
        }
    }

    fn is_past_support(&self, known: &Known<'_>, day: Date) -> bool {
        let ended = |product: &Product| product.end_of_support.is_some_and(|end| day > end);
        let extended = |release: &Release| release.extended_support_end.is_some_and(|end| day <= end);
        self.unsupported_after_end_of_support && ended(known.product) && !known.release.is_some_and(extended)
    }
}

fn against_minimum(catalog: &Catalog, known: &Known<'_>, shown: Shown, stamped: Build, minimums: &[Build]) -> Standing {
    if known.place == Place::UnknownLane {
        return Standing::Unknown(Doubt::UnknownLane);
    }
    // a cumulative update cannot be taken back: what is required lies in the same lane or above it
    match minimums.iter().filter(|minimum| minimum.lane() >= stamped.lane()).min() {
        // the baseline is older than the cumulative update
        None => Standing::Current(Pass::MeetsBaseline),
        Some(minimum) if minimum.lane() > stamped.lane() => {
            failing(catalog, known, Fault::LaneNotAccepted, Some(*minimum))
        }
        Some(_) if matches!(shown, Shown::Lane(_)) => Standing::Unknown(Doubt::UpdateLevelNotShown),
        Some(minimum) if stamped >= *minimum => Standing::Current(Pass::MeetsBaseline),
        Some(minimum) => failing(catalog, known, Fault::BehindOnUpdates, Some(*minimum)),
    }
}

fn against_lag(catalog: &Catalog, known: &Known<'_>, shown: Shown, stamped: Build, days: u32, day: Date) -> Standing {
    if known.place == Place::UnknownLane {
        return Standing::Unknown(Doubt::UnknownLane);
    }
    let due = |release: &&Release| release.is_security_update() && release.date.plus_days(days) <= day;
    match catalog.lane(stamped.lane()).iter().rfind(due) {
        Some(required) if required.build <= stamped => Standing::Current(Pass::MeetsBaseline),
        Some(_) if matches!(shown, Shown::Lane(_)) => Standing::Unknown(Doubt::UpdateLevelNotShown),
        Some(required) => failing(catalog, known, Fault::BehindOnUpdates, Some(required.build)),
        None => Standing::Current(Pass::MeetsBaseline),
    }
}

fn failing(catalog: &Catalog, known: &Known<'_>, fault: Fault, required: Option<Build>) -> Standing {
    let released = required.and_then(|build| catalog.release(build)).map(|release| release.date);
    let behind_days = released.zip(known.release).map(|(required, own)| required.days_since(own.date));
    Standing::OutOfDate(Failing { fault, required, behind_days })
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineDocument {
    name: String,
    #[serde(alias = "edition")]
    editions: Vec<Edition>,
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
        let editions = ordered(editions, |edition| edition.effective);
        for (one, next) in editions.iter().zip(editions.iter().skip(1)) {
            if one.effective == next.effective {
                return Err(BaselineError::DateTwice(one.effective));
            }
        }
        for (product, requirement) in editions.iter().flat_map(|edition| &edition.products) {
            requirement.check(product)?;
        }
        Ok(Self { name, editions })
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

impl From<Baseline> for BaselineDocument {
    fn from(baseline: Baseline) -> Self {
        Self { name: baseline.name, editions: baseline.editions }
    }
}

/// What is wrong with a baseline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BaselineError {
    Json(String),
    Name,
    Editions(usize),
    DateTwice(Date),
    Minimum(String),
    Lag(String),
    UnknownProduct(String),
    UnknownMinimum(String, Build),
}

impl fmt::Display for BaselineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "malformed baseline: {error}"),
            Self::Name => f.write_str("a baseline's name is 1 to 63 of `a-z`, `0-9`, `-`, `_`"),
            Self::Editions(count) => write!(f, "a baseline has 1 to {MAX_EDITIONS} editions, not {count}"),
            Self::DateTwice(date) => write!(f, "two editions are effective on `{date}`"),
            Self::Minimum(product) => {
                write!(f, "`{product}`: `minimum` needs one build for each accepted lane, at least one")
            }
            Self::Lag(product) => write!(f, "`{product}`: `max_lag_days` is at most {MAX_LAG_DAYS}"),
            Self::UnknownProduct(product) => write!(f, "`{product}` is no product of the catalog"),
            Self::UnknownMinimum(product, build) => write!(f, "`{build}` is no release of `{product}` in the catalog"),
        }
    }
}

impl BaselineError {
    /// The member in which the fault lies; empty where it is the whole.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Json(_) => "",
            Self::Name => "name",
            _ => "editions",
        }
    }
}

impl std::error::Error for BaselineError {}

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
        let builds: Vec<_> =
            (0..=u16::MAX).map(|build| Build::new(15, 1, build, 0)).chain([Build::new(15, 1, 0, 1)]).collect();
        assert_eq!(Requirement::Minimum(builds).check("x"), Err(BaselineError::Minimum("x".into())));
    }
}
