//! Problem details (RFC 9457): the one shape of every error that is the caller's.

use std::fmt;

use serde::Serialize;

pub const CONTENT_TYPE: &str = "application/problem+json";

/// Characters of a member's name, or of what is wrong with it.
const MAX_TEXT: usize = 400;

/// What is wrong with a request, and in which member.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    pub status: u16,
    pub title: &'static str,
    pub detail: String,
    /// The member concerned, as a path such as `client.ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The methods that the resource knows, for the header `Allow`.
    #[serde(skip)]
    pub allow: Option<&'static str>,
}

impl Problem {
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "Bad Request", detail)
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "a valid key is needed: `Authorization: Bearer …`")
    }

    pub fn forbidden() -> Self {
        Self::new(403, "Forbidden", "this key may not do that")
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "Not Found", detail)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "Method Not Allowed", "this resource does not know that method")
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "Conflict", detail)
    }

    pub fn internal() -> Self {
        Self::new(500, "Internal Server Error", "something of ours failed")
    }

    pub fn precondition_failed() -> Self {
        Self::new(412, "Precondition Failed", "the resource has changed: its `ETag` is not the one in `If-Match`")
    }

    pub fn too_large(limit: usize) -> Self {
        Self::new(413, "Content Too Large", format!("the body is longer than {limit} octets"))
    }

    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(415, "Unsupported Media Type", detail)
    }

    pub fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(422, "Unprocessable Content", detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, "Service Unavailable", detail)
    }

    #[must_use]
    pub fn in_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub fn allowing(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), field: None, allow: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{} `{field}`: {}", self.status, self.detail),
            None => write!(f, "{}: {}", self.status, self.detail),
        }
    }
}

impl std::error::Error for Problem {}

/// Reads a JSON object into `T`. An error names the member that it lies in.
pub fn read_json<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        // serde would take an array for the members in their order
        return Err(match well_formed(body) {
            Ok(_) => Problem::bad_request("a JSON object is expected"),
            Err(error) => malformed(&error),
        });
    }
    serde_json::from_slice(body).map_err(|error| in_json(body, &error))
}

fn well_formed(body: &[u8]) -> serde_json::Result<serde::de::IgnoredAny> {
    serde_json::from_slice(body)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("malformed JSON: {error}"))
}

fn in_json(body: &[u8], error: &serde_json::Error) -> Problem {
    // a value of the wrong type may count as malformed: `null` where a variant's name is expected does
    if error.classify() != serde_json::error::Category::Data && well_formed(body).is_err() {
        return malformed(error);
    }
    let message = error.to_string();
    let detail = message.rsplit_once(" at line ").map_or(message.as_str(), |(detail, _)| detail);
    let lines = body.split_inclusive(|octet| *octet == b'\n');
    let above: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let read = body.get(..above + error.column()).unwrap_or(body);
    let mut path = path_at(read);
    match named_in(detail) {
        Some(name) if path.last().is_none_or(|last| last != name) => path.push(name.to_owned()),
        // what a member's own rules refuse is told behind what follows the member
        None => path = read.strip_suffix(b"}").or_else(|| read.strip_suffix(b",")).map_or(path, path_at),
        _ => {}
    }
    let detail = match detail {
        "expected value" => "a value of another type is expected",
        detail => detail,
    };
    let problem = Problem::bad_request(shortened(detail));
    if path.is_empty() { problem } else { problem.in_field(shortened(&path.join(".").replace(".[", "["))) }
}

/// What a caller wrote goes back in part: enough to find it by.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// The member that serde names in its own words: one that is missing lies at no place.
fn named_in(detail: &str) -> Option<&str> {
    let kinds = ["missing field `", "unknown field `", "duplicate field `"];
    let rest = kinds.iter().find_map(|kind| detail.strip_prefix(kind))?;
    rest.split('`').next()
}

/// Names and positions of the members that are open at the end of `json`, the beginning of a well-formed document.
///
/// The crate `serde_path_to_error` tells the same, but generates each shape's reader a second time: 42 KB of WebAssembly,
/// gzipped.
fn path_at(json: &[u8]) -> Vec<String> {
    enum Level {
        Array(usize),
        Object(String),
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut text: Option<Vec<u8>> = None;
    let mut octets = json.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'{' => levels.push(Level::Object(String::new())),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => drop(levels.pop()),
            b',' => match levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(name)) => name.clear(),
                None => {}
            },
            b':' => {
                if let (Some(Level::Object(name)), Some(key)) = (levels.last_mut(), text.take()) {
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
    let named = levels.into_iter().map(|level| match level {
        Level::Array(index) => format!("[{index}]"),
        Level::Object(name) => name,
    });
    named.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "u8")]
    struct Even;

    impl TryFrom<u8> for Even {
        type Error = &'static str;

        fn try_from(number: u8) -> Result<Self, Self::Error> {
            if number.is_multiple_of(2) { Ok(Self) } else { Err("odd") }
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        #[serde(rename = "rows")]
        _rows: Vec<Row>,
        #[serde(rename = "end")]
        _end: Option<Even>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        #[serde(rename = "a")]
        _a: Even,
        #[serde(rename = "b", default)]
        _b: Vec<Even>,
    }

    #[test]
    fn the_member_is_named_wherever_it_stands() {
        let field = |json: &str| {
            let problem = read_json::<Document>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.status, 400, "{json}");
            problem.field.unwrap_or_default()
        };
        assert_eq!(field(r#"{"rows":[{"a":2},{"a":1,"b":[]}],"end":2}"#), "rows[1].a");
        assert_eq!(field(r#"{"rows":[{"a":2},{"b":[],"a":1}],"end":2}"#), "rows[1].a");
        assert_eq!(field(r#"{"rows":[{"a":2},{"b":[2,1,2],"a":2}]}"#), "rows[1].b[1]");
        assert_eq!(field(r#"{"rows":[{"a":2}],"end":1}"#), "end");
        assert_eq!(field(r#"{"end":1,"rows":[{"a":2}]}"#), "end");
        assert_eq!(field(r#"{"rows":[{"a":2},{"b":[]}]}"#), "rows[1].a");
        assert_eq!(field(r#"{"rows":[{"a":2},{"a":"x"}]}"#), "rows[1].a");
        assert_eq!(field(r#"{"rows":[{"a":2,"c":0}]}"#), "rows[0].c");
        assert_eq!(field(r#"{"end":2}"#), "rows");
    }
}
