//! Which builds are acceptable: dated requirements for each product, and the standing that follows for a build.

mod built_in;
mod document;
mod failed;
mod standing;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use document::{BaselineDocument, BaselineError};
pub use failed::FailedRequirement;
pub use standing::{CurrentReason, Failing, OutOfDateReason, Standing, UnknownReason};

use crate::build::Build;
use crate::catalog::{Catalog, Product};
use crate::time::Date;

/// Editions that a baseline has at most.
pub const MAX_EDITIONS: usize = 64;
/// Days that `max_lag_days` is at most.
pub const MAX_LAG_DAYS: u32 = 3_650;

/// A named, dated list of requirements. The newest edition whose `effective` date has come applies.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "BaselineDocument", into = "BaselineDocument")]
pub struct Baseline {
    pub(crate) name: Cow<'static, str>,
    /// Oldest first, no date twice, at least one.
    pub(crate) editions: Cow<'static, [BaselineEdition]>,
}

/// The requirements in force from a date on. A product that is not named is accepted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineEdition {
    /// The first day on which it applies.
    pub effective: Date,
    /// Whatever is out of support is `unsupported`, but for a build released under extended support until that ends.
    #[serde(default)]
    pub unsupported_after_end_of_support: bool,
    /// What each product has to fulfil.
    pub products: Requirements,
}

/// Requirements by product; written as a map from its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requirements(pub(crate) Cow<'static, [ProductRequirement]>);

/// What one product has to fulfil.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ProductRequirement {
    pub(crate) product: Cow<'static, str>,
    /// FNV-1a of `product`: names of products share their first 16 octets, so that comparing them is slow.
    pub(crate) key: u64,
    pub(crate) requirement: Requirement,
}

/// What a product has to fulfil.
///
/// What is required and what is tested differ, because not every update moves the number that servers stamp
/// ([`Release::stamped`](crate::catalog::Release::stamped)). An owner is told to install what the baseline names. A server
/// is out of date if it stamps less than the newest row of the lane, at or below that, whose number was seen stamped. In
/// a lane of which no row was seen no server is out of date, and no server of a lower lane is so on its account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Nothing of the product is accepted.
    Unsupported,
    /// The lowest accepted build of each accepted lane. A lane above all of them is newer than the baseline: accepted.
    Minimum(Cow<'static, [Build]>),
    /// Out of date once a newer security update of the lane has been public for that many days, at most
    /// [`MAX_LAG_DAYS`].
    MaxLagDays(u32),
}

impl Baseline {
    /// 1 to 63 of `a-z`, `0-9`, `-`, `_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All editions, oldest first.
    pub fn editions(&self) -> &[BaselineEdition] {
        &self.editions
    }

    /// The edition in force on `day`; `None` before the first.
    pub fn edition(&self, day: Date) -> Option<&BaselineEdition> {
        self.editions.iter().rfind(|edition| edition.effective <= day)
    }

    /// Whether the catalog knows every product and minimum that is named.
    ///
    /// # Errors
    /// The first that it does not know.
    pub fn check(&self, catalog: &Catalog) -> Result<(), BaselineError> {
        for ProductRequirement { product: name, requirement, .. } in
            self.editions.iter().flat_map(|edition| edition.products.0.iter())
        {
            let name = || name.clone().into_owned();
            let product = catalog.product_named(&name()).ok_or_else(|| BaselineError::UnknownProduct(name()))?;
            if let Requirement::Minimum(builds) = requirement {
                for build in builds.iter() {
                    if catalog.release(*build).is_none() || catalog.product(*build) != Some(product) {
                        return Err(BaselineError::UnknownMinimum(name(), *build));
                    }
                }
            }
        }
        Ok(())
    }
}

impl BaselineEdition {
    /// What `product` has to fulfil; `None` if the edition does not name it.
    pub fn requirement(&self, product: &Product) -> Option<&Requirement> {
        let named = |entry: &&ProductRequirement| entry.key == product.key && entry.product == product.name;
        self.products.0.iter().find(named).map(|entry| &entry.requirement)
    }
}
