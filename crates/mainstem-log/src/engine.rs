//! An engine: a data directory with all its shards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use mainstem_env::{Env, Fs, LockAttempt, LockHeld, OpenMode, replace_file};

use crate::append::budget::Budget;
use crate::config::{EngineOptions, Maintenance, ShardOptions};
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::format::manifest::{self, CleanShard, EngineId, ManifestError};
use crate::format::names;
use crate::journal;
use crate::journal::commit::Journal;
use crate::maintenance::{Keeper, MaintenanceReport};
use crate::metrics::EngineMetrics;
use crate::recovery;
use crate::shard::{EngineFate, Shard, ShardName, ShardState, Shared};
use crate::sync::Mutex;
use crate::sync_pool::SyncPool;

/// An open data directory. Clones are handles to the same engine; dropping the last one closes it as
/// [`Engine::close`] does, without telling what went wrong.
#[derive(Clone, Debug)]
pub struct Engine {
    closer: Arc<Closer>,
}

/// Closes the engine when the last handle goes. Threads of the engine hold no handle.
#[derive(Debug)]
struct Closer {
    state: Arc<EngineState>,
}

impl Drop for Closer {
    fn drop(&mut self) {
        if let Err(error) = self.state.close() {
            tracing::warn!(%error, "the engine was not closed in good order; the next opening recovers");
        }
    }
}

/// What all handles of an engine share.
#[derive(Debug)]
pub(crate) struct EngineState {
    dir: PathBuf,
    id: EngineId,
    shared: Shared,
    journal: Arc<Journal>,
    options: EngineOptions,
    shards: Mutex<BTreeMap<ShardName, Arc<Entry>>>,
    /// What the last orderly close wrote down, for shards not opened since.
    clean: Mutex<BTreeMap<String, CleanShard>>,
    keeper: Keeper,
    /// Shared by those who open shards, alone for the one who closes.
    lock: RwLock<Option<Box<dyn LockHeld>>>,
}

/// A shard that was asked for; opening one does not hold up the others.
#[derive(Debug, Default)]
struct Entry {
    state: Mutex<Option<Arc<ShardState>>>,
}

impl Engine {
    /// Opens the data directory at `dir`, creating it if there is none.
    ///
    /// Shards are opened, and recovered if need be, when they are first asked for. What a crash left in the
    /// commit journal goes to where it belongs first, which takes longer the more shards were being written to.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the commit journal is damaged: any shard may lack records then, until
    /// [`Offline::set_journal_aside`](crate::Offline::set_journal_aside) gives them up;
    /// [`LogError::StorageFull`] if there is no room for what is in it.
    /// [`LogError::Locked`] if another engine has it open; [`LogError::Unsupported`] if a newer
    /// version wrote it; [`LogError::Corrupt`] if its identity is missing or damaged.
    pub fn open(env: &Env, dir: &Path, options: EngineOptions) -> Result<Self, LogError> {
        options.validate()?;
        create_dirs(env, dir)?;
        let lock = acquire_lock(env, dir)?;
        let id = open_identity(env, dir)?;
        let files = Arc::new(Files::new(env.clone(), options.read_mode, options.maps_max));
        finish_removals(env, dir)?;
        // Before the note of the last close goes: if this fails, the next opening wants it.
        journal::replay::replay(&files, dir)?;
        let clean = take_clean(env, dir, id)?;
        let fate = Arc::new(EngineFate::default());
        let journal = Journal::new(
            dir.to_path_buf(),
            Arc::clone(&files),
            Arc::clone(&fate),
            options.journal,
            options.maintenance,
        );
        let shared = Shared {
            files,
            pool: Arc::new(SyncPool::new(
                options.sync_threads_max,
                options.journal.commits_min,
            )),
            budget: Arc::new(Budget::new(options.queued_bytes_max)),
            fate,
            on_poison: options.on_poison.clone(),
            journal: Some(Arc::clone(&journal)),
        };
        let keeper = Keeper::new(env, options.scrub_bytes_per_s);
        let maintenance = options.maintenance;
        let state = Arc::new(EngineState {
            dir: dir.to_path_buf(),
            id,
            shared,
            journal,
            options,
            shards: Mutex::new(BTreeMap::new()),
            clean: Mutex::new(clean),
            keeper,
            lock: RwLock::new(Some(lock)),
        });
        if let Maintenance::EveryMs(interval_ms) = maintenance {
            Keeper::start(&state, interval_ms)?;
        }
        Ok(Self {
            closer: Arc::new(Closer { state }),
        })
    }

    fn state(&self) -> &Arc<EngineState> {
        &self.closer.state
    }

    /// Creates a shard.
    ///
    /// # Durability
    /// On `Ok` the shard exists after a crash. On an error it may or may not.
    ///
    /// # Errors
    /// [`LogError::ShardExists`]; [`LogError::StorageFull`] and other failures to create files.
    pub fn create_shard(&self, name: &ShardName, options: ShardOptions) -> Result<Shard, LogError> {
        let state = self.state();
        let options = options.validated()?;
        let _open = state.keep_open()?;
        state.with_slot(name, |slot| state.create(slot, name, options))
    }

    /// Returns the shard `name`, opening it if it is not open yet. `options` hold from its opening
    /// on; asked for again, an open shard keeps those it was opened with. Retention, which is one of
    /// them, begins to delete when the shard is opened: one that nobody asks for keeps its files.
    ///
    /// A shard whose stored records are damaged is opened for reading what is before the damage; its
    /// [`Shard::refusal`] says what was found.
    ///
    /// # Errors
    /// [`LogError::ShardNotFound`]; [`LogError::Unsupported`] if a newer version wrote it.
    pub fn shard(&self, name: &ShardName, options: ShardOptions) -> Result<Shard, LogError> {
        let state = self.state();
        let options = options.validated()?;
        let _open = state.keep_open()?;
        state.with_slot(name, |slot| state.open(slot, name, options))
    }

    /// Deletes a shard with all its records. Its handles answer [`LogError::ShardNotFound`] from then
    /// on; records that readers hold stay readable until they let go.
    ///
    /// # Durability
    /// On `Ok` the shard is gone after a crash too. After a crash before that, or an error, it is whole or
    /// gone; files that are left over are removed at the next opening.
    ///
    /// # Errors
    /// [`LogError::ShardNotFound`]; [`LogError::Io`] if a file cannot be removed.
    pub fn remove_shard(&self, name: &ShardName) -> Result<(), LogError> {
        let state = self.state();
        let _open = state.keep_open()?;
        state.with_slot(name, |slot| state.remove(slot, name))
    }

    /// Returns the names of all shards, sorted.
    ///
    /// # Errors
    /// [`LogError::Io`] if the directory cannot be listed.
    pub fn shard_names(&self) -> Result<Vec<ShardName>, LogError> {
        let state = self.state();
        shard_names(&state.shared.files.env, &state.dir)
    }

    /// Runs one pass of maintenance: rolls by age, deletes what is past the retention, closes idle
    /// files.
    pub fn maintain(&self) -> MaintenanceReport {
        self.state().maintain()
    }

    /// Believes the wall clock as it is now, after a jump had stopped retention.
    pub fn trust_clock(&self) {
        self.state()
            .keeper
            .trust_clock(&self.state().shared.files.env);
    }

    /// Returns what happened since the engine was opened.
    pub fn metrics(&self) -> EngineMetrics {
        let state = self.state();
        EngineMetrics {
            shards_open: u64::try_from(state.open_shards().len()).unwrap_or(u64::MAX),
            queued_bytes: state.shared.budget.used(),
            maps: u64::try_from(state.shared.files.maps()).unwrap_or(u64::MAX),
            sync_threads: u64::try_from(state.shared.pool.threads()).unwrap_or(u64::MAX),
            clock_holds: state.keeper.clock_holds(),
            journaled_groups: state.journal.groups(),
        }
    }

    /// Closes the engine in good order, so that the next opening need not scan: takes no more
    /// appends, waits for those under way, and writes down where every shard stands. All handles
    /// answer [`LogError::Closed`] from then on; closing twice does nothing.
    ///
    /// # Errors
    /// [`LogError::Io`] if the note cannot be written. Nothing acknowledged is lost then; the next
    /// opening recovers. Poisoned and damaged shards are left out of the note and are no error.
    pub fn close(&self) -> Result<(), LogError> {
        self.state().close()
    }
}

impl EngineState {
    fn shard_dir(&self, name: &ShardName) -> PathBuf {
        self.dir.join(names::SHARDS).join(name.as_str())
    }

    fn entry(&self, name: &ShardName) -> Arc<Entry> {
        Arc::clone(self.shards.lock().entry(name.clone()).or_default())
    }

    /// Runs `work` on the place of shard `name`, which no other thread uses meanwhile.
    ///
    /// An entry goes when its shard turns out not to exist, or is removed. Whoever waited for one that
    /// is gone looks for the new one: two entries would make two writers of the same files.
    fn with_slot<T>(
        &self,
        name: &ShardName,
        work: impl FnOnce(&mut Option<Arc<ShardState>>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        loop {
            let entry = self.entry(name);
            let mut slot = entry.state.lock();
            let current = self.shards.lock().get(name).cloned();
            if current.is_some_and(|current| Arc::ptr_eq(&current, &entry)) {
                return work(&mut slot);
            }
        }
    }

    fn create(
        &self,
        slot: &mut Option<Arc<ShardState>>,
        name: &ShardName,
        options: ShardOptions,
    ) -> Result<Shard, LogError> {
        let dir = self.shard_dir(name);
        let fs = &self.shared.files.env.fs;
        match fs.create_dir(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(LogError::ShardExists(name.to_string()));
            }
            Err(error) => return Err(LogError::io("create", &dir)(error)),
        }
        let shards = self.dir.join(names::SHARDS);
        let synced = if is_planted(Defect::ShardNameNotSynced) {
            Ok(())
        } else {
            fs.sync_dir(&shards)
        };
        synced.map_err(|error| {
            // Another sync would prove nothing about this name.
            let _seen_when_it_is_opened = fs.remove_dir(&dir);
            LogError::io("sync", &shards)(error)
        })?;
        let shard = self.recover(name, dir, options, None)?;
        let created = shard
            .committer
            .try_exclusive(|writer| writer.roll_by_age(shard.now_ms(), 0));
        created.unwrap_or(Ok(false))?;
        *slot = Some(Arc::clone(&shard));
        Ok(Shard::new(shard))
    }

    fn open(
        &self,
        slot: &mut Option<Arc<ShardState>>,
        name: &ShardName,
        options: ShardOptions,
    ) -> Result<Shard, LogError> {
        if let Some(shard) = &*slot {
            return Ok(Shard::new(Arc::clone(shard)));
        }
        let dir = self.shard_dir(name);
        let fs = &self.shared.files.env.fs;
        if fs
            .metadata(&dir)
            .map_err(LogError::io("look at", &dir))?
            .is_none()
        {
            self.shards.lock().remove(name);
            return Err(LogError::ShardNotFound(name.to_string()));
        }
        let clean = self.clean.lock().remove(name.as_str());
        let shard = self.recover(name, dir, options, clean.as_ref())?;
        *slot = Some(Arc::clone(&shard));
        Ok(Shard::new(shard))
    }

    fn remove(&self, slot: &mut Option<Arc<ShardState>>, name: &ShardName) -> Result<(), LogError> {
        let gone = LogError::ShardNotFound(name.to_string());
        let mut dirt = None;
        if let Some(shard) = slot.take() {
            dirt = shard.committer.close(gone.clone(), |writer| {
                writer.quiesce();
                writer.lane.as_ref().map(|lane| Arc::clone(&lane.dirt))
            });
            shard.watermark.end(gone);
            // A shard made anew has files of the same names.
            shard.trimming.lock().end();
        }
        self.clean.lock().remove(name.as_str());
        let removed = self.remove_files(name);
        // Not before: until then a power cut may bring it back, and the journal has what it lacks.
        if let (Ok(()), Some(dirt)) = (&removed, &dirt) {
            self.journal.forget(dirt);
        }
        // Not before: a new entry would let another thread in while the files are on their way out.
        self.shards.lock().remove(name);
        removed
    }

    fn remove_files(&self, name: &ShardName) -> Result<(), LogError> {
        let fs = &self.shared.files.env.fs;
        let dir = self.shard_dir(name);
        if fs
            .metadata(&dir)
            .map_err(LogError::io("look at", &dir))?
            .is_none()
        {
            return Err(LogError::ShardNotFound(name.to_string()));
        }
        // One rename makes it leave as a whole: files removed one by one could leave a hole.
        let shards = self.dir.join(names::SHARDS);
        if is_planted(Defect::RemovalInPlace) {
            return remove_renamed(&**fs, &shards, &dir);
        }
        let leaving = shards.join(names::leaving(name.as_str()));
        remove_leaving(&**fs, &shards, &leaving)?;
        fs.rename(&dir, &leaving)
            .map_err(LogError::io("rename", &dir))?;
        remove_renamed(&**fs, &shards, &leaving)
    }

    /// Keeps the engine from being closed while a shard is opened, created or removed.
    fn keep_open(&self) -> Result<RwLockReadGuard<'_, Option<Box<dyn LockHeld>>>, LogError> {
        let lock = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            Err(LogError::Closed)
        } else {
            Ok(lock)
        }
    }

    fn recover(
        &self,
        name: &ShardName,
        dir: PathBuf,
        options: ShardOptions,
        clean: Option<&CleanShard>,
    ) -> Result<Arc<ShardState>, LogError> {
        let site = ShardState::site(&self.shared, &dir, name, &options);
        let opened = recovery::open::open(&site, clean)?;
        if let Some(damage) = &opened.damage {
            tracing::error!(shard = %name, error = %damage, "shard is damaged and opens read-only");
        }
        Ok(ShardState::new(
            &self.shared,
            name.clone(),
            dir,
            options,
            opened,
        ))
    }

    pub(crate) fn open_shards(&self) -> Vec<Arc<ShardState>> {
        let entries: Vec<Arc<Entry>> = self.shards.lock().values().cloned().collect();
        entries
            .iter()
            .filter_map(|entry| entry.state.lock().clone())
            .collect()
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    pub(crate) fn maintain(&self) -> MaintenanceReport {
        // Once closed, the files are somebody else's.
        let Ok(_open) = self.keep_open() else {
            return MaintenanceReport::default();
        };
        let shards = self.open_shards();
        let env = &self.shared.files.env;
        let report = self.keeper.pass(env, &shards, self.options.idle_ms);
        self.journal
            .maintain(env.clock.elapsed(), self.options.idle_ms);
        report
    }

    fn close(&self) -> Result<(), LogError> {
        // Before the lock is taken: its thread shares the lock while it works.
        self.keeper.stop();
        // Held to the end: another process must not come in before everything is written down.
        let mut slot = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        let Some(lock) = slot.take() else {
            return Ok(());
        };
        let mut clean: Vec<CleanShard> = Vec::new();
        for shard in self.open_shards() {
            let vouches = is_planted(Defect::PoisonedVouchedFor);
            let note = shard.committer.close(LogError::Closed, |writer| {
                // Whoever committed last may have failed.
                let refusal = shard.committer.refusal();
                let intact = matches!(refusal, Some(LogError::Closed)) || vouches;
                let note = intact.then(|| writer.clean(shard.now_ms()));
                writer.quiesce();
                note
            });
            shard.watermark.end(LogError::Closed);
            // A shard that was poisoned while it closed must not be vouched for.
            let still_intact =
                matches!(shard.committer.refusal(), Some(LogError::Closed)) || vouches;
            clean.extend(note.and_then(Result::ok).filter(|_| still_intact));
        }
        self.shared.pool.stop();
        self.journal.close();
        clean.extend(std::mem::take(&mut *self.clean.lock()).into_values());
        let bytes = manifest::encode_clean(self.id, &clean);
        let written = replace(&*self.shared.files.env.fs, &self.dir, names::CLEAN, &bytes);
        drop(lock);
        written.map_err(LogError::io("write", self.dir.join(names::CLEAN)))
    }
}

/// Removes what an attempt to remove a directory, which it had renamed to `dir` in `parent`, has left, if
/// there is anything.
///
/// A sync of that name may have failed, and one that succeeds after it proves nothing. So it gets another name, with
/// a `~`, for which there is a sync of its own.
pub(crate) fn remove_leaving(fs: &dyn Fs, parent: &Path, dir: &Path) -> Result<(), LogError> {
    let mut again = dir.as_os_str().to_owned();
    again.push("~");
    let again = PathBuf::from(again);
    let mut is_there = false;
    for (from, to) in [(&*again, dir), (dir, &*again)] {
        let found = fs.metadata(from).map_err(LogError::io("look at", from))?;
        if found.is_some() {
            is_there = true;
            fs.rename(from, to).map_err(LogError::io("rename", from))?;
        }
    }
    if !is_there {
        return Ok(());
    }
    remove_renamed(fs, parent, &again)?;
    // Two of that name would be in each other's way: it has to be gone for good before anything takes the first
    // name again.
    fs.sync_dir(parent).map_err(LogError::io("sync", parent))
}

/// Removes the directory at `dir` in `shards`, which belonged to a shard until it was renamed.
pub(crate) fn remove_renamed(fs: &dyn Fs, shards: &Path, dir: &Path) -> Result<(), LogError> {
    // The shard must have lost its name for good before it loses its first file, even if it was another
    // process that renamed it: otherwise a power cut may bring it back with a hole.
    fs.sync_dir(shards).map_err(LogError::io("sync", shards))?;
    for file in fs.list(dir).map_err(LogError::io("list", dir))? {
        let path = dir.join(file.name);
        // A deletion that was cut short may have left an empty directory.
        let gone = if file.is_dir {
            fs.remove_dir(&path)
        } else {
            fs.unlink(&path)
        };
        gone.map_err(LogError::io("remove", &path))?;
    }
    fs.remove_dir(dir).map_err(LogError::io("remove", dir))
}

/// Removes what deletions of shards that a crash cut short have left.
fn finish_removals(env: &Env, dir: &Path) -> Result<(), LogError> {
    let shards = dir.join(names::SHARDS);
    for entry in env
        .fs
        .list(&shards)
        .map_err(LogError::io("list", &shards))?
    {
        if entry.is_dir && names::is_leaving(&entry.name) {
            let first_name = entry.name.trim_end_matches('~');
            remove_leaving(&*env.fs, &shards, &shards.join(first_name))?;
        }
    }
    Ok(())
}

/// Returns the names of all shards in the data directory at `dir`, sorted.
pub(crate) fn shard_names(env: &Env, dir: &Path) -> Result<Vec<ShardName>, LogError> {
    let dir = dir.join(names::SHARDS);
    let entries = env.fs.list(&dir).map_err(LogError::io("list", &dir))?;
    let names = entries.into_iter().filter(|entry| entry.is_dir);
    Ok(names
        .filter_map(|entry| ShardName::new(entry.name).ok())
        .collect())
}

/// As [`replace_file`].
fn replace(fs: &dyn Fs, dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    if is_planted(Defect::RenamedBeforeSync) {
        let draft = dir.join(format!("{name}.tmp"));
        let file = fs.open(&draft, OpenMode::ReadWriteOrCreate)?;
        file.write_all_at(bytes, 0)?;
        fs.rename(&draft, &dir.join(name))?;
        return fs.sync_dir(dir);
    }
    replace_file(fs, dir, name, bytes)
}

/// Creates the data directory and its parents, durably.
///
/// Parents that are there already may be the work of a process that was killed before it could sync
/// their names, so those of a directory that is not yet in use are synced too.
fn create_dirs(env: &Env, dir: &Path) -> Result<(), LogError> {
    let fs = &env.fs;
    let look = |path: &Path| fs.metadata(path).map_err(LogError::io("look at", path));
    if look(&dir.join(names::ENGINE))?.is_some() {
        return Ok(());
    }
    let mut path_down: Vec<&Path> = dir.ancestors().collect();
    path_down.retain(|path| path.parent().is_some());
    for path in path_down.into_iter().rev() {
        let found = look(path)?;
        // A link to a directory can be listed, and will do.
        if found.is_some_and(|found| !found.is_dir) && fs.list(path).is_err() {
            let error = std::io::ErrorKind::NotADirectory.into();
            return Err(LogError::io("open", path)(error));
        }
        if found.is_none() {
            fs.create_dir(path).map_err(LogError::io("create", path))?;
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        match fs.sync_dir(parent) {
            Ok(()) => {}
            // Whoever may not even read a directory has created nothing in it.
            Err(error)
                if found.is_some() && error.kind() == std::io::ErrorKind::PermissionDenied => {}
            Err(error) => {
                if found.is_none() {
                    // Another sync would prove nothing about this name.
                    let _seen_by_the_next_opening = fs.remove_dir(path);
                }
                return Err(LogError::io("sync", parent)(error));
            }
        }
    }
    Ok(())
}

pub(crate) fn acquire_lock(env: &Env, dir: &Path) -> Result<Box<dyn LockHeld>, LogError> {
    let mut path = dir.join(names::LOCK);
    if is_planted(Defect::LockNotShared) {
        path.set_extension(env.random.next_u64().unwrap_or(0).to_string());
    }
    let holder = format!("process {}", std::process::id());
    match env
        .fs
        .try_lock(&path, &holder)
        .map_err(LogError::io("lock", &path))?
    {
        LockAttempt::Acquired(lock) => Ok(lock),
        LockAttempt::HeldBy(holder) => {
            let holder = if holder.is_empty() {
                "another process".to_owned()
            } else {
                holder
            };
            Err(LogError::Locked {
                path: dir.to_path_buf(),
                holder,
            })
        }
    }
}

/// Reads the directory's identity, or gives it one if it is new.
pub(crate) fn open_identity(env: &Env, dir: &Path) -> Result<EngineId, LogError> {
    let fs = &env.fs;
    let path = dir.join(names::ENGINE);
    let shards = dir.join(names::SHARDS);
    let look = |path: &Path| fs.metadata(path).map_err(LogError::io("look at", path));
    if let Some(bytes) = read_small(env, &path)? {
        let id = manifest::decode_engine(&bytes).map_err(|error| match error {
            ManifestError::Invalid => LogError::corrupt(&path, 0, error.to_string()),
            ManifestError::NewerVersion(_) => LogError::Unsupported {
                path: path.clone(),
                what: error.to_string(),
            },
        })?;
        if look(&shards)?.is_none() {
            return Err(LogError::corrupt(&shards, 0, "directory is missing"));
        }
        return Ok(id);
    }
    // The directory of shards is there before the identity, and stays empty until then.
    if look(&shards)?.is_none() {
        fs.create_dir(&shards)
            .map_err(LogError::io("create", &shards))?;
    } else if !fs
        .list(&shards)
        .map_err(LogError::io("list", &shards))?
        .is_empty()
    {
        return Err(LogError::corrupt(
            &path,
            0,
            "file is missing beside a directory of shards",
        ));
    }
    fs.sync_dir(dir).map_err(|error| {
        // Another sync would prove nothing about this name.
        let _seen_by_the_next_opening = fs.remove_dir(&shards);
        LogError::io("sync", dir)(error)
    })?;
    let mut id = EngineId([0; 16]);
    env.random
        .fill(&mut id.0)
        .map_err(LogError::io("get randomness for", &path))?;
    replace(&**fs, dir, names::ENGINE, &manifest::encode_engine(id)).map_err(|error| {
        // Nothing depends on it yet, and another sync would prove nothing about its name.
        let _seen_by_the_next_opening = fs.unlink(&path);
        LogError::io("write", &path)(error)
    })?;
    Ok(id)
}

/// Reads and removes what the last orderly close wrote down. From the removal on, a crash leads to
/// recovery; so it is durable before anything is written.
fn take_clean(
    env: &Env,
    dir: &Path,
    id: EngineId,
) -> Result<BTreeMap<String, CleanShard>, LogError> {
    let path = dir.join(names::CLEAN);
    let Some(bytes) = read_small(env, &path)? else {
        // An earlier opening may have been killed between removing the note and syncing the
        // directory; the note must not come back once something was written. So it is with the
        // engine's identity, and its creation.
        env.fs.sync_dir(dir).map_err(LogError::io("sync", dir))?;
        return Ok(BTreeMap::new());
    };
    let shards = match manifest::decode_clean(&bytes, id) {
        Ok(shards) => shards,
        Err(error @ ManifestError::NewerVersion(_)) => {
            return Err(LogError::Unsupported {
                path,
                what: error.to_string(),
            });
        }
        Err(ManifestError::Invalid) => {
            // It only saves work: without it every shard is recovered.
            tracing::warn!(path = %path.display(), "note of the last close is damaged; recovering");
            Vec::new()
        }
    };
    if !is_planted(Defect::NoteNotInvalidated) && !is_planted(Defect::CleanNoteKept) {
        invalidate(env, &path)?;
    }
    if !is_planted(Defect::CleanNoteKept) {
        env.fs
            .unlink(&path)
            .map_err(LogError::io("remove", &path))?;
    }
    env.fs.sync_dir(dir).map_err(LogError::io("sync", dir))?;
    Ok(shards
        .into_iter()
        .map(|shard| (shard.name.clone(), shard))
        .collect())
}

/// Makes the note at `path` invalid. If the sync of its removal fails, a power cut may bring it back
/// later, even though another opening synced the directory again; it must have nothing to say then.
fn invalidate(env: &Env, path: &Path) -> Result<(), LogError> {
    let written = env.fs.open(path, OpenMode::ReadWrite).and_then(|file| {
        file.write_all_at(&[0; manifest::CLEAN_MAGIC.len()], 0)?;
        file.sync_data()
    });
    match written {
        // Where overwriting takes space, a full disk must not keep readers out.
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Ok(()),
        written => written.map_err(LogError::io("invalidate", path)),
    }
}

fn read_small(env: &Env, path: &Path) -> Result<Option<Vec<u8>>, LogError> {
    if env
        .fs
        .metadata(path)
        .map_err(LogError::io("look at", path))?
        .is_none()
    {
        return Ok(None);
    }
    let file = env
        .fs
        .open(path, OpenMode::Read)
        .map_err(LogError::io("open", path))?;
    let len = file.len().map_err(LogError::io("measure", path))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(LogError::io("read", path))?;
    bytes.truncate(read);
    Ok(Some(bytes))
}
