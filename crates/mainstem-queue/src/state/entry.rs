//! A message that a consumer has seen and is not done with.

use std::sync::Arc;

/// A message that a consumer has seen and is not done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The record that holds it: its own, unless it was carried forward.
    pub(crate) loc: u64,
    /// The size of that record, in bytes.
    pub(crate) bytes: u32,
    /// When it was pushed, in ms.
    pub(crate) pushed_ms: u64,
    /// How often it was delivered.
    pub(crate) attempts: u32,
    pub(crate) status: Status,
    /// What orders it.
    pub(crate) key: Option<Arc<[u8]>>,
    /// Whether a record about it is under way, which holds off every other one. Not stored.
    pub(crate) busy: bool,
    /// Whether its lease has not run out. Not stored: it follows from the status and the time.
    pub(crate) is_out: bool,
}

/// What may happen to a message next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is delivered to whoever asks first.
    Ready,
    /// Whoever has the receipt with this nonce has it, until a time, and then it is as if ready.
    Leased { until_ms: u64, nonce: u64 },
    /// It is as if ready from a time on.
    Delayed { until_ms: u64 },
    /// It is not delivered.
    Dead { at_ms: u64, reason: Box<str> },
}
