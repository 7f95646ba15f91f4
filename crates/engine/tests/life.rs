//! Lives of servers as a table, `cases/lives.toml`: what arrives when, what the policy is, and what becomes of it.
//!
//! Each message is a header that is recognised, decided on by the record that the edge has, and taken into the ledger's.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use tidegate_engine::DecisionContext;
use tidegate_engine::Enforcement;
use tidegate_engine::Header;
use tidegate_engine::Phase;
use tidegate_engine::ServerId;
use tidegate_engine::{ConnectingServer, Finding, Recognition, recognise};
use tidegate_engine::{Connector, MailEvent, TenantId};
use tidegate_engine::{DAY, HOUR, MINUTE, Timestamp};
use tidegate_engine::{Decision, decide, decide_without_server};
use tidegate_engine::{Facts, MailRoute, Mode, Policy};
use tidegate_engine::{Freeze, Freezes};
use tidegate_engine::{RulesChange, apply_rules_change};
use tidegate_engine::{ServerRecord, Transition};

use tidegate_engine::Sighting;

/// Two days after the newest edition of the baseline came into force; times are counted from here.
const START: &str = "2026-09-10T08:15:08Z";
const RELAY: &str = "198.51.100.7";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    life: Vec<Life>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    name: String,
    start: Option<String>,
    /// Members of the policy beside `mode`, which is `enforce`.
    #[serde(default)]
    policy: toml::Table,
    /// Messages are heard in the order of the steps, not of their arrival.
    #[serde(default)]
    as_written: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// `3d 5h` after the start, or a date.
    at: String,
    /// A message arrives again and again until then.
    every: Option<String>,
    to: Option<String>,
    /// What the message shows, or one after the other: `15.1.2507.39`, `mapi 15.01.2507.000`, `pickup 15.1.2507.17`,
    /// `nothing`; stamps of one message are joined by ` over `.
    shows: Option<OneOrMore>,
    /// Last part of the machine's address.
    #[serde(default = "five")]
    node: u8,
    /// The same number is the same message.
    message: Option<u64>,
    /// For so long it lay in the server's queue.
    queued: Option<String>,
    /// What the server's clock says.
    stamped: Option<String>,
    #[serde(default)]
    relayed: bool,
    connector: Option<Connector>,
    client: Option<String>,
    /// As which the gateway verified who connects.
    login: Option<String>,
    /// Exchange Online's hops stand there: `above` the server's, which it hands over to the gateway, or `below`.
    cloud: Option<Cloud>,
    /// It is decided on, and the ledger hears nothing of it.
    #[serde(default)]
    look: bool,
    /// Members of the policy that change.
    policy: Option<toml::Table>,
    /// A pause of so many days.
    pause: Option<i64>,
    /// From now on the edge gets no newer record, or it does again.
    edge_is_cut_off: Option<bool>,

    /// What becomes of the message in the strictest minute of the hour.
    action: Option<String>,
    would: Option<String>,
    stage: Option<u8>,
    /// Part of the answer's `why`.
    why: Option<String>,
    /// What the step with all its repetitions brings about, `detected` or the like.
    #[serde(default)]
    yields: Vec<String>,
    /// Whether a spell runs.
    spell: Option<bool>,
    /// When the spell that runs began.
    detected: Option<String>,
    held: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Cloud {
    Above,
    Below,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

const fn five() -> u8 {
    5
}

#[test]
fn every_life_goes_as_it_says() {
    let file: File = toml::from_str(include_str!("cases/lives.toml")).unwrap();
    let facts = Facts::built_in();
    let mut problems = Vec::new();
    let mut messages = 0;
    for life in &file.life {
        let mut world = World::new(life, &facts);
        let start: Timestamp = life.start.as_deref().unwrap_or(START).parse().unwrap();
        let mut yielded = vec![Vec::new(); life.steps.len()];
        for event in timeline(life, start) {
            let found = world.step(&event, &mut yielded[event.number]);
            messages += usize::from(event.step.shows.is_some());
            problems.extend(found.into_iter().map(|problem| format!("{}, {}: {problem}", life.name, event.label)));
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    println!("{} lives, {messages} messages", file.life.len());
}

/// A step at its time.
struct Event {
    at: Timestamp,
    start: Timestamp,
    /// Which step of the life it is, which repetition of it, and whether the last.
    number: usize,
    index: usize,
    is_last: bool,
    label: String,
    step: Step,
}

fn timeline(life: &Life, start: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for (number, step) in life.steps.iter().enumerate() {
        let first = moment(&step.at, start);
        let last = step.to.as_ref().map_or(first, |to| moment(to, start));
        let every = step.every.as_ref().map_or(i64::MAX, |every| seconds(every).unwrap());
        let count = usize::try_from(last.since(first) / every).unwrap() + 1;
        for index in 0..count {
            let at = first.plus(every.saturating_mul(i64::try_from(index).unwrap()));
            let label = if count == 1 { step.at.clone() } else { format!("{} of {}, {at}", index + 1, step.at) };
            events.push(Event { number, at, start, index, is_last: index + 1 == count, label, step: step.clone() });
        }
    }
    if !life.as_written {
        events.sort_by_key(|event| event.at);
    }
    events
}

fn moment(text: &str, start: Timestamp) -> Timestamp {
    seconds(text).map_or_else(|| text.parse().unwrap(), |seconds| start.plus(seconds))
}

/// `3d 5h 1m 1s`; `None` for anything else.
fn seconds(text: &str) -> Option<i64> {
    let part = |part: &str| {
        let (number, unit) = part.split_at_checked(part.len() - 1)?;
        let unit = match unit {
            "d" => DAY,
            "h" => HOUR,
            "m" => MINUTE,
            "s" => 1,
            _ => return None,
        };
        Some(number.parse::<i64>().ok()? * unit)
    };
    text.split(' ').map(part).sum()
}

#[derive(Default)]
struct Known {
    record: ServerRecord,
    /// What the edge has.
    published: Phase,
}

struct World<'a> {
    facts: &'a Facts,
    enforcement: Enforcement,
    servers: BTreeMap<ServerId, Known>,
    edge_is_cut_off: bool,
    /// Headers by the number of the message.
    messages: BTreeMap<u64, String>,
    sent: u64,
}

impl<'a> World<'a> {
    fn new(life: &Life, facts: &'a Facts) -> Self {
        let relays = serde_json::json!([{"host": "relay.example", "networks": ["198.51.100.0/24"]}]);
        let policy = Policy {
            mode: Mode::Enforce,
            trusted_relays: serde_json::from_value(relays).unwrap(),
            ..Policy::default()
        };
        let policy = changed(&policy, &life.policy);
        policy.check(facts).unwrap_or_else(|error| panic!("{}: {error}", life.name));
        // as a tenant of old, but that one in `report` has never enforced
        let enforcement = Enforcement::default().with_policy(policy, Timestamp(0));
        let (servers, messages) = (BTreeMap::new(), BTreeMap::new());
        Self { facts, enforcement, servers, edge_is_cut_off: false, messages, sent: 0 }
    }

    /// Takes a step; what is not as it says. `yielded` is what the step and its repetitions brought about.
    fn step(&mut self, event: &Event, yielded: &mut Vec<&'static str>) -> Vec<String> {
        let Event { at, step, .. } = event;
        self.edge_is_cut_off = step.edge_is_cut_off.unwrap_or(self.edge_is_cut_off);
        if let Some(members) = &step.policy {
            self.change(members, *at);
        }
        if let Some(days) = step.pause {
            let mut pauses: Vec<Freeze> = self.enforcement.pauses.clone().into();
            pauses.push(Freeze { from: *at, until: Some(at.plus(days * DAY)) });
            self.enforcement.pauses = pauses.into();
        }
        let mut problems = Problems::default();
        let mut transitions = Vec::new();
        for known in self.servers.values_mut() {
            transitions.extend(known.record.settle(*at));
        }
        if step.shows.is_some() {
            transitions.extend(self.message(event, &mut problems));
        }
        self.publish(*at);
        yielded.extend(transitions.iter().map(|transition| transition.kind.as_str()));
        if event.is_last {
            let yielded: Vec<_> = yielded.iter().copied().map(str::to_owned).collect();
            problems.compare("yields", Some(&step.yields), &yielded);
            let spells: Vec<_> = self.servers.values().filter_map(|known| known.record.spell()).collect();
            problems.compare("spell", step.spell.as_ref(), &!spells.is_empty());
            let detected = step.detected.as_ref().map(|text| Some(moment(text, event.start)));
            problems.compare("detected", detected.as_ref(), &spells.first().map(|spell| spell.detected_at));
            let held = step.held.as_ref().map(|text| seconds(text));
            problems.compare("held", held.as_ref(), &spells.first().map(|spell| spell.held));
        }
        problems.0
    }

    fn message(&mut self, event: &Event, problems: &mut Problems) -> Vec<Transition> {
        let Event { at, step, .. } = event;
        let header = self.header(event);
        let client = step.client.as_deref().unwrap_or(if step.relayed { RELAY } else { "203.0.113.7" });
        let mut message = MailEvent {
            tenant: "contoso".parse().unwrap(),
            connector: step.connector.unwrap_or(Connector::OnPremises),
            client_ip: client.parse().ok(),
            client_auth: step.login.as_ref().map(|login| login.parse().unwrap()),
            own_hops: 0,
            recipients: vec!["ben@example.org".into()],
            header: Header::Block(header.into_bytes().into()),
        };
        let relays = self.enforcement.policy.trusted_relays.clone();
        let id = match recognise(&message, &relays, &self.facts.catalog) {
            Recognition { finding: Finding::Server(server), .. } => server.id,
            recognition if step.cloud == Some(Cloud::Above) => {
                problems.judge(step, &decide_without_server(&message, &recognition).unwrap());
                return Vec::new();
            }
            Recognition { finding, .. } => panic!("{}: {}", event.label, finding.as_str()),
        };
        message.tenant = tenant_at_its_strictest(&id, *at);
        let recognition = recognise(&message, &relays, &self.facts.catalog);
        assert_eq!(recognition.behind_relay, step.relayed, "{}", event.label);
        let server = recognition.server().unwrap();
        let frozen = self.enforcement.frozen(&Freezes::default()).into_owned();
        let rules = self.enforcement.rules(self.facts, &frozen).unwrap();
        let known = self.servers.entry(id).or_default();
        let context = DecisionContext {
            phase: Some(&known.published),
            paused_until: self.enforcement.paused_until(*at),
            ..DecisionContext::new(rules, *at)
        };
        let decision = decide(&message, server, recognition.behind_relay, &context);
        problems.judge(step, &decision);
        if step.look {
            return Vec::new();
        }
        let way = MailRoute { connector: message.connector, relayed: recognition.behind_relay };
        let policy = &self.enforcement.policy;
        let in_reach = policy.reaches(way) && policy.mode == Mode::Enforce;
        let ConnectingServer { node, shown, other_component, .. } = *server;
        let fingerprint = server.evidence.fingerprint();
        known.record.observe(&Sighting { at: *at, node, shown, other_component, fingerprint, in_reach }, &rules)
    }

    fn header(&mut self, event: &Event) -> String {
        let Event { at, step, .. } = event;
        self.sent += 1;
        let text = match (&step.shows, event.index) {
            (Some(OneOrMore::One(text)), _) => text,
            (Some(OneOrMore::More(list)), index) => &list[index % list.len()],
            (None, _) => panic!("no message"),
        };
        let queued = step.queued.as_ref().map_or(0, |text| seconds(text).unwrap());
        let stamped = step.stamped.as_ref().map_or(at.plus(-queued), |text| text.parse().unwrap());
        let date = |at: Timestamp| chrono::DateTime::from_timestamp(at.0, 0).unwrap().to_rfc2822();
        let (from, node) = (self.sent, step.node);
        let mut header = String::new();
        for stamp in text.split(" over ") {
            let (from, with, build) = match stamp.split_once(' ') {
                Some(("pickup", build)) => ("Pickup".to_owned(), "Microsoft SMTP Server", Some(build)),
                Some(("mapi", build)) => (format!("ex01 (10.0.0.{node})"), "mapi", Some(build)),
                Some(other) => panic!("{other:?}"),
                None if stamp == "nothing" => (format!("app{from} (10.0.1.9)"), "Microsoft SMTP Server", None),
                None => (format!("app{from} (10.0.1.9)"), "Microsoft SMTP Server", Some(stamp)),
            };
            let id = build.map(|build| format!(" id {build}")).unwrap_or_default();
            let date = date(stamped);
            writeln!(header, "Received: from {from} by EX01.contoso.com (10.0.0.{node}) with {with}{id}; {date}\r")
                .unwrap();
        }
        let online = format!(
            "Received: from a (2603:10a6:10:4::8) by VI1PR03CA0051.eurprd03.prod.outlook.com (2603:10a6:803:50::22) with Microsoft SMTP Server id 15.20.9115.{}; {}\r\n",
            from % 40,
            date(*at)
        );
        match step.cloud {
            Some(Cloud::Above) => header.insert_str(0, &online),
            Some(Cloud::Below) => header += &online,
            None => {}
        }
        let header = match step.message {
            Some(number) => self.messages.entry(number).or_insert(header).clone(),
            None => header,
        };
        let relay =
            format!("Received: from ex01 (203.0.113.7) by relay.example with ESMTP id {from}; {}\r\n", date(*at));
        if step.relayed { relay + &header } else { header }
    }

    /// Changes the policy, as its ledger does.
    fn change(&mut self, members: &toml::Table, now: Timestamp) {
        let policy = changed(&self.enforcement.policy, members);
        policy.check(self.facts).unwrap();
        let new = self.enforcement.with_policy(policy, now);
        let none = Freezes::default();
        let (was, will_be) = (self.enforcement.frozen(&none), new.frozen(&none));
        let before = self.enforcement.rules(self.facts, &was).unwrap();
        let after = new.rules(self.facts, &will_be).unwrap();
        for known in self.servers.values_mut() {
            apply_rules_change(
                &mut known.record,
                &RulesChange {
                    before,
                    after,
                    way: MailRoute { connector: Connector::OnPremises, relayed: false },
                    now,
                },
            );
        }
        drop((was, will_be));
        self.enforcement = new;
    }

    fn publish(&mut self, now: Timestamp) {
        for known in self.servers.values_mut() {
            // what is stored is what is remembered
            let stored = serde_json::to_string(&known.record).unwrap();
            assert_eq!(serde_json::from_str::<ServerRecord>(&stored).unwrap(), known.record);
            let phase = known.record.phase(now);
            if !self.edge_is_cut_off && phase.supersedes(&known.published) {
                let stored = serde_json::to_string(&phase).unwrap();
                known.published = serde_json::from_str(&stored).unwrap();
                assert_eq!(known.published, phase);
            }
        }
    }
}

fn changed(policy: &Policy, members: &toml::Table) -> Policy {
    let mut json = serde_json::to_value(policy).unwrap();
    for (name, member) in members {
        json[name] = match member.as_str() {
            // there is no null in TOML
            Some("null") => serde_json::Value::Null,
            _ => serde_json::to_value(member).unwrap(),
        };
    }
    if let Some(waves) = json["waves"].as_object_mut() {
        waves.values_mut().filter(|wave| *wave == "null").for_each(|wave| *wave = serde_json::Value::Null);
    }
    serde_json::from_value(json).unwrap()
}

/// A tenant to whom this minute is the server's strictest of the hour.
fn tenant_at_its_strictest(server: &ServerId, now: Timestamp) -> TenantId {
    let minute = u8::try_from(now.0.rem_euclid(HOUR) / MINUTE).unwrap();
    let tenants = (0..).map(|number| format!("t{number}").parse().unwrap());
    tenants
        .into_iter()
        .find(|tenant| (minute + tidegate_engine::window_offset(tenant, server)).is_multiple_of(60))
        .unwrap()
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: Option<&T>, found: &T) {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            self.0.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    fn judge(&mut self, step: &Step, decision: &Decision<'_>) {
        self.compare("action", step.action.as_ref(), &decision.action.as_str().to_owned());
        self.compare("would", step.would.as_ref(), &decision.would.as_str().to_owned());
        self.compare("stage", step.stage.map(Some).as_ref(), &decision.stage.map(|stage| stage.number));
        if let Some(why) = step.why.as_ref().filter(|why| !decision.why.to_string().contains(why.as_str())) {
            self.0.push(format!("why: expected `{why}` in `{}`", decision.why));
        }
    }
}
