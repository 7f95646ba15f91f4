//! tidegate-milter: Postfix and Sendmail hand it each message's header, it asks Tidegate, and the SMTP client is
//! answered what was decided, code and text.
//!
//! Imports run one way: [`daemon`] uses [`session`] (what was told), [`question`] (what is asked) and [`upstream`] (how,
//! and by [`breaker`] whether at all); [`session`] uses [`protocol`] (bytes). [`policy`] is the same for Postfix's
//! policy delegation, in one. Only [`daemon`], [`upstream`] and [`metrics`] wait for anything.

mod breaker;
pub mod config;
pub mod daemon;
pub mod log;
pub mod metrics;
pub mod policy;
pub mod protocol;
pub mod question;
pub mod session;
pub mod upstream;
