//! Changes of stage and the warnings before them: derived from the clock, written down and told when they are due.
//!
//! The engine tells what is to be said ([`AlertState`]); here it is kept in the server's row, with the time at which something
//! is due next.

use tidegate_engine::Mode;
use tidegate_engine::Timestamp;
use tidegate_engine::Transition;
use tidegate_engine::{Alert, AlertKind, AlertState, SpellCourse, WARNING_SECONDS};
use tidegate_stored::Document;

use super::notifications::{self, Notification};
use super::place::Place;
use super::servers::Server;
use super::site::Judge;
use super::texts::Subject;
use super::transitions;
use crate::durable::audit;
use crate::durable::sql::{Change, SqlError};

/// Why alerts on a server are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// Something of them is due.
    Time,
    /// Its rules, freezes or record may be others.
    Change,
    /// A spell began at that time, or went on.
    Begun(Timestamp),
}

/// Where a server stands, and what is to be told.
pub struct Followed {
    pub place: Place,
    pub told: Option<Document<AlertState>>,
    pub notify_at: Option<Timestamp>,
    /// When its next stage begins, where that is told of.
    pub next_at: Option<Timestamp>,
    pub alerts: Vec<Alert>,
}

/// Looks at a server by the rules of `judge`.
pub fn follow(server: &Server, judge: &Judge<'_>, cause: Cause, now: Timestamp) -> Result<Followed, SqlError> {
    let frozen = judge.frozen_with(&server.exemptions);
    let rules = judge.rules(&frozen)?;
    let place = Place::by(&rules, server, judge, now);
    let course = server.record.spell().zip(place.shows).map(|(spell, build)| SpellCourse::new(spell, build, &rules));
    let Some(course) = course else {
        return Ok(Followed { place, told: None, notify_at: None, next_at: None, alerts: Vec::new() });
    };
    let (mut told, since) = match (cause, server.told.clone()) {
        (Cause::Begun(at), _) => (Document::new(AlertState::begin(&course, at)), Some(at)),
        (Cause::Time, Some(told)) => (told, Some(server.notify_at.unwrap_or(now))),
        (Cause::Change, Some(told)) => (told, None),
        (Cause::Time | Cause::Change, None) => (Document::new(AlertState::begin(&course, now)), None),
    };
    let policy = &judge.policy.enforcement.policy;
    let is_out_of_date = place.state.is_some_and(|state| state.failing().is_some());
    if !is_out_of_date || judge.mode() == Mode::Off || !policy.scope.contains(&server.connector) {
        return Ok(Followed { place, told: Some(told), notify_at: None, next_at: None, alerts: Vec::new() });
    }
    let alerts = match since {
        Some(since) => told.advance(&course, since, now),
        None => told.rebase(&course, now),
    };
    let notify_at = told.next_due(&course, now);
    let next_at = place.stage.and_then(|stage| stage.next?.at);
    Ok(Followed { place, told: Some(told), notify_at, next_at, alerts })
}

/// Writes down what happened to a server's spell, and what is to be told of it.
pub fn write(
    change: &Change<'_>,
    judge: &Judge<'_>,
    (server, place): (&Server, &Place),
    (transitions, alerts): (&[Transition], &[Alert]),
    now: Timestamp,
) -> Result<(), SqlError> {
    if judge.mode() == Mode::Off || transitions.is_empty() && alerts.is_empty() {
        return Ok(());
    }
    let subject = Subject::new(server, place, judge, now);
    let notify =
        |at, (kind, text)| notifications::write(change, &Notification { at, kind, server: Some(&server.id), text });
    for transition in transitions {
        notify(transition.at, subject.transition(transition.kind))?;
    }
    for alert in alerts {
        if alert.kind == AlertKind::Changed {
            let (before, after) = (alert.from.map(|from| from.to_string()), Some(alert.stage.number.to_string()));
            let who = (audit::SYSTEM, place.build.clone());
            transitions::write(change, &server.id, alert.at, "stage", who, (before, after))?;
        }
        notify(alert.at, subject.alert(alert))?;
    }
    Ok(())
}

/// Tells what is due about a server that is about to change; its row is the caller's to write.
pub fn tell_before_change(
    change: &Change<'_>,
    judge: &Judge<'_>,
    server: &mut Server,
    now: Timestamp,
) -> Result<(), SqlError> {
    if server.notify_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    let Followed { place, told, notify_at, alerts, .. } = follow(server, judge, Cause::Time, now)?;
    (server.told, server.notify_at) = (told, notify_at);
    write(change, judge, (server, &place), (&[], &alerts), now)
}

/// When the end of a pause or an exemption is to be announced next after `now`, at which it lasts already.
pub fn next_warning(until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    WARNING_SECONDS.iter().map(|ahead| until.plus(-ahead)).find(|due| *due > now)
}

/// The warning of an end that counts at `now`, if one of those planned from `due` on still has a point: when it was due,
/// and which of the two kinds it is.
pub fn warning_due(due: Timestamp, until: Timestamp, now: Timestamp) -> Option<(Timestamp, usize)> {
    let mut known = WARNING_SECONDS.iter().map(|ahead| until.plus(-ahead)).enumerate();
    let counts = known.rfind(|(_, at)| due <= *at && *at <= now).filter(|_| now < until);
    counts.map(|(kind, at)| (at, kind))
}
