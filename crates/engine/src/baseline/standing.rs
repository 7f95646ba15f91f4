//! How a build stands on a day, with the rule that says so.

use super::{Baseline, Requirement};
use crate::build::Build;
use crate::catalog::{Catalog, CatalogPlace, KnownBuild, Release, ReleaseKind};
use crate::looked_up::LookedUp;
use crate::shown::Shown;
use crate::time::Date;

/// How a server stands, with the rule that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Acceptable.
    Current(CurrentReason),
    /// Not acceptable.
    OutOfDate(Failing),
    /// It cannot be told; such mail is accepted.
    Unknown(UnknownReason),
}

/// Why a build is acceptable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CurrentReason {
    /// It is what the baseline requires, or nothing shows that it is less.
    MeetsBaseline,
    /// Newer than all rows of the catalog, which may be older than the server.
    AheadOfCatalog,
    /// The baseline does not name its product, or has not begun.
    NoRequirement,
}

/// Why a build is out of date, and what would end it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failing {
    /// Which rule it breaks.
    pub reason: OutOfDateReason,
    /// What to install: the lowest build that would be accepted in place of this one, as the baseline has it (a lower
    /// one may pass, see [`Requirement`]); `None` where the product is not accepted at all.
    pub required: Option<Build>,
    /// Days between the releases of this build's row and of the required one, where both are known.
    pub behind_days: Option<i64>,
}

/// Which rule a build breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutOfDateReason {
    /// Its product, or its cumulative update, is not supported any more.
    Unsupported,
    /// Its cumulative update is accepted, but not without a later update.
    BehindOnUpdates,
    /// No update of its cumulative update is accepted.
    LaneNotAccepted,
}

/// Why it cannot be told whether a build is acceptable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnknownReason {
    /// The message shows no build.
    NoBuild,
    /// The store's number meets the requirement, the transport's does not.
    ComponentsDisagree,
    /// Only a component that lags behind the server showed itself, or a lane without its update level.
    UpdateLevelNotShown,
    /// Out of support, unless it is an update under extended support: either one that may stamp this number, or one that
    /// came out after the catalog.
    ExtendedSupportNotShown,
    /// No product has this build.
    UnknownProduct,
    /// The build lies in no known cumulative update, between known ones.
    UnknownLane,
}

impl Standing {
    /// Whether it certainly is not acceptable.
    pub const fn is_out_of_date(&self) -> bool {
        matches!(self, Self::OutOfDate(_))
    }

    /// Whether it certainly is acceptable.
    pub const fn is_current(&self) -> bool {
        matches!(self, Self::Current(_))
    }
}

impl Baseline {
    /// Judges what a server shows of its build, on `day`.
    pub fn assess(&self, catalog: &Catalog, shown: Shown, day: Date) -> Standing {
        self.judge(&LookedUp::new(catalog, shown), day)
    }

    /// As [`Self::assess`], by the catalog in which it was looked up.
    pub(crate) fn judge(&self, shown: &LookedUp<'_>, day: Date) -> Standing {
        let case = match Case::new(shown, day) {
            Ok(case) => case,
            Err(doubt) => return Standing::Unknown(doubt),
        };
        match self.edition(day) {
            Some(edition) => {
                case.judge(edition.requirement(case.known.product), edition.unsupported_after_end_of_support)
            }
            None => Standing::Current(CurrentReason::NoRequirement),
        }
    }
}

/// What is judged.
pub(super) struct Case<'a> {
    catalog: &'a Catalog,
    pub(super) known: KnownBuild<'a>,
    /// The lane is certain, the update level is not.
    is_lane: bool,
    day: Date,
}

impl<'a> Case<'a> {
    /// # Errors
    /// Why it cannot be told.
    pub(super) fn new(looked_up: &LookedUp<'a>, day: Date) -> Result<Self, UnknownReason> {
        let LookedUp { shown, catalog, known } = *looked_up;
        if shown == Shown::Nothing {
            return Err(UnknownReason::NoBuild);
        }
        let known = known.ok_or(UnknownReason::UnknownProduct)?;
        let is_lane = match shown {
            Shown::Update(_) => false,
            Shown::Lane(_) => true,
            Shown::Product(_) | Shown::Nothing => return Err(UnknownReason::UpdateLevelNotShown),
        };
        Ok(Self { catalog, known, is_lane, day })
    }
}

/// Whether a build is supported.
enum Support {
    Given,
    Ended,
    /// Its cumulative update is superseded; the row is the one that supersedes it and is supported itself.
    Superseded(Build),
    /// Ended, unless it is under extended support, which the number cannot show.
    Doubtful,
}

impl Case<'_> {
    /// What the product has to fulfil, and whether the end of support counts.
    pub(super) fn judge(&self, requirement: Option<&Requirement>, heeds_support: bool) -> Standing {
        let support = if heeds_support { self.support() } else { Support::Given };
        match (requirement, &support) {
            (Some(Requirement::Unsupported), _) | (_, Support::Ended) => {
                self.failing(OutOfDateReason::Unsupported, None)
            }
            (_, Support::Superseded(successor)) => {
                self.failing(OutOfDateReason::Unsupported, Some(self.required_of(*successor, requirement)))
            }
            (_, Support::Given) => self.against(requirement),
            (_, Support::Doubtful) => match self.against(requirement) {
                Standing::Current(_) => Standing::Unknown(UnknownReason::ExtendedSupportNotShown),
                certain => certain,
            },
        }
    }

    fn against(&self, requirement: Option<&Requirement>) -> Standing {
        match requirement {
            _ if self.known.place == CatalogPlace::Ahead => Standing::Current(CurrentReason::AheadOfCatalog),
            None | Some(Requirement::Unsupported) => Standing::Current(CurrentReason::NoRequirement),
            _ if self.known.place == CatalogPlace::UnknownLane => Standing::Unknown(UnknownReason::UnknownLane),
            Some(Requirement::Minimum(builds)) => self.against_minimum(builds),
            Some(Requirement::MaxLagDays(days)) => self.against_lag(*days),
        }
    }

    fn against_minimum(&self, minimums: &[Build]) -> Standing {
        let lane = self.known.build.lane();
        // a cumulative update cannot be taken back: what is required lies in the same lane or above it
        let reachable = minimums.iter().filter(|minimum| minimum.lane() >= lane);
        match reachable.clone().min() {
            // the baseline is older than the cumulative update
            None => Standing::Current(CurrentReason::MeetsBaseline),
            Some(required) if required.lane() == lane => {
                let mut obliging = self.known.newer().take_while(|row| row.build <= *required);
                self.behind_if(obliging.any(|row| row.stamped), *required)
            }
            Some(required) => {
                let mut reachable = reachable;
                if reachable.any(|minimum| self.catalog.obliging(*minimum).is_some()) {
                    self.failing(OutOfDateReason::LaneNotAccepted, Some(*required))
                } else {
                    Standing::Current(CurrentReason::MeetsBaseline)
                }
            }
        }
    }

    fn against_lag(&self, days: u32) -> Standing {
        let since = self.day.minus_days(days);
        let (mut required, mut is_stamped, mut obliges) = (None, false, false);
        // in a lane, dates do not fall
        for row in self.known.newer().take_while(|row| row.date <= since) {
            is_stamped |= row.stamped;
            if row.kind == ReleaseKind::Su {
                (required, obliges) = (Some(row.build), is_stamped);
            }
        }
        match required {
            Some(required) => self.behind_if(obliges, required),
            None => Standing::Current(CurrentReason::MeetsBaseline),
        }
    }

    /// `obliges`: whether a row above the build, at or below the required one, was seen stamped.
    fn behind_if(&self, obliges: bool, required: Build) -> Standing {
        match (obliges, self.is_lane) {
            (false, _) => Standing::Current(CurrentReason::MeetsBaseline),
            (true, true) => Standing::Unknown(UnknownReason::UpdateLevelNotShown),
            (true, false) => self.failing(OutOfDateReason::BehindOnUpdates, Some(required)),
        }
    }

    fn failing(&self, reason: OutOfDateReason, required: Option<Build>) -> Standing {
        let released = required.and_then(|build| self.catalog.release(build)).map(|release| release.date);
        let behind_days = released.zip(self.known.release).map(|(required, own)| required.days_since(own.date));
        Standing::OutOfDate(Failing { reason, required, behind_days })
    }

    fn support(&self) -> Support {
        let ended = self.known.product.end_of_support.is_some_and(|end| self.day > end);
        let successor = if ended { None } else { self.supported_successor() };
        if !ended && successor.is_none() {
            return Support::Given;
        }
        let is_extended = |row: &Release| row.extended_support_end.is_some_and(|end| self.day <= end);
        if !self.is_lane && self.known.release.is_some_and(is_extended) {
            return Support::Given;
        }
        match successor {
            _ if self.may_be_extended() => Support::Doubtful,
            Some(successor) => Support::Superseded(successor.build),
            None => Support::Ended,
        }
    }

    /// Whether what runs may be an update under extended support all the same.
    fn may_be_extended(&self) -> bool {
        let known = &self.known;
        if !known.is_in_lane() {
            return false;
        }
        let is_extended = |row: &Release| row.extended_support_end.is_some_and(|end| self.day <= end);
        // a number can be that of each row up to the next one of which it is known that it moves the number
        let own = known.release.filter(|_| self.is_lane);
        let mut same_number = own.into_iter().chain(known.newer().take_while(|row| self.is_lane || !row.stamped));
        if same_number.any(|row| row.date <= self.day && is_extended(row)) {
            return true;
        }
        let is_above_all = self.is_lane || known.place == CatalogPlace::Ahead;
        let ends = self.catalog.lane(known.build.lane()).iter().filter_map(|row| row.extended_support_end);
        // a catalog that is older than the end of the last period of extended support cannot know of another one
        is_above_all
            && ends.max().is_some_and(|end| self.catalog.newest_release().is_some_and(|newest| newest.date < end))
    }

    /// The lowest cumulative update that is supported, if that of the build is superseded.
    fn supported_successor(&self) -> Option<&Release> {
        let days = self.known.product.superseded_after_days.filter(|_| self.known.is_in_lane())?;
        let supersedes = |successor: &&Release| successor.date.plus_days(days) <= self.day;
        self.known.successors().take_while(supersedes).last()
    }

    /// What to install of the lane of `successor`.
    fn required_of(&self, successor: Build, requirement: Option<&Requirement>) -> Build {
        let due = |days| {
            let since = self.day.minus_days(days);
            let is_due = |row: &&Release| row.kind == ReleaseKind::Su && row.date <= since;
            self.catalog.lane(successor.lane()).iter().rfind(is_due).map(|row| row.build)
        };
        let required = match requirement {
            Some(Requirement::Minimum(builds)) => {
                builds.iter().filter(|minimum| minimum.lane() >= successor.lane()).min().copied()
            }
            Some(Requirement::MaxLagDays(days)) => due(*days),
            Some(Requirement::Unsupported) | None => None,
        };
        required.map_or(successor, |required| required.max(successor))
    }
}
