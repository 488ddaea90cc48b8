//! The embedded store: one redb file.
//!
//! The file is made under another name, with all its tables and its format version, synced, and
//! only then given its own; so a crash during the first start leaves no half-made catalogue.
//!
//! After a failed write redb refuses everything but reads. The file is then opened anew and the
//! values that were being changed are set back, now or, if that fails too, before the next change:
//! a disk that was full needs no restart. After a failed sync nobody knows what the disk holds, as
//! the system may show what it has not written; streams go on serving records then, and changes of
//! the catalogue need a restart. So it is after a panic in a commit. The next opening writes all that
//! it finds once more, as it cannot know of which syncs failed before.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use mainstem_env::{Env, OpenMode};

use super::backend::FileBackend;
use super::{MetaChange, MetaError, MetaStore, MetaTable};

/// The name of the catalogue in the data directory.
pub const CATALOGUE_FILE: &str = "catalogue.redb";

/// A [`MetaStore`] in one redb file.
pub struct RedbStore {
    state: RwLock<State>,
    env: Env,
    path: PathBuf,
    sync_failed: Arc<AtomicBool>,
}

enum State {
    Open(Database),
    /// A write failed. These changes set back what it may have changed.
    Broken(Vec<MetaChange>),
    Closed,
}

impl RedbStore {
    /// Opens the store in the directory `dir`, which exists, and makes it if there is none.
    ///
    /// The caller keeps other processes away from `dir`.
    ///
    /// # Durability
    /// On `Ok`, the store survives a power cut. After a crash in here there is a whole store or
    /// none.
    ///
    /// # Errors
    /// [`MetaError::Unsupported`] for a file of a newer format, [`MetaError::Corrupt`] for one that
    /// is no store, [`MetaError::Open`] and [`MetaError::Io`] for the system's errors.
    pub fn open(env: &Env, dir: &Path) -> Result<Self, MetaError> {
        let path = dir.join(CATALOGUE_FILE);
        if env.fs.metadata(&path).map_err(io_at(&path))?.is_none() {
            create(env, dir, &path)?;
        } else {
            // Whoever made it may have ended before its name was durable.
            env.fs.sync_dir(dir).map_err(io_at(dir))?;
            rewrite(env, &path).map_err(io_at(&path))?;
        }
        let sync_failed = Arc::new(AtomicBool::new(false));
        let database = database_at(env, &path, OpenMode::ReadWrite, &sync_failed)?;
        let store = Self {
            state: RwLock::new(State::Open(database)),
            env: env.clone(),
            path,
            sync_failed,
        };
        store.check_version()?;
        Ok(store)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on the database, if it is open.
    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, MetaError>,
    ) -> Result<T, MetaError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Open(database) => work(database),
            State::Broken(_) => Err(unavailable(redb::StorageError::PreviousIo)),
            State::Closed => Err(unavailable(redb::StorageError::DatabaseClosed)),
        }
    }

    /// Opens the file anew after a failed write and makes the changes in `undo`, those that are
    /// needed.
    fn reopened(&self, undo: &[MetaChange]) -> Result<Database, MetaError> {
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(unavailable(redb::StorageError::PreviousIo));
        }
        let database = database_at(
            &self.env,
            &self.path,
            OpenMode::ReadWrite,
            &self.sync_failed,
        )?;
        let mut needed = Vec::new();
        for change in undo {
            let (table, key, wanted) = match change {
                MetaChange::Put { table, key, value } => (*table, key, Some(value)),
                MetaChange::Remove { table, key } => (*table, key, None),
            };
            if value_in(&database, table, key)?.as_ref() != wanted {
                needed.push(change.clone());
            }
        }
        if !needed.is_empty() {
            commit_to(&database, &needed)?;
        }
        Ok(database)
    }

    fn check_version(&self) -> Result<(), MetaError> {
        let corrupt = |what: String| MetaError::Corrupt {
            path: self.path.clone(),
            what,
        };
        let stored = self
            .value(MetaTable::Store, FORMAT_VERSION_KEY)?
            .ok_or_else(|| corrupt("no format version".to_owned()))?;
        let found = std::str::from_utf8(&stored)
            .ok()
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|&version| version > 0)
            .ok_or_else(|| corrupt("the format version is not a positive number".to_owned()))?;
        if found > FORMAT_VERSION {
            return Err(MetaError::Unsupported {
                path: self.path.clone(),
                found,
                known: FORMAT_VERSION,
            });
        }
        Ok(())
    }
}

/// Makes an empty store under a temporary name and gives it `path`.
fn create(env: &Env, dir: &Path, path: &Path) -> Result<(), MetaError> {
    let temporary = dir.join(format!("{CATALOGUE_FILE}.tmp"));
    let found = env.fs.metadata(&temporary);
    if found.map_err(io_at(&temporary))?.is_some() {
        env.fs.unlink(&temporary).map_err(io_at(&temporary))?;
    }
    let sync_failed = Arc::default();
    let database = database_at(env, &temporary, OpenMode::CreateNew, &sync_failed)?;
    commit_to(
        &database,
        &[MetaChange::Put {
            table: MetaTable::Store,
            key: FORMAT_VERSION_KEY.to_owned(),
            value: FORMAT_VERSION.to_string().into_bytes(),
        }],
    )?;
    // Dropping the database closes it in good order; what that writes is synced below.
    drop(database);
    let file = env.fs.open(&temporary, OpenMode::ReadWrite);
    file.and_then(|file| file.sync_all())
        .map_err(io_at(&temporary))?;
    env.fs.rename(&temporary, path).map_err(io_at(path))?;
    env.fs.sync_dir(dir).map_err(|error| {
        // The next opening would find it, and another sync would prove nothing about its name.
        let _seen_by_the_next_opening = env.fs.unlink(path);
        io_at(dir)(error)
    })
}

/// Writes the file at `path` as it is, and syncs it.
///
/// The system may show what it has not stored: after a failed sync, what should have been written counts
/// as clean, so that later syncs leave it out. Commits made on top of that would be lost with it.
/// Writing the same bytes again makes them due again, and no crash can leave anything else in
/// their place than what one during the failed commit could have left.
fn rewrite(env: &Env, path: &Path) -> std::io::Result<()> {
    let file = env.fs.open(path, OpenMode::ReadWrite)?;
    let mut chunk = vec![0; REWRITE_CHUNK_BYTES];
    let mut position = 0;
    loop {
        let read = file.read_at(&mut chunk, position)?;
        if read == 0 {
            break;
        }
        for page in chunk.get(..read).unwrap_or_default().chunks(PAGE_BYTES) {
            // Space that was never written stays that way: writing to it would need room.
            if page.iter().any(|byte| *byte != 0) {
                file.write_all_at(page, position)?;
            }
            position = position.saturating_add(bytes(page.len()));
        }
    }
    // The same is true of the length. A longer file is one that a crash left while it grew.
    file.truncate(position.saturating_add(bytes(PAGE_BYTES)))?;
    file.truncate(position)?;
    file.sync_all()
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn database_at(
    env: &Env,
    path: &Path,
    mode: OpenMode,
    sync_failed: &Arc<AtomicBool>,
) -> Result<Database, MetaError> {
    let file = env.fs.open(path, mode).map_err(io_at(path))?;
    // redb would take an empty file for a new database and the catalogue for lost.
    if mode == OpenMode::ReadWrite && file.len().map_err(io_at(path))? == 0 {
        return Err(MetaError::Corrupt {
            path: path.to_owned(),
            what: "the file is empty".to_owned(),
        });
    }
    let corrupt = |what: &str| MetaError::Corrupt {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let failed = |error: redb::DatabaseError| match error {
        redb::DatabaseError::Storage(redb::StorageError::Corrupted(what)) => corrupt(&what),
        error => MetaError::Open {
            path: path.to_owned(),
            source: Arc::new(error),
        },
    };
    // On damaged pages redb may panic instead of returning an error. Nothing that is used after a
    // panic is shared with what panicked.
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let backend = FileBackend::new(file, Arc::clone(sync_failed));
        let mut database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(failed)?;
        if mode == OpenMode::ReadWrite && !database.check_integrity().map_err(failed)? {
            return Err(corrupt("its checksums do not match its pages"));
        }
        Ok(database)
    }));
    checked.unwrap_or_else(|_| Err(corrupt("reading its pages failed")))
}

fn value_in(
    database: &Database,
    table: MetaTable,
    key: &str,
) -> Result<Option<Vec<u8>>, MetaError> {
    let transaction = database.begin_read().map_err(unavailable)?;
    let table = transaction
        .open_table(definition(table))
        .map_err(unavailable)?;
    let value = table.get(key).map_err(unavailable)?;
    Ok(value.map(|value| value.value().to_vec()))
}

/// Returns the changes that set back what `changes` would change.
fn undo(database: &Database, changes: &[MetaChange]) -> Result<Vec<MetaChange>, MetaError> {
    let mut undo = Vec::with_capacity(changes.len());
    for change in changes {
        let (MetaChange::Put { table, key, .. } | MetaChange::Remove { table, key }) = change;
        let (table, key) = (*table, key.clone());
        undo.push(match value_in(database, table, &key)? {
            Some(value) => MetaChange::Put { table, key, value },
            None => MetaChange::Remove { table, key },
        });
    }
    Ok(undo)
}

fn commit_to(database: &Database, changes: &[MetaChange]) -> Result<(), MetaError> {
    let transaction = database.begin_write().map_err(unavailable)?;
    for table in MetaTable::ALL {
        // Opening makes the table, so that readers always find it.
        transaction
            .open_table(definition(table))
            .map_err(unavailable)?;
    }
    for change in changes {
        match change {
            MetaChange::Put { table, key, value } => {
                let mut table = transaction
                    .open_table(definition(*table))
                    .map_err(unavailable)?;
                table
                    .insert(key.as_str(), value.as_slice())
                    .map_err(unavailable)?;
            }
            MetaChange::Remove { table, key } => {
                let mut table = transaction
                    .open_table(definition(*table))
                    .map_err(unavailable)?;
                table.remove(key.as_str()).map_err(unavailable)?;
            }
        }
    }
    transaction.commit().map_err(|error| MetaError::Ambiguous {
        source: Arc::new(error),
    })
}

impl MetaStore for RedbStore {
    fn value(&self, table: MetaTable, key: &str) -> Result<Option<Vec<u8>>, MetaError> {
        self.with(|database| value_in(database, table, key))
    }

    fn scan(&self, table: MetaTable) -> Result<Vec<(String, Vec<u8>)>, MetaError> {
        self.with(|database| {
            let transaction = database.begin_read().map_err(unavailable)?;
            let table = transaction
                .open_table(definition(table))
                .map_err(unavailable)?;
            let mut entries = Vec::new();
            for entry in table.iter().map_err(unavailable)? {
                let (key, value) = entry.map_err(unavailable)?;
                entries.push((key.value().to_owned(), value.value().to_vec()));
            }
            Ok(entries)
        })
    }

    fn commit(&self, changes: &[MetaChange]) -> Result<(), MetaError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Broken(undo) = &*state {
            *state = State::Open(self.reopened(undo).map_err(unavailable)?);
            tracing::info!(path = %self.path.display(), "the catalogue can be changed again");
        }
        let State::Open(database) = &*state else {
            return Err(unavailable(redb::StorageError::DatabaseClosed));
        };
        let undo = match undo(database, changes) {
            Ok(undo) => undo,
            Err(error) => {
                // Nothing was begun, so there is nothing to set back. The next change tries anew.
                if !self.sync_failed.load(Ordering::Acquire) {
                    *state = State::Broken(Vec::new());
                }
                return Err(error);
            }
        };
        let done = catch_unwind(AssertUnwindSafe(|| commit_to(database, changes)));
        let error = match done {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => {
                // Nobody knows how far it got, a sync included. What is left of the database would take
                // further changes and lose them; nothing that it does when dropped reaches the file.
                self.sync_failed.store(true, Ordering::Release);
                *state = State::Broken(Vec::new());
                let source = Arc::new(std::io::Error::other("a panic in the commit"));
                return Err(MetaError::Ambiguous { source });
            }
        };
        if self.sync_failed.load(Ordering::Acquire) {
            // Reads go on; every later commit is refused by redb itself.
            return Err(error);
        }
        // Closes the file, which only one database may have open.
        *state = State::Broken(undo.clone());
        *state = match self.reopened(&undo) {
            Ok(database) => State::Open(database),
            Err(again) => {
                tracing::error!(error = %again, "the catalogue cannot be changed for now");
                State::Broken(undo)
            }
        };
        match (&*state, error) {
            // Set back, so it is certain that nothing was changed.
            (State::Open(_), MetaError::Ambiguous { source }) => {
                Err(MetaError::Unavailable { source })
            }
            (_, error) => Err(error),
        }
    }

    fn close(&self) -> Result<(), MetaError> {
        // Dropping the database closes it; the lock waits for transactions under way. What fails
        // there makes the next opening check the whole file, and loses nothing.
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Closed;
        Ok(())
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbStore({})", self.path.display())
    }
}

fn definition(table: MetaTable) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(table.name())
}

fn unavailable(error: impl Error + Send + Sync + 'static) -> MetaError {
    MetaError::Unavailable {
        source: Arc::new(error),
    }
}

fn io_at(path: &Path) -> impl Fn(std::io::Error) -> MetaError {
    let path = path.to_owned();
    move |error| MetaError::Io {
        path: path.clone(),
        source: Arc::new(error),
    }
}

/// Where the format version lies in [`MetaTable::Store`].
const FORMAT_VERSION_KEY: &str = "format_version";

/// The version of everything in the store: tables, names and values.
const FORMAT_VERSION: u32 = 1;

/// A page of redb; file systems allocate no less.
const PAGE_BYTES: usize = 4096;

/// Bytes that [`rewrite`] reads at once.
const REWRITE_CHUNK_BYTES: usize = 64 * PAGE_BYTES;

/// What redb may keep in memory: the facade holds the catalogue itself, so this is little.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
