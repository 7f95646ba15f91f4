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

// The layers, lowest first. A module imports from its own layer or one above it here, and no two import each other:
// `make lint` reads these lines.

// time and other values
mod bounded;
mod build;
mod fnv;
mod network;
mod order;
mod shown;
mod time;

// catalog
mod catalog;
mod named;

// received
mod evidence;
mod header;
mod received;
mod relay;
mod route;

// recognition
mod event;
mod identity;
mod recognition;

// baseline
mod baseline;

// policy
mod action;
mod clock;
mod ladder;
mod pause;
mod policy;
mod reply;

// clocks
mod enforcement;
mod machines;
mod notice;
mod phase;
mod record;
mod rules;
mod spell;
mod witness;

// decision
mod alert;
mod decision;
mod mime_ole;
mod obstacle;
mod progress;
mod window;
mod words;

pub use action::Action;
pub use alert::{Alert, AlertKind, AlertState, SpellCourse, WARNING_SECONDS};
pub use baseline::{Baseline, BaselineDocument, BaselineError, FailedRequirement, Failing, Standing};
pub use build::Build;
pub use catalog::{Catalog, CatalogDocument, CatalogError, CatalogFault, Product, Release, ReleaseKind};
pub use clock::{Clock, Freeze, Freezes};
pub use decision::{Decision, MessageStanding, accept_undecided, decide, decide_without_server};
pub use enforcement::Enforcement;
pub use event::{Connector, MAX_OWN_HOPS, MailEvent, TenantId};
pub use evidence::{Evidence, MAX_EVIDENCE_BYTES};
pub use fnv::fnv1a;
pub use header::{Header, MAX_FIELD_BYTES, MAX_FIELDS};
pub use identity::{Node, ServerId};
pub use ladder::{ClosedMinutes, Ladder, MAX_STAGES, Rung};
pub use machines::KeptFree;
pub use mime_ole::produced_by;
pub use named::CatalogNames;
pub use network::{Network, canonical_address, parse_address, sender_network};
pub use notice::{RulesChange, apply_rules_change};
pub use obstacle::StageEffect;
pub use order::order_by_key;
pub use pause::{Pause, PauseError, Pauses};
pub use phase::{Phase, PhaseBuild};
pub use policy::{BaselineChoice, DelegatedRight, Facts, MailRoute, Mode, Policy, PolicyError, ReplyTemplates};
pub use progress::{DecisionContext, NextStage, ScheduledStage, Stage, current_stage, stage_schedule};
pub use received::{Component, Hop, Stamp, Unreadable, parse_received};
pub use recognition::{
    ConnectingServer, Finding, OwnHops, Recognition, Trace, recognise, shown_by_hop, shows_exchange, traces,
};
pub use record::{RESUMES_AFTER_PATCH_SECONDS, ServerRecord, SpellEnd, Transition, TransitionKind};
pub use relay::TrustedRelay;
pub use reply::{MAX_REPLY_BYTES, Reply, ReplyTemplate};
pub use rules::{NOTICE_SECONDS, Rules};
pub use shown::Shown;
pub use spell::Spell;
pub use time::{DAY, Date, HOUR, MINUTE, Timestamp};
pub use window::{window_action, window_action_lasts, window_offset, window_retry_after};
pub use witness::{
    BUILD_SECONDS, MAX_BUILDS, MAX_MESSAGES, MAX_NODE_BUILDS, MAX_NODES, NodeRecord, SeenBuild, Sighting,
    WITNESS_SECONDS,
};
pub use words::describe_recognition;
