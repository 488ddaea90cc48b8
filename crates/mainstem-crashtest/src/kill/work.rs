//! What the writer is fed with.

use super::draw::Draw;
use crate::contract::{Id, record};

/// How the records of a store are sized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    /// All alike: an old record that comes back fits exactly into the place of a new one.
    Equal(usize),
    /// From nothing to several pages: every boundary is crossed somewhere.
    Mixed,
}

/// Makes appends, each of one lane, with numbers that rise.
#[derive(Debug)]
pub(super) struct Work {
    first_lane: u32,
    next: Vec<u64>,
    sizes: Sizes,
    seed: u64,
    draw: Draw,
}

/// The most records of one append.
const BATCH_RECORDS_MAX: u64 = 8;
/// The longest filler: three pages of 4 KiB.
const FILLER_MAX: u64 = 3 * 4096;
/// An append gets no further record once it is longer than this, in bytes: with one more it is within the
/// 32 KiB that the contract names.
const FULL_BYTES: usize = 16 << 10;

impl Work {
    /// Returns the work of `lanes` lanes from `first_lane` on. The fillers depend on `seed`.
    pub(super) fn new(first_lane: u32, lanes: usize, sizes: Sizes, seed: u64) -> Self {
        Self {
            first_lane,
            next: vec![0; lanes.max(1)],
            sizes,
            seed,
            draw: Draw::new(seed, u64::from(first_lane)),
        }
    }

    /// Makes the next append.
    pub(super) fn append(&mut self) -> Vec<String> {
        let lanes = u64::try_from(self.next.len()).unwrap_or(1);
        let lane = self.draw.within(0..=lanes.saturating_sub(1));
        let records = if self.draw.one_in(4) {
            self.draw.within(2..=BATCH_RECORDS_MAX)
        } else {
            1
        };
        let mut append = Vec::new();
        let mut bytes = 0usize;
        for _ in 0..records {
            let record = self.record(lane);
            bytes = bytes.saturating_add(record.len());
            append.push(record);
            if bytes > FULL_BYTES {
                break;
            }
        }
        append
    }

    fn record(&mut self, lane: u64) -> String {
        let filler = match self.sizes {
            Sizes::Equal(filler) => filler,
            Sizes::Mixed => {
                let most = match self.draw.within(0..=9) {
                    0 => FILLER_MAX,
                    1..=3 => 1000,
                    _ => 100,
                };
                usize::try_from(self.draw.within(0..=most)).unwrap_or(0)
            }
        };
        let index = usize::try_from(lane).unwrap_or(0);
        let mut id = Id {
            lane: self
                .first_lane
                .saturating_add(u32::try_from(lane).unwrap_or(0)),
            number: 0,
        };
        if let Some(next) = self.next.get_mut(index) {
            id.number = *next;
            *next = next.saturating_add(1);
        }
        record(id, filler, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn lanes_are_used_and_their_numbers_rise_without_gaps() {
        let mut work = Work::new(10, 3, Sizes::Mixed, 5);
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        let mut sizes = Vec::new();
        for _ in 0..2000 {
            let append = work.append();
            assert!((1..=8).contains(&append.len()));
            assert!(crate::contract::line(&append).len() <= 32 << 10);
            let lane = Id::of_record(&append[0]).unwrap().lane;
            for text in append {
                let id = Id::of_record(&text).unwrap();
                let next = next.entry(lane).or_default();
                assert_eq!((id.lane, id.number), (lane, *next));
                *next += 1;
                sizes.push(text.len());
            }
        }
        assert_eq!(next.keys().copied().collect::<Vec<_>>(), [10, 11, 12]);
        assert!(sizes.iter().any(|size| *size > 8192) && sizes.iter().any(|size| *size < 10));
    }

    #[test]
    fn equal_sizes_are_equal_but_for_the_identity() {
        let mut work = Work::new(0, 2, Sizes::Equal(200), 5);
        for text in (0..100).flat_map(|_| work.append()) {
            let id = Id::of_record(&text).unwrap();
            assert_eq!(text.len(), id.to_string().len() + 1 + 200);
        }
    }
}
