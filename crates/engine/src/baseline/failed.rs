//! The requirement that a server failed.

use serde::{Deserialize, Serialize};

use super::standing::Case;
use super::{Baseline, Requirement, Standing};
use crate::build::Build;
use crate::catalog::Catalog;
use crate::looked_up::LookedUp;
use crate::shown::Shown;
use crate::time::Date;

/// A requirement that a server failed, kept with its spell: whether a later build meets it can be told whatever the
/// baseline says by then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRequirement {
    /// The build that failed; the requirement is its product's.
    pub(crate) build: Build,
    /// The day on which it failed.
    on: Date,
    /// As the edition in force had it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unsupported_after_end_of_support: bool,
    requirement: Option<Requirement>,
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
        match Case::new(&LookedUp::new(catalog, shown), self.on) {
            Ok(case) if Some(case.known.product) != catalog.product(self.build) => None,
            Ok(case) => Some(case.judge(self.requirement.as_ref(), self.unsupported_after_end_of_support)),
            Err(doubt) => Some(Standing::Unknown(doubt)),
        }
    }
}

impl Baseline {
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
            requirement: edition.requirement(catalog.product(build)?).cloned(),
        })
    }
}
