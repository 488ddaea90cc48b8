//! Step 2: from a position on, record by record.

use std::sync::Arc;

use mainstem_env::{TimestampMs, View};

use super::locate;
use super::record::RecordRef;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::CountedRegion;
use crate::format::checksum::{FrameHasher, Salt};
use crate::format::frame::{self, FrameError};
use crate::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use crate::format::segment_header::SegmentHeader;
use crate::segment::shared::Segment;
use crate::seq::SeqNo;
use crate::shard::ShardState;

/// Where a cursor begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// At the oldest record within the retention.
    Oldest,
    /// At the record with this sequence number, or where it will be.
    At(SeqNo),
    /// At the first record that is not older than this, or, if there is none yet, at the next to
    /// arrive.
    Time(TimestampMs),
    /// After the last durable record.
    End,
}

/// The first stretch that is brought into memory ahead of reading, in bytes: enough for one record
/// and its neighbours. Each further one is twice as long.
const WINDOW_BYTES_MIN: u64 = 16 << 10;
/// The longest such stretch. Source: a cold walk ran twice as fast with 4 MiB windows populated ahead
/// as with pages faulted one by one.
const WINDOW_BYTES_MAX: u64 = 4 << 20;

/// Reads a shard's records in order, each verified, none that is not durable.
///
/// A cursor holds its place: at the end it answers `None` and goes on when there is more. Several
/// cursors, and writers, work on a shard at a time.
#[derive(Debug)]
pub struct Cursor {
    shard: Arc<ShardState>,
    /// The sequence number of the next record to hand out.
    next: SeqNo,
    /// The durable mark as it was last looked at. A segment shows a group a moment before the mark
    /// moves, and the mark is what everybody agrees on.
    durable: SeqNo,
    spot: Option<Spot>,
    horizon_ms: u64,
}

/// A place in a segment.
#[derive(Debug)]
struct Spot {
    segment: Arc<Segment>,
    region: Arc<CountedRegion>,
    salt: Salt,
    hasher: FrameHasher,
    view: View,
    /// The position of the view in the file, and of the next byte in the view.
    view_start: u64,
    offset: usize,
    window: u64,
    /// The position up to which the file was brought into memory.
    populated: u64,
    /// The same as an end in the view.
    at_hand: usize,
    /// What `populated` was when a record was looked for among what is in memory, in vain.
    hopped: u64,
    /// The sequence number of the record at the position; unknown after a jump into the middle.
    expect: Option<SeqNo>,
}

/// A verified record in the view.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Where its frame begins, in the view.
    start: usize,
    payload_len: usize,
    seq: SeqNo,
    time_ms: u64,
}

impl Found {
    /// Returns where its frame ends, in the view.
    fn end(self) -> usize {
        self.start
            .saturating_add(frame::frame_bytes(self.payload_len))
    }
}

impl Cursor {
    pub(crate) fn open(shard: &Arc<ShardState>, start: Start) -> Result<Self, LogError> {
        shard
            .segments
            .past_trimming(|| Self::try_open(shard, start))
    }

    fn try_open(shard: &Arc<ShardState>, start: Start) -> Result<Self, LogError> {
        let horizon_ms = shard.horizon_ms();
        let durable_end = shard.watermark.next();
        let mut cursor = Self {
            shard: Arc::clone(shard),
            next: durable_end,
            durable: durable_end,
            spot: None,
            horizon_ms,
        };
        match start {
            Start::End => {}
            Start::Oldest => cursor.seek_time(horizon_ms)?,
            Start::Time(time) => cursor.seek_time(time.0.max(horizon_ms))?,
            Start::At(seq) => {
                // Damage in the oldest segment is no reason not to read another one: a record that
                // is too old is noticed by its own time, too.
                match shard.first_seq_since(horizon_ms) {
                    Ok(oldest) if seq < oldest => return Err(LogError::Trimmed { oldest }),
                    _ => {}
                }
                cursor.next = seq;
            }
        }
        Ok(cursor)
    }

    /// Returns the sequence number of the record that is read next, if it is not trimmed before.
    pub fn position(&self) -> SeqNo {
        self.next
    }

    /// Returns the next record, or `None` if there is no further one yet.
    ///
    /// # Errors
    /// [`LogError::Trimmed`] if the record has passed the retention; [`LogError::Corrupt`] if it, or
    /// its place, does not verify; [`LogError::Io`] if it cannot be read. The cursor stays where it is.
    #[expect(
        clippy::should_implement_trait,
        reason = "the record is borrowed from the cursor"
    )]
    #[expect(clippy::inline_always, reason = "see `step`")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<RecordRef<'_>>, LogError> {
        let passed = match self.step() {
            Some(passed) => passed,
            None => match self.find()? {
                Some(passed) => passed,
                None => return Ok(None),
            },
        };
        let record = self.spot.as_ref().map(|spot| {
            let start = passed.start.saturating_add(frame::FRAME_HEADER_BYTES);
            let payload = spot
                .view
                .part(start..start.saturating_add(passed.payload_len));
            debug_assert!(payload.is_some(), "what was passed lies in the view");
            RecordRef {
                seq: passed.seq,
                time: TimestampMs(passed.time_ms),
                // Not an answer of its own, so that who only counts records need not look.
                payload: payload.unwrap_or_default(),
                view: &spot.view,
                start,
            }
        });
        Ok(record)
    }

    /// Passes the next record in the common case: it lies right at the place, is in memory and
    /// verifies. Everything else, errors too, is for [`Self::find`].
    ///
    /// It becomes a part of the caller's loop: calling it cost a record of 100 bytes a tenth of its time.
    #[expect(
        clippy::inline_always,
        reason = "`inline` was enough in one crate and not in another, where it cost 3 per cent at 100 B"
    )]
    #[inline(always)]
    fn step(&mut self) -> Option<Found> {
        let spot = self.spot.as_mut()?;
        if self.next >= self.durable {
            return None;
        }
        let rest = spot.view.part(spot.offset..spot.at_hand)?;
        let (payload_len, time_ms) = frame::verify(rest, self.next, &mut spot.hasher)?;
        if time_ms < self.horizon_ms {
            return None;
        }
        let found = Found {
            start: spot.offset,
            payload_len,
            seq: self.next,
            time_ms,
        };
        self.next = spot.consume(found);
        Some(found)
    }

    /// Finds the next record wherever it is, and passes it; `None` if there is none yet.
    #[inline(never)]
    fn find(&mut self) -> Result<Option<Found>, LogError> {
        if let Some(spot) = &mut self.spot
            && spot.enter_group(self.next)
            && let Some(found) = self.step()
        {
            return Ok(Some(found));
        }
        let found = match self.advance() {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        if found.time_ms < self.horizon_ms {
            return Err(LogError::Trimmed {
                oldest: self.shard.first_seq()?,
            });
        }
        if let Some(spot) = &mut self.spot {
            self.next = spot.consume(found);
        }
        Ok(Some(found))
    }

    /// Counts a failed read, and tells a segment that was deleted meanwhile from one that is broken.
    fn failed(&mut self, error: LogError) -> LogError {
        self.spot = None;
        // Its own segment, or the next one, may be gone from the disk by now, and the record with it.
        let is_gone = self
            .shard
            .segments
            .oldest()
            .is_some_and(|oldest| self.next < oldest);
        match self.shard.first_seq() {
            Ok(oldest) if is_gone || self.next < oldest => LogError::Trimmed { oldest },
            _ => {
                self.shard.counters.read_errors.add(1);
                error
            }
        }
    }

    /// Places the cursor at the first record that is not older than `time_ms`.
    fn seek_time(&mut self, time_ms: u64) -> Result<(), LogError> {
        let segments = self.shard.segments.snapshot();
        let reaches = |segment: &Arc<Segment>| -> Result<Option<bool>, LogError> {
            Ok(segment
                .times_ms()?
                .map(|(_, newest_ms)| newest_ms >= time_ms))
        };
        // Mostly it is the oldest. If not, the newer ones are asked first, so that damage in a
        // segment that is too old anyway is not met.
        let mut first = match segments.first() {
            Some(oldest) if matches!(reaches(oldest), Ok(Some(true))) => Some(oldest),
            _ => None,
        };
        if first.is_none() {
            for segment in segments.iter().rev() {
                match reaches(segment)? {
                    Some(true) => first = Some(segment),
                    Some(false) => break,
                    // It holds no record, so it says nothing about those before it.
                    None => {}
                }
            }
        }
        // All that was durable when this began and is not found below is older than the time.
        let durable_end = self.next;
        let Some(segment) = first else { return Ok(()) };
        let region = segment.region()?;
        let position = locate::by_time(segment, &region, time_ms, &self.shard.counters)?;
        self.next = segment.base;
        self.spot = Some(Spot::new(Arc::clone(segment), region, position, None)?);
        loop {
            let found = self.advance()?;
            match found {
                Some(found) if found.time_ms < time_ms => {
                    if let Some(spot) = &mut self.spot {
                        self.next = spot.consume(found);
                    }
                }
                Some(found) => {
                    self.next = found.seq;
                    return Ok(());
                }
                None => {
                    self.next = self.next.max(durable_end);
                    return Ok(());
                }
            }
        }
    }

    /// Finds the record `self.next` without passing it.
    fn advance(&mut self) -> Result<Option<Found>, LogError> {
        let mut is_entered = false;
        if self.spot.is_none() {
            is_entered = self.enter()?;
            if !is_entered {
                return Ok(None);
            }
        }
        loop {
            let Some(spot) = &mut self.spot else {
                return Ok(None);
            };
            let mut hopped = None;
            if std::mem::take(&mut is_entered) {
                self.horizon_ms = self.shard.horizon_ms();
                hopped = spot.hop_in(self.next)?;
            }
            let peek = match hopped {
                Some(found) => Peek::Record(found),
                None => spot.peek(&mut self.horizon_ms, &self.shard)?,
            };
            match peek {
                Peek::Record(found) => {
                    let found = if found.seq < self.next {
                        spot.consume(found);
                        match spot.hop_to(self.next) {
                            Some(found) => found,
                            None => continue,
                        }
                    } else {
                        found
                    };
                    if found.seq >= self.durable {
                        self.durable = self.shard.watermark.next();
                    }
                    let is_durable =
                        found.seq < self.durable || is_planted(Defect::ReaderAheadOfMark);
                    return Ok(is_durable.then_some(found));
                }
                Peek::MoreLater => return Ok(None),
                Peek::Sealed => {
                    if !self.enter_successor()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Goes to the segment that holds `self.next`; `false` if the record is not there yet.
    fn enter(&mut self) -> Result<bool, LogError> {
        if self.next >= self.shard.watermark.next() {
            return Ok(false);
        }
        let Some(segment) = self.shard.segments.holding(self.next) else {
            return Err(LogError::Trimmed {
                oldest: self.shard.first_seq()?,
            });
        };
        let region = segment.region()?;
        let position = locate::by_seq(&segment, &region, self.next, &self.shard.counters)?;
        self.spot = Some(Spot::new(segment, region, position, None)?);
        Ok(true)
    }

    /// Goes from the end of a sealed segment to the next one, if there is one.
    fn enter_successor(&mut self) -> Result<bool, LogError> {
        let Some(spot) = &self.spot else {
            return Ok(false);
        };
        let segments = self.shard.segments.snapshot();
        let after = segments.partition_point(|segment| segment.base <= spot.segment.base);
        let Some(successor) = segments.get(after) else {
            return Ok(false);
        };
        let expected = match spot.segment.footer()? {
            Some(footer) if !footer.cut_by_repair => Some(spot.segment.base.plus(footer.records)),
            _ => None,
        };
        if let Some(expected) = expected
            && expected != successor.base
            && !is_planted(Defect::HoleNotNoticed)
        {
            // Segments go from the front: those in between were trimmed if ours was too.
            if segments
                .first()
                .is_some_and(|oldest| oldest.base > self.next)
            {
                return Err(LogError::Trimmed {
                    oldest: self.shard.first_seq()?,
                });
            }
            let what = format!("records {expected} to {} are missing", successor.base);
            return Err(LogError::corrupt(successor.path(), 16, what));
        }
        // A region that copies holds a descriptor, and one that maps an area of memory.
        if spot.region.region.copies() || self.shard.files.are_maps_scarce() {
            spot.segment.close_region_behind(&spot.region);
        }
        let start = SegmentHeader::data_start();
        let region = successor.region()?;
        let segment = Arc::clone(successor);
        self.spot = Some(Spot::new(segment, region, start, Some(successor.base))?);
        Ok(true)
    }

    pub(crate) fn shard(&self) -> &Arc<ShardState> {
        &self.shard
    }
}

/// What lies at a place.
#[derive(Debug)]
enum Peek {
    Record(Found),
    /// The end of what is durable so far.
    MoreLater,
    /// The end of a segment that is sealed.
    Sealed,
}

impl Spot {
    fn new(
        segment: Arc<Segment>,
        region: Arc<CountedRegion>,
        position: u64,
        expect: Option<SeqNo>,
    ) -> Result<Self, LogError> {
        let salt = segment.header()?.salt;
        let view = region
            .region
            .view(0..0)
            .map_err(LogError::io("read", segment.path()))?;
        Ok(Self {
            segment,
            region,
            salt,
            hasher: FrameHasher::new(salt),
            view,
            view_start: position,
            offset: 0,
            window: WINDOW_BYTES_MIN,
            populated: 0,
            at_hand: 0,
            hopped: 0,
            expect,
        })
    }

    fn position(&self) -> u64 {
        self.view_start
            .saturating_add(u64::try_from(self.offset).unwrap_or(u64::MAX))
    }

    /// Passes `found`; returns the sequence number that is expected next.
    #[inline]
    fn consume(&mut self, found: Found) -> SeqNo {
        let next = found.seq.plus(1);
        self.offset = found.end();
        self.expect = Some(next);
        next
    }

    /// Passes the header of a group that begins with the record `next`, if it is the next thing at the
    /// place, in memory and as it should be.
    fn enter_group(&mut self, next: SeqNo) -> bool {
        let header = self.view.part(self.offset..self.at_hand);
        let header = header.and_then(|rest| GroupHeader::decode(rest, self.salt));
        let is_entered = header.is_some_and(|header| header.first == next);
        if is_entered {
            self.offset = self.offset.saturating_add(GROUP_HEADER_BYTES);
            self.expect = Some(next);
        }
        is_entered
    }

    /// Finds record `next` if it lies a little further on in memory, past records that nobody asked
    /// for, of which lengths and numbers are believed: if `next` verifies where they lead, they were
    /// right. If not, the place is as before, and what is wrong is found on the way.
    #[inline(never)]
    fn hop_to(&mut self, next: SeqNo) -> Option<Found> {
        if self.hopped == self.populated {
            return None;
        }
        self.hopped = self.populated;
        let mut at = self.offset;
        loop {
            let rest = self.view.get(at..self.at_hand)?;
            let word = u32::from_le_bytes(*rest.first_chunk()?);
            if !frame::begins_frame(word) {
                at = at.saturating_add(GROUP_HEADER_BYTES);
            } else if frame::seq(rest)? < next {
                at = at.saturating_add(frame::len_of(word));
            } else {
                let frame = frame::decode(rest, &mut self.hasher).ok()?;
                if frame.seq != next {
                    return None;
                }
                let found = Found {
                    start: at,
                    payload_len: frame.payload.len(),
                    seq: next,
                    time_ms: frame.time_ms,
                };
                self.offset = at;
                self.expect = Some(next);
                return Some(found);
            }
        }
    }

    /// As [`Spot::hop_to`], from a place that an index gave.
    fn hop_in(&mut self, next: SeqNo) -> Result<Option<Found>, LogError> {
        self.refill(0)?;
        self.populate(self.position())?;
        Ok(self.hop_to(next))
    }

    /// Finds the next record at or after the place, and verifies it.
    fn peek(&mut self, horizon_ms: &mut u64, shard: &ShardState) -> Result<Peek, LogError> {
        loop {
            // Not even the first word is touched before it is in memory: where the medium fails,
            // that would be a signal instead of an error.
            let head = self.position().saturating_add(GROUP_HEADER_BYTES as u64);
            if self.offset < self.view.len() && head > self.populated {
                *horizon_ms = shard.horizon_ms();
                self.populate(head)?;
            }
            let Some(word) = self
                .view
                .get(self.offset..)
                .and_then(|rest| rest.first_chunk::<4>())
            else {
                match self.refill(0)? {
                    Refill::More => {
                        *horizon_ms = shard.horizon_ms();
                        continue;
                    }
                    Refill::MoreLater => return Ok(Peek::MoreLater),
                    Refill::Sealed => return Ok(Peek::Sealed),
                }
            };
            let word = u32::from_le_bytes(*word);
            let needed = if frame::begins_frame(word) {
                frame::len_of(word)
            } else {
                GROUP_HEADER_BYTES
            };
            let end = self
                .position()
                .saturating_add(u64::try_from(needed).unwrap_or(u64::MAX));
            if end > self.populated {
                *horizon_ms = shard.horizon_ms();
                self.populate(end)?;
            }
            let Some(rest) = self.view.get(self.offset..) else {
                return Ok(Peek::MoreLater);
            };
            if rest.len() < needed {
                match self.refill(needed)? {
                    Refill::More if self.view.len() >= needed => continue,
                    _ => return Err(self.corrupt("record reaches past the end of the data")),
                }
            }
            if !frame::begins_frame(word) {
                let Some(header) = GroupHeader::decode(rest, self.salt) else {
                    return Err(self.corrupt("group header does not verify"));
                };
                if self.expect.is_some_and(|expect| expect != header.first)
                    && !is_planted(Defect::SequenceNotChecked)
                {
                    return Err(self.corrupt("group does not follow the one before it"));
                }
                self.expect = Some(header.first);
                self.offset = self.offset.saturating_add(GROUP_HEADER_BYTES);
                continue;
            }
            let frame = match frame::decode(rest, &mut self.hasher) {
                Ok(frame) => frame,
                Err(FrameError::Unsupported(flags)) => {
                    return Err(LogError::Unsupported {
                        path: self.segment.path().to_path_buf(),
                        what: format!("record flags {flags:#x}"),
                    });
                }
                Err(FrameError::Checksum { .. }) if is_planted(Defect::DamagedRecordSkipped) => {
                    self.offset = self.offset.saturating_add(needed);
                    self.expect = None;
                    continue;
                }
                Err(error) => return Err(self.corrupt(&error.to_string())),
            };
            if self.expect.is_some_and(|expect| expect != frame.seq)
                && !is_planted(Defect::SequenceNotChecked)
            {
                return Err(self.corrupt("record does not follow the one before it"));
            }
            return Ok(Peek::Record(Found {
                start: self.offset,
                payload_len: frame.payload.len(),
                seq: frame.seq,
                time_ms: frame.time_ms,
            }));
        }
    }

    /// Gets a view from the place on that holds `needed` bytes, or all there are.
    fn refill(&mut self, needed: usize) -> Result<Refill, LogError> {
        let position = self.position();
        // In this order: once sealed, the end does not move any more.
        let sealed = self.segment.footer()?.is_some();
        let durable_end = self.segment.durable_end()?;
        if position >= durable_end {
            return Ok(if sealed {
                Refill::Sealed
            } else {
                Refill::MoreLater
            });
        }
        let needed = u64::try_from(needed).unwrap_or(u64::MAX);
        let end = if self.region.region.copies() {
            self.window = self.window.saturating_mul(2).min(WINDOW_BYTES_MAX);
            position
                .saturating_add(self.window.max(needed))
                .min(durable_end)
        } else {
            durable_end
        };
        self.region.region.publish(durable_end);
        let view = self.region.region.view(position..end);
        self.view = view.map_err(LogError::io("read", self.segment.path()))?;
        self.view_start = position;
        self.offset = 0;
        self.count_at_hand();
        Ok(Refill::More)
    }

    /// Brings the file up to `end`, and some more, into memory.
    fn populate(&mut self, end: u64) -> Result<(), LogError> {
        let start = self.position();
        let target = start.saturating_add(self.window).max(end);
        self.segment.populate(&self.region, start..target)?;
        // What is appended from now on may have left memory again by the time it is read.
        self.populated = target.min(self.region.region.end());
        self.window = self.window.saturating_mul(2).min(WINDOW_BYTES_MAX);
        self.count_at_hand();
        Ok(())
    }

    fn count_at_hand(&mut self) {
        let in_memory = self.populated.saturating_sub(self.view_start);
        let in_memory = usize::try_from(in_memory).unwrap_or(usize::MAX);
        self.at_hand = in_memory.min(self.view.len());
    }

    fn corrupt(&self, what: &str) -> LogError {
        LogError::corrupt(self.segment.path(), self.position(), what)
    }
}

#[derive(Debug)]
enum Refill {
    More,
    MoreLater,
    Sealed,
}
