//! SQLite behind two doors: reads, and one transaction for each change.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::{SqlStorage, SqlStorageValue, Storage};

use super::rows;
use crate::hooks::FailsAt;

/// What a Durable Object stores in SQLite.
pub struct Sql {
    sql: SqlStorage,
    storage: JsValue,
    fails_at: FailsAt,
    /// A later release wrote what is stored, and says that this one may only read it.
    is_read_only: bool,
}

/// Writes; only inside [`Sql::change`].
pub struct Change<'a>(&'a Sql);

/// Why a change is none: nothing of it was kept.
#[derive(Clone, Debug)]
pub enum SqlError {
    /// The caller's fault.
    Refused(Problem),
    /// A statement failed, or could not be made.
    Failed(String),
    /// Stored text could not be read.
    Malformed(String),
}

impl Sql {
    pub fn new(storage: &Storage) -> Self {
        Self { sql: storage.sql(), storage: storage.as_raw().into(), fails_at: FailsAt::default(), is_read_only: false }
    }

    /// The same, without a way to change anything.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { is_read_only: true, ..self }
    }

    pub const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// The same storage, for what goes on after a call.
    pub fn handle(&self) -> Self {
        Self {
            sql: self.sql.clone(),
            storage: self.storage.clone(),
            fails_at: FailsAt::default(),
            is_read_only: self.is_read_only,
        }
    }

    /// Fails the statement of that number, counted from 1 over the changes to come; `None`: none.
    pub fn failing_at(&self, statement: Option<u32>) -> &Self {
        self.fails_at.set(statement);
        self
    }

    /// The rows of a query, each read by the names of its columns.
    pub fn records<T: DeserializeOwned>(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<Vec<T>, SqlError> {
        self.each_record(query, values)?.collect()
    }

    /// As [`Self::records`], one after the other: one that cannot be read is [`SqlError::Malformed`], and others follow.
    pub fn each_record<T: DeserializeOwned>(
        &self,
        query: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<impl Iterator<Item = Result<T, SqlError>> + use<T>, SqlError> {
        let cursor = self.sql.exec(query, values)?;
        let names = cursor.column_names();
        Ok(cursor
            .raw()
            .map(move |row| rows::read(&names, &row?).map_err(|error| SqlError::Malformed(error.to_string()))))
    }

    /// As [`Self::records`], the first one.
    pub fn record<T: DeserializeOwned>(
        &self,
        query: &str,
        values: Vec<SqlStorageValue>,
    ) -> Result<Option<T>, SqlError> {
        Ok(self.records(query, values)?.into_iter().next())
    }

    /// The texts that a query of one column answers with.
    pub fn texts(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<Vec<String>, SqlError> {
        let rows = self.sql.exec(query, values)?.raw();
        rows.map(|row| match row?.into_iter().next() {
            Some(SqlStorageValue::String(text)) => Ok(text),
            _ => Err(SqlError::Failed("a query did not answer with text".to_owned())),
        })
        .collect()
    }

    /// As [`Self::texts`], the first one.
    pub fn text(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<Option<String>, SqlError> {
        Ok(self.texts(query, values)?.into_iter().next())
    }

    /// The one number that a query answers with; `None` for NULL or no row.
    pub fn number(&self, query: &str, values: Vec<SqlStorageValue>) -> Result<Option<i64>, SqlError> {
        match self.sql.exec(query, values)?.raw().next().transpose()?.and_then(|row| row.into_iter().next()) {
            Some(SqlStorageValue::Integer(number)) => Ok(Some(number)),
            Some(SqlStorageValue::Null) | None => Ok(None),
            Some(_) => Err(SqlError::Failed("a query did not answer with a number".to_owned())),
        }
    }

    /// Runs `change` in one transaction. An error rolls everything back.
    pub fn change<T>(&self, change: impl FnOnce(&Change<'_>) -> Result<T, SqlError>) -> Result<T, SqlError> {
        if self.is_read_only {
            return Err(Problem::unavailable("a later release wrote what is stored: this one only reads it").into());
        }
        let mut change = Some(change);
        let mut outcome = None;
        let mut run = || {
            let done = change.take().map(|change| change(&Change(self)));
            let failed =
                done.as_ref().and_then(|done| done.as_ref().err()).map(|error| JsValue::from_str(&error.to_string()));
            outcome = done;
            failed.map_or(Ok(()), Err)
        };
        let ended = self.storage.unchecked_ref::<TransactionSync>().transaction_sync(&mut run);
        match (ended, outcome) {
            (_, Some(Err(error))) => Err(error),
            (Ok(_), Some(Ok(value))) => Ok(value),
            (Err(error), _) => Err(SqlError::Failed(format!("the transaction failed: {error:?}"))),
            (Ok(_), None) => Err(SqlError::Failed("the transaction did not run".to_owned())),
        }
    }

    /// Runs `read` in a transaction of which nothing is kept, whatever it writes.
    pub fn tentatively<T>(&self, read: impl FnOnce(&Change<'_>) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let mut outcome = None;
        let ended = self.change(|change| {
            outcome = Some(read(change));
            Err::<(), _>(SqlError::Failed("rolled back on purpose".to_owned()))
        });
        outcome.unwrap_or_else(|| Err(ended.err().unwrap_or_else(|| SqlError::Failed("nothing ran".to_owned()))))
    }
}

impl Change<'_> {
    pub fn run(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<(), SqlError> {
        if self.0.fails_at.is_next() {
            return Err(SqlError::Failed("this statement failed on purpose".to_owned()));
        }
        self.0.sql.exec(statement, values).map(drop).map_err(SqlError::from)
    }
}

impl std::ops::Deref for Change<'_> {
    type Target = Sql;

    fn deref(&self) -> &Sql {
        self.0
    }
}

/// The values of a statement's placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(worker::SqlStorageValue::from($value)),*] };
}
pub(crate) use values;

/// Counts are far below the numbers that JavaScript holds exactly.
pub fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub fn to_text(value: &impl serde::Serialize) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|error| SqlError::Failed(error.to_string()))
}

/// The same for what stands in another document.
pub fn to_raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, SqlError> {
    serde_json::value::to_raw_value(value).map_err(|error| SqlError::Failed(error.to_string()))
}

pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, SqlError> {
    serde_json::from_slice(text.as_bytes()).map_err(|error| SqlError::Malformed(error.to_string()))
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(problem) => problem.fmt(f),
            Self::Failed(error) => f.write_str(error),
            Self::Malformed(error) => write!(f, "stored text is malformed: {error}"),
        }
    }
}

impl From<getrandom::Error> for SqlError {
    fn from(error: getrandom::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<worker::Error> for SqlError {
    fn from(error: worker::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Problem> for SqlError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<SqlError> for worker::Error {
    fn from(error: SqlError) -> Self {
        Self::RustError(error.to_string())
    }
}

#[wasm_bindgen]
extern "C" {
    /// The storage of a Durable Object, for the one method that `worker` does not bind.
    type TransactionSync;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &TransactionSync,
        run: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<JsValue, JsValue>;
}
