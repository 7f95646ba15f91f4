//! Requests and responses, straight on the runtime's own types: those of `worker` ask for more than a decision needs.

use std::str::FromStr;

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

    /// The response with 200 to a request of whose body only the beginning was read, which `rest` reads on. It goes out at
    /// once; where the caller is still sending, its connection stays until it has sent everything, which is thrown away,
    /// or for ten seconds: who writes first and reads then would else find it closed, lose the answer and defer its mail.
    pub fn answer_early(
        &self,
        answer: &Answer,
        rest: &web_sys::ReadableStreamDefaultReader,
    ) -> Result<web_sys::Response, JsValue> {
        lingering_response(&answer.octets, answer.media as u8, &self.inner, rest)
    }
}

/// What is answered with 200.
pub struct Answer {
    pub octets: Vec<u8>,
    pub media: Media,
}

/// The order is that of `INITS` below.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Media {
    Json,
    Text,
    /// A JSON value a line.
    Lines,
}

impl Media {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain",
            Self::Lines => "application/x-ndjson",
        }
    }
}

/// `None` for what is not UTF-8 when decoded.
pub fn percent_decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// An `ETag` is a revision.
pub fn etag(rev: u64) -> String {
    format!("\"{rev}\"")
}

/// A number as it is written here: no sign, no zeros before it. So each has one spelling, as addresses and tags need it.
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

/// The revisions of which `If-Match` asks for any; `None`: whatever it is (RFC 9110, section 13.1.1). A weak tag matches
/// none, nor does one that is no revision.
pub fn if_match(request: &Request) -> Result<Option<IfMatch>, Problem> {
    request.header("if-match").map_or(Ok(None), |tags| revisions(&tags))
}

/// Most tags that are read of one field.
const MAX_TAGS: usize = 32;

/// A condition that something is of one of these revisions.
#[derive(Debug, Eq, PartialEq)]
pub struct IfMatch {
    pub first: u64,
    pub others: Vec<u64>,
}

fn revisions(tags: &str) -> Result<Option<IfMatch>, Problem> {
    if tags.trim() == "*" {
        return Ok(None);
    }
    // a comma within a tag splits it into parts that are none
    let revisions = tags.split(',').take(MAX_TAGS).map(str::trim);
    let mut revisions = revisions.filter_map(|tag| number(tag.strip_prefix('"')?.strip_suffix('"')?));
    let first = revisions.next().ok_or_else(Problem::precondition_failed)?;
    Ok(Some(IfMatch { first, others: revisions.collect() }))
}

/// Whether `Accept` asks for CSV rather than for JSON, the two that there are (RFC 9110, section 12.5.1): each has the
/// weight of the range that names it most closely. Of two that are as welcome the one that is named first, else JSON; and
/// JSON where neither is.
pub fn prefers_csv(accept: &str) -> bool {
    let accept = accept.to_ascii_lowercase();
    let ranges: Vec<MediaRange<'_>> = accept.split(',').filter_map(MediaRange::read).collect();
    let of = |names: [&str; 3]| {
        let named = names.iter().find_map(|name| ranges.iter().position(|range| range.name == *name));
        let weight = named.and_then(|at| ranges.get(at)).map_or(0, |range| range.weight);
        let is_exact = named.is_some_and(|at| ranges.get(at).is_some_and(|range| range.name == names[0]));
        (weight, named.filter(|_| is_exact).unwrap_or(usize::MAX))
    };
    let (csv, named_at) = of(["text/csv", "text/*", "*/*"]);
    let (json, json_named_at) = of(["application/json", "application/*", "*/*"]);
    csv > json || (csv == json && csv > 0 && named_at < json_named_at)
}

/// What an `Accept` field names.
struct MediaRange<'a> {
    name: &'a str,
    /// In thousandths.
    weight: u16,
}

impl<'a> MediaRange<'a> {
    /// `None` for what is none, or whose weight is none.
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        Some(Self { name, weight: weight.map_or(Some(1_000), thousandths)? })
    }
}

/// A weight: 0 to 1 with three digits behind the point at most (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let is_part = part.len() <= 3 && part.bytes().all(|octet| octet.is_ascii_digit());
    let whole: u16 = number(whole).filter(|whole| *whole <= 1 && is_part)?;
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    Some(whole * 1_000 + part).filter(|weight| *weight <= 1_000)
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

/// As [`respond`] with 200, in one call to JavaScript instead of seven: every decision ends here.
pub fn ok(body: &[u8], media: Media) -> Result<web_sys::Response, JsValue> {
    ok_response(body, media as u8)
}

/// The same with JSON.
pub fn json(body: &[u8]) -> Result<web_sys::Response, JsValue> {
    ok(body, Media::Json)
}

#[wasm_bindgen(inline_js = r#"
// none of these can have a line end in it
export const request_head = ({ method, url, headers }) =>
  [method, url, headers.get("authorization"), headers.get("content-length")].join("\n");

export const header_values = ({ headers }, names) =>
  names.split("\n").map((name) => headers.get(name)).join("\n");

const INITS = ["application/json", "text/plain", "application/x-ndjson"].map((type) => ({
  headers: { "content-type": type },
}));
// a copy: the bytes lie in WebAssembly's memory, which goes on changing
export const ok_response = (body, media) => new Response(body.slice(), INITS[media]);

const LINGER_MS = 10_000;
// the answer's stream ends after its last octet is out: until then what the caller sends can be read
export const lingering_response = (bytes, media, { body }, rest) => {
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
  return new Response(readable, INITS[media]);
};
"#)]
extern "C" {
    fn request_head(request: &web_sys::Request) -> String;

    fn header_values(request: &web_sys::Request, names: &str) -> String;

    #[wasm_bindgen(catch)]
    fn ok_response(body: &[u8], media: u8) -> Result<web_sys::Response, JsValue>;

    #[wasm_bindgen(catch)]
    fn lingering_response(
        body: &[u8],
        media: u8,
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

/// Answers a body that breaks off.
pub fn broken() -> Problem {
    Problem::bad_request("the body could not be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(["0", "7", "120"].map(number::<u32>), [Some(0), Some(7), Some(120)]);
        for wrong in ["", "+1", "-1", "01", "00", " 1", "1.0", "4294967296"] {
            assert_eq!(number::<u32>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_change_is_conditional_on_any_of_the_tags_that_are_listed() {
        let read = |tags| revisions(tags).ok().flatten().map(|IfMatch { first, others }| (first, others));
        assert_eq!(read(r#""7""#), Some((7, vec![])));
        assert_eq!(read(r#""99", "1""#), Some((99, vec![1])));
        assert_eq!(read(r#", W/"1" ,"x,y", "3","#), Some((3, vec![])));
        assert_eq!(revisions("*"), Ok(None));
        for none in ["", "7", r#"W/"7""#, r#""+7""#, r#""a""#, r#""7"#] {
            assert_eq!(revisions(none).map_err(|problem| problem.status), Err(412), "{none}");
        }
    }

    #[test]
    fn csv_is_given_to_who_prefers_it() {
        for accept in [
            "text/csv",
            "text/csv, application/json",
            "text/*",
            "text/csv, */*",
            "TEXT/CSV;header=present;q=0.9",
            "application/json;q=0.5, text/csv;q=0.501",
            "text/csv;q=1.000, application/json;q=1",
            "application/json;q=0, */*",
        ] {
            assert!(prefers_csv(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/csv;q=0",
            "application/json, text/csv",
            "text/csv;q=0, */*;q=0.1",
            "application/xml",
            "text/csv;q=2",
            "text/csv;q=0.9, application/json",
            "text/*;q=0.3, text/csv;q=0, application/*;q=0.1",
        ] {
            assert!(!prefers_csv(accept), "{accept}");
        }
    }
}
