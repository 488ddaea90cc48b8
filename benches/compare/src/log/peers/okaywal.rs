//! okaywal, which is read from its beginning when it is opened, and then by position.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context, Result, ensure};
use okaywal::{
    Configuration, Entry, EntryId, LogManager, LogPosition, ReadChunkResult, SegmentReader,
    WriteAheadLog,
};

use crate::log::store::{Log, Seen};
use crate::peer::{Peer, Standing};

pub(crate) const PEER: Peer<dyn Log> = Peer {
    name: "okaywal",
    standing: Standing::Durable,
    how: "an entry for each append, a chunk for each record; one file, as it drops what it checkpoints, \
          preallocated by 1 MiB; a replay is an opening, which is the only way to read from the beginning; \
          positions are kept in memory; checksums verified",
    lacks: &[],
    open,
};

struct Okaywal {
    dir: PathBuf,
    /// Nothing while it is being opened anew.
    log: RwLock<Option<WriteAheadLog>>,
    /// Where the records are.
    positions: Arc<Mutex<Vec<LogPosition>>>,
}

/// Sees what is in the log while it is opened.
#[derive(Debug, Default)]
struct Reader {
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    seen: Seen,
    positions: Vec<LogPosition>,
    buffer: Vec<u8>,
}

impl LogManager for Reader {
    fn recover(&mut self, entry: &mut Entry<'_>) -> std::io::Result<()> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = &mut *found;
        while let ReadChunkResult::Chunk(mut chunk) = entry.read_chunk()? {
            found.positions.push(chunk.log_position());
            found.buffer.clear();
            chunk.read_to_end(&mut found.buffer)?;
            if !chunk.check_crc()? {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            found.seen.see(&found.buffer);
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _last: EntryId,
        _entries: &mut SegmentReader,
        _log: &WriteAheadLog,
    ) -> std::io::Result<()> {
        Ok(())
    }
}

fn open(dir: &Path) -> Result<Box<dyn Log>> {
    let dir = dir.join("log");
    let (log, found) = open_and_read(&dir)?;
    Ok(Box::new(Okaywal {
        dir,
        log: RwLock::new(Some(log)),
        positions: Arc::new(Mutex::new(found.positions)),
    }))
}

fn open_and_read(dir: &Path) -> Result<(WriteAheadLog, Found)> {
    let reader = Reader::default();
    let found = Arc::clone(&reader.found);
    let configuration = Configuration::default_for(dir).checkpoint_after_bytes(u64::MAX);
    let log = configuration.open(reader)?;
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((log, found))
}

impl Log for Okaywal {
    fn append(&self, records: &[&[u8]]) -> Result<()> {
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let mut entry = log.as_ref().context("closed")?.begin_entry()?;
        let mut positions = Vec::with_capacity(records.len());
        for record in records {
            positions.push(entry.write_chunk(record)?.position);
        }
        entry.commit()?;
        let mut all = self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.append(&mut positions);
        Ok(())
    }

    fn replay(&self, seen: &mut Seen) -> Result<()> {
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = log.take() {
            log.shutdown()?;
        }
        let (opened, found) = open_and_read(&self.dir)?;
        *log = Some(opened);
        *seen = found.seen;
        Ok(())
    }

    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        let position = {
            let all = self
                .positions
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.get(usize::try_from(at)?).copied()
        };
        let log = self.log.read().unwrap_or_else(PoisonError::into_inner);
        let log = log.as_ref().context("closed")?;
        let mut chunk = log.read_at(position.context("no such record")?)?;
        let mut payload = Vec::new();
        chunk.read_to_end(&mut payload)?;
        ensure!(chunk.crc_is_valid()?, "record {at} is damaged");
        seen.see(&payload);
        Ok(())
    }

    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        let all = self
            .positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        self.read(
            u64::try_from(all)?.checked_sub(1).context("no record")?,
            seen,
        )
    }

    fn close(self: Box<Self>) -> Result<()> {
        let log = self
            .log
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(log.context("closed")?.shutdown()?)
    }
}
