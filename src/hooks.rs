//! What tests move: clock, deadlines, and the statement that fails on purpose. All of it comes with the feature
//! `test-hooks`, and where the variable `ENVIRONMENT` is `test`; without the feature there is nothing to move, whatever
//! variables and requests say.

#[cfg(not(feature = "test-hooks"))]
mod absent;
#[cfg(feature = "test-hooks")]
mod present;

#[cfg(not(feature = "test-hooks"))]
pub use absent::{Circumstances, FailsAt, is_on, machine, read, reads_past_cache, shown, stretched};
#[cfg(feature = "test-hooks")]
pub use present::{Circumstances, FailsAt, is_on, machine, read, reads_past_cache, shown, stretched};
