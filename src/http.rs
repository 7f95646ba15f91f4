//! Requests and responses, straight on the runtime's own types: those of `worker` ask for more than a decision needs.

use std::cell::RefCell;

use js_sys::futures::JsFuture;
use js_sys::{Reflect, Uint8Array};
use tidegate_wire::problem::{self, Problem};
use wasm_bindgen::prelude::{JsCast, JsValue, wasm_bindgen};
use worker::worker_sys::web_sys;

/// A native request: 1 MiB of header and room for the frame around it.
pub const MAX_BODY: usize = 1024 * 1024 + 64 * 1024;

/// A request that came in.
pub struct Request {
    inner: web_sys::Request,
    pub method: String,
    url: String,
    pub authorization: Option<String>,
    /// `None` for a body of unknown length; what is no number is too large.
    content_length: Option<usize>,
    /// Of a body of which only the beginning was read.
    rest: RefCell<Option<web_sys::ReadableStreamDefaultReader>>,
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
            rest: RefCell::new(None),
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
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).and_then(|(_, value)| percent_decode(&value.replace('+', " ")))
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

    /// The first octets of the body, at most so many, and whether they are all of it. What lies behind is not awaited:
    /// see [`Self::answer`].
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
                    let (body, is_whole) = read_until(&reader, most, |_| false).await.map_err(|_| broken())?;
                    *self.rest.borrow_mut() = Some(reader).filter(|_| !is_whole);
                    Ok((body, is_whole))
                }
                None => Ok((Vec::new(), true)),
            },
        }
    }

    /// The response with 200 and `body`. It goes out at once; where the caller is still sending, its connection stays
    /// until it has sent everything, which is thrown away, or for ten seconds: who writes first and reads then would
    /// else find it closed, lose the answer and defer its mail.
    pub fn answer(&self, body: &[u8], media: Media) -> Result<web_sys::Response, JsValue> {
        match self.rest.borrow_mut().take() {
            Some(rest) => lingering_response(body, media == Media::Json, &self.inner, &rest),
            None => ok_response(body, media == Media::Json),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Media {
    Json,
    Text,
}

/// `None` for what is not UTF-8 when decoded.
pub fn percent_decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// An `ETag` is a revision.
pub fn etag(rev: u64) -> String {
    format!("\"{rev}\"")
}

/// The revision that `If-Match` asks for; `None`: whatever it is (RFC 9110, section 13.1.1).
pub fn if_match(request: &Request) -> Result<Option<u64>, Problem> {
    let rev_of = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    match request.header("if-match").as_deref() {
        None | Some("*") => Ok(None),
        Some(tag) => rev_of(tag).map(Some).ok_or_else(Problem::precondition_failed),
    }
}

/// A response, with more headers where asked for.
pub fn respond(
    status: u16,
    content_type: &str,
    more: &[(&str, &str)],
    body: &[u8],
) -> Result<web_sys::Response, JsValue> {
    let headers = web_sys::Headers::new()?;
    headers.set("content-type", content_type)?;
    for (name, value) in more {
        headers.set(name, value)?;
    }
    let init = web_sys::ResponseInit::new();
    init.set_status(status);
    init.set_headers(&headers);
    web_sys::Response::new_with_opt_js_u8_array_and_init(Some(&Uint8Array::from(body)), &init)
}

/// As [`respond`] with 200 and JSON, in one call to JavaScript instead of seven: every decision ends here.
pub fn json(body: &[u8]) -> Result<web_sys::Response, JsValue> {
    ok_response(body, true)
}

#[wasm_bindgen(inline_js = r#"
// none of these can have a line end in it
export const request_head = ({ method, url, headers }) =>
  [method, url, headers.get("authorization"), headers.get("content-length")].join("\n");

export const header_values = ({ headers }, names) =>
  names.split("\n").map((name) => headers.get(name)).join("\n");

const JSON_INIT = { headers: { "content-type": "application/json" } };
const TEXT_INIT = { headers: { "content-type": "text/plain" } };
// a copy: the bytes lie in WebAssembly's memory, which goes on changing
export const ok_response = (body, isJson) => new Response(body.slice(), isJson ? JSON_INIT : TEXT_INIT);

const LINGER_MS = 10_000;
// the answer's stream ends after its last octet is out: until then what the caller sends can be read
export const lingering_response = (bytes, isJson, { body }, rest) => {
  const { readable, writable } = new FixedLengthStream(bytes.length);
  const answer = bytes.slice();
  const linger = async () => {
    const writer = writable.getWriter();
    rest.releaseLock();
    const reader = body.getReader({ mode: "byob" });
    const timer = setTimeout(() => reader.cancel().catch(() => {}), LINGER_MS);
    try {
      await writer.write(answer);
      // one buffer for all of it
      for (let read = { value: new Uint8Array(16384) }; !read.done; )
        read = await reader.read(new Uint8Array(read.value.buffer));
    } catch {}
    clearTimeout(timer);
    await writer.close();
  };
  linger().catch(() => {});
  return new Response(readable, isJson ? JSON_INIT : TEXT_INIT);
};
"#)]
extern "C" {
    fn request_head(request: &web_sys::Request) -> String;

    fn header_values(request: &web_sys::Request, names: &str) -> String;

    #[wasm_bindgen(catch)]
    fn ok_response(body: &[u8], is_json: bool) -> Result<web_sys::Response, JsValue>;

    #[wasm_bindgen(catch)]
    fn lingering_response(
        body: &[u8],
        is_json: bool,
        request: &web_sys::Request,
        rest: &web_sys::ReadableStreamDefaultReader,
    ) -> Result<web_sys::Response, JsValue>;
}

pub fn no_content() -> Result<web_sys::Response, JsValue> {
    let init = web_sys::ResponseInit::new();
    init.set_status(204);
    web_sys::Response::new_with_opt_str_and_init(None, &init)
}

pub fn problem(problem: &Problem) -> Result<web_sys::Response, JsValue> {
    let retry_after = problem.retry_after.map(|seconds| seconds.to_string());
    let more = match problem.status {
        401 => Some(("www-authenticate", "Bearer")),
        _ => problem.allow.map(|methods| ("allow", methods)),
    };
    let more: Vec<_> =
        more.into_iter().chain(retry_after.iter().map(|after| ("retry-after", after.as_str()))).collect();
    respond(problem.status, problem::CONTENT_TYPE, &more, &problem.to_json())
}

async fn whole_body(request: &web_sys::Request) -> Result<Vec<u8>, JsValue> {
    let buffer = JsFuture::from(request.array_buffer()?).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// As far as the empty line that ends a message's header, or so many octets.
pub async fn read_header(stream: &web_sys::ReadableStream, most: usize) -> Result<(Vec<u8>, bool), JsValue> {
    // the line may begin in the piece before
    read_until(&reader(stream)?, most, |behind| {
        behind.windows(2).any(|two| two == b"\n\n") || behind.windows(3).any(|three| three == b"\n\r\n")
    })
    .await
}

fn reader(stream: &web_sys::ReadableStream) -> Result<web_sys::ReadableStreamDefaultReader, JsValue> {
    Ok(stream.get_reader().dyn_into()?)
}

/// Reads until `is_enough` says so of a new piece and the two octets before it.
async fn read_until(
    reader: &web_sys::ReadableStreamDefaultReader,
    most: usize,
    is_enough: fn(&[u8]) -> bool,
) -> Result<(Vec<u8>, bool), JsValue> {
    let mut body = Vec::new();
    loop {
        let piece = JsFuture::from(reader.read()).await?;
        if Reflect::get(&piece, &"done".into())?.as_bool() != Some(false) {
            return Ok((body, true));
        }
        let piece: Uint8Array = Reflect::get(&piece, &"value".into())?.dyn_into()?;
        let room = most.saturating_sub(body.len());
        let read_before = body.len().saturating_sub(2);
        if piece.length() as usize > room {
            let room = u32::try_from(room).unwrap_or(u32::MAX);
            body.extend_from_slice(&piece.subarray(0, room).to_vec());
            return Ok((body, false));
        }
        body.extend_from_slice(&piece.to_vec());
        if is_enough(body.get(read_before..).unwrap_or_default()) {
            return Ok((body, false));
        }
    }
}

fn broken() -> Problem {
    Problem::bad_request("the body could not be read")
}
