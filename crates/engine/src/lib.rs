//! Tidegate's decision engine: which Exchange server handed over this message, is its build acceptable, and what
//! follows: accept, defer or reject.
//!
//! Pure: no clock, no I/O, no JavaScript. The time, the policy and what is known of the server come in as values, so
//! that the edge worker, the browser and the tests all reach the same decision.
//!
//! A whole message, from its header to the SMTP reply:
//!
//! ```
//! use tidegate_engine::{
//!     Action, Connector, DAY, DecisionContext, Facts, Freezes, Header, MailEvent, Mode, Phase, Policy, Rules, Spell,
//!     Timestamp, decide, recognise,
//! };
//!
//! let header = "Received: from EX01.contoso.com (10.0.0.4) by EX01.contoso.com (10.0.0.4) with Microsoft SMTP Server \
//!               id 15.1.2507.6; Tue, 1 Dec 2026 08:59:58 +0000\r\n";
//! let event = MailEvent {
//!     tenant: "contoso".parse()?,
//!     connector: Connector::OnPremises,
//!     client_ip: None,
//!     client_auth: None,
//!     own_hops: 0,
//!     recipients: Vec::new(),
//!     header: Header::Block(header.as_bytes().into()),
//! };
//! let (facts, freezes, now) = (Facts::built_in(), Freezes::default(), "2026-12-01T09:00:00Z".parse::<Timestamp>()?);
//! let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
//! let recognition = recognise(&event, &policy.trusted_relays, &facts.catalog);
//! let server = recognition.server().ok_or("no on-premises Exchange server")?;
//! let rules = Rules::new(&facts, &policy, &freezes).ok_or("no such baseline")?;
//! let phase = Phase::of_spell(Spell::between(now.plus(-200 * DAY), now), Vec::new()); // what is stored of the server
//! let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, now) };
//! let decision = decide(&event, server, recognition.behind_relay, &context);
//! assert_eq!((decision.action, decision.reply.map(|reply| reply.code)), (Action::Reject, Some(550)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules are private and stand in layers, each importing only from itself and those before it (`make lint`):
//! 1. values: [`Timestamp`] and [`Date`], [`Build`], what a message [shows](Shown) of one, addresses and networks;
//! 2. the [`Catalog`] of known releases;
//! 3. the [`Header`] as fields, one `Received` field read into a [`Hop`], the hops of trusted relays;
//! 4. recognition: [`recognise`] finds the connecting server and the build it shows, with the [`Evidence`];
//! 5. the [`Baseline`], by which a build has a [`Standing`];
//! 6. the tenant's [`Policy`]: [`Ladder`], [`Pauses`], the texts of the [`Reply`];
//! 7. clocks, all judged by [`Rules`], which hold a policy: a [`ServerRecord`] remembers what a server's name showed and
//!    keeps its [`Spell`], of which [`Phase`] is published; a change of the rules [brings no surprise](apply_rules_change);
//! 8. the decision: the [`Stage`] of the spell, this minute's [`Action`], and [`decide`], which puts all together; and
//!    each [`Alert`] about a spell.
//!
//! All that a sender wrote is hostile: every loop over it is bounded, nothing panics, and doubt always means accept.
//! Times are whole seconds and UTC, sizes are octets.

#![deny(missing_docs, unnameable_types, unreachable_pub, unused_qualifications)]

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
mod looked_up;

// received
mod evidence;
mod header;
mod received;
mod relay;
mod route;

// recognition
mod event;
mod identity;
mod named;
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
pub use baseline::{
    Baseline, BaselineDocument, BaselineEdition, BaselineError, CurrentReason, FailedRequirement, Failing,
    MAX_EDITIONS, MAX_LAG_DAYS, OutOfDateReason, Requirement, Requirements, Standing, UnknownReason,
};
pub use build::{Build, InvalidBuild, Lane};
pub use catalog::{
    Catalog, CatalogDocument, CatalogError, CatalogFault, CatalogPlace, KnownBuild, MAX_CATALOG_NAME_BYTES,
    MAX_EXCHANGE_ONLINE_HOSTS, MAX_PRODUCTS, MAX_RELEASES, MAX_SUPERSEDED_AFTER_DAYS, Product, Release, ReleaseKind,
};
pub use clock::{Clock, Freeze, Freezes};
pub use decision::{
    Decision, MessageStanding, NotExchangeReason, UnidentifiedReason, accept_undecided, decide, decide_without_server,
};
pub use enforcement::Enforcement;
pub use event::{Connector, InvalidLogin, InvalidTenantId, Login, MAX_OWN_HOPS, MailEvent, TenantId};
pub use evidence::{Evidence, MAX_EVIDENCE_BYTES, Telling};
pub use fnv::fnv1a;
pub use header::{Deferred, Header, HeaderField, HeaderFields, HeaderPair, MAX_FIELD_BYTES, MAX_FIELDS, Transferred};
pub use identity::{InvalidServerId, Node, ServerId};
pub use ladder::{ClosedMinutes, Ladder, LadderError, MAX_STAGES, Rung, StageDocument};
pub use looked_up::LookedUp;
pub use machines::KeptFree;
pub use mime_ole::{ProducedBy, produced_by};
pub use named::{CatalogNames, NamedServer};
pub use network::{InvalidNetwork, Network, canonical_address, parse_address, sender_network};
pub use notice::{RulesChange, apply_rules_change};
pub use obstacle::{Obstacle, StageEffect};
pub use order::order_by_key;
pub use pause::{Pause, PauseError, PauseState, Pauses};
pub use phase::{Phase, PhaseBuild};
pub use policy::{
    BaselineChoice, DelegatedRight, Facts, FormerBaseline, MAX_ALWAYS_ACCEPT, MAX_TRUSTED_RELAYS, MailRoute, Mode,
    Policy, PolicyError, ReplyTemplates,
};
pub use progress::{DecisionContext, NextStage, ScheduledStage, Stage, current_stage, stage_schedule};
pub use received::{Component, Hop, Stamp, StampDeviation, Unreadable, parse_received};
pub use recognition::{
    ConnectingServer, Finding, Recognition, RelayToOffer, Trace, recognise, shown_by_hop, shows_exchange, traces,
};
pub use record::{RESUMES_AFTER_PATCH_SECONDS, ServerRecord, SpellEnd, Transition, TransitionKind};
pub use relay::{RelayHost, TrustedRelay};
pub use reply::{HelpUrl, MAX_REPLY_BYTES, OperatorName, Reply, ReplyError, ReplyTemplate};
pub use route::{NotOwn, OwnHops};
pub use rules::{NOTICE_SECONDS, Rules};
pub use shown::Shown;
pub use spell::Spell;
pub use time::{DAY, Date, HOUR, MINUTE, TimeError, Timestamp};
pub use window::{window_action, window_action_lasts, window_offset, window_retry_after};
pub use witness::{
    BUILD_SECONDS, BestBuild, MAX_BUILDS, MAX_MESSAGES, MAX_NODE_BUILDS, MAX_NODES, NodeRecord, SeenBuild, Sighting,
    WITNESS_SECONDS,
};
pub use words::{Why, describe_recognition};
