//! What is answered.

use js_sys::Uint8Array;
use tidegate_wire::problem::{self, Problem};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::worker_sys::web_sys;

use super::request::Request;

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

impl Request {
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

#[wasm_bindgen(inline_js = r#"
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
