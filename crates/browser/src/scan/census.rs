//! Counts the on-premises Exchange servers that headers show, in any hop.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tidegate_engine::baseline::Standing;
use tidegate_engine::decision::State;
use tidegate_engine::header::Header;
use tidegate_engine::ladder::Ladder;
use tidegate_engine::order::ordered;
use tidegate_engine::policy::{BaselineChoice, Facts, Policy};
use tidegate_engine::received::Component;
use tidegate_engine::server::{Handler, Node, Shown, handlers, traces};
use tidegate_engine::spell::{Rules, ServerRecord, Sighting};
use tidegate_engine::time::{Date, Timestamp};
use tidegate_wire::native::{Shown as Written, StandingDocument};

use super::split::Block;
use crate::document::{Marked, Release, ScheduledStage, Time as TimeDocument};
use crate::error::Fault;
use crate::judgement::{no_freezes, stages};
use crate::options::{Choices, Time, read};

pub const MAX_SERVERS: usize = 50_000;
/// Builds of one server.
pub const MAX_BUILDS: usize = 64;
/// What one server is seen with: builds by machine.
pub const MAX_SEEN: usize = 256;
/// What all servers are seen with.
pub const MAX_SEEN_IN_ALL: usize = 250_000;

/// Everything that was found so far.
#[derive(Debug, Default)]
pub struct Census {
    servers: BTreeMap<String, Found>,
    seen: usize,
    pub messages: u64,
    /// `Received` fields that cannot be read.
    pub unreadable: u64,
    /// A bound was hit.
    pub truncated: bool,
}

#[derive(Debug)]
struct Found {
    name: String,
    seen: Vec<Seen>,
    span: Span,
    connecting: u64,
    evidence: Marked,
    evidence_at: Option<Timestamp>,
}

/// What one machine showed.
#[derive(Debug)]
struct Seen {
    node: Node,
    shown: Shown,
    component: Component,
    span: Span,
}

/// Messages, counted once each, and their times.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    messages: u64,
    /// The number of the last one.
    latest: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Span {
    fn add(&mut self, message: u64, at: Option<Timestamp>) {
        if self.latest != message {
            self.messages += 1;
            self.latest = message;
        }
        self.first = self.first.into_iter().chain(at).min();
        self.last = self.last.max(at);
    }

    /// Together with another one of other messages.
    fn join(&mut self, other: &Self) {
        self.messages += other.messages;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }
}

impl Census {
    /// Takes in one message.
    pub fn add(&mut self, block: Block<'_>, facts: &Facts) {
        let header = Header::Block(block.header.into());
        self.messages += 1;
        self.truncated |= block.cut || header.has_unread_fields() || header.has_cut_field();
        // what Exchange Online stamped after it took the message over
        let mut connecting = 0;
        let mut only_cloud = true;
        for trace in traces(&header, &facts.catalog) {
            self.unreadable += u64::from(trace.hop.is_err());
            only_cloud &= trace.exchange_online;
            connecting += usize::from(only_cloud);
        }
        for handler in handlers(&header, &facts.catalog) {
            self.note(&handler, handler.top == connecting);
        }
    }

    fn note(&mut self, handler: &Handler<'_>, connecting: bool) {
        let Handler { at, server, .. } = handler;
        let id = server.id.as_str();
        if !self.servers.contains_key(id) {
            if self.servers.len() >= MAX_SERVERS {
                self.truncated = true;
                return;
            }
            self.servers.insert(id.to_owned(), Found::new(server.name));
        }
        let Some(found) = self.servers.get_mut(id) else { return };
        found.span.add(self.messages, *at);
        found.connecting += u64::from(connecting);
        if *at >= found.evidence_at {
            found.evidence_at = *at;
            found.evidence = Marked::new(&server.evidence);
        }
        let component = server.evidence.component;
        let same = |seen: &&mut Seen| (seen.node, seen.shown, seen.component) == (server.node, server.shown, component);
        if let Some(seen) = found.seen.iter_mut().find(same) {
            seen.span.add(self.messages, *at);
        } else if found.has_room_for(server.shown, component) && self.seen < MAX_SEEN_IN_ALL {
            let mut span = Span::default();
            span.add(self.messages, *at);
            found.seen.push(Seen { node: server.node, shown: server.shown, component, span });
            self.seen += 1;
        } else {
            self.truncated = true;
        }
    }
}

impl Found {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seen: Vec::new(),
            span: Span::default(),
            connecting: 0,
            evidence: Marked::default(),
            evidence_at: None,
        }
    }

    fn has_room_for(&self, shown: Shown, component: Component) -> bool {
        let known = self.seen.iter().any(|seen| (seen.shown, seen.component) == (shown, component));
        self.seen.len() < MAX_SEEN && (known || self.builds().len() < MAX_BUILDS)
    }

    /// What any of its machines showed, newest first.
    fn builds(&self) -> Vec<(Shown, Component, Span)> {
        let mut builds: Vec<(Shown, Component, Span)> = Vec::new();
        for seen in &self.seen {
            match builds.iter_mut().find(|(shown, component, _)| (*shown, *component) == (seen.shown, seen.component)) {
                Some((_, _, span)) => span.join(&seen.span),
                None => builds.push((seen.shown, seen.component, seen.span)),
            }
        }
        let mut builds = ordered(builds, |(shown, component, span)| (span.last, shown.stamped(), component.as_str()));
        builds.reverse();
        builds
    }

    /// How it stands: as the ledger judges, from its newest messages, with the build that says so.
    fn standing(&self, rules: &Rules<'_>, at: Timestamp) -> (Shown, Standing) {
        let mut record = ServerRecord::default();
        let seen = ordered(&self.seen, |seen| seen.span.last);
        for seen in &seen {
            // what has no date is older than all that has
            let at = seen.span.last.unwrap_or(Timestamp(0));
            record.observe(&Sighting { at, node: seen.node, shown: seen.shown, fingerprint: 0 }, rules);
        }
        if let Some((build, standing)) = record.standing(rules, at) {
            return (Shown::Update(build), standing);
        }
        let shown = seen.last().map_or(Shown::Nothing, |seen| seen.shown);
        (shown, rules.assess(shown, at))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsDocument {
    baseline: Option<BaselineChoice>,
    at: Option<Time>,
    ladder: Option<Ladder>,
    waves: Option<BTreeMap<String, Option<Date>>>,
}

/// By what the servers are judged.
#[derive(Debug)]
pub struct Options {
    policy: Policy,
    at: Option<Timestamp>,
}

impl Options {
    pub fn read(json: &str, facts: &Facts) -> Result<Self, Fault> {
        let OptionsDocument { baseline, at, ladder, waves } = read(json)?;
        Ok(Self { policy: Choices { baseline, ladder, waves }.into_policy(facts)?, at: at.map(|at| at.0) })
    }
}

#[derive(Serialize)]
pub struct ScannedServer<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(flatten)]
    release: Release,
    addresses: Vec<String>,
    builds: Vec<BuildDocument>,
    messages: u64,
    first: Option<TimeDocument>,
    last: Option<TimeDocument>,
    standing: StandingDocument,
    connecting: u64,
    stages: Vec<ScheduledStage>,
    evidence: &'a Marked,
}

#[derive(Serialize)]
struct BuildDocument {
    #[serde(flatten)]
    release: Release,
    component: &'static str,
    messages: u64,
    first: Option<TimeDocument>,
    last: Option<TimeDocument>,
    standing: StandingDocument,
}

impl Census {
    /// The servers by id, each as it is asked for: all of them at once may be many.
    pub fn servers<'a>(
        &'a self,
        options: &'a Options,
        facts: &'a Facts,
        now: Timestamp,
    ) -> Result<impl Iterator<Item = ScannedServer<'a>>, Fault> {
        let at = options.at.unwrap_or(now);
        let rules = Rules::new(facts, &options.policy, no_freezes()).ok_or_else(Fault::internal)?;
        let judged = |standing| StandingDocument::new(State::Judged(standing));
        Ok(self.servers.iter().map(move |(id, found)| {
            let (shown, standing) = found.standing(&rules, at);
            let mut addresses = BTreeSet::new();
            addresses.extend(found.seen.iter().filter_map(|seen| seen.node.0));
            let builds = found.builds().into_iter().map(|(shown, component, span)| BuildDocument {
                release: Release::stamped(&facts.catalog, shown),
                component: component.as_str(),
                messages: span.messages,
                first: span.first.map(Written),
                last: span.last.map(Written),
                standing: judged(rules.assess(shown, at)),
            });
            ScannedServer {
                id,
                name: &found.name,
                release: Release::new(&facts.catalog, shown),
                addresses: addresses.into_iter().map(|address| address.to_string()).collect(),
                builds: builds.collect(),
                messages: found.span.messages,
                first: found.span.first.map(Written),
                last: found.span.last.map(Written),
                standing: judged(standing),
                connecting: found.connecting,
                stages: shown.build().map_or_else(Vec::new, |build| stages(build, standing, at, &rules)),
                evidence: &found.evidence,
            }
        }))
    }
}
