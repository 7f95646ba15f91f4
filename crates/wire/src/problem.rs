//! Problem details (RFC 9457): the one shape of every error that is the caller's.

use std::fmt;

use serde::Serialize;

use crate::place::{self, Misread, Wrong};

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
    /// After how many seconds to try again, for the header `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u64>,
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

    /// `retry_after`: seconds (RFC 6585, section 4).
    pub fn too_many_requests(detail: impl Into<String>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(429, "Too Many Requests", detail) }
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
        Self { status, title, detail: detail.into(), field: None, allow: None, retry_after: None }
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
        return Err(match place::read::<serde::de::IgnoredAny>(body) {
            Ok(_) => Problem::bad_request("a JSON object is expected"),
            Err(misread) => Problem::from(misread),
        });
    }
    Ok(place::read(body)?)
}

impl From<Misread> for Problem {
    fn from(misread: Misread) -> Self {
        if misread.wrong == Wrong::Syntax {
            return Self::bad_request(format!("malformed JSON: {}", misread.detail));
        }
        let problem = Self::bad_request(shortened(&misread.detail));
        if misread.place.is_empty() { problem } else { problem.in_field(shortened(&misread.path())) }
    }
}

/// What a caller wrote goes back in part: enough to find it by.
fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
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
