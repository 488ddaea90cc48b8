//! A table of redb, keys being numbers.

use std::path::Path;

use anyhow::{Context, Result};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "redb",
    standing: Standing::Durable,
    how: "records under their numbers; a transaction of Durability::Immediate for each append; quick \
          repair off, as by default",
    lacks: &[],
    open,
};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

struct Redb(Database);

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let database = Database::create(dir.join("log.redb"))?;
    let make = database.begin_write()?;
    make.open_table(RECORDS)?;
    make.commit()?;
    Ok(Box::new(Redb(database)))
}

impl Log for Redb {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            let next = table.len()?;
            for (number, record) in (next..).zip(records) {
                table.insert(number, *record)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let table = self.0.begin_read()?.open_table(RECORDS)?;
        for record in table.iter()? {
            seen.see(record?.1.value());
        }
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let table = self.0.begin_read()?.open_table(RECORDS)?;
        seen.see(table.get(at)?.context("no such record")?.value());
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let table = self.0.begin_read()?.open_table(RECORDS)?;
        seen.see(table.last()?.context("no record")?.1.value());
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        drop(self);
        Ok(())
    }
}
