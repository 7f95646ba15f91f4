//! What a run found.

use std::fmt;
use std::time::Duration;

pub struct Summary {
    /// Sorted.
    took: Vec<Duration>,
    measured: Duration,
}

impl Summary {
    pub fn new(mut took: Vec<Duration>, measured: Duration) -> Self {
        took.sort_unstable();
        Self { took, measured }
    }

    /// The time that `percent` of the answers took at most, in milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
        self.took.get(index).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (requests, seconds) = (self.took.len(), self.measured.as_secs_f64());
        let rps = requests as f64 / seconds;
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        write!(
            formatter,
            r#"{{"requests":{requests},"seconds":{seconds},"rps":{rps:.1},"p50_ms":{p50:.3},"p99_ms":{p99:.3}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;
    use std::time::Duration;

    #[test]
    fn percentiles() {
        let took = (1..=200).rev().map(Duration::from_millis).collect();
        let summary = Summary::new(took, Duration::from_secs(2));
        assert_eq!(
            summary.to_string(),
            r#"{"requests":200,"seconds":2,"rps":100.0,"p50_ms":100.000,"p99_ms":198.000}"#
        );
        assert_eq!(Summary::new(Vec::new(), Duration::from_secs(1)).percentile(99), 0.0);
    }
}
