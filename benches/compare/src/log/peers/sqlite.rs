//! A table of `SQLite`.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "sqlite",
    standing: Standing::Durable,
    how: "rusqlite, bundled; WAL, synchronous=FULL, locking_mode=EXCLUSIVE; one connection behind a \
          mutex, prepared statements, a transaction for each append",
    lacks: &[],
    open,
};

struct Sqlite(Mutex<Connection>);

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let connection = Connection::open(dir.join("log.db"))?;
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, payload BLOB NOT NULL);",
    )?;
    Ok(Box::new(Sqlite(Mutex::new(connection))))
}

impl Sqlite {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see_one(&self, query: &str, id: i64, seen: &mut Seen) -> Result<()> {
        let connection = self.connection();
        let mut select = connection.prepare_cached(query)?;
        Ok(select.query_row([id], |row| {
            seen.see(row.get_ref(0)?.as_blob()?);
            Ok(())
        })?)
    }
}

impl Log for Sqlite {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        {
            // Without an id it gets the next one.
            let mut insert =
                transaction.prepare_cached("INSERT INTO records (payload) VALUES (?1)")?;
            for record in records {
                insert.execute(params![record])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let connection = self.connection();
        let mut select = connection.prepare_cached("SELECT payload FROM records ORDER BY id")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            seen.see(row.get_ref(0)?.as_blob()?);
        }
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let query = "SELECT payload FROM records WHERE id = ?1 + 1";
        self.see_one(query, i64::try_from(at)?, seen)
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let query = "SELECT payload FROM records WHERE id > ?1 ORDER BY id DESC LIMIT 1";
        self.see_one(query, 0, seen)
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| error.into())
    }
}
