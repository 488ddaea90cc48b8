//! `mainstem log append`.

use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_log::limits::RETENTION_MS_MIN;
use mainstem_log::{AppendOptions, Batch, LogError, Shard, ShardOptions};
use mainstem_streams::is_log_of_a_stream;

use super::Target;

/// Append each line of standard input as a record.
///
/// Lines that are already waiting are made durable together. The data directory and the log are
/// created if they are not there.
#[derive(Debug, Args)]
pub(crate) struct Append {
    #[command(flatten)]
    target: Target,
    /// For how long records are kept, in days, 1 to 365; older ones are deleted while this runs
    #[arg(long, value_name = "DAYS", default_value_t = 365,
        value_parser = clap::value_parser!(u64).range(1..=365))]
    retention_days: u64,
    /// Print `acked <sequence number>` for each line once it is durable
    #[arg(long)]
    acks: bool,
}

/// Input that is read ahead, and so the most that is made durable together, in bytes.
const READ_AHEAD_BYTES: usize = 256 << 10;

impl Append {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let name = self.target.shard()?;
        if is_log_of_a_stream(name.as_str()) {
            bail!("{name} belongs to a stream of the server: put records through the server");
        }
        let mut options = ShardOptions::default();
        options.retention_ms = self.retention_days.saturating_mul(RETENTION_MS_MIN);
        let engine = self.target.engine_to_write()?;
        let shard = match engine.shard(&name, options.clone()) {
            Err(LogError::ShardNotFound(_)) => engine.create_shard(&name, options),
            other => other,
        }?;
        let appended = append_lines(&shard, self.acks);
        // Whatever went wrong, what was acknowledged stays: close in good order all the same.
        let closed = engine.close();
        let appended = appended?;
        closed?;
        if !self.acks {
            eprintln!("appended {appended} records to {name}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn append_lines(shard: &Shard, acks: bool) -> Result<u64> {
    let mut input = BufReader::with_capacity(READ_AHEAD_BYTES, io::stdin().lock());
    let mut output = io::BufWriter::new(io::stdout().lock());
    let (mut batch, mut line, mut total) = (Batch::new(), Vec::new(), 0u64);
    loop {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .context("cannot read standard input")?;
        if read > 0 {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            batch.push(&line)?;
        }
        // Go on collecting while another whole line is there without waiting for it.
        let more_is_there =
            read > 0 && batch.byte_len() < READ_AHEAD_BYTES && input.buffer().contains(&b'\n');
        if more_is_there {
            continue;
        }
        if !batch.is_empty() {
            let appended = shard.append(&batch, AppendOptions::default())?;
            total = total.saturating_add(appended.seqs.end.since(appended.seqs.start));
            if acks {
                for seq in appended.seqs.start.0..appended.seqs.end.0 {
                    writeln!(output, "acked {seq}")?;
                }
                output.flush()?;
            }
            batch.clear();
        }
        if read == 0 {
            return Ok(total);
        }
    }
}
