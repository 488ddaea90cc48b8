//! `mainstem log inspect`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use mainstem_log::SegmentReport;

use super::Targets;

/// List the segments of a log and what they hold; changes nothing.
///
/// Times are milliseconds since 1970. Everything is read to be sure of it.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    targets: Targets,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (offline, shards) = self.targets.open()?;
        let mut out = io::stdout().lock();
        for shard in &shards {
            let reports = offline.verify(shard, &mut |_| ())?;
            writeln!(out, "{shard}")?;
            writeln!(
                out,
                "  {:<24} {:<8} {:>12} {:>12} {:>10} {:>8} {:>8}  {:<29}",
                "segment",
                "state",
                "file bytes",
                "data bytes",
                "records",
                "groups",
                "index",
                "times"
            )?;
            for report in &reports {
                row(&mut out, report)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(out: &mut impl Write, report: &SegmentReport) -> Result<()> {
    let name = report
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let state = match (report.damage.is_empty(), report.sealed) {
        (false, _) => "DAMAGED",
        (true, true) => "sealed",
        (true, false) => "active",
    };
    let times = report.times_ms.map_or_else(
        || "-".to_owned(),
        |(oldest, newest)| format!("{oldest}..{newest}"),
    );
    writeln!(
        out,
        "  {name:<24} {state:<8} {:>12} {:>12} {:>10} {:>8} {:>8}  {times:<29}",
        report.file_bytes, report.data_end, report.records, report.groups, report.index_entries
    )?;
    for problem in report.damage.iter().chain(&report.hole) {
        writeln!(out, "    {problem}")?;
    }
    Ok(())
}
