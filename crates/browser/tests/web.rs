//! The package's functions where they are at home: called with JavaScript's values, in Node and in a browser.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use js_sys::{Array, JSON, Reflect, Uint8Array};
use tidegate_browser::{Scanner, assess, catalog, read_header, simulate};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

const OLD: &str = "Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with\r\n Microsoft SMTP Server id 15.1.2507.39; Mon, 5 Oct 2026 10:00:00 +0000\r\n";

fn get(value: &JsValue, path: &str) -> JsValue {
    path.split('.').fold(value.clone(), |value, name| Reflect::get(&value, &name.into()).unwrap())
}

fn text(value: &JsValue, path: &str) -> String {
    get(value, path).as_string().unwrap()
}

#[wasm_bindgen_test]
fn a_header_is_read_from_text_and_from_octets() {
    for header in [JsValue::from(OLD), Uint8Array::from(OLD.as_bytes()).into()] {
        let reading = read_header(&header, &JsValue::UNDEFINED).unwrap();
        assert_eq!(text(&reading, "hops.0.by"), "EX01.contoso.com");
        assert_eq!(text(&reading, "hops.0.build"), "15.1.2507.39");
        assert_eq!(text(&reading, "hops.0.at"), "2026-10-05T10:00:00Z");
    }
}

#[wasm_bindgen_test]
fn the_callers_fault_is_an_error_with_a_code() {
    let error = assess(&"15.1".into(), &JsValue::UNDEFINED).unwrap_err();
    assert!(error.is_instance_of::<js_sys::Error>());
    assert_eq!(text(&error, "code"), "invalid_build");
    assert_eq!(text(&read_header(&JsValue::from(5), &JsValue::NULL).unwrap_err(), "code"), "invalid_header");
}

#[wasm_bindgen_test]
fn an_hour_has_sixty_minutes_and_the_catalog_its_releases() {
    let input =
        JSON::parse(r#"{"build":"15.1.2507.39","detectedAt":"2026-01-01T00:00:00Z","at":"2026-11-22T12:00:00Z"}"#);
    let simulation = simulate(&input.unwrap()).unwrap();
    let hour = Array::from(&get(&simulation, "hour"));
    assert_eq!((hour.length(), hour.get(0).as_string()), (60, Some("reject".to_owned())));
    assert!(Array::from(&get(&catalog().unwrap(), "releases")).length() >= 446);
}

#[wasm_bindgen_test]
fn an_archive_is_gone_through_in_pieces() {
    let archive = format!("From a@b Mon Oct  5 10:00:00 2026\r\n{OLD}\r\nbody\r\n\r\n").repeat(3);
    let mut scanner = Scanner::new(&JsValue::UNDEFINED).unwrap();
    for chunk in archive.as_bytes().chunks(11) {
        scanner.push(&Uint8Array::from(chunk)).unwrap();
    }
    scanner.finish();
    let result = scanner.result(&JsValue::UNDEFINED).unwrap();
    assert_eq!(get(&result, "messages").as_f64(), Some(3.0));
    assert_eq!(text(&result, "servers.0.id"), "ex01.contoso.com");
}
