//! Requests and responses of the runtime, as the routes need them.

use futures_util::StreamExt;
use tidegate_engine::time::Timestamp;
use tidegate_wire::problem::{self, Problem};
use worker::{Headers, Request, Response, ResponseBuilder};

use crate::config::Config;

/// A native request: 1 MiB of header and room for the frame around it.
pub const MAX_BODY: usize = 1024 * 1024 + 64 * 1024;

pub fn json(body: Vec<u8>) -> worker::Result<Response> {
    respond(200, "application/json", body)
}

pub fn problem(problem: &Problem) -> worker::Result<Response> {
    let mut response = respond(problem.status, problem::CONTENT_TYPE, problem.to_json())?;
    if problem.status == 401 {
        response.headers_mut().set("www-authenticate", "Bearer")?;
    }
    Ok(response)
}

fn respond(status: u16, content_type: &str, body: Vec<u8>) -> worker::Result<Response> {
    let headers = Headers::new();
    headers.set("content-type", content_type)?;
    Ok(ResponseBuilder::new()
        .with_status(status)
        .with_headers(headers)
        .fixed(body))
}

/// The body, up to [`MAX_BODY`]. One of unknown length is read piece by piece and left at the bound.
pub async fn body(request: &mut Request) -> Result<Vec<u8>, Problem> {
    let broken = |_| Problem::bad_request("the body could not be read");
    let length = request
        .headers()
        .get("content-length")
        .ok()
        .flatten()
        .and_then(|length| length.parse::<usize>().ok());
    match length {
        Some(length) if length > MAX_BODY => Err(Problem::too_large(MAX_BODY)),
        Some(_) => {
            let body = request.bytes().await.map_err(broken)?;
            if body.len() > MAX_BODY {
                Err(Problem::too_large(MAX_BODY))
            } else {
                Ok(body)
            }
        }
        None => {
            let Ok(mut stream) = request.stream() else {
                return Ok(Vec::new());
            };
            let mut body = Vec::new();
            while let Some(piece) = stream.next().await {
                body.extend_from_slice(&piece.map_err(broken)?);
                if body.len() > MAX_BODY {
                    return Err(Problem::too_large(MAX_BODY));
                }
            }
            Ok(body)
        }
    }
}

/// The clock that a test sets with `x-tidegate-now`. Elsewhere the header is ignored.
pub fn test_clock(config: &Config, request: &Request) -> Result<Option<Timestamp>, Problem> {
    if !config.is_test {
        return Ok(None);
    }
    let Some(text) = request.headers().get("x-tidegate-now").ok().flatten() else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|error| Problem::bad_request(format!("{error}")).in_field("x-tidegate-now"))
}

/// Whether a test wants the isolate's cache bypassed.
pub fn wants_fresh(config: &Config, request: &Request) -> bool {
    config.is_test && request.headers().has("x-tidegate-fresh").unwrap_or(false)
}

/// The value of a query parameter. Splitting the address by hand keeps the `url` crate's tables out of the worker.
pub fn query(request: &Request, name: &str) -> Option<String> {
    let url = request.inner().url();
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| percent_decode(&value.replace('+', " ")))
}

/// `None` for what is not UTF-8 when decoded.
pub fn percent_decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .ok()
        .map(|text| text.into_owned())
}
