//! `control/mode`: the operator-wide ceiling, the times it stopped the clocks, and which facts are in force.
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
use crate::durable::outbox;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::store::{ControlKey, ControlRecord, Family, Record, Usable};

/// What is published, and when the ceiling changed last.
type Stored = (Document<ControlRecord>, Option<Timestamp>);

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

/// The ceiling as the API shows it, set before where a mode is given.
pub fn set(sql: &Sql, act: Act<'_>, mode: Option<Mode>) -> Result<Changed, SqlError> {
    let Some(mode) = mode else { return changed(current(sql)?) };
    sql.change(|change| {
        let mut stored = current(change)?;
        if mode != ceiling(&stored.0) {
            write(change, act, &mut stored, mode)?;
        }
        changed(stored)
    })
}

/// Takes the place of the release before, once: the ceiling becomes the lower of the one that was set by a call and of
/// the deployment's variable, as the release before stored it or as it still is. Lays `control/mode` in any case.
pub fn hand_over(sql: &Sql, now: Timestamp, variable: Mode) -> Result<(), SqlError> {
    if current(sql)?.0.handed_over {
        return Ok(());
    }
    sql.change(|change| {
        let mut stored = current(change)?;
        let lower = stored.0.ceiling(variable);
        let set = stored.0.mode.unwrap_or(Mode::Enforce);
        // told to a rolled back release, which then takes its variable in anew
        (stored.0.variable, stored.0.handed_over) = (None, true);
        if lower == set {
            return save(change, &mut stored);
        }
        write(change, Act { actor: audit::SYSTEM, at: now }, &mut stored, lower)
    })
}

/// What is published.
pub fn record(sql: &Sql) -> Result<ControlRecord, SqlError> {
    Ok(Usable::of(Ok(current(sql)?.0)).map(Usable::into_record).unwrap_or_default())
}

/// Changes which facts are in force.
pub fn publish(change: &Change<'_>, edit: impl FnOnce(&mut ControlRecord)) -> Result<ControlRecord, SqlError> {
    let mut stored = current(change)?;
    edit(&mut stored.0);
    save(change, &mut stored)?;
    Ok(stored.0.into_value())
}

fn write(change: &Change<'_>, act: Act<'_>, stored: &mut Stored, mode: Mode) -> Result<(), SqlError> {
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
    save(change, stored)?;
    trail::write(change, act, "control.put", "mode", (before, after), None)
}

fn save(change: &Change<'_>, stored: &mut Stored) -> Result<(), SqlError> {
    stored.0.rev += 1;
    outbox::lay_json(change, ControlKey::RANK, &ControlKey, to_text(&stored.0)?)?;
    super::document(change, "control", &to_text(stored)?)
}

fn current(sql: &Sql) -> Result<Stored, SqlError> {
    match sql.row("SELECT json FROM document WHERE name = 'control'", values![]) {
        // of a later release, and of a shape that is not known here: it is put anew, and holds all tenants until then
        Err(SqlError::Malformed(_)) => Ok((Document::new(ControlRecord::restrained(None).unwrap_or_default()), None)),
        stored => Ok(stored?.unwrap_or_default()),
    }
}

fn changed((control, updated_at): Stored) -> Result<Changed, SqlError> {
    let control = control.into_value();
    let shown = to_text(&Shown { mode: ceiling(&control), updated_at: updated_at.map(Written) })?;
    Ok(Changed { control, shown, version: None })
}

fn entry(record: &ControlRecord) -> Entry {
    Entry { mode: record.mode.unwrap_or(Mode::Enforce) }
}

fn ceiling(record: &ControlRecord) -> Mode {
    record.ceiling(Mode::Enforce)
}

/// The freezes, from `now` on open or closed.
fn frozen(freezes: &Freezes, enforces: bool, now: Timestamp) -> Freezes {
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
