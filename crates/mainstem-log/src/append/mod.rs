//! The way in, step by step.
//!
//! 1. [`batch`]: the caller encodes and hashes its records, outside of every lock.
//! 2. [`budget`]: bytes are admitted, or the caller waits: memory is bounded.
//! 3. [`committer`]: the batch joins the pending group; one caller leads, the others wait.
//! 4. [`writer`]: the leader writes the group, syncs it and moves the durable mark.
//! 5. [`round`]: everybody who had a batch in that group is woken, and nobody else.
//!
//! [`pending`] is the asynchronous form of the same steps.

pub(crate) mod batch;
pub(crate) mod budget;
pub(crate) mod committer;
pub(crate) mod group;
pub(crate) mod pending;
pub(crate) mod round;
pub(crate) mod writer;
