//! `control/mode`: the operator-wide ceiling, the times it stopped the clocks, and which facts are in force. It is a
//! document in two objects: `control` decides the ceiling and publishes it, the operator's own object decides which facts
//! are in force; each has what the other one decides as it last heard of it ([`super::agreement`]).
//!
//! The ceiling is moved by its call alone. A deployment of the release before may have had a second one, the variable
//! `MODE_CEILING`: the first start of this release puts the lower of both in its place, so that an upgrade switches
//! nobody's enforcement on, and from then on no variable counts.

use serde::Serialize;
use tidegate_engine::Mode;
use tidegate_engine::Timestamp;
use tidegate_engine::{Freeze, Freezes};
use tidegate_stored::Document;
use tidegate_wire::native::Written;

use super::protocol::Changed;
use super::trail;
use crate::durable::audit::{self, Act};
use crate::durable::sql::{Change, Sql, SqlError, from_text, to_text};
use crate::durable::{documents, outbox};
use crate::store::{ControlKey, ControlRecord, Family, Record, Usable, Versions};

/// What is published, and when the ceiling changed last.
pub type Stored = (Document<ControlRecord>, Option<Timestamp>);

/// Its name in either object.
const NAME: &str = "control";

#[derive(Serialize)]
struct Shown {
    mode: Mode,
    updated_at: Option<Written<Timestamp>>,
}

/// What an entry of the trail says.
#[derive(Serialize)]
struct Entry {
    mode: Mode,
}

/// The ceiling as the API shows it.
pub fn show(sql: &Sql) -> Result<Changed, SqlError> {
    let (control, updated_at) = current(sql)?;
    let control = control.into_value();
    let shown = to_text(&Shown { mode: ceiling(&control), updated_at: updated_at.map(Written) })?;
    Ok(Changed { control, shown, version: None })
}

/// Sets the ceiling, and has KV told. `may_be_past`: another one than here may be in force, so that none is set already.
pub fn set(change: &Change<'_>, act: Act<'_>, mode: Mode, may_be_past: bool) -> Result<Changed, SqlError> {
    let mut stored = current(change)?;
    if mode != ceiling(&stored.0) || may_be_past {
        move_to(change, act, &mut stored, mode)?;
        save(change, &mut stored)?;
    }
    show(change)
}

/// Takes the place of the release before, once: the ceiling becomes the lower of the one that was set by a call and of
/// the deployment's variable, as the release before stored it or as it still is. What that one was about to tell KV is
/// left to `control`, unless it pulled the brake.
pub fn hand_over(sql: &Sql, now: Timestamp, variable: Mode) -> Result<(), SqlError> {
    sql.change(|change| {
        let mut stored = current(change)?;
        if ceiling(&stored.0) == Mode::Enforce {
            unlay(change)?;
        }
        if stored.0.handed_over {
            return Ok(());
        }
        let lower = stored.0.ceiling(variable);
        let set = stored.0.mode.unwrap_or(Mode::Enforce);
        // told to a rolled back release, which then takes its variable in anew
        (stored.0.variable, stored.0.handed_over) = (None, true);
        if lower != set {
            move_to(change, Act { actor: audit::SYSTEM, at: now }, &mut stored, lower)?;
        }
        store(change, &mut stored)
    })
}

/// What is published.
pub fn record(sql: &Sql) -> Result<ControlRecord, SqlError> {
    Ok(Usable::of(Ok(current(sql)?.0)).map(Usable::into_record).unwrap_or_default())
}

/// Changes which facts are in force, of which `control` is to be told.
pub fn put_in_force(change: &Change<'_>, edit: impl FnOnce(&mut Versions)) -> Result<(), SqlError> {
    let mut stored = current(change)?;
    edit(&mut stored.0.versions);
    store(change, &mut stored)
}

/// Writes down what is to be published, one revision further, and lays it ready for KV.
pub fn save(change: &Change<'_>, stored: &mut Stored) -> Result<(), SqlError> {
    store(change, stored)?;
    outbox::lay_json(change, ControlKey::RANK, &ControlKey, to_text(&stored.0)?)
}

/// The same where another object publishes it.
pub fn store(change: &Change<'_>, stored: &mut Stored) -> Result<(), SqlError> {
    stored.0.rev += 1;
    documents::save(change, NAME, stored)
}

/// Has KV told nothing by this object.
pub fn unlay(change: &Change<'_>) -> Result<(), SqlError> {
    outbox::withdraw(change, &ControlKey.key())
}

/// In the operator's own object: leaves KV to `control`, which has published `published` when it was told what was `held`
/// here; `false` where it has yet to hear of what is here now.
pub fn leave_to(change: &Change<'_>, held: &str, published: &ControlRecord) -> Result<bool, SqlError> {
    if text(change)?.as_deref() != Some(held) || record(change)?.versions != published.versions {
        return Ok(false);
    }
    unlay(change)?;
    Ok(true)
}

/// The document as text; `None` where there is none.
pub fn text(sql: &Sql) -> Result<Option<String>, SqlError> {
    documents::text(sql, NAME)
}

pub fn current(sql: &Sql) -> Result<Stored, SqlError> {
    Ok(text(sql)?.as_deref().map(read).unwrap_or_default())
}

pub fn read(text: &str) -> Stored {
    // of a later release, and of a shape that is not known here: it is put anew, and holds all tenants until then
    from_text(text).unwrap_or_else(|_| (Document::new(unknown()), None))
}

/// What stands in for a record that is not known: no cache prefers it to any other, and nothing is enforced by it.
pub fn unknown() -> ControlRecord {
    ControlRecord::restrained(None).unwrap_or_default()
}

fn move_to(change: &Change<'_>, act: Act<'_>, stored: &mut Stored, mode: Mode) -> Result<(), SqlError> {
    let (record, updated_at) = &mut *stored;
    let before = audit::json(&entry(record))?;
    record.mode = Some(mode);
    record.freezes = frozen(&record.freezes, mode == Mode::Enforce, act.at);
    *updated_at = Some(act.at);
    if !record.is_understood() {
        // what was overwritten is this release's
        *record = Document::new(ControlRecord::clone(record));
    }
    let after = audit::json(&entry(record))?;
    trail::write(change, act, "control.put", "mode", (before, after), None)
}

fn entry(record: &ControlRecord) -> Entry {
    Entry { mode: record.mode.unwrap_or(Mode::Enforce) }
}

pub fn ceiling(record: &ControlRecord) -> Mode {
    record.ceiling(Mode::Enforce)
}

/// The freezes, from `now` on open or closed.
pub fn frozen(freezes: &Freezes, enforces: bool, now: Timestamp) -> Freezes {
    let mut list: Vec<Freeze> = freezes.clone().into();
    match (enforces, list.iter_mut().find(|freeze| freeze.until.is_none())) {
        (true, Some(open)) => open.until = Some(now.max(open.from)),
        (false, None) => list.push(Freeze { from: now, until: None }),
        _ => {}
    }
    Freezes::from(list).bounded(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_below_enforce_is_frozen() {
        let at = |seconds| Timestamp(seconds);
        let freezes = frozen(&Freezes::default(), true, at(5));
        assert!(freezes.is_empty());
        let freezes = frozen(&freezes, false, at(10));
        assert_eq!(freezes.open_since(), Some(at(10)));
        let freezes = frozen(&frozen(&freezes, false, at(20)), true, at(30));
        assert_eq!((freezes.open_since(), freezes.overlap(at(0), at(100))), (None, 20));
        let freezes = frozen(&frozen(&freezes, false, at(50)), true, at(40));
        assert_eq!(freezes.overlap(at(0), at(100)), 20, "a clock that runs backwards freezes nothing");
    }

    #[test]
    fn ten_thousand_turns_keep_their_sum() {
        let mut freezes = Freezes::default();
        for turn in 0..20_000 {
            freezes = frozen(&freezes, turn % 2 == 1, Timestamp(turn * 10));
        }
        assert_eq!(Vec::<Freeze>::from(freezes.clone()).len(), Freezes::MAX);
        assert_eq!(freezes.overlap(Timestamp(0), Timestamp(200_000)), 100_000);
        assert_eq!(freezes.at(Timestamp(199_995)), None);
    }
}
