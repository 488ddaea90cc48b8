//! What is measured, a row of the table each.

pub(crate) mod disk;
pub(crate) mod drain;
pub(crate) mod push;
pub(crate) mod reopen;
pub(crate) mod round_trip;

use anyhow::Result;

use super::peer::Peer;
use crate::report::Figure;

/// Measures a peer once.
type Measure<'a> = Box<dyn FnMut(&Peer) -> Result<Vec<Figure>> + 'a>;

/// One thing that is measured of every peer.
pub(crate) struct Case<'a> {
    pub(crate) row: &'static str,
    pub(crate) what: String,
    /// Whether more than one thread is at work.
    pub(crate) is_parallel: bool,
    pub(crate) rounds: usize,
    /// Bytes that all peers together may need on the disk at a time.
    pub(crate) bytes: u64,
    pub(crate) measure: Measure<'a>,
}

/// Returns a message of `bytes` bytes that compresses badly, as messages of programs that care do.
pub(crate) fn payload(bytes: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut payload = Vec::with_capacity(bytes + 8);
    while payload.len() < bytes {
        // xorshift64 by Marsaglia.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        payload.extend_from_slice(&state.to_le_bytes());
    }
    payload.truncate(bytes);
    payload
}

/// Pushes `messages` times `payload`, in batches of up to `batch`.
pub(crate) fn fill(
    queue: &dyn super::peer::Queue,
    payload: &[u8],
    messages: u64,
    batch: usize,
) -> Result<()> {
    let full = vec![payload; batch];
    let mut left = usize::try_from(messages)?;
    while left > 0 {
        let some = full.get(..left.min(batch)).unwrap_or(&full);
        queue.push(some)?;
        left -= some.len();
    }
    Ok(())
}
