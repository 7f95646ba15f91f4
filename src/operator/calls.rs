//! Calls of ledgers that an alarm makes.

/// They take that long, and the last one a little longer: what KV has to be told does not wait for them.
pub const CALLING_MILLIS: u64 = 2_000;
