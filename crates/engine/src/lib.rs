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

mod action;
mod alert;
mod baseline;
mod bounded;
mod build;
mod catalog;
mod clock;
mod decision;
mod enforcement;
mod event;
mod evidence;
mod fnv;
mod header;
mod identity;
mod ladder;
mod machines;
mod mime_ole;
mod named;
mod network;
mod notice;
mod obstacle;
mod order;
mod pause;
mod phase;
mod policy;
mod progress;
mod received;
mod recognition;
mod record;
mod relay;
mod reply;
mod route;
mod rules;
mod shown;
mod spell;
mod time;
mod window;
mod witness;

pub use action::Action;
pub use alert::{Alert, AlertKind, Course, Told, WARNINGS};
pub use baseline::{Baseline, BaselineDocument, BaselineError, FailedRequirement, Failing, Standing};
pub use build::Build;
pub use catalog::{Catalog, CatalogDocument, CatalogError, CatalogFault, Product, Release, ReleaseKind};
pub use clock::{Clock, Freeze, Freezes};
pub use decision::{Decision, State, accept_undecided, decide, decide_without_server, describe};
pub use enforcement::Enforcement;
pub use event::{Connector, MAX_OWN_HOPS, MailEvent, TenantId};
pub use evidence::{Evidence, MAX_EVIDENCE_BYTES};
pub use fnv::fnv1a;
pub use header::{Header, MAX_FIELD_BYTES, MAX_FIELDS};
pub use identity::{Node, ServerId};
pub use ladder::{Ladder, MAX_STAGES, Minutes, Rung};
pub use machines::KeptFree;
pub use mime_ole::produced_by;
pub use named::Named;
pub use network::{Network, canonical, parse_address, sender_network};
pub use notice::{Change, hold};
pub use obstacle::Effect;
pub use order::ordered;
pub use pause::{Pause, PauseError, Pauses};
pub use phase::{Phase, PhaseBuild};
pub use policy::{BaselineChoice, Facts, Mode, Policy, PolicyError, Right, Templates, Way};
pub use progress::{Context, NextStage, Scheduled, Stage, schedule, stage};
pub use received::{Component, Hop, Stamp, Unreadable, parse};
pub use recognition::{
    ConnectingServer, Finding, OwnHops, Recognition, Trace, recognise, shown_by, shows_exchange, traces,
};
pub use record::{End, RESUMES_AFTER_PATCH_SECONDS, ServerRecord, Transition, TransitionKind};
pub use relay::TrustedRelay;
pub use reply::{MAX_TEXT, Reply, Template};
pub use rules::{NOTICE_SECONDS, Rules};
pub use shown::Shown;
pub use spell::Spell;
pub use time::{DAY, Date, HOUR, MINUTE, Timestamp};
pub use window::{action, lasts, offset, retry_after};
pub use witness::{
    BUILD_SECONDS, MAX_BUILDS, MAX_MESSAGES, MAX_NODE_BUILDS, MAX_NODES, NodeRecord, SeenBuild, Sighting,
    WITNESS_SECONDS,
};
