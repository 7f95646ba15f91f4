//! The bytes that are sent.

use std::ops::Range;

use crate::arguments::Arguments;

pub struct Request {
    bytes: Vec<u8>,
    /// Where the running number stands.
    counter: Option<Range<usize>>,
    sent: u64,
}

impl Request {
    pub fn new(arguments: &Arguments) -> Result<Self, String> {
        let mut bytes = format!("POST {} HTTP/1.1\r\nHost: {}\r\n", arguments.path, arguments.to).into_bytes();
        for header in &arguments.headers {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", arguments.body.len()).as_bytes());
        let counter = match &arguments.vary {
            None => None,
            Some(digits) => {
                let at = find(&arguments.body, digits.as_bytes())
                    .ok_or_else(|| format!("the body does not contain {digits}"))?;
                let start = bytes.len() + at;
                Some(start..start + digits.len())
            }
        };
        bytes.extend_from_slice(&arguments.body);
        Ok(Self { bytes, counter, sent: 0 })
    }

    /// The next request: the same but for its running number.
    pub fn next(&mut self) -> &[u8] {
        self.sent += 1;
        if let Some(counter) = self.counter.clone() {
            let mut rest = self.sent;
            for digit in self.bytes[counter].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        &self.bytes
    }
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len().max(1)).position(|window| window == needle)
}
