//! Which minutes of the hour are closed.

use tidegate_engine::Timestamp;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Accept,
    Defer,
    Reject,
}

/// Minutes of the hour that throttle, and minutes that block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Closed {
    pub(crate) throttle: u8,
    pub(crate) block: u8,
}

impl Closed {
    pub(crate) const NEVER: Self = Self { throttle: 0, block: 0 };

    pub(crate) fn any(self) -> bool {
        self != Self::NEVER
    }

    /// Does a server get less through, or get more of its mail back?
    pub(crate) fn is_stricter_than(self, other: Self) -> bool {
        self.block > other.block || self.block + self.throttle > other.block + other.throttle
    }
}

/// FNV-1a, 64 bit, octet by octet.
fn fnv1a(octets: &[u8]) -> u64 {
    let mut hash: u64 = 14_695_981_039_346_656_037;
    for octet in octets {
        hash ^= u64::from(*octet);
        hash = hash.wrapping_mul(1_099_511_627_776 + 435);
    }
    hash
}

pub(crate) fn fate(closed: Closed, tenant: &str, server: &str, now: Timestamp) -> Fate {
    // the server's own hour, minute by minute
    let mut hour = Vec::new();
    hour.extend(vec![Fate::Reject; closed.block.into()]);
    hour.extend(vec![Fate::Defer; closed.throttle.into()]);
    hour.extend(vec![Fate::Accept; 60 - hour.len()]);
    let offset = fnv1a(format!("{tenant}\0{server}").as_bytes()) % 60;
    let minute_of_the_world = now.0.div_euclid(60).rem_euclid(60) as u64;
    hour[((minute_of_the_world + offset) % 60) as usize]
}

/// Seconds to wait for a minute that accepts.
pub(crate) fn wait(closed: Closed, tenant: &str, server: &str, now: Timestamp) -> Option<i64> {
    if closed.block + closed.throttle == 60 {
        return None;
    }
    // whole minutes are open or closed: from here to the next full one, then minute by minute
    let mut seconds = 0;
    while fate(closed, tenant, server, now.plus(seconds)) != Fate::Accept {
        seconds += 60 - now.plus(seconds).0.rem_euclid(60);
    }
    Some(seconds)
}
