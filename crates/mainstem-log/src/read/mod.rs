//! The way out, step by step.
//!
//! 1. [`locate`]: a sequence number or a time becomes a segment and a position in it.
//! 2. [`cursor`]: from there on, each record is bounded by the durable mark, verified and handed out.
//! 3. [`follow`]: at the end, a reader waits for the mark to move.

pub(crate) mod cursor;
pub(crate) mod follow;
pub(crate) mod locate;
pub(crate) mod record;
