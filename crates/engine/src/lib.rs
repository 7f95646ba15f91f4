//! Tidegate's decision engine: which Exchange server handed over this message, is its build acceptable, and what
//! follows: accept, defer or reject.
//!
//! Pure: no clock, no I/O, no JavaScript. The time, the policy and what is known of the server come in as values, so
//! that the edge worker, the browser and the tests all reach the same decision.
//!
//! The way of a message, each step a module:
//! 1. [`header`] splits the header block into fields, [`received`] reads one `Received` field into a hop;
//! 2. [`recognition`] finds the connecting server and the build it shows, with the evidence;
//! 3. [`baseline`] judges that build by the [`catalog`] of known releases;
//! 4. [`spell`] keeps the time a server has been out of date, [`clock`] turns it into time that counts, [`ladder`] into
//!    a stage and [`window`] into this minute's action;
//! 5. [`decision`] puts them together under the tenant's [`policy`], [`reply`] words the SMTP reply.
//!
//! [`enforcement`] is a policy with its history: when it did not enforce, and its [`pause`]s, which stop the clocks.
//!
//! [`alert`] tells what is to be said about a spell, and when.
//!
//! Beside that way stands [`mime_ole`], a hint for people who check a header.
//!
//! All that a sender wrote is hostile: every loop over it is bounded, nothing panics, and doubt always means accept.

mod bounded;
mod built_in;
mod route;

pub mod alert;
pub mod baseline;
pub mod build;
pub mod catalog;
pub mod clock;
pub mod decision;
pub mod enforcement;
pub mod event;
pub mod evidence;
pub mod fnv;
pub mod header;
pub mod identity;
pub mod ladder;
pub mod machines;
pub mod mime_ole;
pub mod named;
pub mod network;
pub mod notice;
pub mod obstacle;
pub mod order;
pub mod pause;
pub mod phase;
pub mod policy;
pub mod progress;
pub mod received;
pub mod recognition;
pub mod relay;
pub mod reply;
pub mod rules;
pub mod shown;
pub mod spell;
pub mod time;
pub mod window;
pub mod witness;
