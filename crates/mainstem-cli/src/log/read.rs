//! `mainstem log read`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use mainstem_env::TimestampMs;
use mainstem_log::limits::RETENTION_MS_MAX;
use mainstem_log::{SeqNo, Shard, ShardOptions, Start};

use super::Target;

/// Print the payload of each record, one a line.
#[derive(Debug, Args)]
pub(crate) struct Read {
    #[command(flatten)]
    target: Target,
    /// Where to begin: `oldest`, `end`, a sequence number, or `time:MS` for milliseconds since 1970
    #[arg(long, value_name = "START", default_value = "oldest")]
    from: From,
    /// Stop after so many records
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Print sequence number and arrival time (ms since 1970) before each payload, tabs between
    #[arg(long)]
    long: bool,
    /// At the end, wait for more
    #[arg(long)]
    follow: bool,
}

#[derive(Clone, Copy, Debug)]
struct From(Start);

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not `oldest`, `end`, a number, or `time:MS`");
        Ok(Self(match text {
            "oldest" => Start::Oldest,
            "end" => Start::End,
            _ => match text.strip_prefix("time:") {
                Some(ms) => Start::Time(TimestampMs(ms.parse().map_err(|_| wrong())?)),
                None => Start::At(SeqNo(text.parse().map_err(|_| wrong())?)),
            },
        }))
    }
}

/// How long one wait for more takes at most.
const WAIT: Duration = Duration::from_hours(1);

impl Read {
    pub(crate) fn run(self) -> Result<ExitCode> {
        // Reading must not make a data directory out of a wrong path.
        super::Targets {
            data: self.target.data.clone(),
            shard: Some(self.target.shard.clone()),
        }
        .open()?;
        let engine = self.target.engine_to_read()?;
        let mut options = ShardOptions::default();
        // Whoever writes the log knows how long it is kept. Whoever reads it sees what is there.
        options.retention_ms = RETENTION_MS_MAX;
        let shard = engine.shard(&self.target.shard()?, options)?;
        let damage = shard.refusal();
        let read = self.print(&shard);
        let closed = engine.close();
        read?;
        closed?;
        // What is before the damage was printed; that there is more must not go unsaid.
        damage.map_or(Ok(ExitCode::SUCCESS), |damage| Err(damage.into()))
    }

    fn print(&self, shard: &Shard) -> Result<()> {
        let mut output = io::BufWriter::new(io::stdout().lock());
        let mut cursor = shard.cursor(self.from.0)?;
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            match cursor.next()? {
                Some(record) => {
                    if self.long {
                        write!(output, "{}\t{}\t", record.seq(), record.time())?;
                    }
                    output.write_all(record.payload())?;
                    output.write_all(b"\n")?;
                    left = left.saturating_sub(1);
                }
                None if self.follow => {
                    output.flush()?;
                    cursor.wait(WAIT)?;
                }
                None => break,
            }
        }
        output.flush()?;
        Ok(())
    }
}
