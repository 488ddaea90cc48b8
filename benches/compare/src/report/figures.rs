//! The raw numbers, and how those of different rounds become one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::page::Page;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Better {
    More,
    Less,
}

/// One number of a measurement.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(unit: &'static str, better: Better, value: f64) -> Self {
        Self {
            unit,
            better,
            value,
        }
    }
}

/// One number of all peers, in rounds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(super) unit: String,
    pub(super) better: Better,
    /// By peer.
    rounds: BTreeMap<String, Vec<f64>>,
}

impl Line {
    pub(super) fn median(&self, peer: &str) -> Option<f64> {
        median(self.rounds.get(peer)?.iter().copied())
    }

    /// Returns the median over the rounds of what one has to another, since what disturbs a machine
    /// for a while disturbs all of a round.
    pub(super) fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        let both = self.rounds.get(of)?.iter().zip(self.rounds.get(to)?);
        median(both.map(|(of, to)| of / to))
    }

    /// Returns how many times as good ours is.
    pub(super) fn ahead(&self, ours: &str, peer: &str) -> Option<f64> {
        match self.better {
            Better::More => self.ratio(ours, peer),
            Better::Less => self.ratio(peer, ours),
        }
    }
}

/// One thing that was measured of all peers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CaseReport {
    pub(super) row: String,
    pub(super) what: String,
    is_parallel: bool,
    /// Machine, kernel, file system, commit and arguments of the run.
    pub(super) machine: String,
    /// When, in seconds since the Unix epoch.
    pub(super) date_s: u64,
    /// The load average of a minute, before and after.
    pub(crate) load: Vec<String>,
    pub(super) lines: Vec<Line>,
}

impl CaseReport {
    pub(crate) fn new(
        row: &str,
        what: &str,
        is_parallel: bool,
        machine: &str,
        date_s: u64,
    ) -> Self {
        Self {
            row: row.to_owned(),
            what: what.to_owned(),
            is_parallel,
            machine: machine.to_owned(),
            date_s,
            load: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Adds what a peer did in a round.
    pub(crate) fn add(&mut self, peer: &str, figures: Vec<Figure>) {
        for (at, figure) in figures.into_iter().enumerate() {
            if self.lines.len() == at {
                self.lines.push(Line {
                    unit: figure.unit.to_owned(),
                    better: figure.better,
                    rounds: BTreeMap::new(),
                });
            }
            if let Some(line) = self.lines.get_mut(at) {
                line.rounds
                    .entry(peer.to_owned())
                    .or_default()
                    .push(figure.value);
            }
        }
    }
}

/// Who was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerReport {
    pub(crate) name: String,
    pub(crate) is_durable: bool,
    /// Whether it is no store, but the least that any has to do.
    #[serde(default)]
    pub(crate) is_floor: bool,
    pub(crate) how: String,
}

impl PeerReport {
    pub(super) fn competes(&self) -> bool {
        self.is_durable && !self.is_floor
    }
}

/// All that was measured. The first peer is ours.
#[derive(Debug)]
pub(crate) struct Report {
    pub(super) page: &'static Page,
    pub(super) kept: Kept,
}

/// What is in the file of the raw numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    machine: String,
    pub(super) peers: Vec<PeerReport>,
    pub(super) cases: Vec<CaseReport>,
}

impl Report {
    pub(crate) fn new(page: &'static Page, machine: &str, peers: &[PeerReport]) -> Self {
        let kept = Kept {
            machine: machine.to_owned(),
            peers: peers.to_vec(),
            cases: Vec::new(),
        };
        Self { page, kept }
    }

    pub(crate) fn push(&mut self, case: CaseReport) {
        self.kept.cases.push(case);
    }

    /// Adds what an earlier report says of other cases, and who took part in these alone.
    pub(super) fn add_others(&mut self, before: Kept) {
        let kept = &mut self.kept;
        // Cases stay where they were, and those of a row in the order in which they were measured first.
        let new = std::mem::take(&mut kept.cases);
        kept.cases = before.cases;
        for case in new {
            let is_same = |it: &&mut CaseReport| (&it.row, &it.what) == (&case.row, &case.what);
            match kept.cases.iter_mut().find(is_same) {
                Some(place) => *place = case,
                None => kept.cases.push(case),
            }
        }
        for peer in before.peers {
            let is_there = kept.peers.iter().any(|it| it.name == peer.name);
            let took_part = |it: &Line| it.rounds.contains_key(&peer.name);
            let mut lines = kept.cases.iter().flat_map(|it| &it.lines);
            if !is_there && lines.any(took_part) {
                kept.peers.push(peer);
            }
        }
        let rows = self.page.rows;
        let rank = |case: &CaseReport| rows.iter().position(|(row, _)| *row == case.row);
        // Stable: the cases of a row stay in their order.
        kept.cases.sort_by_key(rank);
    }
}

/// Returns a count as a float; none here is so large that it loses a digit that matters.
pub(crate) fn float(count: u64) -> f64 {
    let (high, low) = (count >> 32, count & 0xFFFF_FFFF);
    let half = |it: u64| f64::from(u32::try_from(it).unwrap_or(u32::MAX));
    half(high) * 4_294_967_296.0 + half(low)
}

/// Returns the middle value, the upper one of two.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_floats() {
        assert!((float(10_000_000_000) - 1e10).abs() < 1.0);
    }

    #[test]
    fn being_ahead_is_more_of_what_is_better_and_less_of_what_is_not() {
        let mut case = CaseReport::new("push", "1", false, "", 0);
        for (ours, peer) in [(300.0, 100.0), (200.0, 100.0), (500.0, 50.0)] {
            for (who, rate) in [("ours", ours), ("peer", peer)] {
                let rate_and_time = vec![
                    Figure::new("1/s", Better::More, rate),
                    Figure::new("s", Better::Less, 1.0 / rate),
                ];
                case.add(who, rate_and_time);
            }
        }
        for line in &case.lines {
            let ahead = line.ahead("ours", "peer").unwrap();
            assert!((ahead - 3.0).abs() < 1e-9, "{ahead}");
        }
    }
}
