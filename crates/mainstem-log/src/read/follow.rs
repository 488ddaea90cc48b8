//! Step 3: waiting at the end for more.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::cursor::Cursor;
use crate::error::LogError;
use crate::seq::SeqNo;
use crate::shard::ShardState;

impl Cursor {
    /// Blocks until there is a record to read, at most for `timeout`; returns whether there is one.
    ///
    /// # Errors
    /// Why there will be no further record: [`LogError::Poisoned`], [`LogError::ReadOnly`] or
    /// [`LogError::Closed`].
    pub fn wait(&self, timeout: Duration) -> Result<bool, LogError> {
        self.shard().wait_beyond(self.position(), timeout)
    }

    /// Returns a future that is ready when there is a record to read, or when there will be none: the
    /// errors are those of [`Cursor::wait`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub fn ready(&self) -> Ready {
        Ready::new(Arc::clone(self.shard()), self.position())
    }
}

/// Ready when a shard's durable mark is past a sequence number.
#[must_use = "nothing is waited for before it is polled"]
#[derive(Debug)]
pub struct Ready {
    shard: Arc<ShardState>,
    seen: SeqNo,
    waiter: Option<u64>,
}

impl Ready {
    pub(crate) fn new(shard: Arc<ShardState>, seen: SeqNo) -> Self {
        Self {
            shard,
            seen,
            waiter: None,
        }
    }
}

impl Future for Ready {
    type Output = Result<SeqNo, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.shard
            .watermark
            .poll_beyond(this.seen, &mut this.waiter, context)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.shard.watermark.forget(waiter);
        }
    }
}
