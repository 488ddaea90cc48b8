//! Which deduplication ids were seen lately.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::bytes::{Reader, Writer};
use crate::format::event::DedupId;

/// The ids of messages pushed not longer ago than their windows. What counts as time is the arrival
/// time of records, so that the log says the same each time it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dedup {
    /// The message that has an id, and when the id is forgotten, in ms.
    seen: BTreeMap<DedupId, (u64, u64)>,
    forgotten_at: BTreeSet<(u64, DedupId)>,
}

impl Dedup {
    /// Notes that message `seq` with `id` arrived at `time_ms`; returns the message that it repeats,
    /// if it does.
    pub(crate) fn note(
        &mut self,
        id: DedupId,
        seq: u64,
        time_ms: u64,
        window_ms: u64,
    ) -> Option<u64> {
        self.forget(time_ms);
        if let Some((first, _)) = self.seen.get(&id) {
            return Some(*first);
        }
        let until_ms = time_ms.saturating_add(window_ms);
        self.seen.insert(id, (seq, until_ms));
        self.forgotten_at.insert((until_ms, id));
        None
    }

    /// Returns the message that has `id`, if that is still known at `now_ms`.
    pub(crate) fn find(&self, id: &DedupId, now_ms: u64) -> Option<u64> {
        let (seq, until_ms) = self.seen.get(id)?;
        (now_ms < *until_ms).then_some(*seq)
    }

    /// Returns how many ids are known at `now_ms`; of those that are past their windows, no more are
    /// looked at than it takes to find less than `enough`.
    pub(crate) fn known_at(&self, now_ms: u64, enough: usize) -> usize {
        let spare = self.seen.len().saturating_sub(enough).saturating_add(1);
        let past = self.forgotten_at.iter();
        let past = past.take_while(|(until_ms, _)| *until_ms <= now_ms);
        self.seen.len().saturating_sub(past.take(spare).count())
    }

    /// Returns how many ids are kept.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Forgets what is past its window at `now_ms`.
    pub(crate) fn forget(&mut self, now_ms: u64) {
        while let Some((until_ms, id)) = self.forgotten_at.first().copied() {
            if until_ms > now_ms {
                break;
            }
            self.forgotten_at.pop_first();
            self.seen.remove(&id);
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.count(self.seen.len());
        for (id, (seq, until_ms)) in &self.seen {
            out.rest(id).u64(*seq).u64(*until_ms);
        }
    }

    pub(crate) fn read(fields: &mut Reader<'_>) -> Option<Self> {
        let mut dedup = Self::default();
        for _ in 0..fields.count(32)? {
            let id = fields.array()?;
            let (seq, until_ms) = (fields.u64()?, fields.u64()?);
            dedup.seen.insert(id, (seq, until_ms));
            dedup.forgotten_at.insert((until_ms, id));
        }
        Some(dedup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_for_exactly_its_window() {
        let mut dedup = Dedup::default();
        assert_eq!(dedup.note([1; 16], 10, 1000, 500), None);
        assert_eq!(dedup.note([1; 16], 11, 1499, 500), Some(10));
        assert_eq!(dedup.find(&[1; 16], 1499), Some(10));
        assert_eq!(dedup.find(&[1; 16], 1500), None);
        assert_eq!(
            dedup.note([1; 16], 12, 1500, 500),
            None,
            "a repeat does not prolong it"
        );
        assert_eq!(dedup.note([2; 16], 13, 1500, 500), None);
        assert_eq!(dedup.len(), 2);
    }
}
