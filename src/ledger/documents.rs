//! What the ledger shows of itself: the API's documents on policy and servers, made where the data lies so that the
//! edge hands them on as they are.

use serde::{Deserialize, Serialize};
use tidegate_engine::{
    KeptFree, MessageStanding, NodeRecord, Policy, Rules, SeenBuild, ServerId, ServerRecord, Timestamp,
};
use tidegate_wire::native::{EffectDocument, StageDocument, StandingDocument, Written};

use super::place::{Closing, Place};
use super::servers::Server;
use super::site::Judge;
use super::transitions::TransitionDocument;
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
    throttled_from: Option<Written<Timestamp>>,
    blocked_from: Option<Written<Timestamp>>,
    exempt_until: Option<Written<Timestamp>>,
    kept_free_by: Option<KeptFreeDocument>,
    nodes: Vec<NodeDocument>,
    /// On its own page alone: newest first, as [`super::listing`] reads them.
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
        let place = Place::by(&rules, &server, judge, now);
        let Closing { throttled_from, blocked_from } = Closing::of(&rules, &server, &place);
        let Place { build, product, state, stage, effect, .. } = place;
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
            throttled_from: throttled_from.map(Written),
            blocked_from: blocked_from.map(Written),
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
