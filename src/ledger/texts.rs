//! What notifications say: plain sentences for the administrator of a server, with all times in UTC.

use std::fmt::Write;

use tidegate_engine::ClosedMinutes;
use tidegate_engine::Mode;
use tidegate_engine::NextStage;
use tidegate_engine::Timestamp;
use tidegate_engine::TransitionKind;
use tidegate_engine::{Alert, AlertKind};

use super::place::Place;
use super::servers::Server;
use super::site::Judge;

/// Of a name that a sender wrote, so much is repeated.
const MAX_NAME: usize = 253;

/// A server, as it stands now.
pub struct Subject<'a> {
    name: &'a str,
    place: &'a Place,
    /// How many stages there are.
    of: usize,
    /// Whether its mail is deferred and rejected, and not only reported.
    enforced: bool,
    /// The end of the pause or exemption that holds now.
    paused_until: Option<Timestamp>,
}

impl<'a> Subject<'a> {
    pub fn new(server: &'a Server, place: &'a Place, judge: &Judge<'_>, now: Timestamp) -> Self {
        let policy = &judge.policy.enforcement.policy;
        let enforced = judge.mode() == Mode::Enforce && (!server.relayed || policy.enforce_behind_relays);
        let frozen = judge.frozen_with(&server.exemptions).at(now);
        Self {
            name: &server.name,
            place,
            of: policy.ladder.len(),
            enforced,
            paused_until: frozen.and_then(|freeze| freeze.until).filter(|_| enforced),
        }
    }

    /// Of something that happened to its spell: the notification's kind, and what it says.
    pub fn transition(&self, kind: TransitionKind) -> (&'static str, String) {
        match kind {
            TransitionKind::Detected => ("server.detected", self.begins("It is")),
            TransitionKind::Resumed => (
                "server.resumed",
                self.begins("It shows again what it was out of date by, so its clock goes on: it is"),
            ),
            TransitionKind::Patched => {
                let mut text = self.name();
                push(&mut text, format_args!(" now runs {}. It is out of date no longer", self.version()));
                text.push_str(", and nothing is held against it any more.");
                ("server.patched", text)
            }
            TransitionKind::Silent => {
                let mut text = self.name();
                text.push_str(
                    " has sent nothing from an outdated version for 60 days. It counts as out of date no longer;",
                );
                text.push_str(" should it come back so within 180 days of its last message, its clock goes on.");
                ("server.silent", text)
            }
        }
    }

    /// Of a stage that comes or has begun.
    pub fn alert(&self, alert: &Alert) -> (&'static str, String) {
        let mut text = self.outdated();
        let kind = match alert.kind {
            AlertKind::Changed => {
                let number = alert.stage.number;
                push(&mut text, format_args!(" On {} stage {number} of {} began: ", time(alert.at), self.of));
                self.push_effect(&mut text, alert.stage.minutes, false);
                self.push_next(&mut text, alert.next);
                "stage.changed"
            }
            kind @ (AlertKind::In7Days | AlertKind::In1Day) => {
                self.push_next(&mut text, Some(alert.stage));
                if kind == AlertKind::In7Days { "stage.in_7_days" } else { "stage.in_1_day" }
            }
        };
        self.push_circumstances(&mut text);
        (kind, text)
    }

    fn begins(&self, how: &str) -> String {
        let mut text = self.outdated();
        if let Some(stage) = self.place.stage {
            push(&mut text, format_args!(" {how} in stage {} of {}: ", stage.number, self.of));
            self.push_effect(&mut text, stage.minutes, false);
            self.push_next(&mut text, stage.next);
        }
        self.push_circumstances(&mut text);
        text
    }

    fn name(&self) -> String {
        self.name.chars().filter(char::is_ascii_graphic).take(MAX_NAME).collect()
    }

    fn version(&self) -> String {
        let mut version = self.place.product.clone().unwrap_or_else(|| "an unknown version of Exchange".to_owned());
        if let Some(build) = &self.place.build {
            push(&mut version, format_args!(", build {build}"));
        }
        version
    }

    /// Which server, which build, and what is required.
    fn outdated(&self) -> String {
        let mut text = self.name();
        push(&mut text, format_args!(" runs {}, which is out of date: ", self.version()));
        let failing = self.place.state.and_then(|state| state.failing());
        match failing.and_then(|failing| failing.required) {
            Some(required) => push(&mut text, format_args!("build {required} or later is required.")),
            None => text.push_str("it is supported no longer, a supported version is required."),
        }
        text
    }

    /// What becomes of its mail.
    fn push_effect(&self, text: &mut String, minutes: ClosedMinutes, to_come: bool) {
        let verb = match (self.enforced, to_come) {
            (false, _) => "would be",
            (true, false) => "is",
            (true, true) => "will be",
        };
        match (minutes.throttle(), minutes.block()) {
            (0, 0) => push(text, format_args!("all its mail {verb} accepted.")),
            (0, 60) => push(text, format_args!("all its mail {verb} blocked.")),
            (throttle, 0) => {
                push(text, format_args!("its mail {verb} throttled for {throttle} minutes of every hour."))
            }
            (0, block) => push(text, format_args!("its mail {verb} blocked for {block} minutes of every hour.")),
            (throttle, block) => push(
                text,
                format_args!("its mail {verb} throttled for {throttle} and blocked for {block} minutes of every hour."),
            ),
        }
    }

    fn push_next(&self, text: &mut String, next: Option<NextStage>) {
        let Some(next) = next else { return };
        let (number, of) = (next.number, self.of);
        match next.at {
            Some(at) => {
                push(text, format_args!(" On {} stage {number} of {of} begins: ", time(at)));
                self.push_effect(text, next.minutes, true);
            }
            None => push(text, format_args!(" When stage {number} of {of} begins is open.")),
        }
    }

    fn push_circumstances(&self, text: &mut String) {
        match self.paused_until {
            Some(until) => push(text, format_args!(" Its enforcement is paused until {}.", time(until))),
            None if !self.enforced => text.push_str(" For now this is only reported, and all its mail is accepted."),
            None => {}
        }
    }
}

/// A pause, or the exemption of a server, is about to end.
pub fn ends(what: &str, until: Timestamp) -> String {
    format!("{what} ends on {}. From then on enforcement goes on where it stopped.", time(until))
}

fn time(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace('Z', " UTC")
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // writing into a string cannot fail
    let _ = text.write_fmt(part);
}
