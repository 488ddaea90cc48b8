//! The bytes below redb, by way of `mainstem-env`, so that simulated power loss covers them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use mainstem_env::File;

/// A redb database in a [`File`].
///
/// Locks are left out: the engine's lock on the data directory keeps a second process away before
/// this file is opened.
#[derive(Debug)]
pub(super) struct FileBackend {
    file: Arc<dyn File>,
    /// Set for good once a sync has failed.
    sync_failed: Arc<AtomicBool>,
}

impl FileBackend {
    /// Keeps a database in `file`, and notes in `sync_failed` if a sync fails.
    pub(super) fn new(file: Arc<dyn File>, sync_failed: Arc<AtomicBool>) -> Self {
        Self { file, sync_failed }
    }

    /// Lets nothing more be written once a sync has failed.
    fn check(&self) -> io::Result<()> {
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync failed"));
        }
        Ok(())
    }
}

impl StorageBackend for FileBackend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let read = self.file.read_at(out, offset)?;
        if read == out.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.truncate(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        let synced = self.file.sync_data();
        if synced.is_err() {
            self.sync_failed.store(true, Ordering::Release);
        }
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write_all_at(data, offset)
    }
}
