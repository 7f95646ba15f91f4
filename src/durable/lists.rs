//! Lists that are read by the page.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::sql::{Sql, SqlError, values};

pub const DEFAULT_LIMIT: u32 = 100;
pub const MAX_LIMIT: u32 = 1_000;

/// Which page of a list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Range {
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// 1 to [`MAX_LIMIT`].
    pub limit: u32,
}

/// One page, and where the next one begins.
#[derive(Debug, Deserialize, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The page of `rows`, which were asked for one more than the limit.
    pub fn of(mut rows: Vec<T>, range: &Range, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(range.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        Self { items: rows, next }
    }
}

impl<T: DeserializeOwned> Page<T> {
    /// The rows of a table by falling number: `rows` has its `?1` above them and its `?2` as limit. A cursor that is none
    /// begins at the newest.
    pub fn newest_records(sql: &Sql, rows: &str, range: &Range, number: fn(&T) -> i64) -> Result<Self, SqlError> {
        let rows = sql.records(rows, values![range.below(), i64::from(range.limit) + 1])?;
        Ok(Self::of(rows, range, |row| number(row).to_string()))
    }
}

impl Range {
    /// The number below which a page of falling numbers begins.
    fn below(&self) -> i64 {
        self.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX >> 11)
    }
}

/// Shows a number or a time as text, which is stored as a number.
pub fn written<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
