//! What tests move: clock, deadlines, the way of a request, and what fails on purpose. All of it comes with the feature
//! `test-hooks`, and where the variable `ENVIRONMENT` is `test`; without the feature there is nothing to move, whatever
//! variables and requests say.

#[cfg(not(feature = "test-hooks"))]
mod absent;
#[cfg(feature = "test-hooks")]
mod present;

#[cfg(not(feature = "test-hooks"))]
pub use absent::{Circumstances, FailsAt, given_up, is_on, machine, read, shown, stretched, trap, way};
#[cfg(feature = "test-hooks")]
pub use present::{Circumstances, FailsAt, given_up, is_on, machine, read, shown, stretched, trap, way};

/// By which way a request is answered, whichever would be.
#[cfg_attr(not(feature = "test-hooks"), expect(dead_code, reason = "nobody asks for one"))]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From the isolate's cache alone, or not at all.
    AtOnce,
    /// As if the cache did not have what it rests on.
    Later,
    /// From KV, whatever the cache holds.
    PastCache,
}
