//! The reader of the toy.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::defect::Defect;
use super::log::Log;
use crate::contract::Place;

/// Prints every record.
#[derive(Args, Clone, Debug)]
pub(super) struct Read {
    /// Where the log is.
    dir: PathBuf,
    /// What is done wrong.
    #[arg(long, value_enum, default_value_t)]
    defect: Defect,
}

impl Read {
    pub(super) fn run(&self) -> Result<()> {
        let (log, frames) = Log::open(&self.dir, self.defect)?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        for frame in frames {
            for (number, record) in (frame.number..).zip(frame.records()) {
                out.write_all(record)?;
                writeln!(out, "\t{}", Place { log: 0, number })?;
            }
        }
        out.flush()?;
        log.close()
    }
}
