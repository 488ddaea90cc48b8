//! All segments of a shard: an immutable sorted list that is swapped whole.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::shared::Segment;
use crate::error::LogError;
use crate::seq::SeqNo;
use crate::sync::Mutex;

/// A snapshot of a shard's segments, oldest first; never empty.
pub(crate) type Segments = Arc<Vec<Arc<Segment>>>;

/// The segments of a shard. Readers take snapshots; the roller appends and the trimmer removes.
#[derive(Debug)]
pub(crate) struct SegmentSet {
    list: ArcSwap<Vec<Arc<Segment>>>,
    /// Held by whoever changes the list.
    change: Mutex<()>,
}

impl SegmentSet {
    pub(crate) fn new(segments: Vec<Arc<Segment>>) -> Self {
        Self {
            list: ArcSwap::from_pointee(segments),
            change: Mutex::new(()),
        }
    }

    pub(crate) fn snapshot(&self) -> Segments {
        self.list.load_full()
    }

    /// Returns the base of the oldest segment.
    pub(crate) fn oldest(&self) -> Option<SeqNo> {
        self.list.load().first().map(|oldest| oldest.base)
    }

    /// Runs `look` with the oldest segment.
    pub(crate) fn with_oldest<T>(&self, look: impl FnOnce(&Segment) -> T) -> Option<T> {
        self.list.load().first().map(|oldest| look(oldest))
    }

    /// Returns the segment that holds `seq`, or would; `None` if it is before all of them.
    pub(crate) fn holding(&self, seq: SeqNo) -> Option<Arc<Segment>> {
        let segments = self.list.load();
        let at = segments
            .partition_point(|segment| segment.base <= seq)
            .checked_sub(1)?;
        segments.get(at).map(Arc::clone)
    }

    /// Runs `look`, again if it fails while segments are being deleted: it may have found one in its
    /// snapshot whose file was gone when it came to open it.
    pub(crate) fn past_trimming<T>(
        &self,
        mut look: impl FnMut() -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        loop {
            // Before the snapshot is taken: a segment leaves the list before its file goes.
            let oldest = self.oldest();
            let result = look();
            if result.is_ok() || self.oldest() == oldest {
                return result;
            }
        }
    }

    /// Adds the newest segment.
    pub(crate) fn push(&self, segment: Arc<Segment>) {
        let _change = self.change.lock();
        let mut list = (*self.list.load_full()).clone();
        debug_assert!(
            list.last().is_none_or(|last| last.base < segment.base),
            "bases rise"
        );
        list.push(segment);
        self.list.store(Arc::new(list));
    }

    /// Removes `segment`, if it is the oldest and not the only one; returns whether it did.
    pub(crate) fn remove_oldest(&self, segment: &Arc<Segment>) -> bool {
        let _change = self.change.lock();
        let list = self.list.load_full();
        match list.split_first() {
            Some((oldest, rest)) if Arc::ptr_eq(oldest, segment) && !rest.is_empty() => {
                self.list.store(Arc::new(rest.to_vec()));
                true
            }
            _ => false,
        }
    }
}
