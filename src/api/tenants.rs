//! A tenant's policy and servers.

use serde::Serialize;
use tidegate_engine::decision::{self, Context, State};
use tidegate_engine::event::TenantId;
use tidegate_engine::policy::{Mode, Policy};
use tidegate_engine::server::ServerId;
use tidegate_engine::spell::{Rules, ServerRecord};
use tidegate_engine::time::Timestamp;
use tidegate_wire::native::{Shown, StageDocument, StandingDocument};
use tidegate_wire::problem::{Problem, read_json};
use worker::{Request, Response};

use super::{At, Failure, http};
use crate::config::{Config, facts};
use crate::ledger::{Call, LedgerError, PutPolicy, PutPolicyAnswer, ServerPage, ServerRow, TransitionRow};
use crate::platform::STORAGE_DEADLINE;
use crate::store::{self, PolicyRecord};

/// Changes and reports may take longer than a decision.
const DEADLINE: std::time::Duration = STORAGE_DEADLINE.saturating_mul(20);
const PAGE: u32 = 100;
const MAX_PAGE: u32 = 1_000;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    /// The clock can be set by requests.
    test_clock: bool,
    mode_ceiling: &'static str,
}

pub fn health(config: &Config) -> worker::Result<Response> {
    let status = if facts().is_some() { "ok" } else { "degraded" };
    let version = env!("CARGO_PKG_VERSION");
    json(&Health {
        status,
        version,
        test_clock: config.is_test,
        mode_ceiling: config.mode_ceiling.as_str(),
    })
}

pub async fn get_policy(at: &At) -> Result<Response, Failure> {
    let record: Option<PolicyRecord> = at.ledger.call(Call::Policy, DEADLINE).await?;
    let record = record.unwrap_or_default();
    with_etag(json(&record.policy)?, record.rev)
}

#[derive(Serialize)]
struct PolicyChange {
    policy: Policy,
    /// Servers in a spell, and where they stand under the new policy.
    servers: Vec<ServerDocument>,
}

pub async fn put_policy(at: &At, tenant: &TenantId, mut request: Request) -> Result<Response, Failure> {
    let if_match = request.headers().get("if-match")?;
    let body = http::body(&mut request).await?;
    let policy: Policy = read_json(&body)?;
    let facts = facts().ok_or_else(no_facts)?;
    policy
        .check(&facts)
        .map_err(|error| Problem::unprocessable(error.reason).in_field(error.field))?;
    let if_rev = match if_match.as_deref() {
        None | Some("*") => None,
        Some(tag) => Some(rev_of(tag).ok_or_else(Problem::precondition_failed)?),
    };
    let put = PutPolicy { policy, if_rev };
    match at.ledger.call(Call::PutPolicy(Box::new(put)), DEADLINE).await? {
        PutPolicyAnswer::Stale => Err(Problem::precondition_failed().into()),
        PutPolicyAnswer::Stored {
            record,
            phases,
            servers,
        } => {
            for (server, phase) in phases {
                store::remember_phase(tenant, &server, phase);
            }
            store::remember_policy(tenant, record.clone());
            let rules = Rules::new(&facts, &record.policy, &record.freezes).ok_or_else(no_facts)?;
            let servers = servers
                .into_iter()
                .map(|row| ServerDocument::new(row, &rules, at.now))
                .collect();
            with_etag(
                json(&PolicyChange {
                    policy: record.policy.clone(),
                    servers,
                })?,
                record.rev,
            )
        }
    }
}

#[derive(Serialize)]
struct List {
    items: Vec<ServerDocument>,
    next: Option<String>,
}

pub async fn servers(at: &At, request: &Request) -> Result<Response, Failure> {
    let limit = match http::query(request, "limit").map(|limit| limit.parse::<u32>()) {
        None => PAGE,
        Some(Ok(limit @ 1..=MAX_PAGE)) => limit,
        Some(_) => {
            return Err(Problem::bad_request(format!("1 to {MAX_PAGE}"))
                .in_field("limit")
                .into());
        }
    };
    let after = http::query(request, "cursor");
    let record: Option<PolicyRecord> = at.ledger.call(Call::Policy, DEADLINE).await?;
    let page: ServerPage = at.ledger.call(Call::Servers { after, limit }, DEADLINE).await?;
    let next = page
        .servers
        .last()
        .filter(|_| page.more)
        .map(|server| server.id.to_string());
    let (facts, record) = (facts().ok_or_else(no_facts)?, record.unwrap_or_default());
    let rules = Rules::new(&facts, &record.policy, &record.freezes).ok_or_else(no_facts)?;
    let items = page
        .servers
        .into_iter()
        .map(|row| ServerDocument::new(row, &rules, at.now))
        .collect();
    Ok(json(&List { items, next })?)
}

pub async fn server(at: &At, id: ServerId) -> Result<Response, Failure> {
    let record: Option<PolicyRecord> = at.ledger.call(Call::Policy, DEADLINE).await?;
    let row: Option<ServerRow> = at.ledger.call(Call::Server { id }, DEADLINE).await?;
    let row = row.ok_or_else(|| Problem::not_found("there is no such server"))?;
    let (facts, record) = (facts().ok_or_else(no_facts)?, record.unwrap_or_default());
    let rules = Rules::new(&facts, &record.policy, &record.freezes).ok_or_else(no_facts)?;
    Ok(json(&ServerDocument::new(row, &rules, at.now))?)
}

/// A server as lists and its own page show it.
#[derive(Serialize)]
struct ServerDocument {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<TransitionDocument>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<EvidenceDocument>>,
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

#[derive(Serialize)]
struct TransitionDocument {
    at: Shown<Timestamp>,
    kind: String,
    build: Option<String>,
}

#[derive(Serialize)]
struct EvidenceDocument {
    node: String,
    at: Shown<Timestamp>,
    field: usize,
    component: String,
    build: Option<String>,
    text: String,
    received: String,
}

impl ServerDocument {
    fn new(row: ServerRow, rules: &Rules<'_>, now: Timestamp) -> Self {
        let ServerRow {
            id,
            name,
            connector,
            first_seen,
            last_seen,
            mut record,
            history,
        } = row;
        record.settle(now);
        let standing = record.standing(rules, now);
        let build = standing.map(|(build, _)| build);
        let context = Context {
            rules: *rules,
            ceiling: Mode::Enforce,
            phase: None,
            now,
        };
        let stage = record
            .spell()
            .zip(build)
            .map(|(spell, build)| decision::stage(Some(spell), build, &context));
        let product = build.and_then(|build| rules.facts.catalog.product(build));
        let (transitions, evidence) = history.map(|history| (history.transitions, history.evidence)).unzip();
        let transition = |TransitionRow { at, kind, build }| TransitionDocument {
            at: Shown(at),
            kind,
            build,
        };
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
            transitions: transitions.map(|rows| rows.into_iter().map(transition).collect()),
            evidence: evidence.map(|rows| {
                let document = |row: crate::ledger::EvidenceRow| EvidenceDocument {
                    node: row.node,
                    at: Shown(row.at),
                    field: row.field,
                    component: row.component,
                    build: row.build,
                    text: row.telling,
                    received: row.received,
                };
                rows.into_iter().map(document).collect()
            }),
        }
    }
}

fn nodes(record: &ServerRecord) -> Vec<NodeDocument> {
    let builds = |node: &tidegate_engine::spell::NodeRecord| {
        let seen = node.builds.iter().rev();
        seen.map(|seen| BuildDocument {
            build: seen.build.to_string(),
            last_seen: Shown(seen.at),
        })
        .collect()
    };
    let node = |node: &tidegate_engine::spell::NodeRecord| NodeDocument {
        address: node.node.to_string(),
        last_seen: Shown(node.last_seen),
        builds: builds(node),
    };
    record.nodes().iter().map(node).collect()
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Problem(Problem::unavailable(error.as_str()))
    }
}

fn no_facts() -> Problem {
    Problem::unavailable("the catalog or the policy's baseline is not there")
}

fn json(value: &impl Serialize) -> worker::Result<Response> {
    http::json(serde_json::to_vec(value)?)
}

/// A policy's `ETag` is its revision.
fn with_etag(mut response: Response, rev: u64) -> Result<Response, Failure> {
    response.headers_mut().set("etag", &format!("\"{rev}\""))?;
    Ok(response)
}

fn rev_of(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
