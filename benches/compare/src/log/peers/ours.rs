//! Mainstem's own log, with the options it has by default.

use std::path::Path;

use anyhow::{Context, Result};
use mainstem_benches::workplace::{self, Opened};
use mainstem_log::{AppendOptions, Batch, SeqNo, Start};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "mainstem",
    standing: Standing::Ours,
    how: "mainstem-log with default options; one shard; every record's checksum is verified when it is \
          read",
    lacks: &[],
    open,
};

struct Ours(Opened);

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    Ok(Box::new(Ours(workplace::open(dir)?)))
}

impl Log for Ours {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        if let [record] = records {
            self.0.shard.append_one(record)?;
            return Ok(());
        }
        let mut batch = Batch::new();
        for record in records {
            batch.push(record)?;
        }
        self.0.shard.append(&batch, AppendOptions::default())?;
        Ok(())
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut cursor = self.0.shard.cursor(Start::Oldest)?;
        while let Some(record) = cursor.next()? {
            seen.see(record.payload());
        }
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let mut cursor = self.0.shard.cursor(Start::At(SeqNo(at)))?;
        seen.see(cursor.next()?.context("no such record")?.payload());
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let last = self.0.shard.durable_end().0.checked_sub(1);
        self.read(last.context("no record")?, seen)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.0.engine.close()?)
    }
}
