//! What ours should reach, and whether it did.

use std::fmt::{self, Write as _};

use super::figures::{CaseReport, Line, Report};
use super::table::{least_ahead, number};

/// Something that ours should reach in all cases of a row.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) row: &'static str,
    /// What the case begins with; all cases of the row without it.
    pub(crate) case: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) limit: Limit,
}

/// How a goal is put.
#[derive(Debug)]
pub(crate) enum Limit {
    /// At least this part of what the other reaches.
    AtLeast(f64, &'static str),
    /// At most so many times what the other needs.
    AtMost(f64, &'static str),
    /// At most this, in the unit of the figure.
    Below(f64),
    /// Better than all that compete.
    First,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(part, other) => write!(f, "≥ {part:.2} × {other}"),
            Self::AtMost(times, other) => write!(f, "≤ {times:.2} × {other}"),
            Self::Below(limit) => write!(f, "≤ {}", number(Some(*limit))),
            Self::First => f.write_str("above every durable peer"),
        }
    }
}

impl Limit {
    /// Returns what is judged, and whether it is good enough.
    fn judge(&self, line: &Line, report: &Report) -> Option<(String, bool)> {
        let (ours, others) = report.kept.peers.split_first()?;
        let times = |ratio: f64| format!("{ratio:.2} ×");
        Some(match self {
            Self::AtLeast(part, other) => {
                let ratio = line.ratio(&ours.name, other)?;
                (times(ratio), ratio >= *part)
            }
            Self::AtMost(most, other) => {
                let ratio = line.ratio(&ours.name, other)?;
                (times(ratio), ratio <= *most)
            }
            Self::Below(limit) => {
                let median = line.median(&ours.name)?;
                (number(Some(median)), median <= *limit)
            }
            Self::First => {
                let least = least_ahead(line, ours, others)?;
                (format!("{least:.2} × the next"), least > 1.0)
            }
        })
    }
}

impl Report {
    /// Returns the table of the goals for which there are figures, in Markdown; empty without any.
    pub(super) fn goals(&self) -> String {
        let mut text = String::new();
        for goal in self.page.goals {
            let is_meant =
                |case: &&CaseReport| case.row == goal.row && case.what.starts_with(goal.case);
            for case in self.kept.cases.iter().filter(is_meant) {
                let lines = case.lines.iter().filter(|line| line.unit == goal.unit);
                for line in lines {
                    let Some((measured, is_met)) = goal.limit.judge(line, self) else {
                        continue;
                    };
                    let verdict = if is_met { "met" } else { "**missed**" };
                    let (row, what, unit, limit) = (&case.row, &case.what, goal.unit, &goal.limit);
                    let _ = writeln!(
                        text,
                        "| {row}, {what}, {unit} | {limit} | {measured} | {verdict} |"
                    );
                }
            }
        }
        if !text.is_empty() {
            text.insert_str(0, "| what | goal | measured | |\n|---|---|---:|---|\n");
        }
        text
    }
}
