//! What any worker must do that takes a mail event as JSON and answers JSON: read the body, parse it, send an answer of
//! a decision's size. The distance to the real worker is what the decision itself costs.

use std::borrow::Cow;
use std::hint::black_box;

use serde::Deserialize;
use worker::{Context, Env, Request, Response, ResponseBuilder, Result, event};

/// A decision as the real worker sends it.
const ANSWER: &[u8] = include_bytes!("answer.json");

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed for the sake of parsing")]
struct Decide<'a> {
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    event_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    connector: Option<Cow<'a, str>>,
    #[serde(borrow)]
    record: Option<Cow<'a, str>>,
    #[serde(borrow)]
    client: Option<Client<'a>>,
    own_hops: Option<u8>,
    #[serde(borrow)]
    envelope: Option<Envelope<'a>>,
    #[serde(borrow)]
    header: Cow<'a, str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed for the sake of parsing")]
struct Client<'a> {
    #[serde(borrow)]
    ip: Option<Cow<'a, str>>,
    #[serde(borrow)]
    helo: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed for the sake of parsing")]
struct Envelope<'a> {
    #[serde(borrow)]
    from: Option<Cow<'a, str>>,
    #[serde(borrow)]
    to: Vec<Cow<'a, str>>,
}

#[event(fetch)]
async fn fetch(mut request: Request, _env: Env, _ctx: Context) -> Result<Response> {
    let body = request.bytes().await?;
    match serde_json::from_slice::<Decide>(&body) {
        Ok(event) => {
            black_box(&event);
            Ok(ResponseBuilder::new().with_header("content-type", "application/json")?.fixed(ANSWER.to_vec()))
        }
        Err(error) => Response::error(error.to_string(), 400),
    }
}
