//! A queue in two tables of redb.

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use crate::peer::{Peer, Standing};
use crate::queue::inbox::{Inbox, VISIBILITY};
use crate::queue::store::Queue;

pub(crate) const PEER: Peer<dyn Queue> = Peer {
    name: "redb",
    standing: Standing::Durable,
    how: "Durability::Immediate, quick repair off as by default; a transaction for each push, lease \
          and acknowledgement",
    lacks: &[],
    open,
};

const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");
/// Until when a message is out, in ms since the Unix epoch, and how often it was delivered.
const LEASES: TableDefinition<'_, u64, (u64, u32)> = TableDefinition::new("leases");

struct Redb {
    database: Database,
    /// The next id; held from before a push begins its transaction until it is over.
    next: Mutex<u64>,
    inbox: Inbox,
}

fn open(dir: &Path) -> Result<Box<dyn Queue>> {
    let database = Database::create(dir.join("queue.redb"))?;
    let make = database.begin_write()?;
    make.open_table(MESSAGES)?;
    make.open_table(LEASES)?;
    make.commit()?;
    let stored = {
        let messages = database.begin_read()?.open_table(MESSAGES)?;
        let next = messages.last()?.map_or(1, |(id, _)| id.value() + 1);
        let first = messages.first()?.map_or(next, |(id, _)| id.value());
        first..next
    };
    Ok(Box::new(Redb {
        database,
        next: Mutex::new(stored.end),
        inbox: Inbox::new(stored),
    }))
}

impl Redb {
    fn write(&self) -> Result<WriteTransaction> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        Ok(transaction)
    }

    fn lease(&self, run: &Range<u64>) -> Result<Vec<Vec<u8>>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let until_ms = u64::try_from((now + VISIBILITY).as_millis())?;
        let transaction = self.write()?;
        let mut payloads = Vec::new();
        {
            let messages = transaction.open_table(MESSAGES)?;
            let mut leases = transaction.open_table(LEASES)?;
            for message in messages.range(run.clone())? {
                let (id, payload) = message?;
                let before = leases.get(id.value())?.map_or(0, |lease| lease.value().1);
                leases.insert(id.value(), (until_ms, before + 1))?;
                payloads.push(payload.value().to_vec());
            }
        }
        transaction.commit()?;
        Ok(payloads)
    }

    fn ack(&self, run: &Range<u64>) -> Result<()> {
        let transaction = self.write()?;
        transaction
            .open_table(MESSAGES)?
            .retain_in(run.clone(), |_, _| false)?;
        transaction
            .open_table(LEASES)?
            .retain_in(run.clone(), |_, _| false)?;
        Ok(transaction.commit()?)
    }
}

impl Queue for Redb {
    fn push(&self, messages: &[&[u8]]) -> Result<()> {
        let end = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let mut id = *next;
            let transaction = self.write()?;
            {
                let mut table = transaction.open_table(MESSAGES)?;
                for message in messages {
                    table.insert(id, *message)?;
                    id += 1;
                }
            }
            transaction.commit()?;
            *next = id;
            id
        };
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
