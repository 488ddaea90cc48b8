//! A queue in two keyspaces of fjall.

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};

use crate::peer::{Peer, Standing};
use crate::queue::inbox::{Inbox, VISIBILITY};
use crate::queue::store::Queue;

pub(crate) const PEER: Peer<dyn Queue> = Peer {
    name: "fjall",
    standing: Standing::Durable,
    how: "a batch and then persist(SyncAll) for each push, lease and acknowledgement; a persist covers \
          what other threads wrote before it, but each thread persists for itself",
    lacks: &[],
    open,
};

struct Fjall {
    database: Database,
    messages: Keyspace,
    leases: Keyspace,
    /// The next id; held while a push is written, but not while it is persisted.
    next: Mutex<u64>,
    inbox: Inbox,
}

fn open(dir: &Path) -> Result<Box<dyn Queue>> {
    let database = Database::builder(dir.join("queue")).open()?;
    let messages = database.keyspace("messages", KeyspaceCreateOptions::default)?;
    let leases = database.keyspace("leases", KeyspaceCreateOptions::default)?;
    let id = |guard: fjall::Guard| {
        guard
            .key()
            .map_err(anyhow::Error::from)
            .and_then(|key| number(&key))
    };
    let next = messages
        .last_key_value()
        .map(id)
        .transpose()?
        .map_or(1, |id| id + 1);
    let first = messages
        .first_key_value()
        .map(id)
        .transpose()?
        .unwrap_or(next);
    Ok(Box::new(Fjall {
        database,
        messages,
        leases,
        next: Mutex::new(next),
        inbox: Inbox::new(first..next),
    }))
}

/// Ids as keys: the most significant byte first, since keys are ordered by their bytes.
#[expect(
    clippy::big_endian_bytes,
    reason = "so that keys are ordered as the ids are"
)]
fn key(id: u64) -> Slice {
    Slice::from(id.to_be_bytes())
}

#[expect(clippy::big_endian_bytes, reason = "as in the keys")]
fn number(key: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(key.try_into()?))
}

impl Fjall {
    fn lease(&self, run: &Range<u64>) -> Result<Vec<Vec<u8>>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let until_ms = u64::try_from((now + VISIBILITY).as_millis())?;
        let mut payloads = Vec::new();
        let mut batch = self.database.batch();
        for message in self.messages.range(key(run.start)..key(run.end)) {
            let (id, payload) = message.into_inner()?;
            payloads.push(payload.to_vec());
            let before = self.leases.get(&id)?;
            let before = before.and_then(|lease| lease.get(8).copied()).unwrap_or(0);
            let mut lease = until_ms.to_le_bytes().to_vec();
            lease.push(before.saturating_add(1));
            batch.insert(&self.leases, id, lease);
        }
        batch.commit()?;
        self.database.persist(PersistMode::SyncAll)?;
        Ok(payloads)
    }

    fn ack(&self, run: &Range<u64>) -> Result<()> {
        let mut batch = self.database.batch();
        for id in run.clone() {
            batch.remove(&self.messages, key(id));
            batch.remove(&self.leases, key(id));
        }
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

impl Queue for Fjall {
    fn push(&self, messages: &[&[u8]]) -> Result<()> {
        let end = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let mut id = *next;
            if let [message] = messages {
                self.messages.insert(key(id), *message)?;
                id += 1;
            } else {
                let mut batch = self.database.batch();
                for message in messages {
                    batch.insert(&self.messages, key(id), *message);
                    id += 1;
                }
                batch.commit()?;
            }
            *next = id;
            id
        };
        self.database.persist(PersistMode::SyncAll)?;
        // What was written before is persisted as well: there is one journal, written in order.
        self.inbox.pushed(end, messages.len());
        Ok(())
    }

    fn serve(&self, most: usize, wait: Duration, handle: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let run = self.inbox.take(most, wait);
        if run.is_empty() {
            return Ok(0);
        }
        let payloads = self.lease(&run)?;
        for payload in &payloads {
            handle(payload);
        }
        self.ack(&run)?;
        self.inbox.done(&run);
        Ok(payloads.len())
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
