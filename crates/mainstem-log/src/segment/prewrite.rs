//! Zeros ahead of the data of a busy segment.
//!
//! Space that was allocated and never written costs every sync a change of the file's metadata.
//! Overwriting it once, ahead of need, spares the commits that, for twice the bytes written.
//!
//! They are written piece by piece, with rests in between, so that commits hardly wait for them: each
//! commit that finds the last piece done, and rested, has the next one begun.
//!
//! Zeros written over a frame would be the worst of all defects, so ranges are claimed: the
//! committer claims one that begins beyond the data end, a thread of the pool fills it, and no group
//! is written into it before that thread is done.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use mainstem_env::{Elapsed, File};

use super::active::sync_failed;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::sync::{Condvar, Mutex};

/// The range of a segment that is being filled with zeros, if there is one.
#[derive(Debug)]
pub(crate) struct Claim {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    range: Option<Range<u64>>,
    /// How many wait for the range to be done with.
    waiting: u64,
    /// A write or a sync of zeros failed. A failed sync is final, whoever asked for it.
    failed: Option<LogError>,
}

impl Claim {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            done: Condvar::new(),
        }
    }

    /// Returns how many ranges are being filled, 0 or 1, and how many commits wait for that.
    pub(crate) fn activity(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.range.is_some().into(), state.waiting)
    }

    /// Claims `range`, unless one is claimed already.
    pub(crate) fn try_claim(&self, range: Range<u64>) -> bool {
        let mut state = self.state.lock();
        if state.range.is_some() || state.failed.is_some() {
            return false;
        }
        state.range = Some(range);
        true
    }

    /// Waits until nothing before `end` is being filled.
    pub(crate) fn keep_out(&self, end: u64) -> Result<(), LogError> {
        let mut state = self.state.lock();
        while state.range.as_ref().is_some_and(|range| range.start < end)
            && !is_planted(Defect::ZerosOverData)
        {
            state.waiting = state.waiting.saturating_add(1);
            state = self.done.wait(state);
            state.waiting = state.waiting.saturating_sub(1);
        }
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// Keeps zeros from being written until [`Self::finish`], when none are being written any more. Unlike a
    /// range of them, this holds up no commit.
    pub(crate) fn hold(&self) -> Result<(), LogError> {
        let mut state = self.state.lock();
        while state.range.is_some() {
            state = self.done.wait(state);
        }
        if let Some(failed) = &state.failed {
            return Err(failed.clone());
        }
        state.range = Some(u64::MAX - 1..u64::MAX);
        Ok(())
    }

    /// Returns whether no zeros are being written, and none failed to be.
    pub(crate) fn is_quiet(&self) -> bool {
        let state = self.state.lock();
        state.range.is_none() && state.failed.is_none()
    }

    pub(crate) fn finish(&self, failed: Option<LogError>) {
        let mut state = self.state.lock();
        state.range = None;
        if state.failed.is_none() {
            state.failed = failed;
        }
        self.done.notify_all();
    }
}

/// A claimed range to be filled. Dropping it unfilled gives the claim up.
#[derive(Debug)]
pub(crate) struct Filling {
    /// A description of its own: a failure that it is told of is told to the committer's, too. Opened
    /// by the committer, so that it is the file that was claimed and no later one of the same name.
    pub(crate) file: Arc<dyn File>,
    pub(crate) path: PathBuf,
    pub(crate) range: Range<u64>,
    pub(crate) claim: Arc<Claim>,
}

impl Filling {
    /// Writes the zeros and syncs them.
    pub(crate) fn fill(self) {
        static ZEROS: [u8; PIECE] = [0; PIECE];
        let len = self.range.end.saturating_sub(self.range.start);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let zeros = ZEROS.get(..len).unwrap_or(&ZEROS);
        // Few devices can. Whatever else is wrong, writing the zeros will tell.
        let written = match self.file.zero_by_device(self.range.clone()) {
            Ok(()) => Ok(()),
            Err(_) => self.file.write_all_at(zeros, self.range.start),
        };
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            self.claim.finish(Some(sync_failed(&self.path, error)));
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.claim.finish(None);
    }
}

/// How many zeros are written and synced at a time. Commits share the disk with them, and those of the
/// same file wait for each other: with 4 MiB, the slowest hundredth of appends took twice as long. Maps
/// are made of pieces as large as the writes were, and smaller ones cost readers more.
const PIECE: usize = 128 << 10;
pub(crate) const PIECE_BYTES: u64 = PIECE as u64;
/// The least time from the begin of a piece to that of the next, in µs: 80 MiB/s of zeros at most leave the
/// disk to the commits most of the time. A shard that is faster gets some of its space filled.
const REST_US: u128 = 1500;
/// Commits that are looked at together.
const SAMPLE: u32 = 64;
/// A shard with more syncs per second than this is busy. Source: below some hundred, a sync more or
/// less does not matter, and the bytes written twice do.
const BUSY_PER_S: u128 = 300;
/// Above this, groups take so long to be written that what zeros spare their syncs is less than what
/// they cost the disk. Measured: decision 0013 in `docs/adr`.
const GROUP_BYTES_MAX: u64 = 64 << 10;

/// How often a shard commits, how much, and when zeros were last written ahead of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    commits: u32,
    bytes: u64,
    since: Option<Elapsed>,
    is_busy: bool,
    filled: Option<Elapsed>,
}

impl Pace {
    /// Counts a commit of `bytes`; returns whether zeros should be written ahead of the shard now.
    pub(crate) fn count(&mut self, bytes: u64, now: Elapsed) -> bool {
        let since = *self.since.get_or_insert(now);
        self.commits = self.commits.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.commits >= SAMPLE {
            let took = now.since(since).as_micros();
            let is_often = took > 0 && u128::from(SAMPLE) * 1_000_000 > BUSY_PER_S * took;
            self.is_busy = is_often && self.bytes <= GROUP_BYTES_MAX * u64::from(SAMPLE);
            (self.commits, self.bytes, self.since) = (0, 0, Some(now));
        }
        let has_rested = |filled| now.since(filled).as_micros() >= REST_US;
        self.is_busy && self.filled.is_none_or(has_rested)
    }

    /// Notes that a piece of zeros is begun.
    pub(crate) fn fill(&mut self, now: Elapsed) {
        self.filled = Some(now);
    }
}

#[cfg(all(test, not(mainstem_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_is_written_into_a_claimed_range() {
        let claim = Claim::new();
        assert!(claim.try_claim(100..200));
        assert!(!claim.try_claim(300..400), "one at a time");
        claim.keep_out(100).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| claim.keep_out(101));
            assert!(!waiting.is_finished());
            claim.finish(None);
            waiting.join().unwrap().unwrap();
        });
        assert!(claim.try_claim(300..400));
        let failed = sync_failed(std::path::Path::new("x"), std::io::ErrorKind::Other.into());
        claim.finish(Some(failed));
        assert!(claim.keep_out(0).is_err(), "a failure is final");
        assert!(!claim.try_claim(500..600));
    }

    fn at(us: u64) -> Elapsed {
        Elapsed(Duration::from_micros(us))
    }

    /// Whether zeros are wanted at the end of 200 commits of `bytes`, one every `us`.
    fn is_busy(us: u64, bytes: u64) -> bool {
        let mut pace = Pace::default();
        (0..200).fold(false, |_, commit| pace.count(bytes, at(commit * us)))
    }

    #[test]
    fn a_shard_is_busy_above_the_rate_and_a_clock_that_stands_still_proves_nothing() {
        assert!(is_busy(1000, 1000));
        assert!(!is_busy(4000, 1000));
        assert!(!is_busy(0, 1000));
    }

    #[test]
    fn large_groups_get_no_zeros() {
        assert!(is_busy(1000, GROUP_BYTES_MAX));
        assert!(!is_busy(1000, GROUP_BYTES_MAX + 1));
    }

    #[test]
    fn zeros_rest_between_pieces() {
        let mut pace = Pace::default();
        let begun: Vec<u64> = (0..10_000)
            .step_by(100)
            .filter(|us| {
                let begins = pace.count(1, at(*us));
                if begins {
                    pace.fill(at(*us));
                }
                begins
            })
            .collect();
        assert_eq!(begun, [6300, 7800, 9300], "in microseconds");
    }
}
