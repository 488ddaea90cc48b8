//! Counters of the server, and their text form.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use mainstem_wire::Operation;

/// What the server counts. All counters start at zero with the process.
///
/// The counters are independent of each other, so `Relaxed` is enough.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// One per operation, in the order of [`Operation::ALL`], then one for what is no call.
    calls: Vec<CallCounters>,
    pub(crate) connections: AtomicU64,
    pub(crate) connections_open: AtomicU64,
}

/// What is counted of one operation.
#[derive(Debug, Default)]
struct CallCounters {
    succeeded: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    micros: AtomicU64,
}

/// One answered request.
pub(crate) struct Answered {
    /// The operation called, if the request was a call.
    pub(crate) operation: Option<Operation>,
    /// The HTTP status of the answer.
    pub(crate) status: u16,
    /// Bytes of the request's body.
    pub(crate) request_bytes: usize,
    /// Bytes of the answer's body.
    pub(crate) response_bytes: usize,
    /// From the end of the request's head to the answer.
    pub(crate) duration: Duration,
}

impl Metrics {
    /// Makes counters that are all zero.
    pub(crate) fn new() -> Self {
        let calls = Operation::ALL.iter().map(|_| CallCounters::default());
        Self {
            calls: calls.chain([CallCounters::default()]).collect(),
            connections: AtomicU64::new(0),
            connections_open: AtomicU64::new(0),
        }
    }

    /// Counts an answered request.
    pub(crate) fn count(&self, answered: &Answered) {
        let index = answered
            .operation
            .and_then(|operation| Operation::ALL.binary_search(&operation).ok())
            .unwrap_or(Operation::ALL.len());
        let Some(counters) = self.calls.get(index) else {
            return;
        };
        let outcome = match answered.status {
            ..400 => &counters.succeeded,
            400..500 => &counters.refused,
            500.. => &counters.failed,
        };
        outcome.fetch_add(1, Relaxed);
        add(&counters.request_bytes, answered.request_bytes);
        add(&counters.response_bytes, answered.response_bytes);
        let micros = u64::try_from(answered.duration.as_micros()).unwrap_or(u64::MAX);
        counters.micros.fetch_add(micros, Relaxed);
    }

    /// Writes the counters in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let called: Vec<_> = names()
            .zip(&self.calls)
            .filter(|(_, c)| c.count() > 0)
            .collect();
        header(
            &mut out,
            "mainstem_requests_total",
            "counter",
            "Answered requests.",
        );
        for (operation, counters) in &called {
            for (outcome, counter) in [
                ("success", &counters.succeeded),
                ("client_error", &counters.refused),
                ("server_error", &counters.failed),
            ] {
                line(
                    &mut out,
                    "mainstem_requests_total",
                    &format!("operation=\"{operation}\",outcome=\"{outcome}\""),
                    &counter.load(Relaxed).to_string(),
                );
            }
        }
        for (name, help, read) in FAMILIES {
            header(&mut out, name, "counter", help);
            for (operation, counters) in &called {
                line(
                    &mut out,
                    name,
                    &format!("operation=\"{operation}\""),
                    &read(counters),
                );
            }
        }
        header(
            &mut out,
            "mainstem_connections_total",
            "counter",
            "Accepted connections.",
        );
        line(
            &mut out,
            "mainstem_connections_total",
            "",
            &load(&self.connections),
        );
        header(
            &mut out,
            "mainstem_connections_open",
            "gauge",
            "Connections being served.",
        );
        line(
            &mut out,
            "mainstem_connections_open",
            "",
            &load(&self.connections_open),
        );
        out
    }
}

impl CallCounters {
    fn count(&self) -> u64 {
        let outcomes = [&self.succeeded, &self.refused, &self.failed];
        outcomes.iter().map(|counter| counter.load(Relaxed)).sum()
    }
}

/// The label of each entry of [`Metrics::calls`].
fn names() -> impl Iterator<Item = &'static str> {
    let operations = Operation::ALL.iter().map(|operation| operation.name());
    operations.chain(["none"])
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
}

fn load(counter: &AtomicU64) -> String {
    counter.load(Relaxed).to_string()
}

fn seconds(micros: &AtomicU64) -> String {
    let micros = micros.load(Relaxed);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &str, value: &str) {
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    };
    let _ = writeln!(out, "{name}{labels} {value}");
}

/// Reads one number of an operation's counters.
type Read = fn(&CallCounters) -> String;

/// Further families with one line per operation.
const FAMILIES: &[(&str, &str, Read)] = &[
    (
        "mainstem_request_bytes_total",
        "Bytes of request bodies.",
        |c| load(&c.request_bytes),
    ),
    ("mainstem_response_bytes_total", "Bytes of answers.", |c| {
        load(&c.response_bytes)
    }),
    (
        "mainstem_request_seconds_total",
        "Time from head to answer.",
        |c| seconds(&c.micros),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_apart() {
        let metrics = Metrics::new();
        for (operation, status) in [
            (Some(Operation::PutRecord), 200),
            (Some(Operation::PutRecord), 500),
            (None, 403),
        ] {
            let duration = Duration::from_millis(1500);
            metrics.count(&Answered {
                operation,
                status,
                request_bytes: 7,
                response_bytes: 1,
                duration,
            });
        }
        let text = metrics.text();
        for expected in [
            "mainstem_requests_total{operation=\"PutRecord\",outcome=\"success\"} 1\n",
            "mainstem_requests_total{operation=\"PutRecord\",outcome=\"server_error\"} 1\n",
            "mainstem_requests_total{operation=\"none\",outcome=\"client_error\"} 1\n",
            "mainstem_request_bytes_total{operation=\"PutRecord\"} 14\n",
            "mainstem_request_seconds_total{operation=\"PutRecord\"} 3.000000\n",
            "mainstem_connections_open 0\n",
        ] {
            assert!(text.contains(expected), "{expected}{text}");
        }
        assert!(!text.contains("GetRecords"));
    }
}
