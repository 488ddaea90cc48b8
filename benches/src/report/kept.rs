//! The file of the raw numbers, and how those of different runs become one table.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::page;
use crate::table::Row;

/// What the files are called, without the ending.
const NAME: &str = "ratios";

/// What is in the file of the raw numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) rows: Vec<KeptRow>,
}

/// A row, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptRow {
    #[serde(flatten)]
    pub(super) row: Row,
    /// Machine, kernel, file system, commit and arguments of the run.
    pub(super) machine: String,
    /// When, in seconds since the Unix epoch.
    pub(super) date_s: u64,
}

impl Kept {
    /// Writes the raw numbers and the page into a directory.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let raw = serde_json::to_string_pretty(self)? + "\n";
        for (ending, text) in [("json", raw), ("md", page::page(self))] {
            let file = format!("{NAME}.{ending}");
            std::fs::write(dir.join(&file), text)
                .with_context(|| format!("cannot write {file}"))?;
        }
        Ok(())
    }
}

/// Reads the raw numbers in a directory; `None` if there are none.
///
/// # Errors
/// When they are not of this version; the system's error.
pub(super) fn read(dir: &Path) -> Result<Option<Kept>> {
    let raw = dir.join(format!("{NAME}.json"));
    if !raw.exists() {
        return Ok(None);
    }
    let text =
        std::fs::read_to_string(&raw).with_context(|| format!("cannot read {}", raw.display()))?;
    let kept = serde_json::from_str(&text)
        .with_context(|| format!("{} is not of this version", raw.display()))?;
    Ok(Some(kept))
}

/// Returns the rows that were measured now, in their order, and between them those from before that
/// were not, each behind the one it was behind.
pub(super) fn merge(measured: Vec<KeptRow>, before: Vec<KeptRow>) -> Vec<KeptRow> {
    let mut rows = measured;
    let mut place = 0;
    for row in before {
        match rows.iter().position(|it| it.row.what == row.row.what) {
            Some(at) => place = at + 1,
            None => {
                rows.insert(place, row);
                place += 1;
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Goal, Series};

    fn rows(commit: &str, names: &str) -> Vec<KeptRow> {
        let row = |name| {
            let mut series = Series::default();
            // Some of so many decimals are read wrongly by who does not take care.
            for n in 1..=200_u8 {
                series.push(f64::from(n).sqrt() * 1000.0, f64::from(n).ln_1p());
            }
            KeptRow {
                row: series.row(name, "records/s", Goal::AtLeast(0.9)),
                machine: format!("commit    {commit}\n"),
                date_s: 1,
            }
        };
        names.split(' ').map(row).collect()
    }

    /// The names, each with the commit that it is of.
    fn shown(rows: &[KeptRow]) -> String {
        let show = |it: &KeptRow| {
            let commit = it.machine.trim_end().rsplit(' ').next().unwrap_or_default();
            format!("{}@{commit}", it.row.what)
        };
        rows.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rows_that_were_not_measured_stay_as_they_were_and_where() {
        for (now, all) in [
            ("b", "a@old b@new c@old d@old"),
            ("a c", "a@new b@old c@new d@old"),
            ("a b c d", "a@new b@new c@new d@new"),
            ("c x", "a@old b@old c@new d@old x@new"),
        ] {
            let merged = merge(rows("new", now), rows("old", "a b c d"));
            assert_eq!(shown(&merged), all, "{now}");
        }
    }

    #[test]
    fn all_rows_of_a_run_are_in_its_order() {
        let merged = merge(rows("new", "a b c d"), rows("old", "d b"));
        assert_eq!(shown(&merged), "a@new b@new c@new d@new");
    }

    #[test]
    fn numbers_are_read_back_to_the_last_digit() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read(dir.path()).expect("nothing is there"), None);
        let mut kept = Kept {
            rows: rows("old", "a b"),
        };
        let noted = kept.rows[1].row.clone().with_note("3 us each");
        kept.rows[1].row = noted;
        kept.write(dir.path()).expect("both files");
        let again = read(dir.path()).expect("of this version");
        assert_eq!(again, Some(kept));
    }

    #[test]
    fn a_file_of_another_version_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("ratios.json"), "{}").expect("a file");
        read(dir.path()).expect_err("there are no rows");
    }
}
