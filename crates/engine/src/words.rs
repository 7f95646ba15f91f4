//! Why a decision is what it is, in sentences.

use std::fmt::{self, Write};

use crate::baseline::{CurrentReason, Failing, Standing, UnknownReason};
use crate::catalog::Catalog;
use crate::event::{Connector, MailEvent};
use crate::evidence::Evidence;
use crate::header::{MAX_FIELD_BYTES, MAX_FIELDS};
use crate::looked_up::LookedUp;
use crate::named::NamedServer;
use crate::network::canonical_address;
use crate::obstacle::Obstacle;
use crate::progress::Stage;
use crate::recognition::{Finding, Recognition};
use crate::route::NotOwn;

/// Why a decision is what it is. Most who ask print none of it, so the sentences are made when it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Why<'a> {
    said: Said<'a>,
    /// Of which it is told where not all of the header was read; `None` where it was not read at all.
    event: Option<&'a MailEvent<'a>>,
    /// Nothing of the message is written down.
    is_unrecorded: bool,
}

#[derive(Clone, Copy, Debug)]
enum Said<'a> {
    Account(Account<'a>),
    Finding(&'a MailEvent<'a>, &'a Finding<'a>),
    Text(&'a str),
}

/// How a server stands and what comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) server: NamedServer<'a>,
    pub(crate) standing: Standing,
    pub(crate) stage: Option<Stage>,
    pub(crate) obstacle: Option<Obstacle>,
    /// It comes in a minute that rejects, and is deferred because it may have waited in a queue.
    pub(crate) has_waited: bool,
}

impl<'a> Why<'a> {
    pub(crate) const fn decided(event: &'a MailEvent<'a>, account: Account<'a>) -> Self {
        Self { said: Said::Account(account), event: Some(event), is_unrecorded: false }
    }

    pub(crate) const fn without_server(event: &'a MailEvent<'a>, finding: &'a Finding<'a>) -> Self {
        Self { said: Said::Finding(event, finding), event: Some(event), is_unrecorded: false }
    }

    pub(crate) const fn undecided(event: Option<&'a MailEvent<'a>>, text: &'a str) -> Self {
        Self { said: Said::Text(text), event, is_unrecorded: false }
    }

    /// The same for a message of which nothing is written down, so that none that follows can confirm it.
    #[must_use]
    pub const fn of_unrecorded(self) -> Self {
        Self { is_unrecorded: true, ..self }
    }
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Said::Account(account) => account.write(f, self.is_unrecorded)?,
            Said::Finding(event, finding) => write_without_server(f, event, finding)?,
            Said::Text(text) => f.write_str(text)?,
        }
        self.event.map_or(Ok(()), |event| note_bounds(f, event))
    }
}

impl Account<'_> {
    fn write(&self, f: &mut fmt::Formatter<'_>, is_unrecorded: bool) -> fmt::Result {
        write_runs(f, &self.server)?;
        write_standing(f, self.standing)?;
        let Some(stage) = self.stage else { return Ok(()) };
        write!(f, " Stage {} of {}.", stage.number, stage.of)?;
        match (self.obstacle, stage.next.and_then(|next| next.at)) {
            (Some(Obstacle::OneWitness), _) if is_unrecorded => {
                f.write_str(" Accepted: nothing is recorded that a second message could confirm.")
            }
            (Some(obstacle), _) => obstacle.explain(f),
            (None, Some(at)) if stage.keeps_open => write!(f, " Accepted: nothing is closed to it before {at}."),
            _ if self.has_waited => f.write_str(" Deferred and not rejected: it was stamped over an hour ago."),
            _ => Ok(()),
        }
    }
}

/// What was found in the header, in words, without judging it.
pub fn describe_recognition(event: &MailEvent<'_>, recognition: &Recognition<'_>, catalog: &Catalog) -> String {
    let mut why = String::new();
    // writing into a string cannot fail
    let _ = match &recognition.finding {
        Finding::Server(server) => {
            write_runs(&mut why, &NamedServer::new(server, LookedUp::new(catalog, server.shown))).and_then(|()| {
                why.write_str(if recognition.behind_relay { ". It stands behind a trusted relay." } else { "." })
            })
        }
        finding => write_without_server(&mut why, event, finding),
    };
    let _ = note_bounds(&mut why, event);
    why
}

/// What was found in place of an on-premises Exchange server; nothing where one was.
fn write_without_server(out: &mut impl Write, event: &MailEvent<'_>, finding: &Finding<'_>) -> fmt::Result {
    out.write_str(match finding {
        Finding::Server(_) => "",
        Finding::NoHop if event.own_hops > 0 => "No `Received` field was found below the gateway's own.",
        Finding::NoHop => "No `Received` field was found.",
        Finding::OwnHopsDisagree(why, evidence) => {
            let Evidence { field, .. } = evidence;
            let (claimed, plural) = (event.own_hops, if event.own_hops == 1 { "" } else { "s" });
            write!(out, "The gateway claims {claimed} `Received` field{plural} as its own, but field {field} ")?;
            let client = Prefixed(" ", event.client_ip.map(canonical_address));
            return match why {
                NotOwn::CameFrom(from) => write!(out, "came from {from}, not from its client{client}."),
                NotOwn::NamesNoAddress => write!(out, "does not say that it came from its client{client}."),
                NotOwn::Exchange => out.write_str("is an Exchange server's."),
            };
        }
        Finding::Unreadable(unreadable, evidence) => {
            return write!(out, "`Received` field {} proves nothing: {}.", evidence.field, unreadable.as_str());
        }
        Finding::NotExchange(_) => "The connecting server's `Received` field is not Exchange's.",
        Finding::ExchangeOnline(_) => "Handed over by Exchange Online.",
        Finding::LegacySmtp(_) => {
            "The connecting server is Exchange 2000, Exchange 2003 or plain IIS; it shows no build."
        }
        Finding::Nameless(evidence) => {
            let why = match event.connector {
                Connector::OnPremises => "its name has other characters than an id may have",
                _ => "its name has other characters than an id may have, or no address vouches for it",
            };
            return write!(
                out,
                "The Exchange server of `Received` field {} cannot be identified: {why}.",
                evidence.field
            );
        }
    })
}

/// Which server runs what; the sentence is open.
fn write_runs(out: &mut impl Write, server: &NamedServer<'_>) -> fmt::Result {
    let names = server.names();
    write!(out, "{} runs {}", server.name, names.product.unwrap_or("an unknown Exchange version"))?;
    // a build that the catalog does not list is no update that it does
    let unlisted = server.unlisted_build();
    for part in [names.cu, names.su.filter(|_| unlisted.is_none())].into_iter().flatten() {
        write!(out, " {part}")?;
    }
    unlisted.map_or(Ok(()), |build| write!(out, " (build {build})"))
}

/// How the server stands, as the end of [`write_runs`].
fn write_standing(f: &mut fmt::Formatter<'_>, standing: Standing) -> fmt::Result {
    match standing {
        Standing::Current(CurrentReason::MeetsBaseline) => f.write_str("; it meets the baseline."),
        Standing::Current(CurrentReason::AheadOfCatalog) => f.write_str("; it is newer than every release known here."),
        Standing::Current(CurrentReason::NoRequirement) => f.write_str("; the baseline requires nothing of it."),
        Standing::OutOfDate(Failing { required: Some(required), .. }) => {
            write!(f, "; {required} or later is required.")
        }
        Standing::OutOfDate(_) => f.write_str("; it is no longer supported."),
        Standing::Unknown(UnknownReason::NoBuild) => f.write_str("; this message shows no build."),
        Standing::Unknown(UnknownReason::ComponentsDisagree) => {
            f.write_str("; the build that another component stamped meets what is required.")
        }
        Standing::Unknown(UnknownReason::UpdateLevelNotShown) => {
            f.write_str("; this message does not show its update level.")
        }
        Standing::Unknown(UnknownReason::ExtendedSupportNotShown) => {
            f.write_str("; it is out of support, unless what it runs is an update under extended support.")
        }
        Standing::Unknown(UnknownReason::UnknownProduct) => f.write_str("; its build belongs to no known product."),
        Standing::Unknown(UnknownReason::UnknownLane) => {
            f.write_str("; its build belongs to no known cumulative update.")
        }
    }
}

/// Says so where not all of the header was read.
fn note_bounds(out: &mut impl Write, event: &MailEvent<'_>) -> fmt::Result {
    if event.header.has_unread_fields() {
        write!(out, " Only the first {MAX_FIELDS} header fields were read.")?;
    }
    if event.header.has_cut_field() {
        write!(out, " Of a header field only the first {MAX_FIELD_BYTES} octets were read.")?;
    }
    Ok(())
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
