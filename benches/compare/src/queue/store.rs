//! What a queue has to do here.

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
