//! Just enough HTTP/1.1 to find the end of an answer.

use crate::request::find;

/// A whole answer at the start of the bytes read so far.
#[derive(Debug, PartialEq)]
pub struct Response<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// How many of the bytes belong to this answer.
    pub length: usize,
}

/// `None` when more bytes are needed.
pub fn parse(bytes: &[u8]) -> Result<Option<Response<'_>>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "an answer's head is not text".to_string())?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("not an answer: {status_line}"))?;
    let start = end + 4;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.parse().map_err(|_| format!("Content-Length: {value}"))?;
            return Ok(bytes.get(start..start + length).map(|body| Response { status, body, length: start + length }));
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return chunked_length(&bytes[start..]).map(|length| {
                length.map(|length| Response { status, body: &bytes[start..start + length], length: start + length })
            });
        }
    }
    Err("an answer has neither Content-Length nor chunks".to_string())
}

/// The length of a chunked body with its frames.
fn chunked_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let digits = std::str::from_utf8(&bytes[at..at + line]).unwrap_or_default();
        let size = usize::from_str_radix(digits, 16).map_err(|_| format!("not a chunk size: {digits}"))?;
        at += line + 2 + size + 2;
        if at > bytes.len() {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Response, parse};

    #[test]
    fn content_length() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP";
        assert_eq!(parse(bytes), Ok(Some(Response { status: 200, body: b"abc", length: 41 })));
        assert_eq!(parse(&bytes[..40]), Ok(None));
        assert_eq!(parse(&bytes[..20]), Ok(None));
    }

    #[test]
    fn chunks() {
        let bytes = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let response = parse(bytes).unwrap().unwrap();
        assert_eq!((response.status, response.length), (503, bytes.len()));
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Ok(None));
        }
    }

    #[test]
    fn nonsense() {
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
