//! File contents as sparse, shared pages, and sets of page numbers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// The unit in which space is counted and contents are shared, in bytes.
pub(super) const PAGE: usize = 4096;
const PAGE_BYTES: u64 = 4096;
/// The unit that a disk writes, in bytes.
pub(super) const SECTOR: usize = 512;
pub(super) const SECTORS_PER_PAGE: usize = PAGE / SECTOR;

pub(super) type Page = [u8; PAGE];

/// The part of one page that a range of a file covers.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The number of the page.
    pub(super) page: u64,
    /// The bytes within the page.
    pub(super) within: Range<usize>,
    /// The same bytes within the range.
    pub(super) source: Range<usize>,
}

/// Splits the `len` bytes at `position` at page boundaries.
pub(super) fn spans(position: u64, len: usize) -> impl Iterator<Item = Span> {
    let mut done: usize = 0;
    std::iter::from_fn(move || {
        if done >= len {
            return None;
        }
        let at = position.saturating_add(to_u64(done));
        let start = to_usize(at % PAGE_BYTES);
        let end = PAGE.min(start.saturating_add(len.saturating_sub(done)));
        let source = done..done.saturating_add(end.saturating_sub(start));
        done = source.end;
        Some(Span {
            page: at / PAGE_BYTES,
            within: start..end,
            source,
        })
    })
}

/// Returns the range of bytes of sector `number` (0 to 7) within its page.
pub(super) fn sector_range(number: usize) -> Range<usize> {
    let start = number.saturating_mul(SECTOR);
    start..start.saturating_add(SECTOR)
}

/// Returns a bit for each sector of a page that `within` touches.
pub(super) fn sector_mask(within: &Range<usize>) -> u8 {
    (0..SECTORS_PER_PAGE)
        .filter(|&sector| {
            let range = sector_range(sector);
            range.start < within.end && within.start < range.end
        })
        .fold(0, |mask, sector| mask | (1 << sector))
}

/// Returns how many pages `bytes` bytes need.
pub(super) fn pages_for(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES)
}

/// Returns the position of the first byte of page `number`.
pub(super) fn page_start(number: u64) -> u64 {
    number.saturating_mul(PAGE_BYTES)
}

pub(super) fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(super) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The contents of a file; pages that are absent are zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    pages: BTreeMap<u64, Arc<Page>>,
}

impl Pages {
    pub(super) fn get(&self, page: u64) -> Option<&Arc<Page>> {
        self.pages.get(&page)
    }

    pub(super) fn get_or_zero(&self, page: u64) -> Arc<Page> {
        self.get(page)
            .map_or_else(|| Arc::new([0; PAGE]), Arc::clone)
    }

    pub(super) fn set(&mut self, page: u64, contents: Option<Arc<Page>>) {
        match contents {
            Some(contents) => {
                self.pages.insert(page, contents);
            }
            None => {
                self.pages.remove(&page);
            }
        }
    }

    /// Returns the page for changing, copied first if somebody shares it.
    pub(super) fn make_mut(&mut self, page: u64) -> &mut Arc<Page> {
        let contents = self
            .pages
            .entry(page)
            .or_insert_with(|| Arc::new([0; PAGE]));
        Arc::make_mut(contents);
        contents
    }

    /// Fills `buffer` with the bytes at `position`.
    pub(super) fn read(&self, buffer: &mut [u8], position: u64) {
        for span in spans(position, buffer.len()) {
            let Some(target) = buffer.get_mut(span.source) else {
                return;
            };
            match self.get(span.page).and_then(|page| page.get(span.within)) {
                Some(bytes) => target.copy_from_slice(bytes),
                None => target.fill(0),
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: u64) {
        for span in spans(position, bytes.len()) {
            copy_into(self.make_mut(span.page), &span, bytes);
        }
    }

    /// Returns the numbers of the pages at or after `first` that may hold other than zeros.
    pub(super) fn numbers_from(&self, first: u64) -> Vec<u64> {
        self.pages.range(first..).map(|(&page, _)| page).collect()
    }

    /// Makes every byte from `len` on zero.
    pub(super) fn zero_from(&mut self, len: u64) {
        let boundary = len / PAGE_BYTES;
        let kept = to_usize(len % PAGE_BYTES);
        let mut cut = self.pages.split_off(&boundary);
        if kept > 0
            && let Some(mut page) = cut.remove(&boundary)
        {
            if let Some(tail) = Arc::make_mut(&mut page).get_mut(kept..) {
                tail.fill(0);
            }
            self.pages.insert(boundary, page);
        }
    }
}

/// Copies the part of `bytes` that `span` names to its place in `page`.
pub(super) fn copy_into(page: &mut Arc<Page>, span: &Span, bytes: &[u8]) {
    let page = Arc::make_mut(page);
    if let (Some(target), Some(source)) = (
        page.get_mut(span.within.clone()),
        bytes.get(span.source.clone()),
    ) {
        target.copy_from_slice(source);
    }
}

/// A set of page numbers, as sorted ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct PageSet {
    ranges: Vec<Range<u64>>,
}

impl PageSet {
    pub(super) fn count(&self) -> u64 {
        self.ranges
            .iter()
            .map(|range| range.end.saturating_sub(range.start))
            .sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    pub(super) fn overlaps(&self, pages: &Range<u64>) -> bool {
        self.ranges
            .iter()
            .any(|range| range.start < pages.end && pages.start < range.end)
    }

    /// Returns the parts of `wanted` that are not in the set.
    pub(super) fn missing(&self, wanted: Range<u64>) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut at = wanted.start;
        for range in &self.ranges {
            if range.end <= at || range.start >= wanted.end {
                continue;
            }
            if at < range.start {
                missing.push(at..range.start);
            }
            at = at.max(range.end);
        }
        if at < wanted.end {
            missing.push(at..wanted.end);
        }
        missing
    }

    pub(super) fn insert(&mut self, mut added: Range<u64>) {
        if added.is_empty() {
            return;
        }
        self.ranges.retain(|range| {
            let touches = range.start <= added.end && added.start <= range.end;
            if touches {
                added = range.start.min(added.start)..range.end.max(added.end);
            }
            !touches
        });
        self.ranges.push(added);
        self.ranges.sort_by_key(|range| range.start);
    }

    /// Removes everything from `end` on.
    pub(super) fn cut(&mut self, end: u64) {
        self.ranges.retain(|range| range.start < end);
        for range in &mut self.ranges {
            range.end = range.end.min(end);
        }
    }

    pub(super) fn clear(&mut self) {
        self.ranges.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_a_range_page_by_page() {
        let spans: Vec<Span> = spans(4000, 5000).collect();
        let pages: Vec<_> = spans.iter().map(|span| (span.page, &span.within)).collect();
        assert_eq!(pages, [(0, &(4000..4096)), (1, &(0..4096)), (2, &(0..808))]);
        assert_eq!(spans[2].source, 4192..5000);
        assert_eq!(sector_mask(&(511..513)), 0b11);
        assert_eq!(sector_mask(&(3584..4096)), 0b1000_0000);
        assert_eq!(sector_mask(&(512..512)), 0);
    }

    #[test]
    fn bytes_are_read_as_written_and_cut() {
        let mut pages = Pages::default();
        pages.write(&[7; 5000], 4000);
        let mut bytes = [1; 3];
        pages.read(&mut bytes, 3998);
        assert_eq!(bytes, [0, 0, 7]);
        pages.zero_from(8999);
        pages.read(&mut bytes, 8998);
        assert_eq!(bytes, [7, 0, 0]);
        pages.zero_from(4096);
        assert_eq!(pages.numbers_from(0), [0]);
    }

    #[test]
    fn a_page_set_is_a_set_of_pages() {
        let mut set = PageSet::default();
        for range in [8..10, 2..4, 4..5, 20..30, 9..20] {
            set.insert(range);
        }
        assert_eq!(set.ranges(), [2..5, 8..30]);
        assert_eq!(set.count(), 25);
        assert_eq!(set.missing(0..9), [0..2, 5..8]);
        assert_eq!(set.missing(3..5), []);
        assert!(set.overlaps(&(4..5)) && !set.overlaps(&(5..8)));
        set.cut(9);
        assert_eq!(set.ranges(), [2..5, 8..9]);
        set.cut(0);
        assert!(set.is_empty());
    }
}
