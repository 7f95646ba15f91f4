//! The decision on one message, with everything that explains it.

use crate::action::Action;
use crate::baseline::{CurrentReason, Failing, OutOfDateReason, Standing, UnknownReason};
use crate::event::MailEvent;
use crate::evidence::Evidence;
use crate::looked_up::LookedUp;
use crate::named::NamedServer;
use crate::obstacle::{self, Obstacle};
use crate::policy::Mode;
use crate::progress::{DecisionContext, Stage, current_stage};
use crate::recognition::{ConnectingServer, Finding, Recognition};
use crate::reply::{Reply, ReplyValues};
use crate::rules::Rules;
use crate::time::{HOUR, Timestamp};
use crate::window::{window_action, window_offset, window_retry_after};
use crate::witness::BestBuild;
use crate::words::{self, Account, Why};

/// Seconds between a message's stamp and its arrival above which it is deferred where it would be rejected.
pub(crate) const QUEUED_SECONDS: i64 = HOUR;

/// What becomes of a message, and why.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// What the gateway does with the message.
    pub action: Action,
    /// `None` for an accept.
    pub reply: Option<Reply>,
    /// Seconds until the next open minute, for a defer or reject that has one.
    pub retry_after: Option<i64>,
    /// The connecting server; `None` where none was recognised.
    pub server: Option<NamedServer<'a>>,
    /// How it stands by this message, or why that cannot be said.
    pub state: MessageStanding,
    /// Where an out-of-date server stands on the ladder.
    pub stage: Option<Stage>,
    /// `None` where no server was recognised, so that no policy was asked.
    pub mode: Option<Mode>,
    /// What enforcement without pause or exemption would do.
    pub would: Action,
    /// The end of the tenant's pause.
    pub paused_until: Option<Timestamp>,
    /// The end of the server's exemption.
    pub exempt_until: Option<Timestamp>,
    /// The `Received` field on which all this rests.
    pub evidence: Option<&'a Evidence<'a>>,
    /// The same in sentences, for people.
    pub why: Why<'a>,
}

/// The standing of the connecting server by the build in this message, or why there is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageStanding {
    /// The standing of its build.
    Judged(Standing),
    /// The server is Exchange, or may be, and cannot be told from others.
    Unidentified(UnidentifiedReason),
    /// No on-premises Exchange server hands the message over.
    NotExchange(NotExchangeReason),
    /// Nothing could be judged for a fault of ours.
    Undecided,
}

/// Why a server cannot be told from others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnidentifiedReason {
    /// Its field cannot be read.
    UnreadableField,
    /// As many fields as the gateway claims as its own are not its own.
    OwnHopsDisagree,
    /// Its name cannot identify a server, or nobody vouches for it.
    Nameless,
    /// Exchange 2000, Exchange 2003 or plain IIS, whose fields show no build.
    LegacySmtp,
}

/// Why the connecting server is not an on-premises Exchange server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotExchangeReason {
    /// There is no `Received` field below the own and the relays'.
    NoReceived,
    /// Its field is other software's.
    OtherSoftware,
    /// Its field is Exchange Online's.
    ExchangeOnline,
}

impl MessageStanding {
    /// `current`, `out_of_date`, `unknown` or `not_exchange`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Judged(Standing::Current(_)) => "current",
            Self::Judged(Standing::OutOfDate(_)) => "out_of_date",
            Self::Judged(Standing::Unknown(_)) | Self::Unidentified(_) | Self::Undecided => "unknown",
            Self::NotExchange(_) => "not_exchange",
        }
    }

    /// The rule that led to it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Judged(Standing::Current(pass)) => match pass {
                CurrentReason::MeetsBaseline => "meets_baseline",
                CurrentReason::AheadOfCatalog => "ahead_of_catalog",
                CurrentReason::NoRequirement => "no_requirement",
            },
            Self::Judged(Standing::OutOfDate(failing)) => match failing.reason {
                OutOfDateReason::Unsupported => "unsupported",
                OutOfDateReason::BehindOnUpdates => "behind_on_updates",
                OutOfDateReason::LaneNotAccepted => "lane_not_accepted",
            },
            Self::Judged(Standing::Unknown(doubt)) => match doubt {
                UnknownReason::NoBuild => "no_build",
                UnknownReason::ComponentsDisagree => "components_disagree",
                UnknownReason::UpdateLevelNotShown => "update_level_not_shown",
                UnknownReason::ExtendedSupportNotShown => "extended_support_not_shown",
                UnknownReason::UnknownProduct => "unknown_product",
                UnknownReason::UnknownLane => "unknown_lane",
            },
            Self::Unidentified(UnidentifiedReason::UnreadableField) => "unreadable_field",
            Self::Unidentified(UnidentifiedReason::OwnHopsDisagree) => "own_hops",
            Self::Unidentified(UnidentifiedReason::Nameless) => "nameless_server",
            Self::Unidentified(UnidentifiedReason::LegacySmtp) => "legacy_smtp",
            Self::NotExchange(NotExchangeReason::NoReceived) => "no_received",
            Self::NotExchange(NotExchangeReason::OtherSoftware) => "other_software",
            Self::NotExchange(NotExchangeReason::ExchangeOnline) => "exchange_online",
            Self::Undecided => "undecided",
        }
    }

    /// What an out-of-date server fails; `None` for any other.
    pub const fn failing(self) -> Option<Failing> {
        match self {
            Self::Judged(Standing::OutOfDate(failing)) => Some(failing),
            _ => None,
        }
    }
}

/// Decides on a message that shows no on-premises Exchange server, which needs no policy.
/// `None` if it does show one: then [`decide`] has to.
pub fn decide_without_server<'a>(event: &'a MailEvent<'a>, recognition: &'a Recognition<'a>) -> Option<Decision<'a>> {
    let finding = &recognition.finding;
    let state = match finding {
        Finding::Server(_) => return None,
        Finding::NoHop => MessageStanding::NotExchange(NotExchangeReason::NoReceived),
        Finding::NotExchange(_) => MessageStanding::NotExchange(NotExchangeReason::OtherSoftware),
        Finding::ExchangeOnline(_) => MessageStanding::NotExchange(NotExchangeReason::ExchangeOnline),
        Finding::OwnHopsDisagree(..) => MessageStanding::Unidentified(UnidentifiedReason::OwnHopsDisagree),
        Finding::Unreadable(..) => MessageStanding::Unidentified(UnidentifiedReason::UnreadableField),
        Finding::LegacySmtp(_) => MessageStanding::Unidentified(UnidentifiedReason::LegacySmtp),
        Finding::Nameless(_) => MessageStanding::Unidentified(UnidentifiedReason::Nameless),
    };
    Some(accept(state, finding.evidence(), Why::without_server(event, finding)))
}

/// Accepts for a fault of our own: nothing stored could be had to judge by, or not even the event was read.
pub fn accept_undecided<'a>(
    event: Option<&'a MailEvent<'a>>,
    recognition: Option<&'a Recognition<'a>>,
    why: &'a str,
) -> Decision<'a> {
    let evidence = recognition.and_then(Recognition::server).map(|server| &server.evidence);
    accept(MessageStanding::Undecided, evidence, Why::undecided(event, why))
}

fn accept<'a>(state: MessageStanding, evidence: Option<&'a Evidence<'a>>, why: Why<'a>) -> Decision<'a> {
    Decision {
        action: Action::Accept,
        reply: None,
        retry_after: None,
        server: None,
        state,
        stage: None,
        mode: None,
        would: Action::Accept,
        paused_until: None,
        exempt_until: None,
        evidence,
        why,
    }
}

/// Decides on a message handed over by `server`.
pub fn decide<'a>(
    event: &'a MailEvent<'a>,
    server: &'a ConnectingServer<'a>,
    behind_relay: bool,
    context: &DecisionContext<'a>,
) -> Decision<'a> {
    let DecisionContext { rules, now, .. } = *context;
    let mode = context.mode();
    let shown = rules.look_up(server.shown);
    let standing = rules.assess_message(&shown, server.other_component, now);
    let spell = context.phase.and_then(|phase| phase.running_spell(now));
    let failing = match (standing, server.shown.build()) {
        (Standing::OutOfDate(_), Some(build)) => Some(BestBuild { shown: server.shown, build, standing }),
        _ => None,
    };
    let stage = failing.map(|failing| current_stage(spell, failing.build, context));
    let recipients = event.recipients.iter().map(AsRef::as_ref);
    let mut obstacle = stage.zip(failing).and_then(|(stage, failing)| {
        let doubt = || doubt(failing, &shown, context);
        obstacle::shield(&stage, event.connector, context, doubt, || rules.policy.accepts_always(recipients))
    });
    let (in_window, retry_after) = match stage {
        Some(stage) if obstacle.is_none() => {
            let offset = window_offset(&event.tenant, &server.id);
            (window_action(stage.minutes, offset, now), window_retry_after(stage.minutes, offset, now))
        }
        _ => (Action::Accept, None),
    };
    let would = soften(in_window, server.stamped_at, now);
    let has_waited = would != in_window;
    if would != Action::Accept {
        let in_reach = spell.is_some_and(|spell| spell.is_in_reach(now));
        obstacle = obstacle::lift(behind_relay, in_reach, context);
    }
    let action = if obstacle.is_none() { would } else { Action::Accept };
    let named = NamedServer::new(server, shown);
    let retry_after = retry_after.filter(|_| action != Action::Accept);
    let reply = stage.and_then(|stage| reply(action, &named, standing, &stage, retry_after, &rules));
    Decision {
        action,
        reply,
        retry_after,
        server: Some(named),
        state: MessageStanding::Judged(standing),
        stage,
        mode: Some(mode),
        would,
        paused_until: context.paused_until,
        exempt_until: context.exempt_until,
        evidence: Some(&server.evidence),
        why: Why::decided(event, Account { server: named, standing, stage, obstacle, has_waited }),
    }
}

/// Why the stored record does not condemn a server whose message is out of date. `shown`: what that message shows.
fn doubt(in_hand: BestBuild, shown: &LookedUp<'_>, context: &DecisionContext<'_>) -> Option<Obstacle> {
    let DecisionContext { rules, phase, now, .. } = *context;
    let Some((phase, spell)) = phase.and_then(|phase| Some((phase, phase.running_spell(now)?))) else {
        return Some(Obstacle::OneWitness);
    };
    match phase.best(in_hand, &rules, now) {
        Some(best) if best.standing.is_out_of_date() => {}
        Some(best) => return Some(Obstacle::BetterBuild(best.build)),
        None => return Some(Obstacle::OneWitness),
    }
    if spell.suspended_since.is_some() {
        return Some(Obstacle::Grace);
    }
    let others = phase.lately(now).filter(|other| *other != shown.shown).map(|other| rules.look_up(other));
    others.chain([*shown]).any(|shown| rules.has_grace(&shown, now)).then_some(Obstacle::Grace)
}

/// Rejects no message that may have been stamped before the server was patched: one that waited in its queue for over an
/// hour, or bears no date, is deferred, and so not lost.
fn soften(action: Action, stamped_at: Option<Timestamp>, now: Timestamp) -> Action {
    let is_old = stamped_at.is_none_or(|stamped_at| now.since(stamped_at) > QUEUED_SECONDS);
    if action == Action::Reject && is_old { Action::Defer } else { action }
}

fn reply(
    action: Action,
    server: &NamedServer<'_>,
    standing: Standing,
    stage: &Stage,
    retry_after: Option<i64>,
    rules: &Rules<'_>,
) -> Option<Reply> {
    let policy = rules.policy;
    let (template, minutes) = match action {
        Action::Accept => return None,
        // minutes that reject also defer: what has waited in a queue
        Action::Defer if stage.minutes.throttle() == 0 => (&policy.reply.throttle, stage.minutes.block()),
        Action::Defer => (&policy.reply.throttle, stage.minutes.throttle()),
        Action::Reject => (&policy.reply.block, stage.minutes.block()),
    };
    let required = MessageStanding::Judged(standing).failing().and_then(|failing| failing.required);
    let values = ReplyValues {
        operator: policy.operator.as_str(),
        help_url: policy.help_url.as_ref().map(|url| url.as_str()),
        minutes,
        server: server.id.as_str(),
        build: &words::Or(server.build(), "unknown"),
        required: &words::Or(required, "a supported version"),
        stage: stage.number,
        next_change: &words::Or(stage.next.and_then(|next| next.at), "none"),
        retry_after: &words::Or(retry_after, "none"),
    };
    Reply::new(action, template, &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Freeze, Freezes};
    use crate::event::Connector;
    use crate::header::Header;
    use crate::policy::{Facts, Policy};
    use crate::recognition::recognise;
    use crate::record::ServerRecord;
    use crate::shown::Shown;
    use crate::spell::Spell;
    use crate::time::{DAY, MINUTE};
    use crate::witness::Sighting;

    const DETECTED: &str = "2026-09-10T08:15:08Z";
    const HEADER: &str = "Received: from app (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; Thu, 10 Sep 2026 10:15:08 +0200\r\n";

    fn event(header: &str) -> MailEvent<'_> {
        MailEvent {
            tenant: "contoso".parse().unwrap(),
            connector: Connector::OnPremises,
            client_ip: "203.0.113.7".parse().ok(),
            client_auth: None,
            own_hops: 0,
            recipients: vec!["ben@example.org".into()],
            header: Header::Block(header.as_bytes().into()),
        }
    }

    /// Everything that a decision depends on, as it is for a server that is to be rejected at every minute.
    struct World {
        facts: Facts,
        policy: Policy,
        freezes: Freezes,
        ceiling: Mode,
        known: bool,
        in_reach: bool,
        behind_relay: bool,
        /// Seconds since the message was stamped.
        queued: i64,
        days: i64,
        seconds: i64,
    }

    impl Default for World {
        fn default() -> Self {
            let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
            let (facts, freezes) = (Facts::built_in(), Freezes::default());
            Self {
                facts,
                policy,
                freezes,
                ceiling: Mode::Enforce,
                known: true,
                in_reach: true,
                behind_relay: false,
                queued: 0,
                days: 95,
                seconds: 0,
            }
        }
    }

    impl World {
        fn now(&self) -> Timestamp {
            detected().plus(self.days * DAY + self.seconds)
        }

        /// Hands the decision on, which borrows from all that it rests on.
        fn decide<T>(&self, event: &MailEvent<'_>, look: impl FnOnce(&Decision<'_>) -> T) -> T {
            let rules = Rules::new(&self.facts, &self.policy, &self.freezes).unwrap();
            let recognition = recognise(event, &[], &self.facts.catalog);
            let Finding::Server(server) = &recognition.finding else { panic!("no server") };
            let mut record = ServerRecord::default();
            let shown = Shown::Update("15.1.2507.39".parse().unwrap());
            let node = crate::identity::Node("10.0.0.5".parse().ok());
            for fingerprint in 0..2 {
                let sighting =
                    Sighting { at: detected(), node, shown, other_component: None, fingerprint, in_reach: true };
                record.observe(&sighting, &rules);
            }
            let spell = record.spell_mut().unwrap();
            (spell.last_out_of_date, spell.last_in_reach) = (self.now(), Some(self.now()).filter(|_| self.in_reach));
            let phase = Some(record.phase(self.now())).filter(|_| self.known);
            let stamped_at = Some(self.now().plus(-self.queued));
            let server = &ConnectingServer { stamped_at, ..server.clone() };
            let context = DecisionContext {
                ceiling: self.ceiling,
                phase: phase.as_ref(),
                ..DecisionContext::new(rules, self.now())
            };
            look(&decide(event, server, self.behind_relay, &context))
        }
    }

    fn detected() -> Timestamp {
        DETECTED.parse().unwrap()
    }

    #[test]
    fn only_a_server_against_whom_all_speaks_is_rejected() {
        type Change = fn(&mut World, &mut MailEvent<'_>);
        let changes: [(&str, Change, Action, Action); 13] = [
            ("nothing", |_, _| {}, Action::Reject, Action::Reject),
            (
                "its patch",
                |_, e| e.header = Header::Block(HEADER.replace(".39", ".61").into_bytes().into()),
                Action::Accept,
                Action::Accept,
            ),
            (
                "no build",
                |_, e| e.header = Header::Block(HEADER.replace(" id 15.1.2507.39", "").into_bytes().into()),
                Action::Accept,
                Action::Accept,
            ),
            (
                "another machine",
                |_, e| e.header = Header::Block(HEADER.replace("10.0.0.5", "10.0.0.6").into_bytes().into()),
                Action::Reject,
                Action::Reject,
            ),
            ("reported only until now", |w, _| w.in_reach = false, Action::Accept, Action::Reject),
            ("an hour in its queue", |w, _| w.queued = QUEUED_SECONDS + 1, Action::Defer, Action::Defer),
            ("nothing known", |w, _| w.known = false, Action::Accept, Action::Accept),
            ("scope", |w, _| w.policy.scope.clear(), Action::Accept, Action::Accept),
            ("recipients", |_, e| e.recipients = vec!["Abuse@example.org".into()], Action::Accept, Action::Accept),
            ("relay", |w, _| w.behind_relay = true, Action::Accept, Action::Reject),
            (
                "relay, yet enforced",
                |w, _| (w.behind_relay, w.policy.enforce_behind_relays) = (true, true),
                Action::Reject,
                Action::Reject,
            ),
            ("mode", |w, _| w.policy.mode = Mode::Report, Action::Accept, Action::Reject),
            ("ceiling", |w, _| w.ceiling = Mode::Off, Action::Accept, Action::Reject),
        ];
        for (what, change, action, would) in changes {
            let (mut world, mut event) = (World::default(), event(HEADER));
            change(&mut world, &mut event);
            world.decide(&event, |decision| {
                assert_eq!((decision.action, decision.would), (action, would), "{what}");
                assert_eq!(decision.reply.is_some(), action != Action::Accept, "{what}");
                assert_eq!(
                    decision.why.to_string().contains("Accepted:"),
                    decision.stage.is_some() && action == Action::Accept,
                    "{what}: {}",
                    decision.why
                );
            });
        }
    }

    #[test]
    fn every_stage_begins_at_its_second() {
        let boundaries = [0, 30, 40, 50, 60, 70, 80, 90];
        for (number, days) in (1u8..).zip(boundaries) {
            let stage_at = |seconds| {
                let world = World { days, seconds, ..World::default() };
                world.decide(&event(HEADER), |decision| decision.stage).unwrap()
            };
            let stage = stage_at(0);
            assert_eq!((stage.number, stage.of, stage.since), (number, 8, detected().plus(days * DAY)));
            let next = boundaries.get(usize::from(number)).map(|next| (number + 1, Some(detected().plus(next * DAY))));
            assert_eq!(stage.next.map(|next| (next.number, next.at)), next);
            if days > 0 {
                assert_eq!(stage_at(-1).number, number - 1);
            }
        }
    }

    #[test]
    fn a_freeze_moves_what_comes_after_it() {
        let freeze = Freeze { from: detected().plus(35 * DAY), until: Some(detected().plus(45 * DAY)) };
        let freezes: Freezes = vec![freeze].into();
        let stage = |days, freezes: &Freezes| {
            let world = World { days, freezes: freezes.clone(), ..World::default() };
            let stage = world.decide(&event(HEADER), |decision| decision.stage).unwrap();
            (stage.number, stage.next.and_then(|next| next.at).map(|at| at.since(detected()) / DAY))
        };
        assert_eq!(stage(34, &freezes), (2, Some(50)));
        assert_eq!(stage(49, &freezes), (2, Some(50)));
        assert_eq!(stage(50, &freezes), (3, Some(60)));
        let until_further_notice: Freezes = vec![Freeze { until: None, ..freeze }].into();
        assert_eq!(stage(49, &until_further_notice), (2, None));
    }

    #[test]
    fn the_answer_is_the_one_that_the_design_shows() {
        let mut world = World { days: 31, ..World::default() };
        world.policy.operator = "Example Mail".to_owned().try_into().unwrap();
        let event = event(HEADER);
        let server = match recognise(&event, &[], &world.facts.catalog).finding {
            Finding::Server(server) => server.id,
            _ => panic!("no server"),
        };
        let offset = window_offset(&event.tenant, &server);
        let minute = i64::from(60 - offset + 1) % 60; // the second of the five
        world.seconds = (minute * MINUTE - detected().0.rem_euclid(3_600)).rem_euclid(3_600);
        world.decide(&event, |decision| {
        assert_eq!((decision.action, decision.retry_after), (Action::Defer, Some(4 * MINUTE)));
        assert_eq!(
            decision.reply.as_ref().unwrap().text,
            "Connecting Exchange server version is out-of-date; connection to Example Mail throttled for 5 mins/hr."
        );
        assert_eq!(
            decision.why.to_string(),
            "EX01.contoso.com runs Exchange Server 2016 CU23 Apr24HU; 15.1.2507.61 or later is required. Stage 2 of 8."
        );
        assert_eq!(
            decision.evidence.unwrap().text(),
            "by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39"
        );
        let failing = decision.state.failing().unwrap();
        assert_eq!((failing.behind_days, decision.state.reason()), (Some(539), "behind_on_updates"));
        });
    }

    #[test]
    fn a_product_without_a_wave_is_reported_and_its_clock_does_not_run() {
        let mut world = World::default();
        world.policy.waves = [("Exchange Server 2016".to_owned(), None)].into();
        let event = event(HEADER);
        world.decide(&event, |decision| {
            assert_eq!(
                (decision.action, decision.would, decision.state.as_str()),
                (Action::Accept, Action::Accept, "out_of_date")
            );
            let stage = decision.stage.unwrap();
            assert_eq!((stage.number, stage.next.unwrap().at), (1, None));
        });
    }

    #[test]
    fn what_was_not_read_is_said() {
        let header = format!("{}{HEADER}", "A: 1\r\n".repeat(1_000));
        let event = event(&header);
        let facts = Facts::built_in();
        let recognition = recognise(&event, &[], &facts.catalog);
        let why = decide_without_server(&event, &recognition).unwrap().why.to_string();
        assert_eq!(why, "No `Received` field was found. Only the first 1000 header fields were read.");
        let undecided = accept_undecided(Some(&event), None, "KV is late.");
        assert_eq!(
            (undecided.action, undecided.state.as_str(), undecided.state.reason()),
            (Action::Accept, "unknown", "undecided")
        );
    }

    #[test]
    fn a_ladder_that_begins_with_closed_minutes_is_held_open_too() {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let policy: Policy = serde_json::from_str(
            r#"{"mode":"enforce","ladder":[{"days":1,"throttle_minutes":60,"block_minutes":0},{"throttle_minutes":0,"block_minutes":60}]}"#,
        )
        .unwrap();
        let rules = Rules::new(&facts, &policy, &freezes).unwrap();
        let build = "15.1.2507.39".parse().unwrap();
        let spell = Spell { open_until: detected().plus(7 * DAY), ..Spell::begin(detected()) };
        let at = |seconds: i64| {
            let context = DecisionContext::new(rules, detected().plus(seconds));
            current_stage(Some(&spell), build, &context)
        };
        let held = at(7 * DAY - 1);
        assert!(held.minutes.is_open());
        assert_eq!(held.next.and_then(|next| next.at), Some(detected().plus(7 * DAY)));
        assert_eq!(held.next.map(|next| next.number), Some(2));
        assert_eq!((at(7 * DAY).number, at(7 * DAY).minutes.block()), (2, 60));
    }
}
