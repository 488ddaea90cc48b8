//! Rounds of measurements, their medians, and a plain table of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing measured in rounds: the engine, and the floor beside it.
#[derive(Clone, Debug, Default)]
pub struct Series {
    rounds: Vec<(f64, f64)>,
}

impl Series {
    /// Adds what one round measured.
    pub fn push(&mut self, engine: f64, floor: f64) {
        self.rounds.push((engine, floor));
    }

    /// Returns the row of the table. The ratio is the median of the ratios of the rounds, since what
    /// disturbs a machine for a while disturbs both sides of a round.
    pub fn row(&self, what: impl Into<String>, unit: &str, goal: Goal) -> Row {
        let rounds = || self.rounds.iter().copied();
        let engine = median(rounds().map(|(engine, _)| engine));
        // There is no ratio to nothing.
        let with_floor = rounds().filter(|(_, floor)| *floor > 0.0);
        let ratio = median(with_floor.map(|(engine, floor)| engine / floor));
        Row {
            what: what.into(),
            unit: unit.to_owned(),
            engine,
            floor: median(rounds().map(|(_, floor)| floor)),
            ratio,
            goal,
            is_met: goal.is_met(engine, ratio),
            note: None,
            rounds: self.rounds.clone(),
        }
    }
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "there are no other sides")]
pub enum Goal {
    /// The engine may take this many times what the floor takes.
    AtMost(f64),
    /// The engine should reach this part of what the floor reaches.
    AtLeast(f64),
    /// The engine may take so much, whatever the floor takes.
    Within(f64),
    /// Shown for information.
    None,
}

impl Goal {
    /// Returns whether it is met, if there is anything to meet.
    fn is_met(self, engine: f64, ratio: f64) -> Option<bool> {
        match self {
            Self::Within(limit) => Some(engine <= limit),
            Self::AtMost(limit) => Some(ratio <= limit),
            Self::AtLeast(limit) => Some(ratio >= limit),
            Self::None => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "<= {limit:.2}"),
            Self::AtLeast(limit) => write!(f, ">= {limit:.2}"),
            Self::Within(limit) => write!(f, "<= {limit}"),
            Self::None => f.write_str("-"),
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub(crate) what: String,
    pub(crate) unit: String,
    /// The median over the rounds, as are the next two.
    pub(crate) engine: f64,
    pub(crate) floor: f64,
    pub(crate) ratio: f64,
    pub(crate) goal: Goal,
    pub(crate) is_met: Option<bool>,
    /// What else was measured with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// What the engine and the floor did in each round.
    pub(crate) rounds: Vec<(f64, f64)>,
}

impl Row {
    /// The line above the rows.
    pub fn heading() -> String {
        format!(
            "{:<42}{:>10}{:>13}{:>13}{:>8}  {:<8}",
            "what", "unit", "engine", "floor", "ratio", "goal"
        )
    }

    /// Says what else was measured with it.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_met == Some(false) {
            "missed"
        } else {
            ""
        };
        let line = format!(
            "{:<42}{:>10}{:>13.1}{:>13.1}{:>8.2}  {:<8}{verdict}",
            self.what,
            self.unit,
            self.engine,
            self.floor,
            self.ratio,
            self.goal.to_string()
        );
        f.write_str(line.trim_end())?;
        match &self.note {
            Some(note) => write!(f, "\n    {note}"),
            None => Ok(()),
        }
    }
}

/// Returns a number with three digits that matter, or all before the point.
pub fn number(value: f64) -> String {
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

/// Returns the middle value, the upper one of two, or 0 if there is none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_over_the_rounds() {
        let mut series = Series::default();
        for (engine, floor) in [(10.0, 10.0), (30.0, 20.0), (100.0, 50.0)] {
            series.push(engine, floor);
        }
        let row = series.row("append", "us", Goal::AtMost(1.3));
        assert_eq!((row.engine, row.floor, row.ratio), (30.0, 20.0, 1.5));
        assert!(row.to_string().ends_with("missed"), "{row}");
        let row = series.row("append", "us", Goal::AtMost(1.5));
        assert!(row.to_string().ends_with("<= 1.50"), "{row}");
    }

    #[test]
    fn nothing_measured_is_nought() {
        assert!(median(std::iter::empty()).abs() < f64::EPSILON);
    }

    #[test]
    fn a_floor_of_nought_has_no_ratio() {
        let mut series = Series::default();
        series.push(10.0, 0.0);
        series.push(10.0, 5.0);
        let row = series.row("append", "us", Goal::None);
        assert_eq!((row.engine, row.ratio, row.is_met), (10.0, 2.0, None));
    }

    #[test]
    fn a_note_is_printed_below_its_row() {
        let row = Series::default().row("put", "us", Goal::None);
        let text = row.with_note("3 us each").to_string();
        let (line, note) = text.split_once('\n').expect("two lines");
        assert!(line.starts_with("put"), "{line}");
        assert_eq!(note, "    3 us each");
    }

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (0.5, "0.50"),
            (42.25, "42.2"),
            (1234.4, "1,234"),
            (1e6, "1,000,000"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
