//! The table that is printed.

use std::time::Duration;

use super::Measured;

/// Returns the line above the table, of which `counted` are counted.
pub(crate) fn head(counted: &str) -> String {
    format!(
        "{:<WIDTH$} {counted:>10}    seconds     per second        p50        p90        p99      p99.9        max",
        "what"
    )
}

/// How wide the first column is.
const WIDTH: usize = 30;

/// Returns a line of the table.
pub(crate) fn row(name: &str, measured: &Measured) -> String {
    let mut sorted = measured.latencies.clone();
    sorted.sort_unstable();
    let rate = u64::try_from(sorted.len())
        .unwrap_or(u64::MAX)
        .saturating_mul(1_000_000)
        / u64::try_from(measured.took.as_micros().max(1)).unwrap_or(u64::MAX);
    let mut row = format!(
        "{name:<WIDTH$} {:>10} {:>10.2} {rate:>14}",
        sorted.len(),
        measured.took.as_secs_f64()
    );
    for per_mille in [500, 900, 990, 999, 1000] {
        row.push_str(&format_cell(percentile(&sorted, per_mille)));
    }
    row
}

/// Returns the value that so many of a thousand do not exceed.
fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    let rank = sorted.len().saturating_mul(per_mille).div_ceil(1000);
    let at = rank.saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

fn format_cell(latency: Duration) -> String {
    format!(" {:>10}", shown(latency))
}

fn shown(duration: Duration) -> String {
    let us = duration.as_micros();
    match us {
        0..=9_999 => format!("{us} us"),
        10_000..=9_999_999 => format!("{} ms", us / 1000),
        _ => format!("{} s", us / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<Duration> = (1..=1000).map(Duration::from_millis).collect();
        for (per_mille, ms) in [(500, 500), (990, 990), (999, 999), (1000, 1000)] {
            assert_eq!(percentile(&sorted, per_mille), Duration::from_millis(ms));
        }
        let one = [Duration::from_secs(7)];
        assert_eq!(percentile(&one, 500), Duration::from_secs(7));
        assert_eq!(percentile(&[], 500), Duration::ZERO);
    }
}
