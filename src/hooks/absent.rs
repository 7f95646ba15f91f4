//! A deployment's: each says what is so where no test moves anything.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_engine::Timestamp;
use tidegate_wire::problem::Problem;

use super::Way;
use crate::http::Request;

pub const fn is_on() -> bool {
    false
}

pub fn read(_variable: impl Fn(&'static str) -> Option<String>) {}

pub const fn shown(machine_millis: u64) -> u64 {
    machine_millis
}

pub const fn machine(duration: Duration) -> Duration {
    duration
}

pub const fn stretched(deadline: Duration) -> Duration {
    deadline
}

pub const fn given_up(deadline: Duration) -> Duration {
    deadline
}

pub const fn way(_request: &Request) -> Option<Way> {
    None
}

pub const fn trap(_request: &Request, _step: &str) {}

/// Braces, since an envelope may have members here that nobody reads.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Circumstances {}

impl Circumstances {
    #[expect(clippy::unnecessary_wraps, reason = "a test's request may be malformed")]
    pub const fn of(_request: &Request) -> Result<Self, Problem> {
        Ok(Self {})
    }

    pub const fn clock(self) -> Option<Timestamp> {
        None
    }

    pub const fn fails_at(self) -> Option<u32> {
        None
    }

    #[must_use]
    pub const fn without_failure(self) -> Self {
        self
    }

    pub const fn is_plain(&self) -> bool {
        true
    }
}

#[derive(Default)]
pub struct FailsAt {}

impl FailsAt {
    pub const fn set(&self, _statement: Option<u32>) {}

    pub const fn is_next(&self) -> bool {
        false
    }
}
