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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Better, Figure, Page, PeerReport};

    static PAGE: Page = Page {
        name: "test",
        title: "Test",
        ours: "ours",
        promise: "None.",
        rows: &[("append", "so many threads append")],
        goals: &[
            Goal {
                row: "append",
                case: "16 ×",
                unit: "records/s",
                limit: Limit::AtLeast(0.9, "floor"),
            },
            Goal {
                row: "append",
                case: "",
                unit: "µs",
                limit: Limit::AtMost(1.5, "floor"),
            },
            Goal {
                row: "append",
                case: "",
                unit: "µs",
                limit: Limit::Below(10.0),
            },
            Goal {
                row: "append",
                case: "16 ×",
                unit: "records/s",
                limit: Limit::First,
            },
        ],
        optional: &[],
        charts: &[],
    };

    fn report(figures: &[(&str, f64, f64)]) -> Report {
        let about = |name: &str| PeerReport {
            name: name.to_owned(),
            is_durable: name != "unsafe",
            is_floor: name == "floor",
            how: String::new(),
        };
        let peers: Vec<_> = figures.iter().map(|(name, ..)| about(name)).collect();
        let mut report = Report::new(&PAGE, "", &peers);
        let mut case = CaseReport::new("append", "16 × 1 KiB", true, "", 0);
        for (name, rate, micros) in figures {
            let figures = vec![
                Figure::new("records/s", Better::More, *rate),
                Figure::new("µs", Better::Less, *micros),
            ];
            case.add(name, figures);
        }
        report.push(case);
        report
    }

    fn verdicts(report: &Report) -> Vec<bool> {
        let table = report.goals();
        let lines = table.lines().skip(2);
        lines.map(|line| line.ends_with("| met |")).collect()
    }

    #[test]
    fn goals_are_judged_against_the_one_they_name() {
        let floor = ("floor", 100.0, 8.0);
        let (slow, unsafe_one) = (("peer", 50.0, 30.0), ("unsafe", 900.0, 1.0));
        let good = report(&[("ours", 90.0, 10.0), floor, slow, unsafe_one]);
        assert_eq!(verdicts(&good), [true, true, true, true]);
        let bad = report(&[("ours", 49.0, 12.1), floor, slow, unsafe_one]);
        assert_eq!(verdicts(&bad), [false, false, false, false]);
    }

    #[test]
    fn without_the_other_nothing_is_judged() {
        let alone = report(&[("ours", 90.0, 11.0)]);
        assert_eq!(verdicts(&alone), [false], "only what needs no other");
    }
}
