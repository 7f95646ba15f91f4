//! Questions to Tidegate: kept connections, one retry on a new one, and a deadline over all of it.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::breaker::Breaker;
use crate::config::{Config, ConfigError, Endpoint};
use crate::metrics::Metrics;

/// Questions under way at once; more wait, within their deadline.
const MAX_QUESTIONS: usize = 64;
const MAX_IDLE: usize = 16;
/// Shorter than any usual server keeps a connection that nothing comes over.
const IDLE: Duration = Duration::from_secs(50);
/// One of a host's addresses must not take the time of all.
const CONNECT: Duration = Duration::from_secs(1);
const MAX_ANSWER: usize = 64 * 1024;

type Connection = SendRequest<Full<Bytes>>;

/// What is asked, and where.
#[derive(Clone, Debug)]
pub struct Question {
    /// With the query, if there is one.
    pub path: Cow<'static, str>,
    pub media_type: &'static str,
    pub body: Bytes,
}

pub struct Upstream {
    endpoint: Endpoint,
    authorization: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    deadline: Duration,
    idle: Mutex<Vec<(Connection, Instant)>>,
    questions: Semaphore,
    breaker: Breaker,
    metrics: Arc<Metrics>,
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// Not within the deadline.
    Timeout,
    /// Nothing to connect to, or nothing to trust.
    Connect(String),
    /// A connection that is not made in time: packets are dropped on the way, or the host is off.
    Unreachable(String),
    /// The connection broke before the answer was whole, twice.
    Broken(String),
    /// Another status than 200, with the beginning of what came.
    Status(u16, String),
    /// An answer that is none.
    Answer,
    /// Tidegate has not answered in time for a while: not asked.
    Unavailable,
}

impl Failure {
    pub const REASONS: [&str; 6] = ["timeout", "connect", "broken", "status", "answer", "unavailable"];

    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect(_) | Self::Unreachable(_) => "connect",
            Self::Broken(_) => "broken",
            Self::Status(..) => "status",
            Self::Answer => "answer",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the same message would fail again each time that it comes: a body of it that is too long for Tidegate, or
    /// that it does not take. What a sender wrote can bring that about.
    pub const fn is_of_the_message(&self) -> bool {
        matches!(self, Self::Status(400 | 413 | 422, _))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no answer within the deadline"),
            Self::Connect(why) | Self::Unreachable(why) | Self::Broken(why) => f.write_str(why),
            Self::Status(status, text) => write!(f, "{status} {text}"),
            Self::Answer => f.write_str("an answer that is none"),
            Self::Unavailable => f.write_str("no answers lately: not asked"),
        }
    }
}

/// How a question went that got no answer on one connection.
enum Fault {
    /// Nothing came back: it may be asked again.
    Unanswered(hyper::Error),
    Answered(Failure),
}

impl Upstream {
    pub fn new(config: &Config, key: &str, metrics: Arc<Metrics>) -> Result<Self, ConfigError> {
        let endpoint = config.url.clone();
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| ConfigError("the key is not printable ASCII".to_owned()))?;
        authorization.set_sensitive(true);
        let tls = if endpoint.tls { Some(tls(&endpoint.host, config.ca_file.as_deref())?) } else { None };
        Ok(Self {
            endpoint,
            authorization,
            tls,
            deadline: config.timeout(),
            idle: Mutex::default(),
            questions: Semaphore::new(MAX_QUESTIONS),
            breaker: Breaker::default(),
            metrics,
        })
    }

    /// The answer to a question.
    pub async fn ask(&self, question: Question) -> Result<Bytes, Failure> {
        let permit = self.breaker.permit().ok_or(Failure::Unavailable)?;
        let start = Instant::now();
        let answer = timeout(self.deadline, self.exchange(question)).await.unwrap_or(Err(Failure::Timeout));
        self.metrics.count_question(start.elapsed());
        let is_silent = matches!(answer, Err(Failure::Timeout | Failure::Unreachable(_)));
        if is_silent {
            // where one connection is dead without a word, the others are too
            self.lock().clear();
        }
        permit.end(is_silent);
        answer
    }

    async fn exchange(&self, question: Question) -> Result<Bytes, Failure> {
        let _permit = self.questions.acquire().await;
        let connection = match self.kept() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        match self.send(connection, question.clone()).await {
            Ok(answer) => Ok(answer),
            Err(Fault::Answered(failure)) => Err(failure),
            Err(Fault::Unanswered(_)) => {
                // whatever ended this connection, a restart mostly, has ended the others
                self.lock().clear();
                self.metrics.retries.fetch_add(1, Relaxed);
                self.send(self.connect().await?, question).await.map_err(|fault| match fault {
                    Fault::Unanswered(error) => Failure::Broken(error.to_string()),
                    Fault::Answered(failure) => failure,
                })
            }
        }
    }

    async fn send(&self, mut connection: Connection, question: Question) -> Result<Bytes, Fault> {
        connection.ready().await.map_err(Fault::Unanswered)?;
        let response = connection.send_request(self.request(question)).await.map_err(Fault::Unanswered)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| Fault::Answered(Failure::Broken(error.to_string())))?.to_bytes();
        self.keep(connection);
        if status == StatusCode::OK {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(body.get(..300).unwrap_or(&body)).into_owned();
        Err(Fault::Answered(Failure::Status(status.as_u16(), text)))
    }

    fn request(&self, question: Question) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question.body));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = format!("{}{}", self.endpoint.base, question.path).parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::try_from(&self.endpoint.authority).unwrap_or(HeaderValue::from_static("")));
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(question.media_type));
        let agent = HeaderValue::from_static(concat!("tidegate-milter/", env!("CARGO_PKG_VERSION")));
        headers.insert(USER_AGENT, agent);
        request
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let Endpoint { host, port, .. } = &self.endpoint;
        let said = |what: &str, error: &dyn fmt::Display| format!("{host}:{port}: {what}: {error}");
        let failed = |what: &str, error: &dyn fmt::Display| Failure::Connect(said(what, error));
        let addresses = lookup_host((host.as_str(), *port)).await.map_err(|error| failed("name", &error))?;
        let mut failure = failed("name", &"it has no address");
        for address in addresses {
            let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    // one that takes its time makes messages wait, whatever the others do
                    if !matches!(failure, Failure::Unreachable(_)) {
                        failure = failed("connect", &error);
                    }
                    continue;
                }
                Err(_) => {
                    failure = Failure::Unreachable(said("connect", &"it takes too long"));
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            self.metrics.upstream_connections.fetch_add(1, Relaxed);
            let Some((connector, name)) = &self.tls else {
                return speak_http(stream).await.map_err(|error| failed("HTTP", &error));
            };
            let stream = connector.connect(name.clone(), stream).await.map_err(|error| failed("TLS", &error))?;
            return speak_http(stream).await.map_err(|error| failed("HTTP", &error));
        }
        Err(failure)
    }

    /// A connection that has been of use lately and is still open, as far as can be told.
    fn kept(&self) -> Option<Connection> {
        let mut idle = self.lock();
        idle.retain(|(connection, since)| since.elapsed() < IDLE && !connection.is_closed());
        idle.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE && !connection.is_closed() {
            idle.push((connection, Instant::now()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn speak_http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> hyper::Result<Connection> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // how it ends the sender learns
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Trusts the system's certificate authorities and those in `ca_file`.
fn tls(host: &str, ca_file: Option<&Path>) -> Result<(TlsConnector, ServerName<'static>), ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let wrong = |error: &dyn fmt::Display| ConfigError(format!("{}: {error}", path.display()));
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
            roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
        }
    }
    if roots.is_empty() {
        return Err(ConfigError("no certificate authorities: install ca-certificates, or set `ca_file`".to_owned()));
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConfigError(format!("`{host}` is no host name")))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
