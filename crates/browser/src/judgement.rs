//! `catalog`, `assess`, `decide` and `simulate`: the engine's judgement of a build or a message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_engine::Action;
use tidegate_engine::Build;
use tidegate_engine::CatalogNames;
use tidegate_engine::Ladder;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::ServerId;
use tidegate_engine::Shown;
use tidegate_engine::Spell;
use tidegate_engine::Standing;
use tidegate_engine::TenantId;
use tidegate_engine::order_by_key;
use tidegate_engine::recognise;
use tidegate_engine::{BaselineChoice, Facts, Policy};
use tidegate_engine::{Date, HOUR, MINUTE, Timestamp};
use tidegate_engine::{DecisionContext, Stage, current_stage, stage_schedule};
use tidegate_engine::{Freeze, Freezes};
use tidegate_engine::{MessageStanding, decide_without_server};
use tidegate_wire::native::{self, Circumstances, Defaults, Request, StageDocument, StandingDocument, Written};

use crate::document::{Release, ScheduledStageDocument, Time as TimeDocument};
use crate::error::{Code, Fault};
use crate::options::{Choices, FreezeDocument, Time, facts, freezes, read};

#[derive(Serialize)]
pub struct CatalogDocument {
    products: Vec<ProductDocument>,
    releases: Vec<ReleaseDocument>,
    baselines: Vec<String>,
}

#[derive(Serialize)]
struct ProductDocument {
    name: String,
    end_of_support: Option<Date>,
    extended_support_end: Option<Date>,
    wave: Option<Date>,
}

#[derive(Serialize)]
struct ReleaseDocument {
    #[serde(flatten)]
    release: Release,
    released: Date,
}

pub fn catalog() -> Result<CatalogDocument, Fault> {
    let Facts { catalog, baselines, .. } = facts()?;
    let products = catalog.products().iter().map(|product| ProductDocument {
        name: product.name.to_string(),
        end_of_support: product.end_of_support,
        extended_support_end: catalog.releases_of(product).iter().filter_map(|row| row.extended_support_end).max(),
        wave: product.wave,
    });
    let rows = order_by_key(catalog.releases().iter(), |row| (row.date, row.build));
    let releases = rows
        .into_iter()
        .rev()
        .map(|row| ReleaseDocument { release: Release::new(catalog, Shown::Update(row.build)), released: row.date });
    let default = BaselineChoice::default();
    let is_default = |name: &&String| matches!(&default, BaselineChoice::Named(default) if default == *name);
    let names = baselines.keys().filter(is_default).chain(baselines.keys().filter(|name| !is_default(name)));
    Ok(CatalogDocument {
        products: products.collect(),
        releases: releases.collect(),
        baselines: names.cloned().collect(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssessOptions {
    baseline: Option<BaselineChoice>,
    at: Option<Time>,
}

#[derive(Serialize)]
pub struct Assessment {
    #[serde(flatten)]
    release: Release,
    released: Option<Date>,
    standing: StandingDocument,
}

pub fn assess(build: &str, options: &str, now: Timestamp) -> Result<Assessment, Fault> {
    let facts = facts()?;
    let build: Build = build.parse().map_err(|error| Fault::new(Code::Build, "build", error))?;
    let AssessOptions { baseline, at } = read(options)?;
    let policy = Choices { baseline, ..Choices::default() }.into_policy(facts)?;
    let at = at.map_or(now, |at| at.0);
    let shown = Shown::Update(build);
    let standing = facts.assess(&policy, shown, at.date()).ok_or_else(Fault::internal)?;
    Ok(Assessment {
        release: Release::new(&facts.catalog, shown),
        released: CatalogNames::new(&facts.catalog, shown).released,
        standing: StandingDocument::new(MessageStanding::Judged(standing)),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DecideContext {
    policy: Option<Policy>,
    detected_at: Option<Time>,
    last_seen: Option<Time>,
    pauses: Option<Vec<FreezeDocument>>,
    exemptions: Option<Vec<FreezeDocument>>,
    now: Option<Time>,
}

/// The answer as JSON.
pub fn decide(event: &str, context: &str, now: Timestamp) -> Result<Vec<u8>, Fault> {
    let facts = facts()?;
    let Request { event, .. } = Request::parse(event.as_bytes(), &Defaults::default()).map_err(Fault::in_event)?;
    let given: DecideContext = read(context)?;
    let policy = given.policy.unwrap_or_default();
    policy.check(facts).map_err(|error| Fault::in_policy(error, &policy, "policy"))?;
    let (pauses, exemptions) = (freezes(given.pauses, "pauses")?, freezes(given.exemptions, "exemptions")?);
    let now = given.now.map_or(now, |now| now.0);
    let recognition = recognise(&event, &policy.trusted_relays, &facts.catalog);
    let frozen = pauses.union(&exemptions);
    let rules = Rules::new(facts, &policy, &frozen).ok_or_else(Fault::internal)?;
    // a spell of which the caller knows, confirmed by what this message shows
    let last_seen = given.last_seen.map_or(now, |seen| seen.0);
    let phase = given.detected_at.map(|at| Phase::of_spell(Spell::between(at.0, last_seen), Vec::new()));
    let context = DecisionContext {
        phase: phase.as_ref(),
        paused_until: pauses.at(now).and_then(|pause| pause.until),
        exempt_until: exemptions.at(now).and_then(|exemption| exemption.until),
        ..DecisionContext::new(rules, now)
    };
    let decision = match recognition.server() {
        Some(server) => tidegate_engine::decide(&event, server, recognition.behind_relay, &context),
        None => decide_without_server(&event, &recognition).ok_or_else(Fault::internal)?,
    };
    Ok(native::answer(&decision, Circumstances::default()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SimulateInput {
    build: Build,
    ladder: Option<Ladder>,
    baseline: Option<BaselineChoice>,
    waves: Option<BTreeMap<String, Option<Date>>>,
    detected_at: Time,
    pauses: Option<Vec<FreezeDocument>>,
    at: Option<Time>,
    tenant: Option<TenantId>,
    server: Option<String>,
}

#[derive(Serialize)]
pub struct Simulation {
    standing: StandingDocument,
    stages: Vec<ScheduledStageDocument>,
    frozen: Vec<FrozenDocument>,
    at: Option<Moment>,
    hour: Vec<&'static str>,
    offset: u8,
}

#[derive(Serialize)]
struct FrozenDocument {
    from: TimeDocument,
    until: Option<TimeDocument>,
}

#[derive(Serialize)]
struct Moment {
    #[serde(flatten)]
    stage: StageDocument,
    paused: bool,
}

pub fn simulate(input: &str, now: Timestamp) -> Result<Simulation, Fault> {
    let facts = facts()?;
    let SimulateInput { build, ladder, baseline, waves, detected_at, pauses, at, tenant, server } = read(input)?;
    let policy = Choices { baseline, ladder, waves }.into_policy(facts)?;
    let (frozen, at) = (freezes(pauses, "pauses")?, at.map_or(now, |at| at.0));
    let server = server.map(|name| server_id(&name)).transpose()?;
    let offset = match (tenant, server) {
        (Some(tenant), Some(server)) => tidegate_engine::window_offset(&tenant, &server),
        _ => 0,
    };
    let rules = Rules::new(facts, &policy, &frozen).ok_or_else(Fault::internal)?;
    let life = Life { build, detected_at: detected_at.0, rules };
    let standing = rules.assess(Shown::Update(build), at);
    let begin = Timestamp(at.0 - at.0.rem_euclid(HOUR));
    let hour = (0..60).map(|minute| life.action(begin.plus(minute * MINUTE), offset).as_str()).collect();
    let frozen_list: Vec<Freeze> = frozen.clone().into();
    Ok(Simulation {
        standing: StandingDocument::new(MessageStanding::Judged(standing)),
        stages: stages(build, standing, detected_at.0, &rules),
        frozen: frozen_list
            .iter()
            .map(|freeze| FrozenDocument { from: Written(freeze.from), until: freeze.until.map(Written) })
            .collect(),
        at: life.stage(at).map(|stage| Moment { stage: StageDocument::new(stage), paused: frozen.at(at).is_some() }),
        hour,
        offset,
    })
}

/// The server of that name, written in whatever case.
fn server_id(name: &str) -> Result<ServerId, Fault> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    ServerId::try_from(name).map_err(|error| Fault::new(Code::Server, "server", error))
}

/// When enforcement that detected the server then reaches each stage; none where it is not out of date.
pub fn stages(
    build: Build,
    standing: Standing,
    detected_at: Timestamp,
    rules: &Rules<'_>,
) -> Vec<ScheduledStageDocument> {
    if !standing.is_out_of_date() {
        return Vec::new();
    }
    let spell = Spell::between(detected_at, detected_at);
    stage_schedule(&spell, build, rules).map(ScheduledStageDocument::from).collect()
}

/// A server that shows the same build all the time.
struct Life<'a> {
    build: Build,
    detected_at: Timestamp,
    rules: Rules<'a>,
}

impl Life<'_> {
    fn stage(&self, at: Timestamp) -> Option<Stage> {
        let out_of_date = self.rules.assess(Shown::Update(self.build), at).is_out_of_date();
        let spell = Spell::between(self.detected_at, at);
        (out_of_date && self.detected_at <= at)
            .then(|| current_stage(Some(&spell), self.build, &DecisionContext::new(self.rules, at)))
    }

    fn action(&self, at: Timestamp, offset: u8) -> Action {
        match self.stage(at) {
            Some(stage) if stage.has_started && self.rules.freezes.at(at).is_none() => {
                tidegate_engine::window_action(stage.minutes, offset, at)
            }
            _ => Action::Accept,
        }
    }
}

/// Freezes that are none, for rules without any.
pub fn no_freezes() -> &'static Freezes {
    static NONE: std::sync::OnceLock<Freezes> = std::sync::OnceLock::new();
    NONE.get_or_init(Freezes::default)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-22T12:00:00Z";
    /// Stamped after all that follows, so that no message has lain in a queue.
    const HEADER: &str = "Received: from a by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; Mon, 1 Mar 2027 00:59:00 +0000\r\n";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn simulated(input: &Value) -> Value {
        serde_json::to_value(simulate(&input.to_string(), now()).unwrap()).unwrap()
    }

    fn decided(context: &Value) -> Value {
        let event = json!({ "tenant": "contoso", "connector": "on_premises", "header": HEADER });
        serde_json::from_slice(&decide(&event.to_string(), &context.to_string(), now()).unwrap()).unwrap()
    }

    fn with(object: &Value, member: &str, value: Value) -> Value {
        let mut object = object.clone();
        object[member] = value;
        object
    }

    #[test]
    fn the_catalog_is_whole_and_its_newest_release_comes_first() {
        let document = serde_json::to_value(catalog().unwrap()).unwrap();
        let releases = document["releases"].as_array().unwrap();
        assert_eq!(releases.len(), facts().unwrap().catalog.releases().len());
        assert!(releases.windows(2).all(|pair| pair[0]["released"].as_str() >= pair[1]["released"].as_str()));
        assert_eq!(document["baselines"][0], "microsoft");
        let products = document["products"].as_array().unwrap();
        let expected = json!({
            "name": "Exchange Server 2016", "end_of_support": "2025-10-14", "extended_support_end": "2026-10-31",
            "wave": "2024-03-01",
        });
        assert_eq!(products.iter().find(|product| product["name"] == "Exchange Server 2016"), Some(&expected));
    }

    #[test]
    fn a_build_is_judged_by_the_baseline_and_the_day_asked_for() {
        let assessed =
            |build: &str, options: &str| serde_json::to_value(assess(build, options, now()).unwrap()).unwrap();
        let old = assessed("15.01.2507.039", "{}");
        assert_eq!((&old["build"], &old["su"]), (&"15.1.2507.39".into(), &"Apr24HU".into()));
        assert_eq!(old["released"], "2024-04-23");
        let failing = json!({
            "state": "out_of_date", "reason": "behind_on_updates", "required": "15.1.2507.61", "behind_days": 539,
        });
        assert_eq!(old["standing"], failing);
        assert_eq!(assessed("15.1.2507.39", r#"{"at":"2026-09-01T00:00:00Z"}"#)["standing"]["state"], "current");
        let own = json!({ "baseline": { "name": "own", "editions": [
            { "effective": "2020-01-01", "products": { "Exchange Server 2016": "unsupported" } }
        ] } });
        assert_eq!(assessed("15.1.2507.75", &own.to_string())["standing"]["reason"], "unsupported");
        assert_eq!(assessed("15.2.2562.9999", "{}")["released"], Value::Null, "newer than all that is known");
        assert_eq!(assessed("99.0.0.0", "{}")["standing"]["reason"], "unknown_product");
    }

    #[test]
    fn what_the_caller_knows_of_a_server_is_what_the_service_would_remember() {
        let unknown = decided(&json!({ "policy": { "mode": "enforce" } }));
        assert!(unknown["why"].as_str().unwrap().contains("takes a second message"));
        let known = json!({ "policy": { "mode": "enforce" }, "detectedAt": "2026-06-01T00:00:00Z" });
        let decision = decided(&known);
        assert_eq!((&decision["action"], &decision["stage"]["number"]), (&"reject".into(), &8.into()));
        assert_eq!((&decision["degraded"], &decision["recorded"]), (&false.into(), &false.into()));
        let but = |member: &str, value: Value| decided(&with(&known, member, value));
        let freeze = json!([{ "from": "2026-11-20T00:00:00Z", "until": "2026-11-25T00:00:00Z" }]);
        let paused = but("pauses", freeze.clone());
        assert_eq!((&paused["action"], &paused["would"]), (&"accept".into(), &"reject".into()));
        assert_eq!(paused["paused_until"], "2026-11-25T00:00:00Z");
        assert_eq!(but("exemptions", freeze)["exempt_until"], "2026-11-25T00:00:00Z");
        assert_eq!(but("lastSeen", "2026-09-01T00:00:00Z".into())["would"], "accept", "silent for more than 60 days");
        assert_eq!(
            but("now", "2026-06-02T00:00:00Z".into())["standing"]["state"],
            "current",
            "by the baseline of then"
        );
        assert_eq!(but("policy", json!({}))["mode"], "report");
    }

    #[test]
    fn a_simulation_says_what_decisions_would_minute_by_minute() {
        let pauses = json!([{ "from": "2026-10-20T00:00:00Z", "until": "2026-10-25T06:30:00Z" }]);
        let known = json!({ "policy": { "mode": "enforce" }, "detectedAt": "2026-09-15T08:15:08Z", "pauses": pauses });
        let at = |now: &str| decided(&with(&known, "now", now.into()));
        for now in ["2026-10-22T10:07:00Z", "2026-10-26T10:00:00Z", "2026-12-01T23:59:59Z", "2027-03-01T00:00:00Z"] {
            let input = json!({
                "build": "15.1.2507.39", "detectedAt": "2026-09-15T08:15:08Z", "pauses": pauses, "at": now,
                "tenant": "contoso", "server": "EX01.contoso.com.",
            });
            let simulation = simulated(&input);
            let (hour, _) = now.split_once(':').unwrap();
            let minute = |minute: usize| at(&format!("{hour}:{minute:02}:00Z"))["action"].clone();
            assert_eq!(simulation["hour"].as_array().unwrap(), &(0..60).map(minute).collect::<Vec<_>>(), "{now}");
            let decision = at(now);
            let paused = decision["paused_until"].is_string();
            assert_eq!(simulation["at"], with(&decision["stage"], "paused", paused.into()), "{now}");
            assert_eq!(simulation["standing"], decision["standing"]);
            assert_eq!(simulated(&with(&input, "server", Value::Null))["offset"], 0);
        }
    }

    #[test]
    fn stages_stand_on_the_time_axis_where_the_clock_reaches_them() {
        let plain = json!({ "build": "15.1.2507.39", "detectedAt": "2026-09-15T08:15:08Z" });
        let from = |simulation: &Value| -> Vec<String> {
            let stages = simulation["stages"].as_array().unwrap();
            stages.iter().map(|stage| stage["from"].as_str().unwrap().chars().skip(5).take(5).collect()).collect()
        };
        let simulation = simulated(&plain);
        assert_eq!(from(&simulation), ["09-15", "10-15", "10-25", "11-04", "11-14", "11-24", "12-04", "12-14"]);
        assert_eq!(simulation["stages"][0]["until"], "2026-10-15T08:15:08Z");
        assert_eq!(simulation["stages"][7]["until"], Value::Null);
        let day = |day: &str| format!("2026-10-{day}T00:00:00Z");
        let pause = |from: &str, until: &str| json!({ "from": day(from), "until": day(until) });
        let paused = json!([pause("18", "20"), pause("01", "02"), pause("19", "21")]);
        let paused = simulated(&with(&plain, "pauses", paused));
        assert_eq!(from(&paused)[..3], ["09-15", "10-16", "10-29"]);
        assert_eq!(paused["frozen"], json!([pause("01", "02"), pause("18", "21")]));
        let never = simulated(&with(&plain, "waves", json!({ "Exchange Server 2016": null })));
        assert_eq!(never["stages"][1]["from"], Value::Null);
        let current = simulated(&with(&plain, "build", "15.1.2507.75".into()));
        assert_eq!((&current["stages"], &current["at"]), (&json!([]), &Value::Null));
        assert!(current["hour"].as_array().unwrap().iter().all(|action| action == "accept"));
        let before = simulated(&with(&plain, "detectedAt", "2026-12-01T00:00:00Z".into()));
        assert_eq!((&before["at"], before["stages"].as_array().unwrap().len()), (&Value::Null, 8));
    }

    #[test]
    fn faults_have_a_code_and_name_the_member() {
        let plain = json!({ "build": "15.1.2507.39", "detectedAt": NOW });
        let fault = |input: &Value| simulate(&input.to_string(), now()).err().map(|fault| (fault.code, fault.field));
        assert_eq!(fault(&plain), None);
        let steep = json!([{ "days": 1, "throttle_minutes": 61, "block_minutes": 0 }]);
        let cases = [
            ("build", json!(5), Code::Build, "build"),
            ("detectedAt", json!(null), Code::Time, "detectedAt"),
            ("at", json!("noon"), Code::Time, "at"),
            ("baseline", json!("none"), Code::UnknownBaseline, "baseline"),
            ("baseline", json!({ "name": "x", "editions": 5 }), Code::Baseline, "baseline.editions"),
            ("ladder", steep, Code::Ladder, "ladder"),
            ("ladder", json!([{ "day": 1 }]), Code::Ladder, "ladder[0].day"),
            ("waves", json!({ "Exchange": null }), Code::Waves, "waves"),
            ("pauses", json!([{ "from": NOW, "until": NOW }]), Code::Freeze, "pauses[0].until"),
            ("pauses", json!([{ "from": NOW }]), Code::Freeze, "pauses[0].until"),
            ("tenant", json!("No tenant"), Code::Tenant, "tenant"),
            ("server", json!("no server"), Code::Server, "server"),
            ("when", json!(NOW), Code::Options, "when"),
        ];
        for (member, value, code, field) in cases {
            assert_eq!(
                fault(&with(&plain, member, value.clone())),
                Some((code, field.to_owned())),
                "{member}: {value}"
            );
        }
        let many = vec![json!({ "from": NOW, "until": "2027-01-01T00:00:00Z" }); 1_001];
        assert_eq!(fault(&with(&plain, "pauses", many.into())), Some((Code::Freeze, "pauses".into())));
        let fault = |event: &str, context: &str| {
            decide(event, context, now()).err().map(|fault| (fault.code.as_str(), fault.field))
        };
        let event = r#"{"tenant":"a","header":""}"#;
        assert_eq!(fault(event, "{}"), None);
        assert_eq!(fault("{}", "{}"), Some(("invalid_event", "header".into())));
        assert_eq!(fault(r#"{"tenant":"A","header":""}"#, "{}"), Some(("invalid_event", "tenant".into())));
        assert_eq!(fault(event, r#"{"policy":{"mode":"on"}}"#), Some(("invalid_policy", "policy.mode".into())));
        let unknown = Some(("unknown_baseline", "policy.baseline".into()));
        assert_eq!(fault(event, r#"{"policy":{"baseline":"x"}}"#), unknown);
        assert_eq!(assess("15.1", "{}", now()).err().map(|fault| fault.code), Some(Code::Build));
    }
}
