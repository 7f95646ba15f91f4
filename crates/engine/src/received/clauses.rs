//! Any mail server's `Received` field (RFC 5321, section 4.4), read as generously as can be without taking a peer's
//! text for the server's own: by what it finds a relay is looked through, and no server condemned.
//!
//! Comments, quoted strings, address literals and text in angle brackets are stepped over whole, since a peer chose
//! what stands in them (HELO, reverse DNS, addresses). FROM and BY can be there once: a second one may be a HELO's.
//! The other clauses may come twice and in any order.

use std::net::IpAddr;
use std::ops::Range;

use super::Unreadable;
use super::lexer::{Kind, Token, Tokens};
use crate::network::parse_address;

/// What stands in the clauses of one field.
#[derive(Debug, Default)]
pub(super) struct Clauses<'a> {
    pub(super) from: Phrase<'a>,
    pub(super) by: Phrase<'a>,
    /// The last WITH clause.
    pub(super) with: Phrase<'a>,
    /// There is a FROM clause.
    pub(super) has_from: bool,
    /// WITH or ID is there twice.
    pub(super) has_repeated: bool,
    /// A WITH clause holds words that Exchange alone writes.
    pub(super) has_words_of_exchange: bool,
    /// From `by` to the end of the last of BY, WITH and ID.
    pub(super) telling: Range<usize>,
    /// The `for` clause; empty if there is none.
    pub(super) recipient: Range<usize>,
    /// What stands behind the semicolon.
    pub(super) date: &'a [u8],
}

/// The words of one clause and what a peer's address is read from. Words beyond the bound are only counted.
#[derive(Debug, Default)]
pub(super) struct Phrase<'a> {
    words: [&'a [u8]; 4],
    pub(super) count: usize,
    /// The first that tells neither the peer's HELO nor its encryption.
    pub(super) comment: Option<&'a [u8]>,
    /// The one after it.
    second_comment: Option<&'a [u8]>,
    literal: Option<&'a [u8]>,
}

/// Reads the value of one field. Bounded by its length, without allocation.
pub(super) fn read(value: &[u8]) -> Result<Clauses<'_>, Unreadable> {
    let mut clauses = Clauses::default();
    let mut seen = Seen::default();
    let mut clause = Clause::Start;
    for token in Tokens::new(value) {
        let token = token.map_err(|_| Unreadable::Malformed)?;
        if token.kind == Kind::Semicolon {
            if clause == Clause::Date {
                return Err(Unreadable::Malformed);
            }
            clause = Clause::Date;
            clauses.date = value.get(token.span.end..).unwrap_or_default();
            continue;
        }
        match keyword(&token) {
            // a recipient may be called `with`, but nothing else may stand where a clause begins
            Some(Clause::From) if clause != Clause::Start => return Err(Unreadable::Malformed),
            Some(_) if clause == Clause::Date => return Err(Unreadable::Malformed),
            Some(next) => {
                clauses.begin(next, seen.again(next), token.span.start)?;
                clause = next;
            }
            None => clauses.add(clause, &token),
        }
    }
    clauses.has_from = seen.0.get(Clause::From as usize).is_some_and(|seen| *seen);
    if clauses.by_host().is_none() { Err(Unreadable::NoBy) } else { Ok(clauses) }
}

/// Whether the field names no host at all, as the first of the two that qmail writes a hop:
/// `(qmail 84907 invoked from network); 13 Feb 2003 20:59:28 -0000`.
pub(crate) fn is_comment_only(value: &[u8]) -> bool {
    let mut comments = 0u32;
    for token in Tokens::new(value) {
        match token {
            Ok(token) if token.kind == Kind::Comment => comments += 1,
            Ok(token) if token.kind == Kind::Semicolon => break,
            _ => return false,
        }
    }
    comments == 1
}

/// The comments that name a recipient: `(for ben@example.org)`, `(envelope-to ben@example.org)`.
pub(crate) fn recipient_comments(value: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let names_recipient = |token: &Token<'_>| {
        let begins = |word: &[u8]| {
            let (start, behind) = token.text.split_at_checked(word.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(word)
                && behind.first().is_none_or(|octet| octet.is_ascii_whitespace() || b"<:".contains(octet))
        };
        token.kind == Kind::Comment && (begins(b"for") || begins(b"envelope-to"))
    };
    Tokens::new(value).map_while(Result::ok).filter(names_recipient).map(|token| token.span)
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Clause {
    #[default]
    Start,
    From,
    By,
    Over,
    With,
    Id,
    Via,
    For,
    Date,
}

fn keyword(token: &Token<'_>) -> Option<Clause> {
    const KEYWORDS: [(&[u8], Clause); 7] = [
        (b"from", Clause::From),
        (b"by", Clause::By),
        (b"over", Clause::Over),
        (b"with", Clause::With),
        (b"id", Clause::Id),
        (b"via", Clause::Via),
        (b"for", Clause::For),
    ];
    if token.kind != Kind::Word || token.text.len() > 4 {
        return None;
    }
    KEYWORDS.iter().find(|(word, _)| token.text.eq_ignore_ascii_case(word)).map(|(_, clause)| *clause)
}

/// Which clauses were there before.
#[derive(Debug, Default)]
struct Seen([bool; 9]);

impl Seen {
    fn again(&mut self, clause: Clause) -> bool {
        self.0.get_mut(clause as usize).is_some_and(|seen| std::mem::replace(seen, true))
    }
}

impl<'a> Clauses<'a> {
    /// The BY host as written.
    pub(super) fn by_host(&self) -> Option<&'a [u8]> {
        self.by.words.first().copied().filter(|_| self.by.count > 0).or(self.by.literal)
    }

    /// The address that the BY host saw its peer come from.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.from.address()
    }

    fn begin(&mut self, clause: Clause, again: bool, at: usize) -> Result<(), Unreadable> {
        match clause {
            Clause::From | Clause::By if again => return Err(Unreadable::Malformed),
            Clause::By => self.telling = at..at,
            Clause::With => self.with = Phrase::default(),
            Clause::For if !again => self.recipient = at..at + "for".len(),
            _ => {}
        }
        self.has_repeated |= again && matches!(clause, Clause::With | Clause::Id);
        Ok(())
    }

    fn add(&mut self, clause: Clause, token: &Token<'a>) {
        match clause {
            Clause::From => self.from.add(token),
            Clause::By => self.by.add(token),
            Clause::With => {
                self.with.add(token);
                self.has_words_of_exchange |= self.with.is_of_exchange();
            }
            Clause::For => self.recipient.end = token.span.end,
            Clause::Start | Clause::Over | Clause::Id | Clause::Via | Clause::Date => {}
        }
        if matches!(clause, Clause::By | Clause::With | Clause::Id) {
            self.telling.end = token.span.end;
        }
    }
}

impl<'a> Phrase<'a> {
    fn add(&mut self, token: &Token<'a>) {
        match token.kind {
            Kind::Comment if is_aside(token.text) => {}
            Kind::Comment if self.comment.is_none() => self.comment = Some(token.text),
            Kind::Comment => self.second_comment = self.second_comment.or(Some(token.text)),
            Kind::Literal => self.literal = Some(token.text),
            Kind::Word | Kind::Quoted | Kind::Angle => {
                if let Some(slot) = self.words.get_mut(self.count) {
                    *slot = token.text;
                }
                self.count = self.count.saturating_add(1);
            }
            Kind::Semicolon => {}
        }
    }

    /// Whether the clause has these words, whatever their case, and no other.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        let same = |(found, word): (&&[u8], &&str)| found.eq_ignore_ascii_case(word.as_bytes());
        self.count == words.len() && self.words.iter().zip(words).all(same)
    }

    fn is_of_exchange(&self) -> bool {
        match (self.count, &self.words) {
            (1, [word, ..]) => matches!(*word, b"mapi" | b"ShadowRedundancy"),
            (3, _) => self.is(&["Microsoft", "SMTP", "Server"]),
            _ => false,
        }
    }

    /// The address that the stamping server wrote: the last literal in the comment, a comment that is nothing but an
    /// address, or the literal in front of it, unless that can be the peer's HELO. Doubled brackets occur in both. Where
    /// two comments name different ones, a peer may have chosen one of them: none is certain.
    pub(super) fn address(&self) -> Option<IpAddr> {
        let Some(comment) = self.comment else {
            return self.literal.and_then(bracketed_address);
        };
        let address = self.address_of(comment);
        let second = self.second_comment.and_then(address_in);
        address.filter(|address| second.is_none_or(|second| second == *address))
    }

    fn address_of(&self, comment: &[u8]) -> Option<IpAddr> {
        // Exim: `from name ([address] helo=name ident=name)`, `from [address] (port=1234 helo=name)`
        let told = [&b"helo="[..], b"ident=", b"port="].iter().filter_map(|key| position(comment, key)).min();
        let own = comment.get(..told.unwrap_or(comment.len())).unwrap_or_default();
        address_in(own).or_else(|| told.and(self.literal).and_then(parse_address))
    }
}

fn address_in(comment: &[u8]) -> Option<IpAddr> {
    match comment.iter().rposition(|octet| *octet == b'[') {
        Some(bracket) => comment.get(bracket..).and_then(parse_address),
        None => bracketed_address(comment),
    }
}

/// `192.0.2.1` or `(192.0.2.1)`.
fn bracketed_address(text: &[u8]) -> Option<IpAddr> {
    let text = text.trim_ascii();
    let inner = text.strip_prefix(b"(").and_then(|inner| inner.strip_suffix(b")"));
    parse_address(inner.unwrap_or(text))
}

fn position(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word))
}

/// A comment that repeats the peer's HELO, as qmail writes before the one with the address; or tells the encryption, as
/// Symantec.cloud writes behind a literal that is the peer's address, and the name in a certificate, as Postfix does.
fn is_aside(comment: &[u8]) -> bool {
    let begins = |word: &[u8]| comment.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    begins(b"helo") || begins(b"ehlo") || begins(b"lhlo") || begins(b"using ") || begins(b"client ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_address_is_the_one_the_server_saw() {
        let from = |text: &str| {
            let value = format!("from {text} by b; x");
            read(value.as_bytes()).unwrap().peer().map(|address| address.to_string())
        };
        let cases = [
            ("host (unknown [10.32.18.43])", "10.32.18.43"),
            ("unknown (HELO [10.9.9.9]) ([170.129.1.10])", "170.129.1.10"),
            ("unknown (HELO host.example) (170.129.1.10)", "170.129.1.10"),
            ("x (evil[10.9.9.9] [170.129.1.10])", "170.129.1.10"),
            ("x (user@[10.9.9.9] [170.129.1.10])", "170.129.1.10"),
            ("x (rdns.example [170.129.1.10] (may be forged))", "170.129.1.10"),
            ("[10.0.2.127] (86.200.157.137)", "86.200.157.137"),
            ("h ((192.168.64.154))", "192.168.64.154"),
            ("h [54.240.197.234:21286]", "54.240.197.234"),
            ("h [(172.21.101.102)]", "172.21.101.102"),
            ("h (x [10.32.18.43]) (using TLSv1.3) (Client CN \"[10.9.9.9]\" (not verified))", "10.32.18.43"),
            ("[170.129.1.10] (using TLSv1.2 with cipher X (256 bits))", "170.129.1.10"),
            ("h ([170.129.1.10] helo=[10.9.9.9])", "170.129.1.10"),
            ("h ([170.129.1.10]:1234 helo=[10.9.9.9])", "170.129.1.10"),
            ("h ([170.129.1.10] ident=[10.9.9.9])", "170.129.1.10"),
            ("h ([170.129.1.10] helo=h ident=[10.9.9.9])", "170.129.1.10"),
            ("[170.129.1.10] (helo=[10.9.9.9])", "170.129.1.10"),
            ("[170.129.1.10] (port=1234 helo=[10.9.9.9])", "170.129.1.10"),
            ("[170.129.1.10] (ident=[10.9.9.9])", "170.129.1.10"),
        ];
        for (text, address) in cases {
            assert_eq!(from(text).as_deref(), Some(address), "{text}");
        }
        assert_eq!(from("[10.9.9.9] (unknown [unknown])"), None, "the literal is the peer's HELO");
        for helo in ["(10.9.9.9) (unknown [170.129.1.10])", "x (HELO x) ([10.9.9.9]) ([170.129.1.10])"] {
            assert_eq!(from(helo), None, "{helo}: a HELO that looks like a comment");
        }
        assert_eq!(from("h (x [170.129.1.10]) (170.129.1.10)").as_deref(), Some("170.129.1.10"));
        assert_eq!(from("h"), None);
    }

    #[test]
    fn only_a_field_without_any_host_is_a_comment() {
        assert!(is_comment_only(b" (qmail 84907 invoked from network); 13 Feb 2003 20:59:28 -0000"));
        for other in ["", "; x", "(a", "(a) (b); x", "(a) by b; x", "from x (a); x"] {
            assert!(!is_comment_only(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn comments_that_name_a_recipient_are_found() {
        let found = |value: &str| {
            recipient_comments(value.as_bytes()).map(|span| value.get(span).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            found("by b (for x@y) (envelope-from <a@b>) (Envelope-To <c@d>) (forward); x"),
            ["(for x@y)", "(Envelope-To <c@d>)"]
        );
    }

    #[test]
    fn no_clause_stands_behind_a_hops_date() {
        let hop = "from a (a [10.0.0.1]) by b with ESMTP id 1; Tue, 6 Oct 2026 10:00:05 +0200";
        assert!(read(hop.as_bytes()).is_ok());
        for behind in [" with Microsoft SMTP Server", " id 2", " for x", " by c", "; with SMTP"] {
            let read = read(format!("{hop}{behind}").as_bytes()).map(|clauses| clauses.date.len());
            assert_eq!(read, Err(Unreadable::Malformed), "{behind}");
        }
    }
}
