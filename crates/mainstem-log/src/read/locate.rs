//! Step 1: where reading begins. The sparse index gives a position at or before the one wanted.

use crate::error::LogError;
use crate::files::CountedRegion;
use crate::format::checksum::{FrameHasher, Salt};
use crate::format::frame;
use crate::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use crate::format::index_entry::{IndexEntry, Target};
use crate::format::segment_header::SegmentHeader;
use crate::metrics::ShardCounters;
use crate::segment::shared::{IndexView, Segment};
use crate::seq::SeqNo;

/// Returns a position at or before the record `seq` in `segment`, whose region is `region`.
pub(crate) fn by_seq(
    segment: &Segment,
    region: &CountedRegion,
    seq: SeqNo,
    counters: &ShardCounters,
) -> Result<u64, LogError> {
    let wanted = seq.since(segment.base);
    let found = segment.with_index(region, |index| {
        // Sequence numbers are nearly evenly spaced, so a guess by proportion lands close.
        search(&index, Some(wanted), |entry| {
            u64::from(entry.seq_offset) <= wanted
        })
    })?;
    Ok(match found {
        Ok(Some((_, entry))) => entry.position.into(),
        Ok(None) => SegmentHeader::data_start(),
        Err(Damaged) => without_index(counters),
    })
}

/// Returns a position at or before the first record in `segment` that is not older than `time_ms`, with
/// at most so many records between as lie between two entries of the index.
pub(crate) fn by_time(
    segment: &Segment,
    region: &CountedRegion,
    time_ms: u64,
    counters: &ShardCounters,
) -> Result<u64, LogError> {
    let header = segment.header()?;
    // Entry times are rounded down to a second, so there are entries that are too old even at the end
    // of their second, and entries that are not at its beginning. Between the two the records tell.
    let second_ms = |entry: &IndexEntry| {
        let since_ms = u64::from(entry.time_s).saturating_mul(1000);
        header.created_ms.saturating_add(since_ms)
    };
    let found = segment.with_index(region, |index| {
        let too_old = search(&index, None, |entry| {
            second_ms(entry).saturating_add(999) < time_ms
        })?;
        let low = too_old.map_or(0, |(at, _)| at.saturating_add(1));
        let mut high = low;
        // Mostly the next entry is of a later second.
        if index
            .entry(low)
            .is_some_and(|entry| second_ms(&entry) < time_ms)
        {
            let perhaps = search(&index, None, |entry| second_ms(entry) < time_ms)?;
            high = perhaps.map_or(low, |(at, _)| at.saturating_add(1));
        }
        Ok((too_old, low, high))
    })?;
    let (too_old, mut low, mut high) = match found {
        Ok(found) => found,
        Err(Damaged) => return Ok(without_index(counters)),
    };
    let mut position = too_old.map_or(SegmentHeader::data_start(), |(_, entry)| {
        entry.position.into()
    });
    while low < high {
        let middle = low.midpoint(high);
        // The lock on an active segment's index is not held while a record is read.
        let entry = segment.with_index(region, |index| index.entry(middle))?;
        match entry.and_then(|entry| Some((entry, time_at(segment, region, header.salt, &entry)?)))
        {
            Some((entry, record_ms)) if record_ms < time_ms => {
                position = entry.position.into();
                low = middle.saturating_add(1);
            }
            // A record that cannot be read is none to begin after. If it matters, it is met on the way.
            _ => high = middle,
        }
    }
    Ok(position)
}

/// Returns the arrival time of the record at which `entry` points, in ms, if it verifies.
fn time_at(
    segment: &Segment,
    region: &CountedRegion,
    salt: Salt,
    entry: &IndexEntry,
) -> Option<u64> {
    let durable_end = segment.durable_end().ok()?;
    let read = |start: u64, len: usize| {
        let end = start.checked_add(u64::try_from(len).ok()?)?;
        if end > durable_end {
            return None;
        }
        region.region.publish(durable_end);
        segment.populate(region, start..end).ok()?;
        region.region.view(start..end).ok()
    };
    let mut start = u64::from(entry.position);
    if entry.target == Target::Group {
        GroupHeader::decode(&read(start, GROUP_HEADER_BYTES)?, salt)?;
        start = start.checked_add(u64::try_from(GROUP_HEADER_BYTES).ok()?)?;
    }
    let head = read(start, frame::FRAME_HEADER_BYTES)?;
    let word = u32::from_le_bytes(*head.first_chunk()?);
    let bytes = read(start, frame::len_of(word))?;
    let frame = frame::decode(&bytes, &mut FrameHasher::new(salt)).ok()?;
    Some(frame.time_ms)
}

/// An index that does not verify is not needed: it only saves reading.
fn without_index(counters: &ShardCounters) -> u64 {
    counters.index_faults.add(1);
    SegmentHeader::data_start()
}

/// An entry did not verify.
#[derive(Debug)]
struct Damaged;

/// Returns the last entry for which `before` holds, and its place; it holds for a prefix. What is
/// `wanted`, if it is a sequence number, is looked for where it should be.
fn search(
    index: &IndexView<'_>,
    wanted: Option<u64>,
    before: impl Fn(&IndexEntry) -> bool,
) -> Result<Option<(usize, IndexEntry)>, Damaged> {
    let get = |at: usize| {
        index
            .entry(at)
            .filter(|entry| matches!(entry.target, Target::Group | Target::Record))
            .ok_or(Damaged)
    };
    // Invariant: `before` holds for all entries below `low`, of which the last is `found`, and for none
    // at `high` or above.
    let (mut low, mut high, mut found) = (0_usize, index.len(), None);
    let mut stride = 1_usize;
    let mut probe = match wanted {
        Some(wanted) if high > 8 => guess(wanted, &get(high.saturating_sub(1))?, high),
        _ => low.midpoint(high),
    };
    while low < high {
        let entry = get(probe)?;
        if before(&entry) {
            low = probe.saturating_add(1);
            found = Some((probe, entry));
        } else {
            high = probe;
        }
        // From the guess on, by steps that double, until both ends are known, then by halves.
        let is_near = wanted.is_some() && high.saturating_sub(low) > stride;
        probe = match found {
            Some(_) if is_near && high == index.len() => {
                low.saturating_add(stride).saturating_sub(1)
            }
            None if is_near => high.saturating_sub(stride),
            _ => low.midpoint(high),
        };
        stride = stride.saturating_mul(2);
    }
    Ok(found)
}

/// Returns at which of `len` entries the record `wanted` should be, of which `last` is the last.
fn guess(wanted: u64, last: &IndexEntry, len: usize) -> usize {
    let steps = u64::try_from(len.saturating_sub(1)).unwrap_or(u64::MAX);
    let at = wanted
        .saturating_mul(steps)
        .checked_div(u64::from(last.seq_offset).max(1))
        .unwrap_or(0);
    usize::try_from(at.min(steps)).unwrap_or(0)
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
                let scanned = entries.iter().rposition(before);
                let scanned = scanned.map(|at| (at, entries[at]));
                for proportional in [Some(wanted), None] {
                    let found = search(&index, proportional, before).unwrap();
                    assert_eq!(found, scanned);
                }
            }
        }
    }
}
