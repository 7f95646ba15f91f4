//! `GET /v1/tenants/{t}/report`: which days, and in which form.

use tidegate_engine::time::{DAY, Date};
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys::Response;

use super::{Caller, Failure};
use crate::durable::client::Client;
use crate::ledger::Call;
use crate::platform::real_now;

/// Days of a report that names none.
const DEFAULT_DAYS: i64 = 30;
/// As long as days are kept.
const MAX_DAYS: i64 = 400;

pub async fn answer(caller: &Caller<'_>, ledger: &Client) -> Result<Response, Failure> {
    let today = caller.circumstances.clock.unwrap_or_else(real_now).date();
    let to = date(caller, "to")?.unwrap_or(today);
    let from = date(caller, "from")?.unwrap_or_else(|| to.start().plus(-(DEFAULT_DAYS - 1) * DAY).date());
    let days = to.days_since(from) + 1;
    if days < 1 {
        return Err(Problem::unprocessable("it lies after `to`").in_field("from").into());
    }
    if days > MAX_DAYS {
        return Err(Problem::unprocessable(format!("{days} days; at most {MAX_DAYS}")).in_field("from").into());
    }
    let range = if wants_csv(caller) { None } else { Some(caller.range()?) };
    Ok(ledger.forward(&Call::Report { from, to, range }).await?)
}

fn date(caller: &Caller<'_>, name: &'static str) -> Result<Option<Date>, Problem> {
    let Some(text) = caller.request.query(name) else { return Ok(None) };
    let none = || Problem::bad_request("not a date such as `2026-11-22`").in_field(name);
    // a month alone is no day
    let date = text.parse().ok().filter(|date: &Date| date.to_string() == text);
    date.map(Some).ok_or_else(none)
}

/// Whether the first of the media types that `Accept` names, of the two that there are, is CSV.
fn wants_csv(caller: &Caller<'_>) -> bool {
    let accept = caller.request.header("accept").unwrap_or_default().to_ascii_lowercase();
    let mut types = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    types.find(|known| matches!(*known, "text/csv" | "application/json")) == Some("text/csv")
}
