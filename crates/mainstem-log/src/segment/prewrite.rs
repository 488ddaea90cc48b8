//! Zeros ahead of the data of a busy segment.
//!
//! Space that was allocated and never written costs every sync a change of the file's metadata.
//! Overwriting it once, ahead of need, spares the commits that, for twice the bytes written.
//!
//! Zeros written over a frame would be the worst of all defects, so ranges are claimed: the
//! committer claims one that begins beyond the data end, a thread of the pool fills it, and no group
//! is written into it before that thread is done.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use mainstem_env::File;

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
        static ZEROS: [u8; FILL_BYTES] = [0; FILL_BYTES];
        let failed = || -> Result<(), std::io::Error> {
            // Few devices can. Whatever else is wrong, writing the zeros will tell.
            if self.file.zero_by_device(self.range.clone()).is_ok() {
                return self.file.sync_data();
            }
            let mut at = self.range.start;
            while at < self.range.end {
                let left = usize::try_from(self.range.end.saturating_sub(at)).unwrap_or(usize::MAX);
                let zeros = ZEROS.get(..left).unwrap_or(&ZEROS);
                self.file.write_all_at(zeros, at)?;
                at = at.saturating_add(u64::try_from(zeros.len()).unwrap_or(u64::MAX));
            }
            self.file.sync_data()
        };
        if let Err(error) = failed() {
            self.claim.finish(Some(sync_failed(&self.path, error)));
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.claim.finish(None);
    }
}

/// How often a shard commits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    commits: u32,
    since: Option<mainstem_env::Elapsed>,
    busy: bool,
}

/// How many zeros are written at a time. The kernel keeps a file in memory in pieces as large as the
/// writes that made them, and mapping large pieces is cheaper: reading through fresh maps reached 6.4
/// GB/s with pieces of 16 KiB, 8.5 with 256 KiB, 9.6 with 1 MiB. But a write keeps others from the file
/// meanwhile: with 1 MiB, the slowest hundredth of appends took twice as long.
const FILL_BYTES: usize = 256 << 10;
/// Commits that are looked at together.
const SAMPLE: u32 = 64;
/// A shard with more syncs per second than this is busy. Source: below some hundred, a sync more or
/// less does not matter, and the bytes written twice do.
const BUSY_PER_S: u128 = 300;

impl Pace {
    /// Counts a commit; returns whether the shard is busy.
    pub(crate) fn count(&mut self, now: mainstem_env::Elapsed) -> bool {
        let since = *self.since.get_or_insert(now);
        self.commits = self.commits.saturating_add(1);
        if self.commits >= SAMPLE {
            let took = now.since(since).as_micros();
            self.busy = took > 0 && u128::from(SAMPLE) * 1_000_000 > BUSY_PER_S * took;
            (self.commits, self.since) = (0, Some(now));
        }
        self.busy
    }
}

#[cfg(all(test, not(mainstem_loom)))]
mod tests {
    use std::time::Duration;

    use mainstem_env::Elapsed;

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

    #[test]
    fn a_shard_is_busy_above_the_rate_and_a_clock_that_stands_still_proves_nothing() {
        let mut pace = Pace::default();
        let at = |us| Elapsed(Duration::from_micros(us));
        assert!((0..200).all(|_| !pace.count(at(5))));
        let mut pace = Pace::default();
        assert!((0..200u64).any(|commit| pace.count(at(commit * 1000))));
        let mut pace = Pace::default();
        assert!((0..200u64).all(|commit| !pace.count(at(commit * 4000))));
    }
}
