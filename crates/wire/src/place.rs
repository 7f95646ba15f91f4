//! Reads JSON, and tells where in the document a reader stopped, and why.

use serde::Deserialize;
use serde_json::error::Category;

/// One step from a JSON document down to a value in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// A member of an object, by its name.
    Member(String),
    /// An item of an array, counted from 0.
    Item(usize),
}

/// What is wrong at a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wrong {
    /// The document is no JSON.
    Syntax,
    /// The reader does not know the member there.
    UnknownMember,
    /// The member there is missing.
    MissingMember,
    /// The member there stands twice.
    DuplicateMember,
    /// The value there is none that the reader takes.
    Value,
}

/// Why a document could not be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Misread {
    pub wrong: Wrong,
    /// From the document's root; empty: the whole of it, or nowhere in particular.
    pub place: Vec<Step>,
    /// In the reader's words, without the place.
    pub detail: String,
}

impl Misread {
    /// The place as people write it: `rows[1].a`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.place {
            match step {
                Step::Member(name) if path.is_empty() => path.push_str(name),
                Step::Member(name) => path.extend([".", name.as_str()]),
                Step::Item(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// Reads a JSON document into `T`.
///
/// # Errors
/// What is wrong first, and where.
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Misread> {
    serde_json::from_slice(json).map_err(|error| misread(json, &error))
}

fn misread(json: &[u8], error: &serde_json::Error) -> Misread {
    // a value of the wrong type may count as malformed: `null` where a variant's name is expected does
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(json).is_ok();
    if error.classify() != Category::Data && !is_json() {
        return Misread { wrong: Wrong::Syntax, place: Vec::new(), detail: error.to_string() };
    }
    let message = error.to_string();
    let detail = message.rsplit_once(" at line ").map_or(message.as_str(), |(detail, _)| detail);
    let lines = json.split_inclusive(|octet| *octet == b'\n');
    let above: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let read = json.get(..above + error.column()).unwrap_or(json);
    let mut place = open_at_end(read);
    let (wrong, name) = told(detail);
    match name {
        Some(name) if !matches!(place.last(), Some(Step::Member(last)) if last == name) => {
            place.push(Step::Member(name.to_owned()));
        }
        Some(_) => {}
        // what a member's own rules refuse is told behind what follows the member
        None => place = read.strip_suffix(b"}").or_else(|| read.strip_suffix(b",")).map_or(place, open_at_end),
    }
    Misread { wrong, place, detail: in_plain_words(detail) }
}

/// What serde says, without the names of our types and its own words for JSON's.
fn in_plain_words(detail: &str) -> String {
    if detail == "expected value" {
        return "a value of another type is expected".to_owned();
    }
    if let Some(rest) = detail.strip_prefix("unknown variant ") {
        return format!("unknown value {rest}");
    }
    // what the caller wrote stands before that, and may look like it
    let split = detail.rsplit_once(", expected ");
    let split = split.and_then(|(found, expected)| Some((found.strip_prefix("invalid ")?, expected)));
    let Some((found, expected)) = split else { return detail.to_owned() };
    let expected = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or greater",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "an array",
        "variant identifier" => "a name",
        _ if expected.starts_with("enum ") => "a name",
        _ if ["struct ", "internally tagged", "adjacently tagged"].iter().any(|kind| expected.starts_with(kind)) => {
            "an object"
        }
        _ if expected.contains("tuple ") => "an array of that length",
        _ => expected,
    };
    let found = match found.split_once(": ").map_or(found, |(_, value)| value) {
        "map" => "an object".to_owned(),
        "sequence" => "an array".to_owned(),
        value => value.replacen("floating point ", "number ", 1).replacen("integer ", "number ", 1),
    };
    format!("{expected} is expected, not {found}")
}

/// What serde says is wrong, and the member that it names in its own words: one that is missing lies at no place.
fn told(detail: &str) -> (Wrong, Option<&str>) {
    let kinds = [
        ("unknown field `", Wrong::UnknownMember),
        ("missing field `", Wrong::MissingMember),
        ("duplicate field `", Wrong::DuplicateMember),
    ];
    let named = kinds.iter().find_map(|(kind, wrong)| Some((*wrong, detail.strip_prefix(kind)?)));
    named.map_or((Wrong::Value, None), |(wrong, rest)| (wrong, rest.split('`').next()))
}

/// The way to what is open at the end of `json`, the beginning of a well-formed document.
///
/// The crate `serde_path_to_error` tells the same, but generates each shape's reader a second time: 42 KB of WebAssembly,
/// gzipped.
fn open_at_end(json: &[u8]) -> Vec<Step> {
    let mut open: Vec<Step> = Vec::new();
    let mut text: Option<Vec<u8>> = None;
    let mut octets = json.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'{' => open.push(Step::Member(String::new())),
            b'[' => open.push(Step::Item(0)),
            b'}' | b']' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Step::Item(index)) => *index += 1,
                Some(Step::Member(name)) => name.clear(),
                None => {}
            },
            b':' => {
                if let (Some(Step::Member(name)), Some(key)) = (open.last_mut(), text.take()) {
                    // with its escapes, if it has any: no member that a reader knows does
                    *name = String::from_utf8_lossy(&key).into_owned();
                }
            }
            b'"' => {
                let mut string = Vec::new();
                while let Some(octet) = octets.next().filter(|octet| **octet != b'"') {
                    string.push(*octet);
                    if *octet == b'\\' {
                        string.extend(octets.next());
                    }
                }
                text = Some(string);
            }
            _ => {}
        }
    }
    open.retain(|step| *step != Step::Member(String::new()));
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Shape {
        #[serde(rename = "count")]
        _count: Option<u8>,
        #[serde(rename = "inner")]
        _inner: Option<Box<Shape>>,
        #[serde(rename = "list")]
        _list: Option<Vec<String>>,
        #[serde(rename = "pair")]
        _pair: Option<(u8, u8)>,
        #[serde(rename = "kind")]
        _kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Two,
    }

    #[test]
    fn a_caller_is_told_in_words_of_json_and_not_in_those_of_our_types() {
        let detail = |json: &str| read::<Shape>(json.as_bytes()).unwrap_err().detail;
        assert_eq!(detail(r#"{"count":300}"#), "a whole number from 0 to 255 is expected, not number `300`");
        assert_eq!(detail(r#"{"count":1.5}"#), "a whole number from 0 to 255 is expected, not number `1.5`");
        assert_eq!(detail(r#"{"count":{}}"#), "a whole number from 0 to 255 is expected, not an object");
        assert_eq!(detail(r#"{"inner":"x"}"#), r#"an object is expected, not string "x""#);
        assert_eq!(detail(r#"{"inner":3}"#), "an object is expected, not number `3`");
        assert_eq!(detail(r#"{"list":{}}"#), "an array is expected, not an object");
        assert_eq!(detail(r#"{"list":[[]]}"#), "a string is expected, not an array");
        assert_eq!(detail(r#"{"kind":"x"}"#), "unknown value `x`, expected `one` or `two`");
        assert_eq!(detail(r#"{"inner":", expected u8"}"#), r#"an object is expected, not string ", expected u8""#);
        for json in [r#"{"pair":[1]}"#, r#"{"kind":3}"#, r#"{"kind":null,"kind":[]}"#, "[]", "3", r#"{"pair":{}}"#] {
            let detail = detail(json);
            let leaks = ["struct", "enum", "variant", "tuple", "u8", "Shape", "Kind", "sequence", "map"];
            assert!(!leaks.iter().any(|word| detail.contains(word)), "{json}: {detail}");
        }
    }
}
