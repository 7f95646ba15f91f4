//! On which day an API key was last used: noted beside a decision, told the operator's object with the counters, once a
//! day a key and isolate. Marks that are lost are no loss: they are a day, and a key in use leaves another.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tidegate_engine::Date;
use worker::Env;

use crate::durable::audit;
use crate::durable::client::{CallError, Circumstances};
use crate::durable::keys::KeyUse;
use crate::operator::{self, Call};

/// Keys that one isolate keeps in mind; the uses of further ones are not noted on that day.
const MAX_KEYS: usize = 10_000;
/// Marks that one call tells.
const MAX_TOLD: usize = 1_000;

thread_local! {
    static USES: RefCell<Uses> = const { RefCell::new(Uses::new()) };
}

/// Notes that a key was used on that day.
pub fn note(id: &str, day: Date) {
    USES.with_borrow_mut(|uses| uses.note(id, day));
}

/// Tells what is not told yet. What fails stays for the next time.
pub async fn tell(env: &Env) -> Result<(), CallError> {
    let untold = USES.with_borrow(Uses::untold);
    if untold.is_empty() {
        return Ok(());
    }
    let operator = operator::of(env, audit::SYSTEM, Circumstances::default());
    let call = Call::KeysUsed(untold);
    operator.call::<bool>(&call, super::TELL_DEADLINE).await?;
    if let Call::KeysUsed(told) = &call {
        USES.with_borrow_mut(|uses| uses.taken(told));
    }
    Ok(())
}

struct Uses {
    /// The last day that was seen.
    today: Option<Date>,
    marks: BTreeMap<String, Mark>,
}

/// The last day of a key.
struct Mark {
    day: Date,
    is_told: bool,
}

impl Uses {
    const fn new() -> Self {
        Self { today: None, marks: BTreeMap::new() }
    }

    fn note(&mut self, id: &str, day: Date) {
        if self.today.is_none_or(|today| today < day) {
            self.today = Some(day);
            self.marks.retain(|_, mark| !mark.is_told);
        }
        let has_room = self.marks.len() < MAX_KEYS;
        match self.marks.get_mut(id) {
            Some(mark) if mark.day >= day => {}
            Some(mark) => *mark = Mark { day, is_told: false },
            None if has_room => {
                self.marks.insert(id.to_owned(), Mark { day, is_told: false });
            }
            None => {}
        }
    }

    fn untold(&self) -> Vec<KeyUse> {
        let untold = self.marks.iter().filter(|(_, mark)| !mark.is_told).take(MAX_TOLD);
        untold.map(|(id, mark)| KeyUse { id: id.clone(), day: mark.day }).collect()
    }

    fn taken(&mut self, told: &[KeyUse]) {
        for KeyUse { id, day } in told {
            if let Some(mark) = self.marks.get_mut(id).filter(|mark| mark.day == *day) {
                mark.is_told = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_told_once_a_day_and_again_where_that_failed() {
        let mut uses = Uses::new();
        let (today, tomorrow) = (day("2026-10-01"), day("2026-10-02"));
        uses.note("a", today);
        uses.note("a", today);
        let told = uses.untold();
        assert_eq!(told.len(), 1);
        assert_eq!(uses.untold().len(), 1, "nobody took it");
        uses.note("a", tomorrow);
        uses.taken(&told);
        assert_eq!(uses.untold().first().map(|used| used.day), Some(tomorrow), "meanwhile it was used on another day");
        uses.taken(&uses.untold());
        uses.note("a", today);
        assert!(uses.untold().is_empty(), "an earlier day says nothing new");
    }

    #[test]
    fn keys_without_number_take_no_room_without_end() {
        let mut uses = Uses::new();
        for number in 0..MAX_KEYS + 10 {
            uses.note(&number.to_string(), day("2026-10-01"));
        }
        assert_eq!((uses.marks.len(), uses.untold().len()), (MAX_KEYS, MAX_TOLD));
        uses.taken(&uses.untold());
        uses.note("new", day("2026-10-02"));
        assert_eq!(uses.marks.len(), MAX_KEYS - MAX_TOLD + 1, "what is told of the day before has gone");
    }
}
