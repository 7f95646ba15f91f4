//! No surprise: a change of policy, ladder, baseline or wave never makes a running spell stricter at once.

use std::collections::BTreeSet;

use crate::build::Build;
use crate::clock::Clock;
use crate::ladder::{Ladder, Minutes};
use crate::rules::{NOTICE_SECONDS, Rules};
use crate::spell::ServerRecord;
use crate::time::Timestamp;

/// By what a server was judged until now, and is from now on.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub before: Rules<'a>,
    pub after: Rules<'a>,
    pub now: Timestamp,
}

/// Holds back the clock of a server's running spell, so that after the change it loses no more than before for as long as
/// its stage would have lasted. Where the change makes the server's best build acceptable, the spell is suspended; where
/// it makes it fail again, nothing is closed for 7 days. Whether any of that was needed.
pub fn hold(server: &mut ServerRecord, change: &Change<'_>) -> bool {
    let Change { before, after, now } = *change;
    let Some(known) = server.spell().copied() else { return false };
    // machines of one name may run different products, whose waves differ
    let builds: BTreeSet<Build> = server.builds().map(|seen| seen.build).collect();
    let mut spell = known;
    for build in builds {
        let (met, meets) = (before.clock(&known, build), after.clock(&known, build));
        let old = Climb { clock: &met, ladder: &before.policy.ladder };
        let held = held_after_change(&old, &Climb { clock: &meets, ladder: &after.policy.ladder }, now);
        spell.held = spell.held.max(held);
        // a wave that is moved leaves the notice that it would have brought
        if meets.start.is_some() && met.open_until > meets.open_until.max(now) {
            spell.open_until = spell.open_until.max(met.open_until);
        }
    }
    match server.best(&after, now) {
        Some(best) if best.standing.is_out_of_date() => spell.end_suspension(best.build, &after, now),
        Some(best) if server.is_spared(best.shown, &after, now) => {
            spell.suspended_since.get_or_insert(now);
        }
        _ => {}
    }
    if let Some(running) = server.spell_mut() {
        *running = spell;
    }
    spell != known
}

/// A clock and the ladder that it climbs.
struct Climb<'a> {
    clock: &'a Clock<'a>,
    ladder: &'a Ladder,
}

/// What a spell loses, and for how many more seconds that count.
struct Met {
    minutes: Minutes,
    /// `None`: for good.
    left: Option<i64>,
}

impl Climb<'_> {
    /// Seconds until the product's wave comes; `None` if it never does.
    fn wait(&self, now: Timestamp) -> Option<i64> {
        Some(self.clock.start?.since(now).max(0))
    }

    fn met(&self, now: Timestamp) -> Met {
        let counted = self.clock.elapsed(now);
        let rung = self.ladder.at(counted);
        let is_closed = counted >= 0 && self.clock.has_started(now);
        let (minutes, end) = if !is_closed && !rung.minutes.is_open() {
            (Minutes::default(), Some(0))
        } else {
            (rung.minutes, rung.end)
        };
        let left = end.zip(self.wait(now)).map(|(end, wait)| (end - counted).saturating_add(wait));
        Met { minutes, left }
    }
}

/// The `held` of a spell after a change, raised so that the end of the last stage of the new ladder that is no stricter
/// than what the spell met is at least as far off as the end of the old stage was; below 0 nothing is closed.
fn held_after_change(old: &Climb<'_>, new: &Climb<'_>, now: Timestamp) -> i64 {
    let Met { minutes, left } = old.met(now);
    let milder = new.ladder.rungs().take_while(|rung| !rung.minutes.is_stricter_than(minutes)).last();
    let end = milder.map_or(Some(0), |rung| rung.end);
    let (Some(end), Some(wait)) = (end, new.wait(now)) else { return new.clock.held };
    // of a stage that would never have ended, the new one's length is left, and the days of notice at least
    let length = milder.map_or(0, |rung| end - rung.start).max(NOTICE_SECONDS);
    let most = end.saturating_sub(left.unwrap_or(length)).saturating_add(wait);
    new.clock.held.max(new.clock.running(now).saturating_sub(most))
}
