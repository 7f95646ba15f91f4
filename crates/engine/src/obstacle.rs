//! What keeps an out-of-date server's mail from being deferred or rejected.

use std::fmt;

use crate::build::Build;
use crate::event::Connector;
use crate::ladder::ClosedMinutes;
use crate::policy::{MailRoute, Mode};
use crate::progress::{DecisionContext, Stage};
use crate::time::Timestamp;

/// Why a message that an out-of-date server hands over is accepted all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Obstacle {
    /// Its connector is not in the policy's scope.
    Scope,
    /// There is no spell yet.
    OneWitness,
    /// The server's name lately showed this build, which is no longer out of date.
    BetterBuild(Build),
    /// The build met the requirement before the one that applies now.
    Grace,
    /// Its product is not enforced yet.
    Wave,
    /// All its recipients are always accepted.
    Recipients,
    /// It comes through a trusted relay, behind which is only reported.
    Relay,
    /// None of its mail could be refused for 35 days, until now.
    Notice,
    /// The mode in effect is this one.
    Mode(Mode),
    /// The server is exempt until then.
    Exempt(Timestamp),
    /// The tenant's enforcement is paused until then.
    Paused(Timestamp),
}

impl Obstacle {
    /// As answers write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::OneWitness => "one_witness",
            Self::BetterBuild(_) => "better_build",
            Self::Grace => "grace",
            Self::Wave => "wave",
            Self::Recipients => "recipients",
            Self::Relay => "relay",
            Self::Notice => "notice",
            Self::Mode(_) => "mode",
            Self::Exempt(_) => "exempt",
            Self::Paused(_) => "paused",
        }
    }

    /// Says so at the end of why a message is accepted.
    pub(crate) fn explain(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scope => " Accepted: this connector is not in the policy's scope.",
            Self::OneWitness => {
                " Accepted: not confirmed yet, which takes a second message and no better build under this name."
            }
            Self::BetterBuild(_) => " Accepted: under this name a better build was lately seen: ",
            Self::Grace => " Accepted: a build of this name met what was required until a few days ago.",
            Self::Wave => " Accepted: this product is not enforced yet.",
            Self::Recipients => " Accepted: all recipients are always accepted.",
            Self::Relay => " Accepted: behind a trusted relay the policy only reports.",
            Self::Notice => {
                " Accepted: none of its mail could be refused for 35 days, so that seven days of notice begin."
            }
            Self::Mode(Mode::Off) => " Accepted: the mode is off.",
            Self::Mode(_) => " Accepted: the mode is report.",
            Self::Exempt(_) => " Accepted: the server is exempt until ",
            Self::Paused(_) => " Accepted: enforcement is paused until ",
        })?;
        match self {
            Self::Exempt(until) | Self::Paused(until) => write!(f, "{until}."),
            Self::BetterBuild(build) => write!(f, "{build}."),
            _ => Ok(()),
        }
    }
}

/// What the mail of a server meets now, as reports show it: without what only a single message can tell, which is the
/// build it shows and its recipients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StageEffect {
    /// Minutes of the hour that are closed to it: those of its stage, or none.
    pub minutes: ClosedMinutes,
    /// Why its stage's minutes are not, whether or not it has any.
    pub obstacle: Option<Obstacle>,
}

impl StageEffect {
    /// Of the stage of a server whose mail comes this way. `in_reach`: its last mail could be refused, or there is none.
    pub fn of(stage: &Stage, way: MailRoute, in_reach: bool, context: &DecisionContext<'_>) -> Self {
        let obstacle = shield(stage, way.connector, context, || None, || false);
        let obstacle = obstacle.or_else(|| lift(way.relayed, in_reach, context));
        Self { minutes: if obstacle.is_none() { stage.minutes } else { ClosedMinutes::default() }, obstacle }
    }
}

/// What keeps the minutes of a stage from closing to a message at all, even under full enforcement.
pub(crate) fn shield(
    stage: &Stage,
    connector: Connector,
    context: &DecisionContext<'_>,
    doubt: impl FnOnce() -> Option<Obstacle>,
    is_always_accepted: impl FnOnce() -> bool,
) -> Option<Obstacle> {
    if !context.rules.policy.scope.contains(&connector) {
        Some(Obstacle::Scope)
    } else if let Some(doubt) = doubt() {
        Some(doubt)
    } else if !stage.has_started {
        Some(Obstacle::Wave)
    } else if is_always_accepted() {
        Some(Obstacle::Recipients)
    } else {
        None
    }
}

/// What has a message accepted that comes in a closed minute.
pub(crate) fn lift(behind_relay: bool, in_reach: bool, context: &DecisionContext<'_>) -> Option<Obstacle> {
    if behind_relay && !context.rules.policy.enforce_behind_relays {
        Some(Obstacle::Relay)
    } else if context.mode() != Mode::Enforce {
        Some(Obstacle::Mode(context.mode()))
    } else if let Some(until) = context.exempt_until {
        Some(Obstacle::Exempt(until))
    } else if let Some(until) = context.paused_until {
        Some(Obstacle::Paused(until))
    } else {
        (!in_reach).then_some(Obstacle::Notice)
    }
}
