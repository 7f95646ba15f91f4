//! What KV and SQLite hold: documents that outlive the release which wrote them.
//!
//! A release reads what the one before and the next one wrote. What it does not know in a document it keeps, and writes
//! back with its own changes; whether it may enforce by such a document is told by [`Document::is_understood`].
//!
//! Pure: no clock, no I/O, no JavaScript.

mod document;
mod rest;

pub use document::{Document, READER, Unreadable};
