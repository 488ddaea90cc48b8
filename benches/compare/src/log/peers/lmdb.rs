//! LMDB, by heed, keys being numbers.

use std::path::Path;

use anyhow::{Context, Result};
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, PutFlags};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "lmdb",
    standing: Standing::Durable,
    how: "heed; records under their numbers, put with APPEND; a transaction for each append, synced as by \
          default; it has no checksums",
    lacks: &[],
    open,
};

/// Address space; files grow as they are written.
const MAP_BYTES: usize = 64 << 30;

struct Lmdb {
    env: Env,
    records: Records,
}

type Records = Database<'static, U64<BigEndian>, Bytes>;

#[expect(unsafe_code, reason = "heed opens no other way")]
fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let dir = dir.join("log");
    std::fs::create_dir_all(&dir)?;
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES);
    // SAFETY: the directory is this measurement's own, and nothing else changes its files.
    let env = unsafe { options.open(&dir) }?;
    let made = env.create_databases_and_commit(env.write_txn()?, |opener, transaction| {
        let records = opener.create_database::<U64<BigEndian>, Bytes>(transaction, None);
        records.map(CommitOrAbort::<_, ()>::Commit)
    })?;
    let records = made.commit().context("no database was made")?;
    Ok(Box::new(Lmdb { env, records }))
}

impl Log for Lmdb {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        let last = self.records.last(&transaction)?;
        let next = last.map_or(0, |(number, _)| number + 1);
        for (number, record) in (next..).zip(records) {
            self.records
                .put_with_flags(&mut transaction, PutFlags::APPEND, &number, record)?;
        }
        Ok(transaction.commit()?)
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let transaction = self.env.read_txn()?;
        for record in self.records.iter(&transaction)? {
            seen.see(record?.1);
        }
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let transaction = self.env.read_txn()?;
        seen.see(
            self.records
                .get(&transaction, &at)?
                .context("no such record")?,
        );
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let transaction = self.env.read_txn()?;
        seen.see(self.records.last(&transaction)?.context("no record")?.1);
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.env.prepare_for_closing().wait();
        Ok(())
    }
}
