//! The dialects in which gateways ask about messages, by the address at which each is spoken.

use tidegate_wire::gateway::{Asked, MAX_PREFIX};
use tidegate_wire::native::{self, Defaults};
use tidegate_wire::problem::Problem;
use tidegate_wire::{exim, mta_hooks, postfix, rspamd, stalwart};
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;

use super::asker::KeyIn;
use super::batch;
use super::mta_hooks::{HOOK, refuse as refuse_hook};
use crate::access::GatewaySettings;
use crate::api::decide::{Fault, Render, accepted, undecided};
use crate::http::{self, Answer, MAX_BODY, Media, Request};

/// How one kind of gateway asks, and is answered.
pub struct Dialect {
    pub path: &'static str,
    /// The methods that it is spoken by.
    pub methods: &'static str,
    /// The header fields that tell of the message.
    pub fields: &'static [&'static str],
    pub key: KeyIn,
    /// What of the body is read.
    pub body: Bound,
    pub question: Question,
    pub media: Media,
    /// Answers the caller's fault.
    pub refuse: fn(&Problem) -> Result<Response, JsValue>,
}

/// What of a body is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bound {
    /// All of it: a longer one is refused.
    Whole(usize),
    /// Its beginning.
    Prefix(usize),
}

/// What is asked.
pub enum Question {
    /// What to do with a message that is told with its header. The settings are those of the asking key.
    Message { read: Read, render: fn(&GatewaySettings) -> Render },
    /// What to do with a client before it sends a header.
    Client,
    /// What to do with each of many messages.
    Batch,
}

pub type Read = for<'a> fn(&Asked<'a>, &Defaults) -> Result<native::Request<'a>, Problem>;

pub static DIALECTS: [Dialect; 7] = [
    Dialect {
        path: "/v1/decide",
        methods: "POST",
        fields: &[],
        key: KeyIn::Bearer,
        body: Bound::Whole(MAX_BODY),
        question: Question::Message {
            read: |asked, defaults| native::Request::parse(asked.body.bytes, defaults),
            render: |_| native::answer,
        },
        media: Media::Json,
        refuse: http::problem,
    },
    Dialect {
        path: "/v1/decide/batch",
        methods: "POST",
        fields: &[],
        key: KeyIn::Bearer,
        body: Bound::Whole(batch::MAX_OCTETS),
        question: Question::Batch,
        media: Media::Json,
        refuse: http::problem,
    },
    Dialect {
        path: "/checkv2",
        // rspamd's proxy sends GET with a body
        methods: "GET, POST",
        fields: rspamd::FIELDS,
        key: KeyIn::AnyOf { field: Some("password") },
        body: Bound::Prefix(MAX_PREFIX),
        question: Question::Message {
            read: rspamd::request,
            render: |gateway| if gateway.rspamd_add_headers { rspamd::answer_by_header } else { rspamd::answer },
        },
        media: Media::Json,
        refuse: http::problem,
    },
    Dialect {
        path: "/gateways/exim",
        methods: "POST",
        fields: exim::FIELDS,
        key: KeyIn::AnyOf { field: None },
        body: Bound::Prefix(MAX_PREFIX),
        question: Question::Message { read: exim::request, render: |_| exim::answer },
        media: Media::Text,
        refuse: http::problem,
    },
    Dialect {
        path: "/gateways/stalwart",
        methods: "POST",
        fields: stalwart::FIELDS,
        key: KeyIn::AnyOf { field: None },
        body: Bound::Prefix(MAX_PREFIX),
        question: Question::Message { read: stalwart::request, render: |_| stalwart::answer },
        media: Media::Json,
        refuse: http::problem,
    },
    Dialect {
        path: HOOK,
        methods: "POST",
        fields: mta_hooks::FIELDS,
        key: KeyIn::AnyOf { field: None },
        body: Bound::Prefix(MAX_PREFIX),
        question: Question::Message { read: mta_hooks::request, render: |_| mta_hooks::answer },
        media: Media::Json,
        refuse: refuse_hook,
    },
    Dialect {
        path: "/gateways/postfix",
        methods: "POST",
        fields: &[],
        key: KeyIn::AnyOf { field: Some("x-auth-token") },
        body: Bound::Prefix(MAX_PREFIX),
        question: Question::Client,
        media: Media::Text,
        refuse: http::problem,
    },
];

impl Bound {
    pub const fn octets(self) -> usize {
        match self {
            Self::Whole(octets) | Self::Prefix(octets) => octets,
        }
    }
}

impl Dialect {
    /// The one that is spoken at that path.
    pub fn at(path: &str) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| dialect.path == path)
    }

    /// Accepts for that fault, and counts it. `octets`: of the body, where it is there: without it what asks about many
    /// messages can only be told to ask again.
    pub fn excuse(&self, request: &Request, octets: Option<&[u8]>, fault: Fault) -> Result<Answer, Problem> {
        let octets = match (&self.question, octets) {
            (Question::Message { render, .. }, _) => undecided(None, None, fault, render(&GatewaySettings::default())),
            (Question::Client, octets) => {
                fault.note();
                postfix::answer(None, postfix::request(octets.unwrap_or_default()).form)
            }
            (Question::Batch, Some(octets)) => return batch::excuse(octets, batch::is_lines(request), fault),
            (Question::Batch, None) => return Err(Problem::unavailable("something of ours failed; try again")),
        };
        Ok(Answer { octets, media: self.media })
    }

    /// The accept where nothing can be asked any more, not even [`Self::excuse`]. `None`: there is none for many messages.
    pub fn accept(&self) -> Option<Vec<u8>> {
        match self.question {
            Question::Message { render, .. } => {
                Some(accepted(None, None, "something of ours failed", render(&GatewaySettings::default())))
            }
            Question::Client => Some(postfix::answer(None, postfix::Form::default())),
            Question::Batch => None,
        }
    }

    pub fn is_spoken_by(&self, method: &str) -> bool {
        self.methods.split(", ").any(|known| known == method)
    }
}
