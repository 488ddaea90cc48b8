//! Reads how many tests a runner ran from its closing lines.

use std::fmt;
use std::ops::AddAssign;

/// Tests that ran, by how they ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// What `line` adds to the counts: nothing, unless it is the closing line of a runner.
    ///
    /// Known are nextest, cargo's own runner, pytest and node's runner.
    pub(crate) fn of_line(line: &str) -> Self {
        let line = line.trim();
        let is_summary = (line.starts_with("Summary [") && line.contains(" run: "))
            || line.starts_with("test result: ")
            || (line.starts_with('=') && line.ends_with('=') && line.contains(" in "));
        if is_summary {
            Self::of_words(line)
        } else {
            Self::of_node(line)
        }
    }

    /// Reads pairs such as `3 passed`.
    fn of_words(line: &str) -> Self {
        let mut counts = Self::default();
        let words: Vec<&str> = line.split([' ', ',', ';', '(', ')', '=']).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let [number, what] = pair else { continue };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match *what {
                "passed" => counts.passed += number,
                "failed" | "error" | "errors" | "timed" => counts.failed += number,
                "skipped" | "ignored" => counts.skipped += number,
                _ => {}
            }
        }
        counts
    }

    /// Reads a line such as `# pass 3`.
    fn of_node(line: &str) -> Self {
        let mut counts = Self::default();
        let mut words = line.split(' ');
        if !matches!(words.next(), Some("#" | "ℹ")) {
            return counts;
        }
        let (what, number) = (words.next(), words.next());
        let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
            return counts;
        };
        match what {
            Some("pass") => counts.passed = number,
            Some("fail" | "cancelled") => counts.failed = number,
            Some("skipped" | "todo") => counts.skipped = number,
            _ => {}
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(formatter, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn closing_lines_of_every_runner_are_read() {
        let lines = [
            (
                "     Summary [   0.01s] 9 tests run: 6 passed (1 slow), 2 failed, 4 skipped",
                (6, 2, 4),
            ),
            (
                "     Summary [   9.01s] 3/9 tests run: 2 passed, 1 timed out, 0 skipped",
                (2, 1, 0),
            ),
            (
                "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
                (5, 0, 1),
            ),
            (
                "==== 1 failed, 12 passed, 2 skipped in 3.20s ====",
                (12, 1, 2),
            ),
            ("==== 3 passed, 1 error in 61.20s (0:01:01) ====", (3, 1, 0)),
            ("# pass 4", (4, 0, 0)),
            ("# fail 2", (0, 2, 0)),
            ("ℹ skipped 1", (0, 0, 1)),
        ];
        for (line, (passed, failed, skipped)) in lines {
            assert_eq!(
                Counts::of_line(line),
                counts(passed, failed, skipped),
                "{line}"
            );
        }
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in [
            "",
            "3 passed",
            "note: 3 failed",
            "# tests 4",
            "==== FAILURES ====",
            "# pass x",
        ] {
            assert_eq!(Counts::of_line(line), Counts::default(), "{line}");
        }
    }

    #[test]
    fn the_plain_form_names_skips_only_when_there_are_some() {
        assert_eq!(counts(3, 0, 0).to_string(), "3 passed, 0 failed");
        assert_eq!(counts(3, 1, 2).to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
