//! Where a server stands.

use tidegate_engine::{
    Build, DecisionContext, MailRoute, MessageStanding, Rules, Stage, StageEffect, Timestamp, current_stage,
    stage_schedule,
};

use super::servers::Server;
use super::site::Judge;
use crate::durable::sql::SqlError;

/// Minutes.
const WHOLE_HOUR: u8 = 60;

/// Where a server stands.
pub struct Place {
    /// The best that its name lately showed.
    pub shows: Option<Build>,
    pub build: Option<String>,
    pub product: Option<String>,
    pub state: Option<MessageStanding>,
    /// As long as it is out of date in a spell.
    pub stage: Option<Stage>,
    /// Of that stage.
    pub effect: Option<StageEffect>,
}

impl Place {
    /// By its record as it is after what silence ended.
    pub fn of(server: &Server, judge: &Judge<'_>, now: Timestamp) -> Result<Self, SqlError> {
        let frozen = judge.frozen_with(&server.exemptions);
        Ok(Self::by(&judge.rules(&frozen)?, server, judge, now))
    }

    /// The same by the rules of `judge` for this server.
    pub fn by(rules: &Rules<'_>, server: &Server, judge: &Judge<'_>, now: Timestamp) -> Self {
        let record = &server.record;
        let standing = record.standing(rules, now);
        let build = standing.map(|(build, _)| build);
        let context = DecisionContext {
            ceiling: judge.ceiling(),
            paused_until: judge.policy.enforcement.paused_until(now),
            exempt_until: server.exempt_until(now),
            ..DecisionContext::new(*rules, now)
        };
        let product = build.and_then(|build| rules.facts.catalog.product(build));
        let failing = standing.filter(|(_, standing)| standing.is_out_of_date());
        let stage = record.spell().zip(failing).map(|(spell, (build, _))| current_stage(Some(spell), build, &context));
        let way = MailRoute { connector: server.connector, relayed: server.relayed };
        let in_reach = record.spell().is_some_and(|spell| spell.is_in_reach(now));
        let effect = |stage| StageEffect::of(&stage, way, in_reach, &context);
        Self {
            shows: build,
            build: build.map(|build| build.to_string()),
            product: product.map(|product| product.name.to_string()),
            state: standing.map(|(_, standing)| MessageStanding::Judged(standing)),
            stage,
            effect: stage.map(effect),
        }
    }

    /// `current`, `out_of_date` or `unknown`.
    pub fn state_name(&self) -> &'static str {
        self.state.map_or("unknown", MessageStanding::as_str)
    }
}

/// When mail of a server in a spell is first turned away, by all freezes known now; nothing where that never comes, or its
/// clock stands still until further notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closing {
    /// From when on some of it is deferred or rejected.
    pub throttled_from: Option<Timestamp>,
    /// From when on all of it is rejected.
    pub blocked_from: Option<Timestamp>,
}

impl Closing {
    pub fn of(rules: &Rules<'_>, server: &Server, place: &Place) -> Self {
        let (Some(spell), Some(build), Some(_)) = (server.record.spell(), place.shows, place.stage) else {
            return Self::default();
        };
        let mut closing = Self::default();
        for stage in stage_schedule(spell, build, rules).filter(|stage| !stage.minutes.is_open()) {
            closing.throttled_from = closing.throttled_from.or(stage.from);
            if stage.minutes.block() == WHOLE_HOUR {
                closing.blocked_from = stage.from;
                break;
            }
        }
        closing
    }
}
