//! Bodies, read as far as they are asked for.

use js_sys::futures::JsFuture;
use js_sys::{Reflect, Uint8Array};
use tidegate_wire::problem::Problem;
use wasm_bindgen::prelude::{JsCast, JsValue};
use worker::worker_sys::web_sys;

/// As far as the empty line that ends a message's header, or so many octets.
pub async fn read_header(stream: &web_sys::ReadableStream, most: usize) -> Result<(Vec<u8>, bool), JsValue> {
    // the line may begin in the piece before
    read_until(&reader(stream)?, most, |behind| {
        behind.windows(2).any(|two| two == b"\n\n") || behind.windows(3).any(|three| three == b"\n\r\n")
    })
    .await
}

pub fn reader(stream: &web_sys::ReadableStream) -> Result<web_sys::ReadableStreamDefaultReader, JsValue> {
    Ok(stream.get_reader().dyn_into()?)
}

/// Reads until `is_enough` says so of a new piece and the two octets before it.
pub async fn read_until(
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

pub async fn whole_body(request: &web_sys::Request) -> Result<Vec<u8>, JsValue> {
    let buffer = JsFuture::from(request.array_buffer()?).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// Answers a body that breaks off.
pub fn broken() -> Problem {
    Problem::bad_request("the body could not be read")
}
