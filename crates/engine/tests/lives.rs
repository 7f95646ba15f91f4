//! Random lives of two years, lived by the engine and by the model of its rules at once: at every look both must agree.
//! The ledger's part (what is remembered) and the edge's (what is decided from what was published) are both driven.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where it fails")]
#![allow(clippy::unreachable, reason = "a test stops where it fails")]
#![allow(clippy::too_many_lines, reason = "one match over all that may happen")]

use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use tidegate_engine::Action;
use tidegate_engine::ClosedMinutes;
use tidegate_engine::DecisionContext;
use tidegate_engine::Enforcement;
use tidegate_engine::Header;
use tidegate_engine::Node;
use tidegate_engine::Phase;
use tidegate_engine::Shown;
use tidegate_engine::Sighting;
use tidegate_engine::Standing;
use tidegate_engine::apply_rules_change;
use tidegate_engine::{ConnectingServer, Finding, recognise};
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, HOUR, Timestamp};
use tidegate_engine::{Decision, MessageStanding, decide};
use tidegate_engine::{Facts, MailRoute, Mode, Policy};
use tidegate_engine::{Freeze, Freezes};
use tidegate_engine::{PauseError, Pauses};
use tidegate_engine::{ServerRecord, Transition, TransitionKind};

mod model;

use model::hour::{Closed, Fate};
use model::pauses::{self, Refusal};
use model::standing::{self, Baseline, Edition, Product, Requirement};
use model::{Answer, Look, Message, NODES, Next, Row, Stage, Turn, World};

/// 2025-06-01. A life begins within the year that follows, so that most see the baselines of September 2026 come.
const EPOCH: Timestamp = Timestamp(1_748_736_000);
const LIFE: i64 = 2 * 365 * DAY;
/// Enough for as long, as a rule.
const STEPS: usize = 115;

/// What servers show, by how often.
const SEEN: [(u32, Shows, &str); 16] = [
    (20, Shows::Update, "15.1.2507.39"),
    (3, Shows::Update, "15.1.2507.6"),
    (3, Shows::Update, "15.1.2507.58"),
    (8, Shows::Update, "15.1.2507.61"),
    (2, Shows::Update, "15.1.2507.75"),
    (1, Shows::Update, "15.1.2507.900"),
    (2, Shows::Update, "15.1.2375.37"),
    (1, Shows::Update, "15.1.2000.1"),
    (2, Shows::Update, "15.0.1497.48"),
    (3, Shows::Update, "15.2.1544.25"),
    (2, Shows::Update, "15.2.1544.36"),
    (4, Shows::Update, "15.2.2562.20"),
    (1, Shows::Lane, "15.1.2507.0"),
    (1, Shows::Lane, "15.0.1497.0"),
    (1, Shows::Product, "15.1.2507.17"),
    (1, Shows::Nothing, ""),
];
const OLD: usize = 0;
const PATCHED: usize = 3;

#[derive(Clone, Copy)]
enum Shows {
    Update,
    Lane,
    Product,
    Nothing,
}

/// Index into [`SEEN`].
type Seen = usize;

fn shown(seen: Seen) -> Shown {
    let (_, shows, build) = SEEN[seen];
    match shows {
        Shows::Update => Shown::Update(build.parse().unwrap()),
        Shows::Lane => Shown::Lane(build.parse().unwrap()),
        Shows::Product => Shown::Product(build.parse().unwrap()),
        Shows::Nothing => Shown::Nothing,
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// A message by a machine as it is now, so many seconds late.
    Mail {
        node: usize,
        late: i64,
    },
    /// The same, through a relay.
    RelayedMail {
        node: usize,
    },
    /// A message that shows something else, and on which the store stamped this.
    Stray {
        node: usize,
        seen: Seen,
        other_component: Option<Seen>,
    },
    /// The last message again.
    Retry,
    /// From now on a machine, or all of them, runs this.
    Install {
        node: Option<usize>,
        seen: Seen,
    },
    /// Changes one right after the other.
    Policy(Vec<Change>),
    Ceiling(model::Mode),
    Pause {
        days: u16,
        starts_in: Option<i64>,
        budget: u16,
    },
    ChangePause {
        which: u64,
        days: u16,
        budget: u16,
    },
    EndPause {
        which: u64,
    },
    /// Ends the last one, and begins another on the same day.
    AnotherPause {
        days: u16,
        budget: u16,
    },
    Exempt {
        seconds: i64,
    },
    EndExemption,
}

#[derive(Clone, Debug)]
enum Change {
    Mode(model::Mode),
    Ladder(Vec<Row>),
    /// The wave as a day of the life; `None`: never.
    Wave(Product, Option<u32>),
    Baseline(Baseline),
    Scope(bool),
    BehindRelays(bool),
}

#[derive(Clone)]
struct Step {
    gap: i64,
    act: Act,
    /// A look between this step and the next: so long after it, or about one of the moments that lie ahead.
    after: i64,
    /// Seconds that the message lay in its server's queue, by its clock.
    age: i64,
    ahead: Option<(usize, i64)>,
    node: usize,
    other: Option<Seen>,
    to_postmaster: bool,
    behind_relay: bool,
}

#[derive(Clone)]
struct Life {
    tenant: String,
    server: String,
    start: Timestamp,
    policy: Vec<Change>,
    installed: [Seen; NODES],
    steps: Vec<Step>,
}

/// A line each for what it begins with and for every step.
impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, server, start, policy, installed, steps } = self;
        writeln!(f, "{tenant} {server} {start} {policy:?} runs {installed:?}")?;
        let mut at = *start;
        for step in steps {
            at = at.plus(step.gap);
            writeln!(f, "  {at} {step:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { act, after, ahead, node, other, to_postmaster, behind_relay, .. } = self;
        write!(f, "{act:?}; looks {after} s later or {ahead:?}, node {node}, {:?}", other.map(|seen| SEEN[seen].2))?;
        write!(
            f,
            "{}{}",
            if *to_postmaster { " to postmaster" } else { "" },
            if *behind_relay { " by relay" } else { "" }
        )
    }
}

// --- random lives ---

fn seen() -> impl Strategy<Value = Seen> {
    let index = (0..SEEN.len()).map(|index| (SEEN[index].0, Just(index))).collect::<Vec<_>>();
    prop::strategy::Union::new_weighted(index)
}

fn mode() -> impl Strategy<Value = model::Mode> {
    prop_oneof![6 => Just(model::Mode::Enforce), 3 => Just(model::Mode::Report), 1 => Just(model::Mode::Off)]
}

fn closed() -> impl Strategy<Value = Closed> {
    (0..=60u8, 0..=60u8).prop_map(|(throttle, block)| Closed { throttle, block: block.min(60 - throttle) })
}

/// Days, throttle and block minutes of each stage.
fn table(rows: &[(u32, u8, u8)]) -> Vec<Row> {
    let last = rows.len() - 1;
    let row = |(index, &(days, throttle, block)): (usize, &(u32, u8, u8))| Row {
        minutes: (index < last).then_some(days * 1_440),
        closed: Closed { throttle, block },
    };
    rows.iter().enumerate().map(row).collect()
}

fn default_ladder() -> Vec<Row> {
    table(&[(30, 0, 0), (10, 5, 0), (10, 10, 0), (10, 20, 0), (10, 30, 5), (10, 30, 10), (10, 30, 20), (0, 0, 60)])
}

/// From stage to stage nothing gets milder.
fn rising(mut rows: Vec<Row>) -> Vec<Row> {
    let mut before = Closed::NEVER;
    for Row { closed, .. } in &mut rows {
        let block = closed.block.max(before.block);
        let all = (closed.block + closed.throttle).max(before.block + before.throttle).max(block);
        *closed = Closed { throttle: all - block, block };
        before = *closed;
    }
    rows
}

fn ladder() -> impl Strategy<Value = Vec<Row>> {
    let length = prop_oneof![1..20_000u32, (1..30u32).prop_map(|days| days * 1_440)];
    let any = (vec((length, closed()), 0..6), closed()).prop_map(|(rows, last)| {
        let rows = rows.into_iter().map(|(minutes, closed)| Row { minutes: Some(minutes), closed });
        rising(rows.chain([Row { minutes: None, closed: last }]).collect())
    });
    let any = any.boxed();
    let report_first = (1..40_000u32, any.clone()).prop_map(|(minutes, rows)| {
        [Row { minutes: Some(minutes), closed: Closed::NEVER }].into_iter().chain(rows).collect()
    });
    prop_oneof![
        3 => Just(default_ladder()),
        2 => Just(table(&[(1, 0, 0), (9, 10, 0), (20, 20, 10), (0, 0, 60)])),
        3 => report_first,
        1 => any,
    ]
    .boxed()
}

fn baseline() -> impl Strategy<Value = Baseline> {
    let requirement = |minimums: &'static [&'static str]| {
        prop_oneof![
            1 => Just(Requirement::Nothing),
            1 => Just(Requirement::Unsupported),
            3 => prop::sample::select(minimums).prop_map(|build| Requirement::Minimum(vec![build])),
            2 => (0..400u32).prop_map(Requirement::MaxLagDays),
        ]
    };
    let products = (
        requirement(&["15.1.2507.6", "15.1.2507.39", "15.1.2507.58", "15.1.2507.61", "15.1.2507.75", "15.1.2375.37"]),
        requirement(&["15.2.1544.25", "15.2.1544.36", "15.2.1748.39"]),
        requirement(&["15.2.2562.17", "15.2.2562.29", "15.2.2562.53"]),
    );
    let edition = (0..1_000u32, any::<bool>(), products).prop_map(|(days, supported_only, (e2016, e2019, se))| {
        let products = vec![(Product::E2016, e2016), (Product::E2019, e2019), (Product::Se, se)];
        Edition { effective: EPOCH.date().plus_days(days), supported_only, products }
    });
    let own = vec(edition, 1..4).prop_filter_map("two editions of a day", |editions| {
        let days = editions.iter().map(|edition| edition.effective).collect::<std::collections::BTreeSet<_>>();
        (days.len() == editions.len()).then_some(Baseline::Own(editions))
    });
    prop_oneof![3 => Just(Baseline::Microsoft), 1 => Just(Baseline::Strict), 3 => own].boxed()
}

fn change() -> impl Strategy<Value = Change> {
    let product = prop_oneof![4 => Just(Product::E2016), 1 => Just(Product::E2019), 1 => Just(Product::Se)];
    prop_oneof![
        4 => mode().prop_map(Change::Mode),
        3 => ladder().prop_map(Change::Ladder),
        2 => (product, option::weighted(0.8, 0..800u32)).prop_map(|(product, wave)| Change::Wave(product, wave)),
        2 => baseline().prop_map(Change::Baseline),
        2 => reach(),
    ]
}

/// Which mail is enforced.
fn reach() -> impl Strategy<Value = Change> {
    prop_oneof![any::<bool>().prop_map(Change::Scope), any::<bool>().prop_map(Change::BehindRelays)]
}

/// What an operator who goes back to reports for a while may do there.
fn detour() -> impl Strategy<Value = Vec<Change>> {
    let aside = prop_oneof![3 => reach(), 1 => ladder().prop_map(Change::Ladder)];
    let (away, back) = (Change::Mode(model::Mode::Report), Change::Mode(model::Mode::Enforce));
    vec(aside, 1..4).prop_map(move |aside| {
        let changes = [away.clone()].into_iter().chain(aside);
        changes.chain([Change::Scope(true), back.clone()]).collect()
    })
}

fn node() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2)]
}

fn budget() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(90), 2 => 0..20u16, 1 => 0..=366u16]
}

fn act() -> impl Strategy<Value = Act> {
    let late = prop_oneof![9 => Just(0), 1 => 0..12 * HOUR];
    let installed = prop_oneof![3 => Just(OLD), 3 => Just(PATCHED), 3 => seen()];
    let all = prop_oneof![2 => Just(None), 1 => node().prop_map(Some)];
    let mail = prop_oneof![
        30 => (node(), late).prop_map(|(node, late)| Act::Mail { node, late }),
        20 => node().prop_map(|node| Act::RelayedMail { node }),
        3 => (node(), seen(), option::weighted(0.3, seen())).prop_map(|(node, seen, other_component)| Act::Stray { node, seen, other_component }),
        3 => Just(Act::Retry),
        4 => (all, installed).prop_map(|(node, seen)| Act::Install { node, seen }),
    ];
    let days = || prop_oneof![5 => 1..12u16, 2 => 12..60u16, 1 => 0..400u16];
    let starts_in = option::weighted(0.4, prop_oneof![8 => 0..40i64, 1 => -2..400i64]);
    let rest = prop_oneof![
        3 => change().prop_map(|change| Act::Policy(vec![change])),
        1 => detour().prop_map(Act::Policy),
        1 => mode().prop_map(Act::Ceiling),
        3 => (days(), starts_in, budget()).prop_map(|(days, starts_in, budget)| Act::Pause { days, starts_in, budget }),
        1 => (0..3u64, days(), budget()).prop_map(|(which, days, budget)| Act::ChangePause { which, days, budget }),
        1 => (0..3u64).prop_map(|which| Act::EndPause { which }),
        1 => (days(), budget()).prop_map(|(days, budget)| Act::AnotherPause { days, budget }),
        1 => prop_oneof![4 => 1..40 * DAY, 1 => 1..365 * DAY].prop_map(|seconds| Act::Exempt { seconds }),
        1 => Just(Act::EndExemption),
    ];
    prop_oneof![4 => mail.boxed(), 1 => rest.boxed()].boxed()
}

fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![
        3 => 0..2 * HOUR,
        4 => 0..2 * DAY,
        12 => 2 * DAY..14 * DAY,
        1 => 20 * DAY..40 * DAY,
        1 => (1..10i64).prop_map(|days| days * DAY),
    ];
    let moment = option::weighted(0.5, (0..64usize, prop_oneof![Just(-1i64), Just(0), -HOUR..HOUR]));
    let message = (node(), option::weighted(0.1, seen()), prop::bool::weighted(0.05), prop::bool::weighted(0.05));
    let age = prop_oneof![6 => Just(0), 1 => Just(HOUR), 1 => Just(HOUR + 1), 1 => -DAY..2 * DAY];
    (gap, act(), 0..6 * HOUR, moment, message, age).prop_map(|(gap, act, after, ahead, message, age)| {
        let (node, other, to_postmaster, behind_relay) = message;
        Step { gap, act, after, age, ahead, node, other, to_postmaster, behind_relay }
    })
}

fn life(mode: model::Mode) -> impl Strategy<Value = Life> {
    let names = ("[a-z0-9][a-z0-9._-]{0,20}", "[a-z]{1,8}[.][a-z0-9-]{1,20}");
    let changes = vec(change().prop_filter("set already", |change| !matches!(change, Change::Mode(_))), 0..3);
    let policy = changes.prop_map(move |changes| [Change::Mode(mode)].into_iter().chain(changes).collect());
    let installed = prop_oneof![3 => Just([OLD; NODES]), 2 => [seen(), seen(), seen()]];
    (names, 0..365 * DAY, policy, installed, vec(option::weighted(0.98, step()), STEPS)).prop_map(
        |((tenant, server), start, policy, installed, steps)| {
            let steps = steps.into_iter().flatten().collect();
            Life { tenant, server, start: EPOCH.plus(start), policy, installed, steps }
        },
    )
}

// --- living them ---

fn facts() -> &'static Facts {
    static FACTS: LazyLock<Facts> = LazyLock::new(Facts::built_in);
    &FACTS
}

/// What a ledger keeps of the tenant and its server, and what it has published.
struct Engine {
    enforcement: Enforcement,
    pauses: Pauses,
    /// When the operator-wide ceiling was below enforce.
    held_down: Vec<Freeze>,
    ceiling: Mode,
    exempt: Vec<Freeze>,
    record: ServerRecord,
    published: Phase,
}

impl Engine {
    /// When the server's clock stands still.
    fn frozen(&self) -> Freezes {
        let tenant = self.enforcement.frozen(&Freezes::from(self.held_down.clone())).into_owned();
        tenant.union(&Freezes::from(self.exempt.clone())).into_owned()
    }

    fn settle(&mut self, now: Timestamp) -> Vec<(Turn, Timestamp)> {
        let transitions: Vec<_> = self.record.settle(now).into_iter().collect();
        self.publish(now);
        turns(&transitions)
    }

    fn observe(&mut self, message: &Message, now: Timestamp) -> Vec<(Turn, Timestamp)> {
        let frozen = self.frozen();
        let rules = self.enforcement.rules(facts(), &frozen).unwrap();
        let Message { at, shown, other_component, evidence, .. } = *message;
        let way = MailRoute { connector: Connector::OnPremises, relayed: message.relayed };
        let in_reach = rules.policy.mode.min(self.ceiling) == Mode::Enforce && rules.policy.reaches(way);
        let sighting =
            Sighting { at, node: address(message.node), shown, other_component, fingerprint: evidence, in_reach };
        let transitions = self.record.observe(&sighting, &rules);
        self.publish(now);
        turns(&transitions)
    }

    /// The edge learns only what could change a decision.
    fn publish(&mut self, now: Timestamp) {
        let phase = self.record.phase(now);
        if phase.supersedes(&self.published) {
            self.published = phase;
        }
    }

    fn put_policy(&mut self, policy: Policy, relayed: bool, now: Timestamp) {
        let way = MailRoute { connector: Connector::OnPremises, relayed };
        let (old, frozen_before) = (self.enforcement.clone(), self.frozen());
        self.enforcement = old.with_policy(policy, now);
        let frozen_after = self.frozen();
        let before = old.rules(facts(), &frozen_before).unwrap();
        let after = self.enforcement.rules(facts(), &frozen_after).unwrap();
        let known = self.record.spell().copied();
        let needed = apply_rules_change(&mut self.record, &tidegate_engine::RulesChange { before, after, way, now });
        assert_eq!(needed, self.record.spell().copied() != known, "the answer lists whom it concerns");
        self.publish(now);
    }

    fn decide(&self, phase: &Phase, event: &MailEvent<'_>, server: &ConnectingServer<'_>, look: Look) -> Answer {
        let frozen = self.frozen();
        let rules = self.enforcement.rules(facts(), &frozen).unwrap();
        let mut context = DecisionContext::new(rules, look.now);
        context.ceiling = self.ceiling;
        context.phase = Some(phase);
        context.paused_until = self.enforcement.paused_until(look.now);
        context.exempt_until = Freezes::from(self.exempt.clone()).at(look.now).and_then(|freeze| freeze.until);
        let (node, stamped_at) = (address(look.node), Some(look.now.plus(-look.age)));
        let server = ConnectingServer {
            node,
            shown: look.shown,
            other_component: look.other_component,
            stamped_at,
            ..server.clone()
        };
        answer(&decide(event, &server, look.behind_relay, &context))
    }
}

fn address(node: usize) -> Node {
    Node(Some(IpAddr::from([10, 0, 0, u8::try_from(node).unwrap()])))
}

fn turns(transitions: &[Transition]) -> Vec<(Turn, Timestamp)> {
    let turn = |kind| match kind {
        TransitionKind::Detected => Turn::Detected,
        TransitionKind::Resumed => Turn::Resumed,
        TransitionKind::Patched => Turn::Patched,
        TransitionKind::Silent => Turn::Silent,
    };
    transitions.iter().map(|transition| (turn(transition.kind), transition.at)).collect()
}

/// The engine's answer in the model's words.
fn answer(decision: &Decision<'_>) -> Answer {
    let fate = |action| match action {
        Action::Accept => Fate::Accept,
        Action::Defer => Fate::Defer,
        Action::Reject => Fate::Reject,
    };
    let closed = |minutes: ClosedMinutes| Closed { throttle: minutes.throttle(), block: minutes.block() };
    let MessageStanding::Judged(standing) = decision.state else { panic!("{:?}", decision.state) };
    assert_eq!(decision.reply.is_some(), decision.action != Action::Accept);
    Answer {
        standing: standing_of(standing),
        mode: match decision.mode.unwrap() {
            Mode::Off => model::Mode::Off,
            Mode::Report => model::Mode::Report,
            Mode::Enforce => model::Mode::Enforce,
        },
        stage: decision.stage.map(|stage| Stage {
            number: stage.number.into(),
            since: stage.since,
            closed: closed(stage.minutes),
            next: stage.next.map(|next| Next { number: next.number.into(), at: next.at, closed: closed(next.minutes) }),
        }),
        would: fate(decision.would),
        action: fate(decision.action),
        retry_after: decision.retry_after,
        paused_until: decision.paused_until,
        exempt_until: decision.exempt_until,
    }
}

fn standing_of(standing: Standing) -> standing::Standing {
    match standing {
        Standing::Current(_) => standing::Standing::Current,
        Standing::OutOfDate(_) => standing::Standing::OutOfDate,
        Standing::Unknown(_) => standing::Standing::Unknown,
    }
}

fn refusal(error: PauseError) -> Refusal {
    match error {
        PauseError::Days => Refusal::Days,
        PauseError::StartsInPast => Refusal::StartsInPast,
        PauseError::StartsTooLate => Refusal::StartsTooLate,
        PauseError::EndsInPast => Refusal::EndsInPast,
        PauseError::OverBudget { year, left } => Refusal::OverBudget { year, left },
        PauseError::Overlaps(id) => Refusal::Overlaps(id),
        PauseError::Ended => Refusal::Ended,
        PauseError::Unknown => Refusal::Unknown,
        PauseError::TooMany(_) => panic!("{error}"),
    }
}

/// The same life in both.
struct Both<'a> {
    world: World,
    engine: Engine,
    event: MailEvent<'a>,
    server: ConnectingServer<'a>,
    installed: [Seen; NODES],
    /// So that every message but a retry has an evidence field of its own.
    messages: u64,
    pauses: u64,
}

impl Both<'_> {
    fn look(&mut self, look: Look) -> Result<(), TestCaseError> {
        let now = look.now;
        prop_assert_eq!(self.engine.settle(now), self.world.fall_silent(now), "at {}", now);
        let spell = self.engine.record.spell().map(|spell| Kept {
            detected: spell.detected_at,
            held: spell.held,
            open_until: spell.open_until,
            last: spell.last_out_of_date,
            reached: spell.last_in_reach,
            spared: spell.suspended_since,
        });
        let expected = self.world.running_spell().map(|spell| Kept {
            detected: spell.detected,
            held: spell.held,
            open_until: spell.open_until,
            last: spell.last,
            reached: spell.reached,
            spared: spell.spared,
        });
        prop_assert_eq!(spell, expected, "the spell at {}", now);
        let frozen = self.engine.frozen();
        let rules = self.engine.enforcement.rules(facts(), &frozen).unwrap();
        let standing = self.engine.record.standing(&rules, now).map(|(_, standing)| standing_of(standing));
        prop_assert_eq!(standing, self.world.judge_server(now), "the server's standing at {}", now);
        let recipient = if look.to_postmaster { "Postmaster@example.org" } else { "ben@example.org" };
        self.event.recipients = vec![recipient.into()];
        let expected = self.world.decide(look);
        let fresh = self.engine.record.phase(now);
        let told = self.engine.decide(&fresh, &self.event, &self.server, look);
        prop_assert_eq!(told, expected, "{:?}", look);
        if self.engine.published != fresh {
            let told = self.engine.decide(&self.engine.published, &self.event, &self.server, look);
            prop_assert!(
                told == expected || self.world.may_be_spared(now) && told.action == Fate::Accept,
                "{:?} for {:?}",
                told,
                expected
            );
        }
        Ok(())
    }

    /// One that is like no other.
    fn message(&mut self, at: Timestamp, node: usize, seen: Seen) -> Message {
        self.messages += 1;
        Message { at, node, shown: shown(seen), other_component: None, evidence: self.messages, relayed: false }
    }

    /// The edge answers, then the ledger learns of it.
    fn mail(&mut self, message: Message, now: Timestamp) -> Result<(), TestCaseError> {
        let Message { node, shown, other_component, relayed, .. } = message;
        self.look(Look { now, node, shown, other_component, age: 0, to_postmaster: false, behind_relay: relayed })?;
        if self.world.records() {
            prop_assert_eq!(self.engine.observe(&message, now), self.world.receive(message), "{:?}", message);
        }
        Ok(())
    }

    fn act(&mut self, act: &Act, start: Timestamp, now: Timestamp) -> Result<(), TestCaseError> {
        let paused = match act {
            Act::Mail { node, late } => {
                let message = self.message(now.plus(-late), *node, self.installed[*node]);
                return self.mail(message, now);
            }
            Act::RelayedMail { node } => {
                let message = Message { relayed: true, ..self.message(now, *node, self.installed[*node]) };
                return self.mail(message, now);
            }
            Act::Stray { node, seen, other_component } => {
                let other_component = other_component.and_then(|seen| shown(seen).build());
                let message = Message { other_component, ..self.message(now, *node, *seen) };
                return self.mail(message, now);
            }
            Act::Retry => {
                let Some(last) = self.world.last_message() else { return Ok(()) };
                return self.mail(Message { at: now, ..last }, now);
            }
            Act::Install { node, seen } => {
                let nodes = node.map_or(0..NODES, |node| node..node + 1);
                self.installed[nodes].fill(*seen);
                return Ok(());
            }
            Act::Policy(changes) => {
                for change in changes {
                    let policy = apply(self.world.policy().clone(), change, start);
                    let relayed = self.world.last_message().is_some_and(|message| message.relayed);
                    self.engine.put_policy(read(&policy), relayed, now);
                    let changed = self.world.change_policy(policy, now);
                    changed.map_err(|surprise| TestCaseError::fail(format!("{change:?} at {now}: {surprise}")))?;
                }
                return Ok(());
            }
            Act::Ceiling(mode) => {
                self.world.ceilings.push((now, *mode));
                self.engine.ceiling = serde_json::from_value(mode.name().into()).unwrap();
                let open = self.engine.held_down.iter_mut().find(|freeze| freeze.until.is_none());
                match (open, *mode == model::Mode::Enforce) {
                    (Some(freeze), true) => freeze.until = Some(now),
                    (None, false) => self.engine.held_down.push(Freeze { from: now, until: None }),
                    _ => {}
                }
                return Ok(());
            }
            Act::Exempt { .. } | Act::EndExemption => {
                // the newest one stands for the server
                for (_, until) in self.world.exemptions.iter_mut().filter(|(_, until)| now < *until) {
                    *until = now;
                }
                for freeze in
                    self.engine.exempt.iter_mut().filter(|freeze| freeze.until.is_some_and(|until| now < until))
                {
                    freeze.until = Some(now);
                }
                if let Act::Exempt { seconds } = act {
                    self.world.exemptions.push((now, now.plus(*seconds)));
                    self.engine.exempt.push(Freeze { from: now, until: Some(now.plus(*seconds)) });
                }
                return Ok(());
            }
            Act::Pause { days, starts_in, budget } => {
                self.pauses += 1;
                let (pauses, id) = (&mut self.world.pauses, self.pauses);
                let today = now.0.div_euclid(DAY);
                let expected = pauses::create(pauses, id, *days, starts_in.map(|days| today + days), *budget, now);
                let starts_on = starts_in.map(|days| now.plus(days * DAY).date());
                (self.engine.pauses.create(id, *days, starts_on, *budget, now), expected)
            }
            Act::ChangePause { which, days, budget } => {
                let id = self.pauses.saturating_sub(*which);
                let expected = pauses::change(&mut self.world.pauses, id, *days, *budget, now);
                (self.engine.pauses.change(id, *days, *budget, now), expected)
            }
            Act::EndPause { which } => {
                let id = self.pauses.saturating_sub(*which);
                let expected = pauses::end(&mut self.world.pauses, id, now);
                (self.engine.pauses.end(id, now), expected)
            }
            Act::AnotherPause { days, budget } => {
                self.act(&Act::EndPause { which: 0 }, start, now)?;
                return self.act(&Act::Pause { days: *days, starts_in: None, budget: *budget }, start, now);
            }
        };
        match paused {
            (Ok(pause), Ok(until)) => prop_assert_eq!(pause.until(), until, "{:?} at {}", act, now),
            (Err(error), Err(reasons)) if reasons.contains(&refusal(error)) => {}
            (told, expected) => prop_assert!(false, "{told:?} for {expected:?}: {act:?} at {now}"),
        }
        for year in 2025..2030 {
            prop_assert_eq!(self.engine.pauses.used(year), pauses::used(&self.world.pauses, year), "{}", year);
        }
        self.engine.enforcement.pauses = self.engine.pauses.freezes();
        Ok(())
    }
}

/// What is kept of a spell.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    detected: Timestamp,
    held: i64,
    open_until: Timestamp,
    last: Timestamp,
    reached: Option<Timestamp>,
    spared: Option<Timestamp>,
}

fn read(policy: &model::Policy) -> Policy {
    let policy: Policy = serde_json::from_value(policy.json()).unwrap();
    policy.check(facts()).unwrap();
    policy
}

fn apply(mut policy: model::Policy, change: &Change, start: Timestamp) -> model::Policy {
    match change {
        Change::Mode(mode) => policy.mode = *mode,
        Change::Ladder(ladder) => policy.ladder.clone_from(ladder),
        Change::Wave(product, day) => {
            policy.waves.insert(*product, day.map(|day| start.date().plus_days(day)));
        }
        Change::Baseline(baseline) => policy.baseline = baseline.clone(),
        Change::Scope(in_scope) => policy.in_scope = *in_scope,
        Change::BehindRelays(behind_relays) => policy.behind_relays = *behind_relays,
    }
    policy
}

fn live(life: &Life) -> Result<(), TestCaseError> {
    let Life { tenant, server, start, .. } = life;
    let default = model::Policy {
        mode: model::Mode::Report,
        ladder: default_ladder(),
        waves: Default::default(),
        baseline: Baseline::Microsoft,
        in_scope: true,
        behind_relays: false,
    };
    let policy = life.policy.iter().fold(default, |policy, change| apply(policy, change, *start));
    let header = format!(
        "Received: from a by {server} (10.0.0.0) with Microsoft SMTP Server id 15.1.2507.39; Thu, 10 Sep 2026 10:15:08 +0200\r\n"
    );
    let event = MailEvent {
        tenant: tenant.parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip: None,
        client_auth: None,
        own_hops: 0,
        recipients: Vec::new(),
        header: Header::Block(header.as_bytes().into()),
    };
    let asked = event.clone();
    let recognition = recognise(&asked, &[], &facts().catalog);
    let Finding::Server(connecting) = recognition.finding else { panic!("no server in {header}") };
    let mut both = Both {
        engine: Engine {
            enforcement: Enforcement::default().with_policy(read(&policy), *start),
            pauses: Pauses::default(),
            held_down: Vec::new(),
            ceiling: Mode::Enforce,
            exempt: Vec::new(),
            record: ServerRecord::default(),
            published: Phase::default(),
        },
        world: World::new(tenant.clone(), server.clone(), policy, *start),
        event,
        server: connecting,
        installed: life.installed,
        messages: 0,
        pauses: 0,
    };
    let end = start.plus(LIFE);
    let mut now = *start;
    for (index, step) in life.steps.iter().enumerate() {
        now = now.plus(step.gap);
        if now >= end {
            break;
        }
        prop_assert_eq!(both.engine.settle(now), both.world.fall_silent(now), "at {}", now);
        both.act(&step.act, *start, now)?;
        // then a look, before the next step
        let next = life.steps.get(index + 1).map_or(end, |next| now.plus(next.gap).min(end));
        let mut at = now.plus(step.after);
        if let Some((which, about)) = step.ahead {
            let ahead = both.world.ahead(now);
            let ahead = ahead.get(which % ahead.len().max(1)).copied();
            at = ahead.unwrap_or(at).plus(about);
        }
        let Step { node, age, to_postmaster, behind_relay, .. } = *step;
        let shown = shown(step.other.unwrap_or(both.installed[node]));
        let at = at.min(next).max(now);
        both.look(Look { now: at, node, shown, other_component: None, age, to_postmaster, behind_relay })?;
    }
    let shown = shown(both.installed[0]);
    both.look(Look {
        now: end,
        node: 0,
        shown,
        other_component: None,
        age: 0,
        to_postmaster: false,
        behind_relay: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 5_000,
        failure_persistence: None,
        max_shrink_time: 30_000,
        rng_algorithm: RngAlgorithm::XorShift, // a life takes thousands of numbers
        ..ProptestConfig::default()
    })]

    #[test]
    fn two_years_that_begin_with_enforcement_go_as_the_rules_say(life in life(model::Mode::Enforce)) {
        live(&life)?;
    }

    #[test]
    fn two_years_that_begin_with_reports_go_as_the_rules_say(life in life(model::Mode::Report)) {
        live(&life)?;
    }
}
