//! `Scanner`: the on-premises Exchange servers in a header, a message or an mbox archive of any size.
//!
//! [`split`] finds the header of each message in the octets that stream through, [`census`] counts the servers that it
//! shows. Both hold a bounded amount, whatever the file.

pub mod census;
pub mod split;
