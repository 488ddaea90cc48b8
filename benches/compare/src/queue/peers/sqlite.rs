//! A queue in two tables of `SQLite`.

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::peer::{Peer, Standing};
use crate::queue::inbox::{Inbox, VISIBILITY};
use crate::queue::store::Queue;

pub(crate) const PEER: Peer<dyn Queue> = Peer {
    name: "sqlite",
    standing: Standing::Durable,
    how: "rusqlite, bundled; WAL, synchronous=FULL, locking_mode=EXCLUSIVE; one connection behind a \
          mutex, prepared statements, a transaction for each push, lease and acknowledgement",
    lacks: &[],
    open,
};

struct Sqlite {
    store: Mutex<Store>,
    inbox: Inbox,
}

struct Store {
    connection: Connection,
    next: u64,
}

fn open(dir: &Path) -> Result<Box<dyn Queue>> {
    let connection = Connection::open(dir.join("queue.db"))?;
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS leases
             (id INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL, attempts INTEGER NOT NULL);",
    )?;
    let end = |what: &str| -> Result<Option<u64>> {
        let query = format!("SELECT {what}(id) FROM messages");
        let id: Option<i64> = connection.query_row(&query, [], |row| row.get(0))?;
        Ok(id.and_then(|id| u64::try_from(id).ok()))
    };
    let next = end("max")?.map_or(1, |id| id + 1);
    let first = end("min")?.unwrap_or(next);
    Ok(Box::new(Sqlite {
        store: Mutex::new(Store { connection, next }),
        inbox: Inbox::new(first..next),
    }))
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// The ids of a run as `SQLite` has them, the last one included.
fn ids(run: &Range<u64>) -> Result<(i64, i64)> {
    Ok((i64::try_from(run.start)?, i64::try_from(run.end)? - 1))
}

impl Sqlite {
    fn with<T>(&self, f: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
        f(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lease(&self, run: &Range<u64>) -> Result<Vec<Vec<u8>>> {
        let (first, last) = ids(run)?;
        let until_ms = now_ms() + i64::try_from(VISIBILITY.as_millis())?;
        self.with(|store| {
            let transaction = store.connection.transaction()?;
            let payloads = {
                let mut lease = transaction.prepare_cached(
                    "INSERT INTO leases SELECT id, ?3, 1 FROM messages WHERE id BETWEEN ?1 AND ?2
                     ON CONFLICT (id) DO UPDATE SET until_ms = ?3, attempts = attempts + 1",
                )?;
                lease.execute(params![first, last, until_ms])?;
                let mut select = transaction.prepare_cached(
                    "SELECT payload FROM messages WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
                )?;
                let payloads = select.query_map(params![first, last], |row| row.get(0))?;
                payloads.collect::<rusqlite::Result<Vec<Vec<u8>>>>()?
            };
            transaction.commit()?;
            Ok(payloads)
        })
    }

    fn ack(&self, run: &Range<u64>) -> Result<()> {
        let (first, last) = ids(run)?;
        self.with(|store| {
            let transaction = store.connection.transaction()?;
            for table in [
                "DELETE FROM messages WHERE id BETWEEN ?1 AND ?2",
                "DELETE FROM leases WHERE id BETWEEN ?1 AND ?2",
            ] {
                transaction
                    .prepare_cached(table)?
                    .execute(params![first, last])?;
            }
            Ok(transaction.commit()?)
        })
    }
}

impl Queue for Sqlite {
    fn push(&self, messages: &[&[u8]]) -> Result<()> {
        let end = self.with(|store| {
            let mut next = store.next;
            let transaction = store.connection.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT INTO messages (id, payload) VALUES (?1, ?2)")?;
                for message in messages {
                    insert.execute(params![i64::try_from(next)?, message])?;
                    next += 1;
                }
            }
            transaction.commit()?;
            store.next = next;
            Ok(next)
        })?;
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
        let store = self
            .store
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        store.connection.close().map_err(|(_, error)| error.into())
    }
}
