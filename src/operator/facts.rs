//! Catalog and baselines that were put beside or in place of the built-in ones: checked, numbered, and taken back by
//! one call.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_engine::Facts;
use tidegate_engine::Timestamp;
use tidegate_engine::{Baseline, BaselineDocument, BaselineError};
use tidegate_engine::{Catalog, CatalogDocument};
use tidegate_stored::Document;
use tidegate_wire::native::Written;
use tidegate_wire::problem::{Problem, read_json};
use worker::worker_sys::web_sys::Response;

use super::newest::NewestRelease;
use super::protocol::{Changed, Content, PutFacts};
use super::{control, tenants, trail};
use crate::common;
use crate::durable::audit::{self, Act};
use crate::durable::lists::{Page, Range};
use crate::durable::outbox;
use crate::durable::sql::{Change, Sql, SqlError, integer, to_text, values};
use crate::durable::walk::Expected;
use crate::http;
use crate::store::{FactsKey, FactsRecord, Family, Versions};

/// Versions of one catalog or baseline that are kept.
const MAX_VERSIONS: i64 = 20;
/// Baselines that policies may name, the built-in ones among them.
const MAX_BASELINES: usize = 32;

#[derive(Serialize)]
struct Put {
    version: u64,
    updated_at: Written<Timestamp>,
    /// Of a catalog: products that this change brings under enforcement, and since when their clocks may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    waves: Option<Waves>,
}

type Waves = BTreeMap<String, Written<Timestamp>>;

/// What the trail says of a version.
#[derive(Serialize)]
struct Entry {
    version: u64,
    /// The earlier version that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waves: Option<Waves>,
}

#[derive(Serialize)]
struct BaselineItem {
    name: String,
    version: u64,
    updated_at: Option<Written<Timestamp>>,
}

/// One version as the API shows it, with its `ETag`; the one in force unless another one is asked for.
pub fn show(sql: &Sql, key: &FactsKey, version: Option<u64>, now: Timestamp) -> Result<Response, SqlError> {
    let versions = control::record(sql)?.versions;
    let version = version.unwrap_or_else(|| versions.of(key));
    let json = text(sql, key, version)?.ok_or_else(|| missing(key))?;
    let updated_at = to_text(&updated_at(sql, key, version)?.map(Written))?;
    let member = if *key == FactsKey::Catalog { "catalog" } else { "baseline" };
    let newest = match key {
        FactsKey::Catalog => {
            let catalog = Catalog::from_json(&json).ok();
            let newest = catalog.as_ref().and_then(Catalog::newest_release);
            let newest = to_text(&newest.map(|release| NewestRelease::new(release, now.date())))?;
            format!(r#""newest_release":{newest},"#)
        }
        FactsKey::Baseline(_) => String::new(),
    };
    let body = format!(r#"{{"version":{version},"updated_at":{updated_at},{newest}"{member}":{json}}}"#);
    Ok(http::respond(200, "application/json", &[("etag", &http::etag(version))], body.as_bytes())?)
}

/// The version of the catalog in force.
pub fn catalog_version(sql: &Sql) -> Result<u64, SqlError> {
    Ok(control::record(sql)?.versions.catalog)
}

/// What KV should have of the facts that were put in place of the built-in ones.
pub fn in_force(sql: &Sql, versions: &Versions) -> Result<Vec<Expected>, SqlError> {
    let mut expected = Vec::new();
    for key in versions.replaced() {
        let version = versions.of(&key);
        let Some(json) = text(sql, &key, version)?.and_then(|json| RawValue::from_string(json).ok()) else { continue };
        let waves = if key == FactsKey::Catalog { versions.waves.clone() } else { BTreeMap::new() };
        let json = to_text(&FactsRecord { version, json, waves })?;
        expected.push(Expected { key: key.key(), json, metadata: None });
    }
    Ok(expected)
}

/// A version of the catalog; `None` where it cannot be read any more.
pub fn catalog(sql: &Sql, version: u64) -> Result<Option<Catalog>, SqlError> {
    Ok(text(sql, &FactsKey::Catalog, version)?.and_then(|json| Catalog::from_json(&json).ok()))
}

/// One page of the baselines that policies may name, by name.
pub fn baselines(sql: &Sql, range: &Range) -> Result<Page<impl Serialize>, SqlError> {
    let versions = control::record(sql)?.versions;
    let mut items = Vec::new();
    for name in names(&versions)? {
        if range.cursor.as_ref().is_some_and(|after| name <= *after) {
            continue;
        }
        let key = FactsKey::Baseline(name.clone());
        let version = versions.of(&key);
        items.push(BaselineItem { name, version, updated_at: updated_at(sql, &key, version)?.map(Written) });
    }
    Ok(Page::of(items, range, |item| item.name.clone()))
}

/// Puts a new version in force, or an earlier one again.
pub fn put(sql: &Sql, act: Act<'_>, put: PutFacts, now_millis: i64) -> Result<Changed, SqlError> {
    let PutFacts { key, content, if_version, or_versions } = put;
    sql.change(|change| {
        let versions = control::record(change)?.versions;
        let before = versions.of(&key);
        if if_version.is_some_and(|known| known != before && !or_versions.contains(&before)) {
            return Err(Problem::precondition_failed().into());
        }
        let (json, restored) = match content {
            Content::New(posted) => (posted, None),
            Content::Version(version) => (text(change, &key, version)?.ok_or_else(|| missing(&key))?, Some(version)),
        };
        let json = checked(change, &key, json, &versions)?;
        let waves = match &key {
            FactsKey::Catalog => brought_forward(change, &versions, &json, act.at)?,
            FactsKey::Baseline(_) => versions.waves.clone(),
        };
        let version = match restored {
            // whatever is built in, now and in later releases
            Some(0) => 0,
            _ => store(change, &key, json, &waves, act.at)?,
        };
        let newly = |(name, since): (&String, &Timestamp)| {
            (versions.waves.get(name) != Some(since)).then(|| (name.clone(), Written(*since)))
        };
        let shown_waves: Waves = waves.iter().filter_map(newly).collect();
        let shown_waves = (key == FactsKey::Catalog).then_some(shown_waves);
        control::put_in_force(change, |versions| {
            versions.set(&key, version);
            versions.waves = waves;
        })?;
        let (action, subject) = match &key {
            FactsKey::Catalog => ("catalog.put", "catalog"),
            FactsKey::Baseline(name) => ("baseline.put", name.as_str()),
        };
        let waves = shown_waves.clone().filter(|waves| !waves.is_empty());
        let entries = (
            audit::json(&Entry { version: before, restored: None, waves: None })?,
            audit::json(&Entry { version, restored, waves })?,
        );
        trail::write(change, act, action, subject, entries, None)?;
        tenants::poke_all(change, now_millis)?;
        let shown = to_text(&Put { version, updated_at: Written(act.at), waves: shown_waves })?;
        Ok(Changed { control: control::unknown(), shown, version: Some(version) })
    })
}

/// Writes a new version down, lays it ready for KV, and forgets the oldest.
fn store(
    change: &Change<'_>,
    key: &FactsKey,
    json: String,
    waves: &BTreeMap<String, Timestamp>,
    now: Timestamp,
) -> Result<u64, SqlError> {
    let name = key.key();
    let last = change.number("SELECT MAX(version) FROM facts WHERE name = ?1", values![name.as_str()])?;
    let version = last.unwrap_or(0) + 1;
    change.run(
        "INSERT INTO facts (name, version, updated_at, json) VALUES (?1, ?2, ?3, ?4)",
        values![name.as_str(), version, now.0, json.as_str()],
    )?;
    let kept = version - MAX_VERSIONS;
    change.run("DELETE FROM facts WHERE name = ?1 AND version <= ?2", values![name, kept])?;
    let version = u64::try_from(version).unwrap_or(0);
    let json = RawValue::from_string(json).map_err(|error| SqlError::Failed(error.to_string()))?;
    let waves = if *key == FactsKey::Catalog { waves.clone() } else { BTreeMap::new() };
    outbox::lay(change, key, &FactsRecord { version, json, waves })?;
    Ok(version)
}

/// From when on the waves of a catalog count, which takes the place of the one in force.
fn brought_forward(
    sql: &Sql,
    versions: &Versions,
    next: &str,
    now: Timestamp,
) -> Result<BTreeMap<String, Timestamp>, SqlError> {
    let known = text(sql, &FactsKey::Catalog, versions.catalog)?;
    // by one that cannot be read any more nothing was decided
    let Some(catalog) = known.and_then(|known| Catalog::from_json(&known).ok()) else {
        return Ok(versions.waves.clone());
    };
    let known = Facts { catalog, baselines: BTreeMap::new(), brought_forward: versions.waves.clone() };
    let next = Catalog::from_json(next).map_err(|error| SqlError::Malformed(error.to_string()))?;
    Ok(known.brought_forward_by(&next, now))
}

/// What was posted, as it is stored, if it fits the other facts in force.
fn checked(sql: &Sql, key: &FactsKey, posted: String, versions: &Versions) -> Result<String, SqlError> {
    match key {
        FactsKey::Catalog => {
            let document: CatalogDocument = read_json(posted.as_bytes())?;
            let catalog = Catalog::try_from(document)
                .map_err(|error| Problem::unprocessable(error.fault.to_string()).in_field(error.field))?;
            for name in names(versions)? {
                let key = FactsKey::Baseline(name);
                let stored = text(sql, &key, versions.of(&key))?.ok_or_else(|| missing(&key))?;
                // one of another release cannot be held against a catalog of this one
                let Ok(baseline) = Document::<Baseline>::read(&stored) else { continue };
                baseline.check(&catalog).map_err(|error| {
                    Problem::unprocessable(format!("baseline `{}`: {error}", baseline.name())).in_field("releases")
                })?;
            }
            Ok(posted)
        }
        FactsKey::Baseline(name) => {
            let refused = |error: BaselineError| Problem::unprocessable(error.to_string()).in_field(error.field());
            let document: BaselineDocument = read_json(posted.as_bytes())?;
            let baseline = Baseline::try_from(document).map_err(refused)?;
            if baseline.name() != name {
                return Err(Problem::unprocessable("not the name in the address").in_field("name").into());
            }
            let known = names(versions)?;
            if !known.contains(name) && known.len() >= MAX_BASELINES {
                let why = format!("there are {MAX_BASELINES} baselines already");
                return Err(Problem::unprocessable(why).in_field("name").into());
            }
            let catalog =
                text(sql, &FactsKey::Catalog, versions.catalog)?.ok_or_else(|| missing(&FactsKey::Catalog))?;
            let catalog = Document::<CatalogDocument>::read(&catalog).ok().map(Document::into_value);
            let catalog = catalog.and_then(|catalog| Catalog::try_from(catalog).ok()).unwrap_or_else(Catalog::built_in);
            baseline.check(&catalog).map_err(refused)?;
            to_text(&baseline)
        }
    }
}

/// A version as JSON; `None` if there is no such one.
fn text(sql: &Sql, key: &FactsKey, version: u64) -> Result<Option<String>, SqlError> {
    if version > 0 {
        let row = "SELECT json FROM facts WHERE name = ?1 AND version = ?2";
        return Ok(sql.texts(row, values![key.key(), integer(version)])?.pop());
    }
    match key {
        FactsKey::Catalog => Ok(Some(to_text(&CatalogDocument::from(&Catalog::built_in()))?)),
        FactsKey::Baseline(name) => common::built_in().baselines.get(name).map(to_text).transpose(),
    }
}

fn updated_at(sql: &Sql, key: &FactsKey, version: u64) -> Result<Option<Timestamp>, SqlError> {
    let row = "SELECT updated_at FROM facts WHERE name = ?1 AND version = ?2";
    Ok(sql.number(row, values![key.key(), integer(version)])?.map(Timestamp))
}

/// All baselines that policies may name, in order.
fn names(versions: &Versions) -> Result<BTreeSet<String>, SqlError> {
    let mut names = BTreeSet::new();
    for name in common::built_in().baselines.keys().chain(versions.baselines.keys()) {
        names.insert(name.clone());
    }
    Ok(names)
}

fn missing(key: &FactsKey) -> Problem {
    match key {
        FactsKey::Catalog => Problem::not_found("there is no such version"),
        FactsKey::Baseline(_) => Problem::not_found("there is no such baseline or version"),
    }
}
