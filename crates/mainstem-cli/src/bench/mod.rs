//! `mainstem bench`: what this machine gives.

mod disk;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Measure what this machine gives.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    Disk(disk::Disk),
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Disk(disk) => disk.run(),
        }
    }
}
