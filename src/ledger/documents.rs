//! What the ledger shows of itself: the API's documents on policy and servers, made where the data lies so that the
//! edge hands them on as they are.

use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_engine::decision::{self, Context, State};
use tidegate_engine::policy::{Mode, Policy};
use tidegate_engine::server::ServerId;
use tidegate_engine::spell::{NodeRecord, Rules, SeenBuild, ServerRecord};
use tidegate_engine::time::Timestamp;
use tidegate_wire::native::{Shown, StageDocument, StandingDocument};

use super::servers::Server;

/// The answer to a changed policy.
#[derive(Serialize)]
pub struct PolicyChange<'a> {
    pub policy: &'a Policy,
    /// Servers in a spell, and where they stand under the new policy.
    pub servers: Vec<ServerDocument>,
}

/// One page of a list.
#[derive(Serialize)]
pub struct Page {
    pub items: Vec<ServerDocument>,
    pub next: Option<ServerId>,
}

/// A server as lists and its own page show it.
#[derive(Serialize)]
pub struct ServerDocument {
    id: ServerId,
    name: String,
    connector: &'static str,
    first_seen: Shown<Timestamp>,
    last_seen: Shown<Timestamp>,
    build: Option<String>,
    product: Option<String>,
    standing: Option<StandingDocument>,
    stage: Option<StageDocument>,
    detected_at: Option<Shown<Timestamp>>,
    nodes: Vec<NodeDocument>,
    /// On its own page alone: newest first, as [`super::servers::history`] reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct NodeDocument {
    address: String,
    last_seen: Shown<Timestamp>,
    builds: Vec<BuildDocument>,
}

#[derive(Serialize)]
struct BuildDocument {
    build: String,
    last_seen: Shown<Timestamp>,
}

impl ServerDocument {
    pub fn new(server: Server, rules: &Rules<'_>, now: Timestamp) -> Self {
        let Server { id, name, connector, first_seen, last_seen, mut record, .. } = server;
        record.settle(now);
        let standing = record.standing(rules, now);
        let build = standing.map(|(build, _)| build);
        let context = Context { rules: *rules, ceiling: Mode::Enforce, phase: None, now };
        let stage = record.spell().zip(build).map(|(spell, build)| decision::stage(Some(spell), build, &context));
        let product = build.and_then(|build| rules.facts.catalog.product(build));
        Self {
            id,
            name,
            connector: connector.as_str(),
            first_seen: Shown(first_seen),
            last_seen: Shown(last_seen),
            build: build.map(|build| build.to_string()),
            product: product.map(|product| product.name.clone()),
            standing: standing.map(|(_, standing)| StandingDocument::new(State::Judged(standing))),
            stage: stage.map(StageDocument::new),
            detected_at: record.spell().map(|spell| Shown(spell.detected_at)),
            nodes: nodes(&record),
            transitions: None,
            evidence: None,
        }
    }

    pub fn with_history(self, (transitions, evidence): (Box<RawValue>, Box<RawValue>)) -> Self {
        Self { transitions: Some(transitions), evidence: Some(evidence), ..self }
    }
}

fn nodes(record: &ServerRecord) -> Vec<NodeDocument> {
    let build = |seen: &SeenBuild| BuildDocument { build: seen.build.to_string(), last_seen: Shown(seen.at) };
    let node = |node: &NodeRecord| NodeDocument {
        address: node.node.to_string(),
        last_seen: Shown(node.last_seen),
        builds: node.builds.iter().rev().map(build).collect(),
    };
    record.nodes().iter().map(node).collect()
}
