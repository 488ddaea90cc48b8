//! A keyspace of fjall, keys being numbers.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::key::{key, number};
use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "fjall",
    standing: Standing::Durable,
    how: "records under their numbers; an insert, or a batch, and then persist(SyncData): a persist \
          covers what other threads wrote before it, but each thread persists for itself",
    lacks: &[],
    open,
};

struct Fjall {
    database: Database,
    records: Keyspace,
    /// The next number; held while records are written, but not while they are persisted.
    next: Mutex<u64>,
}

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let database = Database::builder(dir.join("log")).open()?;
    let records = database.keyspace("records", KeyspaceCreateOptions::default)?;
    let next = match records.last_key_value() {
        Some(last) => number(&last.key()?)? + 1,
        None => 0,
    };
    Ok(Box::new(Fjall {
        database,
        records,
        next: Mutex::new(next),
    }))
}

impl Log for Fjall {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            if let [record] = records {
                self.records.insert(key(*next), *record)?;
                *next += 1;
            } else {
                let mut batch = self.database.batch();
                for record in records {
                    batch.insert(&self.records, key(*next), *record);
                    *next += 1;
                }
                batch.commit()?;
            }
        }
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        for record in self.records.iter() {
            seen.see(&record.value()?);
        }
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        seen.see(&self.records.get(key(at))?.context("no such record")?);
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let last = self.records.last_key_value().context("no record")?;
        seen.see(&last.value()?);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
