//! The dialects that mail gateways speak: pure functions between bytes and mail event, decision and bytes.
//!
//! What the gateway itself sent (the frame and its scalars) can be wrong, and is then a [`problem::Problem`]. What the
//! sender wrote (header, envelope, HELO) never can be.

pub mod batch;
pub mod native;
pub mod problem;
