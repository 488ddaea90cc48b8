//! The one door outside: files, clock and randomness.
//!
//! Every other crate of the workspace reaches the operating system through the traits of this one,
//! so that a test can put a simulated disk, clock and generator in their place and lose power at
//! any point. [`Env::real`] is a thin wrapper over the system.
//!
//! * [`Fs`] opens, names and removes files and directories; [`File`] reads, writes, allocates and
//!   syncs one of them.
//! * [`Region`] is the read path: a read-only window of a file that never shows a byte past the end
//!   its owner has published. A [`View`] is a slice of it that keeps it alive.
//! * [`Clock`] tells wall-clock and elapsed time, and [`Random`] fills buffers.
//! * [`sim`] is the simulated world.

mod clock;
mod defects;
mod entropy;
mod fs;
mod real;
mod region;
mod replace;
pub mod sim;

pub use clock::{Clock, Elapsed, TimestampMs};
pub use entropy::Random;
pub use fs::{DirEntry, EIO, File, Fs, LockAttempt, LockHeld, Metadata, OpenMode, ReadMode};
pub use real::raise_open_files_limit;
pub use region::{Holders, Region, View};
pub use replace::replace_file;

use std::sync::Arc;

/// The outside world, as one value that is cheap to clone.
#[derive(Clone, Debug)]
pub struct Env {
    /// Files and directories.
    pub fs: Arc<dyn Fs>,
    /// Wall-clock and elapsed time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
}

impl Env {
    /// Returns the operating system's own files, clock and randomness.
    pub fn real() -> Self {
        Self {
            fs: Arc::new(real::RealFs),
            clock: Arc::new(real::RealClock),
            random: Arc::new(real::RealRandom),
        }
    }
}
