//! `control/mode`: the operator-wide ceiling, the times it stopped the clocks, and which facts are in force.

use serde::Serialize;
use tidegate_engine::Mode;
use tidegate_engine::Timestamp;
use tidegate_engine::{Freeze, Freezes};
use tidegate_wire::native::Written;

use super::protocol::Changed;
use super::trail;
use crate::durable::audit::{self, Act};
use crate::durable::outbox;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::store::{ControlKey, ControlRecord};

/// Freezes that are kept. Beyond them the oldest become one with the time between them, which favours servers.
const MAX_FREEZES: usize = 256;

/// What is published, and when ceiling or variable changed last.
type Stored = (ControlRecord, Option<Timestamp>);

#[derive(Serialize)]
struct Document {
    mode: Mode,
    variable: Mode,
    effective: Mode,
    updated_at: Option<Written<Timestamp>>,
}

/// What an entry of the trail says.
#[derive(Serialize)]
struct Entry {
    mode: Mode,
    variable: Mode,
}

/// Takes the deployment's variable in, and sets the ceiling where one is given.
pub fn set(sql: &Sql, act: Act<'_>, variable: Mode, mode: Option<Mode>) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let mut stored = current(change)?;
        if !stored.0.knows(variable) {
            let system = Act { actor: audit::SYSTEM, ..act };
            write(change, system, &mut stored, |record| record.variable = Some(variable))?;
        }
        if mode.is_some() && mode != stored.0.mode {
            write(change, act, &mut stored, |record| record.mode = mode)?;
        }
        let (record, updated_at) = stored;
        let (mode, effective) = (ceiling(&record), record.ceiling(variable));
        let shown = to_text(&Document { mode, variable, effective, updated_at: updated_at.map(Written) })?;
        Ok(Changed { control: record, shown, version: None })
    })
}

/// What is published.
pub fn record(sql: &Sql) -> Result<ControlRecord, SqlError> {
    Ok(current(sql)?.0)
}

/// Changes which facts are in force.
pub fn publish(change: &Change<'_>, edit: impl FnOnce(&mut ControlRecord)) -> Result<ControlRecord, SqlError> {
    let mut stored = current(change)?;
    edit(&mut stored.0);
    save(change, &mut stored)?;
    Ok(stored.0)
}

fn write(
    change: &Change<'_>,
    act: Act<'_>,
    stored: &mut Stored,
    edit: impl FnOnce(&mut ControlRecord),
) -> Result<(), SqlError> {
    let (record, updated_at) = &mut *stored;
    let before = audit::json(&entry(record))?;
    edit(record);
    record.freezes = frozen(&record.freezes, effective(record) == Mode::Enforce, act.at);
    *updated_at = Some(act.at);
    let after = audit::json(&entry(record))?;
    save(change, stored)?;
    trail::write(change, act, "control.put", "mode", (before, after), None)
}

fn save(change: &Change<'_>, stored: &mut Stored) -> Result<(), SqlError> {
    stored.0.rev += 1;
    outbox::lay(change, &ControlKey, &stored.0)?;
    super::document(change, "control", &to_text(stored)?)
}

fn current(sql: &Sql) -> Result<Stored, SqlError> {
    let stored = sql.row("SELECT json FROM document WHERE name = 'control'", values![])?;
    Ok(stored.unwrap_or_default())
}

fn entry(record: &ControlRecord) -> Entry {
    Entry { mode: ceiling(record), variable: record.variable.unwrap_or(Mode::Enforce) }
}

fn ceiling(record: &ControlRecord) -> Mode {
    record.mode.unwrap_or(Mode::Enforce)
}

fn effective(record: &ControlRecord) -> Mode {
    record.ceiling(record.variable.unwrap_or(Mode::Enforce))
}

/// The freezes, from `now` on open or closed.
fn frozen(freezes: &Freezes, enforces: bool, now: Timestamp) -> Freezes {
    let mut list: Vec<Freeze> = freezes.clone().into();
    match (enforces, list.iter_mut().find(|freeze| freeze.until.is_none())) {
        (true, Some(open)) => open.until = Some(now.max(open.from)),
        (false, None) => list.push(Freeze { from: now, until: None }),
        _ => {}
    }
    let beyond = list.len().saturating_sub(MAX_FREEZES);
    if beyond > 0 {
        let until = list.get(beyond).and_then(|last| last.until);
        if let Some(first) = list.first_mut() {
            first.until = until;
        }
    }
    list.into()
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
    fn the_list_of_freezes_is_bounded_to_the_favour_of_servers() {
        let mut freezes = Freezes::default();
        for turn in 0..2_000 {
            freezes = frozen(&freezes, turn % 2 == 1, Timestamp(turn * 10));
        }
        let list: Vec<Freeze> = freezes.clone().into();
        assert!(list.len() <= MAX_FREEZES);
        assert!(freezes.overlap(Timestamp(0), Timestamp(20_000)) >= 10_000);
        assert_eq!(freezes.at(Timestamp(19_995)), None);
    }
}
