//! One shard, as its users see it.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use mainstem_env::TimestampMs;

use crate::append::batch::{Batch, Source};
use crate::append::budget::Budget;
use crate::append::committer::{Committer, Delegate};
use crate::append::pending::{Append, Appended};
use crate::append::writer::ShardWriter;
use crate::config::{AppendOptions, PoisonHook, ShardOptions, check_retention_ms};
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::journal::commit::Journal;
use crate::journal::lane::Lane;
use crate::limits::{
    BATCH_SEGMENT_FRACTION, RECORD_SEGMENT_FRACTION, RETENTION_MS_MIN, SHARD_NAME_BYTES_MAX,
};
use crate::metrics::{ShardCounters, ShardMetrics};
use crate::read::cursor::{Cursor, Start};
use crate::read::follow::Ready;
use crate::recovery::open::{Opened, Site};
use crate::retention::policy;
use crate::retention::trim::{self, Trimming};
use crate::segment::prewrite::Pace;
use crate::segment::set::SegmentSet;
use crate::segment::shared::Segment;
use crate::seq::SeqNo;
use crate::sync::Mutex;
use crate::sync_pool::{Job, SyncPool};
use crate::watermark::Watermark;

/// The name of a shard: 1 to 200 of `A-Z a-z 0-9 _ . -`, not beginning with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName(String);

impl ShardName {
    /// Checks that `name` can be a shard's name.
    ///
    /// # Errors
    /// [`LogError::InvalidShardName`].
    pub fn new(name: impl Into<String>) -> Result<Self, LogError> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let fits = (1..=SHARD_NAME_BYTES_MAX).contains(&name.len());
        if fits && name.bytes().all(allowed) && !name.starts_with('.') {
            Ok(Self(name))
        } else {
            Err(LogError::InvalidShardName(name))
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what segment headers carry to tell a file in the wrong directory.
    pub(crate) fn hash(&self) -> u32 {
        crate::format::checksum::plain(self.0.as_bytes())
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A durable, ordered log. Clones are handles to the same shard and may be used from any thread.
#[derive(Clone, Debug)]
pub struct Shard {
    state: Arc<ShardState>,
}

/// A segment of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// The sequence number of its first record.
    pub first: SeqNo,
    /// The bytes it takes up, space that is only reserved for it left out.
    pub bytes: u64,
}

/// What all handles of a shard share.
#[derive(Debug)]
pub(crate) struct ShardState {
    pub(crate) name: ShardName,
    pub(crate) files: Arc<Files>,
    pub(crate) options: ShardOptions,
    retention_ms: AtomicU64,
    /// Arrival times before this stay hidden, whatever the retention becomes, in ms.
    hidden_before_ms: AtomicU64,
    pub(crate) committer: Committer<ShardWriter>,
    pub(crate) segments: Arc<SegmentSet>,
    pub(crate) watermark: Arc<Watermark>,
    pub(crate) counters: Arc<ShardCounters>,
    fate: Arc<EngineFate>,
    journal: Option<Arc<Journal>>,
    /// Counts uses, for maintenance to tell an idle shard.
    uses: AtomicU64,
    pinned: Mutex<Vec<(mainstem_env::Holders, u64)>>,
    pub(crate) trimming: Mutex<Trimming>,
    damage: Option<LogError>,
}

/// Why no shard of the engine takes appends any more, if that is so.
#[derive(Debug, Default)]
pub(crate) struct EngineFate(OnceLock<LogError>);

impl EngineFate {
    pub(crate) fn check(&self) -> Result<(), LogError> {
        self.0.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}

/// What a shard gets from its engine.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) files: Arc<Files>,
    pub(crate) pool: Arc<SyncPool>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) fate: Arc<EngineFate>,
    pub(crate) on_poison: Option<PoisonHook>,
    /// None for the journal itself.
    pub(crate) journal: Option<Arc<Journal>>,
}

/// Connects a committer with the rest of its shard and engine.
#[derive(Debug)]
struct Link {
    shard: Weak<ShardState>,
    pool: Arc<SyncPool>,
    fate: Arc<EngineFate>,
    on_poison: Option<PoisonHook>,
}

impl Delegate for Link {
    fn lead_soon(&self) {
        if let Some(shard) = self.shard.upgrade() {
            self.pool.submit(Job::Lead(shard));
        }
    }

    fn linger(&self) {
        if let Some(shard) = self.shard.upgrade()
            && shard.options.linger_us > 0
        {
            shard
                .files
                .env
                .clock
                .sleep(Duration::from_micros(shard.options.linger_us));
        }
    }

    fn poisoned(&self, error: &LogError) {
        let Some(shard) = self.shard.upgrade() else {
            return;
        };
        tracing::error!(shard = %shard.name, %error, "shard poisoned; open the engine again to write");
        shard.counters.poisoned.add(1);
        let poisoned = LogError::Poisoned(Arc::new(error.clone()));
        if is_medium_failure(error) && !is_planted(Defect::NeighboursGoOn) {
            let _the_first_cause_stays = self.fate.0.set(poisoned.clone());
        }
        shard.watermark.end(poisoned);
        if let Some(hook) = &self.on_poison {
            let call = std::panic::AssertUnwindSafe(|| hook.call(error));
            if std::panic::catch_unwind(call).is_err() {
                tracing::error!(shard = %shard.name, "the hook for poisoned shards panicked");
            }
        }
    }
}

/// Returns whether the medium itself failed: the other shards lie on the same one.
fn is_medium_failure(error: &LogError) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        // Errors share their source, and a shared one does not pass for what it shares.
        let shared = error.downcast_ref::<Arc<std::io::Error>>().map(|it| &**it);
        if let Some(io) = shared.or(error.downcast_ref()) {
            return io.raw_os_error() == Some(mainstem_env::EIO);
        }
        source = error.source();
    }
    false
}

impl ShardState {
    pub(crate) fn new(
        shared: &Shared,
        name: ShardName,
        dir: PathBuf,
        options: ShardOptions,
        opened: Opened,
    ) -> Arc<Self> {
        let counters = Arc::new(ShardCounters::default());
        counters.torn_bytes.add(opened.torn_bytes);
        counters.recovered_bytes.add(opened.bytes_read);
        let watermark = Arc::new(Watermark::new(opened.next));
        let segments = Arc::new(SegmentSet::new(opened.segments));
        let read_only = opened.damage.map(|damage| LogError::ReadOnly {
            shard: name.to_string(),
            source: Arc::new(damage),
        });
        let journal = shared.journal.as_ref();
        let lane = journal.map(|journal| Lane::new(Arc::clone(journal), name.to_string()));
        let dirt = lane.as_ref().map(|lane| Arc::clone(&lane.dirt));
        let writer = ShardWriter {
            name: name.to_string(),
            dir,
            shard_hash: name.hash(),
            files: Arc::clone(&shared.files),
            options: options.clone(),
            place: opened.place,
            segments: Arc::clone(&segments),
            watermark: Arc::clone(&watermark),
            counters: Arc::clone(&counters),
            pool: Arc::clone(&shared.pool),
            pace: Pace::default(),
            lane,
        };
        let budgets = [
            Arc::new(Budget::new(options.queued_bytes_max)),
            Arc::clone(&shared.budget),
        ];
        Arc::new_cyclic(|shard| {
            if let Some(dirt) = &dirt {
                dirt.belongs_to(Weak::clone(shard));
            }
            let link = Link {
                shard: Weak::clone(shard),
                pool: Arc::clone(&shared.pool),
                fate: Arc::clone(&shared.fate),
                on_poison: shared.on_poison.clone(),
            };
            let committer = Committer::new(
                name.to_string(),
                writer,
                opened.next,
                opened.last_time_ms,
                options.group_bytes_max,
                budgets,
                Box::new(link),
            );
            if let Some(error) = &read_only {
                committer.close(error.clone(), |_| ());
                watermark.end(error.clone());
            }
            Self {
                name,
                files: Arc::clone(&shared.files),
                retention_ms: AtomicU64::new(options.retention_ms),
                hidden_before_ms: AtomicU64::new(0),
                options,
                committer,
                segments,
                watermark,
                counters,
                fate: Arc::clone(&shared.fate),
                journal: shared.journal.clone(),
                uses: AtomicU64::new(0),
                pinned: Mutex::new(Vec::new()),
                trimming: Mutex::default(),
                damage: read_only,
            }
        })
    }

    /// Returns where recovery finds a shard.
    pub(crate) fn site<'a>(
        shared: &'a Shared,
        dir: &'a std::path::Path,
        name: &ShardName,
        options: &'a ShardOptions,
    ) -> Site<'a> {
        Site {
            files: &shared.files,
            dir,
            shard_hash: name.hash(),
            options,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.files.env.clock.now().0
    }

    pub(crate) fn retention_ms(&self) -> u64 {
        self.retention_ms.load(Ordering::Relaxed)
    }

    /// Returns the arrival time before which records are hidden, in ms.
    pub(crate) fn horizon_ms(&self) -> u64 {
        if is_planted(Defect::ExpiredServed) {
            return 0;
        }
        let now = self.files.env.clock.now();
        // What was hidden was older than the shortest retention. A time later than that comes from a
        // clock that was ahead, and must not hide what is put today.
        let hidden = self.hidden_before_ms.load(Ordering::Relaxed);
        let hidden = hidden.min(policy::horizon_ms(now, RETENTION_MS_MIN));
        policy::horizon_ms(now, self.retention_ms()).max(hidden)
    }

    fn touch(&self) {
        self.uses.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns a number that changes with each use.
    pub(crate) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Returns whether appends are taken.
    pub(crate) fn is_writable(&self) -> bool {
        self.committer.refusal().is_none() && self.fate.check().is_ok()
    }

    /// Checks what can be known before an append joins a group.
    pub(crate) fn check(&self, source: Source<'_>) -> Result<(), LogError> {
        self.touch();
        self.fate.check()?;
        if source.records() == 0 {
            return Err(LogError::BatchEmpty);
        }
        let bytes = source.byte_len();
        let limit = self.options.segment_bytes / RECORD_SEGMENT_FRACTION;
        // No frame is larger than its batch, so most batches need no closer look.
        if bytes > limit {
            let largest = source.largest_frame();
            if largest > limit {
                return Err(LogError::RecordTooLarge {
                    bytes: largest,
                    limit,
                });
            }
            let limit = self.options.segment_bytes / BATCH_SEGMENT_FRACTION;
            if bytes > limit {
                return Err(LogError::BatchTooLarge { bytes, limit });
            }
        }
        Ok(())
    }

    pub(crate) fn count_append(&self, result: &Result<Appended, LogError>) {
        if result.is_err() {
            self.counters.refused.add(1);
        }
    }

    /// Appends one record, as the engine does to the logs that are its own.
    pub(crate) fn append_bytes(&self, payload: &[u8]) -> Result<Appended, LogError> {
        self.append(Source::one(payload)?, AppendOptions::default(), true)
    }

    /// Appends a batch and blocks until its fate is known.
    pub(crate) fn append_batch(&self, batch: &Batch) -> Result<Appended, LogError> {
        self.append(Source::Batch(batch), AppendOptions::default(), true)
    }

    /// Returns the commit journal of the engine; none for the journal itself.
    pub(crate) fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref()
    }

    fn append(
        &self,
        source: Source<'_>,
        options: AppendOptions,
        blocking: bool,
    ) -> Result<Appended, LogError> {
        let result = self.admit(source, blocking).and_then(|()| {
            let ticket = self
                .committer
                .append(source, self.now_ms(), options.expected)?;
            Ok(Appended::new(&ticket))
        });
        self.count_append(&result);
        result
    }

    fn admit(&self, source: Source<'_>, blocking: bool) -> Result<(), LogError> {
        self.check(source)?;
        let bytes = source.byte_len();
        let [of_shard, of_engine] = &self.committer.budgets;
        if blocking {
            of_shard.acquire(bytes);
            of_engine.acquire(bytes);
            return Ok(());
        }
        of_shard.try_acquire(bytes)?;
        of_engine
            .try_acquire(bytes)
            .inspect_err(|_| of_shard.release(bytes))
    }

    /// Returns the oldest record within the retention, or the next one to come if there is none.
    pub(crate) fn first_seq(self: &Arc<Self>) -> Result<SeqNo, LogError> {
        let horizon_ms = self.horizon_ms();
        self.segments
            .past_trimming(|| self.first_seq_since(horizon_ms))
    }

    /// As [`Self::first_seq`], with the horizon known, and not proof against deletion meanwhile.
    pub(crate) fn first_seq_since(self: &Arc<Self>, horizon_ms: u64) -> Result<SeqNo, LogError> {
        let oldest = self.segments.with_oldest(|oldest| {
            let times = oldest.times_ms()?;
            let all = times.is_none_or(|(oldest_ms, _)| oldest_ms >= horizon_ms);
            Ok(all.then_some(oldest.base))
        });
        if let Some(base) = oldest.transpose()?.flatten() {
            return Ok(base);
        }
        Ok(Cursor::open(self, Start::Time(TimestampMs(horizon_ms)))?.position())
    }

    pub(crate) fn wait_beyond(&self, seen: SeqNo, timeout: Duration) -> Result<bool, LogError> {
        let clock = &self.files.env.clock;
        let start = clock.elapsed();
        let time_left = || {
            let waited = clock.elapsed().since(start);
            timeout.checked_sub(waited).filter(|left| !left.is_zero())
        };
        Ok(self.watermark.wait_beyond_until(seen, time_left)?.is_some())
    }

    /// Remembers that readers may still hold the memory of a deleted segment.
    pub(crate) fn pin(&self, segment: &Segment, bytes: u64) {
        if let Some(region) = segment.open_region() {
            self.pinned.lock().push((region.region.holders(), bytes));
        }
    }

    fn pinned_bytes(&self) -> u64 {
        let mut pinned = self.pinned.lock();
        pinned.retain(|(holders, _)| holders.any());
        pinned.iter().map(|(_, bytes)| bytes).sum()
    }

    pub(crate) fn metrics(&self) -> ShardMetrics {
        let counters = &self.counters;
        let [of_shard, _] = &self.committer.budgets;
        let segments = self.segments.snapshot();
        // Sealing waits for the zeros, so that only the newest segment has any on their way.
        let newest = segments.last();
        let (prewrites, prewrite_waits) = newest.map_or((0, 0), |it| it.claim.activity());
        ShardMetrics {
            records: counters.records.value(),
            bytes: counters.bytes.value(),
            groups: counters.groups.value(),
            refused: counters.refused.value(),
            queued_bytes: of_shard.used(),
            rolls: counters.rolls.value(),
            trimmed_segments: counters.trimmed_segments.value(),
            trimmed_bytes: counters.trimmed_bytes.value(),
            pinned_bytes: self.pinned_bytes(),
            read_errors: counters.read_errors.value(),
            index_faults: counters.index_faults.value(),
            recovered_bytes: counters.recovered_bytes.value(),
            torn_bytes: counters.torn_bytes.value(),
            scrubbed_bytes: counters.scrubbed_bytes.value(),
            scrub_errors: counters.scrub_errors.value(),
            segments: u64::try_from(segments.len()).unwrap_or(u64::MAX),
            prewrites,
            prewrite_waits,
            poisoned: counters.poisoned.value().min(1),
        }
    }
}

impl Shard {
    pub(crate) fn new(state: Arc<ShardState>) -> Self {
        Self { state }
    }

    /// Returns the shard's name.
    pub fn name(&self) -> &ShardName {
        &self.state.name
    }

    /// Appends `batch` and returns once it is durable.
    ///
    /// The records get consecutive sequence numbers, in order, with nothing between them.
    ///
    /// # Durability
    /// On `Ok`, the records survive a process crash and a power cut, and so do those of earlier
    /// appends. After a crash, all records of a batch are found or none.
    ///
    /// # Errors
    /// [`LogError::outcome`] says of each error whether the records may be found after all:
    /// [`LogError::SyncFailed`] leaves it unknown, and so does a panic; all others changed nothing.
    /// [`LogError::StorageFull`] may be retried once there is space.
    ///
    /// # Concurrency
    /// Callers may share the shard; concurrent appends are committed together in order of arrival.
    /// Blocks while more bytes are queued than the limits allow.
    pub fn append(&self, batch: &Batch, options: AppendOptions) -> Result<Appended, LogError> {
        self.state.append(Source::Batch(batch), options, true)
    }

    /// Appends one record and returns once it is durable; otherwise as [`Shard::append`].
    ///
    /// # Errors
    /// As [`Shard::append`].
    pub fn append_one(&self, payload: &[u8]) -> Result<Appended, LogError> {
        self.state.append_bytes(payload)
    }

    /// As [`Shard::append`], but refuses at once where that would wait for room in the queue. It
    /// still waits for the batch to become durable.
    ///
    /// # Errors
    /// [`LogError::QueueFull`] if there is no room; otherwise as [`Shard::append`].
    pub fn try_append(&self, batch: &Batch, options: AppendOptions) -> Result<Appended, LogError> {
        self.state.append(Source::Batch(batch), options, false)
    }

    /// Appends `batch` without blocking a thread; see [`Append`] for what dropping it means.
    ///
    /// # Errors
    /// The future's are those of [`Shard::append`].
    pub fn append_async(&self, batch: Batch, options: AppendOptions) -> Append {
        Append::new(Arc::clone(&self.state), batch, options)
    }

    /// Returns a cursor that begins at `start`.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if `start` is a record past the retention; [`LogError::Corrupt`] or
    /// [`LogError::Io`] if finding the place meets damage.
    pub fn cursor(&self, start: Start) -> Result<Cursor, LogError> {
        self.state.touch();
        Cursor::open(&self.state, start)
    }

    /// Returns the sequence number of the oldest record within the retention, or of the next record
    /// if there is none.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] or [`LogError::Io`] if the oldest segment cannot be read.
    pub fn first_seq(&self) -> Result<SeqNo, LogError> {
        self.state.first_seq()
    }

    /// Returns the sequence number after the last durable record: the durable mark.
    pub fn durable_end(&self) -> SeqNo {
        self.state.watermark.next()
    }

    /// Blocks until the durable mark is past `seen`, at most for `timeout`; returns whether it is.
    ///
    /// # Errors
    /// Why the mark will not move any more, if that is so.
    pub fn wait_beyond(&self, seen: SeqNo, timeout: Duration) -> Result<bool, LogError> {
        self.state.wait_beyond(seen, timeout)
    }

    /// Returns a future that is ready when the durable mark is past `seen`.
    pub fn beyond(&self, seen: SeqNo) -> Ready {
        Ready::new(Arc::clone(&self.state), seen)
    }

    /// Returns for how long records are kept, in ms.
    pub fn retention_ms(&self) -> u64 {
        self.state.retention_ms()
    }

    /// Sets for how long records are kept, in ms: 1 to 365 days. It is not stored: whoever opens the
    /// shard says it.
    ///
    /// A shorter retention hides records at once and deletes them at the next pass of maintenance. A
    /// longer one does not bring back what is hidden already, for as long as the engine is open; what
    /// was not deleted by then can be read again after the next opening.
    ///
    /// # Errors
    /// [`LogError::InvalidOption`].
    pub fn set_retention_ms(&self, retention_ms: u64) -> Result<(), LogError> {
        check_retention_ms(retention_ms)?;
        let state = &self.state;
        state
            .hidden_before_ms
            .fetch_max(state.horizon_ms(), Ordering::Relaxed);
        state.retention_ms.store(retention_ms, Ordering::Relaxed);
        Ok(())
    }

    /// Deletes the segments all of whose records are before `before`, oldest first, and returns how
    /// many. The newest segment stays: a segment that is being written is not deleted, and
    /// sequence numbers go on. Reading what was deleted answers [`LogError::Trimmed`].
    ///
    /// # Durability
    /// On `Ok` they are gone after a crash too. After a crash before that, some may be there again,
    /// never with a hole between them.
    ///
    /// # Errors
    /// [`LogError::Io`] if a file cannot be removed; the next call goes on there.
    pub fn trim_before(&self, before: SeqNo) -> Result<usize, LogError> {
        trim::trim_before(&self.state, before)
    }

    /// Seals the newest segment, if it holds a record, so that it can be trimmed, and creates the
    /// next one. Returns whether there is a new segment; there is none, too, while others append.
    ///
    /// # Errors
    /// [`LogError::StorageFull`] changed nothing; after other failures the shard is poisoned.
    pub fn roll(&self) -> Result<bool, LogError> {
        let now_ms = self.state.now_ms();
        let rolled = self
            .state
            .committer
            .try_exclusive(|writer| writer.roll(now_ms));
        rolled.unwrap_or(Ok(false))
    }

    /// Returns the segments, oldest first.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] or [`LogError::Io`] if the size of one is not known and cannot be read.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, LogError> {
        let set = &self.state.segments;
        set.past_trimming(|| {
            let info = |segment: &Arc<Segment>| {
                Ok(SegmentInfo {
                    first: segment.base,
                    bytes: segment.stored_bytes()?,
                })
            };
            set.snapshot().iter().map(info).collect()
        })
    }

    /// Returns why the shard takes no appends, if that is so: it is corrupt, poisoned or closed.
    pub fn refusal(&self) -> Option<LogError> {
        self.state
            .damage
            .clone()
            .or_else(|| self.state.committer.refusal())
            .or_else(|| self.state.fate.check().err())
    }

    /// Returns what happened in the shard since the engine was opened.
    pub fn metrics(&self) -> ShardMetrics {
        self.state.metrics()
    }
}
