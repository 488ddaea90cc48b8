//! A shard's way into the journal.

use std::sync::{Arc, OnceLock, Weak};

use mainstem_env::{File, OpenMode};

use super::commit::{Journal, UnderWay};
use super::joint::Joint;
use crate::append::committer::CommitFailure;
use crate::defect::{Defect, is_planted};
use crate::error::{LogError, Outcome};
use crate::format::checksum::Salt;
use crate::format::frame::frame_bytes;
use crate::format::journal_entry::JournalEntry;
use crate::segment::active::sync_failed;
use crate::segment::shared::Segment;
use crate::seq::SeqNo;
use crate::shard::ShardState;
use crate::sync::Mutex;

/// A shard's way into the journal, in the hands of its writer.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) journal: Arc<Journal>,
    pub(crate) dirt: Arc<Dirt>,
    shard: String,
    /// Whether the journal may have something that is durable there alone: whoever never used it pays
    /// nothing for it.
    is_dirty: bool,
    /// A description of the active segment for the background to sync: what a sync fails at is told to
    /// each description once. Opened before anything is written that is not synced at once, so that
    /// no failure can go by unseen.
    file: Option<Arc<dyn File>>,
    /// What is being put into the journal; kept for its memory.
    entry: Vec<u8>,
}

/// Where a group belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) segment: &'a Arc<Segment>,
    pub(crate) base: SeqNo,
    pub(crate) salt: Salt,
    pub(crate) position: u64,
}

impl Lane {
    pub(crate) fn new(journal: Arc<Journal>, shard: String) -> Self {
        Self {
            journal,
            dirt: Arc::new(Dirt::default()),
            shard,
            is_dirty: false,
            file: None,
            entry: Vec::new(),
        }
    }

    /// Counts a commit for as long as the value lives.
    pub(crate) fn enter(&self) -> Option<UnderWay> {
        self.journal.enter(1)
    }

    /// Answers why nothing may be appended, if a sync failed that the journal has the groups of.
    pub(crate) fn check(&self) -> Result<(), CommitFailure> {
        if !self.is_dirty {
            return Ok(());
        }
        self.dirt
            .failure()
            .map_or(Ok(()), |error| Err(CommitFailure::Fatal(error)))
    }

    /// Returns whether a group of `bytes` for the segment should go through the journal. To be asked
    /// before it is written.
    pub(crate) fn is_open_for(&mut self, bytes: u64, path: &std::path::Path) -> bool {
        if !self.journal.wants(bytes) {
            return false;
        }
        if self.file.is_none() {
            // Without a descriptor to spare, the segment is synced as ever.
            let open = self.journal.files().env.fs.open(path, OpenMode::ReadWrite);
            self.file = open.ok();
        }
        self.file.is_some()
    }

    /// Makes a group that is written to its segment durable in the journal. `false` if the journal
    /// does not take it: then nothing of it is in there.
    pub(crate) fn append(&mut self, site: Site<'_>, group: &[u8]) -> Result<bool, CommitFailure> {
        let Some(journal) = self.journal.current() else {
            return Ok(false);
        };
        self.announce(journal.watermark.next(), site, group);
        match journal.append_bytes(&self.entry) {
            Ok(_) => {
                self.journal.count(1, frame_bytes(self.entry.len()));
                Ok(true)
            }
            Err(error) if error.outcome() == Outcome::NotApplied => {
                self.journal.take_nothing_for_now();
                Ok(false)
            }
            Err(error) => Err(CommitFailure::Fatal(error)),
        }
    }

    /// Puts a group that is written to its segment into `joint`, which makes it durable.
    pub(crate) fn join(&mut self, joint: &mut Joint, site: Site<'_>, group: &[u8]) {
        self.announce(joint.first(), site, group);
        joint.push(&self.entry);
    }

    /// Encodes the entry of a group, and notes that the journal is needed from `first` on. Before the journal has
    /// it: whoever trims the journal in between must know of it.
    fn announce(&mut self, first: SeqNo, site: Site<'_>, group: &[u8]) {
        let position = u32::try_from(site.position).unwrap_or(u32::MAX);
        let entry = JournalEntry::new(&self.shard, site.base, site.salt, position, group);
        entry.encode_into(&mut self.entry);
        self.is_dirty = true;
        if let Some(file) = &self.file
            && !is_planted(Defect::JournalDirtForgotten)
        {
            self.journal
                .note_dirty(&self.dirt, first, file, site.segment);
        }
    }

    /// Runs `sync` on the active segment, and notes what came of it: all that was written is durable there, if
    /// `is_all` agrees, or the journal is needed until the next opening.
    pub(crate) fn settle(
        &mut self,
        sync: impl FnOnce() -> Result<(), CommitFailure>,
        is_all: impl FnOnce() -> bool,
    ) -> Result<(), CommitFailure> {
        if !self.is_dirty {
            return sync();
        }
        // A failure is told once, and what comes after it proves nothing: neither of two syncs at a time
        // could tell what the other one has missed.
        let _alone = self.dirt.syncing.lock();
        let synced = sync();
        match &synced {
            Ok(()) if is_all() => self.is_dirty = !self.dirt.settle(),
            Ok(()) => {}
            Err(_) => self.pin(&synced),
        }
        synced
    }

    /// Has the journal keep what it has of the shard until the next opening, if `result` leaves the segment
    /// unknown.
    pub(crate) fn pin<T>(&self, result: &Result<T, CommitFailure>) {
        if let Err(CommitFailure::Fatal(error)) = result {
            self.dirt.pin(error);
        }
    }

    /// Returns whether something is durable in the journal alone.
    pub(crate) fn is_dirty(&self) -> bool {
        self.is_dirty && self.dirt.first().is_some()
    }

    /// Gives up the descriptor, and memory.
    pub(crate) fn close_file(&mut self) {
        self.file = None;
        self.entry = Vec::new();
    }
}

/// What of a shard is durable in the journal alone.
#[derive(Debug, Default)]
pub(crate) struct Dirt {
    state: Mutex<State>,
    /// Held by whoever syncs the segment, until it is noted what came of that.
    syncing: Mutex<()>,
    shard: OnceLock<Weak<ShardState>>,
}

#[derive(Debug, Default)]
struct State {
    /// What was written since the last sync.
    pending: Option<Span>,
    /// From where on the journal is needed until a sync that is under way ends well.
    flushing: Option<SeqNo>,
    is_listed: bool,
    /// A sync failed: the journal is the only place that has it.
    failed: Option<LogError>,
}

/// A part of the journal that is needed, and the segment that is to be synced.
#[derive(Debug)]
struct Span {
    /// The journal is needed from here on.
    first: SeqNo,
    file: Arc<dyn File>,
    segment: Arc<Segment>,
}

impl Dirt {
    /// Says whose it is, once.
    pub(crate) fn belongs_to(&self, shard: Weak<ShardState>) {
        let _once = self.shard.set(shard);
    }

    /// Notes that something was written that the journal will have from `first` on; returns whether
    /// this is to be put on the list of those who need the journal.
    pub(super) fn add(&self, first: SeqNo, file: &Arc<dyn File>, segment: &Arc<Segment>) -> bool {
        let mut state = self.state.lock();
        match &mut state.pending {
            // A journal that was made anew counts from 0: what is left of a note for the one before must
            // not pass for one that needs less of this.
            Some(span) => span.first = span.first.min(first),
            None => {
                state.pending = Some(Span {
                    first,
                    file: Arc::clone(file),
                    segment: Arc::clone(segment),
                });
            }
        }
        !std::mem::replace(&mut state.is_listed, true)
    }

    /// Returns from where on the journal is needed, if it is.
    pub(super) fn first(&self) -> Option<SeqNo> {
        let state = self.state.lock();
        let pending = state.pending.as_ref().map(|span| span.first);
        match (state.flushing, pending) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Keeps the journal from here on.
    fn pin(&self, error: &LogError) {
        if is_planted(Defect::JournalNotPinned) {
            return;
        }
        self.state
            .lock()
            .failed
            .get_or_insert_with(|| LogError::Poisoned(Arc::new(error.clone())));
    }

    fn failure(&self) -> Option<LogError> {
        self.state.lock().failed.clone()
    }

    /// Notes that all that was written is durable in its segment; returns whether that is so.
    fn settle(&self) -> bool {
        let mut state = self.state.lock();
        if state.failed.is_none() {
            state.pending = None;
        }
        state.failed.is_none()
    }

    /// Takes this off the list if nothing needs the journal; returns whether it stays.
    pub(super) fn stays_listed(&self) -> bool {
        let mut state = self.state.lock();
        state.is_listed = state.pending.is_some() || state.flushing.is_some();
        state.is_listed
    }

    /// Syncs the segment; returns whether that went well. A failure is final: what was to be written may be
    /// gone from memory, and the journal keeps it.
    pub(super) fn flush(&self) -> bool {
        let _alone = self.syncing.lock();
        let span = {
            let mut state = self.state.lock();
            if state.failed.is_some() {
                return true;
            }
            let span = state.pending.take();
            state.flushing = span.as_ref().map(|span| span.first);
            span
        };
        let Some(span) = span else { return true };
        let claim = &span.segment.claim;
        // Syncs of zeros can fail, too, and take the rest with them.
        let synced = claim.hold().and_then(|()| {
            let synced = if is_planted(Defect::JournalFlushSkipped) {
                Ok(())
            } else {
                span.file.sync_data()
            };
            let failed = synced.map_err(|error| sync_failed(&span.segment.path, error));
            claim.finish(failed.clone().err());
            failed
        });
        match synced {
            Ok(()) => {
                self.state.lock().flushing = None;
                true
            }
            Err(error) => {
                self.pin(&error);
                false
            }
        }
    }

    /// Poisons the shard, after a flush that failed.
    pub(super) fn poison(&self) {
        let Some(error) = self.failure() else { return };
        let shard = self.shard.get().and_then(Weak::upgrade);
        if let Some(shard) = shard {
            // Whoever commits at the moment is told by the next commit.
            let _busy = shard
                .committer
                .try_exclusive(|_| Err::<(), _>(CommitFailure::Fatal(error)));
        }
    }
}

#[cfg(all(test, not(mainstem_loom)))]
mod tests {
    use std::path::Path;

    use mainstem_env::ReadMode;
    use mainstem_env::sim::Sim;

    use super::*;
    use crate::files::Files;

    #[test]
    fn a_note_for_an_earlier_journal_hides_none_for_this_one() {
        let env = Sim::new(1).env();
        let path = Path::new("/segment");
        let file = env.fs.open(path, OpenMode::CreateNew).unwrap();
        let files = Arc::new(Files::new(env, ReadMode::Buffered, 1));
        let segment = Arc::new(Segment::unread(path.to_path_buf(), SeqNo(0), 0, files));
        let dirt = Dirt::default();
        assert!(dirt.add(SeqNo(5000), &file, &segment));
        assert!(!dirt.add(SeqNo(3), &file, &segment), "listed already");
        assert_eq!(dirt.first(), Some(SeqNo(3)));
        assert!(!dirt.add(SeqNo(9), &file, &segment));
        assert_eq!(dirt.first(), Some(SeqNo(3)));
    }
}
