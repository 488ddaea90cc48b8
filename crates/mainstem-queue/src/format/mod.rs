//! What the records of a queue's log look like; see `docs/format-queue.md`. Bytes only, no I/O.

pub(crate) mod bytes;
#[cfg(test)]
mod damaged;
pub(crate) mod event;
pub(crate) mod runs;
pub(crate) mod snapshot;
