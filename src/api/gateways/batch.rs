//! `POST /v1/decide/batch`: up to 256 messages in one request, decided on side by side. What is to be acknowledged goes to
//! each tenant's ledger in one call.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};
use tidegate_engine::TenantId;
use tidegate_wire::batch::{Batch, Form};
use tidegate_wire::native;
use tidegate_wire::problem::Problem;

use super::Stop;
use super::asker::Asker;
use crate::api::decide::{
    Decided, Fault, Known, Pending, Site, Unknown, decide, look_up, read_ahead, record, undecided,
};
use crate::durable::client::CallError;
use crate::http::{Answer, MAX_BODY, Media, Request};

/// Octets of a batch.
pub const MAX_OCTETS: usize = 8 * 1024 * 1024;

/// The answers in the order of the events.
pub async fn answer(asker: &Asker, body: &[u8], is_lines: bool, site: &Site<'_>) -> Result<Answer, Stop> {
    let Batch { form, events } = Batch::split(body, is_lines)?;
    let posted = events.into_iter().map(|event| match event.len() {
        0..=MAX_BODY => native::Request::parse(event, &asker.defaults),
        _ => Err(Problem::too_large(MAX_BODY)),
    });
    let posted: Vec<_> = posted.collect();
    read_ahead(site, posted.iter().flatten()).await;
    // all of them before any is decided on: where one awaits storage, all of them do
    let found = try_join_all(posted.iter().map(async |posted| match posted {
        Ok(posted) => match look_up(site, posted).await {
            Some(found) => Ok(Found::Event(posted, Box::new(found))),
            None => Err(Stop::AwaitsStorage),
        },
        Err(problem) => Ok(Found::Problem(problem)),
    }));
    Ok(joined(form, &decide_all(site, found.await?).await))
}

/// Whether the caller says that it posts a JSON value a line.
pub fn is_lines(request: &Request) -> bool {
    request.header("content-type").is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-ndjson"))
    })
}

/// Accepts each event for a fault of ours.
pub fn excuse(body: &[u8], is_lines: bool, fault: Fault) -> Result<Answer, Problem> {
    let Batch { form, events } = Batch::split(body, is_lines)?;
    let answers: Vec<_> = events.iter().map(|_| undecided(None, None, fault, native::answer)).collect();
    Ok(joined(form, &answers))
}

/// What the decision on an event rests on.
enum Found<'a> {
    Event(&'a native::Request<'a>, Box<Result<Known<'a>, Unknown<'a>>>),
    /// It is none.
    Problem(&'a Problem),
}

/// Each tenant's ledger is asked once, and all of them side by side.
async fn decide_all<'a>(site: &Site<'_>, found: Vec<Found<'a>>) -> Vec<Vec<u8>> {
    let decided = found.into_iter().map(|found| match found {
        Found::Event(posted, found) => decide(site, posted, *found, native::answer),
        Found::Problem(problem) => Decided::Answered(problem.to_json()),
    });
    let decided: Vec<Decided<'a>> = decided.collect();
    let mut by_tenant: BTreeMap<&TenantId, Vec<&Pending<'_>>> = BTreeMap::new();
    for decided in &decided {
        if let Decided::AwaitsReceipt(pending) = decided {
            by_tenant.entry(pending.tenant()).or_default().push(pending);
        }
    }
    let receipts = by_tenant.into_iter().map(async |(tenant, pending)| (tenant, record(site, tenant, &pending).await));
    let receipts: BTreeMap<_, _> = join_all(receipts).await.into_iter().collect();
    let answer = |decided: &Decided<'_>| match decided {
        Decided::Answered(answer) => answer.clone(),
        Decided::AwaitsReceipt(pending) => {
            let none = Err(CallError::Failed);
            pending.answer(receipts.get(pending.tenant()).unwrap_or(&none), native::answer)
        }
    };
    decided.iter().map(answer).collect()
}

fn joined(form: Form, answers: &[Vec<u8>]) -> Answer {
    match form {
        Form::Array => {
            let mut octets = b"[".to_vec();
            octets.extend_from_slice(&answers.join(&b","[..]));
            octets.push(b']');
            Answer { octets, media: Media::Json }
        }
        Form::Lines => {
            let mut octets = answers.join(&b"\n"[..]);
            if !octets.is_empty() {
                octets.push(b'\n');
            }
            Answer { octets, media: Media::Lines }
        }
    }
}
