//! `mainstem log verify`.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use mainstem_log::SegmentReport;

use super::Targets;

/// Read everything that is stored and say what does not fit; changes nothing.
///
/// Exits with 1 if anything is damaged. Bytes that a crash left half-written, and that nobody was
/// told are durable, are no damage: the next opening cuts them off.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    targets: Targets,
}

impl Verify {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (offline, shards) = self.targets.open()?;
        let show_progress = io::stderr().is_terminal();
        let mut damaged = 0usize;
        if let Some(problem) = offline.journal_problem() {
            println!("commit journal: not taken over, so any log may lack records\n  {problem}");
            damaged = 1;
        }
        for shard in &shards {
            let mut progress = |at: mainstem_log::VerifyProgress| {
                if show_progress {
                    let (done, total) = (at.bytes_done >> 20, at.bytes_total >> 20);
                    eprint!("\r{shard}: {done} of {total} MiB");
                }
            };
            let reports = offline.verify(shard, &mut progress)?;
            if show_progress {
                eprint!("\r\x1b[K");
            }
            damaged = damaged.saturating_add(say(shard.as_str(), &reports)?);
        }
        if damaged == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{damaged} problems found; `mainstem log repair` shows what a repair would cut");
        Ok(ExitCode::FAILURE)
    }
}

/// Prints what was found in a log; returns the number of problems.
fn say(shard: &str, reports: &[SegmentReport]) -> Result<usize> {
    let mut out = io::stdout().lock();
    let records: u64 = reports.iter().map(|report| report.records).sum();
    let bytes: u64 = reports.iter().map(|report| report.data_end).sum();
    let torn: u64 = reports.iter().map(|report| report.torn_bytes).sum();
    let problems: Vec<_> = reports
        .iter()
        .flat_map(|report| report.damage.iter().chain(&report.hole))
        .collect();
    let verdict = if problems.is_empty() {
        "whole"
    } else {
        "DAMAGED"
    };
    let segments = reports.len();
    writeln!(
        out,
        "{shard}: {verdict}, {records} records, {bytes} bytes, {segments} segments"
    )?;
    if torn > 0 {
        writeln!(
            out,
            "  {torn} bytes of an unfinished write; the next opening cuts them off"
        )?;
    }
    for problem in &problems {
        writeln!(out, "  {problem}")?;
    }
    Ok(problems.len())
}
