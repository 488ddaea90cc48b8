//! One simulated file: what readers see, what the disk is sure to have, and what is in between.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::choices::{Choices, Strictness};
use super::pages::{
    PAGE, Page, PageSet, Pages, SECTOR, SECTORS_PER_PAGE, copy_into, page_start, pages_for,
    sector_mask, sector_range, spans, to_u64, to_usize,
};
use super::rng::SplitMix;

/// A file.
///
/// # Invariants
/// Bytes past a length are zeros in the pages that belong to it. Orphaned versions come before all
/// others of their page.
#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    cache: Pages,
    len: u64,
    durable: Pages,
    durable_len: u64,
    pending: BTreeMap<u64, Vec<PageVersion>>,
    pending_lens: Vec<LenVersion>,
    blocks: PageSet,
    /// Blocks that were taken since the last sync: the disk may show anything there.
    fresh: PageSet,
    /// One past the operation that last changed more than contents; 0 if none did.
    metadata_end: u64,
}

/// A page as it was after a write that is not synced.
#[derive(Clone, Debug)]
struct PageVersion {
    index: u64,
    page: Arc<Page>,
    /// The sectors that the write touched.
    mask: u8,
    /// The first sector of the whole write, counted from the start of the file; none if it was cut.
    first_sector: Option<u64>,
    /// Whether the write moved the end of the file past this page's start.
    extends: bool,
    /// Whether a failed sync marked it clean.
    orphaned: bool,
}

#[derive(Clone, Copy, Debug)]
struct LenVersion {
    index: u64,
    len: u64,
    by_write: bool,
    orphaned: bool,
}

/// What decides about everything that is undecided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) strictness: Strictness,
    /// Where an ordered disk stopped: operations before it are kept.
    pub(super) cut: u64,
    /// How many sectors of the write at the cut are kept in [`Strictness::PrefixOnly`].
    pub(super) sectors_at_cut: u64,
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

    fn settled(pages: Pages, len: u64, blocks: PageSet) -> Self {
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
    pub(super) fn flushed(&self) -> Self {
        Self::settled(self.cache.clone(), self.len, self.blocks.clone())
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
                let kept = usize::try_from(len.saturating_sub(page_start(page)))
                    .unwrap_or(PAGE)
                    .min(PAGE);
                if kept == PAGE {
                    continue;
                }
                let version = PageVersion {
                    index,
                    page: self.cache.get_or_zero(page),
                    mask: sector_mask(&(kept..PAGE)),
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
        let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        spans(range.start, len).all(|span| {
            let zero = [0; PAGE];
            let durable = self.durable.get(span.page).map_or(&zero, |page| &**page);
            let wanted = durable.get(span.within.clone());
            !self.fresh.contains(span.page)
                && self
                    .pending
                    .get(&span.page)
                    .into_iter()
                    .flatten()
                    .all(|version| version.page.get(span.within.clone()) == wanted)
        })
    }

    fn is_settled(&self) -> bool {
        self.pending.is_empty()
            && self.pending_lens.is_empty()
            && self.fresh.is_empty()
            && self.metadata_end == 0
    }

    /// Returns the contents of durable page `page`, if it holds any.
    pub(super) fn durable_page(&self, page: u64) -> Option<&Arc<Page>> {
        self.durable.get(page)
    }

    /// Returns the file as the disk shows it after power loss.
    pub(super) fn after_power_loss(
        self: &Arc<Self>,
        rules: Rules,
        choices: &mut Choices,
        stale: &dyn Fn(u64, &mut Choices) -> Option<Arc<Page>>,
    ) -> Arc<Self> {
        if self.is_settled() {
            return Arc::clone(self);
        }
        let (len, forced_until) = self.surviving_len(rules, choices);
        let mut pages = self.durable.clone();
        let shows_garbage = rules.strictness == Strictness::StrictPosix;
        if shows_garbage {
            for run in self.fresh.ranges() {
                if choices.garbage() {
                    let len = run.end.saturating_sub(run.start);
                    let first = run.start.saturating_add(choices.noise() % len.max(1));
                    let end = run.end.min(first.saturating_add(GARBAGE_PAGES));
                    for page in first..end {
                        pages.set(page, Some(garbage(page, choices, stale)));
                    }
                }
            }
        }
        for (&page, versions) in &self.pending {
            let contents = pages.make_mut(page);
            for sector in 0..SECTORS_PER_PAGE {
                survive_sector(
                    contents,
                    (page, sector),
                    versions,
                    (rules, forced_until),
                    choices,
                );
            }
        }
        pages.zero_from(len);
        let mut blocks = self.blocks.clone();
        for page in pages.numbers_from(0) {
            blocks.insert(page..page.saturating_add(1));
        }
        blocks.cut(pages_for(len));
        Arc::new(Self::settled(pages, len, blocks))
    }

    /// Returns the length after power loss, and the operation up to which extending writes must
    /// then have their data.
    fn surviving_len(&self, rules: Rules, choices: &mut Choices) -> (u64, u64) {
        let mut candidates: Vec<LenVersion> = self.pending_lens.clone();
        let mut base = self.durable_len;
        match rules.strictness {
            Strictness::StrictPosix => {}
            Strictness::Ext4Like => {
                candidates.retain(|version| version.index < rules.cut);
                if let Some(ordered) = candidates
                    .iter()
                    .rposition(|version| !version.by_write && !version.orphaned)
                {
                    base = candidates.get(ordered).map_or(base, |version| version.len);
                    candidates.drain(..=ordered);
                }
            }
            Strictness::PrefixOnly => {
                // A write that stops half-way leaves a length within what it wrote.
                let whole = candidates
                    .iter()
                    .rev()
                    .find(|version| version.index < rules.cut && !version.orphaned);
                let len = whole.map_or(base, |version| version.len);
                let partial = candidates
                    .iter()
                    .find(|version| version.index == rules.cut && version.by_write)
                    .filter(|_| rules.sectors_at_cut > 0)
                    .map_or(len, |version| {
                        let first = self
                            .pending
                            .values()
                            .flatten()
                            .find(|page| page.index == version.index)
                            .and_then(|page| page.first_sector)
                            .unwrap_or(0);
                        let end = first
                            .saturating_add(rules.sectors_at_cut)
                            .saturating_mul(512);
                        version.len.min(end).max(len)
                    });
                return (partial, 0);
            }
        }
        let versions: Vec<(u64, bool)> = candidates
            .iter()
            .map(|version| (version.index, version.orphaned))
            .collect();
        let chosen = choices
            .version(&versions)
            .checked_sub(1)
            .and_then(|chosen| candidates.get(chosen));
        let forced_until = match (rules.strictness, chosen) {
            (Strictness::Ext4Like, Some(version)) => version.index.saturating_add(1),
            _ => 0,
        };
        let len = match chosen {
            // A long write moves the end of the file in steps.
            Some(version) if version.by_write => choices.step_towards(base, version.len),
            Some(version) => version.len,
            None => base,
        };
        (len, forced_until)
    }
}

/// How many pages of a fresh run show garbage at most, lest states of large files get slow.
const GARBAGE_PAGES: u64 = 16;

/// Puts into `contents` what survives of one sector.
fn survive_sector(
    contents: &mut Arc<Page>,
    (page, sector): (u64, usize),
    versions: &[PageVersion],
    (rules, forced_until): (Rules, u64),
    choices: &mut Choices,
) {
    let bit = 1 << sector;
    let candidates: Vec<&PageVersion> = versions
        .iter()
        .filter(|version| version.mask & bit != 0)
        .collect();
    if candidates.is_empty() {
        return;
    }
    if rules.strictness == Strictness::PrefixOnly {
        let number = page
            .saturating_mul(to_u64(SECTORS_PER_PAGE))
            .saturating_add(to_u64(sector));
        for version in candidates {
            let kept_at_cut = version.index == rules.cut
                && version
                    .first_sector
                    .is_some_and(|first| number < first.saturating_add(rules.sectors_at_cut));
            if !version.orphaned && (version.index < rules.cut || kept_at_cut) {
                copy_sectors(contents, &version.page, bit);
            }
        }
        return;
    }
    let indices: Vec<(u64, bool)> = candidates
        .iter()
        .map(|version| (version.index, version.orphaned))
        .collect();
    let floor = candidates
        .iter()
        .rposition(|version| version.extends && version.index < forced_until)
        .map_or(0, |forced| forced.saturating_add(1));
    let chosen = choices.version(&indices).max(floor);
    let range = sector_range(sector);
    let mut base = [0; SECTOR];
    if let Some(durable) = contents.get(range.clone()) {
        base.copy_from_slice(durable);
    }
    if let Some(version) = newest_of(&candidates, chosen) {
        copy_sectors(contents, &version.page, bit);
    }
    // A torn block starts as one version and ends as another.
    if chosen > floor
        && let Some(cut) = choices.tear()
    {
        let spread = to_u64(chosen.saturating_sub(floor));
        let back = 1 + choices.noise() % spread.max(1);
        let older = chosen.saturating_sub(to_usize(back));
        let older = match newest_of(&candidates, older) {
            Some(version) => version.page.get(range.clone()).unwrap_or_default(),
            None => &base,
        };
        let torn = if choices.noise().is_multiple_of(2) {
            0..cut
        } else {
            cut..SECTOR
        };
        let sector = Arc::make_mut(contents).get_mut(range);
        if let Some(target) = sector.and_then(|sector| sector.get_mut(torn.clone()))
            && let Some(source) = older.get(torn)
        {
            target.copy_from_slice(source);
        }
    }
}

/// Returns version `chosen`, counted from one.
fn newest_of<'a>(candidates: &[&'a PageVersion], chosen: usize) -> Option<&'a PageVersion> {
    candidates.get(chosen.checked_sub(1)?).copied()
}

fn copy_sectors(target: &mut Arc<Page>, source: &Page, mask: u8) {
    let target = Arc::make_mut(target);
    for sector in (0..SECTORS_PER_PAGE).filter(|sector| mask & (1 << sector) != 0) {
        let range = sector_range(sector);
        if let (Some(target), Some(source)) = (target.get_mut(range.clone()), source.get(range)) {
            target.copy_from_slice(source);
        }
    }
}

/// Returns what a page may show that was never written: noise, or what another file had there.
fn garbage(
    page: u64,
    choices: &mut Choices,
    stale: &dyn Fn(u64, &mut Choices) -> Option<Arc<Page>>,
) -> Arc<Page> {
    if choices.noise().is_multiple_of(2)
        && let Some(old) = stale(page, choices)
    {
        return old;
    }
    let mut bytes = [0; PAGE];
    SplitMix::new(choices.noise()).fill(&mut bytes);
    Arc::new(bytes)
}
