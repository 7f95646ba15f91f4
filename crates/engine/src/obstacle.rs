//! What keeps an out-of-date server's mail from being deferred or rejected.

use std::fmt::Write;

use crate::event::Connector;
use crate::ladder::Minutes;
use crate::policy::Mode;
use crate::progress::{Context, Stage};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Obstacle {
    Scope,
    OneWitness,
    Wave,
    Recipients,
    Relay,
    Mode(Mode),
    Exempt(Timestamp),
    Paused(Timestamp),
}

impl Obstacle {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::OneWitness => "one_witness",
            Self::Wave => "wave",
            Self::Recipients => "recipients",
            Self::Relay => "relay",
            Self::Mode(_) => "mode",
            Self::Exempt(_) => "exempt",
            Self::Paused(_) => "paused",
        }
    }

    /// Says so at the end of why a message is accepted.
    pub fn explain(self, why: &mut String) {
        why.push_str(match self {
            Self::Scope => " Accepted: this connector is not in the policy's scope.",
            Self::OneWitness => " Accepted: a second message or an earlier one from this machine has to confirm it.",
            Self::Wave => " Accepted: this product is not enforced yet.",
            Self::Recipients => " Accepted: all recipients are always accepted.",
            Self::Relay => " Accepted: behind a trusted relay the policy only reports.",
            Self::Mode(Mode::Off) => " Accepted: the mode is off.",
            Self::Mode(_) => " Accepted: the mode is report.",
            Self::Exempt(_) => " Accepted: the server is exempt until ",
            Self::Paused(_) => " Accepted: enforcement is paused until ",
        });
        if let Self::Exempt(until) | Self::Paused(until) = self {
            // writing into a string cannot fail
            let _ = write!(why, "{until}.");
        }
    }
}

/// What a server's mail meets as things stand, apart from what a single message brings along.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Effect {
    /// Minutes of the hour that are closed to it: those of its stage, or none.
    pub minutes: Minutes,
    /// Why its stage's minutes are not, whether or not it has any.
    pub obstacle: Option<Obstacle>,
}

impl Effect {
    /// Of a stage on the mail of a server that comes by this connector, behind a trusted relay or not.
    pub fn of(stage: &Stage, connector: Connector, behind_relay: bool, context: &Context<'_>) -> Self {
        let obstacle = shield(stage, connector, context, true, || false).or_else(|| lift(behind_relay, context));
        Self { minutes: if obstacle.is_none() { stage.minutes } else { Minutes::default() }, obstacle }
    }
}

/// What keeps the minutes of a stage from closing to a message at all, even under full enforcement.
pub(crate) fn shield(
    stage: &Stage,
    connector: Connector,
    context: &Context<'_>,
    has_witnesses: bool,
    is_always_accepted: impl FnOnce() -> bool,
) -> Option<Obstacle> {
    if !context.rules.policy.scope.contains(&connector) {
        Some(Obstacle::Scope)
    } else if !has_witnesses {
        Some(Obstacle::OneWitness)
    } else if !stage.has_started {
        Some(Obstacle::Wave)
    } else if is_always_accepted() {
        Some(Obstacle::Recipients)
    } else {
        None
    }
}

/// What has a message accepted that comes in a closed minute.
pub(crate) fn lift(behind_relay: bool, context: &Context<'_>) -> Option<Obstacle> {
    if behind_relay && !context.rules.policy.enforce_behind_relays {
        Some(Obstacle::Relay)
    } else if context.mode() != Mode::Enforce {
        Some(Obstacle::Mode(context.mode()))
    } else if let Some(until) = context.exempt_until {
        Some(Obstacle::Exempt(until))
    } else {
        context.paused_until.map(Obstacle::Paused)
    }
}
