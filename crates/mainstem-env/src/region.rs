//! The read path: regions of files and views of regions.

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::{fmt, io};

use crate::clock::Elapsed;
use crate::fs::File;
use crate::real::Mapping;

/// A read-only window over the start of a file, of which only a published prefix may be read.
///
/// # Invariants
/// The owner publishes an end only when the bytes before it are in the file and will never change
/// or be cut off again. That is what makes handing out plain slices of them sound.
#[derive(Debug)]
pub struct Region {
    source: Source,
    capacity: u64,
    end: AtomicU64,
    watch: Option<Arc<dyn Watch>>,
}

/// Somebody who is told of each end before it is published, and lives as long as any view.
pub(crate) trait Watch: Send + Sync + fmt::Debug {
    /// The owner is about to publish `end`.
    fn publishing(&self, end: u64);
}

#[derive(Debug)]
enum Source {
    Mapped(Arc<Mapping>),
    Buffered(Arc<dyn File>),
}

impl Region {
    /// Returns a region whose views share `mapping`.
    pub(crate) fn mapped(mapping: Mapping, capacity: u64) -> Self {
        Self {
            source: Source::Mapped(Arc::new(mapping)),
            capacity,
            end: AtomicU64::new(0),
            watch: None,
        }
    }

    /// Returns a region whose views are read from `file`, each into memory of its own.
    pub fn buffered(file: Arc<dyn File>, capacity: u64) -> Self {
        Self {
            source: Source::Buffered(file),
            capacity,
            end: AtomicU64::new(0),
            watch: None,
        }
    }

    /// As [`Region::buffered`], under the eyes of `watch`.
    pub(crate) fn watched(file: Arc<dyn File>, capacity: u64, watch: Arc<dyn Watch>) -> Self {
        Self {
            watch: Some(watch),
            ..Self::buffered(file, capacity)
        }
    }

    /// Makes the bytes before `end` readable. A smaller end than before changes nothing.
    pub fn publish(&self, end: u64) {
        if let Some(watch) = &self.watch {
            watch.publishing(end.min(self.capacity));
        }
        let end = end.min(self.capacity);
        // Readers publish what they know, too, and mostly it is known: they need not contend for it.
        if end > self.end() {
            // Partner of the load in `end`: a reader that sees the new end also sees the bytes.
            self.end.fetch_max(end, Ordering::Release);
        }
    }

    /// Returns the exclusive end of what may be read.
    pub fn end(&self) -> u64 {
        // Partner of the store in `publish`.
        self.end.load(Ordering::Acquire)
    }

    /// Returns whether a view costs a read and a copy; a caller then asks for no more than it needs.
    pub fn copies(&self) -> bool {
        matches!(self.source, Source::Buffered(_))
    }

    /// Returns the bytes of `range`.
    ///
    /// # Errors
    /// `InvalidInput` if the range is not within the published prefix; `UnexpectedEof` if the file is
    /// shorter than was published; the system's error if the bytes cannot be read.
    pub fn view(&self, range: Range<u64>) -> io::Result<View> {
        if range.start > range.end || range.end > self.end() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "bytes {}..{} of {} readable",
                    range.start,
                    range.end,
                    self.end()
                ),
            ));
        }
        let (start, end) = (to_usize(range.start)?, to_usize(range.end)?);
        match &self.source {
            Source::Mapped(mapping) => Ok(View {
                bytes: Bytes::Mapped(Arc::clone(mapping)),
                start,
                end,
            }),
            Source::Buffered(file) => {
                let mut bytes = vec![0; end.saturating_sub(start)];
                let len = bytes.len();
                if file.read_at(&mut bytes, range.start)? != len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(View {
                    bytes: Bytes::Owned(Arc::new(Copied {
                        bytes,
                        _watch: self.watch.clone(),
                    })),
                    start: 0,
                    end: len,
                })
            }
        }
    }

    /// Returns a way to ask later whether anybody still holds this region's memory. A region that
    /// copies has no memory of its own, so nobody ever does.
    pub fn holders(&self) -> Holders {
        match &self.source {
            Source::Mapped(mapping) => Holders(Arc::downgrade(mapping)),
            Source::Buffered(_) => Holders(Weak::new()),
        }
    }

    /// Brings the bytes of `range` into memory, so that a later access does not wait for the disk
    /// and a bad sector is an error here instead of a signal there.
    ///
    /// What this region brought there, or found there, in the 80 ms before `now` is taken to be there still.
    /// `now` is the elapsed time, by the same clock in every call.
    ///
    /// # Errors
    /// The system's error. A region that copies needs no such call and always answers `Ok`.
    pub fn populate(&self, range: Range<u64>, now: Elapsed) -> io::Result<()> {
        match &self.source {
            Source::Mapped(mapping) => {
                let limit = self.end();
                let end = range.end.min(limit);
                if range.start >= end {
                    return Ok(());
                }
                let range = to_usize(range.start)?..to_usize(end)?;
                mapping.populate(&range, to_usize(limit)?, now)
            }
            Source::Buffered(_) => Ok(()),
        }
    }
}

fn to_usize(position: u64) -> io::Result<usize> {
    usize::try_from(position).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Tells whether the memory of a [`Region`] is still held, by the region or by a view.
#[derive(Clone, Debug)]
pub struct Holders(Weak<Mapping>);

impl Holders {
    /// Returns whether anybody still holds the memory.
    pub fn any(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// A slice of a [`Region`] that keeps the region's memory alive. Cloning it copies no bytes.
#[derive(Clone)]
pub struct View {
    bytes: Bytes,
    start: usize,
    end: usize,
}

#[derive(Clone)]
enum Bytes {
    Mapped(Arc<Mapping>),
    Owned(Arc<Copied>),
}

struct Copied {
    bytes: Vec<u8>,
    /// Stands for the map that a view of a mapped region would keep.
    _watch: Option<Arc<dyn Watch>>,
}

impl View {
    /// Returns the bytes of this view in `range`, or `None` if the range is not within it: as `get` of
    /// the slice that this is, in fewer steps.
    #[inline]
    pub fn part(&self, range: Range<usize>) -> Option<&[u8]> {
        let start = self.start.checked_add(range.start)?;
        let end = self.start.checked_add(range.end)?;
        if end > self.end {
            return None;
        }
        match &self.bytes {
            Bytes::Mapped(mapping) => mapping.bytes(start..end),
            Bytes::Owned(copied) => copied.bytes.get(start..end),
        }
    }

    /// Returns the part of this view in `range`, or `None` if the range is not within it.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let start = self.start.checked_add(range.start)?;
        let end = self.start.checked_add(range.end)?;
        (start <= end && end <= self.end).then(|| Self {
            bytes: self.bytes.clone(),
            start,
            end,
        })
    }
}

impl Deref for View {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let bytes = match &self.bytes {
            Bytes::Mapped(mapping) => mapping.bytes(self.start..self.end),
            Bytes::Owned(copied) => copied.bytes.get(self.start..self.end),
        };
        debug_assert!(bytes.is_some(), "a view is always within its region");
        bytes.unwrap_or_default()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({} bytes)", self.end.saturating_sub(self.start))
    }
}
