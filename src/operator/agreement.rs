//! How the objects of the operator agree on what `control/mode` says. Each member has one writer: the object `control` the
//! ceiling, the operator's own object which facts are in force. The latter tells the former of the facts whenever it
//! starts or changes them; the former leaves a copy of the ceiling with the latter, which the release before, that knows
//! no object `control`, goes by when it is gone back to.
//!
//! So the copy may have been moved when `control` hears of it again: by that release, or by this one where `control` could
//! not be asked. Who alone moved the ceiling since both had the same has moved it; where both did, the lower one counts.
//!
//! The next release takes no move from the copy any more, and does not publish from it; the one after it writes none.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use tidegate_engine::{Freeze, Freezes, Mode, Timestamp};
use tidegate_stored::Document;

use super::control::{self, Stored};
use super::protocol::{Ceiling, CeilingCopy};
use crate::durable::sql::{Change, Sql, SqlError, integer};
use crate::durable::{documents, outbox};
use crate::platform::{jittered, real_millis};
use crate::store::{ControlKey, ControlRecord, Family};

/// Longer than a call waits that tells the other object itself.
const RETRY_MILLIS: i64 = 4_000;
/// The document with [`Agreed`].
const AGREED: &str = "agreed";

/// What `control` knows of the copy.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Agreed {
    /// As it was last heard of, and at which revision.
    seen: Ceiling,
    rev: u64,
    /// What was last to be written there: it may have been, though no answer came.
    sent: Ceiling,
}

/// When an object tells the other one what that has not heard yet, in milliseconds of the real clock.
#[derive(Debug, Default)]
pub struct Owed(Cell<i64>);

impl Owed {
    pub const fn due_millis(&self) -> i64 {
        self.0.get()
    }

    pub fn is_due(&self) -> bool {
        self.0.get() <= integer(real_millis())
    }

    pub fn now(&self) {
        self.0.set(0);
    }

    /// Somebody is about to tell, or has failed.
    pub fn later(&self) {
        self.0.set(integer(real_millis()) + jittered(RETRY_MILLIS));
    }
}

impl Agreed {
    /// What the ceiling is where `ours` lies here and `theirs` in the copy.
    fn decide(&self, ours: Ceiling, theirs: &Ceiling, now: Timestamp) -> Ceiling {
        if [&self.seen, &self.sent, &ours].contains(&theirs) {
            ours
        } else if ours == self.seen {
            theirs.clone()
        } else {
            ours.lower(theirs.clone(), now)
        }
    }
}

impl Ceiling {
    fn of((record, updated_at): &Stored) -> Self {
        Self { mode: record.mode, freezes: record.freezes.clone(), updated_at: *updated_at }
    }

    fn put_into(self, (record, updated_at): &mut Stored) {
        (record.mode, record.freezes, *updated_at) = (self.mode, self.freezes, self.updated_at);
        (record.variable, record.handed_over) = (None, true);
    }

    fn mode(&self) -> Mode {
        self.mode.unwrap_or(Mode::Enforce)
    }

    /// What follows where both were moved.
    fn lower(self, other: Self, now: Timestamp) -> Self {
        let mode = self.mode().min(other.mode());
        let freezes: Vec<Freeze> = [self.freezes, other.freezes].into_iter().flat_map(Vec::from).collect();
        let freezes = control::frozen(&Freezes::from(freezes), mode == Mode::Enforce, now);
        Self { mode: Some(mode), freezes, updated_at: self.updated_at.max(other.updated_at) }
    }
}

/// In `control`: takes in what the operator's own object stores; the copy that it should have instead, if another one.
/// `is_first`: since this object started; later on, what is older than what was heard already is passed over.
///
/// # Errors
/// What the release before left there has no ceiling of its own yet: a variable may still hold it down.
pub fn hear(change: &Change<'_>, held: &str, is_first: bool, now: Timestamp) -> Result<Option<CeilingCopy>, SqlError> {
    let held = control::read(held);
    if !held.0.handed_over {
        return Err(SqlError::Failed("what the release before left is not handed over yet".to_owned()));
    }
    let theirs = Ceiling::of(&held);
    let known = control::text(change)?;
    let agreed: Agreed = documents::load(change, AGREED)?.unwrap_or_default();
    let mut stored = known.as_deref().map_or_else(|| held.clone(), control::read);
    if is_first || held.0.rev >= agreed.rev {
        let ours = Ceiling::of(&stored);
        let decided = agreed.decide(ours.clone(), &theirs, now);
        // whoever has another ceiling may have told KV of it
        let may_be_told_elsewhere = decided != theirs && is_first;
        let may_be_told_late = decided != ours || is_first;
        decided.put_into(&mut stored);
        stored.0.versions.clone_from(&held.0.versions);
        if may_be_told_elsewhere || known.as_deref().map(control::read).as_ref() != Some(&stored) {
            stored.0.rev = stored.0.rev.max(held.0.rev);
            control::save(change, &mut stored)?;
            if may_be_told_late {
                outbox::assert_again(change, &ControlKey.key())?;
            }
        }
        documents::save(change, AGREED, &Agreed { seen: theirs.clone(), rev: held.0.rev, sent: Ceiling::of(&stored) })?;
    }
    let ceiling = Ceiling::of(&stored);
    Ok((ceiling != theirs).then(|| CeilingCopy { ceiling, rev: stored.0.rev, replaces: theirs }))
}

/// In `control`: takes in what KV was told, where that is later than what is here.
pub fn catch_up(change: &Change<'_>, told: Document<ControlRecord>) -> Result<(), SqlError> {
    if control::current(change)?.0.rev >= told.rev {
        return Ok(());
    }
    control::store(change, &mut (told, None))
}

/// In `control`: whether the copy is known to be what is here.
pub fn is_agreed(sql: &Sql) -> Result<bool, SqlError> {
    let agreed: Option<Agreed> = documents::load(sql, AGREED)?;
    let known = control::text(sql)?.as_deref().map(control::read);
    Ok(known.zip(agreed).is_some_and(|(known, agreed)| Ceiling::of(&known) == agreed.seen))
}

/// In the operator's own object: takes in the ceiling, if it replaces what is here. Only `control` tells KV of it then.
pub fn copy(change: &Change<'_>, copy: CeilingCopy) -> Result<(), SqlError> {
    let mut stored = control::current(change)?;
    if Ceiling::of(&stored) != copy.replaces {
        return Ok(());
    }
    copy.ceiling.put_into(&mut stored);
    stored.0.rev = stored.0.rev.max(copy.rev);
    control::unlay(change)?;
    control::store(change, &mut stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(mode: Mode, at: i64) -> Ceiling {
        let freezes = control::frozen(&Freezes::default(), mode == Mode::Enforce, Timestamp(at));
        Ceiling { mode: Some(mode), freezes, updated_at: Some(Timestamp(at)) }
    }

    #[test]
    fn who_alone_moved_the_ceiling_has_moved_it_and_where_both_did_the_lower_one_counts() {
        let (report, enforce, off) = (ceiling(Mode::Report, 1), ceiling(Mode::Enforce, 2), ceiling(Mode::Off, 3));
        let decide = |seen: &Ceiling, sent: &Ceiling, ours: &Ceiling, theirs: &Ceiling| {
            let agreed = Agreed { seen: seen.clone(), rev: 0, sent: sent.clone() };
            agreed.decide(ours.clone(), theirs, Timestamp(9))
        };
        assert_eq!(decide(&report, &report, &report, &report), report);
        assert_eq!(decide(&report, &report, &enforce, &report), enforce, "released here");
        assert_eq!(decide(&report, &report, &report, &enforce), enforce, "released there");
        assert_eq!(decide(&enforce, &report, &off, &report), off, "what was sent came, though no answer did");
        let both = decide(&report, &report, &enforce, &off);
        assert_eq!((both.mode(), both.updated_at), (Mode::Off, Some(Timestamp(3))));
        assert_eq!(both.freezes.open_since(), Some(Timestamp(3)));
        assert_eq!(decide(&off, &off, &both, &off), both, "until the copy has what both came to");
        assert_eq!(decide(&Ceiling::default(), &Ceiling::default(), &report, &enforce).mode(), Mode::Report);
    }
}
