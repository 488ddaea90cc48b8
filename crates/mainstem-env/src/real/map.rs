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
//! * A published byte lies within the file, so an access faults only when the medium fails.
//!   [`Mapping::populate`] turns that into an error ahead of the access.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{Advice, MmapOptions, MmapRaw};

/// A read-only map of the start of a file, possibly longer than the file.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: MmapRaw,
    /// Whether the system tells this process which pages are in memory.
    tells_residency: bool,
    /// A bit for each stretch of [`STRETCH_BYTES`] of which something was populated.
    visited: Box<[AtomicU64]>,
}

/// How finely a mapping remembers what was populated.
const STRETCH_BYTES: usize = 256 << 10;
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
            visited: (0..capacity.div_ceil(STRETCH_BYTES).div_ceil(64))
                .map(|_| AtomicU64::new(0))
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

    /// Brings the pages of `range` into memory; a page that cannot be read is an error.
    pub(crate) fn populate(&self, range: Range<usize>) -> io::Result<()> {
        // To populate pages again that are there takes a third as long as reading and verifying
        // them; asking whether they are there does not. It does for pages that were never in this
        // map, which then cost a fault each, too.
        if self.tells_residency && self.visit(&range) && self.is_resident(range.clone()) {
            return Ok(());
        }
        let len = range.end.saturating_sub(range.start);
        match self
            .map
            .advise_range(Advice::PopulateRead, range.start, len)
        {
            // Linux before 5.14 does not know the advice; reading ahead is what it can do.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.map.advise_range(Advice::WillNeed, range.start, len)
            }
            other => other,
        }
    }

    /// Returns whether all of `range` was visited before, at the coarseness of stretches.
    ///
    /// An answer is a guess at what is the quicker way, and nothing depends on its being right.
    fn visit(&self, range: &Range<usize>) -> bool {
        let first = range.start.checked_div(STRETCH_BYTES).unwrap_or(0);
        let last = range.end.div_ceil(STRETCH_BYTES);
        (first..last).fold(true, |all, stretch| {
            let bit = 1_u64 << (stretch % 64);
            let word = stretch.checked_div(64).and_then(|at| self.visited.get(at));
            let before = word.map_or(0, |word| word.fetch_or(bit, Ordering::Relaxed));
            all && before & bit != 0
        })
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

#[cfg(test)]
mod tests {
    use super::*;

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
        map.populate(all.clone()).unwrap();
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
            map.populate(0..absent * page).unwrap();
            map.populate((absent + 1) * page..pages * page).unwrap();
            assert!(!map.is_resident(0..pages * page), "page {absent}");
            assert!(!map.is_resident(absent * page + 7..absent * page + 8));
            map.populate(0..pages * page).unwrap();
            assert!(map.is_resident(0..pages * page));
        }
    }
}
