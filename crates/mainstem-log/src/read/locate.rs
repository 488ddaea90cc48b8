//! Step 1: where reading begins. The sparse index gives a position at or before the one wanted.

use crate::error::LogError;
use crate::format::index_entry::{IndexEntry, Target};
use crate::format::segment_header::SegmentHeader;
use crate::metrics::ShardCounters;
use crate::segment::shared::{IndexView, Segment};
use crate::seq::SeqNo;

/// Returns a position at or before the record `seq` in `segment`.
pub(crate) fn by_seq(
    segment: &Segment,
    seq: SeqNo,
    counters: &ShardCounters,
) -> Result<u64, LogError> {
    let wanted = seq.since(segment.base);
    let found = segment.with_index(|index| {
        // Sequence numbers are nearly evenly spaced, so a guess by proportion lands close.
        search(&index, true, wanted, |entry| {
            u64::from(entry.seq_offset) <= wanted
        })
    })?;
    Ok(or_from_start(&found, counters))
}

/// Returns a position at or before the first record in `segment` that is not older than `time_ms`.
pub(crate) fn by_time(
    segment: &Segment,
    time_ms: u64,
    counters: &ShardCounters,
) -> Result<u64, LogError> {
    let created_ms = segment.header()?.created_ms;
    let found = segment.with_index(|index| {
        search(&index, false, 0, |entry| {
            // Entry times are rounded down to a second: only when even the end of that second is
            // before the time wanted are all records before the entry too old.
            let latest = u64::from(entry.time_s)
                .saturating_mul(1000)
                .saturating_add(999);
            created_ms.saturating_add(latest) < time_ms
        })
    })?;
    Ok(or_from_start(&found, counters))
}

/// An index that does not verify is not needed: it only saves reading.
fn or_from_start(found: &Result<Option<u64>, Damaged>, counters: &ShardCounters) -> u64 {
    match found {
        Ok(position) => position.unwrap_or(SegmentHeader::data_start()),
        Err(Damaged) => {
            counters.index_faults.add(1);
            SegmentHeader::data_start()
        }
    }
}

/// An entry did not verify.
#[derive(Debug)]
struct Damaged;

/// Returns the position in the last entry for which `before` holds; it holds for a prefix.
fn search(
    index: &IndexView<'_>,
    proportional: bool,
    wanted: u64,
    before: impl Fn(&IndexEntry) -> bool,
) -> Result<Option<u64>, Damaged> {
    let get = |at: usize| {
        index
            .entry(at)
            .filter(|entry| matches!(entry.target, Target::Group | Target::Record))
            .ok_or(Damaged)
    };
    // Invariant: `before` holds for all entries below `low`, and for none at `high` or above.
    let (mut low, mut high) = (0, index.len());
    if proportional && high > 8 {
        let last = u64::from(get(high.saturating_sub(1))?.seq_offset).max(1);
        let count = u64::try_from(high).unwrap_or(u64::MAX);
        let guess = wanted
            .saturating_mul(count)
            .checked_div(last)
            .unwrap_or(0)
            .min(count);
        let guess = usize::try_from(guess)
            .unwrap_or(0)
            .min(high.saturating_sub(1));
        let mut stride = 4;
        if before(&get(guess)?) {
            low = guess.saturating_add(1);
            while low.saturating_add(stride) < high {
                let probe = low.saturating_add(stride);
                if !before(&get(probe)?) {
                    high = probe;
                    break;
                }
                low = probe.saturating_add(1);
                stride = stride.saturating_mul(2);
            }
        } else {
            high = guess;
            while high > stride {
                let probe = high.saturating_sub(stride);
                if before(&get(probe)?) {
                    low = probe.saturating_add(1);
                    break;
                }
                high = probe;
                stride = stride.saturating_mul(2);
            }
        }
    }
    while low < high {
        let middle = low.midpoint(high);
        if before(&get(middle)?) {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    match low.checked_sub(1) {
        Some(at) => get(at).map(|entry| Some(entry.position.into())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_agrees_with_a_scan_for_even_and_uneven_spacing() {
        for (count, spread) in [(0, 1), (1, 1), (9, 1), (100, 3), (1000, 7), (1000, 1)] {
            let entries: Vec<IndexEntry> = (0..count)
                .map(|at: u32| {
                    let uneven = if spread == 7 { at * at } else { at * spread };
                    IndexEntry {
                        seq_offset: uneven,
                        position: 64 + at * 8,
                        target: Target::Group,
                        time_s: 0,
                    }
                })
                .collect();
            let index = IndexView::Memory(&entries);
            for wanted in 0..3000u64 {
                let before = |entry: &IndexEntry| u64::from(entry.seq_offset) <= wanted;
                let found = search(&index, true, wanted, before).unwrap();
                let scanned = entries.iter().rev().find(|entry| before(entry));
                assert_eq!(found, scanned.map(|entry| u64::from(entry.position)));
            }
        }
    }
}
