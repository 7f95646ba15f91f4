//! Between JavaScript's values and the documents that the other modules read and write.
//!
//! Nothing of the caller's can throw or trap in here: every call that may run its code is caught.

use js_sys::{Error, JSON, JsString, Object, Reflect, Uint8Array};
use serde::Serialize;
use tidegate_engine::Timestamp;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{Code, Fault};

/// Characters of JSON that are read.
const MAX_JSON: u32 = 4 * 1024 * 1024;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Uint8Array)]
    type Octets;

    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    fn view(buffer: &JsValue, offset: &JsValue, length: &JsValue) -> Result<Octets, JsValue>;

    #[wasm_bindgen(js_namespace = JSON, js_name = stringify, catch)]
    fn stringify(value: &JsValue) -> Result<JsValue, JsValue>;
}

pub fn now() -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "a number of seconds")]
    Timestamp((js_sys::Date::now() / 1000.0).floor() as i64)
}

/// An object as JSON, `{}` where there is none.
pub fn json(value: &JsValue, code: Code) -> Result<String, Fault> {
    if value.is_undefined() || value.is_null() {
        return Ok("{}".to_owned());
    }
    let text = stringify(value).map_err(|_| Fault::new(code, "", "cannot be written as JSON"))?;
    let text: JsString = text.dyn_into().map_err(|_| Fault::new(code, "", "an object is expected"))?;
    if text.length() > MAX_JSON {
        return Err(Fault::new(Code::TooLarge, "", format_args!("more than {MAX_JSON} characters as JSON")));
    }
    Ok(String::from(text))
}

pub fn string(value: &JsValue, code: Code, field: &str) -> Result<String, Fault> {
    let text: &JsString = value.dyn_ref().ok_or_else(|| Fault::new(code, field, "a string is expected"))?;
    if text.length() > MAX_JSON {
        return Err(Fault::new(Code::TooLarge, field, format_args!("more than {MAX_JSON} characters")));
    }
    Ok(String::from(text))
}

/// The octets of any view of a buffer, from whichever realm.
pub fn octets(value: &JsValue) -> Option<Uint8Array> {
    if !js_sys::ArrayBuffer::is_view(value) {
        return None;
    }
    let member = |name: &str| Reflect::get(value, &JsValue::from_str(name)).ok();
    let view = Octets::view(&member("buffer")?, &member("byteOffset")?, &member("byteLength")?).ok()?;
    Some(view.unchecked_into())
}

/// The first `most` octets of a string or of octets, and whether there were more.
pub fn beginning(value: &JsValue, most: u32) -> Option<(Vec<u8>, bool)> {
    if let Some(text) = value.dyn_ref::<JsString>() {
        let cut = text.length() > most;
        let mut octets = String::from(text.slice(0, most)).into_bytes();
        let longer = octets.len() > most as usize;
        octets.truncate(most as usize);
        return Some((octets, cut || longer));
    }
    let octets = octets(value)?;
    Some((octets.subarray(0, most).to_vec(), octets.length() > most))
}

pub fn value(document: &impl Serialize) -> Result<JsValue, JsValue> {
    let json = serde_json::to_string(document).map_err(|_| thrown(&Fault::internal()))?;
    parsed(&json)
}

pub fn parsed(json: &str) -> Result<JsValue, JsValue> {
    JSON::parse(json).map_err(|_| thrown(&Fault::internal()))
}

/// The `Error` that the caller gets.
pub fn thrown(fault: &Fault) -> JsValue {
    let error = Error::new(&fault.to_string());
    set(&error, "code", &fault.code.as_str().into());
    set(&error, "field", &fault.field.as_str().into());
    error.into()
}

/// Sets a member of an object that was just made.
pub fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}
