//! How often a gateway's claim to own the topmost `Received` fields was not believed, by its key: of about the last 100
//! messages. A wrong claim hides all servers behind that gateway, so whoever made its key is told.

use serde::Deserialize;
use tidegate_engine::{DAY, Timestamp};

use super::sql::{Change, SqlError, values};

pub const TABLES: &[&str] = &["CREATE TABLE IF NOT EXISTS own_hops (
    actor TEXT PRIMARY KEY, messages INTEGER NOT NULL, disbelieved INTEGER NOT NULL, last_at INTEGER NOT NULL,
    told_at INTEGER) WITHOUT ROWID"];

/// So many messages count.
const WINDOW: i64 = 100;
/// Between two notifications of one key.
const TOLD_EVERY_SECONDS: i64 = 30 * DAY;
/// Keys that are kept; the one heard longest ago makes room.
const MAX_KEYS: i64 = 1_000;

/// Messages of one key with such a claim.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Window {
    messages: i64,
    disbelieved: i64,
}

impl Window {
    /// With so many newer ones. In which order they came is not known: older ones make room in proportion.
    fn with(self, messages: i64, disbelieved: i64) -> Self {
        let (messages, disbelieved) = (messages.max(0), disbelieved.clamp(0, messages.max(0)));
        if messages >= WINDOW {
            return Self { messages: WINDOW, disbelieved: disbelieved * WINDOW / messages };
        }
        let kept = self.messages.min(WINDOW - messages);
        let older = if self.messages > 0 { self.disbelieved * kept / self.messages } else { 0 };
        Self { messages: kept + messages, disbelieved: older + disbelieved }
    }

    const fn is_mostly_disbelieved(self) -> bool {
        self.disbelieved > WINDOW / 2
    }
}

/// Adds messages of one key up. What is to be told, if it is.
pub fn take_in(
    change: &Change<'_>,
    actor: &str,
    (messages, disbelieved): (u32, u32),
    at: Timestamp,
) -> Result<Option<String>, SqlError> {
    #[derive(Default, Deserialize)]
    struct Known {
        messages: i64,
        disbelieved: i64,
        told_at: Option<Timestamp>,
    }
    let known = "SELECT messages, disbelieved, told_at FROM own_hops WHERE actor = ?1";
    let Known { messages: before, disbelieved: of_them, told_at } =
        change.record(known, values![actor])?.unwrap_or_default();
    let before = Window { messages: before, disbelieved: of_them };
    let window = before.with(messages.into(), disbelieved.into());
    let tells = window.is_mostly_disbelieved() && told_at.is_none_or(|told| at.since(told) >= TOLD_EVERY_SECONDS);
    let told_at = if tells { Some(at) } else { told_at };
    change.run(
        "INSERT INTO own_hops (actor, messages, disbelieved, last_at, told_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (actor) DO UPDATE SET messages = excluded.messages, disbelieved = excluded.disbelieved,
             last_at = excluded.last_at, told_at = excluded.told_at",
        values![actor, window.messages, window.disbelieved, at.0, told_at.map(|at| at.0)],
    )?;
    change.run(
        "DELETE FROM own_hops WHERE actor NOT IN (SELECT actor FROM own_hops ORDER BY last_at DESC LIMIT ?1)",
        values![MAX_KEYS],
    )?;
    let Window { messages, disbelieved } = window;
    Ok(tells.then(|| {
        format!(
            "Of the last {messages} messages for which the gateway with {} named `Received` fields as its own \
             (`own_hops`), {disbelieved} had other fields there: they came from another address than the gateway's \
             client. No server is recognised in them, and they are accepted. Set `own_hops` to the number of fields \
             that the gateway adds before it asks.",
            named(actor)
        )
    }))
}

fn named(actor: &str) -> String {
    actor.strip_prefix("key:").map_or_else(|| format!("the key of `{actor}`"), |id| format!("the key {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_of_once_more_than_half_of_its_last_hundred_messages_are_disbelieved() {
        let mut window = Window::default();
        for _ in 0..50 {
            window = window.with(1, 1);
        }
        assert!(!window.is_mostly_disbelieved());
        assert!(window.with(1, 1).is_mostly_disbelieved());
        assert!(!window.with(60, 0).with(1, 1).is_mostly_disbelieved());
    }

    #[test]
    fn older_messages_make_room() {
        let bad = Window::default().with(1_000, 1_000);
        assert_eq!(bad, Window { messages: 100, disbelieved: 100 });
        assert_eq!(bad.with(50, 0), Window { messages: 100, disbelieved: 50 });
        assert_eq!(bad.with(400, 100), Window { messages: 100, disbelieved: 25 });
        assert_eq!(bad.with(0, 0), bad);
    }
}
