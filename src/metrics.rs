//! What happened, counted for `/metrics`. Each isolate counts on its own and tells the operator's object, which adds up.

use std::cell::{Cell, RefCell};
use std::fmt::Write;

use worker::{Context, Env};

use crate::durable::client::Circumstances;
use crate::operator::{self, Call, Counts};
use crate::platform::real_millis;

/// How often an isolate tells what it has counted.
const TOLD_EVERY_MILLIS: u64 = 60_000;

/// What is counted; the order is that of [`SERIES`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counter {
    Accept,
    Defer,
    Reject,
    DegradedKey,
    DegradedStore,
    DegradedLedger,
    DegradedInternal,
    ObservationsDropped,
    BatchesFailed,
    UnrecordedServers,
    UnrecordedPeerServers,
    UnrecordedTenants,
    KeysRefused,
    UnbelievedOwnHops,
    UnbelievedUnreadable,
    UnbelievedRelay,
    Status2xx,
    Status4xx,
    Status5xx,
}

const COUNTERS: usize = SERIES.len();

/// Families with their labels, as Prometheus shows them; the series of one family stand together.
const SERIES: [(&str, &str); 19] = [
    ("tidegate_decisions_total", "{action=\"accept\"}"),
    ("tidegate_decisions_total", "{action=\"defer\"}"),
    ("tidegate_decisions_total", "{action=\"reject\"}"),
    ("tidegate_degraded_total", "{cause=\"key\"}"),
    ("tidegate_degraded_total", "{cause=\"store\"}"),
    ("tidegate_degraded_total", "{cause=\"ledger\"}"),
    ("tidegate_degraded_total", "{cause=\"internal\"}"),
    ("tidegate_observations_dropped_total", ""),
    ("tidegate_batches_failed_total", ""),
    ("tidegate_unrecorded_total", "{bound=\"servers\"}"),
    ("tidegate_unrecorded_total", "{bound=\"peer_servers\"}"),
    ("tidegate_unrecorded_total", "{bound=\"tenants\"}"),
    ("tidegate_keys_refused_total", ""),
    ("tidegate_unbelieved_total", "{cause=\"own_hops\"}"),
    ("tidegate_unbelieved_total", "{cause=\"unreadable\"}"),
    ("tidegate_unbelieved_total", "{cause=\"relay\"}"),
    ("tidegate_requests_total", "{status=\"2xx\"}"),
    ("tidegate_requests_total", "{status=\"4xx\"}"),
    ("tidegate_requests_total", "{status=\"5xx\"}"),
];

const HELP: [(&str, &str); 8] = [
    ("tidegate_decisions_total", "Messages decided on, by what was answered."),
    (
        "tidegate_degraded_total",
        "Messages accepted because something of ours failed, by what it was; in decisions too.",
    ),
    (
        "tidegate_observations_dropped_total",
        "Decisions that were not written down, for want of room while a ledger failed.",
    ),
    ("tidegate_batches_failed_total", "Batches of observations that a ledger did not take; they are sent again."),
    (
        "tidegate_unrecorded_total",
        "Decisions that were not written down because a bound is met: 25,000 servers of a tenant, 8 of one address where \
         nobody vouches for their names, 10,000 tenants without a policy.",
    ),
    ("tidegate_keys_refused_total", "Requests without a key that is valid."),
    (
        "tidegate_unbelieved_total",
        "Messages whose server cannot be told: the gateway's own hops are not its own, a field is only nearly \
         Exchange's, or a relay that no policy names stands before Exchange.",
    ),
    ("tidegate_requests_total", "Requests answered, by the class of their status."),
];

const NEWEST_RELEASE: (&str, &str) =
    ("tidegate_catalog_newest_release_age_days", "Days since the newest release that the catalog in force knows.");

thread_local! {
    /// Counted since the operator's object was told.
    static COUNTED: RefCell<[u64; COUNTERS]> = const { RefCell::new([0; COUNTERS]) };
    static TOLD_AT: Cell<u64> = const { Cell::new(0) };
}

pub fn count(counter: Counter) {
    add(counter as usize, 1);
}

pub fn count_all(counter: Counter, count: u64) {
    add(counter as usize, count);
}

/// Counts an answered request.
pub fn count_status(status: u16) {
    count(match status {
        0..400 => Counter::Status2xx,
        400..500 => Counter::Status4xx,
        _ => Counter::Status5xx,
    });
}

/// Tells the operator's object after the answer, where that is due.
pub fn tell_later(env: &Env, context: &Context) {
    let now = real_millis();
    if now.saturating_sub(TOLD_AT.get()) < TOLD_EVERY_MILLIS {
        return;
    }
    TOLD_AT.set(now);
    let counted = take();
    if counted.is_empty() {
        return;
    }
    let operator = operator::of(env, crate::durable::audit::SYSTEM, Circumstances::default());
    context.wait_until(async move {
        let told = operator.call::<Counts>(&Call::Count(counted.clone()), operator::DEADLINE).await;
        if told.is_err() {
            give_back(&counted);
        }
    });
}

/// What this isolate has counted since it was last asked.
pub fn take() -> Counts {
    let counted = COUNTED.replace([0; COUNTERS]);
    let counted = SERIES.iter().zip(counted).filter(|(_, count)| *count > 0);
    counted.map(|((family, labels), count)| (format!("{family}{labels}"), count)).collect()
}

/// Takes back what the operator's object did not take.
pub fn give_back(counted: &Counts) {
    for (index, (family, labels)) in SERIES.iter().enumerate() {
        let name = format!("{family}{labels}");
        let count = counted.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
        add(index, count);
    }
}

/// The sums as Prometheus reads them (text format, version 0.0.4), and how old the catalog's newest row is, if that can
/// be told.
pub fn text(sums: &Counts, newest_release_days: Option<i64>) -> String {
    let mut text = String::new();
    for (family, help) in HELP {
        // writing into a string cannot fail
        let _ = write!(text, "# HELP {family} {help}\n# TYPE {family} counter\n");
        for (_, labels) in SERIES.iter().filter(|(of, _)| *of == family) {
            let name = format!("{family}{labels}");
            let sum = sums.iter().find(|(known, _)| *known == name).map_or(0, |(_, sum)| *sum);
            let _ = writeln!(text, "{name} {sum}");
        }
    }
    if let Some(days) = newest_release_days {
        let (family, help) = NEWEST_RELEASE;
        let _ = write!(text, "# HELP {family} {help}\n# TYPE {family} gauge\n{family} {days}\n");
    }
    text
}

fn add(index: usize, count: u64) {
    COUNTED.with_borrow_mut(|counted| {
        if let Some(counter) = counted.get_mut(index) {
            *counter = counter.saturating_add(count);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_shown_once_whether_or_not_it_was_counted() {
        let text = text(&vec![("tidegate_decisions_total{action=\"defer\"}".to_owned(), 7)], None);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), COUNTERS);
        assert!(lines.contains(&"tidegate_decisions_total{action=\"defer\"} 7"));
        assert!(lines.contains(&"tidegate_keys_refused_total 0"));
        assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE")).count(), HELP.len());
    }

    #[test]
    fn the_age_of_the_catalog_is_a_gauge() {
        let text = text(&Vec::new(), Some(46));
        assert!(text.ends_with(" gauge\ntidegate_catalog_newest_release_age_days 46\n"), "{text}");
    }

    #[test]
    fn what_was_not_taken_is_counted_again() {
        count(Counter::Reject);
        count(Counter::Status5xx);
        count_status(204);
        let counted = take();
        assert_eq!(counted.len(), 3);
        assert!(take().is_empty());
        give_back(&counted);
        count(Counter::Reject);
        assert!(take().contains(&("tidegate_decisions_total{action=\"reject\"}".to_owned(), 2)));
    }
}
