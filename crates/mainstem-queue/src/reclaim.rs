//! Step 4 of a message: the space that it took up comes back.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mainstem_log::{AppendOptions, Batch, LogError, SegmentInfo, SeqNo};

use crate::commit::Staged;
use crate::core::Core;
use crate::defect::{Defect, is_planted};
use crate::error::QueueError;
use crate::format::event::{Event, MessageRecord};
use crate::format::snapshot;
use crate::live::Live;
use crate::reserve::{For, is_full};
use crate::state::apply::{Reader, Stored};
use crate::state::apply::{Source, count};
use crate::waiters::Wanted;

/// What a file that nobody needs takes up at least to be given up before it is full, in bytes, or a
/// quarter of a file if that is less.
const IDLE_BYTES_MIN: u64 = 1 << 20;
/// The most bytes that are carried forward at a time.
const CARRY_BYTES_MAX: u64 = 1 << 20;

/// How many parts of a snapshot, of 1 MiB each, are appended at a time: it may be longer than what the
/// log takes at once.
const PARTS_PER_BATCH: usize = 8;

/// The most messages that are dropped in one step for being too many: each is seen before it goes, under
/// the lock that every call takes.
const DROPPED_AT_A_TIME_MAX: u64 = 10_000;

impl Core {
    /// Returns how many bytes of log are stored.
    pub(crate) fn stored_bytes(&self) -> Result<u64, QueueError> {
        let segments = self.shard.segments()?;
        Ok(segments.iter().map(|segment| segment.bytes).sum())
    }

    /// Deletes the files that nobody needs any more, and returns how many.
    pub(crate) fn reclaim(&self) -> Result<usize, QueueError> {
        let _alone = self
            .reclaiming
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let segments = self.shard.segments()?;
        let Some(second) = segments.get(1) else {
            return Ok(0);
        };
        let (needed, saved) = {
            let mut live = self.live()?;
            live.catch_up()?;
            live.state.pass_by();
            (live.needs_from(), live.saved)
        };
        if second.first.0 > needed {
            return Ok(0);
        }
        // An opening needs more than this moment does: what was not seen when the state was written down.
        let is_due = second.first.0 > saved;
        if is_due && !is_planted(Defect::DeletedBeforeSaved) {
            self.save()?;
        }
        let saved = match self.live()?.saved {
            _ if is_planted(Defect::DeletedBeforeSaved) => u64::MAX,
            saved => saved,
        };
        let before = SeqNo(needed.min(saved));
        let deleted = match self.shard.trim_before(before) {
            // Even a deletion may need some space before it gives some back.
            Err(error) if is_full(&error) && self.reserve.give_up(For::Records) => {
                self.shard.trim_before(before)?
            }
            deleted => deleted?,
        };
        if deleted > 0 {
            let first = self.shard.first_seq()?;
            self.live()?.state.forget_repeats_before(first.0);
            self.waiters.wake(Wanted::Room, usize::MAX);
        }
        Ok(deleted)
    }

    /// Begins a new file if nobody needs anything in the only one there is, nothing was written lately
    /// and it is worth it, so that it can be deleted. Returns whether it did.
    pub(crate) fn roll_if_idle(&self) -> Result<bool, QueueError> {
        let is_idle = {
            let mut live = self.live()?;
            live.catch_up()?;
            let applied = live.state.applied;
            std::mem::replace(&mut live.applied_lately, applied) == applied
        };
        if !self.is_worth_a_roll()? {
            return Ok(false);
        }
        if !is_idle {
            // Whether it is left alone is known a little later.
            self.round_soon.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        Ok(self.shard.roll()?)
    }

    /// Returns whether nobody needs anything in the only file there is, and its space is worth it.
    fn is_worth_a_roll(&self) -> Result<bool, QueueError> {
        let segments = self.shard.segments()?;
        let [only] = segments.as_slice() else {
            return Ok(false);
        };
        if only.bytes < IDLE_BYTES_MIN.min(self.options.segment_bytes / 4) {
            return Ok(false);
        }
        let mut live = self.live()?;
        live.catch_up()?;
        live.state.pass_by();
        Ok(live.needs_from() == live.state.applied)
    }

    /// Writes the state down, unless that was done lately.
    pub(crate) fn save_if_due(&self) -> Result<(), QueueError> {
        let is_due = {
            let mut live = self.live()?;
            live.catch_up()?;
            live.unsaved_bytes >= self.options.snapshot_bytes
        };
        if is_due {
            let _alone = self
                .reclaiming
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            self.save()?;
        }
        Ok(())
    }

    /// Writes the state down. Whoever calls reclaims alone.
    fn save(&self) -> Result<(), QueueError> {
        let (records, unseen_from, bytes) = {
            let mut live = self.live()?;
            live.catch_up()?;
            live.state.pass_by();
            let state = &live.state;
            let unseen_from = state.unseen_from();
            (snapshot::write(state), unseen_from, live.unsaved_bytes)
        };
        let first = match self.append_snapshot(&records) {
            Err(error) if is_full(&error) && self.reserve.give_up(For::State) => {
                self.append_snapshot(&records)?
            }
            first => first?,
        };
        {
            let mut live = self.live()?;
            live.saved = unseen_from;
            live.unsaved_bytes = live.unsaved_bytes.saturating_sub(bytes);
        }
        self.snapshots.trim_before(first)?;
        let bytes = records.iter().map(|record| count(record.len())).sum();
        self.reserve.fit_state(bytes);
        Ok(())
    }

    /// Appends a snapshot in files of its own, so that the one before it can go; returns its first record.
    fn append_snapshot(&self, records: &[Vec<u8>]) -> Result<SeqNo, LogError> {
        self.snapshots.roll()?;
        let mut first = None;
        for some in records.chunks(PARTS_PER_BATCH) {
            let mut batch = Batch::new();
            for record in some {
                batch.push(record)?;
            }
            let appended = self.snapshots.append(&batch, AppendOptions::default())?;
            first.get_or_insert(appended.seqs.start);
        }
        first.ok_or(LogError::BatchEmpty)
    }

    /// Does what upkeep would do next about space, writes the state down, and deletes the files that are
    /// of no use: a program that runs for a moment only may never have come to it.
    ///
    /// # Errors
    /// That the state could not be written down. What became of the rest the next upkeep makes good.
    pub(crate) fn end(&self) -> Result<(), QueueError> {
        let tidied = self
            .drop_aged()
            .and_then(|()| self.carry_forward())
            .and_then(|_| {
                // What goes on meanwhile goes into the old file or the new one; both are read.
                if self.is_worth_a_roll()? {
                    self.shard.roll()?;
                }
                Ok(())
            });
        if let Err(error) = tidied {
            tracing::warn!(%error, "no space was freed at the close; the next upkeep tries again");
        }
        self.save_last()?;
        if let Err(error) = self.reclaim() {
            tracing::warn!(%error, "no file was deleted at the close; the next upkeep tries again");
        }
        Ok(())
    }

    /// Writes the state down at a close.
    fn save_last(&self) -> Result<(), QueueError> {
        let _alone = self
            .reclaiming
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = {
            let mut live = self.live()?;
            live.catch_up()?;
            live.unsaved_bytes > 0
        };
        if is_due { self.save() } else { Ok(()) }
    }

    /// Carries the messages that keep the oldest file from going to the end of the log, if at least
    /// half of what lies before all consumers is of no use any more. Returns how many.
    ///
    /// What is written for it is then less than what it frees.
    pub(crate) fn carry_forward(&self) -> Result<usize, QueueError> {
        let segments = self.shard.segments()?;
        let mut live = self.live()?;
        live.catch_up()?;
        let Some(mut stuck) = live.stuck(&segments) else {
            return Ok(0);
        };
        let mut staged = Staged::default();
        staged.frees = true;
        let mut bytes = 0_u64;
        let cursors = &mut live.cursors;
        let most = CARRY_BYTES_MAX.min(self.options.segment_bytes / 8);
        while let Some((loc, (id, pushed_ms))) = stuck.pop_first() {
            if bytes >= most {
                break;
            }
            let carried = cursors.record(Reader::Count, loc, |record| {
                carry(&record, loc, id, pushed_ms, &mut staged)
            })?;
            bytes = bytes.saturating_add(carried.unwrap_or(Ok(0))?);
        }
        let messages = staged.batch.len();
        drop(live);
        if messages > 0 {
            self.commit(&staged)?;
        }
        Ok(messages)
    }

    /// Drops the oldest messages, so that there is room for `messages` more, or at least some; returns
    /// whether it could.
    pub(crate) fn drop_oldest(&self, messages: u64) -> Result<bool, QueueError> {
        let before = {
            let mut live = self.live()?;
            live.catch_up()?;
            let by_count = self.too_many(&mut live, messages)?;
            let by_bytes = self.too_large()?;
            let before = by_count.into_iter().chain(by_bytes).max();
            before.filter(|before| *before > live.state.dropped_before)
        };
        let Some(before) = before else {
            return Ok(false);
        };
        self.drop_before(before)?;
        self.reclaim()?;
        Ok(true)
    }

    /// Drops all messages that were pushed before record `before`.
    pub(crate) fn drop_before(&self, before: u64) -> Result<(), QueueError> {
        let mut staged = Staged::default();
        staged.push(&Event::Dropped { before })?;
        staged.frees = true;
        let appended = self.commit(&staged)?;
        self.live()?.catch_up()?;
        tracing::warn!(
            before,
            at = appended.seqs.start.0,
            "dropped the oldest messages"
        );
        self.waiters.wake(Wanted::Room, usize::MAX);
        Ok(())
    }

    /// Returns before which record messages have to go for `messages` more.
    fn too_many(&self, live: &mut Live, messages: u64) -> Result<Option<u64>, QueueError> {
        let Some(limit) = self.options.limits.messages_max else {
            return Ok(None);
        };
        let deepest = live.state.consumers.iter();
        let deepest = deepest.map(|(id, it)| (live.state.depth(it), *id)).max();
        let Some((depth, id)) = deepest else {
            return Ok(None);
        };
        let wanted = depth.saturating_add(live.reserved).saturating_add(messages);
        // Whoever waits for more comes again.
        let excess = wanted
            .saturating_sub(limit)
            .min(depth)
            .min(DROPPED_AT_A_TIME_MAX);
        if excess == 0 {
            return Ok(None);
        }
        loop {
            let Live { state, cursors, .. } = &mut *live;
            let seen = state
                .consumers
                .get(&id)
                .map_or(0, |it| count(it.entries.len()));
            if seen >= excess || state.see_next(cursors, id, u64::MAX, false)?.is_none() {
                break;
            }
        }
        let last = usize::try_from(excess.saturating_sub(1)).unwrap_or(usize::MAX);
        let consumer = live.consumer(id)?;
        let last = consumer.entries.keys().nth(last);
        Ok(last.map(|last| last.saturating_add(1)))
    }

    /// Returns before which record messages have to go for there to be less bytes.
    fn too_large(&self) -> Result<Option<u64>, QueueError> {
        let Some(limit) = self.options.limits.bytes_max else {
            return Ok(None);
        };
        if self.stored_bytes()? <= limit {
            return Ok(None);
        }
        let segments = self.shard.segments()?;
        Ok(segments.get(1).map(|second| second.first.0))
    }
}

impl Live {
    /// Returns the first record that has to be kept.
    pub(crate) fn needs_from(&self) -> u64 {
        self.starts
            .iter()
            .copied()
            .fold(self.state.needs_from(), u64::min)
    }

    /// Returns the messages in the oldest segment that anybody still wants, by where they are, if it
    /// is worth carrying them forward.
    fn stuck(&self, segments: &[SegmentInfo]) -> Option<BTreeMap<u64, (u64, u64)>> {
        let consumers = || self.state.consumers.values();
        let next = consumers()
            .map(|it| it.next)
            .fold(self.state.applied, u64::min);
        let next = self.starts.iter().copied().fold(next, u64::min);
        let ends = segments.iter().skip(1).map(|it| it.first.0);
        let passed: Vec<(u64, u64)> = segments
            .iter()
            .zip(ends)
            .take_while(|(_, end)| *end <= next)
            .map(|(segment, end)| (segment.bytes, end))
            .collect();
        let (_, first_end) = *passed.first()?;
        let (_, last_end) = *passed.last()?;
        let stored: u64 = passed.iter().map(|(bytes, _)| bytes).sum();
        let mut wanted = 0_u64;
        let mut stuck = BTreeMap::new();
        for consumer in consumers() {
            for (id, entry) in &consumer.entries {
                if entry.loc < last_end {
                    wanted = wanted
                        .saturating_add(entry.bytes.into())
                        .saturating_add(FRAME_BYTES);
                }
                if entry.loc < first_end {
                    stuck.insert(entry.loc, (*id, entry.pushed_ms));
                }
            }
        }
        (!stuck.is_empty() && wanted.saturating_mul(2) <= stored).then_some(stuck)
    }
}

/// What a record takes up besides its payload, its frame and padding. Source: `docs/format.md`.
const FRAME_BYTES: u64 = 32;

/// What a record that is carried forward takes up besides its bytes, at most.
const CARRIED_BYTES: u64 = FRAME_BYTES + 16;

/// Stages the message in a record once more.
fn carry(
    record: &Stored<'_>,
    loc: u64,
    id: u64,
    pushed_ms: u64,
    staged: &mut Staged,
) -> Result<u64, QueueError> {
    let message = match Event::read(record.bytes) {
        Ok(Event::Message(message)) if record.seq == loc => message,
        _ => return Err(QueueError::damaged(format!("record {loc} is no message"))),
    };
    staged.push(&Event::Message(MessageRecord {
        due_ms: 0,
        dedup: None,
        carried: Some((id, pushed_ms)),
        ..message
    }))?;
    Ok(count(record.bytes.len()).saturating_add(CARRIED_BYTES))
}
