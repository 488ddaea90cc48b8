//! One segment as readers see it: an immutable prefix of a file that may still grow.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mainstem_env::{OpenMode, View};

use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::{CountedRegion, Files};
use crate::format::footer::{FOOTER_BYTES, Footer, FooterError};
use crate::format::index_entry::{INDEX_ENTRY_BYTES, IndexEntry};
use crate::format::segment_header::{HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::limits::INDEX_STRIDE_BYTES;
use crate::segment::prewrite::Claim;
use crate::seq::SeqNo;
use crate::sync::Mutex;

/// A segment file, sealed or active.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) base: SeqNo,
    shard_hash: u32,
    files: Arc<Files>,
    /// Read on first use for a segment that an orderly close left behind.
    header: OnceLock<SegmentHeader>,
    sealed: OnceLock<Footer>,
    /// The exclusive end of the durable groups; 0 until known.
    durable_end: AtomicU64,
    /// The arrival times of the first and last record, in ms; 0 until there is one.
    oldest_ms: AtomicU64,
    newest_ms: AtomicU64,
    capacity: AtomicU64,
    region: Mutex<Option<Arc<CountedRegion>>>,
    /// The index of an active segment; a sealed one's is in its file.
    index: Mutex<Vec<IndexEntry>>,
    /// What of the space ahead is being filled with zeros, while the segment is active.
    pub(crate) claim: Arc<Claim>,
}

/// Returns how long a file can get whose data may end at `data_end`.
pub(crate) fn capacity_for(data_end: u64) -> u64 {
    let entries = data_end.div_ceil(INDEX_STRIDE_BYTES).saturating_add(2);
    let index = entries.saturating_mul(bytes_u64(INDEX_ENTRY_BYTES));
    data_end
        .saturating_add(index)
        .saturating_add(bytes_u64(FOOTER_BYTES))
}

fn bytes_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Segment {
    /// Returns a segment whose header and footer are read when they are first needed.
    pub(crate) fn unread(path: PathBuf, base: SeqNo, shard_hash: u32, files: Arc<Files>) -> Self {
        Self {
            path,
            base,
            shard_hash,
            files,
            header: OnceLock::new(),
            sealed: OnceLock::new(),
            durable_end: AtomicU64::new(0),
            oldest_ms: AtomicU64::new(0),
            newest_ms: AtomicU64::new(0),
            capacity: AtomicU64::new(0),
            region: Mutex::new(None),
            index: Mutex::new(Vec::new()),
            claim: Arc::new(Claim::new()),
        }
    }

    /// Returns the active segment that has `header` and is to grow to `data_bytes_max`.
    pub(crate) fn active(
        path: PathBuf,
        header: SegmentHeader,
        data_bytes_max: u64,
        files: Arc<Files>,
    ) -> Self {
        let segment = Self::unread(path, header.base, header.shard_hash, files);
        segment
            .capacity
            .store(capacity_for(data_bytes_max), Ordering::Relaxed);
        segment
            .durable_end
            .store(SegmentHeader::data_start(), Ordering::Release);
        let _unset = segment.header.set(header);
        segment
    }

    /// Returns the segment's header.
    pub(crate) fn header(&self) -> Result<&SegmentHeader, LogError> {
        self.load()?;
        self.header
            .get()
            .ok_or_else(|| LogError::corrupt(&self.path, 0, "segment header"))
    }

    /// Returns the footer if the segment is sealed.
    pub(crate) fn footer(&self) -> Result<Option<&Footer>, LogError> {
        self.load()?;
        Ok(self.sealed.get())
    }

    /// Reads header and footer, unless they are known.
    fn load(&self) -> Result<(), LogError> {
        if self.header.get().is_some() {
            return Ok(());
        }
        let open = self.files.env.fs.open(&self.path, OpenMode::Read);
        let file = open.map_err(LogError::io("open", &self.path))?;
        let len = file.len().map_err(LogError::io("measure", &self.path))?;
        let header = read_header(&*file, &self.path, self.base, self.shard_hash)?;
        let footer_at = len.saturating_sub(bytes_u64(FOOTER_BYTES));
        let footer = read_footer(&*file, &self.path, &header)?.ok_or_else(|| {
            LogError::corrupt(&self.path, footer_at, "footer of a sealed segment")
        })?;
        self.set_sealed(header, footer, len);
        Ok(())
    }

    /// Makes this the sealed segment with `header` and `footer`, `len` bytes long.
    pub(crate) fn set_sealed(&self, header: SegmentHeader, footer: Footer, len: u64) {
        self.capacity.fetch_max(len, Ordering::Relaxed);
        self.oldest_ms.store(footer.oldest_ms, Ordering::Relaxed);
        self.newest_ms.store(footer.newest_ms, Ordering::Relaxed);
        self.durable_end
            .store(u64::from(footer.data_end), Ordering::Release);
        let _known = self.sealed.set(footer);
        let _known = self.header.set(header);
        *self.index.lock() = Vec::new();
    }

    /// Lets readers see the bytes before `end`, which are durable; `entries` point into them.
    pub(crate) fn publish(&self, end: u64, oldest_ms: u64, newest_ms: u64, entries: &[IndexEntry]) {
        if !entries.is_empty() {
            self.index.lock().extend_from_slice(entries);
        }
        self.oldest_ms.store(oldest_ms, Ordering::Relaxed);
        self.newest_ms.store(newest_ms, Ordering::Relaxed);
        // Partner of the load in `durable_end`.
        self.durable_end.store(end, Ordering::Release);
    }

    /// Returns the exclusive end of the durable groups.
    pub(crate) fn durable_end(&self) -> Result<u64, LogError> {
        self.load()?;
        // Partner of the stores in `publish` and `set_sealed`.
        Ok(self.durable_end.load(Ordering::Acquire))
    }

    /// Returns whether the segment holds a record.
    pub(crate) fn has_records(&self) -> Result<bool, LogError> {
        Ok(self.durable_end()? > SegmentHeader::data_start())
    }

    /// Returns the arrival times of the first and the last record, in ms.
    pub(crate) fn times_ms(&self) -> Result<Option<(u64, u64)>, LogError> {
        if !self.has_records()? {
            return Ok(None);
        }
        let oldest = self.oldest_ms.load(Ordering::Relaxed);
        Ok(Some((oldest, self.newest_ms.load(Ordering::Relaxed))))
    }

    /// Returns the region of the file, opening it if needed, with all that is durable readable.
    pub(crate) fn region(&self) -> Result<Arc<CountedRegion>, LogError> {
        let durable_end = self.durable_end()?;
        let mut slot = self.region.lock();
        let region = match &*slot {
            Some(region) => Arc::clone(region),
            None => {
                let capacity = self.capacity.load(Ordering::Relaxed);
                let region = Arc::new(self.files.region(&self.path, capacity)?);
                *slot = Some(Arc::clone(&region));
                region
            }
        };
        drop(slot);
        let readable = match self.sealed.get() {
            Some(_) => self.capacity.load(Ordering::Relaxed).min(self.sealed_len()),
            None => durable_end,
        };
        region.region.publish(readable);
        Ok(region)
    }

    /// Returns the length of a sealed segment's file.
    fn sealed_len(&self) -> u64 {
        self.sealed.get().map_or(0, |footer| {
            let entries = u64::from(footer.index_entries);
            u64::from(footer.data_end)
                .saturating_add(entries.saturating_mul(bytes_u64(INDEX_ENTRY_BYTES)))
                .saturating_add(bytes_u64(FOOTER_BYTES))
        })
    }

    /// Returns how many bytes the segment takes up, space that is only reserved left out.
    pub(crate) fn stored_bytes(&self) -> Result<u64, LogError> {
        Ok(self.durable_end()?.max(self.sealed_len()))
    }

    /// Closes the region; whoever still uses it keeps it, and it is opened again when needed.
    pub(crate) fn close_region(&self) {
        *self.region.lock() = None;
    }

    /// Closes the region if nobody but this segment and one other holds it, for a reader that leaves a
    /// sealed segment behind: not every segment of a long log has to stay open.
    pub(crate) fn close_region_behind(&self, held: &Arc<CountedRegion>) {
        let mut slot = self.region.lock();
        if slot
            .as_ref()
            .is_some_and(|region| Arc::ptr_eq(region, held))
            && Arc::strong_count(held) <= 2
        {
            *slot = None;
        }
    }

    /// Returns the open region, if there is one.
    pub(crate) fn open_region(&self) -> Option<Arc<CountedRegion>> {
        self.region.lock().clone()
    }

    /// Brings the bytes of `range` into memory, as far as they are published in `region`.
    pub(crate) fn populate(
        &self,
        region: &CountedRegion,
        range: Range<u64>,
    ) -> Result<(), LogError> {
        if region.region.copies() {
            return Ok(());
        }
        let now = self.files.env.clock.elapsed();
        let populated = region.region.populate(range, now);
        populated.map_err(LogError::io("read", &self.path))
    }

    /// Runs `search` over the segment's index, of which a sealed segment's is read by way of `region`.
    pub(crate) fn with_index<T>(
        &self,
        region: &CountedRegion,
        search: impl FnOnce(IndexView<'_>) -> T,
    ) -> Result<T, LogError> {
        let Some(footer) = self.footer()? else {
            return Ok(search(IndexView::Memory(&self.index.lock())));
        };
        let salt = self.header()?.salt;
        let start = u64::from(footer.data_end);
        let end = self.sealed_len().saturating_sub(bytes_u64(FOOTER_BYTES));
        // It may have been sealed since the region was asked for.
        region.region.publish(self.sealed_len());
        // Once for each map: where the medium fails, the first touch would be a signal.
        if !region.index_populated.load(Ordering::Relaxed) {
            self.populate(region, start..end)?;
            region.index_populated.store(true, Ordering::Relaxed);
        }
        let block: View = region
            .region
            .view(start..end)
            .map_err(LogError::io("read the index of", &self.path))?;
        Ok(search(IndexView::Block(&block, salt)))
    }

    /// Returns the entries of an active segment's index, for sealing it.
    pub(crate) fn index_entries(&self) -> Vec<IndexEntry> {
        self.index.lock().clone()
    }

    /// Sets the index of an active segment.
    pub(crate) fn set_index(&self, entries: Vec<IndexEntry>) {
        *self.index.lock() = entries;
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The entries of a segment's index, in order of position.
#[derive(Debug)]
pub(crate) enum IndexView<'a> {
    Memory(&'a [IndexEntry]),
    Block(&'a [u8], crate::format::checksum::Salt),
}

impl IndexView<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(entries) => entries.len(),
            Self::Block(block, _) => block.len() / INDEX_ENTRY_BYTES,
        }
    }

    /// Returns entry `at`; `None` if there is none or it does not verify.
    pub(crate) fn entry(&self, at: usize) -> Option<IndexEntry> {
        match self {
            Self::Memory(entries) => entries.get(at).copied(),
            Self::Block(block, salt) => {
                let start = at.checked_mul(INDEX_ENTRY_BYTES)?;
                IndexEntry::decode(block.get(start..)?, *salt)
            }
        }
    }
}

/// Reads the header of the segment at `path` and checks that it belongs there.
pub(crate) fn read_header(
    file: &dyn mainstem_env::File,
    path: &Path,
    base: SeqNo,
    shard_hash: u32,
) -> Result<SegmentHeader, LogError> {
    let mut block = [0; SEGMENT_HEADER_BYTES];
    let read = file
        .read_at(&mut block, 0)
        .map_err(LogError::io("read", path))?;
    if read < block.len() {
        return Err(LogError::corrupt(
            path,
            0,
            "file shorter than a segment header",
        ));
    }
    let header = SegmentHeader::decode(&block).map_err(|error| match error {
        HeaderError::Invalid => LogError::corrupt(path, 0, error.to_string()),
        HeaderError::NewerVersion(_) | HeaderError::Unsupported { .. } => LogError::Unsupported {
            path: path.to_path_buf(),
            what: error.to_string(),
        },
    })?;
    // A file that was renamed, or put into another shard's directory, must not pass for one of ours.
    if header.base != base {
        let what = format!(
            "base sequence number {} under the name of {base}",
            header.base
        );
        return Err(LogError::corrupt(path, 16, what));
    }
    if header.shard_hash != shard_hash && !is_planted(Defect::ForeignSegmentTaken) {
        return Err(LogError::corrupt(path, 52, "segment of another shard"));
    }
    Ok(header)
}

/// Reads the footer of the segment at `path`; `None` if it has none that fits the file.
pub(crate) fn read_footer(
    file: &dyn mainstem_env::File,
    path: &Path,
    header: &SegmentHeader,
) -> Result<Option<Footer>, LogError> {
    let len = file.len().map_err(LogError::io("measure", path))?;
    let Some(at) = len.checked_sub(bytes_u64(FOOTER_BYTES)) else {
        return Ok(None);
    };
    let mut block = [0; FOOTER_BYTES];
    let read = file
        .read_at(&mut block, at)
        .map_err(LogError::io("read", path))?;
    if read != block.len() {
        return Ok(None);
    }
    let footer = match Footer::decode(&block, header.salt) {
        Ok(footer) => Some(footer),
        Err(error @ FooterError::Unsupported(_)) => {
            return Err(LogError::Unsupported {
                path: path.to_path_buf(),
                what: error.to_string(),
            });
        }
        Err(FooterError::Invalid) => None,
    };
    Ok(footer.filter(|footer| {
        let index = u64::from(footer.index_entries).saturating_mul(bytes_u64(INDEX_ENTRY_BYTES));
        u64::from(footer.data_end).saturating_add(index) == at
            && (footer.records > 0) == (u64::from(footer.data_end) > SegmentHeader::data_start())
    }))
}
