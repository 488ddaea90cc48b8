//! `RocksDB`, keys being numbers.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rocksdb::{DB, IteratorMode, Options, WriteBatch, WriteOptions};

use super::key::{key, number};
use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "rocksdb",
    standing: Standing::Durable,
    how: "records under their numbers; a write batch with sync for each append, which it joins with those \
          of other threads; default options, no compression; block checksums verified",
    lacks: &[],
    open,
};

struct Rocks {
    database: DB,
    next: AtomicU64,
}

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let mut options = Options::default();
    options.create_if_missing(true);
    let database = DB::open(&options, dir.join("log"))?;
    let last = database.iterator(IteratorMode::End).next().transpose()?;
    let next = match last {
        Some((last, _)) => number(&last)? + 1,
        None => 0,
    };
    Ok(Box::new(Rocks {
        database,
        next: AtomicU64::new(next),
    }))
}

impl Log for Rocks {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let count = u64::try_from(records.len())?;
        let next = self.next.fetch_add(count, Ordering::Relaxed);
        let mut batch = WriteBatch::default();
        for (number, record) in (next..).zip(records) {
            batch.put(key(number), record);
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        Ok(self.database.write_opt(batch, &options)?)
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut records = self.database.raw_iterator();
        records.seek_to_first();
        while let Some(record) = records.value() {
            seen.see(record);
            records.next();
        }
        Ok(records.status()?)
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let record = self.database.get_pinned(key(at))?;
        seen.see(&record.context("no such record")?);
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let mut records = self.database.raw_iterator();
        records.seek_to_last();
        seen.see(records.value().context("no record")?);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
