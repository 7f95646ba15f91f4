//! Times as whole seconds and dates as days, both UTC. The clock itself is the caller's.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, SecondsFormat, Timelike};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Seconds of a minute.
pub const MINUTE: i64 = 60;
/// Seconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// Seconds since 1970-01-01T00:00:00Z. Stored as that number; shown as RFC 3339 by `Display`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads the date of a header field (RFC 5322, section 3.3, obsolete forms and trailing comments included), which
    /// may be folded. `None` for anything else, such as a day of the week that is not that date's.
    pub fn from_rfc5322(text: &[u8]) -> Option<Self> {
        DateTime::parse_from_rfc2822(std::str::from_utf8(text).ok()?.trim()).ok().map(|time| Self(time.timestamp()))
    }

    /// The UTC day in which this moment lies; the first or last day that can be written for times beyond.
    pub fn date(self) -> Date {
        Date::of_day_number(self.0.div_euclid(DAY))
    }

    /// 00:00 UTC of the day in which this moment lies.
    pub fn start_of_day(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(DAY)))
    }

    /// So many seconds later, or earlier if they are negative; at most the last or first moment there is.
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; negative if `earlier` is the later one.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp(self.0, 0) {
            Some(time) => match rfc3339(time.naive_utc()) {
                Some(text) => f.write_str(std::str::from_utf8(&text).unwrap_or_default()),
                None => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true)),
            },
            None => write!(f, "{}", self.0),
        }
    }
}

/// `2026-09-10T08:15:08Z`, without allocation: an answer has up to five times. `None` for years not of four digits.
fn rfc3339(time: NaiveDateTime) -> Option<[u8; 20]> {
    let year = u32::try_from(time.year()).ok().filter(|year| *year < 10_000)?;
    let digit = |number: u32| u8::try_from(number % 10).map_or(b'0', |digit| b'0' + digit);
    let pair = |number: u32| [digit(number / 10), digit(number)];
    let ([y1, y2], [y3, y4]) = (pair(year / 100), pair(year));
    let ([o1, o2], [d1, d2]) = (pair(time.month()), pair(time.day()));
    let ([h1, h2], [m1, m2], [s1, s2]) = (pair(time.hour()), pair(time.minute()), pair(time.second()));
    Some([y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z'])
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339 with any offset; fractions of a second are dropped.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        DateTime::parse_from_rfc3339(text).map(|time| Self(time.timestamp())).map_err(|_| TimeError::NotRfc3339)
    }
}

/// A UTC calendar day, written `2026-11-22`: days since 1970-01-01, of those that have a year to be written with.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Date(i32);

impl Date {
    const MIN: Self = Self::of_calendar(NaiveDate::MIN);
    /// The last day that can be written.
    pub const MAX: Self = Self::of_calendar(NaiveDate::MAX);

    /// `None` if there is no such day.
    pub const fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        match NaiveDate::from_ymd_opt(year, month, day) {
            Some(date) => Some(Self::of_calendar(date)),
            None => None,
        }
    }

    /// The last day of a month; `None` if there is no such month.
    pub const fn last_of_month(year: i32, month: u32) -> Option<Self> {
        let (year, next) = match month {
            1..=11 => (year, month + 1),
            12 => (year.saturating_add(1), 1),
            _ => return None,
        };
        match NaiveDate::from_ymd_opt(year, next, 1) {
            Some(next) => match next.pred_opt() {
                Some(last) => Some(Self::of_calendar(last)),
                None => None,
            },
            None => None,
        }
    }

    /// For tables that are written at compile time: a day that is none is far in the future, and caught by the test that
    /// compares the tables to their JSON.
    pub(crate) const fn or_max(day: Option<Self>) -> Self {
        match day {
            Some(day) => day,
            None => Self::MAX,
        }
    }

    /// The calendar year.
    pub fn year(self) -> i32 {
        self.calendar().year()
    }

    /// 00:00 UTC of this day.
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0) * DAY)
    }

    /// So many days later; at most [`Self::MAX`].
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self::of_day_number(i64::from(self.0) + i64::from(days))
    }

    /// So many days earlier; at least the first day that can be written.
    #[must_use]
    pub fn minus_days(self, days: u32) -> Self {
        Self::of_day_number(i64::from(self.0) - i64::from(days))
    }

    /// The first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Self {
        self.calendar().with_day(1).map_or(self, Self::of_calendar)
    }

    /// The first day of the month after its own.
    #[must_use]
    pub fn first_of_next_month(self) -> Self {
        self.first_of_month().calendar().checked_add_months(Months::new(1)).map_or(Self::MAX, Self::of_calendar)
    }

    /// Days from `earlier` to this day; negative if `earlier` is the later one.
    pub fn days_since(self, earlier: Self) -> i64 {
        i64::from(self.0) - i64::from(earlier.0)
    }

    /// The day so many days after 1970-01-01, or the first or last that can be written.
    fn of_day_number(days: i64) -> Self {
        Self(i32::try_from(days.clamp(Self::MIN.0.into(), Self::MAX.0.into())).unwrap_or_default())
    }

    const fn of_calendar(date: NaiveDate) -> Self {
        Self(date.to_epoch_days())
    }

    fn calendar(self) -> NaiveDate {
        NaiveDate::from_epoch_days(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.calendar();
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
    }
}

impl FromStr for Date {
    type Err = TimeError;

    /// Reads `2026-11-22` and nothing shorter or longer.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let year = number(year, 4).and_then(|year| i32::try_from(year).ok()).ok_or(TimeError::NotADate)?;
        let month = number(month, 2).ok_or(TimeError::NotADate)?;
        let day = number(day, 2).ok_or(TimeError::NotADate)?;
        Self::new(year, month, day).ok_or(TimeError::NotADate)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The day on which something was released, written `2026-11-22`; or `2026-11`, where only the month is known, which is
/// that month's last day: the later day counts fewer days against a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct ReleaseDate(pub Date);

impl FromStr for ReleaseDate {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let month = || {
            let (year, month) = text.split_once('-')?;
            Date::last_of_month(i32::try_from(number(Some(year), 4)?).ok()?, number(Some(month), 2)?)
        };
        text.parse().or_else(|error| month().ok_or(error)).map(Self)
    }
}

impl<'de> Deserialize<'de> for ReleaseDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a text was expected to be, and is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeError {
    /// A [`Date`].
    NotADate,
    /// A [`Timestamp`].
    NotRfc3339,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADate => "not a date such as `2026-11-22`",
            Self::NotRfc3339 => "not an RFC 3339 time such as `2026-11-22T08:15:00Z`",
        })
    }
}

impl std::error::Error for TimeError {}

fn number(text: Option<&str>, digits: usize) -> Option<u32> {
    text.filter(|text| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_chrono_writes_them() {
        for seconds in (-62_200_000_000..260_000_000_000i64).step_by(9_876_543_211).chain([0, -1, 1_789_028_108]) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            assert_eq!(Timestamp(seconds).to_string(), time.to_rfc3339_opts(SecondsFormat::Secs, true));
        }
    }

    #[test]
    fn dates_are_days_and_only_a_releases_may_be_a_month() {
        let day = |text: &str| text.parse::<Date>().map(|date| date.to_string());
        let release = |text: &str| text.parse::<ReleaseDate>().map(|date| date.0.to_string());
        assert_eq!(day("2024-02-29"), Ok("2024-02-29".into()));
        assert_eq!(release("2024-02-29"), Ok("2024-02-29".into()));
        assert_eq!(release("2024-02"), Ok("2024-02-29".into()));
        assert_eq!(release("2015-12"), Ok("2015-12-31".into()));
        for wrong in ["2024", "2024-2-1", "2024-1-", "2023-02-29", "2024-13", "2024-02-29T00", "-2024-02", "", "2024-ä"]
        {
            assert_eq!((day(wrong), release(wrong)), (Err(TimeError::NotADate), Err(TimeError::NotADate)), "{wrong}");
        }
        assert_eq!(day("2024-02"), Err(TimeError::NotADate));
        assert!(
            serde_json::from_str::<Date>("\"2024-02\"").is_err()
                && serde_json::from_str::<ReleaseDate>("\"2024-02\"").is_ok()
        );
    }

    #[test]
    fn times_beyond_what_can_be_written_lie_on_the_first_or_last_day() {
        let (first, last) = (Timestamp(i64::MIN).date(), Timestamp(i64::MAX).date());
        assert!(first < Timestamp(0).date() && Timestamp(0).date() < last);
        assert_eq!((first.year() < -200_000, last.year() > 200_000), (true, true));
        assert!(Timestamp(i64::MIN).start_of_day() <= Timestamp(i64::MIN).plus(DAY));
    }

    #[test]
    fn months_begin_on_their_first() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(day("2024-12-31").first_of_month(), day("2024-12-01"));
        assert_eq!(day("2024-12-31").first_of_next_month(), day("2025-01-01"));
        assert_eq!(day("2024-02-01").first_of_next_month(), day("2024-03-01"));
    }

    #[test]
    fn times_read_and_show_rfc_3339() {
        let time: Timestamp = "2026-09-30T10:15:08.5+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-09-30T08:15:08Z");
        assert_eq!(time.start_of_day(), time.date().start());
        assert!("2026-09-30".parse::<Timestamp>().is_err());
    }

    #[test]
    fn dates_of_header_fields_read_folded_and_with_comments() {
        let read = |text: &str| Timestamp::from_rfc5322(text.as_bytes()).map(|time| time.to_string());
        let expected = Some("2026-10-06T08:00:05Z".to_owned());
        for date in [
            " Tue, 6 Oct 2026 10:00:05 +0200",
            "Tue,  06 Oct\r\n 2026 08:00:05\r\n\t+0000 (UTC)",
            "6 Oct 2026 08:00:05 GMT (a (nested) comment) ",
            "Tue, 6 Oct 26 04:00:05 EDT",
        ] {
            assert_eq!(read(date), expected, "{date}");
        }
        for wrong in ["", "yesterday", "Mon, 6 Oct 2026 10:00:05 +0200", "Tue, 6 Oct 2026", "6 Oct 2026 25:00:05 GMT"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(Timestamp::from_rfc5322(b"Tue, 6 Oct 2026 10:00:05 +0200 \xff"), None);
    }
}
