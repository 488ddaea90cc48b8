//! The floor of durable appending: a bare file under a leader/follower group commit.
//!
//! No segments, no index, no readers, no bound on memory, no recovery: frames of 24 bytes and a
//! payload, written at the end of preallocated space and synced, once for all callers that have
//! arrived meanwhile. Whoever finds nobody committing leads, commits one group, and hands the lead
//! to a caller in the next. Callers of a group sleep on a condition variable of their own, by the
//! parity of the group, so that a commit wakes those it concerns and nobody else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::FallocateFlags;

/// Bytes of a frame before its payload: length, CRC-32 of the payload, sequence number, time in ms.
pub const FRAME_HEADER_BYTES: usize = 24;

/// How much space is allocated at a time: the steps of the engine. Both grow a file from small.
const ALLOCATION_STEPS: [u64; 5] = [64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/// Appends the frame of `payload`, whose checksum is `crc`, to `buffer`.
pub fn push_frame(buffer: &mut Vec<u8>, payload: &[u8], crc: u32, seq: u64, time_ms: u64) {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut header = [0; FRAME_HEADER_BYTES];
    let fields: [&[u8]; 4] = [
        &len.to_le_bytes(),
        &crc.to_le_bytes(),
        &seq.to_le_bytes(),
        &time_ms.to_le_bytes(),
    ];
    let mut rest = header.as_mut_slice();
    for field in fields {
        let (place, after) = rest.split_at_mut(field.len());
        place.copy_from_slice(field);
        rest = after;
    }
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(payload);
}

/// A file that many threads append to.
#[derive(Debug)]
pub struct Floor {
    file: File,
    state: Mutex<State>,
    /// Where the callers of even and of odd groups sleep.
    settled: [Condvar; 2],
}

#[derive(Debug, Default)]
struct State {
    /// The frames of the group that is forming.
    pending: Vec<u8>,
    /// The memory of the group before.
    spare: Vec<u8>,
    /// The number of the group that is forming.
    forming: u64,
    /// How many groups are durable.
    durable: u64,
    committing: bool,
    /// The forming group has callers, one of whom is to lead.
    lead_offered: bool,
    next_seq: u64,
    position: u64,
    allocated: u64,
    steps_taken: usize,
    failed: Option<io::ErrorKind>,
}

impl Floor {
    /// Creates the file at `path`.
    ///
    /// # Errors
    /// The system's error.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        file.sync_all()?;
        Ok(Self {
            file,
            state: Mutex::default(),
            settled: [Condvar::new(), Condvar::new()],
        })
    }

    /// Appends a record and returns once it is durable.
    ///
    /// # Errors
    /// That of the write or sync which failed; all later appends get it too.
    pub fn append(&self, payload: &[u8]) -> io::Result<u64> {
        let crc = crc32fast::hash(payload);
        let time_ms = now_ms();
        let mut state = self.lock();
        let seq = state.next_seq;
        state.next_seq = seq.wrapping_add(1);
        push_frame(&mut state.pending, payload, crc, seq, time_ms);
        let group = state.forming;
        if state.committing {
            let settled = self.settled_of(group);
            loop {
                state = settled.wait(state).unwrap_or_else(PoisonError::into_inner);
                if state.durable > group {
                    return Ok(seq);
                }
                if let Some(kind) = state.failed {
                    return Err(kind.into());
                }
                if state.lead_offered {
                    state.lead_offered = false;
                    break;
                }
            }
        } else {
            state.committing = true;
        }
        self.lead(state, group)?;
        Ok(seq)
    }

    /// Commits the forming group, `group`, and passes the lead on.
    fn lead(&self, mut state: MutexGuard<'_, State>, group: u64) -> io::Result<()> {
        let spare = std::mem::take(&mut state.spare);
        let mut bytes = std::mem::replace(&mut state.pending, spare);
        state.forming = group.wrapping_add(1);
        let position = state.position;
        let end = position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        state.position = end;
        let (mut allocated, mut steps_taken) = (state.allocated, state.steps_taken);
        drop(state);

        let written = self.write(&bytes, position, &mut allocated, &mut steps_taken);
        bytes.clear();

        let mut state = self.lock();
        state.spare = bytes;
        state.allocated = allocated;
        state.steps_taken = steps_taken;
        if let Err(error) = written {
            state.failed = Some(error.kind());
            drop(state);
            self.settled.iter().for_each(Condvar::notify_all);
            return Err(error);
        }
        state.durable = group.wrapping_add(1);
        let more = !state.pending.is_empty();
        state.committing = more;
        state.lead_offered = more;
        drop(state);
        if more {
            self.settled_of(group.wrapping_add(1)).notify_one();
        }
        self.settled_of(group).notify_all();
        Ok(())
    }

    fn write(
        &self,
        bytes: &[u8],
        position: u64,
        allocated: &mut u64,
        steps_taken: &mut usize,
    ) -> io::Result<()> {
        let end = position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        while end > *allocated {
            let last = ALLOCATION_STEPS.len().saturating_sub(1);
            let step = ALLOCATION_STEPS.get((*steps_taken).min(last));
            let step = step.copied().unwrap_or(1 << 20);
            rustix::fs::fallocate(&self.file, FallocateFlags::empty(), *allocated, step)?;
            *allocated = allocated.saturating_add(step);
            *steps_taken = steps_taken.saturating_add(1);
        }
        self.file.write_all_at(bytes, position)?;
        self.file.sync_data()
    }

    fn settled_of(&self, group: u64) -> &Condvar {
        let [even, odd] = &self.settled;
        if group.is_multiple_of(2) { even } else { odd }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk;

    #[test]
    fn all_that_was_appended_is_in_the_file_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("floor");
        let floor = Floor::create(&path).unwrap();
        std::thread::scope(|scope| {
            for producer in 0..8_u8 {
                let floor = &floor;
                scope.spawn(move || {
                    let mut last = None;
                    for _ in 0..50 {
                        let seq = floor.append(&[producer; 100]).unwrap();
                        assert!(last < Some(seq), "numbers rise");
                        last = Some(seq);
                    }
                });
            }
        });
        let walked = walk::file(&path, 400 * 124).unwrap();
        assert_eq!((walked.records, walked.payload_bytes), (400, 400 * 100));
    }
}
