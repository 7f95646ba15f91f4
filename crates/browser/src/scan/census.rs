//! Counts the on-premises Exchange servers that headers show, in any hop.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tidegate_engine::Component;
use tidegate_engine::Header;
use tidegate_engine::Ladder;
use tidegate_engine::MessageStanding;
use tidegate_engine::Node;
use tidegate_engine::Rules;
use tidegate_engine::ServerRecord;
use tidegate_engine::Shown;
use tidegate_engine::Sighting;
use tidegate_engine::Standing;
use tidegate_engine::order_by_key;
use tidegate_engine::{BaselineChoice, Facts, Policy};
use tidegate_engine::{ConnectingServer, traces};
use tidegate_engine::{Date, Timestamp};
use tidegate_wire::native::{StandingDocument, Written};

use super::Block;
use crate::document::{Marked, Release, ScheduledStageDocument, Time as TimeDocument};
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
    /// Lines of a header had to be put in order.
    pub mended: bool,
    /// The first message's.
    pub header: Option<String>,
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
        self.mended |= block.mended;
        self.header.get_or_insert_with(|| String::from_utf8_lossy(block.header).into_owned());
        self.truncated |= block.cut || header.has_unread_fields() || header.has_cut_field();
        // what Exchange Online stamped after it took the message over
        let mut connecting = 0;
        let mut only_cloud = true;
        for trace in traces(&header, &facts.catalog) {
            self.unreadable += u64::from(trace.hop.is_err());
            only_cloud &= trace.exchange_online;
            connecting += usize::from(only_cloud);
            if let (Ok(hop), Some(server)) = (&trace.hop, &trace.server) {
                self.note(server, hop.at(), trace.evidence.field == connecting);
            }
        }
    }

    fn note(&mut self, server: &ConnectingServer<'_>, at: Option<Timestamp>, connecting: bool) {
        let id = server.id.as_str();
        if !self.servers.contains_key(id) {
            if self.servers.len() >= MAX_SERVERS {
                self.truncated = true;
                return;
            }
            self.servers.insert(id.to_owned(), Found::new(server.name));
        }
        let Some(found) = self.servers.get_mut(id) else { return };
        found.span.add(self.messages, at);
        found.connecting += u64::from(connecting);
        if at >= found.evidence_at {
            found.evidence_at = at;
            found.evidence = Marked::new(&server.evidence);
        }
        let component = server.evidence.component;
        let same = |seen: &&mut Seen| (seen.node, seen.shown, seen.component) == (server.node, server.shown, component);
        if let Some(seen) = found.seen.iter_mut().find(same) {
            seen.span.add(self.messages, at);
        } else if found.has_room_for(server.shown, component) && self.seen < MAX_SEEN_IN_ALL {
            let mut span = Span::default();
            span.add(self.messages, at);
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
        let mut builds =
            order_by_key(builds, |(shown, component, span)| (span.last, shown.stamped(), component.as_str()));
        builds.reverse();
        builds
    }

    /// How it stands: as the ledger judges, from its newest messages, with the build that says so.
    fn standing(&self, rules: &Rules<'_>, at: Timestamp) -> (Shown, Standing) {
        let mut record = ServerRecord::default();
        let seen = order_by_key(&self.seen, |seen| seen.span.last);
        for (fingerprint, seen) in (0..).zip(&seen) {
            // what has no date is older than all that has
            let at = seen.span.last.unwrap_or(Timestamp(0));
            let (node, shown) = (seen.node, seen.shown);
            record.observe(&Sighting { at, node, shown, other_component: None, fingerprint, in_reach: false }, rules);
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
    stages: Vec<ScheduledStageDocument>,
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
        let judged = |standing| StandingDocument::new(MessageStanding::Judged(standing));
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::options::facts;

    const NOW: &str = "2026-11-22T12:00:00Z";
    const OCT: &str = "Tue, 6 Oct 2026 10:00:00 +0200";
    const NOV: &str = "Fri, 6 Nov 2026 10:00:00 +0000";

    fn field(host: &str, address: &str, build: &str, date: &str) -> String {
        format!(
            "Received: from a (10.0.0.9) by {host} ({address}) with\r\n Microsoft SMTP Server id {build}; {date}\r\n"
        )
    }

    fn census<H: AsRef<str>>(headers: impl IntoIterator<Item = H>) -> Census {
        let mut census = Census::default();
        for header in headers {
            census.add(Block { header: header.as_ref().as_bytes(), cut: false, mended: false }, facts().unwrap());
        }
        census
    }

    /// The servers as JSON, judged by `options`.
    fn servers(census: &Census, options: &str) -> Vec<Value> {
        let options = Options::read(options, facts().unwrap()).unwrap();
        let servers = census.servers(&options, facts().unwrap(), NOW.parse().unwrap()).unwrap();
        servers.map(|server| serde_json::to_value(server).unwrap()).collect()
    }

    fn only(census: &Census) -> Value {
        let found = servers(census, "{}");
        assert_eq!(found.len(), 1);
        found[0].clone()
    }

    #[test]
    fn every_server_on_the_way_is_listed_and_exchange_online_is_not() {
        let header = [
            field("am0.prod.outlook.com", "2603::1", "15.20.1.1", NOV),
            field("EDGE.contoso.com", "10.0.0.1", "15.2.2562.53", NOV),
            "Received: from x by relay (Postfix) with ESMTP id 1; x\r\n".into(),
            field("ex01.contoso.com.", "10.0.0.2", "15.1.2507.39", NOV),
            field("EX01.contoso.com", "10.0.0.2", "15.1.2507.39", NOV),
        ];
        let found = servers(&census([header.concat()]), "{}");
        let ids: Vec<_> = found.iter().map(|server| server["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["edge.contoso.com", "ex01.contoso.com"]);
        assert_eq!(found[0]["connecting"], 1, "the first below Exchange Online");
        assert_eq!(found[1]["connecting"], 0);
        assert_eq!((&found[1]["messages"], &found[1]["name"]), (&1.into(), &"ex01.contoso.com.".into()));
        assert_eq!(found[1]["builds"].as_array().unwrap().len(), 1);
        assert_eq!(found[1]["stages"].as_array().unwrap().len(), 8);
        assert_eq!(found[1]["stages"][1]["from"], "2026-12-22T12:00:00Z");
    }

    #[test]
    fn a_message_counts_once_for_server_and_build_however_often_it_passes() {
        let hop = field("ex01", "10.0.0.1", "15.1.2507.39", OCT);
        let twice = format!("{hop}Received: by x\r\n{hop}");
        let server = only(&census([&twice, &twice, "Subject: x\r\n"]));
        assert_eq!((&server["messages"], &server["builds"][0]["messages"]), (&2.into(), &2.into()));
        assert_eq!(server["connecting"], 2);
    }

    #[test]
    fn a_patched_server_stands_by_its_newest_build_whatever_the_order() {
        let old = field("ex01", "10.0.0.1", "15.1.2507.39", OCT);
        let new = field("ex01", "10.0.0.1", "15.1.2507.61", NOV);
        for headers in [[&old, &new], [&new, &old]] {
            let server = only(&census(headers));
            assert_eq!((&server["standing"]["state"], &server["build"]), (&"current".into(), &"15.1.2507.61".into()));
            assert_eq!(server["first"], "2026-10-06T08:00:00Z");
            assert_eq!(server["last"], "2026-11-06T10:00:00Z");
            assert_eq!(server["builds"][0]["build"], "15.1.2507.61");
            assert_eq!(server["builds"][1]["standing"]["state"], "out_of_date");
            assert!(server["evidence"]["text"].as_str().unwrap().contains("15.1.2507.61"));
            assert_eq!(server["stages"], json!([]));
        }
    }

    #[test]
    fn one_machine_of_a_farm_that_is_up_to_date_stands_for_its_name_and_the_others_builds_are_shown() {
        let farm = [("10.0.0.1", "15.1.2507.61"), ("10.0.0.2", "15.1.2507.39"), ("10.0.0.3", "15.1.2507.61")];
        let server = only(&census(farm.map(|(address, build)| field("mail", address, build, NOV))));
        assert_eq!((&server["standing"]["state"], &server["build"]), (&"current".into(), &"15.1.2507.61".into()));
        assert_eq!(server["addresses"], json!(["10.0.0.1", "10.0.0.2", "10.0.0.3"]));
        assert_eq!(server["builds"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_component_that_lags_condemns_nobody() {
        let pickup = format!("Received: from Pickup by ex01 with Microsoft SMTP Server id 15.1.2507.17; {NOV}\r\n");
        let server = only(&census([&pickup]));
        assert_eq!(server["standing"]["reason"], "update_level_not_shown");
        assert_eq!((&server["build"], &server["product"]), (&Value::Null, &"Exchange Server 2016".into()));
        assert_eq!(server["builds"][0]["build"], "15.1.2507.17");
        assert_eq!(server["builds"][0]["component"], "pickup");
        let both = census([pickup, field("ex01", "10.0.0.1", "15.1.2507.61", OCT)]);
        assert_eq!(only(&both)["standing"]["state"], "current");
    }

    #[test]
    fn other_options_judge_the_same_census_anew() {
        let census = census([field("ex01", "10.0.0.1", "15.2.2562.46", NOV)]);
        let state = |options: &str| servers(&census, options)[0]["standing"]["state"].as_str().unwrap().to_owned();
        assert_eq!(state("{}"), "current");
        assert_eq!(state(r#"{"baseline":"strict"}"#), "out_of_date");
        assert_eq!(state(r#"{"baseline":"strict","at":"2026-10-06T00:00:00Z"}"#), "current");
        let wave = json!({
            "baseline": "strict", "waves": { "Exchange Server SE": "2027-06-01" },
            "ladder": [
                { "days": 1, "throttle_minutes": 0, "block_minutes": 0 }, { "throttle_minutes": 5, "block_minutes": 0 }
            ],
        });
        let stages = servers(&census, &wave.to_string())[0]["stages"].clone();
        assert_eq!((&stages[0]["from"], &stages[1]["from"]), (&NOW.into(), &"2027-06-08T00:00:00Z".into()));
        let unknown = Options::read(r#"{"baseline":"x"}"#, facts().unwrap()).unwrap_err();
        assert_eq!(unknown.code.as_str(), "unknown_baseline");
    }

    #[test]
    fn fields_without_a_date_count_all_the_same() {
        let old = "Received: by ex55 with Internet Mail Service (5.5.2653.19) id <N>; some day\r\n";
        let server = only(&census([old.to_owned()]));
        assert_eq!((&server["first"], &server["last"]), (&Value::Null, &Value::Null));
        assert_eq!(server["standing"]["state"], "unknown");
        assert!(server["evidence"]["text"].as_str().unwrap().ends_with("some day"));
    }

    #[test]
    fn a_stamp_without_a_date_is_no_servers() {
        let census = census([field("ex01", "10.0.0.1", "15.1.2507.39", "some day")]);
        assert!(census.servers.is_empty());
        assert_eq!(census.unreadable, 1);
    }

    #[test]
    fn unreadable_fields_are_counted() {
        assert_eq!(census(["Received: (open\r\nReceived: from x\r\nReceived: by y\r\n"]).unreadable, 2);
    }

    #[test]
    fn what_is_held_is_bounded_and_said_to_be() {
        let hop = |host: &str, address: &str, build: &str| field(host, address, build, NOV);
        let builds = census((0..200).map(|revision| hop("ex01", "10.0.0.1", &format!("15.1.2507.{revision}"))));
        assert!(builds.truncated);
        let server = only(&builds);
        assert_eq!((server["builds"].as_array().unwrap().len(), &server["messages"]), (MAX_BUILDS, &200.into()));

        let address = |number: usize| format!("10.0.{}.{}", number / 250, number % 250);
        let nodes = census((0..2_000).map(|number| hop("ex01", &address(number), "15.1.2507.61")));
        assert!(nodes.truncated);
        assert_eq!(nodes.servers["ex01"].seen.len(), MAX_SEEN);

        let many = census((0..MAX_SERVERS + 10).map(|number| hop(&format!("ex{number}"), "10.0.0.1", "15.1.2507.61")));
        assert!(many.truncated);
        assert_eq!((many.servers.len(), many.messages), (MAX_SERVERS, MAX_SERVERS as u64 + 10));

        assert!(!census([hop("ex01", "10.0.0.1", "15.1.2507.61")]).truncated);
        assert!(census(["A: 1\r\n".repeat(1_001)]).truncated);
    }
}
