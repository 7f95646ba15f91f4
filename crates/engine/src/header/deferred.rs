//! A header block of which the fields that are seldom asked for are read when they are.

use std::cell::OnceCell;

/// A block of lines in two parts. Most questions are answered by the first fields; those below are read, from the form in
/// which they were transferred, when one is asked for.
#[derive(Clone, Debug)]
pub struct Deferred<'a> {
    first_fields: Vec<u8>,
    transferred: Transferred<'a>,
    below: OnceCell<Vec<u8>>,
}

/// The fields below the first ones, as they were transferred.
#[derive(Clone, Copy, Debug)]
pub struct Transferred<'a> {
    /// What was transferred. It begins where a field does.
    pub octets: &'a [u8],
    /// Reads it. What is read is no longer than what was transferred.
    pub read: fn(&[u8]) -> Vec<u8>,
    /// It has no more fields than these.
    pub most_fields: usize,
}

impl<'a> Deferred<'a> {
    /// A block that begins with `first_fields`, all of them whole.
    pub const fn new(first_fields: Vec<u8>, transferred: Transferred<'a>) -> Self {
        Self { first_fields, transferred, below: OnceCell::new() }
    }

    pub(super) fn first_fields(&self) -> &[u8] {
        &self.first_fields
    }

    /// The lines below [`Self::first_fields`].
    pub(super) fn below(&self) -> &[u8] {
        self.below.get_or_init(|| (self.transferred.read)(self.transferred.octets))
    }

    pub(super) const fn most_fields_below(&self) -> usize {
        self.transferred.most_fields
    }

    /// The length of the block at most.
    pub(super) const fn most_octets(&self) -> usize {
        self.first_fields.len().saturating_add(self.transferred.octets.len())
    }
}
