//! A circuit breaker: when Tidegate has been silent too many times, one question at a time finds out whether it is
//! back, and the other messages do not wait for it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Questions in a row without an answer or a connection in time, after which the circuit is open.
const TIMEOUTS: u32 = 5;

#[derive(Debug, Default)]
pub struct Breaker {
    timeouts: AtomicU32,
    probing: AtomicBool,
}

/// The right to ask, as long as it is held.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    /// While the circuit is open there is one of these at most.
    is_probe: bool,
}

impl Breaker {
    /// `None`: Tidegate is not to be asked now.
    pub fn permit(&self) -> Option<Permit<'_>> {
        let is_probe = self.timeouts.load(Relaxed) >= TIMEOUTS;
        if is_probe && self.probing.swap(true, Relaxed) {
            return None;
        }
        Some(Permit { breaker: self, is_probe })
    }
}

impl Permit<'_> {
    /// Gives the right back once it is known how the question went.
    pub fn end(self, is_timeout: bool) {
        if is_timeout {
            self.breaker.timeouts.fetch_add(1, Relaxed);
        } else {
            self.breaker.timeouts.store(0, Relaxed);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.probing.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..TIMEOUTS {
            breaker.permit().unwrap().end(true);
        }
        breaker
    }

    #[test]
    fn while_tidegate_does_not_answer_one_message_waits_for_it_however_many_come() {
        let breaker = open();
        let probe = breaker.permit();
        assert!(probe.is_some());
        for _ in 0..100 {
            assert!(breaker.permit().is_none());
        }
        probe.unwrap().end(true);
        let next = breaker.permit();
        assert!(next.is_some() && breaker.permit().is_none());
        drop(next);
        assert!(breaker.permit().is_some(), "a question that is given up makes room for the next");
    }

    #[test]
    fn once_tidegate_answers_all_messages_are_asked_about_again() {
        let breaker = open();
        breaker.permit().unwrap().end(false);
        let all: Vec<_> = (0..100).map(|_| breaker.permit()).collect();
        assert!(all.iter().all(Option::is_some));
    }

    #[test]
    fn an_answer_between_deadlines_that_pass_keeps_the_circuit_closed() {
        let breaker = Breaker::default();
        for count in 0..3 * TIMEOUTS {
            breaker.permit().unwrap().end(count % 3 != 0);
        }
        let (one, other) = (breaker.permit(), breaker.permit());
        assert!(one.is_some() && other.is_some());
    }
}
