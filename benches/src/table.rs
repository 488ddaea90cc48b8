//! Rounds of measurements, their medians, and a plain table of them.

use std::fmt;

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
    pub fn row(&self, what: impl Into<String>, unit: &'static str, goal: Goal) -> Row {
        let median_of = |pick: fn(&(f64, f64)) -> f64| median(self.rounds.iter().map(pick));
        Row {
            what: what.into(),
            unit,
            engine: median_of(|round| round.0),
            floor: median_of(|round| round.1),
            ratio: median_of(|round| round.0 / round.1),
            goal,
        }
    }
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug)]
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
    fn is_met(self, engine: f64, ratio: f64) -> bool {
        match self {
            Self::Within(limit) => engine <= limit,
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
            Self::None => true,
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
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    unit: &'static str,
    engine: f64,
    floor: f64,
    ratio: f64,
    goal: Goal,
}

impl Row {
    /// The line above the rows.
    pub fn heading() -> String {
        format!(
            "{:<42}{:>10}{:>13}{:>13}{:>8}  {:<8}",
            "what", "unit", "engine", "floor", "ratio", "goal"
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.goal.is_met(self.engine, self.ratio) {
            ""
        } else {
            "missed"
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
        f.write_str(line.trim_end())
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
}
