//! The files that a report becomes: a page, the raw numbers, and charts.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use mainstem_benches::machine::day;

use super::charts::Chart;
use super::figures::{Kept, Report};
use super::goals::Goal;
use crate::peer::Optional;

/// What is said about one kind of store.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the files are called, without the ending.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// Who the first peer is.
    pub(crate) ours: &'static str,
    /// What all that compete have in common.
    pub(crate) promise: &'static str,
    /// The rows in order, and what they are.
    pub(crate) rows: &'static [(&'static str, &'static str)],
    pub(crate) goals: &'static [Goal],
    /// The peers that this program may have been built without.
    pub(crate) optional: &'static [Optional],
    pub(crate) charts: &'static [Chart],
}

/// Writes page and charts anew from the raw numbers in a directory.
///
/// # Errors
/// When there are none, or not of this version; those of the system.
pub(crate) fn redraw(page: &'static Page, dir: &Path) -> Result<()> {
    let kept = read(page, dir)?.context("there are no raw numbers")?;
    Report { page, kept }.show(dir)
}

impl Report {
    /// Writes page, raw numbers and charts into a directory. What the numbers that are there already
    /// say of other cases stays.
    ///
    /// # Errors
    /// When the numbers that are there are not of this version; those of the system.
    pub(crate) fn keep(mut self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir).context("cannot create the directory for the table")?;
        if let Some(before) = read(self.page, dir)? {
            self.add_others(before);
        }
        let raw = serde_json::to_string_pretty(&self.kept)? + "\n";
        std::fs::write(dir.join(format!("{}.json", self.page.name)), raw)?;
        self.show(dir)
    }

    /// Writes the page and the charts.
    fn show(&self, dir: &Path) -> Result<()> {
        let drawn = self.draw(dir)?;
        let name = format!("{}.md", self.page.name);
        std::fs::write(dir.join(name), self.page(&drawn))?;
        Ok(())
    }

    /// Returns the page, with the charts of these names and titles.
    pub(super) fn page(&self, charts: &[(String, &str)]) -> String {
        let Page {
            name,
            title,
            ours,
            promise,
            ..
        } = self.page;
        let command = self.command();
        let mut page = format!(
            "# {title}\n\n\
             Written by `{command}`; the raw numbers are in `{name}.json`. Medians of rounds in which the \
             peers took turns. In brackets, and as the least of the durable peers in the last column: how \
             many times as good {ours} is, the median over the rounds; below 1 it is worse.\n\n{promise}\n\n",
        );
        page.push_str(&self.table());
        let goals = self.goals();
        if !goals.is_empty() {
            let _ = write!(page, "\n## The goals\n\n{goals}");
        }
        if !charts.is_empty() {
            page.push_str("\n## Charts\n\n");
        }
        for (file, title) in charts {
            let _ = writeln!(page, "![{title}]({file})\n");
        }
        let before = if charts.is_empty() { "\n" } else { "" };
        let _ = write!(page, "{before}## What the rows are\n\n");
        for (row, what) in self.page.rows {
            let _ = writeln!(page, "- {row}: {what}");
        }
        page.push_str("\n## Who is there\n\n");
        for peer in &self.kept.peers {
            let _ = writeln!(page, "- {}: {}.", peer.name, peer.how);
        }
        self.where_and_when(&mut page);
        page
    }

    /// Returns the command that measures all who are there.
    fn command(&self) -> String {
        let is_there = |it: &&Optional| self.kept.peers.iter().any(|peer| peer.name == it.name);
        let features: Vec<&str> = self
            .page
            .optional
            .iter()
            .filter(is_there)
            .map(|it| it.name)
            .collect();
        let features = if features.is_empty() {
            String::new()
        } else {
            format!(" --features {}", features.join(","))
        };
        let name = self.page.name;
        format!(
            "cargo run --release{features} --manifest-path benches/compare/Cargo.toml -- {name}"
        )
    }

    fn where_and_when(&self, page: &mut String) {
        page.push_str(
            "\n## Where and when\n\n\
             The load is the average of a minute before and after, the threads of the measurement \
             included. Where it was above the number of processors before, others were at work too: the \
             rows with one thread then say as much about them as about the peers.\n",
        );
        let mut last = "";
        for case in &self.kept.cases {
            if case.machine != last {
                let _ = write!(page, "\n```text\n{}```\n\n", case.machine);
                last = &case.machine;
            }
            let load = case.load.join(" → ");
            let (row, what) = (&case.row, &case.what);
            let _ = write!(page, "- {row}, {what}: {}, load {load}", day(case.date_s));
            for (peer, run) in &case.taken_over {
                let _ = write!(
                    page,
                    "; {peer} as of {}, commit {}",
                    day(run.date_s),
                    run.commit()
                );
            }
            page.push('\n');
        }
    }
}

fn read(page: &Page, dir: &Path) -> Result<Option<Kept>> {
    let raw = dir.join(format!("{}.json", page.name));
    let Ok(text) = std::fs::read_to_string(&raw) else {
        return Ok(None);
    };
    let kept = serde_json::from_str(&text)
        .with_context(|| format!("{} is not of this version", raw.display()))?;
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PeerReport;

    static PAGE: Page = Page {
        name: "test",
        title: "Test",
        ours: "ours",
        promise: "None.",
        rows: &[],
        goals: &[],
        optional: &[Optional {
            name: "optional",
            is_built: false,
        }],
        charts: &[],
    };

    #[test]
    fn the_command_names_the_features_of_those_who_are_there() {
        let about = |name: &&str| PeerReport {
            name: (*name).to_owned(),
            is_durable: true,
            is_floor: false,
            how: String::new(),
        };
        for (peers, features) in [
            (&["ours", "optional"][..], "--release --features optional "),
            (&["ours"][..], "--release --manifest-path "),
        ] {
            let peers: Vec<PeerReport> = peers.iter().map(about).collect();
            let page = Report::new(&PAGE, "", &peers).page(&[]);
            assert!(page.contains(features), "{page}");
        }
    }
}
