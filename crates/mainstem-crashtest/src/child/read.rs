//! The reader of our own log.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use mainstem_log::{Shard, Start};

use crate::contract::Place;

/// Prints every record.
#[derive(Args, Debug)]
pub struct Read {
    /// The data directory.
    dir: PathBuf,
    /// Add to each record its place: the number of its shard and its sequence number.
    #[arg(long)]
    places: bool,
    /// Days that go by in a second; what was not deleted is shown however old it is.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(super::DAYS_PER_SECOND_MAX)))]
    days_per_second: Option<u32>,
}

impl Read {
    /// Prints all records, shard by shard.
    ///
    /// # Errors
    /// When the log cannot be opened, or a record cannot be read; those before it are printed.
    pub fn run(&self) -> Result<()> {
        let (engine, first) = super::open(&self.dir, self.days_per_second)?;
        let mut out = BufWriter::new(io::stdout().lock());
        self.print(&first, 0, &mut out)?;
        for name in engine.shard_names()? {
            let number = super::shard_number(&name).filter(|number| *number > 0);
            if let Some(number) = number {
                let shard = engine.shard(&name, super::reading_options())?;
                self.print(&shard, number, &mut out)?;
            }
        }
        engine.close()?;
        Ok(())
    }

    fn print(&self, shard: &Shard, log: u32, out: &mut impl Write) -> Result<()> {
        let mut cursor = shard.cursor(Start::Oldest)?;
        let read = loop {
            match cursor.next() {
                Ok(Some(record)) => {
                    out.write_all(record.payload())?;
                    if self.places {
                        let number = record.seq().0;
                        write!(out, "\t{}", Place { log, number })?;
                    }
                    out.write_all(b"\n")?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        out.flush()?;
        read?;
        shard
            .refusal()
            .map_or(Ok(()), |refusal| Err(refusal.into()))
    }
}
