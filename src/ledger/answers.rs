//! Answers to the calls that concern one part of a ledger.

use tidegate_engine::ServerId;
use worker::worker_sys::web_sys::Response;

use super::protocol::{ExemptionCall, PauseCall, WebhookCall};
use super::site::Site;
use super::{csv, exemptions, pauses, report, webhooks};
use crate::durable::json;
use crate::durable::lists::Range;
use crate::durable::sql::{Sql, SqlError};
use crate::http;

/// The report on these days, with one page of servers, or as CSV with all of them.
pub fn of_report(sql: &Sql, site: &Site<'_>, days: report::Days, range: Option<Range>) -> Result<Response, SqlError> {
    let Some(range) = range else {
        let report::Days { from, to } = days;
        let name = format!("attachment; filename=\"tidegate-{}-{from}-{to}.csv\"", site.tenant);
        let table = report::csv(sql, site, days)?;
        let headers = [("content-disposition", name.as_str())];
        return Ok(http::respond(200, csv::CONTENT_TYPE, &headers, table.as_bytes())?);
    };
    json(&report::page(sql, site, days, &range)?)
}

pub fn of_pauses(sql: &Sql, site: &Site<'_>, call: PauseCall) -> Result<Response, SqlError> {
    match call {
        PauseCall::List(range) => json(&pauses::page(sql, site, &range)?),
        PauseCall::Create { days, reason, starts_on } => json(&pauses::create(sql, site, (days, starts_on), &reason)?),
        PauseCall::Change { id, days } => json(&pauses::change(sql, site, id, days)?),
        PauseCall::End { id } => json(&pauses::end(sql, site, id)?),
    }
}

pub fn of_exemption(sql: &Sql, site: &Site<'_>, server: &ServerId, call: ExemptionCall) -> Result<Response, SqlError> {
    match call {
        ExemptionCall::Show => {
            let shown = exemptions::one(sql, server, site.now)?.ok_or_else(exemptions::none)?;
            Ok(http::json(shown.as_bytes())?)
        }
        ExemptionCall::Put { reason, expires_at, needs } => {
            json(&exemptions::put(sql, site, server, (&reason, expires_at), needs)?)
        }
        ExemptionCall::End { needs } => json(&exemptions::end(sql, site, server, needs)?),
    }
}

pub fn of_webhooks(sql: &Sql, site: &Site<'_>, call: WebhookCall) -> Result<Response, SqlError> {
    match call {
        WebhookCall::List(range) => json(&webhooks::page(sql, &range, false)?),
        WebhookCall::ListMasked(range) => json(&webhooks::page(sql, &range, true)?),
        WebhookCall::Rotate { id } => json(&webhooks::rotate(sql, site, &id)?),
        WebhookCall::Create { url } => json(&webhooks::create(sql, site, &url)?),
        WebhookCall::Delete { id } => json(&webhooks::delete(sql, site, &id)?),
    }
}
