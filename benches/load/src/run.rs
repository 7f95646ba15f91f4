//! The loop over all connections.

use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::arguments::Arguments;
use crate::connection::Connection;
use crate::request::Request;
use crate::summary::Summary;

/// A server that is silent for so long is stuck.
const SILENCE: Duration = Duration::from_secs(10);

pub fn run(arguments: &Arguments) -> Result<Summary, String> {
    let mut request = Request::new(arguments)?;
    let mut poll = Poll::new().map_err(text)?;
    let mut connections = Vec::with_capacity(arguments.connections);
    for index in 0..arguments.connections {
        // Connected before it is polled, so that the first request already finds an open connection.
        let stream = std::net::TcpStream::connect(arguments.to).map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        stream.set_nonblocking(true).map_err(text)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(index), interest).map_err(text)?;
        connections.push(Connection::new(stream));
    }

    let begin = Instant::now() + arguments.warmup;
    let end = begin + arguments.measured;
    let mut took = Vec::with_capacity(1 << 20);
    for connection in &mut connections {
        connection.send(request.next())?;
    }
    let mut events = Events::with_capacity(arguments.connections);
    loop {
        match poll.poll(&mut events, Some(SILENCE)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            result => result.map_err(text)?,
        }
        if events.is_empty() {
            return Err("the server has stopped answering".to_string());
        }
        for event in &events {
            let connection = &mut connections[event.token().0];
            if event.is_writable() {
                connection.write()?;
            }
            let Some(answer) = connection.receive(&arguments.expect)? else {
                continue;
            };
            if answer.at >= end {
                return Ok(Summary::new(took, arguments.measured));
            }
            if answer.at >= begin {
                took.push(answer.took);
            }
            connection.send(request.next())?;
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
