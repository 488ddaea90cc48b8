//! What the commands share that measure something.

use std::time::Duration;

pub(crate) mod scratch;
pub(crate) mod table;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) took: Duration,
    /// One per call.
    pub(crate) latencies: Vec<Duration>,
}
