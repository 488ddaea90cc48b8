//! How the queue under test is opened, and what its messages are.

use std::time::Duration;

use mainstem_queue::{Consumer, ConsumerOptions, Queue, QueueError, QueueOptions};

use crate::sim::rng::payload;

/// The consumers: names and topics. Transactions push to the topic of the last.
pub(super) const CONSUMERS: [(&str, &str); 3] =
    [("main", "main"), ("second", "main"), ("main", OUT)];
/// The topic that transactions push to.
pub(super) const OUT: &str = "out";
/// The consumer of that topic.
pub(super) const OUTPUTS: usize = 2;

/// Returns options with which files come and go within a life.
pub(super) fn options() -> QueueOptions {
    let mut options = QueueOptions::default();
    options.segment_bytes = 32 << 10;
    options.snapshot_bytes = 4 << 10;
    options.prewrite_bytes = 0;
    options
}

/// Returns the consumers of `queue`, which hide a message for longer than any process lives.
pub(super) fn consumers(queue: &Queue) -> Result<Vec<Consumer>, QueueError> {
    let consumer = |(name, topic): (&str, &str)| {
        let mut options = ConsumerOptions::default();
        topic.clone_into(&mut options.topic);
        options.visibility = Duration::from_hours(1);
        options.attempts_max = u32::MAX;
        queue.consumer(name, options)
    };
    CONSUMERS.into_iter().map(consumer).collect()
}

/// Returns the payload of message `id`.
pub(super) fn bytes_of(id: u64) -> Vec<u8> {
    let size = usize::try_from(id % 701).unwrap_or(0);
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend(payload(id, size));
    bytes
}

/// Returns the message that `bytes` are of.
///
/// # Errors
/// If they are of none.
pub(super) fn id_of(bytes: &[u8]) -> Result<u64, String> {
    let id = bytes.first_chunk().map(|id| u64::from_le_bytes(*id));
    id.filter(|id| bytes_of(*id) == bytes)
        .ok_or_else(|| format!("{} bytes that nobody pushed", bytes.len()))
}
