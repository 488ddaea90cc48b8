//! commitlog, which writes and never syncs.

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use anyhow::{Context, Result, anyhow, ensure};
use commitlog::message::{MessageBuf, MessageSet};
use commitlog::{CommitLog, LogOptions, ReadLimit};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "commitlog",
    standing: Standing::NotDurable,
    how: "not durable: an append is a write to the kernel, and its flush syncs nothing either, so a power \
          cut loses what it has acknowledged; one log behind a lock; read 1 MiB at a time, hashes verified \
          here, as its readers do not",
    lacks: &[],
    open,
};

struct Written(RwLock<CommitLog>);

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let mut options = LogOptions::new(dir.join("log"));
    // Of all that is appended at once.
    options.message_max_bytes(16 << 20);
    Ok(Box::new(Written(RwLock::new(CommitLog::new(options)?))))
}

impl Written {
    fn read_from(&self, at: u64, bytes: usize) -> Result<MessageBuf> {
        let log = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let messages = log.read(at, ReadLimit::max_bytes(bytes));
        messages.map_err(|error| anyhow!("commitlog cannot read: {error:?}"))
    }
}

impl Log for Written {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut messages = MessageBuf::default();
        for record in records {
            let pushed = messages.push(record);
            pushed.map_err(|error| anyhow!("commitlog cannot encode: {error:?}"))?;
        }
        let mut log = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let appended = log.append(&mut messages);
        appended.map_err(|error| anyhow!("commitlog cannot append: {error:?}"))?;
        Ok(())
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut at = 0;
        loop {
            let messages = self.read_from(at, 1 << 20)?;
            if messages.is_empty() {
                return Ok(());
            }
            for message in messages.iter() {
                ensure!(message.verify_hash(), "record {at} is damaged");
                seen.see(message.payload());
                at = message.offset() + 1;
            }
        }
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        // Its limit is in bytes, and a record has to fit.
        let messages = self.read_from(at, 2048)?;
        let message = messages.iter().next().context("no such record")?;
        ensure!(message.verify_hash(), "record {at} is damaged");
        seen.see(message.payload());
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let last = {
            let log = self.0.read().unwrap_or_else(PoisonError::into_inner);
            log.last_offset()
        };
        self.read(last.context("no record")?, seen)
    }

    fn close(self: Box<Self>) -> Result<()> {
        let mut log = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(log.flush()?)
    }
}
