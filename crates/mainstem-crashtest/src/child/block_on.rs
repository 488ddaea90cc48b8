//! Waiting for a future in a thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Wakes the thread that waits.
#[derive(Debug)]
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` once, and returns its result if it is ready.
pub(super) fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    match Pin::new(future).poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Waits until `future` is ready.
pub(super) fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    loop {
        // Woken between the poll and the parking, the thread does not park.
        match poll_once(&mut future) {
            Some(output) => return output,
            None => std::thread::park(),
        }
    }
}
