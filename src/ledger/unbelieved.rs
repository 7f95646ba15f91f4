//! Mail whose server cannot be told: counted, and told the tenant once each way, since one change of settings or of
//! Tidegate would have it recognised. Such mail is accepted.

use serde::Deserialize;
use tidegate_engine::{DAY, Timestamp};

use super::notifications::{self, Notification};
use super::policies;
use super::protocol::{Unbelieved, What};
use super::site::Site;
use crate::durable::own_hops;
use crate::durable::sql::{Change, SqlError, values};

pub const TABLES: &[&str] = &["CREATE TABLE IF NOT EXISTS unbelieved (
    kind TEXT NOT NULL, subject TEXT NOT NULL, messages INTEGER NOT NULL, first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL, told_at INTEGER, evidence TEXT, PRIMARY KEY (kind, subject)) WITHOUT ROWID"];

/// Subjects of one kind that are kept; senders choose what they are, so the one heard longest ago makes room.
const MAX_SUBJECTS: i64 = 100;
const KEPT_SECONDS: i64 = 400 * DAY;
/// A relay is told of after so many messages: a single one can be a sender's invention.
const RELAY_MESSAGES: i64 = 10;
/// Octets of a field that a notification repeats.
const MAX_TOLD: usize = 500;

/// Takes in what one batch brings.
pub fn take_in(change: &Change<'_>, site: &Site<'_>, unbelieved: &[Unbelieved]) -> Result<(), SqlError> {
    for seen in unbelieved {
        policies::set_tenant(change, site.tenant)?;
        let at = seen.last_at.min(site.now);
        let told = match &seen.what {
            What::OwnHops { actor } => {
                let text = own_hops::take_in(change, actor, (seen.messages, seen.disbelieved), at)?;
                text.map(|text| ("gateway.own_hops", text))
            }
            What::Unreadable { reason } => {
                let is_first =
                    change.number("SELECT 1 FROM unbelieved WHERE kind = 'unreadable'", values![])?.is_none();
                add(change, "unreadable", reason, seen, at)?;
                is_first
                    .then(|| ("message.unreadable", unreadable(reason, seen.evidence.as_deref().unwrap_or_default())))
            }
            What::Relay { host, peer } => {
                let subject = format!("{host} {peer}");
                let (messages, is_told) = add(change, "relay", &subject, seen, at)?;
                let tells = messages >= RELAY_MESSAGES && !is_told;
                if tells {
                    let told = "UPDATE unbelieved SET told_at = ?2 WHERE kind = 'relay' AND subject = ?1";
                    change.run(told, values![subject.as_str(), at.0])?;
                }
                let length = if peer.is_ipv4() { 32 } else { 128 };
                tells.then(|| ("relay.unnamed", relay(host, &format!("{peer}/{length}"), messages)))
            }
        };
        if let Some((kind, text)) = told {
            notifications::write(change, &Notification { at, kind, server: None, text })?;
        }
    }
    Ok(())
}

/// Adds messages up. How many of that subject there are now, and whether it was told.
fn add(
    change: &Change<'_>,
    kind: &str,
    subject: &str,
    seen: &Unbelieved,
    at: Timestamp,
) -> Result<(i64, bool), SqlError> {
    change.run(
        "INSERT INTO unbelieved (kind, subject, messages, first_at, last_at, evidence) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
         ON CONFLICT (kind, subject) DO UPDATE SET messages = messages + excluded.messages,
             last_at = MAX(last_at, excluded.last_at)",
        values![kind, subject, i64::from(seen.messages), at.0, seen.evidence.clone()],
    )?;
    change.run(
        "DELETE FROM unbelieved WHERE kind = ?1 AND (last_at < ?2 OR subject NOT IN
             (SELECT subject FROM unbelieved WHERE kind = ?1 ORDER BY last_at DESC LIMIT ?3))",
        values![kind, at.plus(-KEPT_SECONDS).0, MAX_SUBJECTS],
    )?;
    #[derive(Default, Deserialize)]
    struct Row {
        messages: i64,
        told_at: Option<Timestamp>,
    }
    let row = "SELECT messages, told_at FROM unbelieved WHERE kind = ?1 AND subject = ?2";
    let Row { messages, told_at } = change.record(row, values![kind, subject])?.unwrap_or_default();
    Ok((messages, told_at.is_some()))
}

fn unreadable(reason: &str, field: &str) -> String {
    let field: String = field.chars().filter(|c| !c.is_control()).take(MAX_TOLD).collect();
    format!(
        "A message has a `Received` field that is nearly what an Exchange server writes, and is not believed: {reason}. \
         Its server is not recognised, and it was accepted. Further ones are counted, and not told. The field: {field}"
    )
}

fn relay(host: &str, network: &str, messages: i64) -> String {
    format!(
        "{messages} messages of Exchange servers came through a host of {host} at {network} that the policy does not \
         name: the servers behind it are not recognised, and their mail is accepted. If it is a relay of your own, add \
         {{\"host\": \"{host}\", \"networks\": [\"{network}\"]}} to `trusted_relays`."
    )
}
