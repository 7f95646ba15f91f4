//! The requirement that a server failed.

use serde::{Deserialize, Serialize};

use super::standing::Case;
use super::{Baseline, Edition, Failing, Fault, Requirement, Standing};
use crate::build::Build;
use crate::catalog::{Catalog, Product, Release, ReleaseKind};
use crate::order::ordered;
use crate::shown::Shown;
use crate::time::Date;

/// A requirement that a server failed, kept with its spell: whether a later build meets it can be told whatever the
/// baseline and the catalog say by then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FailedRequirement {
    /// The build that failed; its product is the one concerned.
    build: Build,
    demand: Demand,
}

/// What was tested: builds that a row obliged, not those that the baseline named ([`Requirement`]).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Demand {
    /// Nothing of that product.
    Unsupported,
    /// The lowest accepted build of each accepted lane; lanes above all of them are accepted. The end of support is of
    /// this kind where something of the product outlives it: updates under extended support, later cumulative updates.
    Minimum(Vec<Build>),
    /// The lowest accepted build of each lane that has one; other lanes are accepted.
    Lag(Vec<Build>),
}

impl FailedRequirement {
    /// Whether the server, showing this, would have met it.
    pub fn is_met_by(&self, catalog: &Catalog, shown: Shown) -> bool {
        let Some(build) = shown.build() else { return false };
        if catalog.product(build) != catalog.product(self.build) {
            return catalog.product(build).is_some();
        }
        let minimum = match &self.demand {
            Demand::Unsupported => return false,
            Demand::Minimum(builds) => builds.iter().filter(|minimum| minimum.lane() >= build.lane()).min(),
            Demand::Lag(builds) => builds.iter().find(|minimum| minimum.lane() == build.lane()),
        };
        // of a lane alone it is certain where every update of it is accepted
        let shows_update = |minimum: &Build| matches!(shown, Shown::Update(_)) || minimum.revision == 0;
        minimum.is_none_or(|minimum| minimum.lane() == build.lane() && build >= *minimum && shows_update(minimum))
    }

    /// Whether the server, showing this, would certainly have failed it.
    pub fn is_failed_by(&self, catalog: &Catalog, shown: Shown) -> bool {
        let certain = match (shown, &self.demand) {
            (Shown::Update(_), _) | (Shown::Lane(_), Demand::Unsupported) => true,
            (Shown::Lane(lane), Demand::Minimum(builds)) => !builds.iter().any(|build| build.lane() == lane.lane()),
            _ => false,
        };
        certain && !self.is_met_by(catalog, shown)
    }
}

impl Baseline {
    /// The requirement that what a server shows fails on `day`; `None` if it fails none.
    pub fn failed_requirement(&self, catalog: &Catalog, shown: Shown, day: Date) -> Option<FailedRequirement> {
        let Standing::OutOfDate(Failing { fault, .. }) = self.assess(catalog, shown, day) else { return None };
        let build = shown.build()?;
        let product = catalog.product(build)?;
        let edition = self.edition(day)?;
        let demand = match edition.requirement(product) {
            Some(Requirement::Unsupported) => Demand::Unsupported,
            _ if fault == Fault::Unsupported => edition.supported(catalog, product, day),
            Some(Requirement::Minimum(builds)) => Demand::Minimum(obliging(catalog, builds)),
            Some(Requirement::MaxLagDays(days)) => {
                let since = day.minus_days(*days);
                let is_due = |row: &&Release| row.kind == ReleaseKind::Su && row.date <= since;
                let mut builds: Vec<Build> = Vec::new();
                for row in catalog.releases_of(product).iter().filter(is_due) {
                    // rows are in order: the last of a lane stays
                    builds.pop_if(|last| last.lane() == row.build.lane());
                    builds.push(row.build);
                }
                Demand::Lag(builds.into_iter().filter_map(|due| Some(catalog.obliging(due)?.build)).collect())
            }
            None => Demand::Unsupported,
        };
        Some(FailedRequirement { build, demand })
    }
}

impl Edition {
    /// What of `product` is supported on `day`, although something of it is not.
    fn supported(&self, catalog: &Catalog, product: &Product, day: Date) -> Demand {
        let ended = product.end_of_support.is_some_and(|end| day > end);
        let mut minimums = Vec::new();
        for rows in catalog.releases_of(product).chunk_by(|one, next| one.build.lane() == next.build.lane()) {
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
            let known = catalog.look_up(first.build);
            let is_superseded =
                known.is_some_and(|known| Case { catalog, known, is_lane: true, day }.supported_successor().is_some());
            if !ended && !is_superseded {
                minimums.push(first.build.lane().with_revision(0));
                break;
            }
            let ends = |row: &Release| row.extended_support_end;
            let extended = rows.iter().find(|row| ends(row).is_some_and(|end| day <= end)).map(|row| row.build);
            // of a period that is over, later updates alone can be accepted again
            let later = || Build { revision: last.build.revision.saturating_add(1), ..last.build };
            let had_period = rows.iter().any(|row| ends(row).is_some());
            minimums.extend(extended.or_else(|| had_period.then(later)));
        }
        if minimums.is_empty() {
            return Demand::Unsupported;
        }
        Demand::Minimum(minimums)
    }
}

/// The builds to which minimums go down. A lane of which no row was seen stamped is accepted as a whole; above the
/// highest one that was, nothing is required, so that those below it are free as well.
fn obliging(catalog: &Catalog, minimums: &[Build]) -> Vec<Build> {
    let mut builds = Vec::new();
    for minimum in ordered(minimums.iter().copied(), |build| *build).into_iter().rev() {
        match catalog.obliging(minimum) {
            Some(row) => builds.push(row.build),
            None if builds.is_empty() => {}
            None => builds.push(minimum.lane().with_revision(0)),
        }
    }
    builds
}
