//! Finds the header of each message in header text, a message or an mbox archive that comes in chunks.
//!
//! What begins with a `From ` line is an mbox (RFC 4155, in all its variants; bodies have their `From ` lines quoted):
//! a message begins with a `From ` line at its very start or below an empty line, if a header field follows. Anything
//! else is one message. Lines end with LF or CRLF.

use memchr::memchr;

/// Octets of a message's header that are held; the rest is passed over.
pub const MAX_HEADER: usize = 256 * 1024;

const ENVELOPE: &[u8] = b"From ";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Holds one header at most.
#[derive(Debug, Default)]
pub struct Splitter {
    state: State,
    mbox: bool,
    header: Vec<u8>,
    /// The header is longer than what is held of it.
    cut: bool,
    /// The header's first line is a field, so that this is a message indeed.
    confirmed: bool,
}

/// One header, from its first field to its last.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    pub header: &'a [u8],
    /// There was more of it.
    pub cut: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Before the first octet that counts.
    #[default]
    Begin,
    /// In a `From ` line.
    Envelope,
    Header(Line),
    Body(Line),
}

/// Where in a line the next octet stands.
#[derive(Clone, Copy, Debug)]
enum Line {
    Start {
        below_empty: bool,
    },
    /// Behind a CR with which the line began.
    Return,
    /// Behind that many octets of what begins a message in an mbox.
    Envelope(usize),
    Inside,
}

impl Splitter {
    /// Takes in the next octets and hands over each header that ends in them.
    pub fn push(&mut self, mut chunk: &[u8], each: &mut dyn FnMut(Block<'_>)) {
        while !chunk.is_empty() {
            chunk = match self.state {
                State::Begin => self.begin(chunk, each),
                State::Envelope => self.envelope(chunk),
                State::Header(line) => self.header(line, chunk, each),
                State::Body(_) if !self.mbox => return,
                State::Body(line) => self.body(line, chunk),
            };
        }
    }

    /// Hands over the header in which the input ends.
    pub fn finish(&mut self, each: &mut dyn FnMut(Block<'_>)) {
        if matches!(self.state, State::Begin) {
            self.begun(each);
        }
        if matches!(self.state, State::Header(_)) {
            self.end_header(each);
        }
    }

    /// Tells an mbox by its first line; empty lines before it are passed over.
    fn begin<'a>(&mut self, chunk: &'a [u8], each: &mut dyn FnMut(Block<'_>)) -> &'a [u8] {
        let mut octets = chunk.iter();
        for octet in octets.by_ref() {
            if !(self.header.is_empty() && matches!(octet, b'\r' | b'\n')) {
                self.header.push(*octet);
            }
            if self.header == BYTE_ORDER_MARK {
                self.header.clear();
            }
            if !ENVELOPE.starts_with(&self.header) && !BYTE_ORDER_MARK.starts_with(&self.header)
                || self.header == ENVELOPE
            {
                self.begun(each);
                break;
            }
        }
        octets.as_slice()
    }

    fn begun(&mut self, each: &mut dyn FnMut(Block<'_>)) {
        let begun = std::mem::take(&mut self.header);
        self.mbox = begun == ENVELOPE;
        self.state = if self.mbox { State::Envelope } else { State::Header(Line::Start { below_empty: false }) };
        if !self.mbox {
            self.push(&begun, each);
        }
    }

    fn envelope<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        match memchr(b'\n', chunk) {
            Some(end) => {
                self.state = State::Header(Line::Start { below_empty: false });
                behind(chunk, end + 1)
            }
            None => &[],
        }
    }

    fn header<'a>(&mut self, line: Line, chunk: &'a [u8], each: &mut dyn FnMut(Block<'_>)) -> &'a [u8] {
        match (line, chunk) {
            (Line::Start { .. } | Line::Return, [b'\n', rest @ ..]) => {
                self.end_header(each);
                rest
            }
            (Line::Start { .. }, [b'\r', rest @ ..]) => {
                self.state = State::Header(Line::Return);
                rest
            }
            (Line::Return, _) => {
                self.hold(b"\r");
                self.state = State::Header(Line::Inside);
                chunk
            }
            _ => {
                let end = memchr(b'\n', chunk).map_or(chunk.len(), |end| end + 1);
                let (part, rest) = chunk.split_at_checked(end).unwrap_or((chunk, &[]));
                self.hold(part);
                let ended = part.ends_with(b"\n");
                self.state = State::Header(if ended { Line::Start { below_empty: false } } else { Line::Inside });
                if ended && !self.confirmed && !self.confirm() {
                    self.state = State::Body(Line::Start { below_empty: false });
                }
                rest
            }
        }
    }

    fn body<'a>(&mut self, line: Line, chunk: &'a [u8]) -> &'a [u8] {
        let (line, rest) = match (line, chunk) {
            (Line::Start { .. } | Line::Return, [b'\n', rest @ ..]) => (Line::Start { below_empty: true }, rest),
            (Line::Start { .. }, [b'\r', rest @ ..]) => (Line::Return, rest),
            (Line::Start { below_empty: true }, [b'F', rest @ ..]) => (Line::Envelope(1), rest),
            (Line::Envelope(matched), [octet, rest @ ..]) if ENVELOPE.get(matched) == Some(octet) => {
                if matched + 1 == ENVELOPE.len() {
                    self.state = State::Envelope;
                    return rest;
                }
                (Line::Envelope(matched + 1), rest)
            }
            _ => match memchr(b'\n', chunk) {
                Some(end) => (Line::Start { below_empty: false }, behind(chunk, end + 1)),
                None => (Line::Inside, &[][..]),
            },
        };
        self.state = State::Body(line);
        rest
    }

    fn hold(&mut self, part: &[u8]) {
        let room = MAX_HEADER - self.header.len().min(MAX_HEADER);
        self.cut |= part.len() > room;
        self.header.extend_from_slice(part.get(..room).unwrap_or(part));
    }

    /// Whether the first line of a header is a field. In an mbox, prose that happens to begin with `From` is none.
    fn confirm(&mut self) -> bool {
        let line = self.header.split(|octet| *octet == b'\n').next().unwrap_or_default();
        // a quoted `From ` line stands there at times
        self.confirmed = !self.mbox || is_field(line) || line.starts_with(b">From ");
        if !self.confirmed {
            self.header.clear();
            self.cut = false;
        }
        self.confirmed
    }

    fn end_header(&mut self, each: &mut dyn FnMut(Block<'_>)) {
        self.state = State::Body(Line::Start { below_empty: true });
        let is_message = match self.mbox {
            true => self.confirmed || self.confirm(),
            false => self.header.split(|octet| *octet == b'\n').any(is_field),
        };
        if self.cut {
            let whole = whole_fields(&self.header);
            self.header.truncate(whole);
        }
        if is_message {
            each(Block { header: &self.header, cut: self.cut });
        }
        self.header.clear();
        (self.cut, self.confirmed) = (false, false);
    }
}

fn behind(chunk: &[u8], at: usize) -> &[u8] {
    chunk.get(at..).unwrap_or_default()
}

/// Whether a line begins with a field's name and a colon (RFC 5322, section 2.2; blanks before the colon are obsolete).
fn is_field(line: &[u8]) -> bool {
    let name = line.iter().position(|octet| *octet == b':').and_then(|colon| line.get(..colon)).unwrap_or_default();
    let name = name.trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// The end of the last field that is certainly whole: what follows it begins another one.
fn whole_fields(header: &[u8]) -> usize {
    let begins = |at: &usize| !matches!(header.get(at + 1), None | Some(b' ' | b'\t'));
    let ends = memchr::memrchr_iter(b'\n', header);
    ends.into_iter().find(begins).map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::prop;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    fn split<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        let mut keep = |block: Block<'_>| found.push((String::from_utf8_lossy(block.header).into_owned(), block.cut));
        let mut splitter = Splitter::default();
        chunks.for_each(|chunk| splitter.push(chunk, &mut keep));
        splitter.finish(&mut keep);
        found
    }

    fn whole(text: &str) -> Vec<(String, bool)> {
        split([text.as_bytes()].into_iter())
    }

    fn headers(text: &str) -> Vec<String> {
        whole(text).into_iter().map(|(header, _)| header.replace('\r', "")).collect()
    }

    #[test]
    fn each_message_of_an_archive_is_found_and_what_bodies_quote_is_none() {
        let archive = "From a Mon\nA: 1\n\nbody\n>From quoted\nFrom inside\n\nFrom b Tue\nB: 2\n\nFrom c Wed\nC: 3\n";
        let expected = ["A: 1\n", "B: 2\n", "C: 3\n"];
        let trimmed =
            |text: &str| headers(text).iter().map(|header| format!("{}\n", header.trim_end())).collect::<Vec<_>>();
        assert_eq!(trimmed(archive), expected);
        assert_eq!(trimmed(&archive.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn a_message_that_is_no_archive_is_one_message() {
        let message = "A: 1\n\nbody\n\nFrom here on\nB: 2\n\n";
        assert_eq!(headers(message).len(), 1);
        assert_eq!(headers(&format!("\u{feff}\r\n{message}")).len(), 1);
    }

    #[test]
    fn of_a_header_without_end_the_whole_fields_are_kept() {
        assert_eq!(whole(&format!("A: 1\nB: {}", "x".repeat(3 * MAX_HEADER))), [("A: 1\n".to_owned(), true)]);
    }

    #[test]
    fn a_message_whose_first_field_is_too_long_is_a_message_all_the_same() {
        let folded = format!("A: 1\n{}", " x\n".repeat(MAX_HEADER));
        assert_eq!(whole(&folded), [(String::new(), true)], "of that field nothing is certain");
        let archive = format!("From a\nA: {}\n\nFrom b\nB: 2\n\n", "x".repeat(2 * MAX_HEADER));
        assert_eq!(whole(&archive), [(String::new(), true), ("B: 2\n".to_owned(), false)]);
    }

    #[test]
    fn what_is_no_mail_is_no_message() {
        let none = [
            "",
            "\n",
            "\r\n\r\n",
            "\u{feff}",
            "From",
            "From ",
            "From a",
            "From a\n",
            "From a\n\n\nno mail\n",
            "\0\0\n\0",
        ];
        for none in none.map(str::to_owned).into_iter().chain(["\0".repeat(1 << 20), "\u{fffd}".repeat(1 << 20)]) {
            assert_eq!(whole(&none), [], "{:?}", none.chars().take(20).collect::<String>());
        }
    }

    #[test]
    fn a_from_line_begins_a_message_only_below_an_empty_line_and_above_a_field() {
        let found = |body: &str| headers(&format!("From a\nA: 1\n\n{body}From b\nB: 2\n\n")).len();
        for split in
            ["", "x\n\n", "x\r\n\r\n", "x\n\nFrom here on it is prose\nand goes on\n\n", "\nFrom x\n\nprose: yes\n\n"]
        {
            assert_eq!(found(split), 2, "{split:?}");
        }
        for one in ["x\n", "x\n\n>", "x\n\n>>", "x\n\n ", "\n\r\r\n"] {
            assert_eq!(found(one), 1, "{one:?}");
        }
        assert_eq!(headers("From a\n>From b\nA: 1\n\n"), [">From b\nA: 1\n"]);
        assert_eq!(
            whole("From a\nA: 1\n\rx: 2\nB: 3\n\r\nC: 4\n")[0].0,
            "A: 1\n\rx: 2\nB: 3\n",
            "a lone CR ends nothing"
        );
    }

    #[test]
    fn what_is_held_is_bounded_whatever_comes() {
        for (filler, begin) in
            [("x", "A: 1\n"), (" x\n", "A: 1\n"), ("A: 1\n", ""), ("x", "From a\n"), ("\n", "From a\nA: 1\n\n")]
        {
            let mut splitter = Splitter::default();
            let mut each = |block: Block<'_>| assert!(block.header.len() <= MAX_HEADER);
            splitter.push(begin.as_bytes(), &mut each);
            for _ in 0..64 {
                splitter.push(filler.repeat(1 << 14).as_bytes(), &mut each);
                assert!(splitter.header.capacity() <= 2 * MAX_HEADER, "{filler:?}");
            }
            splitter.finish(&mut each);
        }
    }

    proptest! {
        #[test]
        fn every_message_that_was_put_into_an_archive_comes_out_of_it(
            messages in prop::collection::vec((prop::collection::vec("[A-Z][a-z]{0,5}: [ -~]{0,20}", 1..5), "[ -~\n]{0,80}"), 0..8),
            rd: bool,
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let mut archive = String::new();
            for (fields, body) in &messages {
                archive += &format!("From x@y Mon Jan  1 00:00:00 2024\n{}\n\n", fields.join("\n"));
                for line in body.lines() {
                    let plain = if rd { line.trim_start_matches('>') } else { line };
                    archive += &format!("{}{line}\n", if plain.starts_with("From ") { ">" } else { "" });
                }
                archive.push('\n');
            }
            let expected: Vec<_> = messages.iter().map(|(fields, _)| (fields.join("\n") + "\n").replace('\n', end)).collect();
            let found: Vec<_> = whole(&archive.replace('\n', end)).into_iter().map(|(header, _)| header).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn chunks_make_no_difference(
            lines in prop::collection::vec(
                prop::sample::select(vec!["From a Mon", ">From", "From ", "A: 1", "", " b", "\r", "From", "x"]), 0..40),
            end in prop::sample::select(vec!["\n", "\r\n"]),
            size in 1usize..9,
        ) {
            let text = lines.join(end);
            prop_assert_eq!(split(text.as_bytes().chunks(size)), whole(&text));
        }
    }
}
