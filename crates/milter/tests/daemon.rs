//! The daemon between a mail server and a Tidegate that are both made up here: whatever the one does, the other is
//! answered.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_milter::config::Config;
use tidegate_milter::daemon::Daemon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const DEFER: &str = r#"{"action":"defer","reply":{"code":450,"enhanced":"4.7.230","text":"Out of date"}}"#;
const EXCHANGE: &[u8] =
    b"LReceived\0 from a (10.0.0.1) by EX01.contoso.com (10.0.0.2) with Microsoft SMTP\n Server id 15.1.2507.39\0";

/// What the made-up Tidegate does with a request.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16, &'static str),
    /// Answers, and closes the connection once the next request has come.
    AnswerOnce(&'static str),
    Hang,
    Close,
    /// Promises more than it sends.
    Break,
}

struct Tidegate {
    port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

async fn tidegate(does: Does) -> Tidegate {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let tidegate = Tidegate { port, connections: connections.clone(), requests: requests.clone() };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, SeqCst);
            tokio::spawn(answer(stream, does, requests.clone()));
        }
    });
    tidegate
}

async fn answer(mut stream: TcpStream, does: Does, requests: Arc<Mutex<Vec<String>>>) {
    let mut answered = 0;
    while let Some(request) = request(&mut stream).await {
        let (status, body, more) = match does {
            Does::AnswerOnce(_) if answered > 0 => return,
            Does::Answer(status, body) => (status, body, 0),
            Does::AnswerOnce(body) => (200, body, 0),
            Does::Break => (200, "{}", 10),
            Does::Hang => std::future::pending().await,
            Does::Close => return,
        };
        requests.lock().unwrap().push(request);
        let length = body.len() + more;
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).await.unwrap();
        answered += 1;
        if more > 0 {
            return;
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().split_once("content-length: ")?.1.lines().next()?.parse().ok()?;
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

struct Running {
    socket: std::path::PathBuf,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<std::io::Result<()>>,
}

async fn daemon(name: &str, port: u16, more: &str) -> Running {
    let socket = std::env::temp_dir().join(format!("tidegate-milter-{}-{name}", std::process::id()));
    let config = format!(
        "listen = 'unix:{}'\nurl = 'http://127.0.0.1:{port}'\nlog = 'error'\ntimeout_ms = 300\n{more}",
        socket.display()
    );
    let daemon = Daemon::new(config.parse::<Config>().unwrap(), "tg_1_secret").unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(daemon.run(async { drop(stopped.await) }));
    while UnixStream::connect(&socket).await.is_err() {
        tokio::task::yield_now().await;
    }
    Running { socket, stop, ended }
}

struct MailServer(UnixStream);

impl MailServer {
    async fn connect(running: &Running) -> Self {
        let mut own = Self(UnixStream::connect(&running.socket).await.unwrap());
        own.tell(b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff").await;
        assert_eq!(own.hear().await.unwrap()[0], b'O');
        own.tell(b"Cmx.test\x004\x30\x39203.0.113.7\0").await;
        own
    }

    async fn tell(&mut self, packet: &[u8]) {
        let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length, packet].concat()).await.unwrap();
    }

    async fn hear(&mut self) -> std::io::Result<Vec<u8>> {
        let mut packet = vec![0; self.0.read_u32().await? as usize];
        self.0.read_exact(&mut packet).await?;
        Ok(packet)
    }

    /// A message's header; what it is answered.
    async fn hand_over(&mut self, field: &[u8]) -> String {
        for packet in [&b"DMi\x004ABC\0"[..], b"M<a@contoso.com>\0", b"R<b@example.org>\0", field, b"N"] {
            self.tell(packet).await;
        }
        String::from_utf8(self.hear().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn messages_are_asked_about_over_one_connection() {
    let tidegate = tidegate(Does::Answer(200, DEFER)).await;
    let running = daemon("one", tidegate.port, "tenant = 'contoso'").await;
    let mut mail_server = MailServer::connect(&running).await;
    for _ in 0..3 {
        assert_eq!(mail_server.hand_over(EXCHANGE).await, "y450 4.7.230 Out of date\0");
        mail_server.tell(b"A").await;
    }
    assert_eq!(mail_server.hand_over(b"LReceived\0 from a by b with ESMTP id 1\0").await, "a");
    let requests = tidegate.requests.lock().unwrap().clone();
    assert_eq!((requests.len(), tidegate.connections.load(SeqCst)), (3, 1));
    let request = requests.first().unwrap();
    assert!(request.starts_with("POST /v1/decide HTTP/1.1\r\n"), "{request}");
    for part in ["authorization: Bearer tg_1_secret\r\n", "\"event_id\":\"4ABC\"", "\"ip\":\"203.0.113.7\""] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_breaks_is_made_anew() {
    let tidegate = tidegate(Does::AnswerOnce(DEFER)).await;
    let running = daemon("anew", tidegate.port, "").await;
    let mut mail_server = MailServer::connect(&running).await;
    for _ in 0..4 {
        assert_eq!(mail_server.hand_over(EXCHANGE).await, "y450 4.7.230 Out of date\0");
    }
    assert_eq!(tidegate.connections.load(SeqCst), 4);
}

#[tokio::test]
async fn no_failure_holds_mail_up_unless_that_is_asked_for() {
    let failures = [
        ("500", Does::Answer(500, "{}")),
        ("401", Does::Answer(401, "{}")),
        ("garbage", Does::Answer(200, "<html>")),
        ("reply", Does::Answer(200, r#"{"action":"defer"}"#)),
        ("close", Does::Close),
        ("break", Does::Break),
        ("hang", Does::Hang),
    ];
    for (name, does) in failures {
        let tidegate = tidegate(does).await;
        let open = daemon(&format!("{name}-open"), tidegate.port, "").await;
        assert_eq!(MailServer::connect(&open).await.hand_over(EXCHANGE).await, "a", "{name}");
        let closed = daemon(&format!("{name}-closed"), tidegate.port, "fail = 'tempfail'").await;
        let reply = MailServer::connect(&closed).await.hand_over(EXCHANGE).await;
        assert_eq!(reply, "y451 4.3.0 Policy service unavailable, try again later\0", "{name}");
    }
    for status in [400, 413, 422] {
        let tidegate = tidegate(Does::Answer(status, "{}")).await;
        let closed = daemon(&format!("{status}-closed"), tidegate.port, "fail = 'tempfail'").await;
        let reply = MailServer::connect(&closed).await.hand_over(EXCHANGE).await;
        assert_eq!(reply, "a", "{status}: the message would be deferred for ever");
    }
    let gone = daemon("gone", 1, "").await;
    assert_eq!(MailServer::connect(&gone).await.hand_over(EXCHANGE).await, "a");
}

#[tokio::test]
async fn one_message_at_a_time_waits_for_a_tidegate_that_hangs() {
    let tidegate = tidegate(Does::Hang).await;
    let running = daemon("hang", tidegate.port, "").await;
    let mut mail_server = MailServer::connect(&running).await;
    for _ in 0..5 {
        assert_eq!(mail_server.hand_over(EXCHANGE).await, "a");
    }
    let (mut one, mut other) = (MailServer::connect(&running).await, MailServer::connect(&running).await);
    let start = Instant::now();
    let (first, second) = tokio::join!(async { (one.hand_over(EXCHANGE).await, start.elapsed()) }, async {
        (other.hand_over(EXCHANGE).await, start.elapsed())
    },);
    assert_eq!((first.0.as_str(), second.0.as_str()), ("a", "a"));
    assert!(first.1.min(second.1) < Duration::from_millis(250), "{first:?} {second:?}");
    assert!(first.1.max(second.1) >= Duration::from_millis(300), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_stop_lets_messages_come_to_their_end() {
    let tidegate = tidegate(Does::Answer(200, DEFER)).await;
    let running = daemon("stop", tidegate.port, "").await;
    let (mut busy, mut idle) = (MailServer::connect(&running).await, MailServer::connect(&running).await);
    busy.tell(b"M<a@b>\0").await;
    running.stop.send(()).unwrap();
    while UnixStream::connect(&running.socket).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(idle.hear().await.is_err());
    busy.tell(EXCHANGE).await;
    busy.tell(b"N").await;
    assert_eq!(busy.hear().await.unwrap(), b"y450 4.7.230 Out of date\0");
    busy.tell(b"Q").await;
    running.ended.await.unwrap().unwrap();
    assert!(!running.socket.exists());
}

#[tokio::test]
async fn what_is_no_mail_server_is_sent_away() {
    let running = daemon("away", 1, "max_connections = 1").await;
    // what found out whether the daemon listens may not be gone yet
    let mut stranger = loop {
        let mut stream = UnixStream::connect(&running.socket).await.unwrap();
        let negotiated = stream.write_all(b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff").await;
        if negotiated.is_ok() && stream.read_u8().await.is_ok() {
            break stream;
        }
    };
    let mut one_too_many = UnixStream::connect(&running.socket).await.unwrap();
    assert_eq!(one_too_many.read(&mut [0; 1]).await.unwrap_or(0), 0);
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    // its end is all that matters
    let _ = stranger.read_to_end(&mut rest).await;
}
