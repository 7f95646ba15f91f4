//! A spell: one uninterrupted time of a server's being out of date. It carries the stage clock.

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::clock::Clock;
use crate::rules::{NOTICE_SECONDS, Rules};
use crate::time::{DAY, Timestamp};

/// Seconds after its last out-of-date message at which a spell ends. Longer than a month, so that a server which mails
/// once a month stays in its spell.
pub(crate) const SILENCE_SECONDS: i64 = 60 * DAY;
/// Seconds without mail that could be refused after which such mail counts as the first again, and brings its days of
/// notice.
pub(crate) const REACH_SECONDS: i64 = 35 * DAY;

/// One uninterrupted time of being out of date.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spell {
    /// When its first witness arrived.
    pub detected_at: Timestamp,
    /// Seconds that do not count: the time before a resumption, and what a change of rules was softened by.
    pub held: i64,
    /// The last out-of-date message; or, if that is later, when what had been taken back was required again.
    pub last_out_of_date: Timestamp,
    /// Nothing is closed before.
    #[serde(default)]
    pub open_until: Timestamp,
    /// The last out-of-date message that could have been refused; `None`: none could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_in_reach: Option<Timestamp>,
    /// Since when the server has been acceptable only because a requirement was taken back: its clock stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_since: Option<Timestamp>,
}

impl Spell {
    /// A spell that begins at `at`, as the stage of a server without a spell is computed from.
    pub const fn begin(at: Timestamp) -> Self {
        Self {
            detected_at: at,
            held: 0,
            last_out_of_date: at,
            open_until: at,
            last_in_reach: None,
            suspended_since: None,
        }
    }

    /// One whose out-of-date messages could be refused from `detected_at` until `last`.
    pub fn between(detected_at: Timestamp, last: Timestamp) -> Self {
        let mut spell = Self { last_out_of_date: last, last_in_reach: Some(last), ..Self::begin(detected_at) };
        spell.give_notice(detected_at);
        spell
    }

    /// When the spell ends if nothing more is heard; `None` while it is suspended, which is no silence.
    pub fn silent_at(&self) -> Option<Timestamp> {
        self.suspended_since.is_none().then(|| self.last_out_of_date.plus(SILENCE_SECONDS))
    }

    /// Whether mail that could be refused came within the last 35 days, so that its days of notice were given.
    pub fn is_in_reach(&self, now: Timestamp) -> bool {
        self.last_in_reach.is_some_and(|last| now.since(last) <= REACH_SECONDS)
    }

    /// Closes nothing for 7 days from `now` on.
    pub(crate) fn give_notice(&mut self, now: Timestamp) {
        self.open_until = self.open_until.max(now.plus(NOTICE_SECONDS));
    }

    /// The server fails again what had been taken back.
    pub(crate) fn end_suspension(&mut self, build: Build, rules: &Rules<'_>, now: Timestamp) {
        if self.let_go_on(build, rules, now) {
            self.last_out_of_date = self.last_out_of_date.max(now);
            self.give_notice(now);
        }
    }

    /// Lets a clock go on that stood still until `now`. Whether it did.
    pub(crate) fn let_go_on(&mut self, build: Build, rules: &Rules<'_>, now: Timestamp) -> bool {
        let Some(since) = self.suspended_since.take() else { return false };
        let clock = rules.clock(self, build);
        self.held = self.held.saturating_add((clock.running(now) - clock.running(since)).max(0));
        true
    }
}

impl<'a> Rules<'a> {
    /// The clock of a spell of a server that shows `build`. A spell that waited for its product's wave has its days of
    /// notice from there on.
    pub fn clock(&self, spell: &Spell, build: Build) -> Clock<'a> {
        let wave = self.facts.catalog.product(build).and_then(|product| self.policy.wave(product, self.facts));
        let notice = wave.filter(|wave| spell.detected_at < *wave).map(|wave| wave.plus(NOTICE_SECONDS));
        Clock {
            stopped_at: spell.suspended_since,
            start: wave.map(|wave| wave.max(spell.detected_at)),
            freezes: self.freezes,
            held: spell.held,
            open_until: notice.map_or(spell.open_until, |notice| notice.max(spell.open_until)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Freezes;
    use crate::policy::{Facts, Policy};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn with_rules(policy: &str, test: impl FnOnce(&Rules<'_>)) {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let policy: Policy = serde_json::from_str(policy).unwrap();
        test(&Rules::new(&facts, &policy, &freezes).unwrap());
    }

    #[test]
    fn a_spell_that_waited_for_its_wave_has_seven_days_from_there() {
        with_rules(r#"{"waves":{"Exchange Server 2016":"2026-12-01"}}"#, |rules| {
            let (wave, build) = (at("2026-12-01T00:00:00Z"), "15.1.2507.39".parse().unwrap());
            let clock = |detected| rules.clock(&Spell::begin(detected), build);
            let waited = clock(at("2026-10-01T00:00:00Z"));
            assert_eq!((waited.start, waited.open_until), (Some(wave), wave.plus(NOTICE_SECONDS)));
            let later = wave.plus(DAY);
            assert_eq!((clock(later).start, clock(later).open_until), (Some(later), later));
        });
        with_rules(r#"{"waves":{"Exchange Server 2016":null}}"#, |rules| {
            assert_eq!(rules.clock(&Spell::begin(Timestamp(0)), "15.1.2507.39".parse().unwrap()).start, None);
        });
    }
}
