//! The values that the files hold, read strictly.

use std::fmt;

use chrono::NaiveDate;

/// `2026-09-08`, and nothing else.
pub fn day(text: &str) -> Option<NaiveDate> {
    let [year, month, day] = split::<3>(text, '-')?;
    let width = year.len() == 4 && month.len() == 2 && day.len() == 2;
    let date = NaiveDate::from_ymd_opt(digits(year)?.try_into().ok()?, digits(month)?, digits(day)?)?;
    width.then_some(date)
}

/// The day of a release; all days of a month where only that is known.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseDate {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl ReleaseDate {
    /// `2015-12-15`, or the month `2015-12`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(day) = day(text) {
            return Some(Self { first: day, last: day });
        }
        let first = day(&format!("{text}-01"))?;
        Some(Self { first, last: first + chrono::Months::new(1) - chrono::Days::new(1) })
    }
}

/// A build in its short form, missing parts being 0.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Build {
    pub major: u16,
    pub minor: u16,
    pub build: u16,
    pub revision: u16,
}

impl Build {
    /// Two to four decimal numbers without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; 4];
        let given: Vec<_> = text.split('.').collect();
        if !(2..=4).contains(&given.len()) {
            return None;
        }
        for (part, text) in parts.iter_mut().zip(given) {
            *part = digits(text)?.try_into().ok().filter(|_| text == "0" || !text.starts_with('0'))?;
        }
        let [major, minor, build, revision] = parts;
        Some(Self { major, minor, build, revision })
    }

    /// All but the last part, which orders the updates of a cumulative update.
    pub fn lane(self) -> (u16, u16, u16) {
        (self.major, self.minor, self.build)
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.revision)
    }
}

/// A name of two or more labels in lower case.
pub fn is_host(text: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    text.contains('.') && text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

/// Exactly `N` pieces.
pub fn split<const N: usize>(text: &str, at: char) -> Option<[&str; N]> {
    text.split(at).collect::<Vec<_>>().try_into().ok()
}

pub fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The local part of the first mail address that is not an example's.
pub fn personal_address(text: &str) -> Option<&str> {
    let part = |octet: char| octet.is_ascii_alphanumeric() || "._+=%-".contains(octet);
    let mut from = 0;
    while let Some(at) = text.get(from..)?.find('@').map(|found| from + found) {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let local = before.rsplit(|octet| !part(octet)).next().unwrap_or_default();
        let domain = after.split(|octet| !part(octet)).next().unwrap_or_default().trim_end_matches('.');
        let example = ["example", "invalid", "test", "localhost"]
            .contains(&domain.rsplit('.').next().unwrap_or_default())
            || ["example.com", "example.net", "example.org", "example.edu"]
                .iter()
                .any(|name| domain.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
        if !local.is_empty() && domain.contains('.') && !example {
            return Some(local);
        }
        from = at + 1;
    }
    None
}
