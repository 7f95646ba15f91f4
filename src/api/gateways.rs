//! Gateways' own dialects: the same decisions as `POST /v1/decide`, in the words that each of them knows.
//!
//! Whose message it is, how it came and how many `Received` fields are the gateway's own says the key; a key for all
//! tenants names one in the address: `?tenant=contoso`. A fault of ours is an accept in the dialect and never a status
//! that would delay mail. A wrong key is 401, as everywhere.

mod mta_hooks;
mod postfix;

use tidegate_wire::gateway::{Asked, MAX_PREFIX, Prefix};
use tidegate_wire::native::{self, Defaults};
use tidegate_wire::problem::Problem;
use tidegate_wire::{exim, rspamd, stalwart};
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use super::access_of;
use super::auth::{self, Unverified};
use super::decide::{Fault, Render, Site, decide_event, defaults, undecided};
use crate::access::Principal;
use crate::config::Config;
use crate::durable::client::Circumstances;
use crate::http::{self, Media, Request};
use crate::metrics::Counter;

/// One dialect in which a message with its header is told.
struct Dialect {
    /// The methods that it is spoken by.
    methods: &'static str,
    /// The header fields that tell of the message.
    fields: &'static [&'static str],
    /// A header field of its own for the key, where `Authorization` has none.
    key_field: Option<&'static str>,
    read: Read,
    render: Render,
    media: Media,
}

type Read = for<'a> fn(&Asked<'a>, &Defaults) -> Result<native::Request<'a>, Problem>;

/// rspamd's proxy sends GET with a body.
const RSPAMD: Dialect = Dialect {
    methods: "GET, POST",
    fields: rspamd::FIELDS,
    key_field: Some("password"),
    read: rspamd::request,
    render: rspamd::answer,
    media: Media::Json,
};
const EXIM: Dialect = Dialect {
    methods: "POST",
    fields: exim::FIELDS,
    key_field: None,
    read: exim::request,
    render: exim::answer,
    media: Media::Text,
};
const STALWART: Dialect = Dialect {
    methods: "POST",
    fields: stalwart::FIELDS,
    key_field: None,
    read: stalwart::request,
    render: stalwart::answer,
    media: Media::Json,
};

/// Whether an address belongs here.
pub fn serves(path: &str) -> bool {
    path == "/checkv2" || path.starts_with("/gateways/") || path == "/.well-known/mta-hooks"
}

pub async fn answer(request: &Request, env: &Env, context: &Context) -> Result<Response, JsValue> {
    let asking = Asking { config: &Config::get(env), request, env, context };
    let dialect = match request.path() {
        "/checkv2" => RSPAMD,
        "/gateways/exim" => EXIM,
        "/gateways/stalwart" => STALWART,
        "/gateways/postfix" => return postfix::answer(&asking).await,
        "/.well-known/mta-hooks" => return mta_hooks::discover(&asking),
        path => match path.strip_prefix("/gateways/mta-hooks/") {
            Some(rest) => return mta_hooks::answer(&asking, rest).await,
            None => return http::problem(&super::no_route()),
        },
    };
    match asking.decide(&dialect).await {
        Ok(answer) => request.answer(&answer, dialect.media),
        Err(problem) => http::problem(&problem),
    }
}

/// A request, and what it is answered with.
struct Asking<'a> {
    config: &'a Config,
    request: &'a Request,
    env: &'a Env,
    context: &'a Context,
}

impl Asking<'_> {
    /// Decides on one message.
    async fn decide(&self, dialect: &Dialect) -> Result<Vec<u8>, Problem> {
        if !dialect.methods.split(' ').any(|method| method.trim_end_matches(',') == self.request.method) {
            return Err(Problem::method_not_allowed().allowing(dialect.methods));
        }
        let principal = match self.principal(dialect.key_field).await {
            Ok(principal) => principal,
            Err(Unverified::Wrong(problem)) => return Err(problem),
            // who asks cannot be told for our own fault: nothing is read or recorded
            Err(Unverified::Unknown(why)) => {
                return Ok(undecided(None, None, Fault::new(Counter::DegradedKey, why), dialect.render));
            }
        };
        self.decide_for(&principal, dialect).await
    }

    /// The same, once the key is verified.
    async fn decide_for(&self, principal: &Principal, dialect: &Dialect) -> Result<Vec<u8>, Problem> {
        let defaults = self.defaults(principal)?;
        let circumstances = Circumstances::of(self.request)?;
        let fields = self.request.headers(dialect.fields);
        let (body, is_whole) = self.request.prefix(MAX_PREFIX).await?;
        let asked = Asked { fields: &fields, body: Prefix { bytes: &body, is_whole } };
        let posted = (dialect.read)(&asked, &defaults)?;
        let by_header = principal.gateway.rspamd_add_headers && dialect.fields == rspamd::FIELDS;
        let render = if by_header { rspamd::answer_by_header } else { dialect.render };
        let access = access_of(self.request, self.env);
        let (config, context, actor) = (self.config, self.context, principal.actor.as_str());
        let is_bound = principal.tenant.is_some();
        let refuses_at_rcpt = principal.gateway.postfix_refusals;
        let site = Site { config, context, actor, is_bound, refuses_at_rcpt, circumstances, access };
        Ok(decide_event(&site, &posted, render).await)
    }

    /// Whose request it is: by `Authorization: Bearer` or `Basic`, else by `key_field`.
    async fn principal(&self, key_field: Option<&str>) -> Result<Principal, Unverified> {
        let key = match &self.request.authorization {
            Some(value) => auth::of(self.request).map(str::to_owned).or_else(|| auth::basic(value)),
            None => key_field.and_then(|field| self.request.header(field)),
        };
        let access = access_of(self.request, self.env);
        auth::verify(self.config, &access, self.context, self.request, key.as_deref()).await
    }

    /// What the key says of its gateway, for the one tenant that it or the address names.
    fn defaults(&self, principal: &Principal) -> Result<Defaults, Problem> {
        principal.decides()?;
        let mut defaults = defaults(principal);
        let named = self.request.query("tenant")?;
        defaults.tenant = Some(defaults.tenant(named.as_deref())?);
        Ok(defaults)
    }
}
