//! The reader of our own log.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use mainstem_log::Start;

/// Prints every record.
#[derive(Args, Debug)]
pub struct Read {
    /// The data directory.
    dir: PathBuf,
}

impl Read {
    /// Prints all records.
    ///
    /// # Errors
    /// When the log cannot be opened, or a record cannot be read; those before it are printed.
    pub fn run(&self) -> Result<()> {
        let (engine, shard) = super::open(&self.dir)?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut cursor = shard.cursor(Start::Oldest)?;
        let read = loop {
            match cursor.next() {
                Ok(Some(record)) => {
                    out.write_all(record.payload())?;
                    out.write_all(b"\n")?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        out.flush()?;
        read?;
        if let Some(refusal) = shard.refusal() {
            return Err(refusal.into());
        }
        engine.close()?;
        Ok(())
    }
}
