//! One `Received` field (RFC 5321, section 4.4; RFC 5322, section 3.6.7) read into a [`Hop`].
//!
//! There are two readers. `exchange` is a grammar of what Exchange itself writes and of nothing looser: it alone yields
//! a build that can condemn. `clauses` reads what any mail server writes: by it relays are looked through, and other
//! software, or an Exchange too old to show its updates (`legacy`), is told. A field that looks like Exchange's but is
//! not of the strict grammar is [`Unreadable`] and proves nothing.

mod clauses;
mod exchange;
mod legacy;
mod lexer;

use std::net::IpAddr;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::clauses::Clauses;
pub use self::exchange::StampDeviation;
use self::legacy::Legacy;
use crate::build::Build;
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
    /// Exchange 5.5, 2000 or 2003, or the SMTP service of Windows 2000 or 2003 without Exchange.
    Legacy,
    /// Anything else.
    Other,
}

impl Component {
    /// The name that the API and the database use.
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
    /// The address in the BY clause.
    pub by_address: Option<IpAddr>,
    /// Who stamped it.
    pub component: Component,
    /// What the hop shows of the server's build; the number belongs to the BY host.
    pub build: Stamp,
    /// [`Component::Legacy`], and plain IIS writes the same.
    pub also_by_iis: bool,
    /// From `by` to the end of the build: the part of the field that tells.
    pub telling: Range<usize>,
    /// The `for` clause, which names a recipient; empty if there is none.
    pub recipient: Range<usize>,
    /// What stands behind the semicolon, as written.
    pub date: &'a [u8],
    at: Option<Timestamp>,
}

impl Hop<'_> {
    /// When the BY host says that it received the message; `None` if that is no date.
    pub fn at(&self) -> Option<Timestamp> {
        self.at.or_else(|| Timestamp::from_rfc5322(self.date))
    }
}

/// The build number in a hop's `id` clause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stamp {
    /// Four numbers.
    Build(Build),
    /// No `id`, as Exchange 2007 stamps its `with mapi`, or a component that has none.
    Absent,
}

impl Stamp {
    /// The number, if there is one.
    pub const fn number(self) -> Option<Build> {
        match self {
            Self::Build(build) => Some(build),
            Self::Absent => None,
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
    /// FROM or BY twice, an open bracket, text where none belongs.
    Malformed,
    /// It has Exchange's words, but is not what Exchange writes.
    NotAsExchangeWrites(StampDeviation),
}

impl Unreadable {
    /// What is wrong, as the end of a sentence about the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "it is too long to be read whole",
            Self::NoBy => "it names no BY host",
            Self::Malformed => "its clauses are malformed",
            Self::NotAsExchangeWrites(deviation) => deviation.as_str(),
        }
    }

    /// Whether the field was nearly an Exchange server's: worth counting, since Exchange may write what is not known.
    pub const fn is_nearly_exchange(self) -> bool {
        matches!(self, Self::NotAsExchangeWrites(_))
    }
}

/// Reads the value of one `Received` field (RFC 5321, section 4.4). Bounded by the value's length, without allocation.
///
/// # Errors
/// Why the field proves nothing: it is neither what Exchange writes nor what any mail server does.
pub fn parse_received(value: &[u8]) -> Result<Hop<'_>, Unreadable> {
    let deviation = match exchange::read(value) {
        Ok(hop) => return Ok(hop),
        Err(deviation) => Unreadable::NotAsExchangeWrites(deviation),
    };
    let clauses = match clauses::read(value) {
        Ok(clauses) => clauses,
        Err(_) if has_words_of_exchange(value) => return Err(deviation),
        Err(unreadable) => return Err(unreadable),
    };
    if clauses.has_words_of_exchange {
        return Err(deviation);
    }
    let legacy = legacy::read(&clauses);
    hop(clauses, legacy).ok_or(Unreadable::NoBy)
}

/// Reads a field by the generous reader alone, whatever words it has: whose it is, and no build. `None` if it names no
/// BY host that can be believed.
pub(crate) fn parse_as_other(value: &[u8]) -> Option<Hop<'_>> {
    hop(clauses::read(value).ok()?, None)
}

fn hop<'a>(clauses: Clauses<'a>, legacy: Option<Legacy>) -> Option<Hop<'a>> {
    Some(Hop {
        from_address: clauses.peer(),
        by_host: clauses.by_host()?,
        by_address: clauses.by.address(),
        component: if legacy.is_some() { Component::Legacy } else { Component::Other },
        build: legacy.as_ref().map_or(Stamp::Absent, |legacy| legacy.build),
        also_by_iis: legacy.is_some_and(|legacy| legacy.also_by_iis),
        telling: clauses.telling,
        recipient: clauses.recipient,
        date: clauses.date,
        at: None,
    })
}

/// Reads a field by the strict grammar alone: what an Exchange 2007 or later wrote, and nothing else.
pub(crate) fn parse_exchange(value: &[u8]) -> Result<Hop<'_>, StampDeviation> {
    exchange::read(value)
}

/// Reads a field by the strict grammar, if it is one that this host stamped. Most others are told without being read.
pub(crate) fn parse_exchange_of<'a>(value: &'a [u8], host: &[u8]) -> Option<Hop<'a>> {
    if !has_word_behind_by(value, host) {
        return None;
    }
    exchange::read(value).ok().filter(|hop| same_host(hop.by_host, host))
}

fn has_word_behind_by(value: &[u8], host: &[u8]) -> bool {
    // the word `by` may stand right behind a bracket
    memchr::memchr_iter(b'y', value).any(|at| {
        let (before, behind) = value.split_at_checked(at + 1).unwrap_or_default();
        let is_by = before.ends_with(b"by") && behind.first().is_some_and(u8::is_ascii_whitespace);
        let word = behind.trim_ascii_start().split(u8::is_ascii_whitespace).next();
        is_by && word.is_some_and(|word| same_host(word, host))
    })
}

/// Whether two BY hosts are the same name, case and final dot ignored.
pub(crate) fn same_host(one: &[u8], other: &[u8]) -> bool {
    without_final_dot(one).eq_ignore_ascii_case(without_final_dot(other))
}

pub(crate) fn without_final_dot(host: &[u8]) -> &[u8] {
    host.strip_suffix(b".").unwrap_or(host)
}

/// What a field tells of the way that a message took.
pub(crate) struct Step<'a> {
    pub(crate) by_host: &'a [u8],
    /// The address that the BY host saw its peer come from.
    pub(crate) peer: Option<IpAddr>,
    /// There is no FROM clause: the message came from the BY host itself.
    pub(crate) is_local: bool,
}

/// Reads a field generously, as a relay's or the gateway's own. `None` if it names no BY host that can be believed.
pub(crate) fn parse_step(value: &[u8]) -> Option<Step<'_>> {
    let clauses = clauses::read(value).ok()?;
    let by_host = clauses.by_host()?;
    Some(Step { by_host, peer: clauses.peer(), is_local: !clauses.has_from })
}

pub(crate) use self::clauses::{is_comment_only, recipient_comments};

/// Whether Exchange's name for its SMTP service stands anywhere in a field that cannot be read, however it is folded.
fn has_words_of_exchange(value: &[u8]) -> bool {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let ends = |word: &[u8], end: &[u8]| {
            let tail = word.len().checked_sub(end.len()).and_then(|at| word.get(at..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
        };
        if ends(word, b"Microsoft")
            && words.next_if(|word| word.eq_ignore_ascii_case(b"SMTP")).is_some()
            && words.peek().is_some_and(|word| word.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"Server")))
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Tue, 6 Oct 2026 10:00:00 +0000";

    fn hop(value: &str) -> Hop<'_> {
        parse_received(value.as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {value}"))
    }

    fn build(text: &str) -> Stamp {
        Stamp::Build(text.parse().unwrap())
    }

    #[test]
    fn an_exchange_hop_gives_host_address_component_and_build_across_folds() {
        let value = " from a.example (10.0.0.1) by\r\n EX01.contoso.com (10.0.0.5) with Microsoft\r\n\tSMTP Server\r\n \
                     (version=TLS1_2,\r\n cipher=X_P256) id\r\n 15.1.2507.39 via Frontend\r\n Transport; Tue, 6 Oct\r\n \
                     2026 10:00:05 +0200\r\n ";
        let hop = hop(value);
        assert_eq!(hop.by_host, b"EX01.contoso.com");
        assert_eq!(hop.from_address, "10.0.0.1".parse().ok());
        assert_eq!(hop.by_address, "10.0.0.5".parse().ok());
        assert_eq!((hop.component, hop.build), (Component::Smtp, build("15.1.2507.39")));
        assert_eq!(hop.at(), "2026-10-06T08:00:05Z".parse().ok());
        let telling = value.get(hop.telling).unwrap();
        assert!(telling.starts_with("by\r\n EX01") && telling.ends_with("id\r\n 15.1.2507.39"), "{telling}");
    }

    #[test]
    fn text_that_a_peer_chose_is_never_a_clause() {
        let real = format!("by mx.example.net (Postfix) with ESMTPS id 4ABC; {DATE}");
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
        let nearly_exchange = [
            format!("from a {forged} (x [203.0.113.9]) {real}"),
            format!("from a {forged}; Mon, 1 Jan (x [203.0.113.9]) {real}"),
            format!("from a {forged}; {DATE} (x [203.0.113.9]) {real}"),
            format!("from a) {forged} (x {real}"),
            format!("from a ( {forged} {real}"),
            format!("from \" {forged} {real}"),
            // a HELO whose comment the recipient ends
            format!(
                "from x {forged} for b ( (203.0.113.9) by real (Sendmail) with ESMTP id 1 for <\"u+)<\"@dest>; {DATE}"
            ),
            format!(
                "from x {forged}; {DATE} ( (203.0.113.9) by real (Sendmail) with ESMTP id 1 for <\"u+)(\"@dest>; {DATE}"
            ),
        ];
        for value in &nearly_exchange {
            assert!(parse_received(value.as_bytes()).is_err_and(Unreadable::is_nearly_exchange), "{value}");
        }
        let behind = format!("by mx.example.net with SMTP id 1 from x (y [203.0.113.9]); {DATE}");
        for value in [format!("from x by fake (y) {real}"), format!("from x (y {real}"), behind] {
            assert_eq!(parse_received(value.as_bytes()), Err(Unreadable::Malformed), "{value}");
        }
    }

    #[test]
    fn components_are_told_apart() {
        let cases = [
            ("from a (10.0.0.1) by b with mapi id 15.02.2562.049", Component::Mapi, build("15.2.2562.49")),
            ("from a ([10.0.0.1]) by b ([::1]) with mapi", Component::Mapi, Stamp::Absent),
            ("from a by b with ShadowRedundancy id 15.2.792.3", Component::ShadowRedundancy, build("15.2.792.3")),
            ("from Pickup by b with Microsoft SMTP Server id 15.1.2507.17", Component::Pickup, build("15.1.2507.17")),
            (
                "from Pickup (10.0.0.1) by b with Microsoft SMTP Server id 15.1.2507.17",
                Component::Smtp,
                build("15.1.2507.17"),
            ),
            ("from a by b with Microsoft SMTP Server", Component::Smtp, Stamp::Absent),
            ("by b with Internet Mail Service (5.5.2653.19)\r\n\tid <N>", Component::Legacy, build("5.5.2653.19")),
            ("by b with Internet Mail Service (15.1.2507.6)\r\n\tid <N>", Component::Other, Stamp::Absent),
            ("from a by b with Microsoft SMTPSVC(6.0.3790.4675)", Component::Legacy, Stamp::Absent),
            (
                "from a by b over TLS secured channel with Microsoft SMTPSVC(5.0.2195.6713)",
                Component::Legacy,
                Stamp::Absent,
            ),
            (
                "from a by b via Exchange Front-End Server c ([10.1.1.41]) with Microsoft Exchange Server HTTP-DAV ",
                Component::Legacy,
                Stamp::Absent,
            ),
            ("from a by b with Microsoft SMTPSVC(10.0.17763.1697)", Component::Other, Stamp::Absent),
            ("from a by b with ESMTP id 15.1.2507.6", Component::Other, Stamp::Absent),
            ("from a by b id 15.1.2507.6", Component::Other, Stamp::Absent),
            ("from a by b with ESMTP with STARTTLS (version=TLSv1.2) id 1", Component::Other, Stamp::Absent),
        ];
        for (value, component, stamp) in cases {
            let value = format!("{value}; {DATE}");
            let hop = hop(&value);
            assert_eq!((hop.component, hop.build), (component, stamp), "{value}");
        }
    }

    #[test]
    fn a_field_without_a_by_host_is_unreadable() {
        for value in
            ["", "(qmail 84907 invoked from network); 13 Feb 2003", "from x with ESMTP id 1; y", "from x by; y"]
        {
            assert_eq!(parse_received(value.as_bytes()), Err(Unreadable::NoBy), "{value}");
        }
    }

    #[test]
    fn the_for_clause_is_told_apart_wherever_it_stands() {
        let recipient = |value: &str| value.get(hop(value).recipient).unwrap().to_owned();
        assert_eq!(recipient("from a by b with ESMTP id c for <x@y>; z"), "for <x@y>");
        assert_eq!(recipient("from a by b for\r\n x@y (and 3 more) with ESMTP id c; z"), "for\r\n x@y (and 3 more)");
        assert_eq!(recipient("from a by b with ESMTP FOR<\"by\"@y>"), "FOR<\"by\"@y>");
        assert_eq!(recipient("from a by b for <x@y> with ESMTP for <z@y>; z"), "for <x@y> with ESMTP for <z@y>");
        assert_eq!(recipient("from a by b (for x@y) with ESMTP; z"), "");
    }

    #[test]
    fn hostile_bytes_cost_no_more_than_their_length() {
        let open = "(".repeat(50_000);
        assert_eq!(parse_received(format!("from {open} by b").as_bytes()), Err(Unreadable::Malformed));
        let nested = format!("from x {open}{} by b; y", ")".repeat(50_000));
        assert_eq!(hop(&nested).by_host, b"b");
        assert_eq!(parse_received(b"from \xff\x00 by \xfe with \xc3\x80; x").map(|hop| hop.by_host.len()), Ok(1));
        assert_eq!(parse_received(&b"\\".repeat(1000)), Err(Unreadable::NoBy));
        assert!(parse_received(b"from a (\\").is_err());
    }

    /// All texts of these octets up to a length.
    fn texts(octets: &[u8], length: u32) -> impl Iterator<Item = Vec<u8>> {
        (0..=length).flat_map(move |length| {
            (0..octets.len().pow(length)).map(move |mut number| {
                let octet = |_| {
                    let octet = octets[number % octets.len()];
                    number /= octets.len();
                    octet
                };
                (0..length).map(octet).collect()
            })
        })
    }

    #[test]
    fn a_host_behind_by_is_found_as_if_all_words_were_read() {
        for text in texts(b"by \nh.", 7) {
            let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let mut found = false;
            while words.any(|word| word.ends_with(b"by")) {
                found |= words.clone().next().is_some_and(|word| same_host(word, b"H"));
            }
            assert_eq!(has_word_behind_by(&text, b"H"), found, "{}", String::from_utf8_lossy(&text));
        }
    }
}
