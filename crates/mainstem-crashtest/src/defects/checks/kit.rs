//! What checks are made of.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use mainstem_env::{Env, ReadMode};
use mainstem_log::{Engine, EngineOptions, LogError, Maintenance, ShardName, ShardOptions};

/// A check with a name.
#[derive(Debug)]
pub(in crate::defects) struct Check {
    pub(in crate::defects) name: &'static str,
    /// What it looks at.
    pub(in crate::defects) about: &'static str,
    /// Looks, and counts its tries; an error is what was wrong.
    pub(in crate::defects) run: fn(&Tries) -> Result<(), String>,
}

/// Counts states, flips, rounds: whatever a check tries.
#[derive(Debug, Default)]
pub(in crate::defects) struct Tries(AtomicU64);

impl Tries {
    pub(in crate::defects) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(in crate::defects) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The data directory of these checks.
pub(super) const DIR: &str = "/data";

/// Opens the engine, in which nothing happens that was not asked for.
pub(super) fn open(env: &Env) -> Result<Engine, LogError> {
    let mut options = EngineOptions::default();
    options.maintenance = Maintenance::ByCaller;
    options.read_mode = ReadMode::Mapped;
    Engine::open(env, Path::new(DIR), options)
}

pub(super) fn name() -> Result<ShardName, LogError> {
    ShardName::new("a")
}

/// The most bytes that may wait.
pub(super) const QUEUED_BYTES_MAX: u64 = 64 << 10;

/// Returns options for small segments.
pub(super) fn options() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = 4096;
    options.queued_bytes_max = QUEUED_BYTES_MAX;
    options
}

/// Returns how the error of a call that had to succeed is told.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
pub(super) fn told(error: LogError) -> String {
    format!("{error:?}")
}
