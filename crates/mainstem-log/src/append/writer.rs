//! Step 4: one group, one write, one sync; and the roll to the next segment when one is full.

use std::path::PathBuf;
use std::sync::Arc;

use super::committer::{CommitFailure, CommitSink};
use super::group::Group;
use crate::config::{ShardOptions, default_roll_age_ms};
use crate::defect::{Defect, is_planted};
use crate::files::Files;
use crate::format::manifest::CleanShard;
use crate::format::segment_header::PreviousSegment;
use crate::journal::joint::{Joined, Joint};
use crate::journal::lane::Lane;
use crate::metrics::ShardCounters;
use crate::segment::active::{ActiveSegment, Birth, Written};
use crate::segment::prewrite::Pace;
use crate::segment::seal::seal;
use crate::segment::set::SegmentSet;
use crate::seq::SeqNo;
use crate::sync_pool::{Job, SyncPool};
use crate::watermark::Watermark;

/// The writer of a shard: the sink of its committer.
#[derive(Debug)]
pub(crate) struct ShardWriter {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) shard_hash: u32,
    pub(crate) files: Arc<Files>,
    pub(crate) options: ShardOptions,
    pub(crate) place: Place,
    pub(crate) segments: Arc<SegmentSet>,
    pub(crate) watermark: Arc<Watermark>,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) pool: Arc<SyncPool>,
    pub(crate) pace: Pace,
    /// The way into the commit journal; none for the journal itself.
    pub(crate) lane: Option<Lane>,
}

/// Where the next group goes.
#[derive(Debug)]
pub(crate) enum Place {
    /// Into this segment.
    Active(Box<ActiveSegment>),
    /// Into a segment that is yet to be created.
    Missing(Successor),
}

/// What the segment to come follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Successor {
    pub(crate) base: SeqNo,
    pub(crate) previous: Option<PreviousSegment>,
    /// The arrival time of the last record before it, in ms.
    pub(crate) last_time_ms: u64,
}

impl CommitSink for ShardWriter {
    fn commit(&mut self, group: &mut Group) -> Result<(), CommitFailure> {
        self.pinning(|writer| writer.write(group))
    }
}

impl ShardWriter {
    /// Does `work`, after a fatal failure of which the journal keeps what it has of the shard.
    fn pinning<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, CommitFailure>,
    ) -> Result<T, CommitFailure> {
        let result = work(self);
        if let Some(lane) = &self.lane {
            lane.pin(&result);
        }
        result
    }

    /// Writes the group and makes it durable.
    fn write(&mut self, group: &mut Group) -> Result<(), CommitFailure> {
        if is_planted(Defect::MarkBeforeSync) {
            let next = group.first.plus(u64::from(group.records()));
            self.watermark.publish(next);
        }
        let bytes = group.byte_len();
        if self.is_full_for(bytes) {
            self.seal()?;
        }
        let data_bytes_max = self.options.segment_bytes;
        let first_ms = group.oldest_ms();
        let (active, lane) = self.active_and_lane(first_ms)?;
        match active.reserve(bytes, data_bytes_max) {
            Err(_) if is_planted(Defect::FullDiskAcknowledged) => return Ok(()),
            reserved => reserved?,
        }
        let is_in_journal = active.commit(group, lane)?;
        let next = active.next;
        self.committed(group, next, is_in_journal);
        Ok(())
    }

    /// Returns whether the active segment has to be sealed before a group of `bytes`.
    fn is_full_for(&self, bytes: u64) -> bool {
        match &self.place {
            Place::Active(active) => {
                active.has_records()
                    && active.data_end.saturating_add(bytes) > self.options.segment_bytes
            }
            Place::Missing(_) => false,
        }
    }

    /// Tells everybody that the group is durable, after which comes `next`.
    fn committed(&mut self, group: &Group, next: SeqNo, is_in_journal: bool) {
        let bytes = group.byte_len();
        self.watermark.publish(next);
        self.counters.committed(group.records(), bytes);
        // It spares syncs, and this was none.
        if !is_in_journal {
            self.prewrite_ahead(bytes);
        }
    }

    /// Writes the group to its segment, and has `joint` make it durable. `None` if it has to be committed by
    /// itself: then nothing was written.
    pub(crate) fn commit_jointly(
        &mut self,
        group: &mut Group,
        joint: &mut Joint,
    ) -> Result<Option<Written>, CommitFailure> {
        let bytes = group.byte_len();
        if self.options.linger_us > 0 || self.is_full_for(bytes) {
            return Ok(None);
        }
        self.pinning(|writer| {
            let data_bytes_max = writer.options.segment_bytes;
            let (Place::Active(active), Some(lane)) = (&mut writer.place, &mut writer.lane) else {
                return Ok(None);
            };
            active.reserve(bytes, data_bytes_max)?;
            active.commit_jointly(group, lane, joint)
        })
    }

    /// Ends what [`Self::commit_jointly`] has begun, after what became of it in the journal.
    pub(crate) fn finish_jointly(
        &mut self,
        group: &Group,
        written: &Written,
        joined: &Joined,
    ) -> Result<(), CommitFailure> {
        self.pinning(|writer| {
            let Place::Active(active) = &mut writer.place else {
                return Err(CommitFailure::Fatal(crate::LogError::Closed));
            };
            match joined {
                Joined::Durable => {}
                Joined::NotTaken => active.sync(written, writer.lane.as_mut())?,
                Joined::Failed(error) => return Err(CommitFailure::Fatal(error.clone())),
            }
            let is_in_journal = matches!(joined, Joined::Durable);
            active.finish(group, written, is_in_journal);
            let next = active.next;
            writer.committed(group, next, is_in_journal);
            Ok(())
        })
    }

    /// Returns the active segment, creating it if there is none. No record in it is to be older than
    /// `first_ms`.
    fn active(&mut self, first_ms: u64) -> Result<&mut ActiveSegment, CommitFailure> {
        Ok(self.active_and_lane(first_ms)?.0)
    }

    /// As [`Self::active`], with the way into the journal.
    fn active_and_lane(
        &mut self,
        first_ms: u64,
    ) -> Result<(&mut ActiveSegment, Option<&mut Lane>), CommitFailure> {
        if let Place::Missing(successor) = &self.place {
            let birth = Birth {
                base: successor.base,
                previous: successor.previous,
                shard_hash: self.shard_hash,
                created_ms: first_ms.max(successor.last_time_ms),
            };
            let active =
                ActiveSegment::create(&self.files, &self.dir, birth, self.options.segment_bytes)?;
            self.segments.push(Arc::clone(&active.segment));
            self.place = Place::Active(Box::new(active));
        }
        match &mut self.place {
            Place::Active(active) => Ok((active, self.lane.as_mut())),
            Place::Missing(_) => Err(CommitFailure::Refused(crate::LogError::Closed)),
        }
    }

    /// Makes durable in its segment what is so in the journal alone.
    fn settle(&mut self) -> Result<(), CommitFailure> {
        match (&mut self.place, &mut self.lane) {
            (Place::Active(active), Some(lane)) => active.settle(lane),
            _ => Ok(()),
        }
    }

    /// Seals the active segment. Its successor is created by the next group, or by [`Self::roll`].
    fn seal(&mut self) -> Result<(), CommitFailure> {
        // A footer vouches for the data before it.
        self.settle()?;
        let Place::Active(active) = &mut self.place else {
            return Ok(());
        };
        let previous = seal(active)?;
        let successor = Successor {
            base: active.next,
            previous: Some(previous),
            last_time_ms: active.newest_ms,
        };
        self.place = Place::Missing(successor);
        if let Some(lane) = &mut self.lane {
            lane.close_file();
        }
        self.counters.rolled();
        Ok(())
    }

    /// Has zeros written ahead of the data if the shard, which just committed `bytes`, is busy.
    fn prewrite_ahead(&mut self, bytes: u64) {
        let window = self.options.prewrite_bytes;
        if window == 0 {
            return;
        }
        let now = self.files.env.clock.elapsed();
        if !self.pace.count(bytes, now) {
            return;
        }
        // Also if nothing comes of it: whatever is in the way now is so for the next commit, too.
        self.pace.fill(now);
        if let Place::Active(active) = &mut self.place
            && let Some(filling) = active.prewrite(window, self.options.segment_bytes)
        {
            self.pool.submit(Job::Prewrite(filling));
        }
    }

    /// Seals the active segment if it holds records that are old enough, and creates its successor:
    /// a quiet shard's records expire too, and its sequence numbers live on in an empty segment.
    pub(crate) fn roll_by_age(
        &mut self,
        now_ms: u64,
        retention_ms: u64,
    ) -> Result<bool, CommitFailure> {
        let age_max_ms = self
            .options
            .roll_age_ms
            .unwrap_or(default_roll_age_ms(retention_ms));
        let due = match &self.place {
            Place::Active(active) => {
                active.has_records() && now_ms.saturating_sub(active.oldest_ms) >= age_max_ms
            }
            // An earlier attempt could not create the successor.
            Place::Missing(_) => true,
        };
        if due {
            self.roll(now_ms)?;
        }
        Ok(due)
    }

    /// Seals the active segment, if it holds records, and creates its successor; returns whether there
    /// is a new segment.
    pub(crate) fn roll(&mut self, now_ms: u64) -> Result<bool, CommitFailure> {
        if let Place::Active(active) = &self.place
            && !active.has_records()
        {
            return Ok(false);
        }
        self.pinning(|writer| {
            writer.seal()?;
            writer.active(now_ms)?;
            Ok(true)
        })
    }

    /// Makes the index durable if `bytes` or more of data are not covered by it.
    pub(crate) fn sync_index(&mut self, bytes: u64) {
        if let Place::Active(active) = &mut self.place
            && active.unindexed_bytes() >= bytes
            && active.has_records()
        {
            active.sync_index();
        }
    }

    /// Ends all that is still at work on the files, whatever became of it: nothing may write to them
    /// once somebody else can open the directory.
    pub(crate) fn quiesce(&mut self) {
        if let Place::Active(active) = &mut self.place {
            // A failure of it was told to the commit after it; there will be none.
            let _too_late_to_matter = active.wait_for_prewrite();
        }
        self.close_files();
    }

    /// Gives up the descriptors of a shard that rests, with all of it durable in its segments.
    pub(crate) fn rest(&mut self) -> Result<(), CommitFailure> {
        self.pinning(Self::settle)?;
        self.close_files();
        Ok(())
    }

    /// Gives up the descriptors; they are opened again when needed.
    fn close_files(&mut self) {
        if let Some(lane) = &mut self.lane {
            lane.close_file();
        }
        if let Place::Active(active) = &mut self.place {
            active.close_files();
        }
    }

    /// Returns what an orderly close writes down about this shard, everything durable.
    pub(crate) fn clean(&mut self, now_ms: u64) -> Result<CleanShard, CommitFailure> {
        self.active(now_ms)?;
        self.pinning(Self::settle)?;
        self.sync_index(1);
        let Place::Active(active) = &mut self.place else {
            return Err(CommitFailure::Refused(crate::LogError::Closed));
        };
        active.wait_for_prewrite().map_err(CommitFailure::Fatal)?;
        let last_time_ms = if active.has_records() {
            active.newest_ms
        } else {
            active.header.created_ms
        };
        let clean = CleanShard {
            name: self.name.clone(),
            segment: active.header.base,
            data_end: active.data_end,
            next: active.next,
            last_time_ms,
            oldest_ms: active.oldest_ms,
            chain: active.chain,
        };
        self.close_files();
        Ok(clean)
    }
}
