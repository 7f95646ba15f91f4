//! The header of one message out of text as people copy it: below a banner or a dialogue with a server, quoted,
//! indented, with empty lines between its lines, without the blanks before continuation lines, with names and values on
//! lines of their own. Only what is certain is put right; a header that is as it should be comes out as it went in.

use std::borrow::Cow;

use super::line::{begins_field, begins_with, is_blank, is_dated, is_received, line_end, without_returns};

/// Levels of `>` that are taken off.
const MAX_QUOTED: usize = 5;
/// Octets of a field's end in which its date is looked for.
const DATE_END: usize = 80;
/// Blanks in which all lines begin.
const MAX_INDENTATION: usize = 80;
/// A blank that does not break, in UTF-8.
const HARD_BLANK: &[u8] = b"\xc2\xa0";

pub struct Pasted {
    /// Its lines, each ended by LF, the first of them a field's.
    pub header: Vec<u8>,
    /// Lines had to be joined, or freed from what a copy had put in front of them.
    pub mended: bool,
}

/// `None`: there is no field in it.
pub fn header(text: &[u8]) -> Option<Pasted> {
    let text = soft_blanks(text);
    let end = line_end(&text);
    let mut lines: Vec<&[u8]> = text.split(|octet| *octet == end).map(without_returns).collect();
    let mut mended = unquote(&mut lines);
    mended |= unindent(&mut lines);
    if let Some(named) = with_name(&lines) {
        return header(&named).map(|pasted| Pasted { mended: true, ..pasted });
    }
    // between empty lines; one that is empty itself stands where there are two
    let paragraphs: Vec<&[&[u8]]> = lines.split(|line| line.is_empty()).collect();
    // what somebody wrote above it has a colon at times, a header without Received several fields
    let begins =
        |least| paragraphs.iter().position(|one| one.iter().any(|line| is_received(line)) || fields(one) >= least);
    let (first, below) = paragraphs.get(begins(2).or_else(|| begins(1))?..)?.split_first()?;
    let above = first.iter().position(|line| begins_field(line))?;
    let first = first.get(above..)?;
    let whole = unspaced(first, below);
    mended |= whole.len() > first.len();
    let (header, folded) = folded(&whole);
    Some(Pasted { header, mended: mended || folded })
}

fn soft_blanks(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.windows(2).any(|pair| pair == HARD_BLANK) {
        return text.into();
    }
    let mut soft = Vec::with_capacity(text.len());
    for octet in text {
        soft.push(*octet);
        if soft.ends_with(HARD_BLANK) {
            soft.truncate(soft.len() - HARD_BLANK.len());
            soft.push(b' ');
        }
    }
    soft.into()
}

fn fields(lines: &[&[u8]]) -> usize {
    lines.iter().filter(|line| begins_field(line)).count()
}

/// Leaves the lines that an answer quotes, if its header is among them.
fn unquote(lines: &mut Vec<&[u8]>) -> bool {
    let mut changed = false;
    for _ in 0..MAX_QUOTED {
        let start = lines.iter().position(|line| begins_field(line) || is_quoted_field(line));
        let Some(quoted) = start.and_then(|start| lines.get(start..)) else { break };
        if quoted.first().is_none_or(|line| begins_field(line)) {
            break;
        }
        let is_part = |line: &&&[u8]| line.is_empty() || line.starts_with(b">");
        *lines = quoted.iter().take_while(is_part).map(|line| unquoted(line)).collect();
        changed = true;
    }
    changed
}

fn unquoted(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"> ").or_else(|| line.strip_prefix(b">")).unwrap_or(line)
}

fn is_quoted_field(line: &[u8]) -> bool {
    let quotes = line.iter().take_while(|octet| matches!(octet, b'>' | b' ')).count();
    line.starts_with(b">") && line.get(quotes..).is_some_and(begins_field)
}

/// Takes off the blanks in which all lines begin, or the first alone.
fn unindent(lines: &mut [&[u8]]) -> bool {
    let is_empty = |line: &[u8]| line.trim_ascii().is_empty();
    let Some(first) = lines.iter().position(|line| !is_empty(line)) else { return false };
    let Some(line) = lines.get(first).copied() else { return false };
    let blanks = line.iter().take_while(|octet| is_blank(**octet)).count().min(MAX_INDENTATION);
    let (blanks, rest) = line.split_at_checked(blanks).unwrap_or_default();
    if blanks.is_empty() || !begins_field(rest) {
        return false;
    }
    let all = lines.iter().all(|line| line.starts_with(blanks) || is_empty(line));
    for (_, line) in lines.iter_mut().enumerate().filter(|(at, _)| all || *at == first) {
        *line = line.get(blanks.len()..).unwrap_or_default();
    }
    true
}

/// With a colon behind each `Received` on a line of its own or in a table's column; `None`: there is none to give one to.
fn with_name(lines: &[&[u8]]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"received";
    if lines.iter().any(|line| is_received(line)) {
        return None;
    }
    let is_value = |text: &[u8]| {
        let text = text.trim_ascii_start();
        let begins = |word: &&[u8]| begins_with(text, word) && text.get(word.len()).copied().is_some_and(is_blank);
        [&b"from"[..], b"by"].iter().any(begins)
    };
    let (mut named, mut changed) = (Vec::new(), false);
    for (at, line) in lines.iter().enumerate() {
        let rest = line.get(NAME.len()..).filter(|_| begins_with(line, NAME)).unwrap_or(b".");
        let below = lines.get(at + 1).copied().unwrap_or_default();
        let value = if rest.trim_ascii().is_empty() { below } else { rest };
        if rest.first().copied().is_none_or(is_blank) && is_value(value) {
            named.extend_from_slice(b"Received:");
            named.extend_from_slice(rest);
            changed = true;
        } else {
            named.extend_from_slice(line);
        }
        named.push(b'\n');
    }
    changed.then_some(named)
}

/// The first paragraph; or, if empty lines stand between its lines or fields, all that belong to the header.
fn unspaced<'a>(first: &[&'a [u8]], below: &[&[&'a [u8]]]) -> Vec<&'a [u8]> {
    let mut header = first.to_vec();
    if fields(first) > 1 {
        return header;
    }
    let mut field = Field::default();
    first.iter().for_each(|line| field.take(line));
    // one empty line stands below each line, as another field shows, so that two would end the header
    let (mut spaced, mut narrow) = (false, true);
    for paragraph in below {
        let Some(line) = paragraph.first() else {
            narrow = false;
            continue;
        };
        let goes_on = match fields(paragraph) {
            0 => field.is_open() || spaced && narrow,
            1 => begins_field(line),
            _ => false,
        };
        if !goes_on {
            break;
        }
        spaced |= narrow && begins_field(line);
        narrow = true;
        paragraph.iter().for_each(|line| field.take(line));
        header.extend_from_slice(paragraph);
    }
    header
}

/// The header as text, and whether it had lost blanks: a line that is no field, below a `Received` field that has no
/// date yet, can only go on with it.
fn folded(lines: &[&[u8]]) -> (Vec<u8>, bool) {
    let (mut header, mut changed) = (Vec::new(), false);
    let mut field = Field::default();
    for line in lines {
        if !line.first().copied().is_some_and(is_blank) && !begins_field(line) && field.is_open() {
            header.push(b' ');
            changed = true;
        }
        header.extend_from_slice(line);
        header.push(b'\n');
        field.take(line);
    }
    (header, changed)
}

/// The field in which the lines so far end.
#[derive(Default)]
struct Field {
    is_received: bool,
    end: Vec<u8>,
}

impl Field {
    fn take(&mut self, line: &[u8]) {
        if begins_field(line) {
            self.is_received = is_received(line);
            self.end.clear();
        }
        if self.is_received {
            self.end.push(b' ');
            self.end.extend_from_slice(end(line));
            let more = self.end.len() - end(&self.end).len();
            self.end.drain(..more);
        }
    }

    /// It is a `Received` field that has no date yet.
    fn is_open(&self) -> bool {
        self.is_received && !is_dated(&self.end)
    }
}

fn end(text: &[u8]) -> &[u8] {
    text.get(text.len().saturating_sub(DATE_END)..).unwrap_or(text)
}
