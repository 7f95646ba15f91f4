//! `Scanner`: the on-premises Exchange servers in a header, a message or a mailbox of any size.
//!
//! [`input`] finds the header of each message in the octets that stream through, whatever [`kind`] of file they are: in
//! a [`mailbox`] or in [`pasted`] text. [`census`] counts the servers that it shows. All of them hold a bounded amount,
//! whatever the file.

pub mod census;
mod charset;
pub mod input;
pub mod kind;
mod line;
mod mailbox;
mod pasted;

/// Octets of a message's header that are held; the rest is passed over.
pub const MAX_HEADER: usize = 256 * 1024;

/// One header, from its first field to its last, its lines ended by LF.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub header: &'a [u8],
    /// There was more of it.
    pub cut: bool,
    /// Its lines had to be put in order.
    pub mended: bool,
}

/// What headers are handed over to.
type Each<'a> = &'a mut dyn FnMut(Block<'_>);

impl<'a> Block<'a> {
    /// A header, or the beginning of one that was `cut`.
    fn new(header: &'a [u8], cut: bool) -> Self {
        let whole = if cut { whole_fields(header) } else { header.len() };
        Self { header: header.get(..whole).unwrap_or_default(), cut, mended: false }
    }

    /// As much of a header as is read.
    fn cut(header: &'a [u8]) -> Self {
        let cut = header.len() > MAX_HEADER;
        Self::new(header.get(..MAX_HEADER).unwrap_or(header), cut)
    }
}

/// The end of the last field that is certainly whole: what follows it begins another one.
fn whole_fields(header: &[u8]) -> usize {
    let ends_field = |pair: &[u8]| matches!(pair, [b'\n', next] if !line::is_blank(*next));
    header.windows(2).rposition(ends_field).map_or(0, |end| end + 1)
}

/// Adds to what is held, up to `most` octets; says whether all found room.
fn hold(held: &mut Vec<u8>, octets: &[u8], most: usize) -> bool {
    let room = most.saturating_sub(held.len());
    held.extend_from_slice(octets.get(..room).unwrap_or(octets));
    octets.len() <= room
}
