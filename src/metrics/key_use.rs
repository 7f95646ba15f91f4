//! On which day an API key was last used: noted beside a decision, told the object that has the key with the counters, once
//! a day a key and isolate. Marks that are lost are no loss: they are a day, and a key in use leaves another.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::future::join_all;
use tidegate_engine::{Date, TenantId};
use worker::Env;

use crate::durable::audit;
use crate::durable::client::{CallError, Circumstances};
use crate::durable::keys::KeyUse;
use crate::ledger::{self, KeyCall};
use crate::operator;

/// Keys that one isolate keeps in mind; the uses of further ones are not noted on that day.
const MAX_KEYS: usize = 10_000;
/// Marks that are told at a time.
const MAX_TOLD: usize = 1_000;
/// Objects that are told at a time, and at once: the platform allows a request six connections.
const MAX_OBJECTS: usize = 40;
const AT_ONCE: usize = 5;

thread_local! {
    static USES: RefCell<Uses> = const { RefCell::new(Uses::new()) };
}

/// Notes that a key, bound to that tenant or to none, was used on that day.
pub fn note(id: &str, tenant: Option<&TenantId>, day: Date) {
    USES.with_borrow_mut(|uses| uses.note(id, tenant, day));
}

/// Tells what is not told yet, of keys of one tenant where one is given. What fails stays for the next time.
pub async fn tell(env: &Env, tenant: Option<&TenantId>) {
    let untold = USES.with_borrow(Uses::untold).into_iter();
    let untold = untold.filter(|(of, _)| tenant.is_none() || of.as_ref() == tenant);
    let untold: Vec<_> = untold.take(MAX_OBJECTS).collect();
    for some in untold.chunks(AT_ONCE) {
        let told = some.iter().map(|(tenant, uses)| async move {
            if tell_one(env, tenant.as_ref(), uses.clone()).await.is_ok_and(|taken| taken) {
                USES.with_borrow_mut(|known| known.taken(uses));
            }
        });
        join_all(told).await;
    }
}

async fn tell_one(env: &Env, tenant: Option<&TenantId>, uses: Vec<KeyUse>) -> Result<bool, CallError> {
    let circumstances = Circumstances::default();
    match tenant {
        Some(tenant) => {
            let call = ledger::Call::Keys(KeyCall::Used(uses));
            ledger::of(env, tenant, audit::SYSTEM, circumstances).call(&call, super::TELL_DEADLINE).await
        }
        None => {
            let call = operator::Call::KeysUsed(uses);
            operator::of(env, audit::SYSTEM, circumstances).call(&call, super::TELL_DEADLINE).await
        }
    }
}

struct Uses {
    /// The last day that was seen.
    today: Option<Date>,
    marks: BTreeMap<String, Mark>,
}

/// The last day of a key.
struct Mark {
    tenant: Option<TenantId>,
    day: Date,
    is_told: bool,
}

impl Uses {
    const fn new() -> Self {
        Self { today: None, marks: BTreeMap::new() }
    }

    fn note(&mut self, id: &str, tenant: Option<&TenantId>, day: Date) {
        if self.today.is_none_or(|today| today < day) {
            self.today = Some(day);
            self.marks.retain(|_, mark| !mark.is_told);
        }
        let has_room = self.marks.len() < MAX_KEYS;
        match self.marks.get_mut(id) {
            Some(mark) if mark.day >= day => {}
            Some(mark) => (mark.day, mark.is_told) = (day, false),
            None if has_room => {
                self.marks.insert(id.to_owned(), Mark { tenant: tenant.cloned(), day, is_told: false });
            }
            None => {}
        }
    }

    /// By the tenant whose ledger is to be told.
    fn untold(&self) -> BTreeMap<Option<TenantId>, Vec<KeyUse>> {
        let mut untold: BTreeMap<_, Vec<KeyUse>> = BTreeMap::new();
        for (id, mark) in self.marks.iter().filter(|(_, mark)| !mark.is_told).take(MAX_TOLD) {
            untold.entry(mark.tenant.clone()).or_default().push(KeyUse { id: id.clone(), day: mark.day });
        }
        untold
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

    /// All that is untold, whoever is to be told.
    fn untold(uses: &Uses) -> Vec<KeyUse> {
        uses.untold().into_values().flatten().collect()
    }

    #[test]
    fn a_key_is_told_once_a_day_and_again_where_that_failed() {
        let mut uses = Uses::new();
        let (today, tomorrow) = (day("2026-10-01"), day("2026-10-02"));
        uses.note("a", None, today);
        uses.note("a", None, today);
        let told = untold(&uses);
        assert_eq!(told.len(), 1);
        assert_eq!(untold(&uses).len(), 1, "nobody took it");
        uses.note("a", None, tomorrow);
        uses.taken(&told);
        let next = untold(&uses);
        assert_eq!(next.first().map(|used| used.day), Some(tomorrow), "meanwhile it was used on another day");
        uses.taken(&next);
        uses.note("a", None, today);
        assert!(untold(&uses).is_empty(), "an earlier day says nothing new");
    }

    #[test]
    fn each_tenants_ledger_is_told_of_its_own_keys_alone() {
        let mut uses = Uses::new();
        let tenants: [Option<TenantId>; 3] =
            [None, Some("contoso".parse().unwrap()), Some("fabrikam".parse().unwrap())];
        for (number, tenant) in tenants.iter().chain(&tenants).enumerate() {
            uses.note(&number.to_string(), tenant.as_ref(), day("2026-10-01"));
        }
        let untold = uses.untold();
        assert_eq!(untold.keys().cloned().collect::<Vec<_>>(), tenants);
        let ids = |tenant| untold[tenant].iter().map(|used| used.id.as_str()).collect::<Vec<_>>();
        assert_eq!(tenants.each_ref().map(ids), [["0", "3"], ["1", "4"], ["2", "5"]]);
        uses.taken(&untold[&tenants[1]]);
        assert_eq!(uses.untold().len(), 2);
    }

    #[test]
    fn keys_without_number_take_no_room_without_end() {
        let mut uses = Uses::new();
        for number in 0..MAX_KEYS + 10 {
            uses.note(&number.to_string(), None, day("2026-10-01"));
        }
        assert_eq!((uses.marks.len(), untold(&uses).len()), (MAX_KEYS, MAX_TOLD));
        uses.taken(&untold(&uses));
        uses.note("new", None, day("2026-10-02"));
        assert_eq!(uses.marks.len(), MAX_KEYS - MAX_TOLD + 1, "what is told of the day before has gone");
    }
}
