//! The one place that maps memory.
//!
//! # Why the slices handed out here are sound
//! * The map is read-only and lives as long as the [`Mapping`], which every view keeps alive.
//! * A [`Region`](crate::Region) passes on only ranges before the end that its owner published. The
//!   owner publishes an end when the bytes before it are written and synced, and from then on
//!   neither changes, cuts nor recycles them. So nobody in this process changes a byte behind a
//!   slice. (A recovery writes the bytes that it found over themselves: each stays what it was.)
//! * The lock on the data directory keeps other well-behaved processes from writing. One that
//!   ignores the lock can change bytes under a reader, as it can for any program that maps files.
//! * A published byte lies within the file, so an access is a signal only when its page is not in
//!   memory and the medium fails. [`Mapping::populate`] turns that into an error ahead of the access, for as
//!   long as the page then stays.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{Advice, MmapOptions, MmapRaw};

use crate::clock::Elapsed;

/// A read-only map of the start of a file, possibly longer than the file.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: MmapRaw,
    /// Whether the system tells this process which pages are in memory.
    tells_residency: bool,
    /// For each stretch of [`STRETCH_BYTES`], the tick in which it was last known to be in memory, or 0.
    known: Box<[AtomicU32]>,
}

/// How finely a mapping remembers what was populated, and the least that it populates.
const STRETCH_BYTES: usize = 64 << 10;
/// How long a tick is, in ms: so short, and so long that their number comes round after two years.
const TICK_MS: u128 = 16;
/// For how many ticks what was in memory counts as being there still: 80 to 96 ms.
const TICKS_KNOWN: u32 = 6;
/// The neighbourhood of a page, in the address space, that a fault brings into the map as far as it is in
/// memory. Source: `fault_around_bytes`, Linux, where it can be changed for debugging; another value
/// costs time and nothing else.
const AROUND_BYTES: usize = 64 << 10;
/// How many pages are asked for at a time. With pages of 4 KiB these are 4 MiB.
const PAGES_ASKED: usize = 1024;

impl Mapping {
    /// Maps the first `capacity` bytes of `file`.
    pub(super) fn new(file: &File, capacity: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(capacity).map_raw_read_only(file)?;
        // Of files of other users that this process may not write, it calls every page resident.
        // Source: mincore(2), Linux 5.2.
        let user = rustix::process::geteuid();
        let tells_residency = user.is_root() || file.metadata()?.uid() == user.as_raw();
        Ok(Self {
            map,
            tells_residency,
            known: (0..capacity.div_ceil(STRETCH_BYTES))
                .map(|_| AtomicU32::new(0))
                .collect(),
        })
    }

    /// Returns the bytes of `range`, or `None` if it is not within the map.
    ///
    /// Callers ask only for published ranges: see the module's text.
    #[expect(
        unsafe_code,
        reason = "turning a map into a slice; see the module's text"
    )]
    #[inline]
    pub(crate) fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        if range.start > range.end || range.end > self.map.len() {
            return None;
        }
        let start = self.map.as_ptr().wrapping_add(range.start);
        let len = range.end.saturating_sub(range.start);
        // SAFETY: the range is within the map (checked above), the map lives as long as `self`, and
        // the bytes are published, hence present in the file and never written again.
        Some(unsafe { std::slice::from_raw_parts(start, len) })
    }

    /// Brings the pages of `range` into memory, of which those before `limit` are published; a page that
    /// cannot be read is an error. What was there less than [`TICKS_KNOWN`] before `now` is left alone.
    pub(crate) fn populate(
        &self,
        range: &Range<usize>,
        limit: usize,
        now: Elapsed,
    ) -> io::Result<()> {
        let tick = tick_of(now);
        let Some(unknown) = self.unknown(range, tick) else {
            return Ok(());
        };
        let start = unknown.start.saturating_mul(STRETCH_BYTES);
        let end = unknown.end.saturating_mul(STRETCH_BYTES).min(limit);
        // Once they were here, their pages are likely to be in this map.
        let is_returning = self.stretches(&unknown).all(|seen| seen != 0);
        if self.bring_in(&(start..end), is_returning)? {
            // Also of the stretch that is published in part: what is published there next was in memory
            // until it was synced, which is later than this.
            for stretch in self.known.get(unknown).unwrap_or_default() {
                stretch.store(tick, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Returns the stretches of `range` from the first to the last that is not known to be in memory;
    /// `None` if all are.
    fn unknown(&self, range: &Range<usize>, tick: u32) -> Option<Range<usize>> {
        let first = range.start.checked_div(STRETCH_BYTES)?;
        let all = first..range.end.div_ceil(STRETCH_BYTES);
        let is_unknown = |seen: &u32| *seen == 0 || tick.wrapping_sub(*seen) >= TICKS_KNOWN;
        let start = self.stretches(&all).position(|seen| is_unknown(&seen))?;
        let end = self.stretches(&all).rposition(|seen| is_unknown(&seen))?;
        Some(first.saturating_add(start)..first.saturating_add(end).saturating_add(1))
    }

    /// Returns when each of the `stretches` was last known to be in memory.
    fn stretches(
        &self,
        stretches: &Range<usize>,
    ) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator {
        let known = self.known.get(stretches.clone()).unwrap_or_default();
        known.iter().map(|stretch| stretch.load(Ordering::Relaxed))
    }

    /// Brings `range` into memory; returns whether it is certain that it got there.
    fn bring_in(&self, range: &Range<usize>, is_returning: bool) -> io::Result<bool> {
        // To populate pages that are in memory takes a third as long as reading and verifying them,
        // as the system looks at each on its own. Asking whether they are there does not; but where they
        // are not in this map yet, each would cost a fault afterwards, unless its neighbours bring it
        // along.
        if self.tells_residency
            && (is_returning || self.bring_along(range))
            && self.is_resident(range.clone())
        {
            return Ok(true);
        }
        match self.populate_each(range) {
            Ok(()) => Ok(true),
            // Linux before 5.14 does not know the advice; reading ahead is what it can do.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let len = range.end.saturating_sub(range.start);
                self.map.advise_range(Advice::WillNeed, range.start, len)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn populate_each(&self, range: &Range<usize>) -> io::Result<()> {
        let len = range.end.saturating_sub(range.start);
        self.map
            .advise_range(Advice::PopulateRead, range.start, len)
    }

    /// Populates one page of each [`AROUND_BYTES`] of `range`, with which its neighbours come into the map
    /// if they are in memory; returns whether it is worth asking if all are.
    fn bring_along(&self, range: &Range<usize>) -> bool {
        if range.end.saturating_sub(range.start) <= AROUND_BYTES {
            return false;
        }
        let address = self.map.as_ptr().addr();
        let mut start = range.start;
        while start < range.end {
            let to_next = AROUND_BYTES.saturating_sub(address.saturating_add(start) % AROUND_BYTES);
            let end = start.saturating_add(to_next).min(range.end);
            // An error is found again by who populates all of it. And if what is first is not in memory,
            // the rest is hardly: then all is read in one go.
            if self
                .populate_each(&(start..start.saturating_add(1)))
                .is_err()
                || (start == range.start && !self.is_resident(start..end))
            {
                return false;
            }
            start = end;
        }
        true
    }

    /// Returns whether all pages of `range` are in memory; `false` if the system does not say.
    ///
    /// That they stay there until they are read is no more certain than after populating them.
    #[expect(unsafe_code, reason = "the system writes its answer to a buffer")]
    fn is_resident(&self, range: Range<usize>) -> bool {
        let page = rustix::param::page_size();
        let end = range.end.min(self.map.len());
        let mut start = range
            .start
            .checked_div(page)
            .unwrap_or(0)
            .saturating_mul(page);
        while start < end {
            let asked = PAGES_ASKED
                .saturating_mul(page)
                .min(end.saturating_sub(start));
            let pages = asked.div_ceil(page);
            let mut answers = [0_u8; PAGES_ASKED];
            let address = self.map.as_mut_ptr().wrapping_add(start);
            // SAFETY: the call reads no memory of the process and writes one byte a page to
            // `answers`: `pages` is at most its length, since `asked` is at most `PAGES_ASKED` pages.
            // The address is that of a page, and what follows it is within the map or its last page.
            let told = unsafe { libc::mincore(address.cast(), asked, answers.as_mut_ptr()) };
            let all = answers.iter().take(pages).all(|answer| answer & 1 == 1);
            if told != 0 || !all {
                return false;
            }
            start = start.saturating_add(asked);
        }
        true
    }
}

/// Returns the tick in which `now` lies; never 0.
fn tick_of(now: Elapsed) -> u32 {
    let ticks = now.0.as_millis().checked_div(TICK_MS).unwrap_or(0);
    let ticks = ticks % u128::from(u32::MAX);
    u32::try_from(ticks).unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    impl Mapping {
        /// Populates `range` whatever is known of it.
        fn populate_anew(&self, range: Range<usize>) {
            self.bring_in(&range, false).unwrap();
        }
    }

    /// A map of a file that is one hole, of which nothing was read yet.
    fn hole(pages: usize) -> (Mapping, usize) {
        let file = tempfile::tempfile().unwrap();
        let page = rustix::param::page_size();
        file.set_len((pages * page) as u64).unwrap();
        (Mapping::new(&file, pages * page).unwrap(), page)
    }

    #[test]
    fn pages_are_resident_once_they_were_populated_and_not_before() {
        let pages = PAGES_ASKED * 2 + 3;
        let (map, page) = hole(pages);
        let all = 0..pages * page;
        assert!(!map.is_resident(all.clone()));
        assert!(!map.is_resident(page..page + 1));
        assert!(map.is_resident(0..0));
        map.populate_anew(all.clone());
        assert!(map.is_resident(all.clone()));
        assert!(map.is_resident(page + 1..page * 3 - 1));
    }

    #[test]
    fn one_absent_page_anywhere_is_noticed() {
        let pages = PAGES_ASKED * 2;
        for absent in [0, 1, PAGES_ASKED - 1, PAGES_ASKED, pages - 1] {
            let (map, page) = hole(pages);
            // Reading ahead would bring in the page that is to be absent.
            map.map.advise(Advice::Random).unwrap();
            map.populate_anew(0..absent * page);
            map.populate_anew((absent + 1) * page..pages * page);
            assert!(!map.is_resident(0..pages * page), "page {absent}");
            assert!(!map.is_resident(absent * page + 7..absent * page + 8));
            map.populate_anew(0..pages * page);
            assert!(map.is_resident(0..pages * page));
        }
    }

    fn at_ms(ms: u64) -> Elapsed {
        Elapsed(Duration::from_millis(ms))
    }

    #[test]
    fn what_was_in_memory_a_moment_ago_is_known_for_another_moment() {
        let page = rustix::param::page_size();
        let stretch = STRETCH_BYTES / page;
        let (map, _) = hole(stretch * 8);
        let limit = STRETCH_BYTES * 8;
        for now_ms in [0, 1007, 1 << 40] {
            let unknown =
                |range: Range<usize>, ms| map.unknown(&range, tick_of(at_ms(now_ms + ms)));
            // One byte of a stretch stands for all of it.
            let asked = STRETCH_BYTES * 2 + 5..STRETCH_BYTES * 3 + 6;
            assert_eq!(unknown(asked.clone(), 0), Some(2..4));
            map.populate(&asked, limit, at_ms(now_ms)).unwrap();
            assert!(map.is_resident(STRETCH_BYTES * 2..STRETCH_BYTES * 4));
            for ms in [0, 79] {
                assert_eq!(unknown(asked.clone(), ms), None);
                assert_eq!(unknown(STRETCH_BYTES * 2..STRETCH_BYTES * 4, ms), None);
                assert_eq!(unknown(0..STRETCH_BYTES * 2 + 1, ms), Some(0..2));
                assert_eq!(unknown(0..limit, ms), Some(0..8));
                assert_eq!(unknown(STRETCH_BYTES * 3..limit, ms), Some(4..8));
            }
            assert_eq!(unknown(asked.clone(), 96), Some(2..4));
        }
    }

    #[test]
    fn nothing_past_the_limit_is_populated() {
        let page = rustix::param::page_size();
        let (map, _) = hole(STRETCH_BYTES / page * 2);
        map.map.advise(Advice::Random).unwrap();
        map.populate(&(0..page), page * 2, at_ms(1)).unwrap();
        assert!(map.is_resident(0..page * 2));
        assert!(!map.is_resident(page * 2..STRETCH_BYTES * 2));
    }

    #[test]
    fn what_is_in_memory_and_not_in_the_map_is_brought_along() {
        let file = tempfile::tempfile().unwrap();
        let len = AROUND_BYTES * 8 + 123;
        file.set_len(len as u64).unwrap();
        let first = Mapping::new(&file, len).unwrap();
        first.populate_anew(0..len);
        let second = Mapping::new(&file, len).unwrap();
        assert!(second.bring_along(&(777..len)));
        assert!(second.is_resident(0..len));
        assert!(!second.bring_along(&(0..AROUND_BYTES)), "not worth it");
    }

    #[test]
    fn ticks_begin_at_one_and_come_round_to_it() {
        let two_years = u64::from(u32::MAX) * 16;
        for (ms, tick) in [
            (0, 1),
            (15, 1),
            (16, 2),
            (two_years - 1, u32::MAX),
            (two_years, 1),
        ] {
            assert_eq!(tick_of(at_ms(ms)), tick, "{ms} ms");
        }
    }
}
