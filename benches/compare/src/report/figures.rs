//! The raw numbers, and how those of different rounds become one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::page::Page;
use crate::peer::Optional;

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
    /// Peers whose figures are of an earlier run, as they were not built for this one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) taken_over: BTreeMap<String, Run>,
    pub(super) lines: Vec<Line>,
}

/// A run that measured something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Machine, kernel, file system, commit and arguments.
    machine: String,
    /// When, in seconds since the Unix epoch.
    pub(super) date_s: u64,
}

impl Run {
    pub(super) fn commit(&self) -> &str {
        let mut lines = self.machine.lines();
        let commit = lines.find_map(|line| line.strip_prefix("commit"));
        commit.map_or("unknown", str::trim)
    }
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
            taken_over: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// Takes over from an earlier measurement of the same what it says of peers that were not built for
    /// this one.
    fn take_over(&mut self, before: &Self, optional: &[Optional]) {
        for peer in optional.iter().filter(|it| !it.is_built) {
            for line in &mut self.lines {
                let mut lines = before.lines.iter();
                let rounds = lines
                    .find(|it| it.unit == line.unit)
                    .and_then(|it| it.rounds.get(peer.name));
                let Some(rounds) = rounds else {
                    continue;
                };
                line.rounds.insert(peer.name.to_owned(), rounds.clone());
                let run = before.taken_over.get(peer.name).cloned();
                let run = run.unwrap_or_else(|| Run {
                    machine: before.machine.clone(),
                    date_s: before.date_s,
                });
                self.taken_over.insert(peer.name.to_owned(), run);
            }
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

    /// Adds what an earlier report says of other cases, and of peers that are not built now, and who took
    /// part in these alone.
    pub(super) fn add_others(&mut self, before: Kept) {
        let kept = &mut self.kept;
        // Cases stay where they were, and those of a row in the order in which they were measured first.
        let new = std::mem::take(&mut kept.cases);
        kept.cases = before.cases;
        for mut case in new {
            let is_same = |it: &&mut CaseReport| (&it.row, &it.what) == (&case.row, &case.what);
            match kept.cases.iter_mut().find(is_same) {
                Some(place) => {
                    case.take_over(place, self.page.optional);
                    *place = case;
                }
                None => kept.cases.push(case),
            }
        }
        // Each column stays behind the one it was behind.
        let mut place = 0;
        for peer in before.peers {
            if let Some(at) = kept.peers.iter().position(|it| it.name == peer.name) {
                place = at + 1;
                continue;
            }
            let took_part = |it: &Line| it.rounds.contains_key(&peer.name);
            let mut lines = kept.cases.iter().flat_map(|it| &it.lines);
            if lines.any(took_part) {
                kept.peers.insert(place, peer);
                place += 1;
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

    const BUILT: Optional = Optional {
        name: "optional",
        is_built: true,
    };
    const NOT_BUILT: Optional = Optional {
        is_built: false,
        ..BUILT
    };

    /// Pages of programs that were built with and without a peer.
    static WITH: Page = Page {
        optional: &[BUILT],
        ..WITHOUT
    };
    static WITHOUT: Page = Page {
        name: "test",
        title: "Test",
        ours: "ours",
        promise: "None.",
        rows: &[("push", "so many threads push")],
        goals: &[],
        optional: &[NOT_BUILT],
        charts: &[],
    };

    /// A report of one case, in which each of these peers did `value`.
    fn report(page: &'static Page, peers: &str, value: f64) -> Report {
        let about = |name: &str| PeerReport {
            name: name.to_owned(),
            is_durable: true,
            is_floor: false,
            how: String::new(),
        };
        let peers: Vec<PeerReport> = peers.split(' ').map(about).collect();
        let machine = format!("commit    of {value}\n");
        let mut report = Report::new(page, &machine, &peers);
        let mut case = CaseReport::new("push", "1", false, &machine, 7);
        for peer in &peers {
            let figures = vec![Figure::new("1/s", Better::More, value)];
            case.add(&peer.name, figures);
        }
        report.push(case);
        report
    }

    fn columns(report: &Report) -> Vec<(&str, Option<f64>)> {
        let line = &report.kept.cases[0].lines[0];
        let column = |it: &'_ PeerReport| line.median(&it.name);
        let peers = report.kept.peers.iter();
        peers.map(|it| (it.name.as_str(), column(it))).collect()
    }

    #[test]
    fn who_was_not_built_keeps_its_column_and_who_was_removed_does_not() {
        let before = report(&WITH, "ours removed optional last", 1.0);
        let mut now = report(&WITHOUT, "ours last", 2.0);
        now.add_others(before.kept);
        let expected = [
            ("ours", Some(2.0)),
            ("optional", Some(1.0)),
            ("last", Some(2.0)),
        ];
        assert_eq!(columns(&now), expected);
        let run = &now.kept.cases[0].taken_over["optional"];
        assert_eq!((run.commit(), run.date_s), ("of 1", 7));
        let page = now.page(&[]);
        let said = "; optional as of 1970-01-01, commit of 1\n";
        assert!(page.contains(said), "{page}");

        // Again: it is still of the first run.
        let mut again = report(&WITHOUT, "ours last", 3.0);
        again.add_others(now.kept);
        assert_eq!(columns(&again)[1], ("optional", Some(1.0)));
        let run = &again.kept.cases[0].taken_over["optional"];
        assert_eq!(run.commit(), "of 1");

        let mut with = report(&WITH, "ours optional last", 4.0);
        with.add_others(again.kept);
        assert_eq!(columns(&with)[1], ("optional", Some(4.0)));
        assert!(with.kept.cases[0].taken_over.is_empty());
    }
}
