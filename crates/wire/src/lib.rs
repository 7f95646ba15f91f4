//! The dialects that mail gateways speak: pure functions between bytes and mail event, decision and bytes.
//!
//! What the gateway itself sent (the frame and its scalars) can be wrong, and is then a [`problem::Problem`]. What the
//! sender wrote (header, envelope, HELO) never can be. [`native`] is Tidegate's own dialect and strict; in the others
//! whatever cannot be read is left out, and mail of which nothing could be read is accepted.

pub mod base64;
pub mod batch;
pub mod cloudflare;
pub mod exim;
pub mod gateway;
mod json;
pub mod mta_hooks;
pub mod native;
pub mod place;
pub mod postfix;
pub mod problem;
pub mod rspamd;
mod scanner;
pub mod stalwart;
mod writer;
