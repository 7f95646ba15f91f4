//! Bounds that a tenant's mail has met: what is beyond them is answered and not recorded, so it is told, once a day each.

use serde::{Deserialize, Serialize};
use tidegate_engine::Date;

use super::notifications::{self, Notification};
use super::protocol::Unrecorded;
use super::site::Site;
use crate::durable::documents;
use crate::durable::sql::{Change, SqlError};

/// Servers of one tenant.
pub const MAX_SERVERS: i64 = 25_000;
/// Servers that one peer address may name, where nobody vouches for the names.
pub const MAX_PEER_SERVERS: i64 = 8;

/// What is not recorded beyond a bound.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// A server beyond [`MAX_SERVERS`].
    Servers,
    /// A server beyond [`MAX_PEER_SERVERS`].
    PeerServers,
    /// Decisions for which an isolate had no room while this ledger failed.
    Observations,
}

impl Bound {
    const fn kind(self) -> &'static str {
        match self {
            Self::Servers => "bound.servers",
            Self::PeerServers => "bound.peer_servers",
            Self::Observations => "bound.observations",
        }
    }
}

impl Unrecorded {
    pub const fn add(&mut self, bound: Bound, messages: u32) {
        match bound {
            Bound::Servers => self.servers = self.servers.saturating_add(messages),
            Bound::PeerServers => self.peer_servers = self.peer_servers.saturating_add(messages),
            Bound::Observations => {}
        }
    }
}

/// Tells the tenant and the log that a bound is met, unless it was told today; `example`: what was beyond it.
pub fn tell(change: &Change<'_>, site: &Site<'_>, bound: Bound, example: &str) -> Result<(), SqlError> {
    let kind = bound.kind();
    let today = site.now.date();
    let told: Option<Date> = documents::read(change, kind)?;
    // batches may bring the day before after today
    if told.is_some_and(|told| told >= today) {
        return Ok(());
    }
    documents::save(change, kind, &today)?;
    let text = match bound {
        Bound::Servers => format!(
            "There are {MAX_SERVERS} servers, and no room for another: mail of further ones, as of {example}, is \
             accepted and not recorded. Servers of which nothing is heard leave after 90 days (current ones) or 400; \
             an operator of all tenants can delete one."
        ),
        Bound::PeerServers => format!(
            "One address names more than {MAX_PEER_SERVERS} servers on a connector where nobody vouches for the names: \
             mail of further ones, as of {example}, is accepted and not recorded. If the address is a relay of your \
             own, name it in `trusted_relays`."
        ),
        Bound::Observations => format!(
            "{example} decisions were answered and not recorded: the tenant's ledger failed for longer than the edge \
             keeps them."
        ),
    };
    worker::console_error!("{}: {kind}: {text}", site.tenant);
    notifications::write(change, &Notification { at: site.now, kind, server: None, text })
}
