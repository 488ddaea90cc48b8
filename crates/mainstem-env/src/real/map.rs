//! The one place that maps memory.
//!
//! # Why the slices handed out here are sound
//! * The map is read-only and lives as long as the [`Mapping`], which every view keeps alive.
//! * A [`Region`](crate::Region) passes on only ranges before the end that its owner published. The
//!   owner publishes an end when the bytes before it are written and synced, and from then on
//!   neither writes, cuts nor recycles them. So nobody in this process changes a byte behind a slice.
//! * The lock on the data directory keeps other well-behaved processes from writing. One that
//!   ignores the lock can change bytes under a reader, as it can for any program that maps files.
//! * A published byte lies within the file, so an access faults only when the medium fails.
//!   [`Mapping::populate`] turns that into an error ahead of the access.

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{Advice, MmapOptions, MmapRaw};

/// A read-only map of the start of a file, possibly longer than the file.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: MmapRaw,
}

impl Mapping {
    /// Maps the first `capacity` bytes of `file`.
    pub(super) fn new(file: &File, capacity: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(capacity).map_raw_read_only(file)?;
        Ok(Self { map })
    }

    /// Returns the bytes of `range`, or `None` if it is not within the map.
    ///
    /// Callers ask only for published ranges: see the module's text.
    #[expect(
        unsafe_code,
        reason = "turning a map into a slice; see the module's text"
    )]
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
}
