//! What a family of KV keys is.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_stored::{Document, Unreadable};

/// A family of KV keys.
pub trait Family {
    type Record: Record;
    const KEPT: Kept;
    const RANK: Rank;

    fn key(&self) -> String;
}

/// What KV is told before what.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rank {
    /// A key that is to work no more.
    Revocation,
    /// The ceiling, and the facts that it puts in force.
    Brake,
    /// Exemptions and patches: what frees a server.
    Relief,
    Policy,
    Phase,
    Rest,
    /// What KV has confirmed already.
    Again,
}

impl Rank {
    /// As the outbox stores it.
    pub const fn number(self) -> i64 {
        match self {
            Self::Revocation => 0,
            Self::Brake => 1,
            Self::Relief => 2,
            Self::Policy => 3,
            Self::Phase => 4,
            Self::Rest => 5,
            Self::Again => 6,
        }
    }
}

/// What KV holds under a key.
pub trait Record: DeserializeOwned + Serialize + 'static {
    /// Counts the publications under one key.
    fn rev(&self) -> u64;

    /// What takes the place of a record that this release does not understand, so that nothing is enforced by it.
    /// `known`: as far as it could be read. `None`: nothing can be decided without it.
    fn restrained(known: Option<Self>) -> Option<Self> {
        let _ = known;
        None
    }
}

/// A stored record as this release may use it.
pub enum Usable<R> {
    Understood(R),
    /// In place of one that is not understood.
    Restrained(R),
}

impl<R: Record> Usable<R> {
    /// `None`: nothing can be decided without it.
    pub fn of(stored: Result<Document<R>, Unreadable>) -> Option<Self> {
        let known = match stored {
            Ok(document) if document.is_understood() => return Some(Self::Understood(document.into_value())),
            Ok(document) => Some(document.into_value()),
            Err(_) => None,
        };
        R::restrained(known).map(Self::Restrained)
    }

    pub fn into_record(self) -> R {
        match self {
            Self::Understood(record) | Self::Restrained(record) => record,
        }
    }
}

/// For how many milliseconds an isolate serves what it read: as it is, and while it is refreshed.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub fresh: u64,
    pub stale: u64,
}

pub const DECIDING: Kept = Kept { fresh: 30_000, stale: 60_000 };
/// A revoked key and a lowered ceiling take effect sooner.
pub const GUARDING: Kept = Kept { fresh: 20_000, stale: 30_000 };
