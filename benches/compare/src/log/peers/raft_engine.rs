//! raft-engine, the log of `TiKV`.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use protobuf::well_known_types::BytesValue;
use raft_engine::{Config, Engine, LogBatch, MessageExt, ReadableSize};

use super::key::{key, number};
use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "raft-engine",
    standing: Standing::Durable,
    how: "write(batch, sync); as many groups as appends run at a time, since the entries of one have to be \
          written one after the other; compression off; an entry is its index and the record, as a protobuf \
          message; replayed 1,024 entries at a time; an entry is read with all of the batch it was written in; checksums \
          verified when it is opened and not when it is read",
    lacks: &[],
    open,
};

struct RaftEngine {
    engine: Engine,
    /// The groups that nobody is appending to, and the next index of each.
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    groups: Vec<(u64, u64)>,
    count: u64,
}

/// The first index of a group.
const FIRST: u64 = 1;
/// The group that a single thread appends to.
const FIRST_GROUP: u64 = 1;
const CHUNK: u64 = 1024;

/// An entry whose first eight bytes are its index.
#[derive(Debug)]
struct Indexed;

impl MessageExt for Indexed {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        let index = entry.value.first_chunk::<8>();
        index.and_then(|it| number(it).ok()).unwrap_or(0)
    }
}

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let dir = dir.join("log");
    let config = Config {
        dir: dir.to_str().context("a path that is not UTF-8")?.to_owned(),
        batch_compression_threshold: ReadableSize(0),
        ..Config::default()
    };
    let engine = Engine::open(config)?;
    let mut groups = engine.raft_groups();
    // The first one is taken first.
    groups.sort_unstable_by(|a, b| b.cmp(a));
    let free = Free {
        count: u64::try_from(groups.len())?,
        groups: groups
            .into_iter()
            .map(|group| (group, engine.last_index(group).map_or(FIRST, |it| it + 1)))
            .collect(),
    };
    Ok(Box::new(RaftEngine {
        engine,
        free: Mutex::new(free),
    }))
}

impl RaftEngine {
    fn take(&self) -> (u64, u64) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let group = free.groups.pop();
        group.unwrap_or_else(|| {
            free.count += 1;
            (free.count, FIRST)
        })
    }
}

impl Log for RaftEngine {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let (group, first) = self.take();
        let mut entries = Vec::with_capacity(records.len());
        let mut next = first;
        for record in records {
            let mut value = Vec::with_capacity(8 + record.len());
            value.extend_from_slice(&key(next));
            value.extend_from_slice(record);
            let mut entry = BytesValue::new();
            entry.value = value;
            entries.push(entry);
            next += 1;
        }
        let mut batch = LogBatch::default();
        batch.add_entries::<Indexed>(group, &entries)?;
        self.engine.write(&mut batch, true)?;
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.groups.push((group, next));
        Ok(())
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut groups = self.engine.raft_groups();
        groups.sort_unstable();
        let mut entries = Vec::new();
        for group in groups {
            let end = self.engine.last_index(group).map_or(FIRST, |it| it + 1);
            let mut next = FIRST;
            while next < end {
                let until = end.min(next + CHUNK);
                entries.clear();
                self.engine
                    .fetch_entries_to::<Indexed>(group, next, until, None, &mut entries)?;
                for entry in &entries {
                    seen.see(entry.value.get(8..).unwrap_or_default());
                }
                next = until;
            }
        }
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let entry = self.engine.get_entry::<Indexed>(FIRST_GROUP, FIRST + at)?;
        let entry = entry.context("no such record")?;
        seen.see(entry.value.get(8..).unwrap_or_default());
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let last = self.engine.last_index(FIRST_GROUP).context("no record")?;
        self.read(last - FIRST, seen)
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
