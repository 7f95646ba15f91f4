//! The answer of [`POST /v1/decide`](super), and the parts of it that reports show as well.

use std::fmt;

use serde::Serialize;
use tidegate_engine::StageEffect;
use tidegate_engine::Timestamp;
use tidegate_engine::{CatalogNames, NamedServer, Why};
use tidegate_engine::{Decision, MessageStanding};
use tidegate_engine::{Evidence, Telling};
use tidegate_engine::{NextStage, Stage};

use crate::writer::{Word, WriteJson, json_document, write_displayed};

/// What the answer says beside the decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// Something of ours failed, and the answer is accept for that.
    pub degraded: bool,
    /// The observation is written down.
    pub recorded: bool,
}

/// Octets that nearly all answers have room in.
const ANSWER_BYTES: usize = 1_536;

/// The answer as JSON.
pub fn answer(decision: &Decision<'_>, circumstances: Circumstances) -> Vec<u8> {
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    AnswerDocument::new(decision, circumstances).write_json(&mut answer);
    answer
}

json_document! {
    struct AnswerDocument<'a> {
        action: Word,
        reply: Option<ReplyDocument<'a>>,
        retry_after: Option<i64>,
        server: Option<ServerDocument<'a>>,
        standing: StandingDocument,
        stage: Option<StageDocument>,
        mode: Option<Word>,
        would: Word,
        paused_until: Option<Written<Timestamp>>,
        exempt_until: Option<Written<Timestamp>>,
        degraded: bool,
        recorded: bool,
        evidence: Option<EvidenceDocument<'a>>,
        why: Written<Why<'a>>,
    }
}

impl<'a> AnswerDocument<'a> {
    fn new(decision: &'a Decision<'_>, circumstances: Circumstances) -> Self {
        Self {
            action: Word(decision.action.as_str()),
            reply: decision.reply.as_ref().map(|reply| ReplyDocument {
                code: reply.code,
                enhanced: Word(reply.enhanced),
                text: &reply.text,
            }),
            retry_after: decision.retry_after,
            server: decision.server.as_ref().map(ServerDocument::new),
            standing: StandingDocument::new(decision.state),
            stage: decision.stage.map(StageDocument::new),
            mode: decision.mode.map(|mode| Word(mode.as_str())),
            would: Word(decision.would.as_str()),
            paused_until: decision.paused_until.map(Written),
            exempt_until: decision.exempt_until.map(Written),
            degraded: circumstances.degraded,
            recorded: circumstances.recorded,
            evidence: decision.evidence.map(EvidenceDocument::new),
            why: Written(decision.why),
        }
    }
}

json_document! {
    struct ReplyDocument<'a> {
        code: u16,
        enhanced: Word,
        text: &'a str,
    }
}

json_document! {
    struct ServerDocument<'a> {
        id: &'a str,
        name: &'a str,
        build: Option<Written<tidegate_engine::Build>>,
        product: Option<&'a str>,
        cu: Option<&'a str>,
        su: Option<&'a str>,
    }
}

impl<'a> ServerDocument<'a> {
    fn new(server: &NamedServer<'a>) -> Self {
        let CatalogNames { product, cu, su, .. } = server.names();
        Self { id: server.id.as_str(), name: server.name, build: server.build().map(Written), product, cu, su }
    }
}

json_document! {
    /// A standing as answers and reports show it.
    pub struct StandingDocument {
        state: Word,
        reason: Word,
        required: Option<Written<tidegate_engine::Build>>,
        behind_days: Option<i64>,
    }
}

impl StandingDocument {
    pub fn new(state: MessageStanding) -> Self {
        let failing = state.failing();
        Self {
            state: Word(state.as_str()),
            reason: Word(state.reason()),
            required: failing.and_then(|failing| failing.required).map(Written),
            behind_days: failing.and_then(|failing| failing.behind_days),
        }
    }
}

json_document! {
    /// A stage as answers and reports show it.
    pub struct StageDocument {
        number: u8,
        since: Written<Timestamp>,
        throttle_minutes: u8,
        block_minutes: u8,
        next: Option<NextStageDocument>,
    }
}

json_document! {
    struct NextStageDocument {
        number: u8,
        at: Option<Written<Timestamp>>,
        throttle_minutes: u8,
        block_minutes: u8,
    }
}

impl StageDocument {
    pub fn new(stage: Stage) -> Self {
        let next = |next: NextStage| NextStageDocument {
            number: next.number,
            at: next.at.map(Written),
            throttle_minutes: next.minutes.throttle(),
            block_minutes: next.minutes.block(),
        };
        Self {
            number: stage.number,
            since: Written(stage.since),
            throttle_minutes: stage.minutes.throttle(),
            block_minutes: stage.minutes.block(),
            next: stage.next.map(next),
        }
    }
}

/// What applies of a stage, as reports show it.
#[derive(Serialize)]
pub struct EffectDocument {
    throttle_minutes: u8,
    block_minutes: u8,
    obstacle: Option<&'static str>,
}

impl EffectDocument {
    pub fn new(effect: StageEffect) -> Self {
        let StageEffect { minutes, obstacle } = effect;
        Self {
            throttle_minutes: minutes.throttle(),
            block_minutes: minutes.block(),
            obstacle: obstacle.map(|obstacle| obstacle.as_str()),
        }
    }
}

json_document! {
    struct EvidenceDocument<'a> {
        field: usize,
        component: Word,
        text: Written<Telling<'a>>,
    }
}

impl<'a> EvidenceDocument<'a> {
    fn new(evidence: &'a Evidence<'_>) -> Self {
        Self { field: evidence.field, component: Word(evidence.component.as_str()), text: Written(evidence.telling()) }
    }
}

/// A value in JSON as people read it: times as RFC 3339, where storage keeps seconds.
#[derive(Clone, Copy, Debug)]
pub struct Written<T>(pub T);

impl<T: fmt::Display> Serialize for Written<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<T: fmt::Display> WriteJson for Written<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        write_displayed(out, &self.0);
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use tidegate_engine::{
        Connector, DecisionContext, Facts, Freezes, Header, MailEvent, Mode, Phase, Policy, Rules, Spell,
        accept_undecided, decide, decide_without_server, recognise,
    };

    use super::*;

    fn check(decision: &Decision<'_>, circumstances: Circumstances) {
        let expected = serde_json::to_string(&AnswerDocument::new(decision, circumstances)).unwrap();
        assert_eq!(String::from_utf8(answer(decision, circumstances)), Ok(expected));
    }

    /// Nearly all lead to an answer of another shape: servers in all stages, current ones, and fields of all kinds.
    fn header() -> impl Strategy<Value = String> {
        let build = "15\\.(1\\.2507\\.(6|39|61|99)|2\\.(1748|2562)\\.[0-9]{1,2})";
        let stamp = ("[a-zA-Z0-9.]{1,12}", build).prop_map(|(host, build)| {
            format!(
                "from a (10.0.0.1) by {host} with Microsoft SMTP Server id {build}; Thu, 10 Sep 2026 10:15:08 +0200"
            )
        });
        let other = "(from|by|with|id|[\"\\\\();<>\\x00-\\x1f]|ä|.){0,40}";
        prop_oneof![3 => stamp, 1 => other].prop_map(|value| format!("Received: {value}\r\n"))
    }

    proptest! {
        #[test]
        fn any_decision_is_written_as_serde_json_writes_it(
            header in header(),
            why in "(\"|\\\\|[\\x00-\\x7f]|ä|.){0,40}",
            days in 0..140i64,
            paused in option::of(any::<i64>()),
            exempt in option::of(0..4_000_000_000i64),
            enforced: bool,
            degraded: bool,
            recorded: bool,
        ) {
            let (facts, freezes) = (Facts::built_in(), Freezes::default());
            let mode = if enforced { Mode::Enforce } else { Mode::Report };
            let policy = Policy { mode, ..Policy::default() };
            let circumstances = Circumstances { degraded, recorded };
            let event = MailEvent {
                tenant: "contoso".parse()?,
                connector: Connector::OnPremises,
                client_ip: None,
                client_auth: None,
                own_hops: 0,
                recipients: Vec::new(),
                header: Header::Block(header.as_bytes().into()),
            };
            let recognition = recognise(&event, &[], &facts.catalog);
            check(&accept_undecided(Some(&event), Some(&recognition), &why), circumstances);
            match recognition.server() {
                None => check(&decide_without_server(&event, &recognition).unwrap(), circumstances),
                Some(server) => {
                    let detected = "2026-09-10T08:15:08Z".parse::<Timestamp>()?;
                    let now = detected.plus(days * tidegate_engine::DAY + days);
                    let phase = Phase::of_spell(Spell::between(detected, now), Vec::new());
                    let rules = Rules::new(&facts, &policy, &freezes).unwrap();
                    let context = DecisionContext {
                        phase: Some(&phase),
                        paused_until: paused.map(Timestamp),
                        exempt_until: exempt.map(Timestamp),
                        ..DecisionContext::new(rules, now)
                    };
                    check(&decide(&event, server, false, &context), circumstances);
                }
            }
        }
    }
}
