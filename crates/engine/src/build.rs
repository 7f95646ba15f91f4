//! Exchange build numbers: `15.1.2507.61`, short or long form, compared number by number.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A build number of four parts, each 0 to 65535. The long form (`15.01.2507.061`) is the same build.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Build {
    /// The product line: 15 since Exchange 2013.
    pub major: u16,
    /// Tells products of one line apart: 15.0 is 2013, 15.1 is 2016, 15.2 is 2019 and SE.
    pub minor: u16,
    /// The cumulative update.
    pub build: u16,
    /// The update within the cumulative update.
    pub revision: u16,
}

impl Build {
    /// The build of these four parts.
    pub const fn new(major: u16, minor: u16, build: u16, revision: u16) -> Self {
        Self { major, minor, build, revision }
    }

    /// The four parts as one number, which is faster to compare than part by part.
    pub(crate) const fn number(self) -> u64 {
        (self.major as u64) << 48 | (self.minor as u64) << 32 | (self.build as u64) << 16 | self.revision as u64
    }

    /// Its cumulative update.
    pub const fn lane(self) -> Lane {
        Lane { major: self.major, minor: self.minor, build: self.build }
    }

    /// Reads a build number of one to four parts, the missing ones being 0, as the catalog writes old products and the
    /// borders between products.
    pub(crate) fn parse_padded(text: &str) -> Result<Self, InvalidBuild> {
        let mut parts = [0; 4];
        let mut rest = text.split('.');
        for (index, part) in parts.iter_mut().enumerate() {
            match rest.next() {
                Some(digits) => *part = parse_part(digits.as_bytes()).ok_or(InvalidBuild)?,
                None if index > 0 => break,
                None => return Err(InvalidBuild),
            }
        }
        let [major, minor, build, revision] = parts;
        if rest.next().is_some() { Err(InvalidBuild) } else { Ok(Self { major, minor, build, revision }) }
    }

    /// Reads exactly four parts from bytes that a sender may have written.
    pub(crate) fn from_bytes(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(5, |byte| *byte == b'.');
        let mut part = || parts.next().and_then(parse_part);
        let found = Self { major: part()?, minor: part()?, build: part()?, revision: part()? };
        parts.next().is_none().then_some(found)
    }
}

impl Ord for Build {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for Build {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // four numbers of up to five digits and three dots, written from the last digit on
        let mut text = [b'.'; 23];
        let mut start = text.len();
        for mut part in [self.revision, self.build, self.minor, self.major] {
            // in front of a dot, if there is anything behind it
            start = start.saturating_sub(usize::from(start < text.len()));
            loop {
                start = start.saturating_sub(1);
                if let (Some(octet), Ok(digit)) = (text.get_mut(start), u8::try_from(part % 10)) {
                    *octet = b'0' + digit;
                }
                part /= 10;
                if part == 0 {
                    break;
                }
            }
        }
        f.write_str(text.get(start..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default())
    }
}

impl FromStr for Build {
    type Err = InvalidBuild;

    fn from_str(text: &str) -> Result<Self, InvalidBuild> {
        Self::from_bytes(text.as_bytes()).ok_or(InvalidBuild)
    }
}

impl Serialize for Build {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Build {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A cumulative update: the first three parts of a build. Inside a lane the fourth part orders the updates.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Lane {
    /// As in [`Build`].
    pub major: u16,
    /// As in [`Build`].
    pub minor: u16,
    /// As in [`Build`].
    pub build: u16,
}

impl Lane {
    /// The build of this update within the lane.
    pub const fn with_revision(self, revision: u16) -> Build {
        Build { major: self.major, minor: self.minor, build: self.build, revision }
    }
}

/// The text is no [`Build`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidBuild;

impl fmt::Display for InvalidBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a build number of four parts up to 65535, such as `15.1.2507.61`")
    }
}

impl std::error::Error for InvalidBuild {}

fn parse_part(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u16, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_written_as_its_four_numbers() {
        let numbers = [0, 1, 9, 10, 99, 100, 2_507, 9_999, 10_000, u16::MAX];
        for (major, minor) in numbers.iter().flat_map(|major| numbers.iter().map(move |minor| (*major, *minor))) {
            for (build, revision) in numbers.iter().flat_map(|build| numbers.iter().map(move |own| (*build, *own))) {
                let written = Build::new(major, minor, build, revision).to_string();
                assert_eq!(written, format!("{major}.{minor}.{build}.{revision}"));
            }
        }
    }

    #[test]
    fn long_and_short_form_are_the_same_build() {
        assert_eq!("15.01.2507.061".parse::<Build>(), "15.1.2507.61".parse());
        assert_eq!("8.03.0517.000".parse::<Build>().map(|build| build.to_string()), Ok("8.3.517.0".into()));
    }

    #[test]
    fn builds_order_by_number_and_not_by_text() {
        assert!(Build::new(15, 1, 2507, 6) < Build::new(15, 1, 2507, 61));
        assert!(Build::new(15, 1, 2507, 9) < Build::new(15, 1, 2507, 12));
        assert!(Build::new(15, 2, 792, 15) < Build::new(15, 2, 1118, 7));
    }

    #[test]
    fn what_is_no_build_is_refused() {
        for wrong in
            ["", "15", "15.1.2507", "15.2.2562.53.1", "15.2.65536.1", "15.2..1", "15.2.1.-1", "15.2.1.1 ", "a.b.c.d"]
        {
            assert_eq!(wrong.parse::<Build>(), Err(InvalidBuild), "{wrong}");
        }
        assert_eq!("15.2.99999999999999999999.1".parse::<Build>(), Err(InvalidBuild));
        assert_eq!("15.2.65535.65535".parse(), Ok(Build::new(15, 2, 65535, 65535)));
    }

    #[test]
    fn catalog_builds_may_leave_parts_out() {
        assert_eq!(Build::parse_padded("15.2.2562"), Ok(Build::new(15, 2, 2562, 0)));
        assert_eq!(Build::parse_padded("6.5.6944"), Ok(Build::new(6, 5, 6944, 0)));
        assert_eq!(Build::parse_padded(""), Err(InvalidBuild));
        assert_eq!(Build::parse_padded("1.2.3.4.5"), Err(InvalidBuild));
    }
}
