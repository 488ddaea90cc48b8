//! Counts what happened.

use std::fmt;
use std::time::Duration;

/// What happened in a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) cycles: u64,
    pub(super) stores: u64,
    /// Killed after some acknowledgements.
    pub(super) killed_after_acks: u64,
    /// Killed in the first 50 ms, before the first acknowledgement.
    pub(super) killed_in_start: u64,
    pub(super) readers_killed: u64,
    pub(super) paused: u64,
    pub(super) ended_in_order: u64,
    pub(super) duels: u64,
    pub(super) acked_records: u64,
    pub(super) shown_records: u64,
    pub(super) kept_unacked: u64,
    pub(super) lost_unacked: u64,
    pub(super) gone_old: u64,
    pub(super) slowest_read: Duration,
    pub(super) violations: u64,
}

impl Tally {
    /// Returns one line about a run that goes on.
    pub(super) fn progress(&self, elapsed: Duration) -> String {
        let kills = self.killed_after_acks.saturating_add(self.killed_in_start);
        let seconds = elapsed.as_secs().max(1);
        format!(
            "{:>5} s  {} cycles ({} a minute), {} stores, {kills} writers and {} readers killed, \
             {} records acknowledged",
            elapsed.as_secs(),
            self.cycles,
            self.cycles.saturating_mul(60) / seconds,
            self.stores,
            self.readers_killed,
            self.acked_records
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slowest = self.slowest_read.as_micros();
        let rows: [(&str, String); 15] = [
            ("cycles", self.cycles.to_string()),
            ("stores", self.stores.to_string()),
            (
                "writers killed after acknowledgements",
                self.killed_after_acks.to_string(),
            ),
            (
                "writers killed as they started",
                self.killed_in_start.to_string(),
            ),
            ("readers killed", self.readers_killed.to_string()),
            ("writers stopped and continued", self.paused.to_string()),
            ("writers ended in order", self.ended_in_order.to_string()),
            ("two writers at once", self.duels.to_string()),
            ("records acknowledged", self.acked_records.to_string()),
            ("records read and judged", self.shown_records.to_string()),
            (
                "appends not acknowledged, kept",
                self.kept_unacked.to_string(),
            ),
            (
                "appends not acknowledged, lost",
                self.lost_unacked.to_string(),
            ),
            ("records deleted by retention", self.gone_old.to_string()),
            (
                "slowest reopening and reading",
                format!("{}.{} ms", slowest / 1000, slowest / 100 % 10),
            ),
            ("violations", self.violations.to_string()),
        ];
        for (what, number) in rows {
            writeln!(f, "{what:<40}{number:>14}")?;
        }
        Ok(())
    }
}
