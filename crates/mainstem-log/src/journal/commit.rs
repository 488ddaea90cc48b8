//! The journal while the engine is open.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use mainstem_env::{Elapsed, File};

use super::lane::Dirt;
use crate::append::budget::Budget;
use crate::append::writer::ShardWriter;
use crate::config::{JournalOptions, Maintenance, ShardOptions};
use crate::error::LogError;
use crate::files::Files;
use crate::format::group_header::GROUP_HEADER_BYTES;
use crate::format::names;
use crate::limits::{JOURNAL_GROUP_BYTES_MAX, JOURNAL_SEGMENTS, KEEP_UNTIL_TRIMMED};
use crate::metrics::Counter;
use crate::recovery;
use crate::retention::trim;
use crate::segment::shared::Segment;
use crate::seq::SeqNo;
use crate::shard::{EngineFate, ShardName, ShardState, Shared};
use crate::sync::{Condvar, Mutex};
use crate::sync_pool::SyncPool;

/// Threads that sync segments in the background at a time. More would get in the way of the journal's own
/// syncs.
const FLUSHERS: usize = 4;
/// The most bytes of entries that one thread puts into the journal at a time: enough to make up for the sync.
const JOINT_BYTES_MAX: u64 = 1 << 20;

/// The commit journal of an engine.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The data directory.
    data_dir: PathBuf,
    options: JournalOptions,
    is_automatic: bool,
    /// What the journal's log gets: like a shard, but with no bounds that its shards' writers could wait
    /// for while they wait for it, and with a thread of its own for the zeros ahead of it.
    shared: Shared,
    me: Weak<Self>,
    /// Commits at work at the moment.
    under_way: Arc<AtomicUsize>,
    slot: RwLock<Slot>,
    is_taking: AtomicBool,
    /// Shards that may need the journal.
    dirty: Mutex<Vec<Arc<Dirt>>>,
    /// Held by whoever syncs segments and deletes what is not needed.
    tidying: Mutex<()>,
    /// Bytes put into it since it was tidied, and those that were left then.
    stored: AtomicU64,
    idle: Mutex<Idle>,
    groups: Counter,
    tidier: Mutex<Tidier>,
    asked: Condvar,
}

#[derive(Debug)]
enum Slot {
    /// There is none; the next commit that wants one creates it.
    None,
    /// Being created or given up.
    Changing,
    Open(Arc<ShardState>),
    /// It could not be created, and nothing depends on what there may be of it.
    Failed,
    /// There is one that takes nothing any more, and stays for as long as anything depends on it.
    Ended,
    /// There is one that nothing depends on, and that could not be removed; the next opening does that. A
    /// sync of its name may have failed, and what succeeds after that proves nothing.
    Left,
}

/// Since when nothing was put into the journal.
#[derive(Debug, Default)]
struct Idle {
    groups: u64,
    since: Option<Elapsed>,
}

/// The thread that tidies.
#[derive(Debug, Default)]
struct Tidier {
    is_asked: bool,
    is_stopped: bool,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Commits at work.
#[derive(Debug)]
pub(crate) struct UnderWay {
    under_way: Arc<AtomicUsize>,
    commits: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.under_way.fetch_sub(self.commits, Ordering::Relaxed);
    }
}

/// Returns the name under which the journal's log is known; its directory is not among the shards'.
pub(super) fn log_name() -> Result<ShardName, LogError> {
    ShardName::new(names::JOURNAL)
}

/// Returns what the journal's log gets from its engine.
pub(super) fn shared_for_log(files: Arc<Files>, fate: Arc<EngineFate>) -> Shared {
    Shared {
        files,
        pool: Arc::new(SyncPool::new(1, 0)),
        budget: Arc::new(Budget::new(u64::MAX)),
        fate,
        on_poison: None,
        journal: None,
    }
}

/// Returns how the journal's log works.
pub(super) fn log_options(options: &JournalOptions) -> ShardOptions {
    ShardOptions {
        retention_ms: KEEP_UNTIL_TRIMMED,
        segment_bytes: options.bytes_max / JOURNAL_SEGMENTS,
        queued_bytes_max: u64::MAX,
        ..ShardOptions::default()
    }
}

impl Journal {
    pub(crate) fn new(
        data_dir: PathBuf,
        files: Arc<Files>,
        fate: Arc<EngineFate>,
        options: JournalOptions,
        maintenance: Maintenance,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            data_dir,
            options,
            is_automatic: matches!(maintenance, Maintenance::EveryMs(_)),
            shared: shared_for_log(files, fate),
            me: Weak::clone(me),
            under_way: Arc::default(),
            slot: RwLock::new(Slot::None),
            is_taking: AtomicBool::new(true),
            dirty: Mutex::default(),
            tidying: Mutex::default(),
            stored: AtomicU64::new(0),
            idle: Mutex::default(),
            groups: Counter::default(),
            tidier: Mutex::default(),
            asked: Condvar::new(),
        })
    }

    pub(super) fn files(&self) -> &Arc<Files> {
        &self.shared.files
    }

    /// Returns how many groups were made durable in the journal.
    pub(crate) fn groups(&self) -> u64 {
        self.groups.value()
    }

    /// Counts so many commits for as long as the value lives, if it matters how many there are.
    pub(super) fn enter(&self, commits: usize) -> Option<UnderWay> {
        (self.options.commits_min > 0).then(|| {
            self.under_way.fetch_add(commits, Ordering::Relaxed);
            UnderWay {
                under_way: Arc::clone(&self.under_way),
                commits,
            }
        })
    }

    /// Returns the most bytes of entries that are put into the journal at a time, so that they fit one of
    /// its segments.
    pub(super) fn joint_bytes_max(&self) -> u64 {
        // The entry that fills it may go an eighth further, and a batch may take half of a segment.
        (self.options.bytes_max / JOURNAL_SEGMENTS / 4).min(JOINT_BYTES_MAX)
    }

    /// Takes no groups until it is tidied next: there is no space, or it is poisoned.
    pub(super) fn take_nothing_for_now(&self) {
        self.is_taking.store(false, Ordering::Relaxed);
    }

    /// Returns whether a group of `bytes` should go through the journal: enough commits are under way
    /// to share its sync, and there is room.
    pub(super) fn wants(&self, bytes: u64) -> bool {
        let least = self.options.commits_min;
        least > 0
            && self.under_way.load(Ordering::Relaxed) >= least
            && bytes <= JOURNAL_GROUP_BYTES_MAX
            && bytes <= self.options.bytes_max / JOURNAL_SEGMENTS / 8
            && self.stored.load(Ordering::Relaxed) < self.options.bytes_max
            && self.is_taking.load(Ordering::Relaxed)
    }

    /// Returns the journal's log; creates it if there is none. It may refuse appends.
    pub(super) fn current(&self) -> Option<Arc<ShardState>> {
        match &*self.slot.read().unwrap_or_else(PoisonError::into_inner) {
            Slot::Open(log) => return Some(Arc::clone(log)),
            Slot::Changing | Slot::Failed | Slot::Ended | Slot::Left => return None,
            Slot::None => {}
        }
        self.swap(|slot| matches!(slot, Slot::None).then_some(Slot::Changing))?;
        // Others sync their segments meanwhile.
        let created = self.create();
        if let Err(error) = &created {
            tracing::warn!(%error, "no commit journal; shards are synced one by one");
        }
        let log = created.ok();
        self.set(log.clone().map_or(Slot::Failed, Slot::Open));
        log
    }

    /// Puts what `change` returns into the slot, and returns what was there; `None` if it returns none.
    fn swap(&self, change: impl FnOnce(&Slot) -> Option<Slot>) -> Option<Slot> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        let new = change(&slot)?;
        Some(std::mem::replace(&mut *slot, new))
    }

    fn set(&self, slot: Slot) {
        self.is_taking.store(
            !matches!(slot, Slot::Failed | Slot::Ended | Slot::Left),
            Ordering::Relaxed,
        );
        self.swap(|_| Some(slot));
    }

    /// Creates the journal's log.
    ///
    /// # Durability
    /// On `Ok` its directory and first segment survive a power cut.
    fn create(&self) -> Result<Arc<ShardState>, LogError> {
        let fs = &self.files().env.fs;
        let dir = self.data_dir.join(names::JOURNAL);
        fs.create_dir(&dir).map_err(LogError::io("create", &dir))?;
        fs.sync_dir(&self.data_dir)
            .map_err(LogError::io("sync", &self.data_dir))?;
        let options = log_options(&self.options).validated()?;
        let name = log_name()?;
        let site = ShardState::site(&self.shared, &dir, &name, &options);
        let opened = recovery::open::open(&site, None)?;
        let log = ShardState::new(&self.shared, name, dir, options, opened);
        let created = log
            .committer
            .try_exclusive(|writer| writer.roll_by_age(log.now_ms(), 0));
        created.unwrap_or(Ok(false))?;
        if self.is_automatic {
            self.start_tidier()?;
        }
        Ok(log)
    }

    fn start_tidier(&self) -> Result<(), LogError> {
        let mut tidier = self.tidier.lock();
        if tidier.thread.is_some() || tidier.is_stopped {
            return Ok(());
        }
        let Some(journal) = self.me.upgrade() else {
            return Ok(());
        };
        let thread = std::thread::Builder::new()
            .name("mainstem-journal".to_owned())
            .spawn(move || {
                while journal.rest() {
                    journal.tidy();
                }
            })
            .map_err(LogError::io("start the tidying of", names::JOURNAL))?;
        tidier.thread = Some(thread);
        Ok(())
    }

    /// Waits until there is something to tidy; returns whether to go on.
    fn rest(&self) -> bool {
        let mut tidier = self.tidier.lock();
        while !tidier.is_asked && !tidier.is_stopped {
            tidier = self.asked.wait(tidier);
        }
        tidier.is_asked = false;
        !tidier.is_stopped
    }

    /// Notes that `dirt` needs the journal from `first` on.
    pub(super) fn note_dirty(
        &self,
        dirt: &Arc<Dirt>,
        first: SeqNo,
        file: &Arc<dyn File>,
        segment: &Arc<Segment>,
    ) {
        if dirt.add(first, file, segment) {
            self.dirty.lock().push(Arc::clone(dirt));
        }
    }

    /// Forgets what is noted of a shard that is gone for good: nothing of it will be asked for again.
    pub(crate) fn forget(&self, dirt: &Arc<Dirt>) {
        self.dirty.lock().retain(|other| !Arc::ptr_eq(other, dirt));
    }

    /// Counts groups that went through the journal at a time, as frames of so many `bytes`.
    pub(super) fn count(&self, groups: u64, bytes: usize) {
        self.groups.add(groups);
        // At most: others may share the journal's group.
        let bytes = bytes.saturating_add(GROUP_HEADER_BYTES);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let stored = self.stored.fetch_add(bytes, Ordering::Relaxed);
        let after = stored.saturating_add(bytes);
        let step = self.options.bytes_max / JOURNAL_SEGMENTS;
        // Who is synced later is synced for more at a time; what is left has to do until that is done.
        let is_time = after >= self.options.bytes_max / 2 && stored / step != after / step;
        if self.is_automatic && is_time {
            self.tidier.lock().is_asked = true;
            self.asked.notify_one();
        }
    }

    /// Syncs the segments of those who need an older segment of the journal than the newest, and deletes
    /// what nobody needs any more. What fails is tried again next time; until then the journal keeps
    /// what it has.
    pub(crate) fn tidy(&self) {
        let tidying = self.tidying.lock();
        let log = match &*self.slot.read().unwrap_or_else(PoisonError::into_inner) {
            Slot::Open(log) => Arc::clone(log),
            Slot::None => {
                // Who was refused by the last one may have said so after it was gone.
                self.is_taking.store(true, Ordering::Relaxed);
                return;
            }
            Slot::Changing | Slot::Failed | Slot::Ended | Slot::Left => return,
        };
        // Before the list is looked at: who is put on it later needs nothing before this.
        let newest = log.segments.snapshot().last().map(|newest| newest.base);
        let Some(newest) = newest else { return };
        let failed = self.flush(newest);
        let needed = self.needed_from().map_or(newest, |first| first.min(newest));
        if let Err(error) = trim::trim_before(&log, needed) {
            tracing::warn!(%error, "cannot delete what the commit journal needs no more; will try again");
        }
        let left = log.segments.snapshot();
        let sizes = left.iter().filter_map(|segment| segment.durable_end().ok());
        self.stored.store(sizes.sum(), Ordering::Relaxed);
        self.is_taking.store(log.is_writable(), Ordering::Relaxed);
        drop(tidying);
        poison(&failed);
    }

    /// Syncs the segments of those who need the journal from before `before`; returns those that failed.
    fn flush(&self, before: SeqNo) -> Vec<Arc<Dirt>> {
        let mut dirty = self.dirty.lock().clone();
        dirty.retain(|dirt| dirt.first().is_some_and(|first| first < before));
        if !self.is_automatic || dirty.len() < FLUSHERS {
            dirty.retain(|dirt| !dirt.flush());
            return dirty;
        }
        // A file system joins syncs that are under way at the same time.
        let rest = Mutex::new(dirty);
        let failed = Mutex::new(Vec::new());
        let work = || {
            loop {
                let Some(dirt) = rest.lock().pop() else {
                    return;
                };
                if !dirt.flush() {
                    failed.lock().push(dirt);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..FLUSHERS {
                let named = std::thread::Builder::new().name("mainstem-journal".to_owned());
                // Whoever there is does it.
                let _fewer = named.spawn_scoped(scope, work);
            }
            work();
        });
        let mut failed = failed.lock();
        std::mem::take(&mut *failed)
    }

    /// Returns from where on the journal is needed, if it is, and forgets about those who do not.
    fn needed_from(&self) -> Option<SeqNo> {
        let mut dirty = self.dirty.lock();
        dirty.retain(|dirt| dirt.stays_listed());
        dirty.iter().filter_map(|dirt| dirt.first()).min()
    }

    /// Clears away what is left of an attempt to create the journal, so that it can be tried again.
    fn forget_failure(&self) {
        let failed = |slot: &Slot| matches!(slot, Slot::Failed).then_some(Slot::Changing);
        if self.swap(failed).is_none() {
            return;
        }
        let dir = self.data_dir.join(names::JOURNAL);
        let cleared = match self.files().env.fs.metadata(&dir) {
            Ok(None) => true,
            Ok(Some(_)) => remove(self.files(), &self.data_dir).is_ok(),
            Err(_) => false,
        };
        self.set(if cleared { Slot::None } else { Slot::Failed });
    }

    /// Tidies, gives the journal up once nothing was put into it for `idle_ms`, and lets there be another one
    /// once nothing needs one that ended.
    pub(crate) fn maintain(&self, now: Elapsed, idle_ms: u64) {
        self.forget_failure();
        self.give_up_ended();
        self.tidy();
        let is_idle = {
            let groups = self.groups();
            let mut idle = self.idle.lock();
            if idle.groups != groups || idle.since.is_none() {
                *idle = Idle {
                    groups,
                    since: Some(now),
                };
            }
            let since = idle.since.unwrap_or(now);
            now.since(since).as_millis() >= u128::from(idle_ms)
        };
        if is_idle {
            self.give_up();
        }
    }

    /// Ends the journal's work: until it is wanted again, if nothing depends on it afterwards, and otherwise
    /// until nothing does.
    fn give_up(&self) {
        let open = |slot: &Slot| matches!(slot, Slot::Open(_)).then_some(Slot::Changing);
        let Some(Slot::Open(log)) = self.swap(open) else {
            return;
        };
        // What was taken is settled then, and who comes later syncs the segment.
        log.committer.close(LogError::Closed, ShardWriter::quiesce);
        log.watermark.end(LogError::Closed);
        log.trimming.lock().end();
        self.finish();
    }

    /// As [`Self::give_up`], for a journal that ended before and was needed then: a shard of it was removed
    /// since, or a group of it was on its way to a sync of its own.
    fn give_up_ended(&self) {
        let ended = |slot: &Slot| matches!(slot, Slot::Ended).then_some(Slot::Changing);
        if self.swap(ended).is_some() {
            self.finish();
        }
    }

    /// Removes the journal, which takes nothing any more, unless anything depends on it.
    fn finish(&self) {
        let tidying = self.tidying.lock();
        let failed = self.flush(SeqNo(u64::MAX));
        if self.needed_from().is_some() {
            self.set(Slot::Ended);
            drop(tidying);
            poison(&failed);
            return;
        }
        match remove(self.files(), &self.data_dir) {
            Ok(()) => {
                self.stored.store(0, Ordering::Relaxed);
                self.set(Slot::None);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot remove the commit journal; the next opening will");
                self.set(Slot::Left);
            }
        }
    }

    /// Ends the journal with its engine, when all shards are closed. What is still needed of it stays
    /// for the next opening.
    pub(crate) fn close(&self) {
        let thread = {
            let mut tidier = self.tidier.lock();
            tidier.is_stopped = true;
            tidier.thread.take()
        };
        self.asked.notify_all();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that tidies the commit journal had panicked");
        }
        self.give_up_ended();
        self.give_up();
        self.shared.pool.stop();
    }
}

/// Poisons the shards of `failed`. Whoever is told uses no lock of ours.
fn poison(failed: &[Arc<Dirt>]) {
    for dirt in failed {
        dirt.poison();
    }
}

/// Removes the journal in `data_dir`, nothing in which is needed any more.
///
/// # Durability
/// On `Ok` it is gone after a power cut too. After a power cut before that, or an error, it is whole or
/// gone.
pub(super) fn remove(files: &Files, data_dir: &std::path::Path) -> Result<(), LogError> {
    let fs = &files.env.fs;
    let leaving = data_dir.join(names::JOURNAL_LEAVING);
    let dir = data_dir.join(names::JOURNAL);
    crate::engine::remove_leaving(&**fs, data_dir, &leaving)?;
    fs.rename(&dir, &leaving)
        .map_err(LogError::io("rename", &dir))?;
    crate::engine::remove_renamed(&**fs, data_dir, &leaving)
}

#[cfg(test)]
#[cfg(not(mainstem_loom))]
mod tests {
    use std::path::Path;
    use std::sync::OnceLock;
    use std::time::Duration;

    use mainstem_env::sim::{OpKind, Sim, hooked};
    use mainstem_env::{OpenMode, ReadMode};

    use super::*;

    type Deed = Box<dyn Fn() + Send + Sync>;

    /// A journal, and segments that need it.
    struct World {
        sim: Sim,
        files: Arc<Files>,
        journal: Arc<Journal>,
        /// Done when `/first` is synced.
        deed: Arc<OnceLock<Deed>>,
    }

    impl World {
        fn new() -> Self {
            let sim = Sim::new(1);
            let data_dir = Path::new("/data");
            sim.env().fs.create_dir(data_dir).unwrap();
            let deed: Arc<OnceLock<Deed>> = Arc::default();
            let hook = {
                let deed = Arc::clone(&deed);
                move |kind, path: &Path| {
                    if kind == OpKind::SyncData
                        && path == Path::new("/first")
                        && let Some(deed) = deed.get()
                    {
                        deed();
                    }
                    Ok(())
                }
            };
            let env = hooked(&sim.env(), Arc::new(hook));
            let files = Arc::new(Files::new(env, ReadMode::Buffered, 1));
            let options = JournalOptions {
                commits_min: 1,
                ..JournalOptions::default()
            };
            let journal = Journal::new(
                data_dir.to_path_buf(),
                Arc::clone(&files),
                Arc::default(),
                options,
                Maintenance::ByCaller,
            );
            Self {
                sim,
                files,
                journal,
                deed,
            }
        }

        fn set_deed(&self, deed: impl Fn() + Send + Sync + 'static) {
            assert!(self.deed.set(Box::new(deed)).is_ok());
        }

        /// Returns what notes that a segment at `path` needs the journal, and the segment.
        fn segment(&self, path: &'static str) -> (impl Fn() + Send + Sync + 'static, Arc<Segment>) {
            let file = self.files.env.fs.open(Path::new(path), OpenMode::CreateNew);
            let file = file.unwrap();
            let files = Arc::clone(&self.files);
            let segment = Arc::new(Segment::unread(path.into(), SeqNo(0), 0, files));
            let (dirt, journal) = (Arc::new(Dirt::default()), Arc::clone(&self.journal));
            let log = journal.current().unwrap();
            let of_segment = Arc::clone(&segment);
            let note = move || journal.note_dirty(&dirt, log.watermark.next(), &file, &of_segment);
            (note, segment)
        }

        /// Has nobody use the journal until after `minutes`.
        fn rest_until(&self, minutes: u64) {
            self.journal
                .maintain(Elapsed(Duration::from_mins(minutes)), 0);
        }

        fn is_there(&self) -> bool {
            let is_of_journal = |path: &PathBuf| path.starts_with("/data/journal");
            self.sim.files().iter().any(is_of_journal)
        }
    }

    /// A commit asked for the journal just before it was given up, and says so when all others were synced.
    #[test]
    fn a_group_that_comes_too_late_does_not_end_journals_for_good() {
        let world = World::new();
        world.segment("/first").0();
        world.set_deed(world.segment("/late").0);
        world.rest_until(0);
        assert!(
            world.journal.current().is_none(),
            "the late one may need it"
        );
        world.rest_until(1);
        assert!(world.journal.current().is_some());
    }

    /// What a sync of zeros failed at, a sync of the segment that comes after it is not told.
    #[test]
    fn a_failed_sync_of_zeros_keeps_the_journal() {
        let world = World::new();
        let (note, segment) = world.segment("/first");
        let log = world.journal.current().unwrap();
        assert!(segment.claim.try_claim(64..128));
        note();
        std::thread::scope(|scope| {
            let resting = scope.spawn(|| world.rest_until(0));
            while log.committer.refusal().is_none() {
                std::thread::yield_now();
            }
            segment.claim.finish(Some(LogError::Closed));
            resting.join().unwrap();
        });
        for minutes in 1..3 {
            world.rest_until(minutes);
            assert!(world.journal.current().is_none());
            assert!(world.is_there(), "{:?}", world.sim.files());
        }
    }

    #[test]
    fn zeros_wait_for_a_sync_in_the_background() {
        let world = World::new();
        let (note, segment) = world.segment("/first");
        note();
        let of_deed = Arc::clone(&segment);
        let refused = Arc::new(AtomicBool::new(false));
        let is_refused = Arc::clone(&refused);
        world.set_deed(move || {
            is_refused.store(!of_deed.claim.try_claim(64..128), Ordering::Relaxed);
        });
        world.rest_until(0);
        assert!(refused.load(Ordering::Relaxed));
        assert!(segment.claim.is_quiet(), "they may come now");
        assert!(!world.is_there(), "{:?}", world.sim.files());
    }
}
