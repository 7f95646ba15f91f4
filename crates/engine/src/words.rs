//! Why a decision is what it is, in sentences.

use std::fmt::{self, Write};

use crate::baseline::{CurrentReason, Failing, Standing, UnknownReason};
use crate::catalog::Catalog;
use crate::event::MailEvent;
use crate::header::{MAX_FIELD_BYTES, MAX_FIELDS};
use crate::named::CatalogNames;
use crate::network::canonical_address;
use crate::progress::Stage;
use crate::recognition::{ConnectingServer, Finding, Recognition};

/// What was found in the header, in words, without judging it.
pub fn describe_recognition(event: &MailEvent<'_>, recognition: &Recognition<'_>, catalog: &Catalog) -> String {
    let mut why = match &recognition.finding {
        Finding::Server(server) => {
            let mut why = runs(server, &CatalogNames::new(catalog, server.shown), catalog);
            why.push('.');
            if recognition.behind_relay {
                why.push_str(" It stands behind a trusted relay.");
            }
            why
        }
        finding => without_server(event, finding).unwrap_or_default(),
    };
    note_bounds(&mut why, event);
    why
}

/// What was found in place of an on-premises Exchange server; `None` where one was.
pub(crate) fn without_server(event: &MailEvent<'_>, finding: &Finding<'_>) -> Option<String> {
    let why = match finding {
        Finding::Server(_) => return None,
        Finding::NoHop => "No `Received` field was found.",
        Finding::OwnHopsDisagree(from, evidence) => {
            return Some(format!(
                "The gateway claims {} `Received` field{} as its own, but field {} came from {from}, not from its client{}.",
                event.own_hops,
                if event.own_hops == 1 { "" } else { "s" },
                evidence.field,
                Prefixed(" ", event.client_ip.map(canonical_address)),
            ));
        }
        Finding::Unreadable(unreadable, evidence) => {
            return Some(format!("`Received` field {} proves nothing: {}.", evidence.field, unreadable.as_str()));
        }
        Finding::NotExchange(_) => "The connecting server's `Received` field is not Exchange's.",
        Finding::ExchangeOnline(_) => "Handed over by Exchange Online.",
        Finding::LegacySmtp(_) => {
            "The connecting server is Exchange 2000, Exchange 2003 or plain IIS; it shows no build."
        }
        Finding::Nameless(_) => "The connecting Exchange server cannot be identified by its name and address.",
    };
    Some(why.to_owned())
}

/// Which server runs what; the sentence is open.
pub(crate) fn runs(server: &ConnectingServer<'_>, named: &CatalogNames<'_>, catalog: &Catalog) -> String {
    let mut why = String::with_capacity(192);
    // writing into a string cannot fail
    let _ = write!(why, "{} runs {}", server.name, Or(named.product, "an unknown Exchange version"));
    for part in [named.cu, named.su].into_iter().flatten() {
        let _ = write!(why, " {part}");
    }
    if let Some(build) = server.shown.build().filter(|build| catalog.release(*build).is_none()) {
        let _ = write!(why, " (build {build})");
    }
    why
}

/// How the server stands, as the end of [`runs`].
pub(crate) fn explain(why: &mut String, standing: Standing, stage: Option<Stage>) {
    // writing into a string cannot fail
    let _ = match standing {
        Standing::Current(CurrentReason::MeetsBaseline) => write!(why, "; it meets the baseline."),
        Standing::Current(CurrentReason::AheadOfCatalog) => write!(why, "; it is newer than every release known here."),
        Standing::Current(CurrentReason::NoRequirement) => write!(why, "; the baseline requires nothing of it."),
        Standing::OutOfDate(Failing { required: Some(required), .. }) => {
            write!(why, "; {required} or later is required.")
        }
        Standing::OutOfDate(_) => write!(why, "; it is no longer supported."),
        Standing::Unknown(UnknownReason::NoBuild) => write!(why, "; this message shows no build."),
        Standing::Unknown(UnknownReason::ComponentsDisagree) => {
            write!(why, "; the build that its store stamped meets what is required.")
        }
        Standing::Unknown(UnknownReason::UpdateLevelNotShown) => {
            write!(why, "; this message does not show its update level.")
        }
        Standing::Unknown(UnknownReason::ExtendedSupportNotShown) => {
            write!(why, "; it is out of support, unless what it runs is an update under extended support.")
        }
        Standing::Unknown(UnknownReason::UnknownProduct) => write!(why, "; its build belongs to no known product."),
        Standing::Unknown(UnknownReason::UnknownLane) => {
            write!(why, "; its build belongs to no known cumulative update.")
        }
    };
    if let Some(stage) = stage {
        let _ = write!(why, " Stage {} of {}.", stage.number, stage.of);
    }
}

/// Says so where not all of the header was read.
pub(crate) fn note_bounds(why: &mut String, event: &MailEvent<'_>) {
    // writing into a string cannot fail
    if event.header.has_unread_fields() {
        let _ = write!(why, " Only the first {MAX_FIELDS} header fields were read.");
    }
    if event.header.has_cut_field() {
        let _ = write!(why, " Of a header field only the first {MAX_FIELD_BYTES} octets were read.");
    }
}

/// The value behind a text, nothing for none.
struct Prefixed<T>(&'static str, Option<T>);

impl<T: fmt::Display> fmt::Display for Prefixed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.1 {
            Some(value) => write!(f, "{}{value}", self.0),
            None => Ok(()),
        }
    }
}

/// The value, or a text for none.
pub(crate) struct Or<T>(pub(crate) Option<T>, pub(crate) &'static str);

impl<T: fmt::Display> fmt::Display for Or<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str(self.1),
        }
    }
}
