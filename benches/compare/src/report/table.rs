//! The table of a report, in Markdown.

use std::fmt::Write as _;

use mainstem_benches::table;

use super::figures::{Line, PeerReport, Report};

impl Report {
    /// Returns the table. The last column says how many times as good ours is as the best of those
    /// that compete with it.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| what | unit |");
        let mut rule = String::from("|---|---|");
        for peer in &self.kept.peers {
            let mark = match (peer.is_floor, peer.is_durable) {
                (true, _) => " (no store)",
                (false, true) => "",
                (false, false) => " (not durable)",
            };
            let _ = write!(text, " {}{mark} |", peer.name);
            rule.push_str("---:|");
        }
        let _ = writeln!(text, " ahead by |\n{rule}---:|");
        for case in &self.kept.cases {
            for line in &case.lines {
                let _ = write!(text, "| {}, {} | {} |", case.row, case.what, line.unit);
                self.cells(line, &mut text);
            }
        }
        text
    }

    fn cells(&self, line: &Line, text: &mut String) {
        let Some((ours, others)) = self.kept.peers.split_first() else {
            return;
        };
        let _ = write!(text, " {} |", number(line.median(&ours.name)));
        for peer in others {
            let ahead = line.ahead(&ours.name, &peer.name);
            let _ = match ahead {
                Some(ahead) => write!(text, " {} ({ahead:.2}×) |", number(line.median(&peer.name))),
                None => write!(text, " |"),
            };
        }
        let _ = match least_ahead(line, ours, others) {
            Some(least) => writeln!(text, " **{least:.2}×** |"),
            None => writeln!(text, " |"),
        };
    }
}

/// Returns how many times as good ours is as the best of those that compete.
pub(super) fn least_ahead(line: &Line, ours: &PeerReport, others: &[PeerReport]) -> Option<f64> {
    let competing = others.iter().filter(|peer| peer.competes());
    competing
        .filter_map(|peer| line.ahead(&ours.name, &peer.name))
        .min_by(f64::total_cmp)
}

/// A number with three digits that matter, or all before the point.
pub(super) fn number(value: Option<f64>) -> String {
    value.map(table::number).unwrap_or_default()
}
