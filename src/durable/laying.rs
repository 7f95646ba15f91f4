//! An object's part of a round in which all API keys are laid anew: it lays its own, waits until KV shows everywhere what
//! it has confirmed, and reads them back. Only what is found there then is said to be there: of a namespace that is being
//! emptied or exchanged meanwhile, that KV has confirmed a put says nothing.
//!
//! Which keys are its part is fixed as it begins: those that are made later are told to KV by their making, and nobody
//! holds a round up by making them.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tidegate_engine::{TenantId, Timestamp};
use worker::Env;

use super::documents;
use super::keys;
use super::outbox;
use super::sql::{Change, Sql, SqlError};
use super::walk::{Expected, STEP_MILLIS, SWEEP_KEYS};
use crate::platform::{real_now, within};
use crate::store::{BINDING, Kv};

/// KV's own delay, in seconds: what it has confirmed is seen everywhere by then, and nothing older.
pub const KV_SECONDS: i64 = 90;
/// When a part is gone on with that waits for KV to confirm or to answer.
pub const AGAIN_MILLIS: i64 = 2_500;
const KV_DEADLINE: Duration = Duration::from_secs(3);

/// The document with [`Part`].
const NAME: &str = "laying";

/// How far a part is, as objects tell each other.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// There is nothing to be done for so many milliseconds.
    Waits(i64),
    /// All were found in KV.
    Laid,
    /// Some were not, though KV had confirmed them: the round says nothing.
    Lost,
}

/// An object's part of a round.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Part {
    round: String,
    /// The number of the last key that belongs to it.
    last: i64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// The keys after this one are to be laid, and KV is to confirm all.
    Laying(i64),
    /// KV has confirmed all by then.
    Settling(Timestamp),
    /// Those after this one are to be read back.
    Reading(i64),
    Laid,
    Lost,
}

/// Makes the next step of the part of the round `round`, which begins with it. `of`: whose keys they are; `None`: those
/// that are bound to no tenant.
pub async fn advance(sql: &Sql, env: &Env, of: Option<&TenantId>, round: &str) -> Result<Progress, SqlError> {
    let part = match documents::load::<Part>(sql, NAME)? {
        Some(part) if part.round == round => part,
        _ => {
            let last = keys::last_number(sql, of)?;
            Part { round: round.to_owned(), last, stage: if last == 0 { Stage::Laid } else { Stage::Laying(0) } }
        }
    };
    let stage = match part.stage {
        Stage::Laying(after) => return lay(sql, of, part, after),
        Stage::Settling(since) => match since.plus(KV_SECONDS).0 - real_now().0 {
            left @ 1.. => return Ok(Progress::Waits(left.saturating_mul(1_000))),
            _ => read_back(sql, env, of, &part, 0).await?,
        },
        Stage::Reading(after) => read_back(sql, env, of, &part, after).await?,
        Stage::Laid => return Ok(Progress::Laid),
        Stage::Lost => return Ok(Progress::Lost),
    };
    let Some(stage) = stage else { return Ok(Progress::Waits(AGAIN_MILLIS)) };
    sql.change(|change| {
        // meanwhile another round may have begun
        match documents::load::<Part>(change, NAME)? {
            Some(known) if known.round != part.round => Ok(()),
            _ => save(change, &Part { stage, ..part }),
        }
    })?;
    Ok(match stage {
        Stage::Laid => Progress::Laid,
        Stage::Lost => Progress::Lost,
        _ => Progress::Waits(STEP_MILLIS),
    })
}

/// Lays the next keys; when there are none left and KV has confirmed all, they are to settle.
fn lay(sql: &Sql, of: Option<&TenantId>, part: Part, after: i64) -> Result<Progress, SqlError> {
    let page = page(sql, of, &part, after, outbox::STEP)?;
    let Some((last, _)) = page.last() else {
        if keys::wait(sql, of, part.last)? {
            return Ok(Progress::Waits(AGAIN_MILLIS));
        }
        sql.change(|change| save(change, &Part { stage: Stage::Settling(real_now()), ..part }))?;
        return Ok(Progress::Waits(KV_SECONDS * 1_000));
    };
    sql.change(|change| {
        for (_, Expected { key, json, metadata }) in &page {
            outbox::lay_anew(change, key, json, metadata.as_deref())?;
        }
        save(change, &Part { stage: Stage::Laying(*last), ..part })
    })?;
    Ok(Progress::Waits(STEP_MILLIS))
}

/// Looks for the next keys in KV, and tells what follows; `None`: that cannot be seen now.
async fn read_back(
    sql: &Sql,
    env: &Env,
    of: Option<&TenantId>,
    part: &Part,
    after: i64,
) -> Result<Option<Stage>, SqlError> {
    let asked = page(sql, of, part, after, i64::try_from(SWEEP_KEYS).unwrap_or(0))?;
    let Some((last, _)) = asked.last() else { return Ok(Some(Stage::Laid)) };
    if keys::wait(sql, of, part.last)? {
        return Ok(None);
    }
    let names: Vec<String> = asked.iter().map(|(_, it)| it.key.clone()).collect();
    let Some(kv) = Kv::new(env, BINDING) else { return Ok(None) };
    let Ok(Ok(found)) = within(KV_DEADLINE, kv.read(&names)).await else { return Ok(None) };
    // one may have been revoked meanwhile
    let expected = page(sql, of, part, after, i64::try_from(SWEEP_KEYS).unwrap_or(0))?;
    let missing = asked.iter().zip(found).filter(|(it, found)| found.is_none() && expected.contains(it)).count();
    if missing > 0 {
        worker::console_warn!("{missing} API keys are not in KV, which had confirmed them");
        return Ok(Some(Stage::Lost));
    }
    Ok(Some(Stage::Reading(*last)))
}

/// What KV should have of the part's next keys after that number, each with its number.
fn page(
    sql: &Sql,
    of: Option<&TenantId>,
    part: &Part,
    after: i64,
    most: i64,
) -> Result<Vec<(i64, Expected)>, SqlError> {
    let mut page = keys::expected(sql, of, after, most)?;
    page.retain(|(number, _)| *number <= part.last);
    Ok(page)
}

fn save(change: &Change<'_>, part: &Part) -> Result<(), SqlError> {
    documents::save(change, NAME, part)
}
