//! The writer of our own log.

use std::collections::BTreeMap;
use std::io::{BufRead, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_log::{AppendOptions, Batch, Shard};

use crate::contract::Id;

/// Appends the lines of standard input, each lane in a thread of its own.
#[derive(Args, Debug)]
pub struct Write {
    /// The data directory, created if it is missing.
    dir: PathBuf,
}

/// How many appends of a lane wait for their turn at most.
const WAITING_MAX: usize = 64;

impl Write {
    /// Appends until the input ends.
    ///
    /// # Errors
    /// When a line is not of the contract, or the log refuses.
    pub fn run(&self) -> Result<()> {
        let (engine, shard) = super::open(&self.dir)?;
        std::thread::scope(|scope| -> Result<()> {
            let mut lanes: BTreeMap<u32, SyncSender<String>> = BTreeMap::new();
            let mut writers = Vec::new();
            for line in std::io::stdin().lock().lines() {
                let line = line.context("standard input")?;
                let id = Id::of_record(&line).with_context(|| format!("no record: {line}"))?;
                let lane = lanes.entry(id.lane).or_insert_with(|| {
                    let (lane, lines) = sync_channel(WAITING_MAX);
                    let shard = &shard;
                    writers.push(scope.spawn(move || append_all(shard, &lines)));
                    lane
                });
                if lane.send(line).is_err() {
                    // Its thread has ended with an error, which is told below.
                    break;
                }
            }
            drop(lanes);
            for writer in writers {
                match writer.join() {
                    Ok(done) => done?,
                    Err(_) => bail!("a lane's thread panicked"),
                }
            }
            Ok(())
        })?;
        engine.close()?;
        Ok(())
    }
}

/// Appends each line, and acknowledges it.
fn append_all(shard: &Shard, lines: &Receiver<String>) -> Result<()> {
    for line in lines {
        let mut batch = Batch::new();
        for record in line.split('\t') {
            batch.push(record.as_bytes())?;
        }
        shard.append(&batch, AppendOptions::default())?;
        let first = line.split([' ', '\t']).next().unwrap_or_default();
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{first}\n").as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
