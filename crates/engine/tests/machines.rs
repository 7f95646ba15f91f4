//! Random lives of a name with several machines, through real headers: nobody who met the requirements when a message was
//! stamped is ever deferred or rejected, nobody meets a closed minute too early, and nobody escapes for ever.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where it fails")]

use std::fmt::Write;

use tidegate_engine::Action;
use tidegate_engine::DecisionContext;
use tidegate_engine::Enforcement;
use tidegate_engine::Freezes;
use tidegate_engine::Header;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::ServerRecord;
use tidegate_engine::Shown;
use tidegate_engine::Sighting;
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, HOUR, MINUTE, Timestamp};
use tidegate_engine::{Decision, decide};
use tidegate_engine::{Facts, MailRoute, Mode, Policy};
use tidegate_engine::{Finding, recognise};
use tidegate_engine::{RulesChange, apply_rules_change};

/// 2025-11-01: ten months before the newest edition of `microsoft`.
const EPOCH: Timestamp = Timestamp(1_761_955_200);
const LIFE_DAYS: u64 = 420;
const LIVES: u64 = 4_000;
const BUILDS: [&str; 10] = [
    "15.1.2507.12",
    "15.1.2507.39",
    "15.1.2507.61",
    "15.1.2507.66",
    "15.2.1544.25",
    "15.2.1544.36",
    "15.2.1748.26",
    "15.2.1748.39",
    "15.2.2562.45",
    "15.0.1497.48",
];
/// Builds that no requirement of `microsoft` accepts during such a life.
const FAILING: [&str; 3] = ["15.1.2507.12", "15.0.1497.48", "15.1.2375.37"];

/// Xorshift: the same numbers for the same life.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn seconds(&mut self, up_to: i64) -> i64 {
        i64::try_from(self.below(up_to.unsigned_abs())).unwrap()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// One machine behind the name.
struct Machine {
    address: u8,
    /// It has another address each day.
    dhcp: bool,
    /// Seconds by which its clock is wrong.
    skew: i64,
    /// A message every so many seconds.
    every: i64,
    /// What it runs from when on.
    installed: Vec<(Timestamp, &'static str)>,
    relayed: bool,
}

/// A message on its way.
#[derive(Clone)]
struct Mail {
    arrives: Timestamp,
    stamped: Timestamp,
    machine: usize,
    number: u64,
    build: &'static str,
}

struct Life {
    policies: Vec<(Timestamp, Policy)>,
    machines: Vec<Machine>,
    mails: Vec<Mail>,
}

fn policy(json: &str) -> Policy {
    serde_json::from_str(json).unwrap()
}

const RELAYS: &str = r#""trusted_relays":[{"host":"relay.example.net","networks":["192.0.2.0/24"]}]"#;

fn enforcing(baseline: &str) -> Policy {
    policy(&format!(r#"{{"mode":"enforce","baseline":{baseline},"enforce_behind_relays":false,{RELAYS}}}"#))
}

impl Life {
    fn random(random: &mut Random, failing: bool) -> Self {
        let strict = r#"{"name":"own","editions":[{"effective":"2026-02-01","products":{"Exchange Server 2016":{"minimum":["15.1.2507.39"]},
            "Exchange Server 2019":{"minimum":["15.2.1544.36","15.2.1748.26"]}}},{"effective":"2026-06-01","products":{"Exchange Server 2016":
            {"minimum":["15.1.2507.61"]},"Exchange Server 2019":{"minimum":["15.2.1544.36","15.2.1748.39"]},"Exchange Server 2013":"unsupported"}}]}"#;
        let mut policies = vec![(EPOCH, enforcing(r#""microsoft""#))];
        if !failing {
            let mut at = EPOCH;
            for _ in 0..random.below(4) {
                at = at.plus(random.seconds(150 * DAY) + 1);
                let baseline = random.pick(&[r#""microsoft""#, r#""strict""#, r#""exploited""#, strict]);
                let mut next = enforcing(baseline);
                if random.one_in(4) {
                    next.mode = Mode::Report;
                }
                next.enforce_behind_relays = random.one_in(3);
                policies.push((at, next));
            }
        }
        let count = 1 + random.below(4);
        let machines: Vec<_> = (0..count).map(|index| Machine::random(random, index, failing)).collect();
        let mut mails = Vec::new();
        let end = EPOCH.plus(i64::try_from(LIFE_DAYS).unwrap() * DAY);
        for (index, machine) in machines.iter().enumerate() {
            let mut at = EPOCH.plus(random.seconds(machine.every));
            while at < end {
                let (_, build) = *machine.installed.iter().rfind(|(since, _)| *since <= at).unwrap();
                let queued = match random.below(40) {
                    0 => random.seconds(6 * DAY),
                    1..4 => random.seconds(6 * HOUR),
                    _ => random.seconds(2 * MINUTE),
                };
                let number = mails.len() as u64;
                let mail = Mail { arrives: at.plus(queued), stamped: at, machine: index, number, build };
                if random.one_in(30) {
                    // the sender tries again, at another gateway
                    mails.push(Mail { arrives: mail.arrives.plus(10 * MINUTE), ..mail.clone() });
                }
                mails.push(mail);
                at = at.plus(machine.every / 2 + random.seconds(machine.every));
            }
        }
        mails.sort_by_key(|mail| mail.arrives);
        Self { policies, machines, mails }
    }
}

impl Machine {
    fn random(random: &mut Random, index: u64, failing: bool) -> Self {
        let mut installed = vec![(EPOCH, random.pick(if failing { &FAILING } else { &BUILDS }))];
        for _ in 0..if failing { 0 } else { random.below(5) } {
            let since = installed.last().unwrap().0.plus(random.seconds(120 * DAY));
            installed.push((since, random.pick(&BUILDS)));
        }
        Self {
            address: u8::try_from(index + 1).unwrap(),
            dhcp: random.one_in(6),
            skew: match random.below(6) {
                0 => random.seconds(6 * HOUR) - 3 * HOUR,
                1 => (random.seconds(8) - 4) * 365 * DAY,
                _ => 0,
            },
            // from daily to every 29 days at most
            every: random.pick(&[DAY, 2 * DAY, 5 * DAY, 10 * DAY, 19 * DAY]),
            installed,
            relayed: !failing && random.one_in(5),
        }
    }

    /// As the gateway that takes the message hands the header over.
    fn header(&self, mail: &Mail) -> String {
        let day = if self.dhcp { mail.stamped.0.div_euclid(DAY).rem_euclid(200) } else { 0 };
        let date = chrono::DateTime::from_timestamp(mail.stamped.plus(self.skew).0, 0).unwrap().to_rfc2822();
        let mut header = String::new();
        if self.relayed {
            let _ = write!(
                header,
                "Received: from EX01.contoso.com (ex01.contoso.com [203.0.113.7])\r\n by mx.relay.example.net (Postfix) with ESMTPS id A{:X}; {date}\r\n",
                mail.number
            );
        }
        let fold = if mail.number.is_multiple_of(2) { "\r\n " } else { "\n\t" };
        let _ = write!(
            header,
            "Received: from app{} (10.{day}.1.9) by EX01.contoso.com{fold}(10.{day}.0.{}) with Microsoft SMTP Server{fold}(version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id{fold}{}; {date}\r\n",
            mail.number, self.address, mail.build
        );
        header
    }
}

/// What the ledger and the edge know.
struct Tenant {
    facts: Facts,
    enforcement: Enforcement,
    record: ServerRecord,
    published: Phase,
    none: Freezes,
}

impl Tenant {
    fn put(&mut self, policy: &Policy, now: Timestamp) {
        let old = self.enforcement.clone();
        self.enforcement = old.with_policy(policy.clone(), now);
        let (was, is) = (old.frozen(&self.none).into_owned(), self.enforcement.frozen(&self.none).into_owned());
        let (before, after) =
            (old.rules(&self.facts, &was).unwrap(), self.enforcement.rules(&self.facts, &is).unwrap());
        apply_rules_change(
            &mut self.record,
            &RulesChange { before, after, way: MailRoute { connector: Connector::OnPremises, relayed: false }, now },
        );
        self.published = self.record.phase(now);
    }

    /// The edge decides, then the ledger takes it in.
    fn mail(&mut self, machine: &Machine, mail: &Mail) -> Outcome {
        let now = mail.arrives;
        let frozen = self.enforcement.frozen(&self.none).into_owned();
        let rules = self.enforcement.rules(&self.facts, &frozen).unwrap();
        let header = machine.header(mail);
        let event = MailEvent {
            tenant: "contoso".parse().unwrap(),
            connector: Connector::OnPremises,
            client_ip: if machine.relayed { "192.0.2.5" } else { "203.0.113.7" }.parse().ok(),
            client_auth: None,
            own_hops: 0,
            recipients: vec!["ben@example.org".into()],
            header: Header::Block(header.as_bytes().into()),
        };
        let recognition = recognise(&event, &rules.policy.trusted_relays, &self.facts.catalog);
        let Finding::Server(server) = &recognition.finding else { panic!("no server in {header}") };
        let context = DecisionContext { phase: Some(&self.published), ..DecisionContext::new(rules, now) };
        let decision = decide(&event, server, recognition.behind_relay, &context);
        let was_met = self.met_when_stamped(&rules, mail);
        let way = MailRoute { connector: event.connector, relayed: recognition.behind_relay };
        let sighting = Sighting {
            at: now,
            node: server.node,
            shown: server.shown,
            mapi: server.mapi,
            fingerprint: server.evidence.fingerprint(),
            in_reach: rules.policy.mode == Mode::Enforce && rules.policy.reaches(way),
        };
        let outcome = Outcome::of(&decision, was_met);
        self.record.observe(&sighting, &rules);
        let fresh = self.record.phase(now);
        if fresh.supersedes(&self.published) {
            self.published = fresh;
        }
        outcome
    }

    /// Whether the machine's build met the requirement of the moment in which it stamped the message.
    fn met_when_stamped(&self, rules: &Rules<'_>, mail: &Mail) -> bool {
        let shown = Shown::Update(mail.build.parse().unwrap());
        let former = self.enforcement.former_baselines.iter().find(|former| mail.stamped < former.until);
        match former {
            Some(former) => {
                let policy = Policy { baseline: former.baseline.clone(), ..rules.policy.clone() };
                self.facts.assess(&policy, shown, mail.stamped.date()).unwrap().is_current()
            }
            None => rules.assess(shown, mail.stamped).is_current(),
        }
    }
}

/// What became of one message.
struct Outcome {
    action: Action,
    is_out_of_date: bool,
    stage: Option<u8>,
    met_when_stamped: bool,
    why: String,
}

impl Outcome {
    fn of(decision: &Decision<'_>, met_when_stamped: bool) -> Self {
        Self {
            action: decision.action,
            is_out_of_date: decision.state.failing().is_some(),
            stage: decision.stage.map(|stage| stage.number),
            met_when_stamped,
            why: decision.why.to_string(),
        }
    }
}

fn live(life: &Life, mut see: impl FnMut(&Mail, &Outcome)) -> Tenant {
    let facts = Facts::built_in();
    let mut tenant = Tenant {
        facts,
        enforcement: Enforcement::default(),
        record: ServerRecord::default(),
        published: Phase::default(),
        none: Freezes::default(),
    };
    let mut policies = life.policies.iter().peekable();
    for mail in &life.mails {
        while let Some((at, policy)) = policies.next_if(|(at, _)| *at <= mail.arrives) {
            tenant.put(policy, *at);
        }
        let outcome = tenant.mail(&life.machines[mail.machine], mail);
        see(mail, &outcome);
    }
    tenant
}

#[test]
fn a_machine_that_met_the_requirements_when_it_stamped_is_never_refused_whatever_its_namesakes_and_queues_do() {
    let mut refused = 0;
    for seed in 1..=LIVES {
        let life = Life::random(&mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), false);
        let mut first_failing = None;
        live(&life, |mail, outcome| {
            if outcome.is_out_of_date {
                first_failing = first_failing.or(Some(mail.arrives));
            }
            if outcome.action == Action::Accept {
                return;
            }
            refused += 1;
            assert!(!outcome.met_when_stamped, "life {seed}: message {} is innocent: {}", mail.number, outcome.why);
            let since = first_failing.map_or(0, |first| mail.arrives.since(first));
            assert!(since >= 30 * DAY, "life {seed}: message {} after {since} s: {}", mail.number, outcome.why);
        });
    }
    assert!(refused > LIVES, "{refused} messages were refused: these lives show nothing");
}

#[test]
fn a_name_all_of_whose_machines_stay_out_of_date_comes_to_the_last_stage_whatever_their_clocks_and_addresses() {
    for seed in 1..=LIVES / 10 {
        let life = Life::random(&mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), true);
        // detected by the second message at the latest; 2013 and old builds of 2016 have failed since March 2024
        let first = life.mails.first().unwrap().arrives;
        let mut last = None;
        live(&life, |mail, outcome| {
            let age = mail.arrives.since(first);
            assert!(age >= 30 * DAY || outcome.action == Action::Accept, "life {seed}: too early: {}", outcome.why);
            if age > 90 * DAY + 30 * DAY {
                assert_eq!(outcome.stage, Some(8), "life {seed}: {}", outcome.why);
                assert_ne!(outcome.action, Action::Accept, "life {seed}: {}", outcome.why);
                last = Some(outcome.action);
            }
        });
        assert!(last.is_some(), "life {seed} was too short");
    }
}
