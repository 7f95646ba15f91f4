//! What the ledger shows of itself: the API's documents on policy and servers, made where the data lies so that the
//! edge hands them on as they are.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::Build;
use tidegate_engine::KeptFree;
use tidegate_engine::MessageStanding;
use tidegate_engine::Rules;
use tidegate_engine::ServerId;
use tidegate_engine::ServerRecord;
use tidegate_engine::StageEffect;
use tidegate_engine::Timestamp;
use tidegate_engine::{DecisionContext, Stage, current_stage};
use tidegate_engine::{MailRoute, Policy};
use tidegate_engine::{NodeRecord, SeenBuild};
use tidegate_wire::native::{EffectDocument, StageDocument, StandingDocument, Written};

use super::servers::Server;
use super::site::Judge;
use crate::durable::lists::written;
use crate::durable::sql::SqlError;

/// The answer to a changed policy.
#[derive(Serialize)]
pub struct PolicyChange<'a> {
    pub policy: &'a Policy,
    /// How many servers' clocks the change holds.
    pub held: usize,
    /// Those servers as far as they are listed, and where they stand under the new policy.
    pub servers: Vec<ServerDocument>,
}

/// Where a server stands.
pub struct Place {
    /// The best that its name lately showed.
    pub shows: Option<Build>,
    pub build: Option<String>,
    pub product: Option<String>,
    pub state: Option<MessageStanding>,
    /// As long as it is out of date in a spell.
    pub stage: Option<Stage>,
    /// Of that stage.
    pub effect: Option<StageEffect>,
}

impl Place {
    /// By its record as it is after what silence ended; `rules` are those of `judge` for this server.
    pub fn of(server: &Server, judge: &Judge<'_>, rules: &Rules<'_>, now: Timestamp) -> Self {
        let record = &server.record;
        let standing = record.standing(rules, now);
        let build = standing.map(|(build, _)| build);
        let context = DecisionContext {
            ceiling: judge.ceiling(),
            paused_until: judge.policy.enforcement.paused_until(now),
            exempt_until: server.exempt_until(now),
            ..DecisionContext::new(*rules, now)
        };
        let product = build.and_then(|build| rules.facts.catalog.product(build));
        let failing = standing.filter(|(_, standing)| standing.is_out_of_date());
        let stage = record.spell().zip(failing).map(|(spell, (build, _))| current_stage(Some(spell), build, &context));
        let way = MailRoute { connector: server.connector, relayed: server.relayed };
        let in_reach = record.spell().is_some_and(|spell| spell.is_in_reach(now));
        let effect = |stage| StageEffect::of(&stage, way, in_reach, &context);
        Self {
            shows: build,
            build: build.map(|build| build.to_string()),
            product: product.map(|product| product.name.to_string()),
            state: standing.map(|(_, standing)| MessageStanding::Judged(standing)),
            stage,
            effect: stage.map(effect),
        }
    }

    /// `current`, `out_of_date` or `unknown`.
    pub fn state_name(&self) -> &'static str {
        self.state.map_or("unknown", MessageStanding::as_str)
    }
}

/// A server as lists and its own page show it.
#[derive(Serialize)]
pub struct ServerDocument {
    id: ServerId,
    name: String,
    connector: &'static str,
    first_seen: Written<Timestamp>,
    last_seen: Written<Timestamp>,
    build: Option<String>,
    product: Option<String>,
    standing: Option<StandingDocument>,
    stage: Option<StageDocument>,
    effect: Option<EffectDocument>,
    detected_at: Option<Written<Timestamp>>,
    exempt_until: Option<Written<Timestamp>>,
    kept_free_by: Option<KeptFreeDocument>,
    nodes: Vec<NodeDocument>,
    /// On its own page alone: newest first, as [`super::servers::history`] reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    spells: Option<Vec<SpellDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<TransitionDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<EvidenceDocument>>,
}

#[derive(Serialize)]
pub struct SpellDocument {
    pub detected_at: Written<Timestamp>,
    pub ended_at: Option<Written<Timestamp>>,
    pub end: Option<String>,
}

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
pub struct TransitionDocument {
    #[serde(serialize_with = "written")]
    pub at: Timestamp,
    pub kind: String,
    build: Option<String>,
    actor: String,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
pub struct EvidenceDocument {
    node: String,
    #[serde(serialize_with = "written")]
    at: Timestamp,
    field: u32,
    component: String,
    build: Option<String>,
    #[serde(rename(serialize = "text"))]
    telling: String,
    received: String,
}

/// What a server's own page shows beside.
pub struct History {
    pub spells: Vec<SpellDocument>,
    pub transitions: Vec<TransitionDocument>,
    pub evidence: Vec<EvidenceDocument>,
}

#[derive(Serialize)]
struct NodeDocument {
    address: String,
    last_seen: Written<Timestamp>,
    /// Of its newest builds, by today's requirements.
    standing: Option<StandingDocument>,
    builds: Vec<BuildDocument>,
}

/// The one machine or message for which the server counts as up to date.
#[derive(Serialize)]
struct KeptFreeDocument {
    /// Of the machine, if it is known.
    node: Option<String>,
    build: String,
    last_seen: Written<Timestamp>,
}

#[derive(Serialize)]
struct BuildDocument {
    build: String,
    last_seen: Written<Timestamp>,
}

impl ServerDocument {
    pub fn new(mut server: Server, judge: &Judge<'_>, now: Timestamp) -> Result<Self, SqlError> {
        server.record.settle(now);
        let frozen = judge.frozen_with(&server.exemptions);
        let rules = judge.rules(&frozen)?;
        let Place { build, product, state, stage, effect, .. } = Place::of(&server, judge, &rules, now);
        let nodes = nodes(&server.record, &rules, now);
        let kept_free_by = server.record.kept_free_by(&rules, now).map(KeptFreeDocument::new);
        let exempt_until = server.exempt_until(now).map(Written);
        let Server { id, name, connector, first_seen, last_seen, record, .. } = server;
        Ok(Self {
            id,
            name,
            connector: connector.as_str(),
            first_seen: Written(first_seen),
            last_seen: Written(last_seen),
            build,
            product,
            standing: state.map(StandingDocument::new),
            stage: stage.map(StageDocument::new),
            effect: effect.map(EffectDocument::new),
            detected_at: record.spell().map(|spell| Written(spell.detected_at)),
            exempt_until,
            kept_free_by,
            nodes,
            spells: None,
            transitions: None,
            evidence: None,
        })
    }

    pub fn with_history(self, history: History) -> Self {
        let History { spells, transitions, evidence } = history;
        Self { spells: Some(spells), transitions: Some(transitions), evidence: Some(evidence), ..self }
    }
}

impl KeptFreeDocument {
    fn new(kept: KeptFree) -> Self {
        let KeptFree { node, build, last_seen } = kept;
        Self { node: node.map(|node| node.to_string()), build: build.to_string(), last_seen: Written(last_seen) }
    }
}

fn nodes(record: &ServerRecord, rules: &Rules<'_>, now: Timestamp) -> Vec<NodeDocument> {
    let build = |seen: &SeenBuild| BuildDocument { build: seen.build.to_string(), last_seen: Written(seen.at) };
    let node = |node: &NodeRecord| NodeDocument {
        address: node.node.to_string(),
        last_seen: Written(node.last_seen),
        standing: node.standing(rules, now).map(|standing| StandingDocument::new(MessageStanding::Judged(standing))),
        builds: node.builds.iter().rev().map(build).collect(),
    };
    record.nodes().iter().map(node).collect()
}
