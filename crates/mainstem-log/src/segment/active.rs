//! The newest segment as its writer sees it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstem_env::{File, OpenMode};

use super::prewrite::{Filling, PIECE_BYTES};
use super::shared::Segment;
use crate::append::committer::CommitFailure;
use crate::append::group::{Group, Placed};
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::format::checksum::Salt;
use crate::format::group_header::GROUP_HEADER_BYTES;
use crate::format::index_entry::{INDEX_ENTRY_BYTES, IndexEntry, Target};
use crate::format::names;
use crate::format::segment_header::{PreviousSegment, SegmentHeader};
use crate::journal::joint::Joint;
use crate::journal::lane::{Lane, Site};
use crate::limits::{ALLOCATION_STEPS, INDEX_STRIDE_BYTES};
use crate::seq::SeqNo;

/// The active segment of a shard: where the next group goes.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) segment: Arc<Segment>,
    pub(crate) header: SegmentHeader,
    files: Arc<Files>,
    /// Closed while the shard is idle.
    file: Option<Arc<dyn File>>,
    index: IndexFile,
    pub(crate) data_end: u64,
    /// Where the allocated space ends; a group is written only before it.
    allocated: u64,
    steps_taken: usize,
    pub(crate) chain: u32,
    /// The sequence number of the next record.
    pub(crate) next: SeqNo,
    pub(crate) oldest_ms: u64,
    pub(crate) newest_ms: u64,
    /// The end of what was last filled with zeros, or is being filled.
    prewritten: u64,
    /// Where the newest index entry points.
    indexed_upto: u64,
    /// The last group, if there is one and it is known.
    last_group: Option<IndexEntry>,
    /// The data end that the index was last told.
    recorded_end: u64,
    /// Entries of the group being written; kept for its memory.
    due: Vec<IndexEntry>,
}

/// How far the data may get ahead of the index file while groups go through the journal: what the next
/// recovery has to read if the entries are lost.
const INDEX_LAG_BYTES_MAX: u64 = 64 << 10;
/// Zeros are written in whole pages, so that none of them shares one with data.
const PAGE_BYTES: u64 = 4096;

/// What recovery found out about a segment that is to be written to.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) data_end: u64,
    pub(crate) chain: u32,
    pub(crate) next: SeqNo,
    pub(crate) oldest_ms: u64,
    pub(crate) newest_ms: u64,
    /// Entries for what is before the data end, in order, without those of its very end.
    pub(crate) index: Vec<IndexEntry>,
    /// The last group, if there is one and it is known.
    pub(crate) last_group: Option<IndexEntry>,
}

/// A group that was written to its segment, and is yet to be made durable.
#[derive(Debug)]
pub(crate) struct Written {
    file: Arc<dyn File>,
    start: u64,
    chain: u32,
}

/// What a new segment is called and follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) base: SeqNo,
    pub(crate) previous: Option<PreviousSegment>,
    pub(crate) shard_hash: u32,
    /// No record in the segment will be older, in ms.
    pub(crate) created_ms: u64,
}

impl ActiveSegment {
    /// Creates the segment's file in `dir`, with its header.
    ///
    /// # Durability
    /// On `Ok` the file and its name survive a power cut. On an error what was created is removed
    /// again; a file that could not be removed is recognised by the next opening.
    pub(crate) fn create(
        files: &Arc<Files>,
        dir: &Path,
        birth: Birth,
        data_bytes_max: u64,
    ) -> Result<Self, CommitFailure> {
        let path = dir.join(names::segment(birth.base));
        let salt = files.env.random.next_u64();
        let salt = salt
            .map_err(LogError::io("get randomness for", &path))
            .map_err(refused)?;
        let header = SegmentHeader {
            base: birth.base,
            created_ms: birth.created_ms,
            salt: Salt(salt),
            previous: birth.previous,
            shard_hash: birth.shard_hash,
        };
        let fs = &files.env.fs;
        let found = fs
            .metadata(&path)
            .map_err(LogError::io("look at", &path))
            .map_err(refused)?;
        if let Some(found) = found {
            // Only what an earlier attempt left may be in the way, and that is never longer than a
            // header. Anything else is data that nobody told us of.
            if found.len > SegmentHeader::data_start() {
                let what = "segment found where a new one was to begin";
                return Err(CommitFailure::Fatal(LogError::corrupt(&path, 0, what)));
            }
            fs.unlink(&path)
                .map_err(LogError::io("remove", &path))
                .map_err(refused)?;
        }
        let written = (|| {
            let file = fs.open(&path, OpenMode::CreateNew)?;
            file.write_all_at(&header.encode(), 0)?;
            Ok(file)
        })();
        let file = written.map_err(|error| {
            let _left_for_the_next_attempt = fs.unlink(&path);
            storage_error("create", &path, error)
        })?;
        file.sync_all()
            .and_then(|()| {
                if is_planted(Defect::SegmentNameNotSynced) {
                    return Ok(());
                }
                fs.sync_dir(dir)
            })
            .map_err(|error| {
                // The next opening would find it, and could not make it durable: what a failed sync
                // left behind is marked clean.
                let _seen_by_the_next_opening = fs.unlink(&path);
                CommitFailure::Fatal(sync_failed(&path, error))
            })?;
        let chain = header.chain();
        let tail = Tail {
            data_end: SegmentHeader::data_start(),
            chain,
            next: birth.base,
            oldest_ms: 0,
            newest_ms: 0,
            index: Vec::new(),
            last_group: None,
        };
        let index_path = dir.join(names::index(birth.base));
        let segment = Segment::active(path, header, data_bytes_max, Arc::clone(files));
        Ok(Self::resume(
            files,
            Arc::new(segment),
            header,
            tail,
            index_path,
            Some(file),
        ))
    }

    /// Returns the writer of a segment whose file ends at `tail.data_end`.
    pub(crate) fn resume(
        files: &Arc<Files>,
        segment: Arc<Segment>,
        header: SegmentHeader,
        tail: Tail,
        index_path: PathBuf,
        file: Option<Arc<dyn File>>,
    ) -> Self {
        let slots = tail.index.len();
        let indexed_upto = tail
            .index
            .last()
            .map_or(0, |entry| u64::from(entry.position));
        segment.set_index(tail.index);
        segment.publish(tail.data_end, tail.oldest_ms, tail.newest_ms, &[]);
        Self {
            segment,
            header,
            files: Arc::clone(files),
            file,
            index: IndexFile {
                path: index_path,
                file: None,
                slots,
                held: Vec::new(),
                buffer: Vec::new(),
                marked: 0,
                is_name_durable: false,
                broken: false,
            },
            data_end: tail.data_end,
            allocated: tail.data_end,
            steps_taken: 0,
            chain: tail.chain,
            next: tail.next,
            oldest_ms: tail.oldest_ms,
            newest_ms: tail.newest_ms,
            prewritten: 0,
            indexed_upto,
            last_group: tail.last_group,
            recorded_end: tail.data_end,
            due: Vec::new(),
        }
    }

    pub(crate) fn has_records(&self) -> bool {
        self.data_end > SegmentHeader::data_start()
    }

    fn file(&mut self) -> Result<Arc<dyn File>, LogError> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        if is_planted(Defect::IdleNotReopened) {
            return Err(LogError::Closed);
        }
        let path = self.segment.path();
        let open = self.files.env.fs.open(path, OpenMode::ReadWrite);
        let file = open.map_err(LogError::io("open", path))?;
        self.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Makes sure that there is space for `bytes` more, so that writing them cannot fill the volume
    /// half-way and a sync need not record a new length.
    pub(crate) fn reserve(&mut self, bytes: u64, data_bytes_max: u64) -> Result<(), CommitFailure> {
        let needed = self.data_end.saturating_add(bytes);
        if needed <= self.allocated {
            return Ok(());
        }
        let file = self.file().map_err(refused)?;
        let last = ALLOCATION_STEPS.len().saturating_sub(1);
        let step = ALLOCATION_STEPS
            .get(self.steps_taken.min(last))
            .copied()
            .unwrap_or(0);
        let generous = self
            .allocated
            .saturating_add(step)
            .min(data_bytes_max)
            .max(needed);
        let mut grown = file.allocate(generous).map(|()| generous);
        if grown.is_err() && generous > needed {
            // The last of the space is still good for this group.
            grown = file.allocate(needed).map(|()| needed);
        }
        self.allocated =
            grown.map_err(|error| storage_error("extend", self.segment.path(), error))?;
        self.steps_taken = self.steps_taken.saturating_add(1);
        Ok(())
    }

    /// Writes the group after the last one and makes it durable, here or in the journal that `lane` leads
    /// to; then lets readers see it.
    pub(crate) fn commit(
        &mut self,
        group: &mut Group,
        mut lane: Option<&mut Lane>,
    ) -> Result<bool, CommitFailure> {
        let _under_way = lane.as_ref().and_then(|lane| lane.enter());
        // First, if there is but one descriptor.
        let file = self.file().map_err(refused)?;
        let mut goes_through_journal = false;
        if let Some(lane) = &mut lane {
            lane.check()?;
            goes_through_journal = lane.is_open_for(group.byte_len(), self.segment.path());
        }
        let written = self.write(group, file)?;
        let is_in_journal = match &mut lane {
            Some(lane) if goes_through_journal => {
                lane.append(self.site(&written), group.bytes())?
            }
            _ => false,
        };
        if !is_in_journal {
            self.sync(&written, lane)?;
        }
        self.finish(group, &written, is_in_journal);
        Ok(is_in_journal)
    }

    /// As the first half of [`Self::commit`], for whoever makes the groups of many shards durable at once:
    /// writes the group, and has `lane` put it into `joint`. `None` if it has to be committed by itself:
    /// then nothing was written.
    pub(crate) fn commit_jointly(
        &mut self,
        group: &mut Group,
        lane: &mut Lane,
        joint: &mut Joint,
    ) -> Result<Option<Written>, CommitFailure> {
        let file = self.file().map_err(refused)?;
        lane.check()?;
        if !lane.is_open_for(group.byte_len(), self.segment.path()) || !joint.is_open() {
            return Ok(None);
        }
        let written = self.write(group, file)?;
        lane.join(joint, self.site(&written), group.bytes());
        Ok(Some(written))
    }

    /// Writes the group after the last one.
    fn write(&mut self, group: &mut Group, file: Arc<dyn File>) -> Result<Written, CommitFailure> {
        let (start, base, created_ms) = (self.data_end, self.header.base, self.header.created_ms);
        let (oldest_ms, newest_ms) = (group.oldest_ms(), group.newest_ms());
        let newest_seconds = seconds_up(newest_ms.saturating_sub(created_ms));
        debug_assert_eq!(group.first, self.next, "groups are committed in order");
        debug_assert!(
            start.saturating_add(group.byte_len()) <= self.allocated,
            "space is reserved"
        );

        if is_planted(Defect::IndexBeforeData) {
            let next = self.next.plus(u64::from(group.records()));
            let end = start.saturating_add(group.byte_len());
            let mark = entry(base, created_ms, next, end, Target::Mark, newest_ms);
            let ends = (mark, None);
            self.index.record(&self.files, ends, self.header.salt);
        }
        let durable_upto = if is_planted(Defect::DurableUptoTooFar) {
            start.saturating_add(group.byte_len())
        } else {
            start
        };
        self.due.clear();
        let (due, indexed_upto) = (&mut self.due, &mut self.indexed_upto);
        let chain = group.finish(
            self.header.salt,
            self.chain,
            durable_upto,
            newest_seconds,
            |placed: Placed| {
                let is_first = placed.offset == GROUP_HEADER_BYTES as u64;
                let (at, target) = if is_first {
                    (start, Target::Group)
                } else {
                    (start.saturating_add(placed.offset), Target::Record)
                };
                if at >= indexed_upto.saturating_add(INDEX_STRIDE_BYTES) || *indexed_upto == 0 {
                    *indexed_upto = at;
                    due.push(entry(
                        base,
                        created_ms,
                        placed.seq,
                        at,
                        target,
                        placed.time_ms,
                    ));
                }
            },
        );
        let bytes = group.bytes();
        let path = self.segment.path();
        let fatal = |error| CommitFailure::Fatal(sync_failed(path, error));
        let end = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.segment
            .claim
            .keep_out(end)
            .map_err(CommitFailure::Fatal)?;
        match file.write_all_at(bytes, start) {
            Err(_) if is_planted(Defect::ShortWriteIgnored) => {}
            written => written.map_err(fatal)?,
        }
        if is_planted(Defect::EndBeforeSync) {
            self.segment.publish(end, oldest_ms, newest_ms, &[]);
        }
        Ok(Written { file, start, chain })
    }

    /// Returns where the group that was written lies.
    fn site<'a>(&'a self, written: &Written) -> Site<'a> {
        Site {
            segment: &self.segment,
            base: self.header.base,
            salt: self.header.salt,
            position: written.start,
        }
    }

    /// Makes durable here what was written.
    pub(crate) fn sync(
        &self,
        written: &Written,
        lane: Option<&mut Lane>,
    ) -> Result<(), CommitFailure> {
        let path = self.segment.path();
        let fatal = |error| CommitFailure::Fatal(sync_failed(path, error));
        let sync = || sync(&*written.file, written.start).map_err(fatal);
        match lane {
            Some(lane) => lane.settle(sync, || self.segment.claim.is_quiet()),
            None => sync(),
        }
    }

    /// Lets readers see the group that was written and is durable by now.
    pub(crate) fn finish(&mut self, group: &Group, written: &Written, is_in_journal: bool) {
        let (start, base, created_ms) = (written.start, self.header.base, self.header.created_ms);
        let (oldest_ms, newest_ms) = (group.oldest_ms(), group.newest_ms());
        self.chain = written.chain;
        let target = Target::LastGroup;
        let last = entry(base, created_ms, self.next, start, target, oldest_ms);
        self.last_group = Some(last);
        self.next = self.next.plus(u64::from(group.records()));
        self.data_end = start.saturating_add(group.byte_len());
        if self.oldest_ms == 0 {
            self.oldest_ms = oldest_ms;
        }
        self.newest_ms = newest_ms;
        self.segment
            .publish(self.data_end, self.oldest_ms, self.newest_ms, &self.due);
        self.index.add(&self.due);
        // Worth no write of its own when many shards commit. But the first entry shows that the segment was born.
        let lag = self.data_end.saturating_sub(self.recorded_end);
        if !is_in_journal || self.index.slots == 0 || lag >= INDEX_LAG_BYTES_MAX {
            self.record_index();
        }
    }

    /// Makes durable here what is so only in the journal that `lane` leads to.
    pub(crate) fn settle(&mut self, lane: &mut Lane) -> Result<(), CommitFailure> {
        lane.check()?;
        if !lane.is_dirty() {
            return Ok(());
        }
        let file = self.file().map_err(refused)?;
        self.wait_for_prewrite().map_err(CommitFailure::Fatal)?;
        let path = self.segment.path();
        let fatal = |error| CommitFailure::Fatal(sync_failed(path, error));
        lane.settle(|| file.sync_data().map_err(fatal), || true)
    }

    /// Claims a piece of the `window` ahead of the data to be filled with zeros, if there is one that is not.
    pub(crate) fn prewrite(&mut self, window: u64, data_bytes_max: u64) -> Option<Filling> {
        if !self.segment.claim.is_quiet() {
            return None;
        }
        let piece = (window / 2).next_multiple_of(PAGE_BYTES).min(PIECE_BYTES);
        // What is written while the zeros are must not have to wait for them.
        let margin = self
            .data_end
            .saturating_add((window / 8).min(2 * PIECE_BYTES));
        let start = self.prewritten.max(margin.next_multiple_of(PAGE_BYTES));
        let end = start.saturating_add(piece).min(data_bytes_max);
        if end <= start || end > self.data_end.saturating_add(window) {
            return None;
        }
        // Without room for zeros there is still room for data.
        self.reserve(end.saturating_sub(self.data_end), data_bytes_max)
            .ok()?;
        let path = self.segment.path();
        let file = self.files.env.fs.open(path, OpenMode::ReadWrite).ok()?;
        if !self.segment.claim.try_claim(start..end) {
            return None;
        }
        self.prewritten = end;
        Some(Filling {
            file,
            path: path.to_path_buf(),
            range: start..end,
            claim: Arc::clone(&self.segment.claim),
        })
    }

    /// Waits until no zeros are being written any more.
    pub(crate) fn wait_for_prewrite(&self) -> Result<(), LogError> {
        self.segment.claim.keep_out(u64::MAX)
    }

    /// Returns the entries that say where the data ends.
    fn ends(&self) -> Ends {
        let (base, created_ms) = (self.header.base, self.header.created_ms);
        let mark = entry(
            base,
            created_ms,
            self.next,
            self.data_end,
            Target::Mark,
            self.newest_ms,
        );
        (mark, self.last_group)
    }

    /// Writes what the index file is yet to be told.
    fn record_index(&mut self) {
        let ends = self.ends();
        self.index.record(&self.files, ends, self.header.salt);
        self.recorded_end = self.data_end;
    }

    /// Makes the index durable, so that recovery need not read what it covers.
    pub(crate) fn sync_index(&mut self) {
        if self.recorded_end < self.data_end {
            self.record_index();
        }
        self.index.sync(&self.files, self.data_end);
    }

    /// Returns how many bytes of data the durable index does not cover.
    pub(crate) fn unindexed_bytes(&self) -> u64 {
        self.data_end.saturating_sub(self.index.marked)
    }

    /// Writes the whole index anew, after a recovery.
    pub(crate) fn rewrite_index(&mut self) {
        let entries = self.segment.index_entries();
        let ends = self.ends();
        self.index
            .rewrite(&self.files, &entries, ends, self.header.salt);
    }

    /// Closes the descriptors; they are opened again when needed.
    pub(crate) fn close_files(&mut self) {
        self.file = None;
        self.index.file = None;
        self.index.held.shrink_to_fit();
    }

    /// Returns the segment's file, for sealing it.
    pub(crate) fn file_for_seal(&mut self) -> Result<Arc<dyn File>, LogError> {
        self.file()
    }

    /// Removes the index file of a segment that has been sealed.
    pub(crate) fn remove_index(&mut self) {
        self.index.file = None;
        if let Err(error) = self.files.env.fs.unlink(&self.index.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            // A left-over is removed when the shard is opened next.
            tracing::debug!(path = %self.index.path.display(), %error, "index file not removed");
        }
    }
}

/// Syncs the group at `start` of `file`.
fn sync(file: &dyn File, start: u64) -> io::Result<()> {
    let is_skipped = is_planted(Defect::SyncSkipped)
        || (is_planted(Defect::SyncSkippedMostly) && !start.is_multiple_of(32));
    let mut synced = if is_skipped { Ok(()) } else { file.sync_data() };
    if is_planted(Defect::FailedSyncRetried) && synced.is_err() {
        synced = file.sync_data();
    }
    if is_planted(Defect::FailedSyncIgnored) {
        synced = Ok(());
    }
    synced
}

/// Where the data ends, and which is the last group before that.
type Ends = (IndexEntry, Option<IndexEntry>);

/// The `.idx` file beside an active segment. It is a cache: failing to write it costs time at the
/// next recovery and nothing else, so errors end in a log line.
#[derive(Debug)]
struct IndexFile {
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    /// Entries in the file; those of its end lie after them and are overwritten by the next ones.
    slots: usize,
    /// Entries that are yet to be written.
    held: Vec<IndexEntry>,
    /// What is being written; kept for its memory.
    buffer: Vec<u8>,
    /// The data end up to which the file is known durable.
    marked: u64,
    is_name_durable: bool,
    broken: bool,
}

impl IndexFile {
    /// Adds entries to those that are to be written. What they say is durable.
    fn add(&mut self, entries: &[IndexEntry]) {
        if !self.broken {
            self.held.extend_from_slice(entries);
        }
    }

    /// Writes the entries that are yet to be, and `ends` after them.
    fn record(&mut self, files: &Files, ends: Ends, salt: Salt) {
        if self.broken {
            return;
        }
        let (mark, last_group) = ends;
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        for entry in self.held.iter().chain([&mark]).chain(&last_group) {
            bytes.extend_from_slice(&entry.encode(salt));
        }
        self.write(files, &bytes, self.slots);
        self.buffer = bytes;
        self.slots = self.slots.saturating_add(self.held.len());
        self.held.clear();
    }

    fn rewrite(&mut self, files: &Files, entries: &[IndexEntry], ends: Ends, salt: Salt) {
        self.slots = 0;
        self.held = entries.to_vec();
        self.record(files, ends, salt);
        // They hold a whole index now, and are never to hold as much again.
        (self.held, self.buffer) = (Vec::new(), Vec::new());
        let len = self
            .slots
            .saturating_add(1)
            .saturating_add(usize::from(ends.1.is_some()))
            .saturating_mul(INDEX_ENTRY_BYTES);
        if let Some(file) = &self.file
            && let Err(error) = file.truncate(u64::try_from(len).unwrap_or(u64::MAX))
        {
            self.give_up("truncate", &error);
        }
    }

    fn write(&mut self, files: &Files, bytes: &[u8], slot: usize) {
        let at = u64::try_from(slot.saturating_mul(INDEX_ENTRY_BYTES)).unwrap_or(u64::MAX);
        let written = (|| {
            let file = match &self.file {
                Some(file) => file,
                None => {
                    let file = files.env.fs.open(&self.path, OpenMode::ReadWriteOrCreate)?;
                    self.file.insert(file)
                }
            };
            file.write_all_at(bytes, at)
        })();
        if let Err(error) = written {
            self.give_up("write", &error);
        }
    }

    fn sync(&mut self, files: &Files, data_end: u64) {
        let Some(file) = &self.file else { return };
        let synced = file.sync_data().and_then(|()| {
            // A power cut takes a file whose name is not durable, with all that it vouches for.
            if let Some(dir) = self.path.parent().filter(|_| !self.is_name_durable) {
                files.env.fs.sync_dir(dir)?;
                self.is_name_durable = true;
            }
            Ok(())
        });
        match synced {
            Ok(()) => self.marked = data_end,
            Err(error) => self.give_up("sync", &error),
        }
    }

    fn give_up(&mut self, action: &str, error: &io::Error) {
        self.broken = true;
        let path = self.path.display();
        tracing::warn!(%path, %error, action, "no index until the next segment; recovery will scan");
    }
}

/// Returns the index entry for `position`.
pub(crate) fn entry(
    base: SeqNo,
    created_ms: u64,
    seq: SeqNo,
    position: u64,
    target: Target,
    time_ms: u64,
) -> IndexEntry {
    IndexEntry {
        seq_offset: u32::try_from(seq.since(base)).unwrap_or(u32::MAX),
        position: u32::try_from(position).unwrap_or(u32::MAX),
        target,
        time_s: u32::try_from(time_ms.saturating_sub(created_ms) / 1000).unwrap_or(u32::MAX),
    }
}

fn seconds_up(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX)
}

pub(crate) fn refused(error: LogError) -> CommitFailure {
    CommitFailure::Refused(error)
}

/// Tells a full volume, or too few descriptors, from a failure that leaves the state unknown: both
/// are met only before anything is written, so the append is refused cleanly.
pub(crate) fn storage_error(action: &'static str, path: &Path, error: io::Error) -> CommitFailure {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    CommitFailure::Refused(if full {
        LogError::StorageFull {
            path: path.to_path_buf(),
            source: Arc::new(error),
        }
    } else {
        LogError::io(action, path)(error)
    })
}

pub(crate) fn sync_failed(path: &Path, error: io::Error) -> LogError {
    LogError::SyncFailed {
        path: path.to_path_buf(),
        source: Arc::new(error),
    }
}
