//! Where a server stands.

use tidegate_engine::{
    Build, DecisionContext, MailRoute, MessageStanding, Rules, Stage, StageEffect, Timestamp, current_stage,
};

use super::servers::Server;
use super::site::Judge;
use crate::durable::sql::SqlError;

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
