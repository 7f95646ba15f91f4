//! Which builds are acceptable on which day.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tidegate_engine::Build;
use tidegate_engine::Date;
use tidegate_engine::Shown;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    Current,
    OutOfDate,
    Unknown,
}

/// The products that occur in lives.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Product {
    E2013,
    E2016,
    E2019,
    Se,
}

impl Product {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::E2013 => "Exchange Server 2013",
            Self::E2016 => "Exchange Server 2016",
            Self::E2019 => "Exchange Server 2019",
            Self::Se => "Exchange Server SE",
        }
    }

    /// The first day on which it is enforced unless the policy says otherwise.
    pub(crate) fn wave(self) -> Option<Date> {
        match self {
            Self::E2013 => Some(day("2023-12-01")),
            Self::E2016 | Self::E2019 => Some(day("2024-03-01")),
            Self::Se => None,
        }
    }

    fn end_of_support(self) -> Date {
        match self {
            Self::E2013 => day("2023-04-11"),
            Self::E2016 | Self::E2019 => day("2025-10-14"),
            Self::Se => day("2035-12-31"),
        }
    }

    pub(crate) fn of(build: Build) -> Option<Self> {
        match (build.major, build.minor) {
            (15, 0) => Some(Self::E2013),
            (15, 1) => Some(Self::E2016),
            (15, 2) if build.build < 2562 => Some(Self::E2019),
            (15, 2) => Some(Self::Se),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Requirement {
    Nothing,
    Unsupported,
    Minimum(Vec<&'static str>),
    MaxLagDays(u32),
}

/// What holds from a day on. A product that is not named is accepted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edition {
    pub(crate) effective: Date,
    /// Out of support is out of date, but for builds under extended support.
    pub(crate) supported_only: bool,
    pub(crate) products: Vec<(Product, Requirement)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Baseline {
    Microsoft,
    Strict,
    Own(Vec<Edition>),
}

impl Baseline {
    fn editions(&self) -> Vec<Edition> {
        use Product::{E2013, E2016, E2019, Se};
        use Requirement::{MaxLagDays, Minimum, Unsupported};
        let edition = |from, supported_only, products| Edition { effective: day(from), supported_only, products };
        match self {
            Self::Own(editions) => editions.clone(),
            Self::Microsoft => vec![
                edition("2023-12-01", false, vec![(E2013, Unsupported)]),
                edition("2024-03-01", false, vec![(E2013, Unsupported), (E2016, Minimum(vec!["15.1.2507.31"]))]),
                edition(
                    "2026-09-08",
                    false,
                    vec![
                        (E2013, Unsupported),
                        (E2016, Minimum(vec!["15.1.2507.61"])),
                        (E2019, Minimum(vec!["15.2.1544.36", "15.2.1748.39"])),
                    ],
                ),
            ],
            Self::Strict => {
                let all = [E2013, E2016, E2019, Se].map(|product| (product, MaxLagDays(30)));
                vec![edition("1996-01-01", true, all.to_vec())]
            }
        }
    }

    /// On which something else is required.
    pub(crate) fn dates(&self) -> Vec<Date> {
        self.editions().iter().map(|edition| edition.effective).collect()
    }

    /// As a policy writes it.
    pub(crate) fn json(&self) -> Value {
        let requirement = |requirement: &Requirement| match requirement {
            Requirement::Nothing => None,
            Requirement::Unsupported => Some(json!("unsupported")),
            Requirement::Minimum(builds) => Some(json!({ "minimum": builds })),
            Requirement::MaxLagDays(days) => Some(json!({ "max_lag_days": days })),
        };
        let edition = |edition: &Edition| {
            let named = edition.products.iter();
            let named = named.filter_map(|(product, what)| Some((product.name().to_owned(), requirement(what)?)));
            json!({
                "effective": edition.effective,
                "unsupported_after_end_of_support": edition.supported_only,
                "products": Value::Object(named.collect()),
            })
        };
        match self {
            Self::Microsoft => json!("microsoft"),
            Self::Strict => json!("strict"),
            Self::Own(editions) => {
                json!({"name": "own", "editions": editions.iter().map(edition).collect::<Vec<_>>()})
            }
        }
    }

    pub(crate) fn judge(&self, shown: Shown, today: Date) -> Standing {
        static TABLE: LazyLock<Table> =
            LazyLock::new(|| Table::read(include_str!("../../../../data/exchange-builds.csv")));
        self.judge_by(&TABLE, shown, today)
    }

    /// The same by another table of releases.
    pub(crate) fn judge_by(&self, table: &Table, shown: Shown, today: Date) -> Standing {
        let (build, lane_only) = match shown {
            Shown::Update(build) => (build, false),
            Shown::Lane(build) => (build, true),
            Shown::Product(_) | Shown::Nothing => return Standing::Unknown,
        };
        let Some(product) = Product::of(build) else { return Standing::Unknown };
        let editions = self.editions();
        let come = editions.iter().filter(|edition| edition.effective <= today);
        let Some(edition) = come.max_by_key(|edition| edition.effective) else { return Standing::Current };
        let named = edition.products.iter().find(|(named, _)| *named == product);
        let requirement = named.map_or(&Requirement::Nothing, |(_, requirement)| requirement);

        let lane = |build: Build| (build.major, build.minor, build.build);
        let of_product: Vec<_> = table.rows.iter().filter(|row| Product::of(row.build) == Some(product)).collect();
        let of_lane: Vec<_> = of_product.iter().filter(|row| lane(row.build) == lane(build)).copied().collect();
        // a build between two rows counts as the lower one, below the first row of its lane as that
        let row = of_lane.iter().filter(|row| row.build <= build).max_by_key(|row| row.build);
        let row = row.or(of_lane.iter().min_by_key(|row| row.build)).copied();

        let past_support = edition.supported_only && today > product.end_of_support();
        let superseded = edition.supported_only && is_superseded(product, build, &of_product, today);
        let extended =
            (past_support || superseded).then(|| extended_support(table, &of_lane, row, build, lane_only, today));
        if matches!(requirement, Requirement::Unsupported) || extended == Some(Extended::No) {
            return Standing::OutOfDate;
        }
        match (requirement_met(requirement, build, lane_only, &of_product, &of_lane, today), extended) {
            // neither that it is nor that it is not can be told
            (Standing::Current, Some(Extended::Perhaps)) => Standing::Unknown,
            (standing, _) => standing,
        }
    }
}

fn requirement_met(
    requirement: &Requirement,
    build: Build,
    lane_only: bool,
    of_product: &[&Row],
    of_lane: &[&Row],
    today: Date,
) -> Standing {
    let lane = |build: Build| (build.major, build.minor, build.build);
    let ahead_of_lane = !of_lane.is_empty() && of_lane.iter().all(|row| row.build < build);
    let ahead_of_product = of_product.iter().all(|row| lane(row.build) < lane(build));
    if ahead_of_lane || ahead_of_product {
        return Standing::Current;
    }
    // a requirement goes down to the newest row of its lane that was seen stamped; without one it obliges nobody
    let obliges = |required: Build| {
        let rows = of_product.iter().filter(|row| lane(row.build) == lane(required) && row.build <= required);
        rows.filter(|row| row.stamped).map(|row| row.build).max()
    };
    let by_update = |required: Build| match obliges(required) {
        None => Standing::Current,
        Some(least) if build >= least => Standing::Current,
        Some(_) if lane_only => Standing::Unknown,
        Some(_) => Standing::OutOfDate,
    };
    match requirement {
        Requirement::Nothing | Requirement::Unsupported => Standing::Current,
        Requirement::Minimum(_) | Requirement::MaxLagDays(_) if of_lane.is_empty() => Standing::Unknown,
        Requirement::Minimum(accepted) => {
            let accepted: Vec<Build> = accepted.iter().map(|build| build.parse().unwrap()).collect();
            if let Some(minimum) = accepted.iter().find(|minimum| lane(**minimum) == lane(build)) {
                by_update(*minimum)
            } else if accepted.iter().any(|minimum| lane(*minimum) > lane(build) && obliges(*minimum).is_some()) {
                Standing::OutOfDate // no update of this lane is accepted
            } else {
                Standing::Current // the lane is newer than the baseline
            }
        }
        Requirement::MaxLagDays(days) => {
            let overdue = |row: &&&Row| row.kind == "su" && row.date.plus_days(*days) <= today;
            match of_lane.iter().filter(overdue).map(|row| row.build).max() {
                Some(due) => by_update(due),
                None => Standing::Current,
            }
        }
    }
}

/// Only the newest cumulative update of Exchange SE is supported: an older one until 90 days after the next one.
fn is_superseded(product: Product, build: Build, of_product: &[&Row], today: Date) -> bool {
    let lane = |build: Build| (build.major, build.minor, build.build);
    let is_known = of_product.iter().any(|row| lane(row.build) == lane(build));
    let was_seen = |cu: &Row| of_product.iter().any(|row| lane(row.build) == lane(cu.build) && row.stamped);
    let mut later = of_product.iter().filter(|row| lane(row.build) > lane(build) && row.kind == "cu" && was_seen(row));
    product == Product::Se && is_known && later.next().is_some_and(|next| next.date.plus_days(90) <= today)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extended {
    Yes,
    No,
    /// The number does not show it.
    Perhaps,
}

/// Whether what stamps this number is under extended support.
fn extended_support(
    table: &Table,
    of_lane: &[&Row],
    row: Option<&Row>,
    build: Build,
    lane_only: bool,
    today: Date,
) -> Extended {
    let holds = |row: &Row| row.extended_support_end.is_some_and(|end| today <= end);
    let Some(row) = row else { return Extended::No };
    if !lane_only && holds(row) {
        return Extended::Yes;
    }
    // who runs an update whose number was never seen may stamp that of the one before
    let next_seen = of_lane.iter().filter(|row| row.build > build && row.stamped).map(|row| row.build).min();
    let may_run = |other: &&&Row| {
        let is_later = other.build > build && next_seen.is_none_or(|next| other.build < next);
        (lane_only || is_later) && other.date <= today
    };
    if of_lane.iter().filter(may_run).any(|row| holds(row)) {
        return Extended::Perhaps;
    }
    // another period may have begun that the table does not know of
    let above_all = lane_only || of_lane.iter().all(|row| row.build < build);
    let last_period = of_lane.iter().filter_map(|row| row.extended_support_end).max();
    if above_all && last_period.is_some_and(|end| table.newest < end) { Extended::Perhaps } else { Extended::No }
}

struct Row {
    build: Build,
    date: Date,
    kind: String,
    /// Whether its number was seen in a `Received` field.
    stamped: bool,
    extended_support_end: Option<Date>,
}

/// The table of releases, for the products above.
pub(crate) struct Table {
    rows: Vec<Row>,
    /// The date of the newest row of all products.
    newest: Date,
}

impl Table {
    /// As it is archived.
    pub(crate) fn read(text: &str) -> Self {
        let row = |line: &str| {
            let cells: Vec<_> = line.split(',').collect();
            let build: Build = cells[4].parse().ok()?;
            Product::of(build)?;
            Some(Row {
                build,
                date: day_or_month(cells[3]),
                kind: cells[6].to_owned(),
                stamped: !cells[7].is_empty(),
                extended_support_end: cells[5].parse().ok(),
            })
        };
        let newest = text.lines().skip(1).map(|line| day_or_month(line.split(',').nth(3).unwrap())).max();
        Self { rows: text.lines().skip(1).filter_map(row).collect(), newest: newest.unwrap() }
    }
}

/// Of a month, its last day.
fn day_or_month(text: &str) -> Date {
    let last = |day: u32| format!("{text}-{day}").parse();
    text.parse().unwrap_or_else(|_| (28..=31).rev().find_map(|day| last(day).ok()).unwrap())
}

pub(crate) fn day(text: &str) -> Date {
    text.parse().unwrap()
}
