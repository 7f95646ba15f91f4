//! A request that came in.

use tidegate_wire::problem::Problem;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::worker_sys::web_sys;

use super::body::{broken, read_until, reader, whole_body};
use super::text::percent_decode;

/// A native request: 1 MiB of header and room for the frame around it.
pub const MAX_BODY: usize = 1024 * 1024 + 64 * 1024;

/// A request that came in.
pub struct Request {
    pub(super) inner: web_sys::Request,
    pub method: String,
    url: String,
    pub authorization: Option<String>,
    /// `None` for a body of unknown length; what is no number is too large.
    content_length: Option<usize>,
}

impl Request {
    /// Takes what every request is asked for in one call to JavaScript instead of six.
    pub fn new(inner: web_sys::Request) -> Self {
        let head = request_head(&inner);
        let mut lines = head.split('\n').map(str::to_owned);
        let mut line = || lines.next().unwrap_or_default();
        let (method, url, authorization, content_length) = (line(), line(), line(), line());
        Self {
            inner,
            method,
            url,
            authorization: Some(authorization).filter(|value| !value.is_empty()),
            content_length: Some(content_length)
                .filter(|length| !length.is_empty())
                .map(|length| length.parse().unwrap_or(usize::MAX)),
        }
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.inner.headers().get(name).ok().flatten()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The values of several header fields in one call to JavaScript; empty where one is missing.
    pub fn headers(&self, names: &[&str]) -> Vec<String> {
        if names.is_empty() {
            return Vec::new();
        }
        let mut list = String::new();
        for name in names {
            list.push_str(name);
            list.push('\n');
        }
        let values = header_values(&self.inner, list.trim_end());
        values.split('\n').map(str::to_owned).collect()
    }

    /// The path as written. Taken from the address by hand: the `url` crate would bring its tables along.
    pub fn path(&self) -> &str {
        let (_, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
        path.split(['?', '#']).next().unwrap_or("/")
    }

    /// The value of a query parameter.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn query(&self, name: &'static str) -> Result<Option<String>, Problem> {
        let (_, query) = self.url.split_once('?').unwrap_or_default();
        let query = query.split('#').next().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(None) };
        let malformed = || Problem::bad_request("percent-encoded UTF-8 is asked for").in_field(name);
        percent_decode(&value.replace('+', " ")).map(Some).ok_or_else(malformed)
    }

    /// Whether the body is longer, as far as the caller tells.
    pub fn is_longer_than(&self, most: usize) -> bool {
        self.content_length.is_some_and(|length| length > most)
    }

    /// The body, up to [`MAX_BODY`].
    pub async fn body(&self) -> Result<Vec<u8>, Problem> {
        self.body_within(MAX_BODY).await
    }

    /// The body, up to so many octets. One of unknown length is read piece by piece and left at the bound.
    pub async fn body_within(&self, most: usize) -> Result<Vec<u8>, Problem> {
        let (body, is_whole) = match self.content_length {
            Some(length) if length > most => (Vec::new(), false),
            _ => self.prefix(most).await?,
        };
        if is_whole { Ok(body) } else { Err(Problem::too_large(most)) }
    }

    /// The first octets of the body, at most so many, and whether they are all of it. What lies behind is not awaited.
    pub async fn prefix(&self, most: usize) -> Result<(Vec<u8>, bool), Problem> {
        match self.content_length {
            Some(length) if length <= most => {
                let whole = whole_body(&self.inner).await.map_err(|_| broken())?;
                let is_whole = whole.len() <= most;
                Ok((whole, is_whole))
            }
            _ => match self.inner.body() {
                Some(stream) => {
                    let reader = reader(&stream).map_err(|_| broken())?;
                    read_until(&reader, most, |_| false).await.map_err(|_| broken())
                }
                None => Ok((Vec::new(), true)),
            },
        }
    }
}

#[wasm_bindgen(inline_js = r#"
// none of these can have a line end in it
export const request_head = ({ method, url, headers }) =>
  [method, url, headers.get("authorization"), headers.get("content-length")].join("\n");

export const header_values = ({ headers }, names) =>
  names.split("\n").map((name) => headers.get(name)).join("\n");
"#)]
extern "C" {
    fn request_head(request: &web_sys::Request) -> String;

    fn header_values(request: &web_sys::Request, names: &str) -> String;
}
