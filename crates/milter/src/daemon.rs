//! The daemon: takes the mail server's connections, and answers each message within its deadline, come what may.
//! Postfix's policy delegation, where it is asked for, has a socket of its own.

mod delegation;

use std::fmt;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::config::{Ask, Config, ConfigError, Fail, Listen, Route};
use crate::log::{Level, Log, Member};
use crate::metrics::{self, Metrics};
use crate::protocol::{ProtocolError, Reply, SmtpReply, split_packet};
use crate::question::{self, Action, Verdict};
use crate::session::{Message, Session, Step};
use crate::upstream::{Failure, Question, Upstream};

/// Between two commands of a mail server. Sessions with an SMTP client may be long.
const SILENCE: Duration = Duration::from_secs(2 * 3600);
/// A mail server that does not read its answer.
const WRITE: Duration = Duration::from_secs(30);
/// When the daemon is to stop: for a connection to go on with a message. Postfix keeps what it needs no answer to until
/// it has a header to send.
const SETTLE: Duration = Duration::from_secs(1);
/// Then, for all connections to come to their end.
const GRACE: Duration = Duration::from_secs(10);
const READ: usize = 16 * 1024;

pub struct Daemon {
    config: Config,
    upstream: Upstream,
    metrics: Arc<Metrics>,
    log: Log,
    quiet: Mutex<Quiet>,
}

/// Failures come one a message; one a second is told.
#[derive(Default)]
struct Quiet {
    told: Option<Instant>,
    untold: u64,
}

enum Listener {
    Unix(UnixListener),
    Inet(TcpListener),
}

/// What is spoken on a connection.
#[derive(Clone, Copy)]
enum Protocol {
    Milter,
    Policy,
}

impl Daemon {
    pub fn new(config: Config, key: &str) -> Result<Self, ConfigError> {
        let metrics = Arc::<Metrics>::default();
        let upstream = Upstream::new(&config, key, metrics.clone())?;
        let log = Log { level: config.log };
        Ok(Self { config, upstream, metrics, log, quiet: Mutex::default() })
    }

    /// Serves until `stop` resolves, and then until no connection is left, ten seconds at most.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let daemon = Arc::new(self);
        let policy = match &daemon.config.policy {
            Some(listen) => Some(daemon.listen(listen, "policy").await?),
            None => None,
        };
        let listener = daemon.listen(&daemon.config.listen, "listening").await?;
        if let Some(address) = daemon.config.metrics {
            let listener = TcpListener::bind(address).await.map_err(|error| named(&address, &error))?;
            let address = listener.local_addr()?;
            daemon.log.tell(Level::Info, "metrics", &[("address", Some(&address))]);
            tokio::spawn(metrics::serve(listener, daemon.metrics.clone(), daemon.log));
        }
        let (stopping, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                // what has ended makes room
                Some(_) = connections.join_next() => {}
                (protocol, accepted) = accept_any(&listener, policy.as_ref()) => match accepted {
                    Ok(_) if connections.len() >= daemon.config.max_connections => {
                        daemon.metrics.refused.fetch_add(1, Relaxed);
                        daemon.tell_rarely("refused", &[("why", Some(&"more than max_connections"))]);
                    }
                    Ok(peer) => drop(connections.spawn(daemon.clone().serve(protocol, peer, stopped.clone()))),
                    Err(error) => {
                        daemon.tell_rarely("accept", &[("error", Some(&error))]);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop((listener, policy));
        for listen in [Some(&daemon.config.listen), daemon.config.policy.as_ref()].into_iter().flatten() {
            if let Listen::Unix(path) = listen {
                let _ = std::fs::remove_file(path);
            }
        }
        daemon.log.tell(Level::Info, "stopping", &[("connections", Some(&connections.len()))]);
        let _ = stopping.send(true);
        let ended = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
        daemon.log.tell(Level::Info, "stopped", &[("cut", ended.is_err().then_some(&connections.len() as _))]);
        Ok(())
    }

    async fn listen(&self, listen: &Listen, event: &str) -> io::Result<Listener> {
        let (listener, address) = match listen {
            Listen::Unix(path) => {
                let listener = bind_unix(path, self.config.socket_mode).map_err(|error| named(listen, &error))?;
                (Listener::Unix(listener), listen.to_string())
            }
            Listen::Inet(address) => {
                let listener = TcpListener::bind(address).await.map_err(|error| named(listen, &error))?;
                let address = format!("inet:{}", listener.local_addr()?);
                (Listener::Inet(listener), address)
            }
        };
        self.log.tell(Level::Info, event, &[("address", Some(&address))]);
        Ok(listener)
    }

    async fn serve(self: Arc<Self>, protocol: Protocol, peer: Box<dyn Peer>, stopped: watch::Receiver<bool>) {
        self.metrics.connections.fetch_add(1, Relaxed);
        self.metrics.open.fetch_add(1, Relaxed);
        let ended = match protocol {
            Protocol::Milter => self.talk(peer, stopped).await,
            Protocol::Policy => self.talk_policy(peer, stopped).await,
        };
        match ended {
            Ok(()) => {}
            Err(Ended::Protocol(error)) => {
                self.metrics.protocol_errors.fetch_add(1, Relaxed);
                self.tell_rarely("protocol", &[("error", Some(&error))]);
            }
            Err(Ended::TooLong) => {
                self.metrics.protocol_errors.fetch_add(1, Relaxed);
                self.tell_rarely("protocol", &[("error", Some(&"a policy request without end"))]);
            }
            Err(Ended::Io(error)) => self.log.tell(Level::Debug, "connection", &[("error", Some(&error))]),
        }
        self.metrics.open.fetch_sub(1, Relaxed);
    }

    async fn talk(&self, mut peer: Box<dyn Peer>, mut stopped: watch::Receiver<bool>) -> Result<(), Ended> {
        let mut session = Session::default();
        let (mut read, mut out) = (BytesMut::new(), Vec::new());
        loop {
            while let Some(packet) = split_packet(&mut read)? {
                match session.take(&packet)? {
                    Step::Silent => {}
                    Step::Reply(reply) => reply.write(&mut out),
                    Step::Decide(message) => self.decide(&message).await.write(&mut out),
                    Step::Close => return Ok(()),
                }
            }
            if !out.is_empty() {
                timeout(WRITE, peer.write_all(&out)).await.map_err(io::Error::from)??;
                out.clear();
            }
            let stopping = *stopped.borrow_and_update();
            let patience = if stopping && !session.in_message() { SETTLE } else { SILENCE };
            // what a long field took is given back
            if read.is_empty() && read.capacity() > 4 * READ {
                read = BytesMut::new();
            }
            read.reserve(READ);
            peer.before_read();
            tokio::select! {
                count = timeout(patience, peer.read_buf(&mut read)) => match count {
                    Ok(Ok(0)) | Err(_) => return Ok(()),
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(error.into()),
                },
                changed = stopped.changed(), if !stopping => drop(changed),
            }
        }
    }

    async fn decide(&self, message: &Message) -> Reply {
        let Route::Ask(origin) = self.config.route(message.client_ip, message.authenticated) else {
            self.metrics.skipped.fetch_add(1, Relaxed);
            self.tell_message(Level::Debug, "skipped", message, &[]);
            return Reply::Accept;
        };
        if self.config.ask == Ask::Exchange && !message.shows_exchange() {
            self.metrics.not_exchange.fetch_add(1, Relaxed);
            self.tell_message(Level::Debug, "not_exchange", message, &[]);
            return Reply::Accept;
        }
        let start = Instant::now();
        let question = Question {
            path: "/v1/decide".into(),
            media_type: "application/json",
            body: question::ask(message, &origin).into(),
        };
        let answer = self.upstream.ask(question).await;
        let verdict = answer.and_then(|answer| question::read(&answer).ok_or(Failure::Answer));
        let ms = start.elapsed().as_millis();
        match verdict {
            Ok(verdict) => self.pass_on(message, verdict, ms),
            Err(failure) => self.fail(message, &failure, ms),
        }
    }

    fn pass_on(&self, message: &Message, verdict: Verdict, ms: u128) -> Reply {
        let (count, level) = match verdict.action {
            Action::Accept => (&self.metrics.accepted, Level::Debug),
            Action::Defer => (&self.metrics.deferred, Level::Info),
            Action::Reject => (&self.metrics.rejected, Level::Info),
        };
        count.fetch_add(1, Relaxed);
        let level = if verdict.degraded {
            self.metrics.degraded.fetch_add(1, Relaxed);
            Level::Warn
        } else {
            level
        };
        let reply = verdict.reply.as_ref().map(SmtpReply::as_str);
        // a reply says why by itself
        let why = verdict.why.as_ref().filter(|_| reply.is_none());
        let members: [Member<'_>; 8] = [
            ("action", Some(&verdict.action.as_str())),
            ("would", verdict.would.as_ref().map(|would| would as _)),
            ("reply", reply.as_ref().map(|reply| reply as _)),
            ("server", verdict.server.as_ref().map(|server| server as _)),
            ("stage", verdict.stage.as_ref().map(|stage| stage as _)),
            ("degraded", verdict.degraded.then_some(&true as _)),
            ("why", why.map(|why| why as _)),
            ("ms", Some(&ms)),
        ];
        self.tell_message(level, "decision", message, &members);
        verdict.reply.map_or(Reply::Accept, Reply::Smtp)
    }

    fn fail(&self, message: &Message, failure: &Failure, ms: u128) -> Reply {
        self.metrics.count_failure(failure);
        let reply = match self.config.fail {
            Fail::Accept => None,
            // it would be deferred for ever
            Fail::Tempfail if failure.is_of_the_message() => None,
            Fail::Tempfail => SmtpReply::new(451, "4.3.0", "Policy service unavailable, try again later"),
        };
        let action = if reply.is_some() { "defer" } else { "accept" };
        let queue_id = message.queue_id.as_ref().map(|id| id as _);
        let members: [Member<'_>; 5] = [
            ("queue_id", queue_id),
            ("reason", Some(&failure.reason())),
            ("error", Some(failure)),
            ("action", Some(&action)),
            ("ms", Some(&ms)),
        ];
        self.tell_rarely("failure", &members);
        reply.map_or(Reply::Accept, Reply::Smtp)
    }

    fn tell_message(&self, level: Level, event: &str, message: &Message, members: &[Member<'_>]) {
        let mut all: Vec<Member<'_>> = vec![
            ("queue_id", message.queue_id.as_ref().map(|id| id as _)),
            ("client", message.client_ip.as_ref().map(|ip| ip as _)),
            ("helo", Some(&message.helo)),
        ];
        all.extend_from_slice(members);
        self.log.tell(level, event, &all);
    }

    /// Tells of a fault at most once a second, with how many were not told.
    fn tell_rarely(&self, event: &str, members: &[Member<'_>]) {
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if quiet.told.is_some_and(|told| told.elapsed() < Duration::from_secs(1)) {
            quiet.untold += 1;
            return;
        }
        let untold = std::mem::take(&mut quiet.untold);
        quiet.told = Some(Instant::now());
        let mut all = members.to_vec();
        all.push(("untold", (untold > 0).then_some(&untold as _)));
        self.log.tell(Level::Warn, event, &all);
    }
}

/// Why a connection has ended before the mail server ended it.
enum Ended {
    Protocol(ProtocolError),
    TooLong,
    Io(io::Error),
}

impl From<ProtocolError> for Ended {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A mail server's connection.
trait Peer: AsyncRead + AsyncWrite + Send + Unpin {
    fn before_read(&self) {}
}

impl Peer for UnixStream {}

impl Peer for TcpStream {
    /// The mail server's system holds small packets back until the ones before are acknowledged (Nagle), and this one
    /// acknowledges late what it does not answer: together 40 ms a message.
    fn before_read(&self) {
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(self).set_tcp_quickack(true);
    }
}

/// The next connection, and what is spoken on it.
async fn accept_any(milter: &Listener, policy: Option<&Listener>) -> (Protocol, io::Result<Box<dyn Peer>>) {
    let policy = async {
        match policy {
            Some(listener) => accept(listener).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = accept(milter) => (Protocol::Milter, accepted),
        accepted = policy => (Protocol::Policy, accepted),
    }
}

async fn accept(listener: &Listener) -> io::Result<Box<dyn Peer>> {
    match listener {
        Listener::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
        Listener::Inet(listener) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let _ = SockRef::from(&stream).set_keepalive(true);
            Ok(Box::new(stream))
        }
    }
}

/// Takes the place of a socket that nothing listens on any more.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

fn named(what: &dyn fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
