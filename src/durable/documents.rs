//! The table `document`, which both kinds of objects have: a JSON value a name.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sql::{Change, Sql, SqlError, from_text, to_text, values};

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

/// The same; `None` also where it cannot be read.
pub fn load<T: DeserializeOwned>(sql: &Sql, name: &str) -> Result<Option<T>, SqlError> {
    Ok(text(sql, name)?.and_then(|json| from_text(&json).ok()))
}

pub fn save(change: &Change<'_>, name: &str, value: &impl Serialize) -> Result<(), SqlError> {
    store(change, name, &to_text(value)?)
}

/// The same of what is JSON already.
pub fn store(change: &Change<'_>, name: &str, json: &str) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO document (name, json) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
        values![name, json],
    )
}

pub fn remove(change: &Change<'_>, name: &str) -> Result<(), SqlError> {
    change.run("DELETE FROM document WHERE name = ?1", values![name])
}
