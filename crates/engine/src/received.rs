//! One `Received` field (RFC 5321, section 4.4; RFC 5322, section 3.6.7) read into a [`Hop`].
//!
//! Only the clauses that the BY host wrote itself count: comments, quoted strings, address literals and text in angle
//! brackets are stepped over whole, since a peer chose what stands in them (HELO, reverse DNS, addresses). A field in
//! which a clause appears twice, or that does not end as it should, may carry a peer's text in the place of a clause:
//! it is [`Unreadable`] and proves nothing.

use std::net::IpAddr;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::network::parse_address;
use crate::time::Timestamp;

/// Which part of a mail server stamped the hop, as far as its `with` clause tells.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// `with Microsoft SMTP Server`: Exchange 2007 and later, the transport service itself.
    Smtp,
    /// `with mapi`: the store's submission.
    Mapi,
    /// `from Pickup … with Microsoft SMTP Server`: stamps an outdated build (Microsoft's own false positive of 2024).
    Pickup,
    /// `with ShadowRedundancy`: stamps an outdated build.
    ShadowRedundancy,
    /// `with Internet Mail Service` (Exchange 5.5) or `with Microsoft SMTPSVC` of Windows 2000 or 2003 (Exchange 2000,
    /// 2003 or plain IIS).
    Legacy,
    /// Anything else.
    Other,
}

impl Component {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Mapi => "mapi",
            Self::Pickup => "pickup",
            Self::ShadowRedundancy => "shadow_redundancy",
            Self::Legacy => "legacy",
            Self::Other => "other",
        }
    }
}

/// One parsed `Received` field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hop<'a> {
    /// The address that the BY host saw its peer come from.
    pub from_address: Option<IpAddr>,
    /// As written.
    pub by_host: &'a [u8],
    pub by_address: Option<IpAddr>,
    pub component: Component,
    /// What the hop shows of the server's build; the number belongs to the BY host.
    pub build: Stamp,
    /// From `by` to the end of the build: the part of the field that tells.
    pub telling: Range<usize>,
    /// The `for` clause, which names a recipient; empty if there is none.
    pub recipient: Range<usize>,
    /// What stands behind the semicolon, as written.
    pub date: &'a [u8],
}

impl Hop<'_> {
    /// When the BY host says that it received the message; `None` if that is no date.
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_rfc5322(self.date)
    }
}

/// The build number in a hop's `id` clause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stamp {
    Build(Build),
    /// No `id`, as Exchange 2007 stamps its `with mapi`, or a component that has none.
    Absent,
    /// An `id` that is no build number.
    Unreadable,
}

impl Stamp {
    pub const fn number(self) -> Option<Build> {
        match self {
            Self::Build(build) => Some(build),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Why a field proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreadable {
    /// Longer than the bound for one field.
    Cut,
    /// No BY clause.
    NoBy,
    /// A clause twice, an open bracket, text where none belongs.
    Malformed,
}

impl Unreadable {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "it is too long to be read whole",
            Self::NoBy => "it names no BY host",
            Self::Malformed => "its clauses are malformed",
        }
    }
}

/// Reads the value of one `Received` field. Bounded by the value's length, without allocation.
pub fn parse(value: &[u8]) -> Result<Hop<'_>, Unreadable> {
    let mut clauses = Clauses::default();
    let mut clause = Clause::Start;
    for token in Tokens::new(value) {
        let Token { kind, text, span } = token?;
        if let Kind::Semicolon = kind {
            if clause == Clause::Date {
                return Err(Unreadable::Malformed);
            }
            clause = Clause::Date;
            clauses.date = value.get(span.end..).unwrap_or_default();
            continue;
        }
        match keyword(kind, text) {
            // a recipient may be called `with`, but nothing else may stand where a clause begins
            Some(Clause::From) if clause != Clause::Start => return Err(Unreadable::Malformed),
            Some(_) if clause == Clause::Date => return Err(Unreadable::Malformed),
            Some(next) => {
                clauses.begin(next, span.start)?;
                clause = next;
            }
            None => clauses.add(clause, kind, text, span)?,
        }
    }
    clauses.into_hop()
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

fn keyword(kind: Kind, text: &[u8]) -> Option<Clause> {
    if !matches!(kind, Kind::Word) || text.len() > 4 {
        return None;
    }
    const KEYWORDS: [(&[u8], Clause); 7] = [
        (b"from", Clause::From),
        (b"by", Clause::By),
        (b"over", Clause::Over),
        (b"with", Clause::With),
        (b"id", Clause::Id),
        (b"via", Clause::Via),
        (b"for", Clause::For),
    ];
    KEYWORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, clause)| *clause)
}

/// What has been read of each clause.
#[derive(Debug, Default)]
struct Clauses<'a> {
    seen: u8,
    from: Phrase<'a>,
    by: Phrase<'a>,
    with: Phrase<'a>,
    id: Phrase<'a>,
    telling: Range<usize>,
    recipient: Range<usize>,
    date: &'a [u8],
}

/// The words of one clause and its first comment. Longer phrases than any that is looked for are only counted.
#[derive(Debug, Default)]
struct Phrase<'a> {
    words: [&'a [u8]; 3],
    count: usize,
    /// The first that does not just repeat the peer's HELO; what stands in later ones, such as the name in a client's
    /// certificate, is the peer's choice.
    comment: Option<&'a [u8]>,
    literal: Option<&'a [u8]>,
}

impl<'a> Phrase<'a> {
    fn is(&self, words: &[&str]) -> bool {
        let same = |(found, word): (&&[u8], &&str)| found.eq_ignore_ascii_case(word.as_bytes());
        self.count == words.len() && self.words.iter().zip(words).all(same)
    }

    fn first(&self) -> Option<&'a [u8]> {
        self.words.first().copied().filter(|_| self.count > 0)
    }

    /// The address that the stamping server wrote: the last literal in the comment, a comment that is nothing but an
    /// address (doubled brackets occur), or the literal in front of it, unless that can be the peer's HELO.
    fn address(&self) -> Option<IpAddr> {
        let Some(comment) = self.comment else {
            return self.literal.and_then(parse_address);
        };
        // Exim: `from name ([address] helo=name)`, `from [address] (helo=name)`
        let helo = comment.windows(5).position(|word| word.eq_ignore_ascii_case(b"helo="));
        let own = comment.get(..helo.unwrap_or(comment.len())).unwrap_or_default();
        let inside = match own.iter().rposition(|byte| *byte == b'[') {
            Some(bracket) => own.get(bracket..).and_then(parse_address),
            None => {
                let own = own.trim_ascii();
                let inner = own.strip_prefix(b"(").and_then(|inner| inner.strip_suffix(b")"));
                parse_address(inner.unwrap_or(own))
            }
        };
        inside.or_else(|| helo.and(self.literal).and_then(parse_address))
    }
}

impl<'a> Clauses<'a> {
    fn begin(&mut self, clause: Clause, at: usize) -> Result<(), Unreadable> {
        let bit = 1u8 << (clause as u8 % 8);
        if self.seen & bit != 0 {
            return Err(Unreadable::Malformed);
        }
        self.seen |= bit;
        match clause {
            Clause::By => self.telling = at..at,
            Clause::For => self.recipient = at..at + "for".len(),
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, clause: Clause, kind: Kind, text: &'a [u8], span: Range<usize>) -> Result<(), Unreadable> {
        let phrase = match clause {
            Clause::From => &mut self.from,
            Clause::By => &mut self.by,
            Clause::With => &mut self.with,
            Clause::Id => &mut self.id,
            Clause::For => {
                self.recipient.end = span.end;
                return Ok(());
            }
            Clause::Start | Clause::Over | Clause::Via | Clause::Date => return Ok(()),
        };
        match kind {
            Kind::Comment => phrase.comment = phrase.comment.or(Some(text).filter(|text| !is_helo(text))),
            Kind::Literal => phrase.literal = Some(text),
            Kind::Word | Kind::Quoted | Kind::Angle => {
                if let Some(slot) = phrase.words.get_mut(phrase.count) {
                    *slot = text;
                }
                phrase.count = phrase.count.saturating_add(1);
            }
            Kind::Semicolon => {}
        }
        if matches!(clause, Clause::By | Clause::With | Clause::Id) {
            self.telling.end = span.end;
        }
        Ok(())
    }

    fn into_hop(self) -> Result<Hop<'a>, Unreadable> {
        let by_host = self.by.first().ok_or(Unreadable::NoBy)?;
        let (component, build) = self.stamp();
        if component != Component::Other && (self.by.count > 1 || self.id.count > 1) {
            return Err(Unreadable::Malformed);
        }
        Ok(Hop {
            from_address: self.from.address(),
            by_host,
            by_address: self.by.address(),
            component,
            build,
            telling: self.telling,
            recipient: self.recipient,
            date: self.date,
        })
    }

    fn stamp(&self) -> (Component, Stamp) {
        let component = if self.with.is(&["Microsoft", "SMTP", "Server"]) {
            match self.from.count {
                1 if self.from.is(&["Pickup"]) && self.from.comment.is_none() => Component::Pickup,
                // a host name has one word: anything else is a peer's text
                0 | 1 => Component::Smtp,
                _ => Component::Other,
            }
        } else if self.with.is(&["mapi"]) {
            Component::Mapi
        } else if self.with.is(&["ShadowRedundancy"]) {
            Component::ShadowRedundancy
        } else if self.with.is(&["Internet", "Mail", "Service"]) {
            return (
                Component::Legacy,
                self.with.comment.and_then(Build::from_bytes).map_or(Stamp::Absent, Stamp::Build),
            );
        } else if self.with.is(&["Microsoft", "SMTPSVC"]) && self.with.comment.is_some_and(is_windows_2000_or_2003) {
            return (Component::Legacy, Stamp::Absent);
        } else {
            Component::Other
        };
        let build = match self.id.first() {
            _ if component == Component::Other => Stamp::Absent,
            None => Stamp::Absent,
            Some(id) => Build::from_bytes(id).map_or(Stamp::Unreadable, Stamp::Build),
        };
        (component, build)
    }
}

/// A comment that repeats the peer's HELO, as qmail writes before the one with the address.
fn is_helo(comment: &[u8]) -> bool {
    comment.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"helo") || word.eq_ignore_ascii_case(b"ehlo"))
}

/// The version of the SMTP service of Windows 2000 and 2003, which Exchange 2000 and 2003 used as their own. Later
/// ones belong to plain IIS.
fn is_windows_2000_or_2003(version: &[u8]) -> bool {
    version.starts_with(b"5.0.2195.") || version.starts_with(b"6.0.3790.")
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Word,
    Comment,
    Quoted,
    Angle,
    Literal,
    Semicolon,
}

/// `text` is what stands between the brackets or quotes, `span` includes them.
struct Token<'a> {
    kind: Kind,
    text: &'a [u8],
    span: Range<usize>,
}

struct Tokens<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(value: &'a [u8]) -> Self {
        Self { value, at: 0 }
    }

    fn token(&mut self, kind: Kind, end: usize) -> Option<Result<Token<'a>, Unreadable>> {
        let span = self.at..end;
        self.at = end;
        let inner = match kind {
            Kind::Word | Kind::Semicolon => span.clone(),
            Kind::Comment | Kind::Quoted | Kind::Angle | Kind::Literal => span.start + 1..span.end.saturating_sub(1),
        };
        self.value.get(inner).map(|text| Ok(Token { kind, text, span }))
    }

    fn stop(&mut self) -> Option<Result<Token<'a>, Unreadable>> {
        self.at = self.value.len();
        Some(Err(Unreadable::Malformed))
    }

    /// The octet behind the bracket or quote that ends what begins at the current octet; a backslash quotes the next
    /// octet (RFC 5322, section 3.2.1), and comments nest.
    fn closing(&self, open: u8, close: u8) -> Option<usize> {
        let mut depth = 0u32;
        let mut octets = self.value.iter().enumerate().skip(self.at);
        while let Some((at, octet)) = octets.next() {
            match *octet {
                b'\\' if open != b'<' => {
                    octets.next();
                }
                octet if octet == close && (depth == 1 || open != b'(') && at > self.at => return Some(at + 1),
                octet if octet == close && open == b'(' => depth -= 1,
                octet if octet == open => depth += 1,
                _ => {}
            }
        }
        None
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let blank = |octet: &u8| octet.is_ascii_whitespace() || *octet == 0;
        let rest = self.value.get(self.at..)?;
        self.at += rest.iter().position(|octet| !blank(octet))?;
        let (kind, close) = match self.value.get(self.at)? {
            b'(' => (Kind::Comment, b')'),
            b'"' => (Kind::Quoted, b'"'),
            b'<' => (Kind::Angle, b'>'),
            b'[' => (Kind::Literal, b']'),
            b';' => return self.token(Kind::Semicolon, self.at + 1),
            b')' | b'>' | b']' => return self.stop(),
            _ => {
                let rest = self.value.get(self.at..)?;
                let ends =
                    |octet: &u8| blank(octet) || matches!(octet, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'"' | b';');
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                return self.token(Kind::Word, self.at + length);
            }
        };
        let open = *self.value.get(self.at)?;
        match self.closing(open, close) {
            Some(end) => self.token(kind, end),
            None => self.stop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(value: &str) -> Hop<'_> {
        parse(value.as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {value}"))
    }

    fn build(text: &str) -> Stamp {
        Stamp::Build(text.parse().unwrap())
    }

    #[test]
    fn an_exchange_hop_gives_host_address_component_and_build_across_folds() {
        let value = " from a.example (10.0.0.1) by\r\n EX01.contoso.com (10.0.0.5) with Microsoft\r\n\tSMTP Server\r\n \
                     (version=TLS1_2, cipher=X_P256) id\r\n 15.1.2507.39 via Frontend\r\n Transport; Tue, 6 Oct 2026";
        let hop = hop(value);
        assert_eq!(hop.by_host, b"EX01.contoso.com");
        assert_eq!(hop.from_address, "10.0.0.1".parse().ok());
        assert_eq!(hop.by_address, "10.0.0.5".parse().ok());
        assert_eq!((hop.component, hop.build), (Component::Smtp, build("15.1.2507.39")));
        let telling = value.get(hop.telling).unwrap();
        assert!(telling.starts_with("by\r\n EX01") && telling.ends_with("id\r\n 15.1.2507.39"), "{telling}");
    }

    #[test]
    fn text_that_a_peer_chose_is_never_a_clause() {
        let real = "by mx.example.net (Postfix) with ESMTPS id 4ABC; Tue, 6 Oct 2026 10:00:00 +0000";
        let forged = "by EX01 with Microsoft SMTP Server id 15.1.2507.6";
        let stepped_over = [
            format!("from evil ({forged} [203.0.113.9]) {real}"),
            format!("from \"{forged}\" (x [203.0.113.9]) {real}"),
            format!("from [{forged}] (x [203.0.113.9]) {real}"),
            format!("from <{forged}> (x) {real}"),
            format!("from x (a (b \\) {forged}) c) {real}"),
        ];
        for value in &stepped_over {
            let hop = hop(value);
            assert_eq!((hop.by_host, hop.component), (&b"mx.example.net"[..], Component::Other), "{value}");
        }
        let refused = [
            format!("from a {forged} (x [203.0.113.9]) {real}"),
            format!("from a {forged}; Mon, 1 Jan (x [203.0.113.9]) {real}"),
            format!("from a) {forged} (x {real}"),
            format!("from a ( {forged} {real}"),
            format!("from \" {forged} {real}"),
            format!("from x by real with Microsoft SMTP Server id 15.1.2507.6 id 15.1.2507.61; {}", "Mon"),
            "from x by real other with Microsoft SMTP Server id 15.1.2507.6; Mon".to_owned(),
            "from x by real with Microsoft SMTP Server id 15.1.2507.6 15.1.2507.61; Mon".to_owned(),
        ];
        for value in &refused {
            assert_eq!(parse(value.as_bytes()), Err(Unreadable::Malformed), "{value}");
        }
        let words = hop("from a b by EX01 with Microsoft SMTP Server id 15.1.2507.6; Mon");
        assert_eq!(words.component, Component::Other, "a host name has one word");
    }

    #[test]
    fn components_are_told_apart() {
        let cases = [
            ("from a (10.0.0.1) by b with mapi id 15.02.2562.049; x", Component::Mapi, build("15.2.2562.49")),
            ("from a ([10.0.0.1]) by b ([::1]) with mapi; x", Component::Mapi, Stamp::Absent),
            ("from a by b with ShadowRedundancy id 15.2.792.3; x", Component::ShadowRedundancy, build("15.2.792.3")),
            (
                "from Pickup by b with Microsoft SMTP Server id 15.1.2507.17; x",
                Component::Pickup,
                build("15.1.2507.17"),
            ),
            (
                "from Pickup (10.0.0.1) by b with Microsoft SMTP Server id 15.1.2507.17; x",
                Component::Smtp,
                build("15.1.2507.17"),
            ),
            ("by b with Internet Mail Service (5.5.2653.19)\r\n\tid <N>; x", Component::Legacy, build("5.5.2653.19")),
            ("from a by b with Microsoft SMTPSVC(6.0.3790.4675);x", Component::Legacy, Stamp::Absent),
            (
                "from a by b over TLS secured channel with Microsoft SMTPSVC(5.0.2195.6713);x",
                Component::Legacy,
                Stamp::Absent,
            ),
            ("from a by b with Microsoft SMTPSVC(10.0.17763.1697);x", Component::Other, Stamp::Absent),
            ("from a by b with Microsoft SMTP Server (TLS) id 15.2.2562.53.1; x", Component::Smtp, Stamp::Unreadable),
            ("from a by b with Microsoft SMTP Server; x", Component::Smtp, Stamp::Absent),
            ("from a by b with Microsoft SMTP Server id 15.1.2507.6", Component::Smtp, build("15.1.2507.6")),
            ("FROM a BY b WITH microsoft smtp server ID 15.1.2507.6;x", Component::Smtp, build("15.1.2507.6")),
            ("from a by b with Microsoft SMTP Server via x; y", Component::Smtp, Stamp::Absent),
            ("from a by b with ESMTP id 15.1.2507.6; x", Component::Other, Stamp::Absent),
            ("from a by b id 15.1.2507.6; x", Component::Other, Stamp::Absent),
        ];
        for (value, component, stamp) in cases {
            let hop = hop(value);
            assert_eq!((hop.component, hop.build), (component, stamp), "{value}");
        }
    }

    #[test]
    fn a_field_without_a_by_host_is_unreadable() {
        for value in [
            "",
            "(qmail 84907 invoked from network); 13 Feb 2003",
            "from x with mapi id 15.1.2507.6; y",
            "from x by; y",
        ] {
            assert_eq!(parse(value.as_bytes()), Err(Unreadable::NoBy), "{value}");
        }
    }

    #[test]
    fn the_peers_address_is_the_one_the_server_saw() {
        let from = |value: &str| hop(&format!("from {value} by b; x")).from_address.map(|address| address.to_string());
        assert_eq!(from("host (unknown [10.32.18.43])"), Some("10.32.18.43".into()));
        assert_eq!(from("unknown (HELO [10.9.9.9]) ([170.129.1.10])"), Some("170.129.1.10".into()));
        assert_eq!(from("x (evil[10.9.9.9] [170.129.1.10])"), Some("170.129.1.10".into()));
        assert_eq!(from("[10.0.2.127] (86.200.157.137)"), Some("86.200.157.137".into()));
        assert_eq!(from("h ((192.168.64.154))"), Some("192.168.64.154".into()));
        assert_eq!(from("h [54.240.197.234:21286]"), Some("54.240.197.234".into()));
        assert_eq!(
            from("h (x [10.32.18.43]) (using TLSv1.3) (Client CN \"[10.9.9.9]\" (not verified))"),
            Some("10.32.18.43".into())
        );
        assert_eq!(from("h ([170.129.1.10] helo=[10.9.9.9])"), Some("170.129.1.10".into()));
        assert_eq!(from("[170.129.1.10] (helo=[10.9.9.9])"), Some("170.129.1.10".into()));
        assert_eq!(from("[10.9.9.9] (unknown [unknown])"), None, "the literal is the peer's HELO");
        assert_eq!(from("h"), None);
    }

    #[test]
    fn the_for_clause_is_told_apart_wherever_it_stands() {
        let recipient = |value: &str| value.get(hop(value).recipient).unwrap().to_owned();
        assert_eq!(recipient("from a by b with ESMTP id c for <x@y>; z"), "for <x@y>");
        assert_eq!(recipient("from a by b for\r\n x@y (and 3 more) with ESMTP id c; z"), "for\r\n x@y (and 3 more)");
        assert_eq!(recipient("from a by b with ESMTP FOR<\"by\"@y>"), "FOR<\"by\"@y>");
        assert_eq!(recipient("from a by b (for x@y) with ESMTP; z"), "");
    }

    #[test]
    fn hostile_bytes_cost_no_more_than_their_length() {
        let open = "(".repeat(50_000);
        assert_eq!(parse(format!("from {open} by b").as_bytes()), Err(Unreadable::Malformed));
        let nested = format!("from x {open}{} by b; y", ")".repeat(50_000));
        assert_eq!(hop(&nested).by_host, b"b");
        assert_eq!(parse(b"from \xff\x00 by \xfe with \xc3\x80; x").map(|hop| hop.by_host.len()), Ok(1));
        assert!(parse(&b"\\".repeat(1000)).is_err());
        assert!(parse(b"from a (\\").is_err());
    }
}
