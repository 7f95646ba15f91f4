//! Counters in Prometheus' text format, and the small server that shows them.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::log::{Level, Log};
use crate::upstream::Failure;

/// Upper bounds of the histogram of questions, in milliseconds.
const BOUNDS: [u64; 9] = [1, 2, 5, 10, 25, 100, 250, 1_000, 2_500];
/// A client of the metrics has this long for all that it wants.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Metrics {
    pub accepted: AtomicU64,
    pub deferred: AtomicU64,
    pub rejected: AtomicU64,
    pub skipped: AtomicU64,
    pub not_exchange: AtomicU64,
    /// Requests of policy delegation by what they were answered.
    pub policy_dunno: AtomicU64,
    pub policy_repeated: AtomicU64,
    pub policy_skipped: AtomicU64,
    pub policy_failed: AtomicU64,
    /// Messages that Tidegate gave no answer about, by reason.
    failed: [AtomicU64; Failure::REASONS.len()],
    /// Accepts that Tidegate gave for a fault of its own.
    pub degraded: AtomicU64,
    pub retries: AtomicU64,
    pub upstream_connections: AtomicU64,
    pub connections: AtomicU64,
    pub open: AtomicU64,
    pub refused: AtomicU64,
    pub protocol_errors: AtomicU64,
    within: [AtomicU64; BOUNDS.len()],
    questions: AtomicU64,
    micros: AtomicU64,
}

impl Metrics {
    pub fn count_failure(&self, failure: &Failure) {
        let reasons = Failure::REASONS.iter().zip(&self.failed);
        if let Some((_, count)) = reasons.into_iter().find(|(reason, _)| **reason == failure.reason()) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub fn count_question(&self, took: Duration) {
        for (_, count) in BOUNDS.iter().zip(&self.within).filter(|(bound, _)| took <= Duration::from_millis(**bound)) {
            count.fetch_add(1, Relaxed);
        }
        self.questions.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let get = |count: &AtomicU64| count.load(Relaxed);
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            let _ = writeln!(text, "# HELP tidegate_milter_{name} {help}\n# TYPE tidegate_milter_{name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "tidegate_milter_{name}{labels} {value}");
            }
        };
        let labelled = |label: &str, value: &str, count: &AtomicU64| (format!("{{{label}=\"{value}\"}}"), get(count));
        let failed: u64 = self.failed.iter().map(get).sum();
        let mut outcomes: Vec<_> = [
            ("accept", &self.accepted),
            ("defer", &self.deferred),
            ("reject", &self.rejected),
            ("skipped", &self.skipped),
            ("not_exchange", &self.not_exchange),
        ]
        .map(|(outcome, count)| labelled("outcome", outcome, count))
        .into();
        outcomes.push(("{outcome=\"failed\"}".to_owned(), failed));
        family("messages_total", "counter", "Messages by what became of them.", &outcomes);
        let reasons = Failure::REASONS.iter().zip(&self.failed);
        let failures: Vec<_> = reasons.map(|(reason, count)| labelled("reason", reason, count)).collect();
        let requests = [
            ("dunno", &self.policy_dunno),
            ("repeated", &self.policy_repeated),
            ("skipped", &self.policy_skipped),
            ("failed", &self.policy_failed),
        ]
        .map(|(outcome, count)| labelled("outcome", outcome, count));
        family("policy_requests_total", "counter", "Requests of policy delegation by their answer.", &requests);
        family("failures_total", "counter", "Messages that Tidegate gave no answer about.", &failures);
        let plain = [
            ("degraded_total", "counter", "Accepts that Tidegate gave for a fault of its own.", &self.degraded),
            ("retries_total", "counter", "Questions asked again on a new connection.", &self.retries),
            ("upstream_connections_total", "counter", "Connections to Tidegate.", &self.upstream_connections),
            ("connections_total", "counter", "Connections of mail servers.", &self.connections),
            ("connections_open", "gauge", "Connections of mail servers now.", &self.open),
            ("connections_refused_total", "counter", "Connections above max_connections.", &self.refused),
            (
                "protocol_errors_total",
                "counter",
                "Connections ended for what was no milter protocol.",
                &self.protocol_errors,
            ),
        ];
        for (name, kind, help, count) in plain {
            family(name, kind, help, &[(String::new(), get(count))]);
        }
        self.add_histogram(&mut text);
        text
    }

    fn add_histogram(&self, text: &mut String) {
        let name = "tidegate_milter_question_seconds";
        let _ = writeln!(text, "# HELP {name} From a question to its answer or failure.\n# TYPE {name} histogram");
        let seconds = |millis: u64| format!("{}.{:03}", millis / 1_000, millis % 1_000);
        for (bound, count) in BOUNDS.iter().zip(&self.within) {
            let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {}", seconds(*bound), count.load(Relaxed));
        }
        let (questions, micros) = (self.questions.load(Relaxed), self.micros.load(Relaxed));
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {questions}");
        let _ = writeln!(text, "{name}_sum {}.{:06}\n{name}_count {questions}", micros / 1_000_000, micros % 1_000_000);
    }
}

/// Shows the metrics at `/metrics`, one connection at a time; never ends.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, log: Log) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log.tell(Level::Warn, "metrics", &[("error", Some(&error))]);
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let found = request.method() == Method::GET && request.uri().path() == "/metrics";
            let text = if found { metrics.to_text() } else { String::new() };
            async move {
                let mut response = Response::new(Full::new(Bytes::from(text)));
                if !found {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
                let kind = header::HeaderValue::from_static("text/plain; version=0.0.4");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
        // whoever asks badly hears nothing
        let _ = tokio::time::timeout(PATIENCE, connection).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown() {
        let metrics = Metrics::default();
        metrics.deferred.fetch_add(2, Relaxed);
        metrics.count_failure(&Failure::Timeout);
        metrics.count_failure(&Failure::Status(500, String::new()));
        metrics.count_question(Duration::from_micros(1_500));
        let text = metrics.to_text();
        for line in [
            "tidegate_milter_messages_total{outcome=\"defer\"} 2",
            "tidegate_milter_messages_total{outcome=\"failed\"} 2",
            "tidegate_milter_failures_total{reason=\"timeout\"} 1",
            "tidegate_milter_failures_total{reason=\"status\"} 1",
            "tidegate_milter_connections_open 0",
            "tidegate_milter_question_seconds_bucket{le=\"0.001\"} 0",
            "tidegate_milter_question_seconds_bucket{le=\"0.002\"} 1",
            "tidegate_milter_question_seconds_bucket{le=\"+Inf\"} 1",
            "tidegate_milter_question_seconds_sum 0.001500",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
