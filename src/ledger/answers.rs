//! What a ledger answers, by the call.

use tidegate_engine::{ServerId, TenantId};
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys::Response;

use super::protocol::{Batch, Call, Dropped, ExemptionCall, PauseCall, Recorded, WebhookCall};
use super::site::Site;
use super::{
    Ledger, csv, exemptions, forget, intake, listing, notifications, pauses, policies, policy_changes, preview, report,
    republish, summary, webhooks, work,
};
use crate::common::Common;
use crate::config::Config;
use crate::durable::client::{Circumstances, Envelope};
use crate::durable::lists::Range;
use crate::durable::sql::{Sql, SqlError, to_text};
use crate::durable::{audit, json};
use crate::hooks;
use crate::http;
use crate::platform::real_millis;

impl Ledger {
    pub(super) fn answer(&self, sql: &Sql, common: &Common, envelope: Envelope<Call>) -> Result<Response, SqlError> {
        let Envelope { name, actor, circumstances, call, .. } = envelope;
        let tenant: TenantId = name.parse().map_err(|error| SqlError::Failed(format!("{name}: {error}")))?;
        let now = circumstances.now();
        let site = Site { tenant: &tenant, common, actor: &actor, now };
        // a test's ledger lives by the clocks of its requests alone
        let is_due = !hooks::is_on() && call.shows_what_is_due();
        if (circumstances.clock().is_some() || is_due) && !sql.is_read_only() {
            work::do_due(sql, &Site { actor: audit::SYSTEM, ..site })?;
        }
        let changes = call.changes();
        let response = self.respond(sql.failing_at(circumstances.fails_at()), &site, circumstances, call);
        sql.failing_at(None);
        let response = response?;
        if changes && let Err(error) = summary::publish(sql, &site) {
            // the next call or alarm finds that it differs
            worker::console_error!("{tenant}: the summary: {error}");
        }
        Ok(response)
    }

    fn respond(
        &self,
        sql: &Sql,
        site: &Site<'_>,
        circumstances: Circumstances,
        call: Call,
    ) -> Result<Response, SqlError> {
        match call {
            Call::Record(batch) => self.record(sql, site, circumstances, &batch),
            Call::PutPolicy(put) => json(&policy_changes::put(sql, site, *put)?),
            Call::PreviewPolicy(proposal) => json(&preview::of(sql, site, *proposal)?),
            Call::Policy => {
                let record = policies::current(sql)?;
                let tag = http::etag(record.rev);
                let policy = to_text(&record.enforcement.policy)?;
                Ok(http::respond(200, "application/json", &[("etag", &tag)], policy.as_bytes())?)
            }
            Call::Servers { filter, range } => json(&listing::page(sql, site, &filter, &range)?),
            Call::Server { id } => {
                let missing = || Problem::not_found("there is no such server");
                json(&listing::one(sql, site, &id)?.ok_or_else(missing)?)
            }
            Call::DeleteServer { id } => {
                forget::delete_server(sql, site, &id)?;
                Ok(http::no_content()?)
            }
            Call::Tenant => {
                let missing = || Problem::not_found("nothing is stored of this tenant");
                json(&summary::live(sql, site)?.ok_or_else(missing)?)
            }
            Call::DeleteTenant => {
                forget::delete_tenant(sql, site)?;
                self.recent.take();
                self.admission.forget();
                Ok(http::no_content()?)
            }
            Call::Report { from, to, range } => of_report(sql, site, report::Days { from, to }, range),
            Call::Counts { id, from, to, step } => {
                let missing = || Problem::not_found("there is no such server");
                json(&report::of_server(sql, &id, report::Days { from, to }, step)?.ok_or_else(missing)?)
            }
            Call::Audit(range) => json(&webhooks::trail(sql, &range)?),
            Call::Note(note) => {
                sql.change(|change| audit::take(change, note))?;
                json(&true)
            }
            Call::Pauses(call) => of_pauses(sql, site, call),
            Call::Exemption(server, call) => of_exemption(sql, site, &server, call),
            Call::Webhooks(call) => of_webhooks(sql, site, call),
            Call::Notifications(range) => json(&notifications::page(sql, &range)?),
            Call::Republish => {
                republish::begin(sql, site)?;
                json(&true)
            }
            Call::Tick => Ok(http::no_content()?),
            // answered before, since it needs no catalog
            Call::Keys(_) => json(&false),
        }
    }

    fn record(
        &self,
        sql: &Sql,
        site: &Site<'_>,
        circumstances: Circumstances,
        batch: &Batch,
    ) -> Result<Response, SqlError> {
        let dropped = self.refuses(sql, batch)?;
        if dropped.is_some() {
            return json(&Recorded { dropped, ..Recorded::default() });
        }
        // a test may have set its clock forward since the request that sends the batch
        let latest = circumstances.clock().and(batch.latest());
        let site = Site { now: latest.map_or(site.now, |latest| site.now.max(latest)), ..*site };
        json(&intake::record(sql, &mut self.recent.borrow_mut(), &site, batch)?)
    }

    /// Why a batch is not to be written down. Clocks of edge and ledger may differ by some milliseconds: where the
    /// ledger's is behind, what was answered without it may still count.
    fn refuses(&self, sql: &Sql, batch: &Batch) -> Result<Option<Dropped>, SqlError> {
        if batch.not_after.is_some_and(|at| real_millis() > at) {
            return Ok(Some(Dropped::Late));
        }
        // a tenant that was deleted while an isolate still held its policy
        let is_wanted = Config::get(&self.env).auto_tenants || policies::is_set(sql)?;
        Ok((!is_wanted).then_some(Dropped::NoPlace))
    }
}

/// The report on these days, with one page of servers, or as CSV with all of them.
fn of_report(sql: &Sql, site: &Site<'_>, days: report::Days, range: Option<Range>) -> Result<Response, SqlError> {
    let Some(range) = range else {
        let report::Days { from, to } = days;
        let name = format!("attachment; filename=\"tidegate-{}-{from}-{to}.csv\"", site.tenant);
        let table = report::csv(sql, site, days)?;
        let headers = [("content-disposition", name.as_str())];
        return Ok(http::respond(200, csv::CONTENT_TYPE, &headers, table.as_bytes())?);
    };
    json(&report::page(sql, site, days, &range)?)
}

fn of_pauses(sql: &Sql, site: &Site<'_>, call: PauseCall) -> Result<Response, SqlError> {
    match call {
        PauseCall::List(range) => json(&pauses::page(sql, site, &range)?),
        PauseCall::Create { days, reason, starts_on } => json(&pauses::create(sql, site, (days, starts_on), &reason)?),
        PauseCall::Change { id, days } => json(&pauses::change(sql, site, id, days)?),
        PauseCall::End { id } => json(&pauses::end(sql, site, id)?),
    }
}

fn of_exemption(sql: &Sql, site: &Site<'_>, server: &ServerId, call: ExemptionCall) -> Result<Response, SqlError> {
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

fn of_webhooks(sql: &Sql, site: &Site<'_>, call: WebhookCall) -> Result<Response, SqlError> {
    match call {
        WebhookCall::List(range) => json(&webhooks::page(sql, &range, false)?),
        WebhookCall::ListMasked(range) => json(&webhooks::page(sql, &range, true)?),
        WebhookCall::Rotate { id } => json(&webhooks::rotate(sql, site, &id)?),
        WebhookCall::Create { url } => json(&webhooks::create(sql, site, &url)?),
        WebhookCall::Delete { id } => json(&webhooks::delete(sql, site, &id)?),
    }
}
