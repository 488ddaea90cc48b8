//! What a queue has to do here.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

/// A queue that is open, shared by all threads of a measurement.
pub(crate) trait Queue: Send + Sync {
    /// Pushes messages, all or none, and returns once they are on the medium.
    fn push(&self, messages: &[&[u8]]) -> Result<()>;

    /// Waits for messages at most for `wait`, takes up to `most` of them with a lease, gives each
    /// to `handle`, acknowledges them all, and returns how many there were. The lease is on the medium
    /// before `handle` is called, and the acknowledgement before this returns.
    fn serve(&self, most: usize, wait: Duration, handle: &mut dyn FnMut(&[u8])) -> Result<usize>;

    /// Closes the queue in good order.
    fn close(self: Box<Self>) -> Result<()>;
}

/// A kind of queue.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Whether it does all that [`Queue`] says; what is not durable runs out of competition.
    pub(crate) is_durable: bool,
    /// How it is used here, for the notes of the table.
    pub(crate) how: &'static str,
    /// How many messages it drains at a time.
    pub(crate) batch: usize,
    /// Opens the queue in a directory that exists, whatever became of the process that had it open.
    pub(crate) open: fn(&Path) -> Result<Box<dyn Queue>>,
}
