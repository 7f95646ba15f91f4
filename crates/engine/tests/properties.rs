//! What holds for every message, ladder, freeze and history.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use tidegate_engine::Action;
use tidegate_engine::MAX_EVIDENCE_BYTES;
use tidegate_engine::Node;
use tidegate_engine::Shown;
use tidegate_engine::Standing;
use tidegate_engine::TrustedRelay;
use tidegate_engine::parse_received;
use tidegate_engine::produced_by;
use tidegate_engine::{BUILD_SECONDS, MAX_BUILDS, MAX_MESSAGES, MAX_NODE_BUILDS, MAX_NODES, Sighting, WITNESS_SECONDS};
use tidegate_engine::{BestBuild, Build};
use tidegate_engine::{Clock, Freeze, Freezes};
use tidegate_engine::{ClosedMinutes, Ladder};
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, HOUR, MINUTE, Timestamp};
use tidegate_engine::{Decision, MessageStanding, decide, decide_without_server};
use tidegate_engine::{DecisionContext, current_stage, stage_schedule};
use tidegate_engine::{Facts, MailRoute, Mode, Policy, ReplyTemplates};
use tidegate_engine::{Finding, recognise, shows_exchange, traces};
use tidegate_engine::{Header, HeaderField, MAX_FIELD_BYTES, MAX_FIELDS, OwnHops};
use tidegate_engine::{MAX_REPLY_BYTES, ReplyTemplate};
use tidegate_engine::{NOTICE_SECONDS, Rules};
use tidegate_engine::{Phase, PhaseBuild};
use tidegate_engine::{RESUMES_AFTER_PATCH_SECONDS, ServerRecord, Spell, TransitionKind};
use tidegate_engine::{Reply, ServerId};
use tidegate_engine::{RulesChange, apply_rules_change};

/// On 2026-09-10; the newest edition of the baseline is in force.
const START: i64 = 1_789_000_000;
const OLD: &str = "15.1.2507.39";
const PATCHED: &str = "15.1.2507.61";

fn facts() -> &'static Facts {
    static FACTS: LazyLock<Facts> = LazyLock::new(Facts::built_in);
    &FACTS
}

fn build(text: &str) -> Build {
    text.parse().unwrap()
}

fn minutes() -> impl Strategy<Value = ClosedMinutes> {
    (0..=60u8)
        .prop_flat_map(|block| (Just(block), 0..=60 - block))
        .prop_map(|(block, throttle)| ClosedMinutes::new(throttle, block).unwrap())
}

/// A ladder whose first stage closes no minute, and which never goes down.
fn ladder() -> impl Strategy<Value = Ladder> {
    (1..60_000u32, vec((1..60_000u32, minutes()), 0..8), minutes()).prop_map(|(first, mut middle, mut last)| {
        let (mut block, mut closed) = (0, 0);
        for minutes in middle.iter_mut().map(|(_, minutes)| minutes).chain([&mut last]) {
            block = block.max(minutes.block());
            closed = closed.max(minutes.block() + minutes.throttle());
            *minutes = ClosedMinutes::new(closed - block, block).unwrap();
        }
        let closed = |minutes: ClosedMinutes| (minutes.throttle(), minutes.block());
        let rows = [(Some(first), (0, 0))].into_iter();
        let rows = rows.chain(middle.into_iter().map(|(length, minutes)| (Some(length), closed(minutes))));
        let rows = rows.chain([(None, closed(last))]);
        let stage = |(length, (throttle, block))| match length {
            Some(length) => json!({"minutes": length, "throttle_minutes": throttle, "block_minutes": block}),
            None => json!({"throttle_minutes": throttle, "block_minutes": block}),
        };
        serde_json::from_value(rows.map(stage).collect()).unwrap()
    })
}

/// A moment within about two years.
fn moment() -> impl Strategy<Value = Timestamp> {
    (0..730 * DAY).prop_map(|seconds| Timestamp(START + seconds))
}

fn freezes() -> impl Strategy<Value = Vec<Freeze>> {
    let freeze = (moment(), option::weighted(0.9, -DAY..90 * DAY));
    vec(freeze.prop_map(|(from, length)| Freeze { from, until: length.map(|length| from.plus(length)) }), 0..6)
}

/// Any ladder that may have been stored: one can begin with closed minutes, and go down again.
fn any_ladder() -> impl Strategy<Value = Ladder> {
    (ladder(), vec(option::weighted(0.5, minutes()), 9)).prop_map(|(ladder, others)| {
        let mut rows = serde_json::to_value(&ladder).unwrap();
        for (row, other) in rows.as_array_mut().unwrap().iter_mut().zip(others) {
            if let Some(minutes) = other {
                row["throttle_minutes"] = minutes.throttle().into();
                row["block_minutes"] = minutes.block().into();
            }
        }
        serde_json::from_value(rows).unwrap()
    })
}

/// A ladder that never goes down, whose first stage may close minutes.
fn rising() -> impl Strategy<Value = Ladder> {
    (any::<bool>(), ladder()).prop_map(|(open, ladder)| {
        let mut rows = serde_json::to_value(&ladder).unwrap();
        if !open && ladder.len() > 1 {
            rows.as_array_mut().unwrap().remove(0);
        }
        serde_json::from_value(rows).unwrap()
    })
}

/// A running spell as it may be stored, whose clock is not stopped.
fn spell() -> impl Strategy<Value = Spell> {
    (moment(), held(), moment(), option::of(moment()), moment()).prop_map(|(detected_at, held, last, reach, open)| {
        Spell { held, last_out_of_date: last, open_until: open, last_in_reach: reach, ..Spell::begin(detected_at) }
    })
}

/// A clock without notice.
fn clock(detected_at: Timestamp, wave: Option<Timestamp>, freezes: &Freezes, held: i64) -> Clock<'_> {
    let start = wave.map(|wave| wave.max(detected_at));
    Clock { stopped_at: None, start, freezes, held, open_until: detected_at }
}

fn held() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 0..200 * DAY]
}

/// A sender's text: any octets, or what looks like the parts of hops in any order.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&str; 44] = [
        "Received: ",
        "received:",
        "\r\n",
        "\n",
        "\r\n ",
        "\t",
        " ",
        " from ",
        " by ",
        " with ",
        " id ",
        " via ",
        " for ",
        " over ",
        ";",
        "(",
        ")",
        "\"",
        "<",
        ">",
        "[",
        "]",
        "\\",
        "\0",
        "EX01.contoso.com",
        "a.prod.outlook.com.",
        "[10.0.0.5%3]",
        "(10.0.0.5)",
        "Microsoft SMTP Server",
        "mapi",
        "ShadowRedundancy",
        "Pickup",
        "Internet Mail Service",
        "Microsoft SMTPSVC(6.0.3790.1)",
        "15.1.2507.39",
        "15.01.2507.061",
        "15.20.1.1",
        "15.1.2507.39.1",
        "99999.1.1.1",
        "<a@b.example>",
        "helo=[10.0.0.7]",
        "ä",
        "X-MimeOLE: Produced By Microsoft Exchange V6.5",
        "Tue, 6 Oct 2026 10:00:00 +0000",
    ];
    let part = prop_oneof![
        8 => (0..PARTS.len()).prop_map(|index| PARTS[index].as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    prop_oneof![vec(any::<u8>(), 0..300), vec(part, 0..60).prop_map(|parts| parts.concat())]
}

fn event(header: Vec<u8>) -> MailEvent<'static> {
    MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip: "10.0.0.5".parse().ok(),
        client_auth: None,
        own_hops: 0,
        recipients: vec!["ben@example.org".into()],
        header: Header::Block(header.into()),
    }
}

/// The event as it would be if the server of that `Received` field, counted from 0, handed the message over itself.
fn handed_over_at(event: &MailEvent<'_>, top: usize) -> MailEvent<'static> {
    let header = received(event.header.received().skip(top));
    MailEvent { header, ..self::event(Vec::new()) }
}

fn received<'a>(fields: impl Iterator<Item = HeaderField<'a>>) -> Header<'static> {
    let pair = |field: HeaderField<'_>| {
        let mut value = field.value.to_vec();
        // what was cut is longer than what is read
        value.extend(field.cut.then_some(b'x'));
        (Cow::Borrowed(&b"Received"[..]), Cow::Owned(value))
    };
    Header::Pairs(fields.map(pair).collect())
}

fn hop(build: &str) -> String {
    hop_at(build, Timestamp(START))
}

/// As the server stamps it at that time.
fn hop_at(build: &str, at: Timestamp) -> String {
    let date = chrono::DateTime::from_timestamp(at.0, 0).unwrap().to_rfc2822();
    format!(
        "Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id {build}; {date}\r\n"
    )
}

fn enforcing() -> Policy {
    Policy { mode: Mode::Enforce, ..Policy::default() }
}

/// What is looked at of a decision.
struct Decided {
    action: Action,
    reply: Option<Reply>,
    retry_after: Option<i64>,
    server: Option<ServerId>,
    state: MessageStanding,
    has_stage: bool,
    would: Action,
    /// The part that tells, and the whole field.
    evidence: Option<[String; 2]>,
    why: String,
}

impl Decided {
    fn new(decision: &Decision<'_>) -> Self {
        Self {
            action: decision.action,
            reply: decision.reply.clone(),
            retry_after: decision.retry_after,
            server: decision.server.map(|server| server.id.clone()),
            state: decision.state,
            has_stage: decision.stage.is_some(),
            would: decision.would,
            evidence: decision.evidence.map(|evidence| [evidence.text(), evidence.field_text()]),
            why: decision.why.to_string(),
        }
    }
}

/// Decides as if `phase` were known of whatever server shows itself.
fn decide_on(
    event: &MailEvent<'_>,
    policy: &Policy,
    freezes: &Freezes,
    facts: &Facts,
    phase: Option<&Phase>,
    now: Timestamp,
) -> Decided {
    let recognition = recognise(event, &policy.trusted_relays, &facts.catalog);
    let Finding::Server(server) = &recognition.finding else {
        return Decided::new(&decide_without_server(event, &recognition).unwrap());
    };
    let rules = Rules::new(facts, policy, freezes).unwrap();
    let context = DecisionContext { phase, ..DecisionContext::new(rules, now) };
    Decided::new(&decide(event, server, recognition.behind_relay, &context))
}

/// What may be known of the server that `hop` shows, right or wrong.
fn phase() -> impl Strategy<Value = Phase> {
    let known = prop_oneof![Just(OLD), Just(PATCHED), Just("15.0.1497.2"), Just("15.2.2562.17"), Just("15.1.2000.1")];
    let builds = (known, any::<bool>(), moment()).prop_map(|(text, lane_only, until)| PhaseBuild {
        build: build(text),
        lane_only,
        until,
    });
    let suspended = option::weighted(0.1, moment());
    let phase = (spell(), suspended, vec(builds, 0..4))
        .prop_map(|(spell, suspended_since, builds)| Phase::of_spell(Spell { suspended_since, ..spell }, builds));
    prop_oneof![9 => phase, 1 => Just(Phase::default())]
}

/// A server that has been out of date since `detected_at` and was heard of just now.
fn condemned(detected_at: Timestamp, now: Timestamp) -> Phase {
    let builds = vec![PhaseBuild { build: build(OLD), lane_only: false, until: now.plus(DAY) }];
    Phase::of_spell(Spell::between(detected_at, now), builds)
}

/// A record in a spell, as the ledger stores it, whose name showed these builds at `at`.
fn in_spell(spell: &Spell, builds: &[&str], at: Timestamp) -> ServerRecord {
    let builds: Vec<_> = builds.iter().map(|build| json!({"build": build, "at": at})).collect();
    serde_json::from_value(
        json!({"nodes": [], "builds": builds, "messages": [], "spell": spell, "suspect": null, "ended": null}),
    )
    .unwrap()
}

const fn at_name(at: Timestamp, shown: Shown, fingerprint: u64, in_reach: bool) -> Sighting {
    let node = Node(Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 5))));
    Sighting { at, node, shown, other_component: None, fingerprint, in_reach }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_stage_never_falls_while_its_spell_runs(
        ladder in any_ladder(), freezes in freezes(), spell in spell(), mut times in vec(moment(), 2..20),
    ) {
        let (facts, policy, freezes) = (facts(), Policy { ladder, ..enforcing() }, Freezes::from(freezes));
        let rules = Rules::new(facts, &policy, &freezes).unwrap();
        times.sort();
        let stage = |now| current_stage(Some(&spell), build(OLD), &DecisionContext::new(rules, now));
        let stages: Vec<_> = times.iter().map(|now| stage(*now)).collect();
        prop_assert!(stages.is_sorted_by_key(|stage| stage.number));
        for (stage, now) in stages.iter().zip(&times) {
            prop_assert!(stage.number == 1 || stage.since <= *now);
            prop_assert!(stage.minutes.is_open() || *now >= spell.open_until);
            prop_assert!(stage.next.is_some() || stage.number == stage.of);
            if let Some(next) = stage.next {
                prop_assert!(next.number > stage.number || stage.minutes.is_open());
                prop_assert!(next.at.is_none_or(|at| at > *now), "{next:?} at {now}");
            }
        }
    }

    #[test]
    fn an_hour_has_the_minutes_of_its_stage(minutes in minutes(), offset in 0..60u8, start in moment()) {
        let actions: Vec<_> = (0..60).map(|minute| tidegate_engine::window_action(minutes, offset, start.plus(minute * MINUTE))).collect();
        let count = |action| u8::try_from(actions.iter().filter(|found| **found == action).count()).unwrap();
        prop_assert_eq!((count(Action::Reject), count(Action::Defer)), (minutes.block(), minutes.throttle()));
    }

    #[test]
    fn a_window_never_blocks_after_it_throttled(minutes in minutes(), offset in 0..60u8, hour in 0..1_000_000i64) {
        // position 0 of the cycle
        let start = Timestamp(hour * HOUR + i64::from((60 - offset) % 60) * MINUTE);
        let action = |minute: i64, second| tidegate_engine::window_action(minutes, offset, start.plus(minute * MINUTE + second));
        let strictness = |action| match action { Action::Reject => 0, Action::Defer => 1, Action::Accept => 2 };
        let cycle: Vec<_> = (0..60).map(|minute| strictness(action(minute, 0))).collect();
        prop_assert!(cycle.is_sorted(), "{cycle:?}");
        prop_assert!((0..60).all(|minute| action(minute, 0) == action(minute, 59)));
    }

    #[test]
    fn a_retry_after_its_time_is_accepted_and_no_second_earlier(minutes in minutes(), offset in 0..60u8, now in moment()) {
        let action = |now| tidegate_engine::window_action(minutes, offset, now);
        match tidegate_engine::window_retry_after(minutes, offset, now) {
            Some(seconds) => {
                prop_assert!(seconds > 0 && action(now.plus(seconds)) == Action::Accept);
                prop_assert!((0..seconds).step_by(7).chain([seconds - 1]).all(|earlier| action(now.plus(earlier)) != Action::Accept));
            }
            None => prop_assert!(action(now) == Action::Accept || minutes.block() + minutes.throttle() == 60),
        }
    }

    #[test]
    fn long_and_short_form_are_one_build(parts: [u16; 4]) {
        let [major, minor, third, fourth] = parts;
        let expected = Build::new(major, minor, third, fourth);
        let forms = [format!("{major}.{minor}.{third}.{fourth}"), format!("{major}.{minor:02}.{third:04}.{fourth:03}")];
        for form in forms {
            prop_assert_eq!(form.parse(), Ok(expected));
            let value = format!("from a by b with mapi id {form}; Mon, 7 Sep 2026 10:00:00 +0000");
            prop_assert_eq!(parse_received(value.as_bytes()).unwrap().build, tidegate_engine::Stamp::Build(expected));
        }
    }

    #[test]
    fn nothing_a_sender_writes_breaks_the_reading(header in hostile(), own_hops in 0..3u8, day in moment()) {
        let facts = facts();
        let relay: TrustedRelay = serde_json::from_value(json!({"host": "contoso.com", "networks": ["10.0.0.5"]})).unwrap();
        let policy = Policy { trusted_relays: vec![relay], ..enforcing() };
        let pairs = vec![(b"Received"[..].into(), header.clone().into()), (header.clone().into(), header.clone().into())];
        for header in [Header::Block(header.into()), Header::Pairs(pairs)] {
            let event = MailEvent { own_hops, header, ..event(Vec::new()) };
            prop_assert!(event.header.fields().count() <= MAX_FIELDS);
            prop_assert!(event.header.fields().all(|field| field.value.len() <= MAX_FIELD_BYTES));
            let decision = decide_on(&event, &policy, &Freezes::default(), facts, Some(&condemned(Timestamp(START), day)), day);
            if let Some([telling, field]) = &decision.evidence {
                prop_assert!(telling.len() <= MAX_EVIDENCE_BYTES && field.len() <= MAX_EVIDENCE_BYTES);
                prop_assert!(!field.contains(|c: char| c.is_control()));
            }
            prop_assert!(decision.why.len() < 800, "{}", decision.why);
            prop_assert!(decision.server.is_none() || shows_exchange(&event.header, &facts.catalog));
            if let Some(server) = &decision.server {
                prop_assert_eq!(server.to_string().try_into(), Ok(server.clone()));
            }
            produced_by(&event.header, &facts.catalog);
        }
    }

    #[test]
    fn the_servers_of_a_header_are_those_that_would_be_found_if_they_connected(header in hostile()) {
        let facts = facts();
        let event = event(header);
        let traces = traces(&event.header, &facts.catalog);
        let servers: Vec<_> = traces.filter_map(|trace| Some((trace.evidence.field, trace.server?))).collect();
        for (top, server) in &servers {
            let event = handed_over_at(&event, *top);
            let recognition = recognise(&event, &[], &facts.catalog);
            let found = recognition.server().unwrap();
            prop_assert_eq!((&found.id, found.node, found.shown), (&server.id, server.node, server.shown));
            prop_assert_eq!(top + found.evidence.field, server.evidence.field);
            prop_assert_eq!(found.evidence.marked(), server.evidence.marked());
        }
        for top in 0..=event.header.received().count().min(200) {
            let event = handed_over_at(&event, top);
            let recognition = recognise(&event, &[], &facts.catalog);
            let Some(server) = recognition.server() else { continue };
            let run = servers.iter().rfind(|(above, _)| *above <= top);
            prop_assert_eq!(run.map(|(_, run)| &run.id), Some(&server.id));
        }
    }

    #[test]
    fn no_field_of_an_exchange_server_is_taken_for_the_gateways_own(header in hostile(), own_hops in 0..9u8, client in any::<bool>()) {
        let facts = facts();
        let client_ip = "203.0.113.7".parse().ok().filter(|_| client);
        let event = MailEvent { own_hops, client_ip, ..event(header) };
        let recognition = recognise(&event, &[], &facts.catalog);
        if shows_exchange(&received(event.header.received().take(own_hops.into())), &facts.catalog) {
            prop_assert_eq!(recognition.own_hops, OwnHops::Disbelieved);
            prop_assert!(recognition.server().is_none());
        }
    }

    #[test]
    fn every_field_is_traced_and_what_tells_is_marked_in_its_text(header in hostile()) {
        let facts = facts();
        let event = event(header);
        prop_assert_eq!(traces(&event.header, &facts.catalog).count(), event.header.received().count());
        for (index, trace) in traces(&event.header, &facts.catalog).enumerate() {
            prop_assert_eq!(trace.evidence.field, index);
            let (text, telling) = trace.evidence.marked();
            prop_assert_eq!(&text, &trace.evidence.field_text());
            prop_assert_eq!(text.get(telling.clone()).map(str::to_owned), Some(trace.evidence.text()), "{:?} {:?}", text, telling);
        }
    }

    #[test]
    fn a_spell_is_in_the_stage_that_its_schedule_says(
        ladder in any_ladder(), freezes in freezes(), spell in spell(), age in 0..730 * DAY, wave in option::of(moment()),
    ) {
        let now = spell.detected_at.plus(age);
        let waves = [("Exchange Server 2016".to_owned(), wave.map(Timestamp::date))].into();
        let (policy, freezes) = (Policy { ladder, waves, ..enforcing() }, freezes.into());
        let rules = Rules::new(facts(), &policy, &freezes).unwrap();
        let stage = current_stage(Some(&spell), build(OLD), &DecisionContext::new(rules, now));
        let schedule: Vec<_> = stage_schedule(&spell, build(OLD), &rules).collect();
        prop_assert!(schedule.windows(2).all(|pair| pair[0].number < pair[1].number));
        prop_assert!(schedule.windows(2).all(|pair| pair[0].until.is_none_or(|until| pair[1].from.is_none_or(|from| until <= from))));
        let runs = schedule.iter().find(|scheduled| {
            scheduled.from.is_some_and(|from| from <= now) && scheduled.until.is_none_or(|until| now < until)
        });
        match runs {
            Some(scheduled) => {
                prop_assert_eq!((scheduled.number, scheduled.minutes), (stage.number, stage.minutes));
                let until = stage.next.and_then(|next| next.at);
                prop_assert!(scheduled.until == until || scheduled.minutes.is_open(), "{scheduled:?} {stage:?}");
            }
            None => prop_assert!(stage.minutes.is_open(), "{stage:?} {schedule:?}"),
        }
    }

    #[test]
    fn nothing_below_its_stamp_changes_the_connecting_server(below in hostile()) {
        let facts = facts();
        let top = hop(OLD);
        let event = event([top.as_bytes(), &below].concat());
        // a continuation line would belong to the stamp itself
        prop_assume!(!matches!(below.first(), Some(b' ' | b'\t')));
        let recognition = recognise(&event, &[], &facts.catalog);
        let Finding::Server(server) = &recognition.finding else { return Err(TestCaseError::fail("no server")) };
        prop_assert_eq!((server.id.as_str(), server.shown, server.evidence.field), ("ex01.contoso.com", Shown::Update(build(OLD)), 0));
    }

    #[test]
    fn no_evidence_names_a_recipient(before in 0..5usize, recipient in "[a-z<>@;. ]{0,12}") {
        let mut clauses = vec!["from a (10.0.0.9)", "by b (10.0.0.5)", "with Microsoft SMTP Server", "id 15.1.2507.39", "via Frontend"];
        let recipient = format!("for <secret{recipient}@x>");
        clauses.insert(before + 1 - usize::from(before == 4), &recipient);
        let event = event(format!("Received: {}; Mon, 7 Sep 2026 10:00:00 +0000\r\n", clauses.join(" ")).into_bytes());
        let facts = facts();
        let decision = decide_on(&event, &enforcing(), &Freezes::default(), facts, None, Timestamp(START));
        let [telling, field] = decision.evidence.unwrap();
        prop_assert!(!telling.contains("secret") && !field.contains("secret"), "{field}");
    }

    #[test]
    fn a_patched_server_is_free_whatever_is_known_of_it(phase in phase(), ladder in ladder(), freezes in freezes(), now in moment()) {
        let (facts, policy, event) = (facts(), Policy { ladder, ..enforcing() }, event(hop(PATCHED).into_bytes()));
        let decision = decide_on(&event, &policy, &freezes.into(), facts, Some(&phase), now);
        prop_assert_eq!((decision.action, decision.would, decision.state.as_str()), (Action::Accept, Action::Accept, "current"));
        prop_assert!(!decision.has_stage && decision.reply.is_none() && decision.retry_after.is_none());
    }

    #[test]
    fn a_server_of_which_nothing_is_known_is_free(header in hostile(), ladder in ladder(), freezes in freezes(), now in moment()) {
        let (facts, policy, freezes) = (facts(), Policy { ladder, ..enforcing() }, freezes.into());
        for header in [header, hop(OLD).into_bytes()] {
            let event = event(header);
            let decision = decide_on(&event, &policy, &freezes, facts, None, now);
            prop_assert_eq!((decision.action, decision.would), (Action::Accept, Action::Accept));
        }
    }

    #[test]
    fn whoever_is_refused_was_accused_by_two_witnesses(phase in phase(), ladder in ladder(), now in moment()) {
        let (facts, policy, event) = (facts(), Policy { ladder, ..enforcing() }, event(hop_at(OLD, now).into_bytes()));
        let decision = decide_on(&event, &policy, &Freezes::default(), facts, Some(&phase), now);
        if decision.action != Action::Accept {
            prop_assert!(matches!(decision.state, MessageStanding::Judged(Standing::OutOfDate(_))));
            let acquits = |seen: &&PhaseBuild| !seen.lane_only && [PATCHED, "15.2.2562.17"].contains(&seen.build.to_string().as_str());
            prop_assert!(!phase.builds.iter().filter(|seen| now <= seen.until).any(|seen| acquits(&seen)));
            let spell = phase.spell.unwrap();
            prop_assert!(spell.silent_at().is_some_and(|at| at > now), "neither silent nor suspended");
            prop_assert!(spell.open_until <= now && spell.last_in_reach.is_some());
        }
    }

    #[test]
    fn a_reply_is_one_line_that_no_mail_server_mangles(
        parts in vec(prop_oneof![
            "[ -$&-z~]{0,80}",
            prop::sample::select(vec!["operator", "help_url", "n", "server", "build", "required", "stage", "next_change", "retry_after"])
                .prop_map(|name| format!("{{{name}}}")),
        ], 1..9),
        operator in "[ -$&-{}~]{1,100}", help_url in option::of("https://[a-z/.{}]{1,180}"), days in 30..200i64, offset in 0..HOUR,
        host in "[A-Za-z0-9._-]{1,250}x",
    ) {
        let Ok(template) = ReplyTemplate::try_from(parts.concat()) else { return Ok(()) };
        let facts = facts();
        let policy = Policy {
            reply: ReplyTemplates { throttle: template.clone(), block: template },
            operator: operator.try_into().unwrap(),
            help_url: help_url.map(|url| url.try_into().unwrap()),
            ..enforcing()
        };
        let now = Timestamp(START + days * DAY + offset);
        let event = event(hop_at(OLD, now).replace("EX01.contoso.com", &host).into_bytes());
        let decision = decide_on(&event, &policy, &Freezes::default(), facts, Some(&condemned(Timestamp(START), now)), now);
        prop_assert_eq!(decision.reply.is_some(), decision.action != Action::Accept);
        if let Some(reply) = decision.reply {
            prop_assert!(!reply.text.trim().is_empty() && reply.text.len() <= MAX_REPLY_BYTES);
            prop_assert!(reply.text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'%' && octet != b'|'), "{}", reply.text);
            prop_assert_eq!(reply.enhanced.as_bytes()[0], if decision.action == Action::Defer { b'4' } else { b'5' });
        }
    }

    #[test]
    fn elapsed_time_never_falls_and_stands_still_in_a_freeze(
        list in freezes(), held in held(), detected_at in moment(), wave in option::of(moment()), now in moment(), later in 0..200 * DAY,
    ) {
        let freezes = Freezes::from(list.clone());
        let clock = clock(detected_at, wave, &freezes, held);
        let then = now.plus(later);
        prop_assert!(clock.elapsed(now) <= clock.elapsed(then));
        prop_assert!(clock.elapsed(then) - clock.elapsed(now) <= later);
        if list.iter().any(|freeze| freeze.from <= now && freeze.until.is_none_or(|until| then <= until)) {
            prop_assert_eq!(clock.elapsed(now), clock.elapsed(then));
        }
        prop_assert_eq!(wave.is_none_or(|wave| now <= wave) && clock.elapsed(now) > 0, false);
        // the same freezes in another order or in pieces
        let cut = |freeze: Freeze| [Freeze { until: Some(now), ..freeze }, Freeze { from: freeze.from.max(now), ..freeze }];
        let pieces = Freezes::from(list.into_iter().rev().flat_map(cut).filter(|freeze| freeze.until.is_none_or(|until| until >= freeze.from)).collect::<Vec<_>>());
        let clock_of_pieces = Clock { freezes: &pieces, ..clock };
        prop_assert!(clock_of_pieces.elapsed(then) <= clock.elapsed(then));
    }

    #[test]
    fn what_is_reached_has_elapsed_and_no_second_earlier(
        freezes in freezes(), held in held(), detected_at in moment(), target in 1..400 * DAY,
    ) {
        let freezes = Freezes::from(freezes);
        let clock = clock(detected_at, Some(detected_at), &freezes, held);
        match clock.reaches(target) {
            Some(at) => prop_assert!(clock.elapsed(at) == target && clock.elapsed(at.plus(-1)) < target),
            None => prop_assert!(clock.elapsed(Timestamp(START + 10_000 * DAY)) < target),
        }
    }

    #[test]
    fn a_change_of_rules_makes_nothing_stricter_for_as_long_as_the_stage_would_have_lasted(
        ladders in (any_ladder(), prop_oneof![rising(), any_ladder()]), freezes in freezes(), spell in spell(), waves in (option::of(moment()), option::of(moment())),
        age in 0..400 * DAY, later in vec(0..60 * DAY, 8),
    ) {
        let now = spell.detected_at.plus(age);
        let freezes = Freezes::from(freezes);
        let policy = |ladder, wave: Option<Timestamp>| {
            let waves = [("Exchange Server 2016".to_owned(), wave.map(Timestamp::date))].into();
            Policy { ladder, waves, ..enforcing() }
        };
        let (old, new) = (policy(ladders.0, waves.0), policy(ladders.1, waves.1));
        let (before, after) = (Rules::new(facts(), &old, &freezes).unwrap(), Rules::new(facts(), &new, &freezes).unwrap());
        let mut server = in_spell(&spell, &[OLD], now);
        let way = MailRoute { connector: Connector::OnPremises, relayed: false };
        let changed = apply_rules_change(&mut server, &RulesChange { before, after, way, now });
        let held = *server.spell().unwrap();
        prop_assert_eq!(changed, held != spell);
        prop_assert!(held.held >= spell.held && held.open_until >= spell.open_until);

        let clock = before.clock(&spell, build(OLD));
        let rung = old.ladder.at(clock.elapsed(now));
        let waits = (clock.elapsed(now) < 0 || !clock.has_started(now)) && !rung.minutes.is_open();
        let ends = if waits { clock.closes_from() } else { rung.end.and_then(|end| clock.reaches(end)) };
        // what would never have ended keeps the days of notice
        let lasts = ends.unwrap_or(now.plus(NOTICE_SECONDS));
        for then in later.into_iter().map(|later| now.plus(later)).chain([now, lasts.plus(-1)]).filter(|then| *then < lasts) {
            let was = current_stage(Some(&spell), build(OLD), &DecisionContext::new(before, then)).minutes;
            let is = current_stage(Some(&held), build(OLD), &DecisionContext::new(after, then)).minutes;
            prop_assert!(!is.is_stricter_than(was), "{was:?} becomes {is:?} at {then}");
        }
        // a change that changes nothing holds nothing; one that goes down again is read, but no policy can have it any more
        let rises = new.ladder.rungs().zip(new.ladder.rungs().skip(1)).all(|(one, next)| !one.minutes.is_stricter_than(next.minutes));
        let again = apply_rules_change(&mut server, &RulesChange { before: after, after, way, now });
        prop_assert!(!rises || !again);
        prop_assert!(!rises || server.spell() == Some(&held));
    }

    #[test]
    fn the_best_of_what_a_name_showed_is_never_forgotten_for_something_worse(
        steps in vec((-3 * DAY..9 * DAY, 0..40u16, any::<bool>(), 0..80u8), 1..60),
    ) {
        let (policy, freezes) = (enforcing(), Freezes::default());
        let rules = Rules::new(facts(), &policy, &freezes).unwrap();
        let mut record = ServerRecord::default();
        let mut heard: Vec<Sighting> = Vec::new();
        let mut newest = Timestamp(START);
        for ((pause, revision, lane_only, node), fingerprint) in steps.into_iter().zip(0..) {
            let at = newest.plus(pause);
            newest = newest.max(at);
            let shown = if lane_only { Shown::Lane(Build::new(15, 1, 2507, 0)) } else { Shown::Update(Build::new(15, 1, 2507, 30 + revision)) };
            let node = Node(Some(IpAddr::from([10, 0, 1, node])));
            let sighting = Sighting { node, ..at_name(at, shown, fingerprint, true) };
            record.observe(&sighting, &rules);
            heard.push(sighting);

            let mut by_arrival = heard.clone();
            by_arrival.sort_by_key(|seen| seen.at);
            let last_eight = by_arrival.iter().rev().take(MAX_MESSAGES).filter(|seen| newest.since(seen.at) <= WITNESS_SECONDS);
            let lately = by_arrival.iter().filter(|seen| newest.since(seen.at) <= BUILD_SECONDS);
            let rank = |shown: Shown| match rules.assess(shown, newest) {
                Standing::Current(_) => 2,
                Standing::OutOfDate(_) => 1,
                Standing::Unknown(_) => 0,
            };
            let best = lately.chain(last_eight).filter_map(|seen| Some((rank(seen.shown), seen.shown.build()?))).max();
            let found = record.standing(&rules, newest).map(|(build, standing)| {
                let rank = match standing { Standing::Current(_) => 2, Standing::OutOfDate(_) => 1, Standing::Unknown(_) => 0 };
                (rank, build)
            });
            prop_assert_eq!(found, best);

            let stored = serde_json::to_value(&record).unwrap();
            let count = |name: &str| stored[name].as_array().map_or(0, Vec::len);
            prop_assert!(count("nodes") <= MAX_NODES && count("builds") <= MAX_BUILDS && count("messages") <= MAX_MESSAGES);
            prop_assert!(record.nodes().iter().all(|node| node.builds.len() <= MAX_NODE_BUILDS));
            prop_assert_eq!(serde_json::from_value::<ServerRecord>(stored).unwrap(), record.clone());
        }
    }

    #[test]
    fn the_edge_judges_a_name_as_the_ledger_does_or_accepts(
        steps in vec((0..9 * DAY, prop::sample::select(vec![OLD, PATCHED, "15.1.2507.12", "15.2.1748.26", "15.2.1544.36"])), 2..30),
        later in 0..60 * DAY, in_hand in prop::sample::select(vec![OLD, "15.1.2507.12", "15.2.1748.26"]),
    ) {
        let (policy, freezes) = (enforcing(), Freezes::default());
        let rules = Rules::new(facts(), &policy, &freezes).unwrap();
        let mut record = ServerRecord::default();
        let mut at = Timestamp(START);
        for ((pause, text), fingerprint) in steps.into_iter().zip(0..) {
            at = at.plus(pause);
            record.observe(&at_name(at, Shown::Update(build(text)), fingerprint, true), &rules);
        }
        let published = record.phase(at);
        prop_assert_eq!(&serde_json::from_value::<Phase>(serde_json::to_value(&published).unwrap()).unwrap(), &published);
        let now = at.plus(later);
        let in_hand = Shown::Update(build(in_hand));
        let edge = published.best(BestBuild::judge(in_hand, &rules, now).unwrap(), &rules, now).unwrap();
        record.observe(&at_name(now, in_hand, u64::MAX, true), &rules);
        let (ledger, standing) = record.standing(&rules, now).unwrap();
        if published.spell.is_some() {
            prop_assert!(edge.build == ledger || edge.standing.is_current() || edge.build > ledger);
            prop_assert!(standing.is_out_of_date() || edge.standing.is_current(), "the edge condemns what the ledger accepts");
        } else {
            let message = event(hop_at(OLD, now).into_bytes());
            prop_assert_eq!(decide_on(&message, &policy, &freezes, facts(), Some(&published), now).action, Action::Accept);
        }
    }

    #[test]
    fn nobody_is_refused_without_two_messages_and_seven_days_of_notice_since(
        steps in vec((0..20 * DAY, 0..8u8, 0..12u64, any::<bool>(), 0..60u8), 1..60), ladder in any_ladder(), freezes in freezes(),
    ) {
        let (policy, freezes) = (Policy { ladder, ..enforcing() }, Freezes::from(freezes));
        let rules = Rules::new(facts(), &policy, &freezes).unwrap();
        let (mut record, mut published) = (ServerRecord::default(), Phase::default());
        let mut at = Timestamp(START);
        let mut stopped: Option<(i64, Timestamp)> = None;
        // out-of-date messages since the last acceptable one
        let mut accusing: Vec<Sighting> = Vec::new();
        for (pause, what, fingerprint, in_reach, minute) in steps {
            at = at.plus(pause);
            let shown = match what {
                0 => Shown::Update(build(PATCHED)),
                1 => Shown::Product(build(OLD)),
                _ => Shown::Update(build(OLD)),
            };
            // whatever the server's offset in the hour
            let now = at.plus(i64::from(minute) * MINUTE);
            let message = event(hop_at(OLD, now).into_bytes());
            if decide_on(&message, &policy, &freezes, facts(), Some(&published), now).action != Action::Accept {
                let second = accusing.iter().find(|other| other.fingerprint != accusing[0].fingerprint).unwrap();
                prop_assert!(now.since(second.at) >= NOTICE_SECONDS, "{now}: second at {}", second.at);
                let reached = accusing.iter().find(|other| other.in_reach).unwrap();
                prop_assert!(now.since(reached.at) >= NOTICE_SECONDS, "{now}: first in reach at {}", reached.at);
                prop_assert!(now >= published.spell.unwrap().open_until);
            }
            let elapsed = |record: &ServerRecord, at| record.spell().map(|spell| rules.clock(spell, build(OLD)).elapsed(at));
            let before = elapsed(&record, at);
            let sighting = at_name(at, shown, fingerprint, in_reach);
            let standing = rules.assess(shown, at);
            for transition in record.observe(&sighting, &rules) {
                match transition.kind {
                    TransitionKind::Patched => stopped = before.map(|elapsed| (elapsed, at)),
                    TransitionKind::Silent => {
                        accusing.clear();
                        stopped = None;
                    }
                    TransitionKind::Detected | TransitionKind::Resumed => {
                        let first = transition.at;
                        prop_assert!(at.since(first) <= WITNESS_SECONDS);
                        prop_assert!(record.spell().unwrap().open_until >= at.plus(NOTICE_SECONDS));
                        if transition.kind == TransitionKind::Resumed && let Some((counted, ended)) = stopped {
                            prop_assert!(first.since(ended) <= RESUMES_AFTER_PATCH_SECONDS);
                            prop_assert_eq!(elapsed(&record, first), Some(counted));
                        }
                    }
                }
            }
            if record.standing(&rules, at).is_some_and(|(_, best)| best.is_out_of_date()) && standing.is_out_of_date() {
                accusing.push(sighting);
            } else if standing.is_current() {
                accusing.clear();
                prop_assert!(record.spell().is_none(), "an acceptable message ends a spell at once");
            }
            let phase = record.phase(at);
            if phase.supersedes(&published) {
                published = phase;
            }
        }
    }
}

#[test]
fn the_offset_of_a_server_is_pinned() {
    // FNV-1a 64 of `contoso\0ex01.contoso.com` and the like, mod 60, computed elsewhere
    for (tenant, server, expected) in OFFSETS {
        assert_eq!(
            tidegate_engine::window_offset(&tenant.parse().unwrap(), &server.to_owned().try_into().unwrap()),
            expected,
            "{server}"
        );
    }
}

const OFFSETS: [(&str, &str, u8); 3] =
    [("contoso", "ex01.contoso.com", 20), ("contoso", "ex01.contoso.com@203.0.113.7", 27), ("a", "b", 54)];
