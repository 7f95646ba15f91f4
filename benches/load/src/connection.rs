//! One keep-alive connection with one request under way.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::request::find;
use crate::response;

pub struct Connection {
    pub stream: TcpStream,
    out: Vec<u8>,
    written: usize,
    read: Vec<u8>,
    started: Instant,
}

/// An answer that has arrived.
pub struct Answer {
    pub took: Duration,
    pub at: Instant,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, out: Vec::new(), written: 0, read: Vec::with_capacity(16 * 1024), started: Instant::now() }
    }

    pub fn send(&mut self, request: &[u8]) -> Result<(), String> {
        self.out.clear();
        self.out.extend_from_slice(request);
        self.written = 0;
        self.started = Instant::now();
        self.write()
    }

    /// Writes what the socket takes; the rest waits for the socket to become writable.
    pub fn write(&mut self) -> Result<(), String> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("writing: {error}")),
            }
        }
        Ok(())
    }

    /// Reads what there is. The answer, once it is whole, must have status 200 and contain all of `expect`.
    pub fn receive(&mut self, expect: &[Vec<u8>]) -> Result<Option<Answer>, String> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err("the server closed a connection".to_string()),
                Ok(length) => self.read.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("reading: {error}")),
            }
        }
        let Some(answer) = response::parse(&self.read)? else {
            return Ok(None);
        };
        let fits = expect.iter().all(|text| find(answer.body, text).is_some());
        if answer.status != 200 || !fits {
            let body = String::from_utf8_lossy(answer.body);
            return Err(format!("an unexpected answer, status {}: {body}", answer.status));
        }
        if answer.length != self.read.len() {
            return Err("more than one answer to one request".to_string());
        }
        self.read.clear();
        let at = Instant::now();
        Ok(Some(Answer { took: at - self.started, at }))
    }
}
