//! The table `document`, which both kinds of objects have: a JSON value a name.

use serde::de::DeserializeOwned;

use super::sql::{Sql, SqlError, from_text, values};

/// What is kept under a name, as text; `None` where nothing is.
pub fn text(sql: &Sql, name: &str) -> Result<Option<String>, SqlError> {
    sql.text("SELECT json FROM document WHERE name = ?1", values![name])
}

/// The same as the type that it was written from.
///
/// # Errors
/// [`SqlError::Malformed`] where it cannot be read.
pub fn read<T: DeserializeOwned>(sql: &Sql, name: &str) -> Result<Option<T>, SqlError> {
    text(sql, name)?.as_deref().map(from_text).transpose()
}
