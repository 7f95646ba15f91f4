//! What gateways ask about messages: `POST /v1/decide`, the same in batches, and the same decisions in the words that each
//! of them knows.
//!
//! The way of a question: [`admit`] tells whose it is before its body is read, then its body is read, then
//! [`Posted::answer`] decides and answers. Where the isolate's cache has what they rest on, only the body is awaited:
//! each of the two then is done at once, or says that storage has to be awaited, and has changed nothing by then.
//!
//! Whose message it is, how it came and how many `Received` fields are the gateway's own says the key; in a dialect of its
//! own a key for all tenants names one in the address: `?tenant=contoso`. A fault of ours is an accept in the dialect and
//! never a status that would delay mail. A wrong key is 401, as everywhere.

mod asker;
mod batch;
mod dialect;
mod mta_hooks;
mod postfix;

use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use tidegate_wire::gateway::{Asked, Prefix};
use tidegate_wire::mta_hooks::Refusal;
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::{ReadableStreamDefaultReader, Response};
use worker::{Context, Env};

use super::auth::Unverified;
use super::decide::{Fault, Site, decide_event};
use super::failure::no_route;
use crate::config::Config;
use crate::durable::client::Circumstances;
use crate::hooks::{self, Way};
use crate::http::{self, Answer, Request};
use crate::metrics::Counter;
use crate::platform::Deadline;
use crate::store::{Access, Source, StoreError};
use asker::{Asker, verify};
use dialect::{Bound, Question};
pub use dialect::{DIALECTS, Dialect};
pub use mta_hooks::{answer as answer_mta_hooks, serves as is_mta_hooks};

/// Where a question is answered, and what may be read for it.
pub struct Place<'a> {
    env: &'a Env,
    context: &'a Context,
    config: Rc<Config>,
    source: Source,
}

/// How far a question is before its body is read.
pub enum Admission {
    Admitted(Box<Admitted>),
    /// It needs no body: it is refused.
    Answered(Response),
    /// The cache does not tell whose it is.
    AwaitsStorage,
}

/// A question whose body is to be read.
pub struct Admitted {
    request: Request,
    dialect: &'static Dialect,
    /// For our own fault it may be that it cannot be told who asks: nothing is read or recorded then.
    asker: Result<Asker, StoreError>,
    circumstances: Circumstances,
    /// What the answer may still await storage.
    left: Duration,
}

/// A question with its body.
pub struct Posted {
    admitted: Admitted,
    /// `None`: it broke off.
    body: Option<Body>,
}

/// As much of a body as is asked for.
pub struct Body {
    pub octets: Vec<u8>,
    pub is_whole: bool,
    /// What reads on where the rest is not awaited.
    pub rest: Option<ReadableStreamDefaultReader>,
}

/// Tells whose a question is, before its body is read.
pub async fn admit(request: Request, at: &Place<'_>) -> Result<Admission, JsValue> {
    let Some(dialect) = Dialect::at(request.path()) else {
        return http::problem(&no_route()).map(Admission::Answered);
    };
    match Admitted::new(request, dialect, at).await {
        Ok(admitted) => Ok(Admission::Admitted(Box::new(admitted))),
        Err(stop) => Ok(stop.response(dialect)?.map_or(Admission::AwaitsStorage, Admission::Answered)),
    }
}

/// What reads from the cache alone is there at once.
pub fn at_once<T>(reading: impl Future<Output = T>) -> Option<T> {
    reading.now_or_never()
}

/// Accepts for a fault of ours that left no decision, not even what was read for it. `octets`: of the body, where it is
/// there.
pub fn excuse(request: &Request, octets: Option<&[u8]>) -> Result<Response, JsValue> {
    let Some(dialect) = Dialect::at(request.path()) else { return http::problem(&no_route()) };
    let fault = Fault::new(Counter::DegradedInternal, "something of ours failed");
    match dialect.excuse(request, octets, fault) {
        Ok(Answer { octets, media }) => http::ok(&octets, media),
        Err(problem) => (dialect.refuse)(&problem),
    }
}

impl Admitted {
    async fn new(request: Request, dialect: &'static Dialect, at: &Place<'_>) -> Result<Self, Stop> {
        if !dialect.is_spoken_by(&request.method) {
            return Err(Problem::method_not_allowed().allowing(dialect.methods).into());
        }
        let access = at.access(&request, Deadline::for_answer())?;
        hooks::trap(&request, "admit");
        let asker = match verify(&request, dialect.key, (&at.config, at.context), &access).await {
            Ok(principal) => Ok(Asker::new(principal, dialect.key, &request)?),
            Err(Unverified::Wrong(problem)) => return Err(problem.into()),
            Err(Unverified::Unknown(StoreError::Uncached)) => return Err(Stop::AwaitsStorage),
            Err(Unverified::Unknown(error)) => Err(error),
        };
        let circumstances = Circumstances::of(&request)?;
        if dialect.path == mta_hooks::HOOK && asker.is_ok() {
            mta_hooks::verify_registration(&request, circumstances.now())?;
        }
        match dialect.body {
            Bound::Whole(most) if request.is_longer_than(most) => Err(Problem::too_large(most).into()),
            _ => Ok(Self { request, dialect, asker, circumstances, left: access.deadline.unspent() }),
        }
    }

    /// Takes its body in; `None`: it broke off.
    pub const fn post(self, body: Option<Body>) -> Posted {
        Posted { admitted: self, body }
    }
}

impl Posted {
    /// Decides and answers. `None`: storage has to be awaited.
    pub async fn answer(&self, at: &Place<'_>) -> Result<Option<Response>, JsValue> {
        let Admitted { request, dialect, .. } = &self.admitted;
        match self.decide(at).await {
            Ok(answer) => match self.body.as_ref().and_then(|body| body.rest.as_ref()) {
                Some(rest) => request.answer_early(&answer, rest).map(Some),
                None => http::ok(&answer.octets, answer.media).map(Some),
            },
            Err(stop) => stop.response(dialect),
        }
    }

    async fn decide(&self, at: &Place<'_>) -> Result<Answer, Stop> {
        let Admitted { request, dialect, asker, circumstances, left } = &self.admitted;
        let body = self.body.as_ref().ok_or_else(http::broken)?;
        match dialect.body {
            Bound::Whole(most) if !body.is_whole || body.octets.len() > most => {
                return Err(Problem::too_large(most).into());
            }
            _ => {}
        }
        let access = at.access(request, Deadline::after(*left))?;
        hooks::trap(request, "decide");
        let asker = match asker {
            Ok(asker) => asker,
            Err(error) => {
                let fault = Fault::new(Counter::DegradedKey, error.as_str());
                return Ok(dialect.excuse(request, Some(&body.octets), fault)?);
            }
        };
        let site = at.site(asker, *circumstances, access);
        let octets = match &dialect.question {
            Question::Message { read, render } => {
                let fields = request.headers(dialect.fields);
                let body = Prefix { bytes: &body.octets, is_whole: body.is_whole };
                let posted = read(&Asked { fields: &fields, body }, &asker.defaults)?;
                decide_event(&site, &posted, render(&asker.principal.gateway)).await.ok_or(Stop::AwaitsStorage)?
            }
            Question::Client => postfix::answer(asker, &body.octets, &site).await?,
            Question::Batch => {
                return batch::answer(asker, &body.octets, batch::is_lines(request), &site).await;
            }
        };
        Ok(Answer { octets, media: dialect.media })
    }
}

impl<'a> Place<'a> {
    pub fn new(env: &'a Env, context: &'a Context, source: Source) -> Self {
        Self { env, context, config: Config::get(env), source }
    }

    fn site(&'a self, asker: &'a Asker, circumstances: Circumstances, access: Access<'a>) -> Site<'a> {
        Site {
            config: &self.config,
            context: self.context,
            actor: &asker.principal.actor,
            is_bound: asker.principal.tenant.is_some(),
            refuses_at_rcpt: asker.principal.gateway.postfix_refusals,
            circumstances,
            access,
        }
    }

    /// How a request reads KV here.
    fn access(&self, request: &Request, deadline: Deadline) -> Result<Access<'a>, Stop> {
        let source = match (self.source, hooks::way(request)) {
            (source, None) | (source @ Source::Cache, Some(Way::AtOnce)) => source,
            (Source::Cache, Some(Way::Later | Way::PastCache)) => return Err(Stop::AwaitsStorage),
            (_, Some(Way::AtOnce)) => return Err(Problem::internal().into()),
            (source, Some(Way::Later)) => source,
            (_, Some(Way::PastCache)) => Source::Kv,
        };
        Ok(Access { env: self.env, source, deadline })
    }
}

/// Why there is no decision.
enum Stop {
    Problem(Problem),
    Refusal(Refusal),
    AwaitsStorage,
}

impl Stop {
    /// What is answered then. `None`: nothing yet.
    fn response(self, dialect: &Dialect) -> Result<Option<Response>, JsValue> {
        match self {
            Self::Problem(problem) => (dialect.refuse)(&problem).map(Some),
            Self::Refusal(refusal) => mta_hooks::refused(refusal).map(Some),
            Self::AwaitsStorage => Ok(None),
        }
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}
