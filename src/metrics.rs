//! What happened, counted for `/metrics`. Each isolate counts on its own, and tells one of the objects that add up within
//! ten seconds: under a number, so that what is told twice counts once.

mod key_use;

use std::cell::RefCell;
use std::fmt::Write;
use std::time::Duration;

use futures_util::future::{join, join_all};
use worker::{Context, Env};

use crate::durable::client::CallError;
use crate::operator::{self, Call, Counts, Told};
use crate::platform::{random_id, real_millis, sleep};

pub use key_use::{note as note_key_use, tell as tell_key_uses};

/// How long is counted before it is told.
const COUNT_FOR: Duration = Duration::from_secs(8);
/// After these what was not taken is told again by the same request, and then by a later one.
const RETRY_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];
/// What is told is taken within this.
const TELL_DEADLINE: Duration = Duration::from_secs(2);
/// A promise to tell expires after this: the request that gave it may be gone.
const PROMISE_MILLIS: u64 = 10_000;

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
    /// Counted since it was last told.
    static COUNTED: RefCell<[u64; COUNTERS]> = const { RefCell::new([0; COUNTERS]) };
    static TELLER: RefCell<Teller> = const { RefCell::new(Teller::new()) };
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

/// Sees to it that what is counted is told, after the answer.
pub fn tell_later(env: &Env, context: &Context) {
    let now = real_millis();
    if !TELLER.with_borrow_mut(|teller| teller.promises(now)) {
        return;
    }
    let env = env.clone();
    context.wait_until(async move {
        sleep(COUNT_FOR).await;
        TELLER.with_borrow_mut(|teller| teller.promised_at = 0);
        // a mark that is not taken is told with the next counters
        let _ = join(tell_key_uses(&env, None), tell_persistently(&env)).await;
    });
}

async fn tell_persistently(env: &Env) {
    for wait in RETRY_AFTER {
        if tell(env).await.is_ok() {
            return;
        }
        sleep(wait).await;
    }
    let _ = tell(env).await;
}

/// What all isolates have told, this one all that it has counted.
pub async fn sums(env: &Env) -> Result<Counts, CallError> {
    tell(env).await?;
    let read = Call::Count(Vec::new());
    let objects = operator::all_counting(env);
    let read = join_all(objects.iter().map(|object| object.call::<Counts>(&read, operator::DEADLINE))).await;
    let mut sums = Counts::new();
    for counts in read {
        // a sum without one of them would look as if all had begun anew
        operator::add(&mut sums, &counts?);
    }
    Ok(sums)
}

/// Tells what was not taken yet, and then what was counted since.
async fn tell(env: &Env) -> Result<(), CallError> {
    while let Some(told) = TELLER.with_borrow_mut(Teller::next) {
        let object = operator::counting(env, &told.isolate);
        let sequence = told.sequence;
        object.call::<bool>(&Call::Tell(told), TELL_DEADLINE).await?;
        TELLER.with_borrow_mut(|teller| teller.taken(sequence));
    }
    Ok(())
}

/// How far this isolate has told what it counts.
#[derive(Debug)]
struct Teller {
    /// Drawn with the first promise.
    isolate: String,
    sequence: u64,
    /// What was told under that number, as long as it is not known to be taken.
    untaken: Option<Counts>,
    /// When a request last promised to tell.
    promised_at: u64,
}

impl Teller {
    const fn new() -> Self {
        Self { isolate: String::new(), sequence: 0, untaken: None, promised_at: 0 }
    }

    /// Whether the caller is to tell: nobody else has promised it lately.
    const fn promises(&mut self, now: u64) -> bool {
        let is_due = now.saturating_sub(self.promised_at) >= PROMISE_MILLIS;
        if is_due {
            self.promised_at = now;
        }
        is_due
    }

    /// What is to be told next: the same as before until it is taken.
    fn next(&mut self) -> Option<Told> {
        if self.isolate.is_empty() {
            self.isolate = random_id();
        }
        if self.untaken.is_none() {
            self.untaken = Some(take()).filter(|counts| !counts.is_empty());
            self.sequence += u64::from(self.untaken.is_some());
        }
        let counts = self.untaken.clone()?;
        Some(Told { isolate: self.isolate.clone(), sequence: self.sequence, counts })
    }

    fn taken(&mut self, sequence: u64) {
        if self.sequence == sequence {
            self.untaken = None;
        }
    }
}

/// What this isolate has counted since it was last asked.
fn take() -> Counts {
    let counted = COUNTED.replace([0; COUNTERS]);
    let counted = SERIES.iter().zip(counted).filter(|(_, count)| *count > 0);
    counted.map(|((family, labels), count)| (format!("{family}{labels}"), count)).collect()
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
    fn what_was_not_taken_is_told_again_as_it_was_and_later_counts_follow() {
        let mut teller = Teller { isolate: "a".to_owned(), ..Teller::new() };
        assert!(teller.next().is_none(), "nothing was counted");
        count(Counter::Reject);
        count_status(204);
        let first = teller.next().unwrap();
        count(Counter::Reject);
        let again = teller.next().unwrap();
        assert_eq!((first.sequence, first.counts.len()), (1, 2));
        assert_eq!((again.sequence, &again.counts), (1, &first.counts));
        teller.taken(1);
        let second = teller.next().unwrap();
        teller.taken(1);
        assert_eq!(
            (second.sequence, second.counts),
            (2, vec![("tidegate_decisions_total{action=\"reject\"}".to_owned(), 1)])
        );
        assert!(teller.next().is_some(), "an answer to the first that comes late takes nothing of the second");
    }

    #[test]
    fn a_promise_that_was_not_kept_is_given_by_another_request() {
        let mut teller = Teller::new();
        assert!(teller.promises(50_000) && !teller.promises(50_000 + PROMISE_MILLIS - 1));
        assert!(teller.promises(50_000 + PROMISE_MILLIS));
    }
}
