//! Appends the lines of one lane, in their order.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;
use mainstem_log::{AppendOptions, Appended, Batch, Shard};

use super::block_on::{block_on, poll_once};
use crate::contract::Place;

/// How many appends of a lane wait for their turn at most.
const WAITING_MAX: usize = 64;
/// How many bytes of a lane are under way as futures at most: so few that all lanes together find room
/// in the queue of the shard at once, and so keep their order.
const ASYNCHRONOUS_BYTES_MAX: usize = 256 << 10;

/// A lane: where its records go, and how.
#[derive(Debug)]
pub(super) struct Lane<'shard> {
    pub(super) shard: &'shard Shard,
    /// The number of the shard.
    pub(super) log: u32,
    pub(super) prints_places: bool,
    /// Whether every other stretch of lines is appended by futures, several at a time.
    pub(super) is_asynchronous: bool,
}

impl Lane<'_> {
    /// Returns where the lines of a lane are put, and where it takes them from.
    pub(super) fn queue() -> (SyncSender<String>, Receiver<String>) {
        sync_channel(WAITING_MAX)
    }

    /// Appends each line, and acknowledges it.
    ///
    /// # Errors
    /// When a batch cannot be made or is refused.
    pub(super) fn append_all(&self, lines: &Receiver<String>) -> Result<()> {
        let mut is_turn_of_futures = false;
        while let Ok(line) = lines.recv() {
            if is_turn_of_futures {
                self.append_stretch(line, lines)?;
            } else {
                let appended = self
                    .shard
                    .append(&batch(&line)?, AppendOptions::default())?;
                self.acknowledge(&line, &appended)?;
            }
            is_turn_of_futures = self.is_asynchronous && !is_turn_of_futures;
        }
        Ok(())
    }

    /// Appends what is waiting, all at once.
    fn append_stretch(&self, first: String, lines: &Receiver<String>) -> Result<()> {
        let mut under_way = Vec::new();
        let mut bytes = 0usize;
        let mut next = Some(first);
        while let Some(line) = next.take() {
            bytes = bytes.saturating_add(line.len());
            let append = self
                .shard
                .append_async(batch(&line)?, AppendOptions::default());
            under_way.push((line, Box::pin(append)));
            if let Some((line, append)) = under_way.last_mut()
                && let Some(done) = poll_once(append)
            {
                self.acknowledge(line, &done?)?;
                under_way.pop();
            }
            if bytes < ASYNCHRONOUS_BYTES_MAX {
                next = lines.try_recv().ok();
            }
        }
        for (line, append) in under_way {
            self.acknowledge(&line, &block_on(append)?)?;
        }
        Ok(())
    }

    fn acknowledge(&self, line: &str, appended: &Appended) -> Result<()> {
        let mut text = line
            .split([' ', '\t'])
            .next()
            .unwrap_or_default()
            .to_owned();
        if self.prints_places {
            let place = Place {
                log: self.log,
                number: appended.seqs.start.0,
            };
            text.extend([" ", &place.to_string()]);
        }
        text.push('\n');
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }
}

fn batch(line: &str) -> Result<Batch> {
    let mut batch = Batch::new();
    for record in line.split('\t') {
        batch.push(record.as_bytes())?;
    }
    Ok(batch)
}
