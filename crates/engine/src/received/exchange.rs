//! The grammar of the field that Exchange 2007 and later write, and of nothing looser: the only source of a build that
//! can condemn.
//!
//! ```text
//! ["from" WORD [address]] "by" WORD [address] "with" protocol ["id" build] ["via" WORD "Transport"] ";" date
//! WORD      a host name, or an address literal behind "from"
//! address   "(" ip ")", "([" ip ["%" scope] "])", "((" ip "))"
//! protocol  "Microsoft SMTP Server" ["(TLS)" | "(version=…, cipher=…)"], "mapi", "ShadowRedundancy"
//! ```
//!
//! Whatever the peer chose stands in the first WORD. It cannot hold a blank, a bracket, a quote or a semicolon, so it
//! cannot take the place of another clause, and a field in which more was written is not of this grammar.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::lexer::Cursor;
use super::{Component, Hop, Stamp};
use crate::build::Build;
use crate::network::parse_address;
use crate::time::{DAY, Date, Timestamp};

/// Where a field leaves the grammar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StampDeviation {
    /// The FROM clause.
    From,
    /// The BY clause.
    By,
    /// The WITH clause.
    Protocol,
    /// The ID clause.
    Id,
    /// Something stands between the build and the semicolon.
    Extra,
    /// The field ends before its date: what was read can be the beginning of something longer.
    Cut,
    /// The date, or there is something behind it.
    Date,
}

impl StampDeviation {
    /// What is wrong, as the end of a sentence about the field.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::From => "its FROM clause is not a host and its address",
            Self::By => "its BY clause is not a host and its address",
            Self::Protocol => "its WITH clause is not Exchange's",
            Self::Id => "its id is no build number",
            Self::Extra => "it has a clause that Exchange does not write",
            Self::Cut => "it ends before its date",
            Self::Date => "its date cannot be read",
        }
    }
}

/// Reads a field by the grammar, without allocation. Most fields of other software deviate after a few octets.
pub(super) fn read(value: &[u8]) -> Result<Hop<'_>, StampDeviation> {
    let mut cursor = Cursor::new(value);
    cursor.blank();
    let from = match cursor.words(&[b"from"]) {
        true => Some(host(&mut cursor).ok_or(StampDeviation::From)?),
        false => None,
    };
    let by_starts = cursor.at();
    if !cursor.words(&[b"by"]) {
        return Err(from.map_or(StampDeviation::By, |_| StampDeviation::From));
    }
    let by = host(&mut cursor).filter(|by| !by.is_literal).ok_or(StampDeviation::By)?;
    if !cursor.words(&[b"with"]) {
        return Err(StampDeviation::By);
    }
    let protocol = protocol(&mut cursor).ok_or(StampDeviation::Protocol)?;
    let build = match cursor.words(&[b"id"]) {
        true => Stamp::Build(Build::from_bytes(cursor.word()).ok_or(StampDeviation::Id)?),
        false => Stamp::Absent,
    };
    let told = match build {
        Stamp::Absent => protocol.end,
        _ => cursor.at(),
    };
    cursor.blank();
    if cursor.words(&[b"via"]) && !(!cursor.word().is_empty() && cursor.blank() && cursor.words(&[b"Transport"])) {
        return Err(StampDeviation::Extra);
    }
    if !cursor.take(b";") {
        return Err(if cursor.rest().is_empty() { StampDeviation::Cut } else { StampDeviation::Extra });
    }
    let date = cursor.rest();
    let undated = if date.trim_ascii().is_empty() { StampDeviation::Cut } else { StampDeviation::Date };
    let at = read_date(&mut cursor).ok_or(undated)?;
    let is_pickup = from.as_ref().is_some_and(|from| from.name == b"Pickup" && from.address.is_none());
    Ok(Hop {
        from_address: from.and_then(|from| from.address),
        by_host: by.name,
        by_address: by.address,
        component: if is_pickup && protocol.component == Component::Smtp {
            Component::Pickup
        } else {
            protocol.component
        },
        build,
        also_by_iis: false,
        telling: by_starts..told,
        recipient: 0..0,
        date,
        at: Some(at),
    })
}

struct Named<'a> {
    name: &'a [u8],
    is_literal: bool,
    address: Option<IpAddr>,
}

/// A host and the address behind it, and the white space that follows.
fn host<'a>(cursor: &mut Cursor<'a>) -> Option<Named<'a>> {
    let literal = cursor.bracketed(b'[', b']').filter(|text| !text.is_empty() && !text.contains(&b' '));
    let name = literal.unwrap_or_else(|| cursor.word());
    // `word` reads on behind a literal only if something is glued to it
    if name.is_empty() || (!cursor.blank() && !cursor.rest().is_empty()) {
        return None;
    }
    let address = match cursor.rest().first() {
        Some(b'(') => Some(address(cursor)?),
        _ => None,
    };
    cursor.blank();
    Some(Named { name, is_literal: literal.is_some(), address })
}

/// `(10.0.0.5)`, `(2001:db8::5)`, `([10.0.0.5])`, `([fe80::5%12])`, and `((10.0.0.5))` as a server of 2021 wrote.
fn address(cursor: &mut Cursor<'_>) -> Option<IpAddr> {
    cursor.take(b"(");
    let bracketed = cursor.bracketed(b'[', b']').or_else(|| cursor.bracketed(b'(', b')'));
    let text = bracketed.unwrap_or_else(|| cursor.word());
    cursor.take(b")").then(|| parse_address(text))?
}

struct Protocol {
    component: Component,
    /// Where it ends.
    end: usize,
}

fn protocol(cursor: &mut Cursor<'_>) -> Option<Protocol> {
    let component = match cursor.word() {
        b"mapi" => Component::Mapi,
        b"ShadowRedundancy" => Component::ShadowRedundancy,
        b"Microsoft" => {
            cursor.blank();
            if cursor.word() != b"SMTP" || !cursor.blank() || cursor.word() != b"Server" {
                return None;
            }
            Component::Smtp
        }
        _ => return None,
    };
    let mut end = cursor.at();
    cursor.blank();
    if component == Component::Smtp
        && let Some(tls) = cursor.bracketed(b'(', b')')
    {
        if tls != b"TLS" && !is_tls(tls) {
            return None;
        }
        end = cursor.at();
        cursor.blank();
    }
    Some(Protocol { component, end })
}

/// `version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`, which may be folded in the middle.
fn is_tls(text: &[u8]) -> bool {
    let plain = |text: &[u8]| {
        !text.is_empty()
            // without a branch in it this compares vectors
            && text.iter().fold(true, |plain, octet| {
                plain & (octet.is_ascii_alphanumeric() | (*octet == b'_') | (*octet == b'-') | (*octet == b'.'))
            })
    };
    let Some(comma) = memchr::memchr(b',', text) else { return false };
    let Some((version, cipher)) = text.split_at_checked(comma) else { return false };
    let cipher = cipher.trim_ascii_start().strip_prefix(b",").unwrap_or_default().trim_ascii_start();
    version.strip_prefix(b"version=").is_some_and(plain) && cipher.strip_prefix(b"cipher=").is_some_and(plain)
}

/// A date as Exchange writes it, `Tue, 6 Oct 2026 10:00:05 +0200`, which may be folded at its blanks, up to the field's
/// end: no comment, no name of a zone.
fn read_date(cursor: &mut Cursor<'_>) -> Option<Timestamp> {
    const WEEKDAYS: [&[u8]; 7] = [b"Mon,", b"Tue,", b"Wed,", b"Thu,", b"Fri,", b"Sat,", b"Sun,"];
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let place = |names: &[&[u8]], word: &[u8]| {
        names.iter().position(|name| *name == word).and_then(|index| u32::try_from(index).ok())
    };
    let mut word = || {
        cursor.blank();
        cursor.word()
    };
    let weekday = place(&WEEKDAYS, word())?;
    let day = number(word(), 1..=2)?;
    let month = place(&MONTHS, word())? + 1;
    let year = i32::try_from(number(word(), 4..=4)?).ok()?;
    let start = Date::new(year, month, day)?.start();
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = word() else { return None };
    let [hours, minutes, seconds] = [[h1, h2], [m1, m2], [s1, s2]].map(|digits| number(&digits, 2..=2));
    let (Some(hours @ 0..24), Some(minutes @ 0..60), Some(seconds @ 0..60)) = (hours, minutes, seconds) else {
        return None;
    };
    let time = i64::from(hours * 3_600 + minutes * 60 + seconds);
    let &[sign @ (b'+' | b'-'), h1, h2, m1, m2] = word() else { return None };
    let (hours, minutes) = (number(&[h1, h2], 2..=2)?, number(&[m1, m2], 2..=2)?);
    let offset = i64::from(hours * 3_600 + minutes * 60) * if sign == b'+' { 1 } else { -1 };
    cursor.blank();
    let ends = cursor.rest().is_empty() && minutes < 60;
    // 1970-01-01 was a Thursday
    let same_day = (start.0 / DAY + 3).rem_euclid(7) == i64::from(weekday);
    (ends && same_day).then(|| start.plus(time - offset))
}

/// A decimal number of so many digits.
fn number(digits: &[u8], length: RangeInclusive<usize>) -> Option<u32> {
    if !length.contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0u32, |value, octet| {
        let digit = octet.is_ascii_digit().then(|| octet - b'0')?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Tue, 6 Oct 2026 10:00:05 +0200";

    #[test]
    fn what_exchange_writes_is_read() {
        let fields = [
            "from a (10.0.0.1) by b (10.0.0.2) with Microsoft SMTP Server id 15.1.2507.6 via Frontend Transport",
            "from a (2001:db8::1) by b (2001:db8::2) with Microsoft SMTP Server (TLS) id 15.1.2507.6 via Mailbox Transport",
            "from [10.9.9.9] (10.0.0.1) by b (10.0.0.2) with Microsoft SMTP Server (version=TLS1_2, cipher=X_P256) id 15.1.2507.6",
            "from [IPv6:::1] (10.0.0.1) by b (10.0.0.2) with Microsoft SMTP Server id 15.01.2507.006",
            "from a ([::1]) by b ([fe80::e6fd:5a3f:8946:92c4%10]) with mapi id 15.01.2507.006",
            "from with (10.0.0.1) by id (10.0.0.2) with Microsoft SMTP Server id 15.1.2507.6",
            "by b with ShadowRedundancy id 15.1.2507.6",
        ];
        for field in fields {
            let value = format!("{field}; {DATE}");
            let hop = read(value.as_bytes()).unwrap_or_else(|deviation| panic!("{deviation:?}: {value}"));
            assert_eq!(hop.build, Stamp::Build("15.1.2507.6".parse().unwrap()), "{value}");
        }
    }

    #[test]
    fn what_is_nearly_that_tells_where_it_differs() {
        let stamp = "from a (10.0.0.1) by b (10.0.0.2) with Microsoft SMTP Server (TLS) id 15.1.2507.6";
        let cases = [
            (stamp.to_owned(), StampDeviation::Cut),
            (format!("{stamp};"), StampDeviation::Cut),
            (format!("{stamp} via Frontend Transport \r\n "), StampDeviation::Cut),
            (format!("{stamp}; Tue, 6 Oct 2026 10:00:05"), StampDeviation::Date),
            (format!("{stamp}; Mon, 6 Oct 2026 10:00:05 +0200"), StampDeviation::Date),
            (format!("{stamp}; Tue, 6 Oct 2026 25:00:05 +0200"), StampDeviation::Date),
            (format!("{stamp}; {DATE} (CEST)"), StampDeviation::Date),
            (format!("{stamp}; {DATE}; {DATE}"), StampDeviation::Date),
            (format!("{stamp}; Tue, 6 Oct 2026 10:00:05 GMT"), StampDeviation::Date),
            (format!("{stamp}; Tue, 6 Oct 2026 10:00:05 +0060"), StampDeviation::Date),
            (format!("{stamp} for <x@y>; {DATE}"), StampDeviation::Extra),
            (format!("{stamp} (extra); {DATE}"), StampDeviation::Extra),
            (format!("{stamp} 15.1.2507.61; {DATE}"), StampDeviation::Extra),
            (format!("{stamp} id 15.1.2507.61; {DATE}"), StampDeviation::Extra),
            (format!("{stamp} via Frontend; {DATE}"), StampDeviation::Extra),
            (format!("{stamp}.1; {DATE}"), StampDeviation::Id),
            (format!("{stamp},; {DATE}"), StampDeviation::Id),
            (stamp.replace("15.1.2507.6", "99999.1.1.1"), StampDeviation::Id),
            (stamp.replace("id 15.1.2507.6", &format!("id <15.1.2507.6>; {DATE}")), StampDeviation::Id),
            (stamp.replace("id 15.1.2507.6", &format!("id \"15.1.2507.6\"; {DATE}")), StampDeviation::Id),
            (stamp.replace("(TLS)", "(anything)"), StampDeviation::Protocol),
            (stamp.replace("Microsoft", "\"Microsoft\""), StampDeviation::Protocol),
            (stamp.replace("SMTP", "<SMTP>"), StampDeviation::Protocol),
            (stamp.replace("Microsoft SMTP", "microsoft smtp"), StampDeviation::Protocol),
            (stamp.replace("by b (10.0.0.2)", "by b c (10.0.0.2)"), StampDeviation::By),
            (stamp.replace("by b", "by \"b\""), StampDeviation::By),
            (stamp.replace("by b (10.0.0.2)", "by b (unknown)"), StampDeviation::By),
            (stamp.replace("by b (10.0.0.2)", "by [10.0.0.2]"), StampDeviation::By),
            (stamp.replace("from a (10.0.0.1)", "from a b"), StampDeviation::From),
            (stamp.replace("from a (10.0.0.1)", "from a (x [10.0.0.1])"), StampDeviation::From),
            (stamp.replace("from a (10.0.0.1)", "from a (10.0.0.1) (x)"), StampDeviation::From),
            (stamp.replace("from a (10.0.0.1)", "from [10.0.0.1 ] (10.0.0.1)"), StampDeviation::From),
            (stamp.replace("from a (10.0.0.1) by", "from [10.0.0.1]by"), StampDeviation::From),
            (stamp.replace("from a", "from \"a\""), StampDeviation::From),
            (String::new(), StampDeviation::By),
        ];
        for (value, deviation) in cases {
            assert_eq!(read(value.as_bytes()).map(|hop| hop.build), Err(deviation), "{value}");
        }
    }
}
