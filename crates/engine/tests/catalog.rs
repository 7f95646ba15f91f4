//! The facts under `data/` hold together, each rule shown to catch a planted error; and builds stand as is known of them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test stops where it fails")]
#![allow(clippy::too_many_lines, reason = "a table of cases")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidegate_engine::Build;
use tidegate_engine::Facts;
use tidegate_engine::MessageStanding;
use tidegate_engine::Shown;
use tidegate_engine::{Baseline, FailedRequirement, Failing, Standing};
use tidegate_engine::{Catalog, CatalogDocument, Product, Release, ReleaseKind};

const CATALOG: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));
const EXPLOITED: &str = include_str!(concat!(env!("OUT_DIR"), "/exploited.json"));
const MICROSOFT: &str = include_str!(concat!(env!("OUT_DIR"), "/microsoft.json"));
const STRICT: &str = include_str!(concat!(env!("OUT_DIR"), "/strict.json"));
const ROWS: &str = include_str!("../../../data/exchange-builds.csv");

/// The rules that the catalog itself does not insist on, since another operator's catalog may break them.
fn check_catalog(document: &Value) -> Result<Catalog, String> {
    let catalog = Catalog::from_json(&document.to_string()).map_err(|error| error.to_string())?;
    if catalog.releases().len() != ROWS.lines().count() - 1 {
        return Err(format!("{} releases, not as many as rows", catalog.releases().len()));
    }
    for product in catalog.products() {
        let releases = catalog.releases_of(product);
        if releases.is_empty() {
            return Err(format!("{} has no release", product.name));
        }
        if product.end_of_support.is_none() {
            return Err(format!("{}: nobody knows its end of support", product.name));
        }
        if product.wave.is_some_and(|wave| releases.iter().all(|release| release.date > wave)) {
            return Err(format!("{} is enforced before it was released", product.name));
        }
        releases.iter().try_for_each(|release| check_release(product, release))?;
    }
    for host in document["exchange_online_hosts"].as_array().unwrap() {
        let host = host.as_str().unwrap();
        let label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if host.split('.').count() < 2 || !host.split('.').all(label) {
            return Err(format!("`{host}` is no family of hosts"));
        }
    }
    Ok(catalog)
}

fn check_release(product: &Product, release: &Release) -> Result<(), String> {
    let Release { build, cu, su, date, kind, .. } = release;
    if cu.is_empty() {
        return Err(format!("{build} has no name"));
    }
    let is_update = matches!(kind, ReleaseKind::Su | ReleaseKind::Hu);
    if product.cumulative_updates && is_update == su.is_empty() {
        return Err(format!("{build} is neither a security nor a hotfix update: {su}"));
    }
    match release.extended_support_end {
        Some(end)
            if end < *date || product.end_of_support.is_some_and(|support| end <= support || *date <= support) =>
        {
            Err(format!("{build}: extended support comes after support"))
        }
        _ => Ok(()),
    }
}

fn check_baseline(document: &Value, catalog: &Catalog) -> Result<(), String> {
    let baseline: Baseline = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    baseline.check(catalog).map_err(|error| error.to_string())
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

#[test]
fn the_facts_hold_together() {
    let catalog = check_catalog(&parse(CATALOG)).unwrap();
    for preset in [EXPLOITED, MICROSOFT, STRICT] {
        assert_eq!(check_baseline(&parse(preset), &catalog), Ok(()));
    }
    // the tables are what the engine makes of their JSON
    let facts = Facts::built_in();
    assert_eq!(facts.catalog, catalog);
    for preset in [EXPLOITED, MICROSOFT, STRICT] {
        let preset: Baseline = serde_json::from_str(preset).unwrap();
        assert_eq!(facts.baselines.get(preset.name()), Some(&preset));
    }
    assert_eq!(facts.baselines.len(), 3);
    let written = serde_json::to_string(&CatalogDocument::from(&catalog)).unwrap();
    assert_eq!(Catalog::from_json(&written).unwrap(), catalog, "what is shown can be put");
    let builds: BTreeSet<_> = catalog.releases().iter().map(|release| release.build).collect();
    assert_eq!(builds.len(), catalog.releases().len());
    for release in catalog.releases() {
        assert_eq!(catalog.release(release.build), Some(release));
        assert!(catalog.lane(release.build.lane()).contains(release));
    }
}

/// What is planted, where, and what has to be said of it.
type Planted = (fn(&mut Value), &'static str);

#[test]
fn planted_errors_in_the_catalog_are_caught() {
    fn row<'a>(document: &'a mut Value, build: &str) -> &'a mut Value {
        let rows = document["releases"].as_array_mut().unwrap();
        rows.iter_mut().find(|row| row["build"] == build).unwrap()
    }
    fn product<'a>(document: &'a mut Value, name: &str) -> &'a mut Value {
        let products = document["products"].as_array_mut().unwrap();
        products.iter_mut().find(|product| product["name"] == name).unwrap()
    }
    let planted: [Planted; 19] = [
        (|d| row(d, "15.1.2507.61")["build"] = json!("15.1.2507.59"), "build `15.1.2507.59` stands twice"),
        (|d| row(d, "15.1.2507.61")["build"] = json!("15.01.2507.059"), "build `15.1.2507.59` stands twice"),
        (
            |d| row(d, "15.1.2507.61")["release_date"] = json!("2025-09-07"),
            "`15.1.2507.59` was released after `15.1.2507.61`",
        ),
        (
            |d| row(d, "15.1.2507.61")["build"] = json!("15.1.2507.600"),
            "`15.1.2507.75` was released after `15.1.2507.600`",
        ),
        (|d| row(d, "15.1.2507.61")["build"] = json!("15.1.2507.x"), "`15.1.2507.x` is no build"),
        (
            |d| row(d, "15.1.2507.61")["build"] = json!("15.2.2507.61"),
            "`15.2.2507.61` does not belong to product `Exchange Server 2016`",
        ),
        (
            |d| row(d, "15.2.2562.17")["build"] = json!("15.2.2561.17"),
            "`15.2.2561.17` does not belong to product `Exchange Server SE`",
        ),
        (|d| row(d, "15.2.2562.17")["product"] = json!("Exchange SE"), "does not belong to product `Exchange SE`"),
        (|d| row(d, "15.2.2562.17")["release_date"] = json!("2025-02-29"), "malformed catalog: not a date"),
        (|d| row(d, "15.2.2562.17")["cu"] = json!(""), "15.2.2562.17 has no name"),
        (|d| row(d, "15.2.2562.20")["kind"] = json!("ru"), "15.2.2562.20 is neither a security nor a hotfix update"),
        (
            |d| row(d, "15.1.2507.61")["extended_support_end"] = json!("2026-04-30"),
            "15.1.2507.61: extended support comes after support",
        ),
        (
            |d| product(d, "Exchange Server SE")["builds"][0] = json!("15.2.2000"),
            "`Exchange Server 2019` and `Exchange Server SE` overlap",
        ),
        (
            |d| product(d, "Exchange Server SE")["builds"][1] = json!("15.2.2562"),
            "product `Exchange Server SE` has no builds",
        ),
        (|d| product(d, "Exchange Server 2016")["end_of_support"] = json!("soon"), "malformed catalog: not a date"),
        (|d| product(d, "Exchange Server 2016")["end_of_support"] = Value::Null, "Exchange Server 2016: nobody knows"),
        (
            |d| product(d, "Exchange Server 2016")["wave"] = json!("2014-03-01"),
            "Exchange Server 2016 is enforced before",
        ),
        (|d| d["releases"].as_array_mut().unwrap().truncate(400), "400 releases, not as many as rows"),
        (|d| d["exchange_online_hosts"][0] = json!("com"), "`com` is no family of hosts"),
    ];
    for (plant, expected) in planted {
        let mut document = parse(CATALOG);
        plant(&mut document);
        let error = check_catalog(&document).expect_err(expected);
        assert!(error.contains(expected), "expected `{expected}`, found `{error}`");
    }
}

#[test]
fn two_updates_of_a_lane_may_have_the_same_day() {
    let mut document = parse(CATALOG);
    let rows = document["releases"].as_array_mut().unwrap();
    let row = rows.iter_mut().find(|row| row["build"] == "15.1.2507.61").unwrap();
    row["release_date"] = json!("2025-09-08");
    assert!(check_catalog(&document).is_ok());
}

#[test]
fn planted_errors_in_the_baselines_are_caught() {
    const NEWEST: &str = "/edition/4/products";
    fn products(document: &mut Value) -> &mut Value {
        document.pointer_mut(NEWEST).unwrap()
    }
    let planted: [Planted; 15] = [
        (
            |d| products(d)["Exchange Server 2016"] = json!({"minimum": ["15.1.2507.36"]}),
            "`15.1.2507.36` is no release of `Exchange Server 2016`",
        ),
        (
            |d| products(d)["Exchange Server 2016"] = json!({"minimum": ["15.2.1748.39"]}),
            "`15.2.1748.39` is no release of `Exchange Server 2016`",
        ),
        (|d| products(d)["Exchange Server 2016"] = json!({"minimum": ["15.1.2507"]}), "not a build number"),
        (|d| products(d)["Exchange Server 2016"] = json!({"minimum": []}), "`minimum` needs one build"),
        (
            |d| products(d)["Exchange Server 2016"] = json!({"minimum": ["15.1.2507.61", "15.1.2507.58"]}),
            "`minimum` needs one build",
        ),
        (|d| products(d)["Exchange Server 2016"] = json!({"max_lag_days": 3_651}), "`max_lag_days` is at most 3650"),
        (|d| products(d)["Exchange Server 2016"] = json!({"max_lag_days": -1}), "invalid value"),
        (|d| products(d)["Exchange Server 2016"] = json!("banned"), "unknown variant"),
        (|d| products(d)["Exchange 2016"] = json!("unsupported"), "`Exchange 2016` is no product of the catalog"),
        (|d| d["edition"][0]["effective"] = json!("2026-09-08"), "two editions are effective on `2026-09-08`"),
        (|d| d["edition"][0]["effective"] = json!("2026-13"), "not a date"),
        (|d| d["edition"] = json!([]), "1 to 64 editions, not 0"),
        (
            |d| {
                d["edition"] =
                    (0..65).map(|i| json!({"effective": format!("20{:02}-01-01", i), "products": {}})).collect()
            },
            "1 to 64 editions, not 65",
        ),
        (|d| d["name"] = json!("Microsoft!"), "a baseline's name is"),
        (|d| d["note"] = json!(""), "unknown field `note`"),
    ];
    let catalog = Catalog::built_in();
    for (plant, expected) in planted {
        let mut document = parse(MICROSOFT);
        plant(&mut document);
        let error = check_baseline(&document, &catalog).expect_err(expected);
        assert!(error.contains(expected), "expected `{expected}`, found `{error}`");
    }
    // a release that a preset names must not vanish from the catalog
    let mut document = parse(CATALOG);
    document["releases"].as_array_mut().unwrap().retain(|row| row["build"] != "15.2.1748.39");
    let catalog = Catalog::from_json(&document.to_string()).unwrap();
    assert!(check_baseline(&parse(MICROSOFT), &catalog).is_err());
}

#[test]
fn editions_stand_in_order_of_their_dates() {
    let mut document = parse(MICROSOFT);
    document["edition"].as_array_mut().unwrap().reverse();
    let reversed: Baseline = serde_json::from_value(document).unwrap();
    let straight: Baseline = serde_json::from_str(MICROSOFT).unwrap();
    assert_eq!(reversed, straight);
    let days: Vec<_> = straight.editions().iter().map(|edition| edition.effective.to_string()).collect();
    assert_eq!(days, ["2023-06-23", "2023-09-01", "2023-12-01", "2024-03-01", "2026-09-08"]);
    let written = serde_json::to_string(&straight).unwrap();
    assert_eq!(serde_json::from_str::<Baseline>(&written).unwrap(), straight);
}

fn baseline(name: &str) -> Baseline {
    match name {
        "exploited" => serde_json::from_str(EXPLOITED).unwrap(),
        "microsoft" => serde_json::from_str(MICROSOFT).unwrap(),
        "strict" => serde_json::from_str(STRICT).unwrap(),
        // one accepted cumulative update below the newest, one between two accepted ones, and two without requirement
        _ => serde_json::from_value(json!({"name": "own", "editions": [{"effective": "2026-01-01", "products": {
            "Exchange Server 2016": {"minimum": ["15.1.2375.37"]},
            "Exchange Server 2019": {"minimum": ["15.2.1118.40", "15.2.1544.36"]},
        }}]}))
        .unwrap(),
    }
}

/// The standing as `state:reason`, with `<required` and `-days` where it is out of date.
fn standing(preset: &str, day: &str, shown: Shown) -> String {
    standing_by(&Catalog::built_in(), preset, day, shown)
}

fn standing_by(catalog: &Catalog, preset: &str, day: &str, shown: Shown) -> String {
    let standing = baseline(preset).assess(catalog, shown, day.parse().unwrap());
    let state = MessageStanding::Judged(standing);
    let mut text = format!("{}:{}", state.as_str(), state.reason());
    if let Standing::OutOfDate(Failing { required, behind_days, .. }) = standing {
        required.inspect(|build| text += &format!(" <{build}"));
        behind_days.inspect(|days| text += &format!(" -{days}"));
    }
    text
}

#[test]
fn builds_stand_as_is_known_of_them() {
    let cases = [
        // the published minimums
        ("microsoft", "2026-11-22", "15.1.2507.39", "out_of_date:behind_on_updates <15.1.2507.61 -539"),
        ("microsoft", "2026-11-22", "15.01.2507.039", "out_of_date:behind_on_updates <15.1.2507.61 -539"),
        ("microsoft", "2026-11-22", "15.1.2507.61", "current:meets_baseline"),
        ("microsoft", "2026-11-22", "15.1.2507.6", "out_of_date:behind_on_updates <15.1.2507.61 -1273"),
        ("microsoft", "2026-11-22", "15.1.2507.60", "out_of_date:behind_on_updates <15.1.2507.61 -36"),
        ("microsoft", "2026-11-22", "15.2.1544.36", "current:meets_baseline"),
        ("microsoft", "2026-11-22", "15.2.1544.35", "out_of_date:behind_on_updates <15.2.1544.36 -36"),
        ("microsoft", "2026-11-22", "15.2.1748.26", "out_of_date:behind_on_updates <15.2.1748.39 -138"),
        ("microsoft", "2026-11-22", "15.2.1258.39", "out_of_date:lane_not_accepted <15.2.1544.36 -321"),
        ("microsoft", "2026-11-22", "15.2.2562.17", "current:no_requirement"),
        ("microsoft", "2026-11-22", "15.0.1497.48", "out_of_date:unsupported"),
        // by date
        ("microsoft", "2026-09-07", "15.2.1748.10", "current:no_requirement"),
        ("microsoft", "2026-09-08", "15.2.1748.10", "out_of_date:behind_on_updates <15.2.1748.39 -246"),
        ("microsoft", "2026-09-07", "15.1.2507.31", "current:meets_baseline"),
        ("microsoft", "2024-05-28", "15.1.2507.16", "out_of_date:behind_on_updates <15.1.2507.31 -273"),
        ("microsoft", "2024-02-29", "15.1.2507.16", "current:no_requirement"),
        ("microsoft", "2023-06-23", "8.3.517.0", "out_of_date:unsupported"),
        ("microsoft", "2023-06-22", "8.3.517.0", "current:no_requirement"),
        ("strict", "1995-12-31", "8.3.517.0", "current:no_requirement"),
        // ahead of the data, and below it
        ("microsoft", "2026-11-22", "15.1.2507.76", "current:ahead_of_catalog"),
        ("microsoft", "2026-11-22", "15.2.1750.1", "current:ahead_of_catalog"),
        ("microsoft", "2026-11-22", "15.2.2561.65535", "current:ahead_of_catalog"),
        ("strict", "2026-11-22", "15.2.2562.54", "current:ahead_of_catalog"),
        ("strict", "2026-11-22", "15.2.2700.1", "current:ahead_of_catalog"),
        ("microsoft", "2026-11-22", "15.0.1600.1", "out_of_date:unsupported"),
        ("microsoft", "2026-11-22", "15.1.1531.1", "out_of_date:lane_not_accepted <15.1.2507.61 -2674"),
        ("own", "2026-11-22", "15.2.1118.6", "out_of_date:behind_on_updates <15.2.1118.40 -573"),
        ("microsoft", "2026-11-22", "15.1.2000.1", "unknown:unknown_lane"),
        ("strict", "2025-10-01", "15.1.2000.1", "unknown:unknown_lane"),
        ("strict", "2026-11-22", "15.1.2000.1", "out_of_date:unsupported"),
        ("microsoft", "2026-11-22", "14.3.439.0", "out_of_date:unsupported"),
        ("microsoft", "2026-11-22", "8.3.137.0", "out_of_date:unsupported"),
        ("microsoft", "2026-11-22", "9.0.1.1", "unknown:unknown_product"),
        ("microsoft", "2026-11-22", "15.3.1.1", "unknown:unknown_product"),
        ("microsoft", "2026-11-22", "0.0.0.0", "unknown:unknown_product"),
        ("microsoft", "2026-11-22", "65535.65535.65535.65535", "unknown:unknown_product"),
        // a baseline that is older than the newest cumulative updates
        ("own", "2026-11-22", "15.1.2507.6", "current:meets_baseline"),
        ("own", "2026-11-22", "15.2.1748.10", "current:meets_baseline"),
        ("own", "2026-11-22", "15.2.1258.39", "out_of_date:lane_not_accepted <15.2.1544.36 -321"),
        ("own", "2026-11-22", "15.1.2308.27", "out_of_date:lane_not_accepted <15.1.2375.37 -245"),
        // a row obliges nobody before its number was seen stamped: 15.1.2375.32 was, .37 was not
        ("own", "2026-11-22", "15.1.2375.31", "out_of_date:behind_on_updates <15.1.2375.37 -91"),
        ("own", "2026-11-22", "15.1.2375.32", "current:meets_baseline"),
        ("own", "2026-11-22", "15.1.2375.37", "current:meets_baseline"),
        ("exploited", "2022-11-08", "15.0.1497.40", "out_of_date:behind_on_updates <15.0.1497.44 -91"),
        ("exploited", "2022-11-08", "15.0.1497.42", "current:meets_baseline"),
        ("exploited", "2026-04-13", "15.0.1497.45", "out_of_date:behind_on_updates <15.0.1497.47 -35"),
        ("exploited", "2026-06-09", "15.0.1497.48", "out_of_date:unsupported"),
        ("exploited", "2026-06-08", "15.1.2507.61", "current:meets_baseline"),
        ("exploited", "2026-06-09", "15.1.2507.61", "out_of_date:behind_on_updates <15.1.2507.69 -238"),
        ("exploited", "2026-06-09", "15.1.2507.66", "current:meets_baseline"),
        ("exploited", "2026-06-09", "15.2.1748.39", "current:meets_baseline"),
        ("exploited", "2026-06-09", "15.2.1748.37", "out_of_date:behind_on_updates <15.2.1748.46 -274"),
        ("exploited", "2026-06-09", "15.2.2562.41", "out_of_date:behind_on_updates <15.2.2562.43 -33"),
        ("exploited", "2026-06-09", "15.2.2562.43", "current:meets_baseline"),
        ("own", "2026-11-22", "15.0.1497.2", "current:no_requirement"),
        // the lag counts security updates alone, and from the day on which it is full
        ("strict", "2026-11-22", "15.2.2562.17", "out_of_date:behind_on_updates <15.2.2562.53 -458"),
        ("strict", "2026-11-22", "15.2.2562.46", "out_of_date:behind_on_updates <15.2.2562.53 -52"),
        ("strict", "2026-11-22", "15.2.2562.49", "current:meets_baseline"), // .53 was not seen stamped
        ("strict", "2026-10-07", "15.2.2562.46", "current:meets_baseline"),
        ("strict", "2026-10-08", "15.2.2562.46", "out_of_date:behind_on_updates <15.2.2562.49 -28"),
        ("strict", "2026-07-08", "15.2.2562.37", "current:meets_baseline"),
        ("strict", "2026-07-09", "15.2.2562.37", "out_of_date:behind_on_updates <15.2.2562.43 -119"),
        ("strict", "2026-06-30", "15.2.2562.41", "current:meets_baseline"),
        ("strict", "2025-09-10", "15.2.2562.17", "current:meets_baseline"),
        ("strict", "2025-09-11", "15.2.2562.17", "out_of_date:behind_on_updates <15.2.2562.20 -42"),
        // support, and extended support for what came out under it
        ("strict", "2025-10-14", "15.1.2507.58", "current:meets_baseline"),
        ("strict", "2025-10-15", "15.1.2507.61", "out_of_date:unsupported"),
        ("strict", "2026-04-30", "15.1.2507.66", "current:meets_baseline"),
        ("strict", "2026-05-01", "15.1.2507.66", "out_of_date:unsupported"),
        ("strict", "2026-03-12", "15.1.2507.63", "out_of_date:behind_on_updates <15.1.2507.66 -63"),
        ("strict", "2026-10-31", "15.2.1748.51", "current:meets_baseline"),
        ("strict", "2026-10-31", "15.2.1748.49", "current:meets_baseline"),
        ("strict", "2026-10-31", "15.2.1748.99", "current:ahead_of_catalog"),
        ("strict", "2026-11-01", "15.2.1748.53", "out_of_date:unsupported"),
        // no update for paying customers was seen to move the number of the last public one
        ("strict", "2025-12-08", "15.2.1748.39", "out_of_date:unsupported"),
        ("strict", "2025-12-09", "15.2.1748.39", "unknown:extended_support_not_shown"),
        ("strict", "2026-10-31", "15.2.1748.39", "unknown:extended_support_not_shown"),
        ("strict", "2026-11-01", "15.2.1748.39", "out_of_date:unsupported"),
        ("strict", "2026-10-31", "15.2.1748.37", "out_of_date:unsupported"), // .39 was seen
        ("strict", "2026-03-11", "15.1.2507.61", "unknown:extended_support_not_shown"),
        ("strict", "2026-03-12", "15.1.2507.61", "out_of_date:behind_on_updates <15.1.2507.66 -119"),
        // the newest row is older than the end of the last period
        ("strict", "2026-11-01", "15.2.1748.99", "unknown:extended_support_not_shown"),
        ("strict", "2030-01-01", "15.1.2507.76", "unknown:extended_support_not_shown"),
        ("strict", "2026-11-01", "15.2.1258.99", "out_of_date:unsupported"),
        ("strict", "2035-12-31", "15.2.2562.53", "current:meets_baseline"),
        ("strict", "2036-01-01", "15.2.2562.53", "out_of_date:unsupported"),
        ("strict", "2020-10-13", "14.3.496.0", "current:meets_baseline"),
    ];
    let shown = |build: &str| Shown::Update(build.parse().unwrap());
    let wrong: Vec<_> = cases
        .into_iter()
        .map(|(preset, day, build, expected)| (preset, day, build, expected, standing(preset, day, shown(build))))
        .filter(|(.., expected, found)| expected != found)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_does_not_show_the_level_condemns_by_its_product_or_lane_alone() {
    let cases = [
        (Shown::Nothing, "unknown:no_build"),
        (Shown::Product("15.1.2507.17".parse().unwrap()), "unknown:update_level_not_shown"),
        (Shown::Product("15.0.1497.2".parse().unwrap()), "unknown:update_level_not_shown"),
        (Shown::Product("9.0.0.1".parse().unwrap()), "unknown:unknown_product"),
        (Shown::Lane("15.1.2507.0".parse().unwrap()), "unknown:update_level_not_shown"),
        (Shown::Lane("15.1.2375.0".parse().unwrap()), "out_of_date:lane_not_accepted <15.1.2507.61 -1477"),
        (Shown::Lane("15.0.1497.0".parse().unwrap()), "out_of_date:unsupported"),
        (Shown::Lane("15.2.2000.0".parse().unwrap()), "current:ahead_of_catalog"),
        (Shown::Lane("15.2.2562.0".parse().unwrap()), "current:no_requirement"),
    ];
    for (shown, expected) in cases {
        assert_eq!(standing("microsoft", "2026-11-22", shown), expected, "{shown:?}");
    }
    let extended = Shown::Lane("15.2.1748.0".parse().unwrap());
    assert_eq!(standing("strict", "2026-10-31", extended), "unknown:update_level_not_shown");
    assert_eq!(standing("strict", "2026-11-01", extended), "unknown:update_level_not_shown");
    let lane = Shown::Lane("15.2.2562.0".parse().unwrap());
    assert_eq!(standing("strict", "2026-11-22", lane), "unknown:update_level_not_shown");
    assert_eq!(standing("strict", "2025-08-01", lane), "current:meets_baseline", "no security update is due");
}

#[test]
fn builds_are_named_by_the_row_they_stand_for() {
    let catalog = Catalog::built_in();
    let named = |build: &str| {
        let known = catalog.look_up(build.parse().unwrap()).unwrap();
        let release = known.release.map(|release| format!(" {} {}", release.cu, release.su));
        format!("{}{}", known.product.name, release.unwrap_or_default()).trim_end().to_owned()
    };
    let cases = [
        ("15.1.2507.39", "Exchange Server 2016 CU23 Apr24HU"),
        ("15.1.2507.42", "Exchange Server 2016 CU23 Apr24HU"),
        ("15.1.2507.6", "Exchange Server 2016 CU23"),
        ("15.1.1531.1", "Exchange Server 2016 CU10"),
        ("15.0.1497.38", "Exchange Server 2013 CU23 May22SU"),
        ("15.1.2000.1", "Exchange Server 2016"),
        ("14.3.439.0", "Exchange Server 2010 SP3 RU25"),
        ("14.1.218.12", "Exchange Server 2010 SP1"),
        ("14.2.999.0", "Exchange Server 2010 SP2 RU8"),
        ("14.4.1.0", "Exchange Server 2010"),
        ("8.3.999.0", "Exchange Server 2007 SP3 RU23"),
        ("15.2.2561.9", "Exchange Server 2019"),
        ("15.2.2562.0", "Exchange Server SE RTM"),
    ];
    for (build, expected) in cases {
        assert_eq!(named(build), expected, "{build}");
    }
}

/// The built-in catalog with more rows of Exchange SE: build, kind, date, whether its number was seen stamped.
fn with_rows(rows: &[(&str, &str, &str, bool)]) -> Catalog {
    let mut document = parse(CATALOG);
    for (build, kind, date, stamped) in rows {
        document["releases"].as_array_mut().unwrap().push(json!({
            "product": "Exchange Server SE", "cu": "CU", "su": if *kind == "cu" { "" } else { "SU" },
            "kind": kind, "release_date": date, "build": build, "stamped": stamped,
        }));
    }
    Catalog::from_json(&document.to_string()).unwrap()
}

const CU1: (&str, &str, &str, bool) = ("15.2.2700.5", "cu", "2027-01-12", true);
const CU1_SU: (&str, &str, &str, bool) = ("15.2.2700.9", "su", "2027-02-09", true);
const CU2: (&str, &str, &str, bool) = ("15.2.2800.3", "cu", "2027-07-13", true);

#[test]
fn a_superseded_cumulative_update_is_unsupported_so_many_days_after_its_successor_came_out() {
    let shown = |build: &str| Shown::Update(build.parse().unwrap());
    let unseen = (CU1.0, CU1.1, CU1.2, false);
    let cases: [(&[_], &str, &str, &str); 13] = [
        (&[CU1], "2027-04-11", "15.2.2562.53", "current:meets_baseline"),
        (&[CU1], "2027-04-12", "15.2.2562.53", "out_of_date:unsupported <15.2.2700.5 -102"),
        // ahead of its lane, which is over all the same
        (&[CU1], "2027-04-12", "15.2.2562.99", "out_of_date:unsupported <15.2.2700.5 -102"),
        (&[CU1], "2034-12-31", "15.2.2700.5", "current:meets_baseline"),
        // what is to be installed is what would be accepted
        (&[CU1, CU1_SU], "2027-04-12", "15.2.2562.53", "out_of_date:unsupported <15.2.2700.9 -130"),
        (&[CU1, CU1_SU, CU2], "2027-10-10", "15.2.2562.53", "out_of_date:unsupported <15.2.2700.9 -130"),
        (&[CU1, CU1_SU, CU2], "2027-10-11", "15.2.2562.53", "out_of_date:unsupported <15.2.2800.3 -284"),
        (&[CU1, CU1_SU, CU2], "2027-10-11", "15.2.2700.9", "out_of_date:unsupported <15.2.2800.3 -154"),
        (&[CU1, CU1_SU, CU2], "2027-10-11", "15.2.2800.3", "current:meets_baseline"),
        // of whose lane nobody saw a number, that may be the number of the one before
        (&[unseen], "2027-04-12", "15.2.2562.53", "current:meets_baseline"),
        (&[unseen, CU1_SU], "2027-04-12", "15.2.2562.53", "out_of_date:unsupported <15.2.2700.9 -130"),
        // an update is no successor, and what lies between known lanes is not judged
        (&[CU1_SU], "2027-12-31", "15.2.2562.53", "current:meets_baseline"),
        (&[CU1], "2027-12-31", "15.2.2600.1", "unknown:unknown_lane"),
    ];
    for (rows, day, build, expected) in cases {
        assert_eq!(standing_by(&with_rows(rows), "strict", day, shown(build)), expected, "{day} {build}");
    }
    let lane = Shown::Lane("15.2.2562.0".parse().unwrap());
    let expected = "out_of_date:unsupported <15.2.2700.5 -560";
    assert_eq!(standing_by(&with_rows(&[CU1]), "strict", "2027-04-12", lane), expected);
    assert_eq!(standing_by(&with_rows(&[CU1]), "microsoft", "2034-12-31", lane), "current:no_requirement");
}

/// Whether `later` meets, or certainly fails, what `build` fails on that day; `None`: neither.
fn meets_what_failed(catalog: &Catalog, preset: &str, day: &str, build: &str, later: Shown) -> Option<bool> {
    let shown = Shown::Update(build.parse().unwrap());
    let failed = baseline(preset).failed_requirement(catalog, shown, day.parse().unwrap()).unwrap();
    let written = serde_json::to_string(&failed).unwrap();
    assert_eq!(serde_json::from_str::<FailedRequirement>(&written).unwrap(), failed);
    match (failed.is_met_by(catalog, later), failed.is_failed_by(catalog, later)) {
        (true, true) => panic!("{later:?} meets and fails {failed:?}"),
        (true, false) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

#[test]
fn what_a_server_failed_is_met_by_what_ends_it() {
    let (plain, next) = (Catalog::built_in(), with_rows(&[CU1, CU1_SU, CU2]));
    let update = |build: &str| Shown::Update(build.parse().unwrap());
    let lane = |build: &str| Shown::Lane(build.parse().unwrap());
    let cases = [
        // the row that obliges, not the one that is to be installed
        (&plain, "exploited", "2022-11-08", "15.0.1497.36", update("15.0.1497.42"), Some(true)),
        (&plain, "exploited", "2022-11-08", "15.0.1497.36", update("15.0.1497.40"), Some(false)),
        (&plain, "strict", "2026-11-22", "15.2.2562.46", update("15.2.2562.49"), Some(true)),
        (&plain, "strict", "2026-11-22", "15.2.2562.45", update("15.2.2562.46"), Some(false)),
        // a later cumulative update ends that its own one was superseded
        (&next, "strict", "2027-10-11", "15.2.2562.53", update("15.2.2562.99"), Some(false)),
        (&next, "strict", "2027-10-11", "15.2.2562.53", update("15.2.2700.9"), Some(false)),
        (&next, "strict", "2027-10-11", "15.2.2562.53", update("15.2.2800.3"), Some(true)),
        (&next, "strict", "2027-10-11", "15.2.2562.53", lane("15.2.2800.0"), Some(true)),
        (&next, "strict", "2027-10-11", "15.2.2562.53", lane("15.2.2700.0"), Some(false)),
        // and so does an update under extended support that its product was out of it
        (&plain, "strict", "2026-06-30", "15.1.2507.59", update("15.1.2507.69"), Some(true)),
        (&plain, "strict", "2026-06-30", "15.2.1748.37", update("15.2.1748.39"), None),
        (&plain, "strict", "2026-06-30", "15.2.1748.37", lane("15.2.1748.0"), None),
        (&plain, "strict", "2026-11-22", "15.2.1748.39", update("15.2.1748.53"), Some(false)),
        (&plain, "strict", "2026-11-22", "15.2.1748.39", update("15.2.1748.54"), None),
        (&plain, "strict", "2026-11-22", "15.2.1258.39", update("15.2.1258.99"), Some(false)),
        (&plain, "strict", "2026-11-22", "15.2.1748.39", update("15.2.2562.17"), Some(true)),
        (&plain, "strict", "2026-11-22", "15.0.1497.48", update("15.0.1497.99"), Some(false)),
    ];
    for (catalog, preset, day, build, later, expected) in cases {
        assert_eq!(meets_what_failed(catalog, preset, day, build, later), expected, "{preset} {day} {build} {later:?}");
    }
}

/// A baseline of one edition that requires these builds of Exchange SE.
fn minimums(builds: &[&str]) -> Baseline {
    serde_json::from_value(json!({"name": "own", "editions": [
        {"effective": "2026-01-01", "products": {"Exchange Server SE": {"minimum": builds}}},
    ]}))
    .unwrap()
}

#[test]
fn a_lane_whose_numbers_nobody_saw_condemns_neither_itself_nor_the_lanes_below() {
    let unseen = |row: (&'static str, &'static str, &'static str, bool)| (row.0, row.1, row.2, false);
    let out_of_date = |catalog: &Catalog, baseline: &Baseline, build: &str| {
        let shown = Shown::Update(build.parse().unwrap());
        let day = "2028-01-01".parse().unwrap();
        let found = baseline.assess(catalog, shown, day).is_out_of_date();
        let failed = baseline.failed_requirement(catalog, shown, day);
        assert_eq!(failed.is_some(), found);
        // what is kept of a failure agrees about every other build
        for other in ["15.2.2562.17", "15.2.2562.53", "15.2.2700.5", "15.2.2700.9", "15.2.2800.3", "15.2.2900.1"] {
            let other = Shown::Update(other.parse().unwrap());
            let fails = baseline.assess(catalog, other, day).is_out_of_date();
            assert!(failed.as_ref().is_none_or(|failed| failed.is_failed_by(catalog, other) == fails), "{other:?}");
        }
        found
    };
    let baseline = minimums(&["15.2.2700.9", "15.2.2800.3"]);
    let seen = with_rows(&[CU1, CU1_SU, CU2]);
    assert!(out_of_date(&seen, &baseline, "15.2.2562.53") && out_of_date(&seen, &baseline, "15.2.2700.5"));
    let lower = with_rows(&[unseen(CU1), unseen(CU1_SU), CU2]);
    assert!(out_of_date(&lower, &baseline, "15.2.2562.53"), "a lane above it was seen");
    assert!(!out_of_date(&lower, &baseline, "15.2.2700.5"));
    let none = with_rows(&[unseen(CU1), unseen(CU1_SU), unseen(CU2)]);
    assert!(!out_of_date(&none, &baseline, "15.2.2562.53") && !out_of_date(&none, &baseline, "15.2.2700.5"));
    let upper = with_rows(&[CU1, CU1_SU, unseen(CU2)]);
    assert!(out_of_date(&upper, &baseline, "15.2.2700.5") && out_of_date(&upper, &baseline, "15.2.2562.53"));
}

#[test]
fn the_age_of_the_catalog_is_its_newest_release() {
    let newest = |catalog: &Catalog| catalog.newest_release().map(|row| (row.build, row.date.to_string()));
    let expected = ("15.2.2562.53".parse::<Build>().unwrap(), "2026-10-02".to_owned());
    assert_eq!(newest(&Catalog::built_in()), Some(expected));
    assert_eq!(newest(&with_rows(&[CU1])).unwrap().1, "2027-01-12");
}
