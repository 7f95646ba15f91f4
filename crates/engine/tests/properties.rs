//! What holds for every message, ladder, freeze and history.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use std::net::IpAddr;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use tidegate_engine::baseline::Standing;
use tidegate_engine::build::Build;
use tidegate_engine::clock::{Clock, Freeze, Freezes};
use tidegate_engine::decision::{Decision, State, decide, decide_without_server};
use tidegate_engine::event::{Connector, MailEvent};
use tidegate_engine::evidence::MAX_EVIDENCE_BYTES;
use tidegate_engine::header::{Header, MAX_FIELD_BYTES, MAX_FIELDS};
use tidegate_engine::identity::Node;
use tidegate_engine::ladder::{Ladder, Minutes};
use tidegate_engine::mime_ole::produced_by;
use tidegate_engine::policy::{Facts, Mode, Policy, Templates};
use tidegate_engine::progress::{Context, schedule, stage};
use tidegate_engine::received::parse;
use tidegate_engine::recognition::{Finding, recognise, shows_exchange, traces};
use tidegate_engine::relay::TrustedRelay;
use tidegate_engine::reply::{MAX_TEXT, Template};
use tidegate_engine::shown::Shown;
use tidegate_engine::spell::{
    NOTICE_SECONDS, NodePhase, Phase, PhaseBuild, RELAPSE_SECONDS, Rules, ServerRecord, Sighting, Spell,
    TransitionKind, WITNESS_SECONDS, held_after_change,
};
use tidegate_engine::time::{DAY, HOUR, MINUTE, Timestamp};
use tidegate_engine::window::{self, Action};

/// On 2026-09-10; the newest edition of the baseline is in force.
const START: i64 = 1_789_000_000;
const OLD: &str = "15.1.2507.39";
const PATCHED: &str = "15.1.2507.61";

fn facts() -> &'static Facts {
    static FACTS: LazyLock<Facts> = LazyLock::new(|| Facts::built_in());
    &FACTS
}

fn build(text: &str) -> Build {
    text.parse().unwrap()
}

fn minutes() -> impl Strategy<Value = Minutes> {
    (0..=60u8)
        .prop_flat_map(|block| (Just(block), 0..=60 - block))
        .prop_map(|(block, throttle)| Minutes::new(throttle, block).unwrap())
}

/// A ladder whose first stage closes no minute.
fn ladder() -> impl Strategy<Value = Ladder> {
    (1..60_000u32, vec((1..60_000u32, minutes()), 0..8), minutes()).prop_map(|(first, middle, last)| {
        let closed = |minutes: Minutes| (minutes.throttle(), minutes.block());
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
        own_hops: 0,
        recipients: vec!["ben@example.org".into()],
        header: Header::Block(header.into()),
    }
}

fn hop(build: &str) -> String {
    format!("Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id {build}; Mon\r\n")
}

fn enforcing() -> Policy {
    Policy { mode: Mode::Enforce, ..Policy::default() }
}

/// Decides as if `phase` were known of whatever server shows itself.
fn decide_on<'a>(
    event: &'a MailEvent<'_>,
    policy: &Policy,
    freezes: &Freezes,
    facts: &Facts,
    phase: Option<&Phase>,
    now: Timestamp,
) -> Decision<'a> {
    let recognition = recognise(event, &policy.trusted_relays, &facts.catalog);
    let Finding::Server(server) = &recognition.finding else {
        return decide_without_server(event, &recognition).unwrap();
    };
    let rules = Rules::new(facts, policy, freezes).unwrap();
    decide(event, server, recognition.behind_relay, &Context { phase, ..Context::new(rules, now) })
}

/// What may be known of the server that `hop` shows, right or wrong.
fn phase() -> impl Strategy<Value = Phase> {
    let builds = vec(
        prop_oneof![Just(OLD), Just(PATCHED), Just("15.0.1497.2"), Just("15.2.2562.17"), Just("15.1.2000.1")],
        0..4,
    );
    let node = (prop_oneof![Just("10.0.0.5"), Just("10.0.0.6")], builds, any::<bool>());
    let node = node.prop_map(|(address, builds, lane_only)| NodePhase {
        node: Node(address.parse().ok()),
        builds: builds.into_iter().map(|text| PhaseBuild { build: build(text), lane_only }).collect(),
    });
    let spell = (moment(), held(), moment());
    let spell = spell.prop_map(|(detected_at, held, last_out_of_date)| Spell { detected_at, held, last_out_of_date });
    (option::of(spell), vec(node, 0..4)).prop_map(|(spell, nodes)| Phase { spell, nodes })
}

/// A server that has been out of date since `detected_at` and was heard of just now.
fn condemned(detected_at: Timestamp, now: Timestamp) -> Phase {
    let builds = vec![PhaseBuild { build: build(OLD), lane_only: false }];
    Phase {
        spell: Some(Spell { detected_at, held: 0, last_out_of_date: now }),
        nodes: vec![NodePhase { node: Node("10.0.0.5".parse().ok()), builds }],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_stage_never_falls_while_its_spell_runs(
        ladder in ladder(), freezes in freezes(), held in held(), detected_at in moment(), mut times in vec(moment(), 2..20),
    ) {
        let (facts, policy, freezes) = (facts(), Policy { ladder, ..enforcing() }, Freezes::from(freezes));
        let rules = Rules::new(facts, &policy, &freezes).unwrap();
        let spell = Spell { detected_at, held, last_out_of_date: detected_at };
        times.sort();
        let stage = |now| stage(Some(&spell), build(OLD), &Context::new(rules, now));
        let stages: Vec<_> = times.iter().map(|now| stage(*now)).collect();
        prop_assert!(stages.is_sorted_by_key(|stage| stage.number));
        for (stage, now) in stages.iter().zip(&times) {
            prop_assert!(stage.number == 1 || stage.since <= *now);
            prop_assert_eq!(stage.next.map(|next| next.number), (stage.number < stage.of).then_some(stage.number + 1));
            if let Some(at) = stage.next.and_then(|next| next.at) {
                prop_assert!(at > *now || at <= spell.detected_at, "{at} at {now}");
            }
        }
    }

    #[test]
    fn an_hour_has_the_minutes_of_its_stage(minutes in minutes(), offset in 0..60u8, start in moment()) {
        let actions: Vec<_> = (0..60).map(|minute| window::action(minutes, offset, start.plus(minute * MINUTE))).collect();
        let count = |action| u8::try_from(actions.iter().filter(|found| **found == action).count()).unwrap();
        prop_assert_eq!((count(Action::Reject), count(Action::Defer)), (minutes.block(), minutes.throttle()));
    }

    #[test]
    fn a_window_never_blocks_after_it_throttled(minutes in minutes(), offset in 0..60u8, hour in 0..1_000_000i64) {
        // position 0 of the cycle
        let start = Timestamp(hour * HOUR + i64::from((60 - offset) % 60) * MINUTE);
        let action = |minute: i64, second| window::action(minutes, offset, start.plus(minute * MINUTE + second));
        let strictness = |action| match action { Action::Reject => 0, Action::Defer => 1, Action::Accept => 2 };
        let cycle: Vec<_> = (0..60).map(|minute| strictness(action(minute, 0))).collect();
        prop_assert!(cycle.is_sorted(), "{cycle:?}");
        prop_assert!((0..60).all(|minute| action(minute, 0) == action(minute, 59)));
    }

    #[test]
    fn a_retry_after_its_time_is_accepted_and_no_second_earlier(minutes in minutes(), offset in 0..60u8, now in moment()) {
        let action = |now| window::action(minutes, offset, now);
        match window::retry_after(minutes, offset, now) {
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
            let value = format!("from a by b with mapi id {form}; x");
            prop_assert_eq!(parse(value.as_bytes()).unwrap().build, tidegate_engine::received::Stamp::Build(expected));
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
            if let Some(evidence) = &decision.evidence {
                prop_assert!(evidence.text().len() <= MAX_EVIDENCE_BYTES && evidence.field_text().len() <= MAX_EVIDENCE_BYTES);
                prop_assert!(!evidence.field_text().contains(|c: char| c.is_control()));
            }
            prop_assert!(decision.why.len() < 800, "{}", decision.why);
            prop_assert!(decision.server.is_none() || shows_exchange(&event.header, &facts.catalog));
            if let Some(server) = &decision.server {
                prop_assert_eq!(server.id.to_string().try_into(), Ok(server.id.clone()));
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
            let event = MailEvent { own_hops: u8::try_from(*top).unwrap(), ..event.clone() };
            let recognition = recognise(&event, &[], &facts.catalog);
            let found = recognition.server().unwrap();
            prop_assert_eq!((&found.id, found.node, found.shown), (&server.id, server.node, server.shown));
            prop_assert_eq!(&found.evidence, &server.evidence);
        }
        for own_hops in 0..=u8::try_from(event.header.received().count().min(200)).unwrap() {
            let event = MailEvent { own_hops, ..event.clone() };
            let recognition = recognise(&event, &[], &facts.catalog);
            let Some(server) = recognition.server() else { continue };
            let run = servers.iter().rfind(|(top, _)| *top <= own_hops.into());
            prop_assert_eq!(run.map(|(_, run)| &run.id), Some(&server.id));
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
        ladder in ladder(), freezes in freezes(), detected in moment(), age in 0..730 * DAY, held in held(), wave in option::of(moment()),
    ) {
        let now = detected.plus(age);
        let waves = [("Exchange Server 2016".to_owned(), wave.map(Timestamp::date))].into();
        let (policy, freezes) = (Policy { ladder, waves, ..enforcing() }, freezes.into());
        let rules = Rules::new(facts(), &policy, &freezes).unwrap();
        let spell = Spell { detected_at: detected, held, last_out_of_date: now };
        let stage = stage(Some(&spell), build(OLD), &Context::new(rules, now));
        let schedule: Vec<_> = schedule(&spell, build(OLD), &rules).collect();
        prop_assert_eq!(schedule.len(), policy.ladder.len());
        let scheduled = schedule[usize::from(stage.number) - 1];
        prop_assert_eq!((scheduled.number, scheduled.minutes), (stage.number, stage.minutes));
        prop_assert_eq!(scheduled.from, Some(stage.since));
        prop_assert_eq!(scheduled.until, stage.next.and_then(|next| next.at));
        prop_assert!(scheduled.from.is_some_and(|from| from <= now) && scheduled.until.is_none_or(|until| now < until));
        prop_assert!(schedule.windows(2).all(|pair| pair[0].until == pair[1].from));
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
        let event = event(format!("Received: {}; Mon\r\n", clauses.join(" ")).into_bytes());
        let facts = facts();
        let decision = decide_on(&event, &enforcing(), &Freezes::default(), facts, None, Timestamp(START));
        let evidence = decision.evidence.unwrap();
        prop_assert!(!evidence.text().contains("secret") && !evidence.field_text().contains("secret"), "{}", evidence.field_text());
    }

    #[test]
    fn a_patched_server_is_free_whatever_is_known_of_it(phase in phase(), ladder in ladder(), freezes in freezes(), now in moment()) {
        let (facts, policy, event) = (facts(), Policy { ladder, ..enforcing() }, event(hop(PATCHED).into_bytes()));
        let decision = decide_on(&event, &policy, &freezes.into(), facts, Some(&phase), now);
        prop_assert_eq!((decision.action, decision.would, decision.state.as_str()), (Action::Accept, Action::Accept, "current"));
        prop_assert!(decision.stage.is_none() && decision.reply.is_none() && decision.retry_after.is_none());
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
        let (facts, policy, event) = (facts(), Policy { ladder, ..enforcing() }, event(hop(OLD).into_bytes()));
        let decision = decide_on(&event, &policy, &Freezes::default(), facts, Some(&phase), now);
        if decision.action != Action::Accept {
            prop_assert!(matches!(decision.state, State::Judged(Standing::OutOfDate(_))));
            let node = phase.nodes.iter().find(|known| known.node == Node("10.0.0.5".parse().ok())).unwrap();
            prop_assert!(!node.builds.iter().any(|seen| !seen.lane_only && seen.build == build(PATCHED)));
            prop_assert!(node.builds.iter().any(|seen| [OLD, "15.0.1497.2"].contains(&seen.build.to_string().as_str())));
            prop_assert!(phase.spell.unwrap().silent_at() > now);
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
        let Ok(template) = Template::try_from(parts.concat()) else { return Ok(()) };
        let facts = facts();
        let policy = Policy {
            reply: Templates { throttle: template.clone(), block: template },
            operator: operator.try_into().unwrap(),
            help_url: help_url.map(|url| url.try_into().unwrap()),
            ..enforcing()
        };
        let now = Timestamp(START + days * DAY + offset);
        let event = event(hop(OLD).replace("EX01.contoso.com", &host).into_bytes());
        let decision = decide_on(&event, &policy, &Freezes::default(), facts, Some(&condemned(Timestamp(START), now)), now);
        prop_assert_eq!(decision.reply.is_some(), decision.action != Action::Accept);
        if let Some(reply) = decision.reply {
            prop_assert!(!reply.text.trim().is_empty() && reply.text.len() <= MAX_TEXT);
            prop_assert!(reply.text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'%' && octet != b'|'), "{}", reply.text);
            prop_assert_eq!(reply.enhanced.as_bytes()[0], if decision.action == Action::Defer { b'4' } else { b'5' });
        }
    }

    #[test]
    fn elapsed_time_never_falls_and_stands_still_in_a_freeze(
        list in freezes(), held in held(), detected_at in moment(), wave in option::of(moment()), now in moment(), later in 0..200 * DAY,
    ) {
        let freezes = Freezes::from(list.clone());
        let clock = Clock::new(detected_at, wave, &freezes, held);
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
        let clock_of_pieces = Clock::new(detected_at, wave, &pieces, held);
        prop_assert!(clock_of_pieces.elapsed(then) <= clock.elapsed(then));
    }

    #[test]
    fn what_is_reached_has_elapsed_and_no_second_earlier(
        freezes in freezes(), held in held(), detected_at in moment(), target in 1..400 * DAY,
    ) {
        let freezes = Freezes::from(freezes);
        let clock = Clock::new(detected_at, Some(detected_at), &freezes, held);
        match clock.reaches(target) {
            Some(at) => prop_assert!(clock.elapsed(at) == target && clock.elapsed(at.plus(-1)) < target),
            None => prop_assert!(clock.elapsed(Timestamp(START + 10_000 * DAY)) < target),
        }
    }

    #[test]
    fn a_change_of_rules_makes_nothing_stricter_at_once(
        old in ladder(), new in ladder(), old_freezes in freezes(), new_freezes in freezes(), held in held(),
        detected_at in moment(), waves in (moment(), moment()), now in moment(),
    ) {
        let (old_freezes, new_freezes) = (Freezes::from(old_freezes), Freezes::from(new_freezes));
        let before = Clock::new(detected_at, Some(waves.0), &old_freezes, held);
        let after = Clock::new(detected_at, Some(waves.1), &new_freezes, held);
        let raised = held_after_change(Some((&before, &old)), &after, &new, now);
        prop_assert!(raised >= held);
        let after = Clock { held: raised, ..after };
        let (was, is) = (old.at(before.elapsed(now)), new.at(after.elapsed(now)));
        prop_assert!(!is.minutes.is_stricter_than(was.minutes), "{was:?} becomes {is:?}");
        // once is enough
        prop_assert_eq!(held_after_change(Some((&after, &new)), &after, &new, now), raised);
    }

    #[test]
    fn who_is_enforced_for_the_first_time_has_seven_days(
        ladder in ladder(), freezes in freezes(), held in held(), detected_at in moment(), wave in moment(), now in moment(),
    ) {
        let freezes = Freezes::from(freezes);
        let clock = Clock::new(detected_at, Some(wave), &freezes, held);
        let raised = held_after_change(None, &clock, &ladder, now);
        prop_assert!(raised >= held);
        let clock = Clock { held: raised, ..clock };
        if let Some(at) = ladder.first_closed().and_then(|first| clock.reaches(first)) {
            prop_assert!(at >= now.plus(NOTICE_SECONDS), "{at} is too soon after {now}");
            prop_assert!(ladder.at(clock.elapsed(now)).minutes.is_open());
        }
    }

    #[test]
    fn spells_begin_end_and_resume_by_their_rules(steps in vec((0..20 * DAY, 0..4u8, 0..6u64), 1..40), freezes in freezes()) {
        let (facts, policy, freezes) = (facts(), enforcing(), Freezes::from(freezes));
        let rules = Rules::new(facts, &policy, &freezes).unwrap();
        let node = Node(Some(IpAddr::from([10, 0, 0, 5])));
        let mut record = ServerRecord::default();
        let mut at = Timestamp(START);
        let mut accusations: Vec<(Timestamp, u64)> = Vec::new();
        let mut stopped: Option<(i64, Timestamp)> = None;
        for (pause, what, fingerprint) in steps {
            at = at.plus(pause);
            let shown = match what {
                0 => Shown::Update(build(PATCHED)),
                1 => Shown::Product(build(OLD)),
                _ => Shown::Update(build(OLD)),
            };
            let elapsed = |record: &ServerRecord, at| record.spell().map(|spell| rules.clock(spell, build(OLD)).elapsed(at));
            let before = elapsed(&record, at);
            let transitions = record.observe(&Sighting { at, node, shown, fingerprint }, &rules);
            if what >= 2 {
                accusations.push((at, fingerprint));
            }
            for transition in transitions {
                match transition.kind {
                    TransitionKind::Patched => stopped = before.map(|elapsed| (elapsed, at)),
                    TransitionKind::Silent => stopped = None,
                    TransitionKind::Detected | TransitionKind::Resumed => {
                        let first = transition.at;
                        prop_assert!(at.since(first) <= WITNESS_SECONDS);
                        prop_assert!(accusations.iter().any(|(then, other)| *then == first && *other != fingerprint));
                        let soon = stopped.filter(|(_, ended)| first.since(*ended) <= RELAPSE_SECONDS);
                        prop_assert_eq!(transition.kind == TransitionKind::Resumed, soon.is_some());
                        let expected = soon.map_or(0, |(elapsed, _)| elapsed);
                        prop_assert_eq!(elapsed(&record, first), Some(expected));
                    }
                }
            }
            prop_assert!(what != 0 || record.spell().is_none(), "patched, the only machine there is");
        }
    }
}

#[test]
fn the_offset_of_a_server_is_pinned() {
    // FNV-1a 64 of `contoso\0ex01.contoso.com` and the like, mod 60, computed elsewhere
    for (tenant, server, expected) in OFFSETS {
        assert_eq!(
            window::offset(&tenant.parse().unwrap(), &server.to_owned().try_into().unwrap()),
            expected,
            "{server}"
        );
    }
}

const OFFSETS: [(&str, &str, u8); 3] =
    [("contoso", "ex01.contoso.com", 20), ("contoso", "ex01.contoso.com@203.0.113.7", 27), ("a", "b", 54)];
