//! `catalog`, `assess`, `decide` and `simulate`: the engine's judgement of a build or a message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_engine::baseline::Standing;
use tidegate_engine::build::Build;
use tidegate_engine::clock::{Freeze, Freezes};
use tidegate_engine::decision::{self, Context, Named, State, decide_without_server, schedule};
use tidegate_engine::event::TenantId;
use tidegate_engine::ladder::Ladder;
use tidegate_engine::order::ordered;
use tidegate_engine::policy::{BaselineChoice, Facts, Policy};
use tidegate_engine::server::{ConnectingServer, ServerId, Shown, recognise};
use tidegate_engine::spell::{NodePhase, Phase, PhaseBuild, Rules, Spell};
use tidegate_engine::time::{Date, HOUR, MINUTE, Timestamp};
use tidegate_engine::window::{self, Action};
use tidegate_wire::native::{
    self, Circumstances, Defaults, Request, Shown as Written, StageDocument, StandingDocument,
};

use crate::document::{Release, ScheduledStage, Time as TimeDocument};
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
        name: product.name.clone(),
        end_of_support: product.end_of_support,
        extended_support_end: catalog.releases_of(product).iter().filter_map(|row| row.extended_support_end).max(),
        wave: product.wave,
    });
    let rows = ordered(catalog.releases().iter(), |row| (row.date, row.build));
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
        released: Named::new(&facts.catalog, shown).released,
        standing: StandingDocument::new(State::Judged(standing)),
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
    let decision = match recognition.server() {
        Some(server) => {
            let phase =
                given.detected_at.map(|at| known_since(at.0, given.last_seen.map_or(now, |seen| seen.0), server));
            let context = Context {
                phase: phase.as_ref(),
                paused_until: pauses.at(now).and_then(|pause| pause.until),
                exempt_until: exemptions.at(now).and_then(|exemption| exemption.until),
                ..Context::new(rules, now)
            };
            decision::decide(&event, server, recognition.behind_relay, &context)
        }
        None => decide_without_server(&event, &recognition).ok_or_else(Fault::internal)?,
    };
    Ok(native::answer(&decision, Circumstances::default()))
}

/// A spell of which the caller knows, confirmed by what this message shows.
fn known_since(detected_at: Timestamp, last_out_of_date: Timestamp, server: &ConnectingServer<'_>) -> Phase {
    let lane_only = matches!(server.shown, Shown::Lane(_));
    let builds = server.shown.build().map(|build| PhaseBuild { build, lane_only });
    Phase {
        spell: Some(Spell { detected_at, held: 0, last_out_of_date }),
        nodes: vec![NodePhase { node: server.node, builds: builds.into_iter().collect() }],
    }
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
    stages: Vec<ScheduledStage>,
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
        (Some(tenant), Some(server)) => window::offset(&tenant, &server),
        _ => 0,
    };
    let rules = Rules::new(facts, &policy, &frozen).ok_or_else(Fault::internal)?;
    let life = Life { build, detected_at: detected_at.0, rules };
    let standing = rules.assess(Shown::Update(build), at);
    let begin = Timestamp(at.0 - at.0.rem_euclid(HOUR));
    let hour = (0..60).map(|minute| life.action(begin.plus(minute * MINUTE), offset).as_str()).collect();
    let frozen_list: Vec<Freeze> = frozen.clone().into();
    Ok(Simulation {
        standing: StandingDocument::new(State::Judged(standing)),
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
pub fn stages(build: Build, standing: Standing, detected_at: Timestamp, rules: &Rules<'_>) -> Vec<ScheduledStage> {
    if !standing.is_out_of_date() {
        return Vec::new();
    }
    let spell = Spell { detected_at, held: 0, last_out_of_date: detected_at };
    schedule(&spell, build, rules).map(ScheduledStage::from).collect()
}

/// A server that shows the same build all the time.
struct Life<'a> {
    build: Build,
    detected_at: Timestamp,
    rules: Rules<'a>,
}

impl Life<'_> {
    fn stage(&self, at: Timestamp) -> Option<decision::Stage> {
        let out_of_date = self.rules.assess(Shown::Update(self.build), at).is_out_of_date();
        let spell = Spell { detected_at: self.detected_at, held: 0, last_out_of_date: at };
        (out_of_date && self.detected_at <= at)
            .then(|| decision::stage(Some(&spell), self.build, &Context::new(self.rules, at)))
    }

    fn action(&self, at: Timestamp, offset: u8) -> Action {
        match self.stage(at) {
            Some(stage) if stage.has_started && self.rules.freezes.at(at).is_none() => {
                window::action(stage.minutes, offset, at)
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
