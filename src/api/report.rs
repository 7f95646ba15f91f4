//! `GET /v1/tenants/{t}/report` and `…/servers/{id}/counts`: which days, and in which form.

use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Date};
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor};
use super::failure::Failure;
use crate::durable::client::Client;
use crate::http;
use crate::ledger::{Call, Step};

/// Days of a report that names none.
const DEFAULT_DAYS: i64 = 30;
/// As long as days are kept.
const MAX_DAYS: i64 = 400;
/// As long as hours are kept.
const MAX_DAYS_OF_HOURS: i64 = 14;

pub async fn answer(caller: &Caller<'_>, ledger: &Client) -> Result<Response, Failure> {
    let (from, to) = days(caller, DEFAULT_DAYS, MAX_DAYS)?;
    let accept = caller.request.header("accept").unwrap_or_default();
    let range = if http::prefers_csv(&accept) { None } else { Some(caller.range(Cursor::Server)?) };
    Ok(ledger.forward(&Call::Report { from, to, range }).await?)
}

/// What became of one server's mail.
pub async fn counts(caller: &Caller<'_>, ledger: &Client, id: ServerId) -> Result<Response, Failure> {
    let step = match caller.request.query("by")?.as_deref() {
        None | Some("day") => Step::Day,
        Some("hour") => Step::Hour,
        Some(_) => return Err(Problem::bad_request("`day` or `hour`").in_field("by").into()),
    };
    let (from, to) = match step {
        Step::Day => days(caller, DEFAULT_DAYS, MAX_DAYS)?,
        Step::Hour => days(caller, 1, MAX_DAYS_OF_HOURS)?,
    };
    Ok(ledger.forward(&Call::Counts { id, from, to, step }).await?)
}

/// The days that are asked for, `most` of them; without `from` the `usual` ones up to `to`.
fn days(caller: &Caller<'_>, usual: i64, most: i64) -> Result<(Date, Date), Problem> {
    let today = caller.circumstances.now().date();
    let to = date(caller, "to")?.unwrap_or(today);
    let from = date(caller, "from")?.unwrap_or_else(|| to.start().plus(-(usual - 1) * DAY).date());
    let days = to.days_since(from) + 1;
    if days < 1 {
        return Err(Problem::unprocessable("it lies after `to`").in_field("from"));
    }
    if days > most {
        return Err(Problem::unprocessable(format!("{days} days; at most {most}")).in_field("from"));
    }
    Ok((from, to))
}

fn date(caller: &Caller<'_>, name: &'static str) -> Result<Option<Date>, Problem> {
    let Some(text) = caller.request.query(name)? else { return Ok(None) };
    let none = || Problem::bad_request("not a date such as `2026-11-22`").in_field(name);
    text.parse().map(Some).map_err(|_| none())
}
