//! Finds the header of each message in a mailbox that comes in chunks: an mbox (RFC 4155) in all its dialects, or MMDF.
//!
//! A message begins with a `From ` line above a field. Below an empty line any will do; elsewhere only one that is
//! dated or bare, as the mailbox's first is: some writers leave that empty line out. Content-Length (mboxcl2) is
//! believed if a message, or the mailbox's end, stands where it says. Lines end with LF, CR LF, CR CR LF, or all with CR.

use std::mem::take;

use memchr::memchr;

use super::line::{Envelope, begins_with, is_field, is_quoted_envelope, line_end, without_returns};
use super::{Block, Each, MAX_HEADER, hold};

/// Octets of headers that are held until a Content-Length proves right.
const MAX_DOUBTFUL: usize = 1 << 20;
/// Lines, each empty, between a `From ` line and its header.
const MAX_EMPTY: u32 = 3;
/// Lines at a file's start that belong to no message.
const MAX_BANNER: u32 = 100;
/// Octets of a line with Content-Length; its digits; octets between where it says that a body ends and where one does.
const MAX_LENGTH_LINE: usize = 40;
const MAX_DIGITS: usize = 15;
const MAX_LINE_END: u64 = 2;

/// Where the mailbox begins in a file that begins with `head`; `None`: it is no mailbox. Banners may stand above.
pub fn find(head: &[u8]) -> Option<usize> {
    let mut banner = 0;
    // a `From ` line, and whether nothing stands below it yet
    let mut found: Option<(usize, bool)> = None;
    let mut below = 0;
    let end = line_end(head);
    for line in head.split(|octet| *octet == end) {
        let at = below;
        below += line.len() + 1;
        let line = without_returns(line);
        if line.is_empty() {
            continue;
        }
        if let Some((start, _)) = found
            && (is_field(line) || is_quoted_envelope(line))
        {
            return Some(start);
        }
        // one line that is no field may stand between
        found = found.filter(|(_, near)| *near).map(|(start, _)| (start, false));
        match Envelope::of(line) {
            Some(Envelope::Mmdf) => return Some(at),
            // prose above a field is no mailbox, unless the file begins with it
            Some(envelope) if banner == 0 || envelope != Envelope::Other => found = Some((at, true)),
            _ if found.is_none() && is_field(line) => return None,
            _ => {}
        }
        banner += 1;
        if banner > MAX_BANNER {
            return None;
        }
    }
    None
}

/// Holds one header at most, and such that a Content-Length has yet to prove.
#[derive(Debug)]
pub struct Mailbox {
    line_end: u8,
    /// The mailbox's first, which the others are like.
    first: Option<Envelope>,
    state: State,
    below_empty: bool,
    /// The line in which a chunk ended.
    line: Vec<u8>,
    header: Vec<u8>,
    /// The header is longer than what is held of it.
    cut: bool,
    /// Octets before the line at hand, and before the one below it.
    at: u64,
    next: u64,
    /// Octets of the body, as the header says.
    length: Option<u64>,
    claim: Option<Claim>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Body,
    /// Between a `From ` line and the first field; what stands there.
    Beginning {
        envelope: Envelope,
        empty: u32,
        other: u32,
    },
    Header,
}

/// What looks like headers in a body, as long as that is, if its Content-Length is right.
#[derive(Debug)]
struct Claim {
    end: u64,
    reached: bool,
    headers: Vec<Doubtful>,
    held: usize,
}

#[derive(Debug)]
struct Doubtful {
    header: Vec<u8>,
    cut: bool,
}

impl Mailbox {
    /// `head`: its first octets, which tell how lines end.
    pub fn new(head: &[u8]) -> Self {
        Self {
            line_end: line_end(head),
            first: None,
            state: State::Body,
            below_empty: true,
            line: Vec::new(),
            header: Vec::new(),
            cut: false,
            at: 0,
            next: 0,
            length: None,
            claim: None,
        }
    }

    /// Takes in the next octets and hands over each header that ends in them, its lines ended by LF.
    pub fn push(&mut self, mut chunk: &[u8], each: Each<'_>) {
        while let Some(end) = memchr(self.line_end, chunk) {
            let part = chunk.get(..end).unwrap_or_default();
            chunk = chunk.get(end + 1..).unwrap_or_default();
            self.next += end as u64 + 1;
            if self.line.is_empty() {
                self.take(part, each);
            } else {
                hold(&mut self.line, part, MAX_HEADER);
                let mut line = take(&mut self.line);
                self.take(&line, each);
                line.clear();
                self.line = line;
            }
            self.at = self.next;
        }
        hold(&mut self.line, chunk, MAX_HEADER);
        self.next += chunk.len() as u64;
    }

    /// Hands over the header in which the mailbox ends.
    pub fn finish(&mut self, each: Each<'_>) {
        let line = take(&mut self.line);
        if !line.is_empty() {
            self.take(&line, each);
        }
        let ends = |claim: &Claim| claim.reached || self.next.abs_diff(claim.end) <= MAX_LINE_END;
        if self.claim.as_ref().is_some_and(ends) {
            return;
        }
        self.release(each);
        if matches!(self.state, State::Header) {
            self.end_header(each);
        }
    }

    fn take(&mut self, line: &[u8], each: Each<'_>) {
        let line = without_returns(line);
        // most lines of a mailbox are decided by their first octet
        let envelope = if matches!(line.first(), Some(b'F' | 1)) { Envelope::of(line) } else { None };
        if self.claim.as_ref().is_some_and(|claim| self.at >= claim.end) {
            self.settle(line.is_empty(), envelope, each);
        }
        match (self.state, envelope) {
            (state, Some(envelope)) if self.separates(envelope) => {
                if matches!(state, State::Header) {
                    // where there is no body its length says nothing
                    self.length = None;
                    self.end_header(each);
                }
                self.first.get_or_insert(envelope);
                self.state = State::Beginning { envelope, empty: 0, other: 0 };
            }
            (State::Beginning { envelope, empty, other }, _) => self.beginning(line, envelope, empty, other),
            (State::Header, _) if line.is_empty() => self.end_header(each),
            (State::Header, _) => self.hold(line),
            (State::Body, _) => {}
        }
        self.below_empty = line.is_empty();
    }

    fn separates(&self, envelope: Envelope) -> bool {
        let Some(first) = self.first else { return true };
        match envelope {
            Envelope::Mmdf => true,
            // there a line of four ^A alone separates; a `From ` line may follow it
            _ if first == Envelope::Mmdf => false,
            Envelope::Git if first != Envelope::Git => false,
            _ => match self.state {
                State::Body if self.below_empty => true,
                State::Beginning { .. } => true,
                _ => envelope != Envelope::Other && envelope == first,
            },
        }
    }

    /// Between a `From ` line and the first field an empty line or a banner may stand, or another `From ` line.
    fn beginning(&mut self, line: &[u8], envelope: Envelope, empty: u32, other: u32) {
        if is_field(line) {
            self.state = State::Header;
            self.hold(line);
        } else if !is_quoted_envelope(line) {
            let may_begin = envelope != Envelope::Other;
            self.state = match line.is_empty() {
                true if may_begin && empty < MAX_EMPTY => State::Beginning { envelope, empty: empty + 1, other },
                false if may_begin && empty + other == 0 => State::Beginning { envelope, empty, other: 1 },
                _ => State::Body,
            };
        }
    }

    fn hold(&mut self, line: &[u8]) {
        let whole = hold(&mut self.header, line, MAX_HEADER) && hold(&mut self.header, b"\n", MAX_HEADER);
        self.cut |= !whole;
        if matches!(line.first(), Some(b'C' | b'c')) {
            self.length = content_length(line).or(self.length);
        }
    }

    fn end_header(&mut self, each: Each<'_>) {
        let (header, cut) = (Block::new(&self.header, self.cut), self.cut);
        match &mut self.claim {
            Some(claim) => {
                claim.held += header.header.len();
                claim.headers.push(Doubtful { header: header.header.to_vec(), cut });
                if claim.held > MAX_DOUBTFUL {
                    self.release(each);
                }
            }
            None => {
                each(header);
                if let Some(length) = self.length.filter(|_| self.first != Some(Envelope::Mmdf)) {
                    let end = self.next.saturating_add(length);
                    self.claim = Some(Claim { end, reached: false, headers: Vec::new(), held: 0 });
                }
            }
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.header.clear();
        (self.cut, self.length, self.state) = (false, None, State::Body);
    }

    /// The body has reached its end, as Content-Length says: a message begins here, or it is wrong.
    fn settle(&mut self, empty: bool, envelope: Option<Envelope>, each: Each<'_>) {
        let Some(claim) = &mut self.claim else { return };
        // it may leave out the end of the last line
        let exact = claim.reached || self.at - claim.end <= MAX_LINE_END;
        claim.reached = true;
        match envelope {
            _ if !exact => self.release(each),
            None if empty => {}
            None | Some(Envelope::Other) => self.release(each),
            Some(_) => {
                self.claim = None;
                self.reset();
                self.below_empty = true;
            }
        }
    }

    /// Content-Length is wrong: what looked like headers is taken for such.
    fn release(&mut self, each: Each<'_>) {
        for Doubtful { header, cut } in self.claim.take().map(|claim| claim.headers).unwrap_or_default() {
            each(Block { header: &header, cut, mended: false });
        }
    }
}

fn content_length(line: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length";
    if line.len() > MAX_LENGTH_LINE || !begins_with(line, NAME) {
        return None;
    }
    let digits = line.get(NAME.len()..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii();
    let number = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
    let is_number = (1..=MAX_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    const DATED: &str = "From a@example.com Fri Nov  6 11:10:51 2026\n";

    fn split<'a>(text: &str, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        let mut keep = |block: Block<'_>| found.push((String::from_utf8_lossy(block.header).into_owned(), block.cut));
        let mut mailbox = Mailbox::new(text.as_bytes());
        chunks.for_each(|chunk| mailbox.push(chunk, &mut keep));
        mailbox.finish(&mut keep);
        found
    }

    fn headers(text: &str) -> Vec<String> {
        split(text, [text.as_bytes()].into_iter()).into_iter().map(|(header, _)| header).collect()
    }

    #[test]
    fn a_from_line_begins_a_message_below_an_empty_line_or_where_it_is_as_the_first_one_and_above_a_field() {
        let found = |body: &str| headers(&format!("{DATED}A: 1\n\n{body}B: 2\n\n")).len();
        for two in [
            &format!("\n{DATED}"),
            &format!("x\n{DATED}"),
            "x\n\nFrom somebody\n",
            &format!("x\n\n{DATED}banner without colon\n"),
            &format!("x\n\n{DATED}\n"),
            &format!("x\n\nFrom here on it is prose\nand goes on\n\n{DATED}"),
            &format!("x\n{DATED}>From somebody\n"),
        ] {
            assert_eq!(found(two), 2, "{two:?}");
        }
        for one in [
            "x\nFrom here on prose\n",
            "x\n\n>From somebody\n",
            "x\nFrom \n",
            "x\n\nFromage\n",
            "x\n\n From somebody\n",
            "x\n\nFrom here on it is prose\nand goes on\n",
            &format!("x\n\n{DATED}one\ntwo\n"),
            "\nFrom 1f2e3d4c5b6a79880123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n",
        ] {
            assert_eq!(found(one), 1, "{one:?}");
        }
    }

    #[test]
    fn a_mailbox_is_told_by_its_first_lines_and_banners_may_stand_above() {
        let field = "A: 1\n";
        for (mailbox, at) in [
            (format!("{DATED}{field}"), 0),
            (format!("\r\n{DATED}\n{field}"), 2),
            (format!("a banner\n\n{DATED}{field}"), 10),
            (format!("From x\nbanner\n{field}"), 0),
            (format!("From x\n>From y\n{field}"), 0),
            (format!("\x01\x01\x01\x01\n{field}"), 0),
        ] {
            assert_eq!(find(mailbox.as_bytes()), Some(at), "{mailbox:?}");
        }
        for none in [
            field.to_owned(),
            format!("{field}\n{DATED}{field}"),
            format!("Hello,\nFrom x\n{field}"),
            format!("From x\none\ntwo\n{field}"),
            format!("{}{DATED}{field}", "x\n".repeat(101)),
            String::new(),
        ] {
            assert_eq!(find(none.as_bytes()), None, "{none:?}");
        }
    }

    #[test]
    fn patches_that_are_a_mailbox_of_their_own_are_its_messages() {
        let patch = "From 1f2e3d4c5b6a79880123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nA: 1\n\n---\n\n";
        assert_eq!(headers(&patch.repeat(3)).len(), 3);
    }

    #[test]
    fn content_length_is_believed_where_a_message_or_the_end_follows_and_nowhere_else() {
        let body = format!("text\n\n{DATED}NONE: 1\n\nmore\n");
        let found = |length: usize, end: &str| {
            let all = headers(&format!("{DATED}A: 1\nContent-Length: {length}\n\n{body}{end}"));
            all.iter().filter_map(|header| header.chars().next()).collect::<String>()
        };
        let next = format!("\n{DATED}B: 2\n\n");
        assert_eq!(found(body.len(), &next), "AB");
        assert_eq!(found(body.len() + 1, &next), "AB", "the empty line is counted, too");
        assert_eq!(found(body.len(), ""), "A");
        for wrong in [0, 3, body.len() - 4, body.len() + 30, 100_000_000_000_000] {
            assert_eq!(found(wrong, &next), "ANB", "{wrong}");
        }
        assert_eq!(found(body.len() + 8, "a line of more\n"), "AN", "the end is not where it says");
        let many = format!("{DATED}A: {}\n\nbody\n\n", "x".repeat(1_000)).repeat(3_000);
        assert_eq!(headers(&format!("{DATED}A: 1\nContent-Length: 99999999999\n\n\n{many}")).len(), 3_001);
        // a message without a body, whose length would skip the next one
        let skipped = format!("{DATED}B: 2\n\n");
        let bodiless = format!("{DATED}A: 1\nContent-Length: {}\n{skipped}{DATED}C: 3\n\n", skipped.len());
        assert_eq!(headers(&bodiless).len(), 3);
    }

    #[test]
    fn a_header_that_ends_with_the_next_from_line_or_with_the_file_is_whole() {
        assert_eq!(headers(&format!("{DATED}A: 1\n{DATED}B: 2")), ["A: 1\n", "B: 2\n"]);
    }

    #[test]
    fn lines_may_end_as_they_like() {
        let text = format!("{DATED}A: 1\n 2\n\nbody\n\n{DATED}B: 1\n\nbody: x\n");
        for end in ["\n", "\r\n", "\r\r\n", "\r"] {
            assert_eq!(headers(&text.replace('\n', end)), ["A: 1\n 2\n", "B: 1\n"], "{end:?}");
        }
        assert_eq!(
            headers("From a\nA: 1\n\rx: 2\nB: 3\n\r\nC: 4\n")[0],
            "A: 1\n\rx: 2\nB: 3\n",
            "a lone CR ends nothing"
        );
    }

    #[test]
    fn of_a_header_that_is_too_long_the_whole_fields_are_kept() {
        let long = "x".repeat(2 * MAX_HEADER);
        let text = format!("{DATED}A: {long}\n\n{DATED}B: 2\nC: {long}\n\n{DATED}D: 3\n\n");
        let expected = [("", true), ("B: 2\n", true), ("D: 3\n", false)].map(|(header, cut)| (header.to_owned(), cut));
        assert_eq!(split(&text, [text.as_bytes()].into_iter()), expected);
        assert_eq!(split(&text, text.as_bytes().chunks(99_999)), expected);
    }

    #[test]
    fn what_is_held_is_bounded_whatever_comes() {
        let length = "Content-Length: 99999999999\n";
        for (begin, filler) in [
            (String::new(), "x".to_owned()),
            (String::new(), " x\n".to_owned()),
            (String::new(), "A: 1\n".to_owned()),
            ("\n".to_owned(), "\n".to_owned()),
            (format!("{length}\n"), format!("\n{DATED}A: {}\n\n", "x".repeat(100_000))),
        ] {
            let mut mailbox = Mailbox::new(b"\n");
            let mut each = |block: Block<'_>| assert!(block.header.len() <= MAX_HEADER);
            mailbox.push(format!("{DATED}A: 1\n{begin}").as_bytes(), &mut each);
            for _ in 0..64 {
                mailbox.push(filler.repeat((1 << 17) / filler.len()).as_bytes(), &mut each);
                let doubtful = mailbox.claim.as_ref().map_or(0, |claim| claim.held);
                let held = mailbox.header.capacity() + mailbox.line.capacity() + doubtful;
                assert!(held <= 4 * MAX_HEADER + MAX_DOUBTFUL, "{filler:.20}");
            }
            mailbox.finish(&mut each);
        }
    }

    proptest! {
        #[test]
        fn every_message_that_was_put_into_a_mailbox_comes_out_of_it(
            messages in prop::collection::vec(
                (prop::collection::vec("[A-Z][a-z]{0,5}: [ -~]{0,20}", 1..5), "[ -~\n]{0,80}"), 0..8),
            rd: bool,
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let mut archive = String::new();
            for (fields, body) in &messages {
                archive += &format!("{DATED}{}\n\n", fields.join("\n"));
                for line in body.lines() {
                    let plain = if rd { line.trim_start_matches('>') } else { line };
                    archive += &format!("{}{line}\n", if plain.starts_with("From") { ">" } else { "" });
                }
                archive.push('\n');
            }
            let expected: Vec<_> = messages.iter().map(|(fields, _)| fields.join("\n") + "\n").collect();
            prop_assert_eq!(headers(&archive.replace('\n', end)), expected);
        }

        #[test]
        fn chunks_make_no_difference(
            lines in prop::collection::vec(prop::sample::select(vec![
                DATED.trim_end(), "From ", ">From x", "From b", "\x01\x01\x01\x01", "A: 1", "", " b",
                "Content-Length: 9", "x", "\r",
            ]), 0..40),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            size in 1usize..9,
        ) {
            let text = lines.join(end);
            prop_assert_eq!(split(&text, text.as_bytes().chunks(size)), split(&text, [text.as_bytes()].into_iter()));
        }
    }
}
