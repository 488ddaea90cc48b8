//! What was measured, as a table for people and as raw numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

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
    unit: String,
    better: Better,
    /// By peer.
    rounds: BTreeMap<String, Vec<f64>>,
}

/// One thing that was measured of all peers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CaseReport {
    row: String,
    what: String,
    is_parallel: bool,
    /// Machine, kernel, file system, commit and arguments of the run.
    machine: String,
    /// When, in seconds since the Unix epoch.
    date_s: u64,
    /// The load average of a minute, before and after.
    pub(crate) load: Vec<String>,
    lines: Vec<Line>,
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

impl Line {
    fn median(&self, peer: &str) -> Option<f64> {
        median(self.rounds.get(peer)?.iter().copied())
    }

    /// How many times as good ours is: the median over the rounds, since what disturbs a machine for
    /// a while disturbs all of a round.
    fn ahead(&self, ours: &str, peer: &str) -> Option<f64> {
        let both = self.rounds.get(ours)?.iter().zip(self.rounds.get(peer)?);
        median(both.map(|(ours, peer)| match self.better {
            Better::More => ours / peer,
            Better::Less => peer / ours,
        }))
    }
}

/// Who was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerReport {
    pub(crate) name: String,
    pub(crate) is_durable: bool,
    pub(crate) how: String,
}

/// All that was measured. The first peer is ours.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    machine: String,
    peers: Vec<PeerReport>,
    pub(crate) cases: Vec<CaseReport>,
}

impl Report {
    pub(crate) fn new(machine: &str, peers: &[PeerReport]) -> Self {
        Self {
            machine: machine.to_owned(),
            peers: peers.to_vec(),
            cases: Vec::new(),
        }
    }

    /// Returns the table, in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| what | unit |");
        let mut rule = String::from("|---|---|");
        for peer in &self.peers {
            let mark = if peer.is_durable {
                ""
            } else {
                " (not durable)"
            };
            let _ = write!(text, " {}{mark} |", peer.name);
            rule.push_str("---:|");
        }
        let _ = writeln!(text, " ahead by |\n{rule}---:|");
        for case in &self.cases {
            for line in &case.lines {
                let _ = write!(text, "| {}, {} | {} |", case.row, case.what, line.unit);
                self.cells(line, &mut text);
            }
        }
        text
    }

    fn cells(&self, line: &Line, text: &mut String) {
        let Some((ours, others)) = self.peers.split_first() else {
            return;
        };
        let _ = write!(text, " {} |", number(line.median(&ours.name)));
        let mut least: Option<f64> = None;
        for peer in others {
            let ahead = line.ahead(&ours.name, &peer.name);
            let _ = match ahead {
                Some(ahead) => write!(text, " {} ({ahead:.2}×) |", number(line.median(&peer.name))),
                None => write!(text, " |"),
            };
            if let Some(ahead) = ahead.filter(|_| peer.is_durable) {
                least = Some(least.map_or(ahead, |it| it.min(ahead)));
            }
        }
        let _ = match least {
            Some(least) => writeln!(text, " **{least:.2}×** |"),
            None => writeln!(text, " |"),
        };
    }

    /// Writes the table and the raw numbers into a directory. What the numbers that are there already
    /// say of other cases stays.
    pub(crate) fn keep(mut self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir).context("cannot create the directory for the table")?;
        let raw = dir.join("queue.json");
        if let Ok(text) = std::fs::read_to_string(&raw) {
            let before: Self = serde_json::from_str(&text)
                .with_context(|| format!("{} is not of this version", raw.display()))?;
            self.add_others(before.cases);
        }
        std::fs::write(&raw, serde_json::to_string_pretty(&self)? + "\n")?;
        std::fs::write(dir.join("queue.md"), self.page())?;
        Ok(())
    }

    fn add_others(&mut self, others: Vec<CaseReport>) {
        for case in others {
            let is_there = |it: &CaseReport| (&it.row, &it.what) == (&case.row, &case.what);
            if !self.cases.iter().any(is_there) {
                self.cases.push(case);
            }
        }
        let rank = |case: &CaseReport| ROWS.iter().position(|row| *row == case.row);
        // Stable: the cases of a row stay in their order.
        self.cases.sort_by_key(rank);
    }

    fn page(&self) -> String {
        let mut page = String::from(
            "# Durable queues side by side\n\n\
             Written by `cargo run --release --manifest-path benches/compare/Cargo.toml -- queue`; the raw \
             numbers are in `queue.json`. Medians of rounds in which the peers took turns. In \
             brackets, and as the least of the durable peers in the last column: how many times as good \
             the queue of Mainstem is, the median over the rounds; below 1 it is worse.\n\n\
             A push returns when the message is on the medium, a receive when its lease is, an \
             acknowledgement when that is.\n\n",
        );
        page.push_str(&self.table());
        page.push_str(
            "\n## What the rows are\n\n\
             - push: so many threads push one message at a time.\n\
             - round trip: so many producers, each of which waits until its message is acknowledged before \
             it pushes the next, and as many consumers, which take one message at a time.\n\
             - drain: one thread receives and acknowledges in batches what was pushed before.\n\
             - reopen: from the opening until the first message is received and acknowledged; \
             SIGKILL hits a process that has pushed 10,000 messages in batches of 100.\n\
             - disk: waves of 10,000 messages are pushed and then acknowledged, in batches of 1,000; the end \
             is two seconds after the last acknowledgement.\n\n## Who is there\n\n",
        );
        for peer in &self.peers {
            let _ = writeln!(page, "- {}: {}.", peer.name, peer.how);
        }
        page.push_str(
            "\n## Where and when\n\n\
             The load is the average of a minute before and after, the threads of the measurement \
             included. Where it was above the number of processors before, others were at work too: the \
             rows with one thread then say as much about them as about the queues.\n",
        );
        let mut last = "";
        for case in &self.cases {
            if case.machine != last {
                let _ = write!(page, "\n```text\n{}```\n\n", case.machine);
                last = &case.machine;
            }
            let load = case.load.join(" → ");
            let (row, what) = (&case.row, &case.what);
            let _ = writeln!(
                page,
                "- {row}, {what}: Unix time {}, load {load}",
                case.date_s
            );
        }
        page
    }
}

/// The order of the rows in the table.
const ROWS: [&str; 5] = ["push", "round trip", "drain", "reopen", "disk"];

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

/// A number with three digits that matter, or all before the point.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    let digits = if value < 10.0 {
        2
    } else {
        usize::from(value < 100.0)
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut spaced = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    if rest.is_empty() {
        spaced
    } else {
        format!("{spaced}.{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (0.5, "0.50"),
            (42.25, "42.2"),
            (1234.4, "1,234"),
            (1e6, "1,000,000"),
        ] {
            assert_eq!(number(Some(value)), text);
        }
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
