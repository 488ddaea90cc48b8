//! One simulated file: what readers see, what the disk is sure to have, and what is in between.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::pages::{
    PAGE, Page, PageSet, Pages, SECTORS_PER_PAGE, copy_into, page_start, pages_for, sector_mask,
    sector_range, spans, to_u64, to_usize,
};

/// A file.
///
/// # Invariants
/// Bytes past a length are zeros in the pages that belong to it. Orphaned versions come before all
/// others of their page.
#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    pub(super) cache: Pages,
    pub(super) len: u64,
    pub(super) durable: Pages,
    pub(super) durable_len: u64,
    pub(super) pending: BTreeMap<u64, Vec<PageVersion>>,
    pub(super) pending_lens: Vec<LenVersion>,
    pub(super) blocks: PageSet,
    /// Blocks that were taken since the last sync: the disk may show anything there.
    pub(super) fresh: PageSet,
    /// One past the operation that last changed more than contents; 0 if none did.
    pub(super) metadata_end: u64,
}

/// A page as it was after a write that is not synced.
#[derive(Clone, Debug)]
pub(super) struct PageVersion {
    pub(super) index: u64,
    pub(super) page: Arc<Page>,
    /// The sectors that the write touched.
    pub(super) mask: u8,
    /// The first sector of the whole write, counted from the start of the file; none if it was cut.
    pub(super) first_sector: Option<u64>,
    /// Whether the write moved the end of the file past this page's start.
    pub(super) extends: bool,
    /// Whether a failed sync marked it clean.
    pub(super) orphaned: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LenVersion {
    pub(super) index: u64,
    pub(super) len: u64,
    pub(super) by_write: bool,
    pub(super) orphaned: bool,
}

impl FileState {
    pub(super) fn created(index: u64) -> Self {
        Self {
            metadata_end: index.saturating_add(1),
            ..Self::default()
        }
    }

    pub(super) fn durable(bytes: &[u8]) -> Self {
        let mut pages = Pages::default();
        pages.write(bytes, 0);
        let len = to_u64(bytes.len());
        let mut blocks = PageSet::default();
        blocks.insert(0..pages_for(len));
        Self::settled(pages, len, blocks)
    }

    pub(super) fn settled(pages: Pages, len: u64, blocks: PageSet) -> Self {
        Self {
            cache: pages.clone(),
            len,
            durable: pages,
            durable_len: len,
            blocks,
            ..Self::default()
        }
    }

    /// Returns the file as it is after everything reached the disk.
    pub(super) fn flushed(self: &Arc<Self>) -> Arc<Self> {
        if self.is_settled() {
            return Arc::clone(self);
        }
        let (pages, blocks) = (self.cache.clone(), self.blocks.clone());
        Arc::new(Self::settled(pages, self.len, blocks))
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Returns how many blocks the file takes.
    pub(super) fn block_count(&self) -> u64 {
        self.blocks.count()
    }

    /// Returns how many blocks the file would take in addition to hold `range`.
    pub(super) fn blocks_missing(&self, range: Range<u64>) -> u64 {
        self.missing(range)
            .iter()
            .map(|missing| missing.end.saturating_sub(missing.start))
            .sum()
    }

    fn missing(&self, range: Range<u64>) -> Vec<Range<u64>> {
        self.blocks
            .missing(range.start / page_start(1)..pages_for(range.end))
    }

    pub(super) fn metadata_end(&self) -> u64 {
        self.metadata_end
    }

    pub(super) fn touch_metadata(&mut self, index: u64) {
        self.metadata_end = index.saturating_add(1);
    }

    /// Reads as `pread` does: fewer bytes than asked only at the end.
    pub(super) fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let available = self.len.saturating_sub(position);
        let len = usize::try_from(available)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if let Some(target) = buffer.get_mut(..len) {
            self.cache.read(target, position);
        }
        len
    }

    pub(super) fn write(&mut self, index: u64, bytes: &[u8], position: u64) {
        if bytes.is_empty() {
            return;
        }
        let end = position.saturating_add(to_u64(bytes.len()));
        let grows = end > self.len;
        self.take_blocks(index, position..end);
        for span in spans(position, bytes.len()) {
            let page = self.cache.make_mut(span.page);
            copy_into(page, &span, bytes);
            let version = PageVersion {
                index,
                page: Arc::clone(page),
                mask: sector_mask(&span.within),
                first_sector: Some(position / 512),
                extends: grows && page_start(span.page.saturating_add(1)) > self.len,
                orphaned: false,
            };
            self.pending.entry(span.page).or_default().push(version);
        }
        if grows {
            self.set_len(index, end, true);
        }
    }

    pub(super) fn allocate(&mut self, index: u64, len: u64) {
        self.take_blocks(index, 0..len);
        if len > self.len {
            self.set_len(index, len, false);
        }
    }

    pub(super) fn truncate(&mut self, index: u64, len: u64) {
        if len < self.len {
            let boundary = len / page_start(1);
            let touched = self.cache.numbers_from(boundary);
            self.cache.zero_from(len);
            for page in touched {
                let start = page_start(page);
                let kept = to_usize(len.saturating_sub(start));
                let end = to_usize(self.len.saturating_sub(start)).min(PAGE);
                let version = PageVersion {
                    index,
                    page: self.cache.get_or_zero(page),
                    mask: sector_mask(&(kept..end)),
                    first_sector: None,
                    extends: false,
                    orphaned: false,
                };
                self.pending.entry(page).or_default().push(version);
            }
            self.blocks.cut(pages_for(len));
            self.fresh.cut(pages_for(len));
        }
        if len != self.len {
            self.set_len(index, len, false);
        }
    }

    fn set_len(&mut self, index: u64, len: u64, by_write: bool) {
        self.len = len;
        self.touch_metadata(index);
        self.pending_lens.push(LenVersion {
            index,
            len,
            by_write,
            orphaned: false,
        });
    }

    fn take_blocks(&mut self, index: u64, range: Range<u64>) {
        for missing in self.missing(range) {
            self.touch_metadata(index);
            self.fresh.insert(missing.clone());
            self.blocks.insert(missing);
        }
    }

    /// Makes durable all that is dirty.
    pub(super) fn sync(&mut self) {
        for (page, versions) in std::mem::take(&mut self.pending) {
            if versions.iter().any(|version| version.orphaned) {
                self.sync_partly(page, versions);
            } else {
                self.durable.set(page, self.cache.get(page).map(Arc::clone));
            }
        }
        if let Some(newest) = self.pending_lens.last()
            && !newest.orphaned
        {
            self.durable_len = newest.len;
            self.pending_lens.clear();
        }
        self.fresh.clear();
    }

    /// Makes durable the sectors of `page` that are dirty, and leaves the orphaned ones undecided.
    fn sync_partly(&mut self, page: u64, mut versions: Vec<PageVersion>) {
        let mut dirty = 0;
        for version in versions.iter().filter(|version| !version.orphaned) {
            dirty |= version.mask;
            copy_sectors(self.durable.make_mut(page), &version.page, version.mask);
        }
        versions.retain_mut(|version| {
            version.mask &= !dirty;
            version.orphaned && version.mask != 0
        });
        if !versions.is_empty() {
            self.pending.insert(page, versions);
        }
    }

    /// Marks clean all that is dirty, without making it durable.
    pub(super) fn sync_failed(&mut self) {
        for version in self.pending.values_mut().flatten() {
            version.orphaned = true;
        }
        for version in &mut self.pending_lens {
            version.orphaned = true;
        }
    }

    /// Returns whether the bytes of `range` survive power loss whatever happens.
    pub(super) fn is_durable(&self, range: Range<u64>) -> bool {
        if range.is_empty() {
            return true;
        }
        if range.end > self.durable_len
            || self
                .pending_lens
                .iter()
                .any(|version| version.len < range.end)
        {
            return false;
        }
        let pages = range.start / page_start(1)..pages_for(range.end);
        if self.fresh.overlaps(&pages) {
            return false;
        }
        // Everywhere else, what readers see is what the disk has.
        self.pending.range(pages).all(|(&page, versions)| {
            let durable = self.durable.get_or_zero(page);
            let is_same = |version: &PageVersion, sector: usize| {
                let sector = sector_range(sector);
                let at = |at: usize| page_start(page).saturating_add(to_u64(at));
                let first = range.start.max(at(sector.start));
                let end = range.end.min(at(sector.end));
                let within = to_usize(first.saturating_sub(page_start(page)))
                    ..to_usize(end.saturating_sub(page_start(page)));
                version.page.get(within.clone()) == durable.get(within)
            };
            versions.iter().all(|version| {
                let touched = (0..SECTORS_PER_PAGE).filter(|it| version.mask & (1 << it) != 0);
                touched.into_iter().all(|sector| is_same(version, sector))
            })
        })
    }

    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
            && self.pending_lens.is_empty()
            && self.fresh.is_empty()
            && self.metadata_end == 0
    }

    /// Returns the contents of durable page `page`, if it holds any.
    pub(super) fn durable_page(&self, page: u64) -> Option<&Arc<Page>> {
        self.durable.get(page)
    }
}

/// Copies the sectors that `mask` names from one page to another.
pub(super) fn copy_sectors(target: &mut Arc<Page>, source: &Page, mask: u8) {
    let target = Arc::make_mut(target);
    for sector in (0..SECTORS_PER_PAGE).filter(|sector| mask & (1 << sector) != 0) {
        let range = sector_range(sector);
        if let (Some(target), Some(source)) = (target.get_mut(range.clone()), source.get(range)) {
            target.copy_from_slice(source);
        }
    }
}
