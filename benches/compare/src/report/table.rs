//! The table of a report, in Markdown.

use std::fmt::Write as _;

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
    }
}
