//! One row of the catalog, and one line of products.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::time::Date;

/// One line of products, such as Exchange Server 2016.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Product {
    /// At most [`MAX_CATALOG_NAME_BYTES`](crate::MAX_CATALOG_NAME_BYTES) octets; baselines and policies name it so.
    pub name: Cow<'static, str>,
    /// FNV-1a of `name`, by which baselines find it.
    pub(crate) key: u64,
    /// Each lane is a cumulative update. Older products count update rollups in the third part instead.
    pub cumulative_updates: bool,
    /// Only the newest cumulative update is supported: an older one is out of support so many days after the release of
    /// its successor. `None`: it is supported as long as the product.
    pub superseded_after_days: Option<u32>,
    /// The last day of support.
    pub end_of_support: Option<Date>,
    /// From when on the product is enforced by default; `None`: reported only.
    pub wave: Option<Date>,
    pub(crate) builds: Range<Build>,
}

impl Product {
    /// Whether there are builds of both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.builds.start < other.builds.end && other.builds.start < self.builds.end
    }

    pub(crate) fn has(&self, release: &Release) -> bool {
        self.builds.contains(&release.build)
    }
}

/// One row of the catalog.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Release {
    /// The number by which it is told.
    pub build: Build,
    /// When it came out; of a month, the last day.
    pub date: Date,
    /// The cumulative update, service pack or the like, such as `CU23`.
    pub cu: Cow<'static, str>,
    /// The update, such as `Oct25SU`. Empty for the cumulative update or service pack itself.
    pub su: Cow<'static, str>,
    /// What kind of release it is.
    pub kind: ReleaseKind,
    /// Whether its number was seen in a field that the SMTP component wrote. Not every update moves that number, so a row
    /// that was not seen is never what makes a build out of date.
    pub stamped: bool,
    /// Last day of the extended support under which the release came out.
    pub extended_support_end: Option<Date>,
}

/// What kind of release a row is (`data/README.md`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseKind {
    /// Before the product was released.
    Preview,
    /// The product as it was first released.
    Rtm,
    /// A cumulative update.
    Cu,
    /// A service pack.
    Sp,
    /// An update rollup.
    Ru,
    /// A security update, the only kind that `max_lag_days` heeds.
    Su,
    /// A hotfix update. It brings no security fix of its own: being behind one is not being behind.
    Hu,
}

impl ReleaseKind {
    /// The kind of a row that does not name it, as catalogs were written before: by the names of its updates.
    pub(super) fn of_names(cu: &str, su: &str) -> Self {
        let starts = |prefix: &str| cu.starts_with(prefix);
        if su.contains("SU") {
            Self::Su
        } else if su.contains("HU") {
            Self::Hu
        } else if !su.is_empty() {
            Self::Ru
        } else if starts("Preview") {
            Self::Preview
        } else if starts("RTM") {
            Self::Rtm
        } else if starts("SP") {
            Self::Sp
        } else {
            Self::Cu
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_does_not_name_its_kind_has_it_by_the_names_of_its_updates() {
        // the few whose updates are named after neither
        for row in crate::catalog::Catalog::built_in().releases() {
            assert_eq!(ReleaseKind::of_names(&row.cu, &row.su), row.kind, "{row:?}");
        }
        assert_eq!(ReleaseKind::of_names("", ""), ReleaseKind::Cu);
    }
}
