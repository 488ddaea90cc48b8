//! `mainstem log repair`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Targets;

/// Show what would have to be cut from a damaged log, and cut it if told to.
///
/// Only damaged logs are touched. Each damaged file is kept beside the repaired one, with `.damaged`
/// added to its name. Without --yes nothing is cut.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    targets: Targets,
    /// Carry out what is shown
    #[arg(long)]
    yes: bool,
}

impl Repair {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let (mut offline, shards) = self.targets.open()?;
        let mut out = io::stdout().lock();
        let mut damaged = false;
        if let Some(problem) = offline.journal_problem() {
            damaged = true;
            writeln!(out, "commit journal\n  found: {problem}")?;
            writeln!(
                out,
                "  loses: the last records of any log, those that only the rest of the journal has; \
                 their numbers are given again"
            )?;
            if !self.yes {
                writeln!(
                    out,
                    "nothing was cut; add --yes to set the journal aside. The logs can be judged then"
                )?;
                return Ok(ExitCode::FAILURE);
            }
            offline.set_journal_aside()?;
            writeln!(
                out,
                "commit journal: what came before the damage is in the logs; it is kept as \
                 journal.damaged"
            )?;
        }
        for shard in &shards {
            let cuts = offline.plan_repair(shard)?;
            if cuts.is_empty() {
                writeln!(out, "{shard}: whole, nothing to repair")?;
                continue;
            }
            damaged = true;
            for cut in &cuts {
                writeln!(out, "{shard}: {}", cut.path.display())?;
                for problem in &cut.damage {
                    writeln!(out, "  found: {problem}")?;
                }
                writeln!(
                    out,
                    "  loses: at most {} records, from sequence number {}; keeps {} bytes",
                    cut.records_lost_max, cut.first_lost, cut.bytes_kept
                )?;
            }
            if self.yes {
                offline.repair(shard, &cuts)?;
                writeln!(
                    out,
                    "{shard}: repaired; the damaged files are kept as *.damaged"
                )?;
            }
        }
        if damaged && !self.yes {
            writeln!(out, "nothing was cut; add --yes to cut this off")?;
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}
