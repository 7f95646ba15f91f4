//! Lists of frozen times stay short, and cost no clock more than what they stood still.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_engine::{Freeze, Freezes, Timestamp};

const START: i64 = 1_790_000_000;
const TURNS: usize = 10_000;

/// A brake that is pulled and released: as it happened, and as it is stored.
#[derive(Default)]
struct Brake {
    happened: Vec<Freeze>,
    stored: Freezes,
}

impl Brake {
    fn pull(&mut self, now: i64) {
        let open = Freeze { from: Timestamp(now), until: None };
        self.happened.push(open);
        self.store(now, |list| list.push(open));
    }

    fn release(&mut self, now: i64) {
        let until = Some(Timestamp(now));
        self.happened.last_mut().unwrap().until = until;
        self.store(now, |list| list.last_mut().unwrap().until = until);
    }

    fn store(&mut self, now: i64, change: impl FnOnce(&mut Vec<Freeze>)) {
        let mut list: Vec<Freeze> = std::mem::take(&mut self.stored).into();
        change(&mut list);
        self.stored = Freezes::from(list).bounded(Timestamp(now));
    }

    fn len(&self) -> usize {
        Vec::<Freeze>::from(self.stored.clone()).len()
    }

    /// How long the brake was pulled in all, up to `now`.
    fn sum(&self, now: i64) -> i64 {
        self.truth().overlap(Timestamp(0), Timestamp(now))
    }

    fn truth(&self) -> Freezes {
        self.happened.clone().into()
    }
}

/// How long each turn lasts, and how long after it the next one comes, in seconds.
fn turns(count: usize) -> impl Strategy<Value = Vec<(i64, i64)>> {
    vec((1_i64..5_000, prop_oneof![1_i64..30, 1_i64..100_000]), count)
}

fn brake(turns: &[(i64, i64)]) -> (Brake, i64) {
    let (mut brake, mut now) = (Brake::default(), START);
    for (lasts, rest) in turns {
        brake.pull(now);
        now += lasts;
        brake.release(now);
        now += rest;
    }
    (brake, now)
}

#[test]
fn ten_thousand_turns_cost_nobody_more_than_they_lasted() {
    let mut brake = Brake::default();
    // pulled for an hour once, and 300 days later again and again
    brake.pull(START);
    brake.release(START + 3_600);
    let mut now = START + 300 * 86_400;
    for _ in 0..TURNS {
        brake.pull(now);
        assert!(brake.stored.at(Timestamp(now)).is_some(), "pulled");
        brake.release(now + 10);
        assert!(brake.stored.at(Timestamp(now + 10)).is_none(), "released");
        now += 20;
    }
    assert_eq!(brake.len(), Freezes::MAX);
    let lasted = 3_600 + i64::try_from(TURNS).unwrap() * 10;
    let stood_still = |since| brake.stored.overlap(Timestamp(since), Timestamp(now));
    assert_eq!(stood_still(START), lasted);
    assert_eq!(stood_still(START + 86_400), lasted - 3_600, "who was detected after the first hour");
    assert_eq!(stood_still(now), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_bounded_list_stops_no_clock_shorter_nor_older_clocks_longer(turns in turns(700), since in 0.0..1.0_f64, later in 0_i64..1_000_000) {
        let (brake, now) = brake(&turns);
        prop_assert!(brake.len() <= Freezes::MAX);
        let (truth, at) = (brake.truth(), now + later);
        let stored = |from: i64| brake.stored.overlap(Timestamp(from), Timestamp(at));
        let true_overlap = |from: i64| truth.overlap(Timestamp(from), Timestamp(at));
        // who was detected before the first turn
        prop_assert_eq!(stored(START), brake.sum(now));
        // who was detected at any time meanwhile
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment will do")]
        let from = START + ((now - START) as f64 * since) as i64;
        prop_assert!(stored(from) >= true_overlap(from), "{} < {}", stored(from), true_overlap(from));
        prop_assert!(stored(from) <= brake.sum(now));
        // who was detected after the last one
        prop_assert_eq!(stored(now), 0);
    }

    #[test]
    fn where_nothing_was_merged_around_a_clocks_start_it_stands_still_as_long_as_it_should(turns in turns(300)) {
        let (brake, now) = brake(&turns);
        for pair in Vec::<Freeze>::from(brake.stored.clone()).windows(2) {
            let start = pair[1].from.plus(-1);
            let is_outside = brake.happened.iter().all(|freeze| freeze.until.unwrap() <= start || freeze.from > start);
            let kept = brake.happened.contains(&pair[1]);
            if is_outside && kept {
                prop_assert_eq!(brake.stored.overlap(start, Timestamp(now)), brake.truth().overlap(start, Timestamp(now)));
            }
        }
    }

    #[test]
    fn what_is_to_come_is_never_moved(turns in turns(300), ahead in vec((1_i64..1_000, 1_i64..1_000), 1..200)) {
        let (brake, now) = brake(&turns);
        let mut list: Vec<Freeze> = brake.happened.clone();
        let mut from = now;
        for (rest, lasts) in ahead {
            from += rest;
            list.push(Freeze { from: Timestamp(from), until: Some(Timestamp(from + lasts)) });
            from += lasts;
        }
        let all = Freezes::from(list);
        let bounded = all.clone().bounded(Timestamp(now));
        prop_assert!(Vec::<Freeze>::from(bounded.clone()).len() <= Freezes::MAX);
        for at in (now..from).step_by(97).map(Timestamp) {
            prop_assert_eq!(bounded.at(at), all.at(at));
            prop_assert_eq!(bounded.overlap(Timestamp(START), at), all.overlap(Timestamp(START), at));
        }
    }
}
