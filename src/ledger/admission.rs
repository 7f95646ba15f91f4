//! Whether a ledger may record: the operator's object knows all tenants, and admits so many without a policy.

use std::cell::Cell;
use std::time::Duration;

use tidegate_engine::TenantId;
use tidegate_wire::problem::Problem;
use worker::Env;

use super::policies;
use super::protocol::Call;
use crate::durable::client::Circumstances;
use crate::durable::sql::{Sql, SqlError, values};
use crate::durable::{audit, documents};
use crate::operator::protocol as operator;
use crate::platform::{real_millis, stretched};

/// How long a refusal holds, and how long a tenant with a policy goes on before it is told of again.
const ASKED_AGAIN_MILLIS: u64 = 60_000;
/// Less than a decision waits for its record.
const DEADLINE: Duration = Duration::from_millis(250);

/// What the object holds in memory of it.
#[derive(Debug, Default)]
pub struct Admission {
    answer: Cell<Option<Answer>>,
}

/// Whether a call may write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admitted {
    Yes,
    /// It may, which is to be written down.
    Now,
    No,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Admitted,
    /// No until then.
    Refused(u64),
    /// Yes, though the operator's object could not be told; tried again then.
    Untold(u64),
}

impl Admission {
    /// Whether `call` may write what makes the tenant known. Asks the operator's object once; its answer is stored.
    /// `open`: the tables, if there are any.
    pub async fn admits(
        &self,
        open: impl FnOnce() -> Result<Option<Sql>, SqlError>,
        env: &Env,
        tenant: &TenantId,
        call: &Call,
    ) -> Result<Admitted, SqlError> {
        let puts_policy = match call {
            Call::PutPolicy(_) => true,
            Call::Record(_) => false,
            _ => return Ok(Admitted::Yes),
        };
        let now = real_millis();
        match self.answer.get() {
            Some(Answer::Admitted) => return Ok(Admitted::Yes),
            Some(Answer::Refused(until)) if now < until && !puts_policy => return Ok(Admitted::No),
            Some(Answer::Untold(until)) if now < until => return Ok(Admitted::Yes),
            _ => {}
        }
        let sql = open()?;
        let stored = "SELECT 1 FROM document WHERE name = 'admitted'";
        if let Some(sql) = &sql
            && sql.number(stored, values![])?.is_some()
        {
            self.answer.set(Some(Answer::Admitted));
            return Ok(Admitted::Yes);
        }
        // what is recorded already goes on being recorded
        let is_recorded = sql.as_ref().map(policies::tenant).transpose()?.flatten().is_some();
        let is_known = puts_policy || is_recorded;
        let operator = operator::of(env, audit::SYSTEM, Circumstances::default());
        let admit = operator::Call::Admit(tenant.clone(), is_known);
        match operator.call::<bool>(&admit, stretched(DEADLINE)).await {
            Ok(true) => {
                self.answer.set(Some(Answer::Admitted));
                Ok(Admitted::Now)
            }
            Ok(false) => {
                self.answer.set(Some(Answer::Refused(now + ASKED_AGAIN_MILLIS)));
                Ok(Admitted::No)
            }
            Err(_) if is_known => {
                self.answer.set(Some(Answer::Untold(now + ASKED_AGAIN_MILLIS)));
                Ok(Admitted::Yes)
            }
            Err(_) => Err(Problem::unavailable("whether this tenant is recorded cannot be told").into()),
        }
    }

    /// To be called when all that is stored of the tenant was deleted: the operator's object knows it no more.
    pub fn forget(&self) {
        self.answer.set(None);
    }
}

/// Writes down that the tenant was admitted.
pub fn write_down(sql: &Sql) -> Result<(), SqlError> {
    sql.change(|change| documents::store(change, "admitted", "true"))
}
