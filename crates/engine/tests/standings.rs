//! Every build of every row, and those beside it, stand as a second, independent reading of the rules says: on the days
//! around which something changes, by each kind of baseline, and by a catalog that knows of the future.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

#[path = "model/standing.rs"]
#[allow(dead_code, reason = "lives use the rest of it")]
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use standing::{Baseline, Edition, Product, Requirement, Standing, Table, day};
use tidegate_engine::Build;
use tidegate_engine::Catalog;
use tidegate_engine::Date;
use tidegate_engine::Facts;
use tidegate_engine::Shown;
use tidegate_engine::Standing as Judged;

const ROWS: &str = include_str!("../../../data/exchange-builds.csv");
const CATALOG: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));

/// Two cumulative updates of Exchange SE, and one between them that nobody saw.
const FUTURE: &str = "\
Exchange Server SE,CU1,,2027-01-12,15.2.2700.5,,cu,seen,,
Exchange Server SE,CU1,Feb27SU,2027-02-09,15.2.2700.9,,su,seen,,
Exchange Server SE,CU1,Mar27HU,2027-03-09,15.2.2700.11,,hu,,,
Exchange Server SE,CU1,Apr27SU,2027-04-13,15.2.2700.14,,su,,,
Exchange Server SE,CU2,,2027-07-13,15.2.2750.2,,cu,,,
Exchange Server SE,CU3,,2028-01-11,15.2.2800.3,,cu,,,
Exchange Server SE,CU3,Feb28SU,2028-02-08,15.2.2800.8,,su,seen,,
";

/// The catalog of both tables.
fn catalog(more: &str) -> Catalog {
    let mut document: Value = serde_json::from_str(CATALOG).unwrap();
    for line in more.lines() {
        let cells: Vec<_> = line.split(',').collect();
        document["releases"].as_array_mut().unwrap().push(json!({
            "product": cells[0], "cu": cells[1], "su": cells[2], "release_date": cells[3], "build": cells[4],
            "kind": cells[6], "stamped": !cells[7].is_empty(),
        }));
    }
    Catalog::from_json(&document.to_string()).unwrap()
}

/// All of 2013 and later, with what lies beside them.
fn builds(text: &str) -> BTreeSet<Build> {
    let known = text.lines().skip(1).filter_map(|line| line.split(',').nth(4)?.parse::<Build>().ok());
    let beside = |build: Build| {
        let revision = |revision| Build { revision, ..build };
        let lane = |lane, revision| Build { build: lane, revision, ..build };
        let own = [0, build.revision.saturating_sub(1), build.revision, build.revision + 1, u16::MAX].map(revision);
        own.into_iter().chain([lane(build.build.saturating_sub(1), u16::MAX), lane(build.build + 1, 0)])
    };
    known.filter(|build| build.major == 15).flat_map(beside).collect()
}

/// The days on which something changes, and those before.
fn days(text: &str) -> BTreeSet<Date> {
    let mut days: BTreeSet<Date> = ["2023-12-01", "2024-03-01", "2025-10-15", "2026-09-08", "2026-05-01", "2026-11-01"]
        .into_iter()
        .chain(["2027-06-01", "2036-01-01"])
        .map(day)
        .collect();
    let recent = text.lines().skip(1).filter_map(|line| line.split(',').nth(3)?.parse::<Date>().ok());
    let recent: BTreeSet<_> = recent.filter(|date| *date >= day("2026-06-01")).collect();
    days.extend(recent.iter().flat_map(|date| [*date, date.plus_days(30), date.plus_days(90)]));
    days.iter().flat_map(|date| [date.minus_days(1), *date]).collect()
}

fn own() -> Baseline {
    use Product::{E2013, E2016, E2019, Se};
    let edition =
        |effective: &str, supported_only, products| Edition { effective: day(effective), supported_only, products };
    Baseline::Own(vec![
        // minimums that nobody saw, in lanes of which some or no number was seen
        edition(
            "2016-01-01",
            false,
            vec![
                (E2013, Requirement::Minimum(vec!["15.0.712.24", "15.0.1497.44"])),
                (E2016, Requirement::Minimum(vec!["15.1.396.30", "15.1.2375.37"])),
                (E2019, Requirement::Minimum(vec!["15.2.221.12", "15.2.1544.41", "15.2.1748.46"])),
                (Se, Requirement::Minimum(vec!["15.2.2562.53"])),
            ],
        ),
        edition(
            "2026-10-01",
            true,
            vec![
                (E2016, Requirement::Minimum(vec!["15.1.2507.69"])),
                (E2019, Requirement::MaxLagDays(7)),
                (Se, Requirement::MaxLagDays(0)),
            ],
        ),
        edition("2027-06-01", true, vec![(E2019, Requirement::Unsupported)]),
    ])
}

#[test]
fn every_build_stands_as_the_model_says() {
    let facts = Facts::built_in();
    let own_baseline: tidegate_engine::Baseline = serde_json::from_value(own().json()).unwrap();
    let baselines = [
        (Baseline::Microsoft, &facts.baselines["microsoft"]),
        (Baseline::Strict, &facts.baselines["strict"]),
        (own(), &own_baseline),
    ];
    let mut found = BTreeMap::new();
    for more in ["", FUTURE] {
        let text = format!("{ROWS}{more}");
        let (catalog, table) = (catalog(more), Table::read(&text));
        let (mut builds, days) = (builds(&text), days(&text));
        // the future concerns Exchange SE, and what the newest row has to do with extended support
        builds.retain(|build| more.is_empty() || (build.minor, build.build) >= (1, 2507));
        for (model, baseline) in &baselines {
            for (day, build) in days.iter().flat_map(|day| builds.iter().map(move |build| (*day, *build))) {
                let lane = (build.revision == 0).then_some(Shown::Lane(build));
                for shown in [Shown::Update(build)].into_iter().chain(lane) {
                    let judged = baseline.assess(&catalog, shown, day);
                    let engine = match judged {
                        Judged::Current(_) => Standing::Current,
                        Judged::OutOfDate(_) => Standing::OutOfDate,
                        Judged::Unknown(_) => Standing::Unknown,
                    };
                    assert_eq!(
                        engine,
                        model.judge_by(&table, shown, day),
                        "{} {day} {shown:?} {judged:?}",
                        baseline.name()
                    );
                    *found.entry(format!("{judged:?}").split(['{', ',']).next().unwrap().to_owned()).or_insert(0) += 1;
                }
            }
        }
    }
    // all that a known product can lead to was met
    assert!(found.len() >= 5 && found.values().all(|count| *count > 100), "{found:#?}");
}
