//! Numbers from a seed.

use std::ops::RangeInclusive;

/// A sequence of numbers that a seed decides. Source: the step of `SplitMix64`.
#[derive(Clone, Debug)]
pub(super) struct Draw(u64);

impl Draw {
    /// Returns the sequence of `seed` and, for each `part`, another one.
    pub(super) fn new(seed: u64, part: u64) -> Self {
        let mut draw = Self(seed);
        let first = draw.next();
        Self(first ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// Returns a number in `range`.
    pub(super) fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        let span = high.saturating_sub(low).saturating_add(1).max(1);
        low.saturating_add(self.next() % span)
    }

    /// Returns a number in `range` that is small more often than large.
    pub(super) fn mostly_small(&mut self, range: RangeInclusive<u64>) -> u64 {
        let high = self.within(range.clone());
        self.within(*range.start()..=high)
    }

    /// Says yes once in `times`.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_all_and_parts_differ() {
        let take = |seed, part| {
            let mut draw = Draw::new(seed, part);
            std::array::from_fn::<u64, 4, _>(|_| draw.next())
        };
        assert_eq!(take(1, 2), take(1, 2));
        assert_ne!(take(1, 2), take(1, 3));
        assert_ne!(take(1, 2), take(2, 2));
        let mut draw = Draw::new(7, 0);
        for _ in 0..1000 {
            assert!((3..=5).contains(&draw.within(3..=5)));
            assert!((3..=5).contains(&draw.mostly_small(3..=5)));
        }
    }
}
