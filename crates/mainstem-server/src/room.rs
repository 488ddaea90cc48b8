//! Memory for the bodies of requests and answers.
//!
//! The room for requests is bounded and taken as bytes arrive. An eighth is for small bodies
//! alone, so that large uploads keep no ordinary call waiting. The room of one largest body is kept
//! back: bodies that have filled everything else would wait for each other, and the one that gets
//! this room can finish and make room for the next.
//!
//! The room for an answer is taken before it is made and free when it was written.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The memory of all bodies, in units of [`UNIT_BYTES`].
#[derive(Debug)]
pub(crate) struct Rooms {
    any: Semaphore,
    small: Semaphore,
    /// One permit: room for a largest body.
    last: Semaphore,
}

/// The memory that one body has taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct Room<'r> {
    rooms: &'r Rooms,
    is_small: bool,
    units: usize,
    any: Option<SemaphorePermit<'r>>,
    small: Option<SemaphorePermit<'r>>,
    last: Option<SemaphorePermit<'r>>,
}

impl Rooms {
    /// Makes room for `bytes`, of which one body may take `body_bytes_max`.
    pub(crate) fn new(bytes: usize, body_bytes_max: usize) -> Self {
        let shared = bytes.saturating_sub(body_bytes_max) / UNIT_BYTES;
        let small = shared / SMALL_SHARE;
        let permits = |units: usize| Semaphore::new(units.min(Semaphore::MAX_PERMITS));
        Self {
            any: permits(shared.saturating_sub(small)),
            small: permits(small),
            last: permits(1),
        }
    }

    /// Begins a body, of which nothing has arrived.
    pub(crate) const fn room(&self, is_small: bool) -> Room<'_> {
        Room {
            rooms: self,
            is_small,
            units: 0,
            any: None,
            small: None,
            last: None,
        }
    }
}

impl Room<'_> {
    /// Waits until there is room for `bytes` in all.
    ///
    /// # Cancel safety
    /// What was taken before stays taken.
    pub(crate) async fn grow_to(&mut self, bytes: usize) {
        let units = bytes.div_ceil(UNIT_BYTES);
        let more = units.saturating_sub(self.units);
        if more == 0 || self.last.is_some() {
            return;
        }
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        // No semaphore is ever closed, so every arm that is taken has its permit.
        tokio::select! {
            biased;
            Ok(permit) = self.rooms.small.acquire_many(more), if self.is_small => {
                add(&mut self.small, permit);
            }
            Ok(permit) = self.rooms.any.acquire_many(more) => add(&mut self.any, permit),
            Ok(permit) = self.rooms.last.acquire() => self.last = Some(permit),
            else => {}
        }
        self.units = units;
    }
}

fn add<'r>(to: &mut Option<SemaphorePermit<'r>>, permit: SemaphorePermit<'r>) {
    match to {
        Some(all) => all.merge(permit),
        None => *to = Some(permit),
    }
}

/// The memory of answers that clients have not taken yet, in units of [`UNIT_BYTES`].
#[derive(Debug)]
pub(crate) struct AnswerRooms(Arc<Semaphore>);

/// The memory that one answer has taken; free again when dropped.
#[derive(Debug)]
pub(crate) struct AnswerRoom(OwnedSemaphorePermit);

impl AnswerRooms {
    /// Makes room for `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// Waits for room for the largest answer; `None` does not happen.
    pub(crate) async fn largest(&self) -> Option<AnswerRoom> {
        let units = u32::try_from(ANSWER_BYTES_MAX / UNIT_BYTES).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.0).acquire_many_owned(units).await;
        permit.ok().map(AnswerRoom)
    }
}

impl AnswerRoom {
    /// Gives back what `body` does not need and ties the rest to it: it is free again when the last
    /// byte was written or the connection is gone.
    pub(crate) fn hold(mut self, body: Vec<u8>) -> Bytes {
        let needed = body.capacity().div_ceil(UNIT_BYTES);
        let spare = self.0.num_permits().saturating_sub(needed);
        drop(self.0.split(spare));
        Bytes::from_owner(Held { body, _room: self })
    }
}

struct Held {
    body: Vec<u8>,
    _room: AnswerRoom,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// Tells whether a body of so many bytes is small.
pub(crate) const fn is_small(bytes: u64) -> bool {
    bytes <= SMALL_BYTES
}

/// The largest answer: 10 MiB of records in base64 and what surrounds them.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What room is counted in.
const UNIT_BYTES: usize = 1024;

/// The largest small body: most calls but those that put many records are far below.
const SMALL_BYTES: u64 = 64 * 1024;

/// One part in so many is for small bodies.
const SMALL_SHARE: usize = 8;

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn grows(room: &mut Room<'_>, bytes: usize) -> bool {
        let grown = pin!(room.grow_to(bytes));
        grown.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn bodies_that_fill_everything_finish_one_after_the_other() {
        // 16 units: 4 kept back for the last body, 1 for small ones, 11 for any.
        let rooms = Rooms::new(16 * UNIT_BYTES, 4 * UNIT_BYTES);
        let mut bodies: Vec<_> = (0..11).map(|_| rooms.room(false)).collect();
        for body in &mut bodies {
            assert!(grows(body, 1), "nothing is full yet");
        }
        let (first, rest) = bodies.split_first_mut().unwrap();
        assert!(grows(first, 4 * UNIT_BYTES));
        assert!(!grows(&mut rest[0], 4 * UNIT_BYTES));
        assert!(!grows(&mut rooms.room(false), 1));
        let mut small = rooms.room(true);
        assert!(grows(&mut small, 1));
        assert!(!grows(&mut rooms.room(true), 1));
        drop(bodies.remove(0));
        assert!(grows(&mut bodies[0], 4 * UNIT_BYTES));
        drop((bodies, small));
        assert_eq!(rooms.any.available_permits(), 11);
        assert_eq!(rooms.small.available_permits(), 1);
        assert_eq!(rooms.last.available_permits(), 1);
    }
}
