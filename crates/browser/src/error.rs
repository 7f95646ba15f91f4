//! What the caller is told when something is wrong: a code for programs, the member and a sentence for people.

use std::fmt;

use tidegate_engine::BaselineError;
use tidegate_engine::{BaselineChoice, Policy, PolicyError};
use tidegate_wire::problem::Problem;

/// Each has its line in `types.d.ts`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    Header,
    Chunk,
    Options,
    Build,
    Time,
    Baseline,
    UnknownBaseline,
    Ladder,
    Waves,
    Policy,
    Freeze,
    Event,
    Tenant,
    Server,
    TooLarge,
    Finished,
    Internal,
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "invalid_header",
            Self::Chunk => "invalid_chunk",
            Self::Options => "invalid_options",
            Self::Build => "invalid_build",
            Self::Time => "invalid_time",
            Self::Baseline => "invalid_baseline",
            Self::UnknownBaseline => "unknown_baseline",
            Self::Ladder => "invalid_ladder",
            Self::Waves => "invalid_waves",
            Self::Policy => "invalid_policy",
            Self::Freeze => "invalid_freeze",
            Self::Event => "invalid_event",
            Self::Tenant => "invalid_tenant",
            Self::Server => "invalid_server",
            Self::TooLarge => "too_large",
            Self::Finished => "finished",
            Self::Internal => "internal",
        }
    }

    /// Of a fault in that member of an options object.
    fn of_member(path: &str) -> Self {
        match path.split(['.', '[']).next().unwrap_or_default() {
            "build" => Self::Build,
            "at" | "now" | "detectedAt" | "lastSeen" => Self::Time,
            "baseline" => Self::Baseline,
            "ladder" => Self::Ladder,
            "waves" => Self::Waves,
            "policy" => Self::Policy,
            "pauses" | "exemptions" => Self::Freeze,
            "tenant" => Self::Tenant,
            "server" => Self::Server,
            _ => Self::Options,
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    pub code: Code,
    /// Empty where it is the whole.
    pub field: String,
    detail: String,
}

impl Fault {
    pub fn new(code: Code, field: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self { code, field: field.into(), detail: detail.to_string() }
    }

    pub fn internal() -> Self {
        Self::new(Code::Internal, "", "something of ours failed")
    }

    /// Of an options object.
    pub fn in_options(problem: Problem) -> Self {
        let field = problem.field.unwrap_or_default();
        Self { code: Code::of_member(&field), field, detail: problem.detail }
    }

    pub fn in_event(problem: Problem) -> Self {
        Self { code: Code::Event, field: problem.field.unwrap_or_default(), detail: problem.detail }
    }

    /// Of what a policy names. `within`: the member in which it stands, empty where its members are the caller's own.
    pub fn in_policy(error: PolicyError, policy: &Policy, within: &str) -> Self {
        let code = match (&policy.baseline, error.field) {
            (BaselineChoice::Named(_), "baseline") => Code::UnknownBaseline,
            (_, field) if within.is_empty() => Code::of_member(field),
            _ => Code::Policy,
        };
        let path = if within.is_empty() { error.field.to_owned() } else { format!("{within}.{}", error.field) };
        Self { code, field: path, detail: error.reason }
    }
}

impl From<BaselineError> for Fault {
    fn from(error: BaselineError) -> Self {
        Self::new(Code::Baseline, "baseline", error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.detail) } else { write!(f, "`{}`: {}", self.field, self.detail) }
    }
}

impl std::error::Error for Fault {}
