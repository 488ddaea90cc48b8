//! The seeded generator.

use std::io;
use std::sync::{Mutex, PoisonError};

use crate::entropy::Random;

/// The `SplitMix64` generator.
///
/// # Source
/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, with the
/// constants of Vigna's public-domain version.
#[derive(Clone, Debug)]
pub(super) struct SplitMix {
    state: u64,
}

impl SplitMix {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Returns a number below `bound`, or zero if there is none. Slightly biased for huge bounds.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
    }
}

/// The output function of `SplitMix64`: a good mixer of the bits of `z`.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator behind the trait; faults are put before it by the disk.
#[derive(Debug)]
pub(super) struct SimRandom {
    generator: Mutex<SplitMix>,
}

impl SimRandom {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            generator: Mutex::new(SplitMix::new(seed)),
        }
    }

    pub(super) fn generator(&self) -> SplitMix {
        self.generator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl From<SplitMix> for SimRandom {
    fn from(generator: SplitMix) -> Self {
        Self {
            generator: Mutex::new(generator),
        }
    }
}

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.generator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill(bytes);
        Ok(())
    }
}
