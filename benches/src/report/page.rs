//! The page that the rows are shown on.

use std::fmt::Write as _;

use super::kept::{Kept, KeptRow};
use crate::machine::day;
use crate::table::{Goal, Row, number};

const HEAD: &str = "\
# The engine beside the floor

Written by `cargo xtask bench --ratios --write docs/benchmarks`; the raw numbers of all rounds are in `ratios.json`. Engine and
floor took turns; both columns are medians over the rounds, and the ratio is the median of the ratios of the rounds. In times, less is
better. What the floor of a row is, its module in `benches/benches/ratios` says; where nothing is beside the engine, it is 1.

| what | unit | engine | floor | ratio | goal | |
|---|---|---:|---:|---:|---|---|
";

/// Returns the page in Markdown.
pub(super) fn page(kept: &Kept) -> String {
    let mut page = String::from(HEAD);
    for row in kept.rows.iter().map(|it| &it.row) {
        let _ = writeln!(page, "{}", line(row));
    }
    let noted = kept.rows.iter().map(|it| &it.row);
    let mut title = "\n## Measured with it\n\n";
    for (row, note) in noted.filter_map(|it| it.note.as_ref().map(|note| (it, note))) {
        let _ = writeln!(page, "{title}- {}: {note}", row.what);
        title = "";
    }
    page.push_str("\n## Where and when\n");
    let run_and_day = |row: &KeptRow| (row.machine.clone(), day(row.date_s));
    for rows in kept.rows.chunk_by(|a, b| run_and_day(a) == run_and_day(b)) {
        let Some(first) = rows.first() else { continue };
        let (run, day) = run_and_day(first);
        let what: Vec<&str> = rows.iter().map(|it| it.row.what.as_str()).collect();
        let _ = writeln!(
            page,
            "\n```text\ndate      {day} UTC\n{run}```\n\n{}",
            what.join("; ")
        );
    }
    page
}

/// Returns a line of the table.
fn line(row: &Row) -> String {
    let goal = match row.goal {
        Goal::AtMost(times) => format!("≤ {times:.2} × floor"),
        Goal::AtLeast(part) => format!("≥ {part:.2} × floor"),
        Goal::Within(limit) => format!("≤ {limit} {}", row.unit).trim_end().to_owned(),
        Goal::None => String::new(),
    };
    let verdict = match row.is_met {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    let (engine, floor) = (number(row.engine), number(row.floor));
    let cells = [
        &row.what,
        &row.unit,
        &engine,
        &floor,
        &format!("{:.2}", row.ratio),
        &goal,
        verdict,
    ];
    let mut line = String::from("|");
    for cell in cells {
        if !cell.is_empty() {
            let _ = write!(line, " {cell}");
        }
        line.push_str(" |");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Series;

    fn row(what: &str, goal: Goal) -> Row {
        let mut series = Series::default();
        for (engine, floor) in [(10.0, 10.0), (3000.0, 2000.0), (100_000.0, 50_000.0)] {
            series.push(engine, floor);
        }
        series.row(what, "us", goal)
    }

    #[test]
    fn a_line_says_whether_its_goal_was_met() {
        for (goal, end) in [
            (Goal::AtMost(1.5), "≤ 1.50 × floor | met |"),
            (Goal::AtLeast(1.6), "≥ 1.60 × floor | **missed** |"),
            (Goal::Within(2999.0), "≤ 2999 us | **missed** |"),
            (Goal::None, "| |"),
        ] {
            let expected = "| append | us | 3,000 | 2,000 | 1.50 |";
            let line = line(&row("append", goal));
            assert!(line.starts_with(expected) && line.ends_with(end), "{line}");
        }
    }

    #[test]
    fn rows_name_the_run_they_are_of_and_what_else_it_measured() {
        let kept = |what, commit: &str, date_s| KeptRow {
            row: row(what, Goal::None),
            machine: format!("commit    {commit}\n"),
            date_s,
        };
        let mut rows = vec![
            kept("a", "1", 7),
            kept("b", "1", 8),
            kept("c", "2", 9),
            kept("d", "2", 86_400),
        ];
        let page_of = |rows: &[KeptRow]| {
            page(&Kept {
                rows: rows.to_vec(),
            })
        };
        let where_and_when = "\n## Where and when\n\n\
                              ```text\ndate      1970-01-01 UTC\ncommit    1\n```\n\na; b\n\n\
                              ```text\ndate      1970-01-01 UTC\ncommit    2\n```\n\nc\n\n\
                              ```text\ndate      1970-01-02 UTC\ncommit    2\n```\n\nd\n";
        let text = page_of(&rows);
        assert!(text.ends_with(where_and_when), "{text}");
        assert!(!text.contains("Measured with it"), "{text}");

        for row in &mut rows[1..3] {
            row.row = row.row.clone().with_note("3 us each");
        }
        let text = page_of(&rows);
        let notes = "- b: 3 us each\n- c: 3 us each\n";
        let noted = format!("\n\n## Measured with it\n\n{notes}{where_and_when}");
        assert!(text.ends_with(&noted), "{text}");
    }
}
