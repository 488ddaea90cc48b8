//! The floor of durable appending: a bare file under a leader/follower group commit.
//!
//! No segments, no index, no readers, no bound on memory, no recovery: frames of 24 bytes and a
//! payload, written into space that is there already and synced, once for all callers that have
//! arrived meanwhile. Whoever finds nobody committing leads, commits one group, and hands the lead
//! to a caller in the next. Callers of a group sleep on a condition variable of their own, by the
//! parity of the group, so that a commit wakes those it concerns and nobody else.

use std::fs::File;
use std::io::{self, Read};
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
    space: Space,
    state: Mutex<State>,
    /// Where the callers of even and of odd groups sleep.
    settled: [Condvar; 2],
}

/// Where a floor writes.
#[derive(Clone, Copy, Debug)]
enum Space {
    /// At the end, into space that the file system has set aside.
    Allocated,
    /// Into so many bytes that were written and synced before, over and over.
    Written(u64),
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
    /// Creates the file at `path`. Its space is allocated ahead, in steps.
    ///
    /// # Errors
    /// The system's error.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::in_space(File::create_new(path)?, Space::Allocated)
    }

    /// Creates the file at `path`, of `bytes` bytes of zeros, which are synced. Appends go over them
    /// again and again: a disk has less to do for space that was written before, and this is what a
    /// log can win that always has some.
    ///
    /// # Errors
    /// The system's error.
    pub fn create_written(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
        Self::in_space(file, Space::Written(bytes))
    }

    fn in_space(file: File, space: Space) -> io::Result<Self> {
        file.sync_all()?;
        Ok(Self {
            file,
            space,
            state: Mutex::default(),
            settled: [Condvar::new(), Condvar::new()],
        })
    }

    /// Returns how many bytes of frames are durable, unless it goes over written space.
    pub fn durable_bytes(&self) -> u64 {
        self.lock().position
    }

    /// Appends a record and returns its number once it is durable.
    ///
    /// # Errors
    /// That of the write or sync which failed; all later appends get it too.
    pub fn append(&self, payload: &[u8]) -> io::Result<u64> {
        self.append_hashed(&[(payload, crc32fast::hash(payload))])
    }

    /// Appends records with one write and one sync, and returns the number of the first once all
    /// are durable.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_batch(&self, payloads: &[&[u8]]) -> io::Result<u64> {
        let hashed = payloads.iter().map(|it| (*it, crc32fast::hash(it)));
        self.append_hashed(&hashed.collect::<Vec<_>>())
    }

    fn append_hashed(&self, records: &[(&[u8], u32)]) -> io::Result<u64> {
        let time_ms = now_ms();
        let mut state = self.lock();
        let seq = state.next_seq;
        for (payload, crc) in records {
            let next = state.next_seq;
            state.next_seq = next.wrapping_add(1);
            push_frame(&mut state.pending, payload, *crc, next, time_ms);
        }
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
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let position = match self.space {
            Space::Written(all) if state.position.saturating_add(len) > all => 0,
            _ => state.position,
        };
        state.position = position.saturating_add(len);
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
        while matches!(self.space, Space::Allocated) && end > *allocated {
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
        floor.append_batch(&[&[1; 100], &[2; 100]]).unwrap();
        assert_eq!(floor.durable_bytes(), 402 * 124);
        let walked = walk::file(&path, 402 * 124).unwrap();
        assert_eq!((walked.records, walked.payload_bytes), (402, 402 * 100));
    }

    #[test]
    fn written_space_does_not_grow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("floor");
        let floor = Floor::create_written(&path, 1000).unwrap();
        for seq in 0..100 {
            assert_eq!(floor.append(b"payload").unwrap(), seq);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1000);
    }
}
