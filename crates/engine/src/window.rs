//! Which minutes of the hour reject and which defer.
//!
//! By the clock and never by a token budget, so that a sender's retries cost it nothing. The hour begins at another
//! minute for each server, so that servers do not all close at once and edge, page and tests agree.

use crate::action::Action;
use crate::event::TenantId;
use crate::fnv::{fnv1a, fnv1a_from};
use crate::identity::ServerId;
use crate::ladder::ClosedMinutes;
use crate::time::{HOUR, MINUTE, Timestamp};

/// Minutes by which the server's hour is shifted, 0 to 59: FNV-1a 64 of `tenant \0 server` mod 60.
pub fn window_offset(tenant: &TenantId, server: &ServerId) -> u8 {
    let hash = fnv1a_from(fnv1a_from(fnv1a(tenant.as_str().as_bytes()), b"\0"), server.as_str().as_bytes());
    u8::try_from(hash % 60).unwrap_or(0)
}

/// What becomes of a message at `now`. `offset` is [`window_offset`]. Minutes that reject come before those that defer, so
/// that the retry of a deferred message meets open minutes and not the block.
pub fn window_action(minutes: ClosedMinutes, offset: u8, now: Timestamp) -> Action {
    let position = position(offset, now);
    if position < minutes.block() {
        Action::Reject
    } else if position < minutes.block() + minutes.throttle() {
        Action::Defer
    } else {
        Action::Accept
    }
}

/// Seconds until the next minute that accepts; `None` where every minute is closed, or where this one is open.
pub fn window_retry_after(minutes: ClosedMinutes, offset: u8, now: Timestamp) -> Option<i64> {
    let closed = minutes.block() + minutes.throttle();
    let position = position(offset, now);
    (position < closed && closed < 60).then(|| i64::from(closed - position) * MINUTE - now.0.rem_euclid(MINUTE))
}

/// Seconds until the action is another one; `None` where every minute has the same.
pub fn window_action_lasts(minutes: ClosedMinutes, offset: u8, now: Timestamp) -> Option<i64> {
    let (block, closed) = (minutes.block(), minutes.block() + minutes.throttle());
    if closed == 0 || block == 60 || minutes.throttle() == 60 {
        return None;
    }
    let position = position(offset, now);
    let end = [block, closed, 60].into_iter().find(|end| position < *end)?;
    Some(i64::from(end - position) * MINUTE - now.0.rem_euclid(MINUTE))
}

fn position(offset: u8, now: Timestamp) -> u8 {
    u8::try_from((now.0.rem_euclid(HOUR) / MINUTE + i64::from(offset)) % 60).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_is_the_published_one() {
        // test vectors of draft-eastlake-fnv, appendix C
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn blocking_comes_before_throttling_and_both_before_the_open_minutes() {
        let minutes = ClosedMinutes::new(20, 10).unwrap();
        let at = |minute: i64, second: i64| Timestamp(minute * MINUTE + second);
        let cases = [
            (0, Action::Reject, Some(30 * 60)),
            (9, Action::Reject, Some(21 * 60)),
            (10, Action::Defer, Some(20 * 60)),
            (29, Action::Defer, Some(60)),
            (30, Action::Accept, None),
            (59, Action::Accept, None),
        ];
        for (minute, expected, retry) in cases {
            assert_eq!(window_action(minutes, 0, at(minute, 0)), expected, "minute {minute}");
            assert_eq!(window_retry_after(minutes, 0, at(minute, 0)), retry, "minute {minute}");
        }
        assert_eq!(window_retry_after(minutes, 0, at(29, 59)), Some(1));
        assert_eq!(window_action(minutes, 31, at(29, 59)), Action::Reject);
        assert_eq!(window_retry_after(ClosedMinutes::new(0, 60).unwrap(), 7, at(5, 5)), None);
    }

    #[test]
    fn an_action_lasts_until_the_clock_shows_another() {
        for (throttle, block) in [(5, 0), (20, 10), (30, 30), (0, 20), (0, 60), (60, 0), (0, 0)] {
            let minutes = ClosedMinutes::new(throttle, block).unwrap();
            for now in (0..HOUR).step_by(61).map(Timestamp) {
                let is_other =
                    |after: i64| window_action(minutes, 11, now.plus(after)) != window_action(minutes, 11, now);
                assert_eq!(
                    window_action_lasts(minutes, 11, now),
                    (1..=HOUR).find(|after| is_other(*after)),
                    "{minutes:?} {now}"
                );
            }
        }
    }
}
