//! How an engine reaches its files: the environment, the way of reading, and the cap on maps.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mainstem_env::{Env, OpenMode, ReadMode, Region};

use crate::error::LogError;

/// Shared by all shards of an engine.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) env: Env,
    read_mode: ReadMode,
    maps_max: usize,
    maps: Arc<AtomicUsize>,
}

/// A region that counts against the cap on maps for as long as the engine keeps it. Views that
/// outlive it keep the memory, but are the caller's to bound.
#[derive(Debug)]
pub(crate) struct CountedRegion {
    pub(crate) region: Region,
    /// Whether the index block of the sealed segment was brought into memory.
    pub(crate) index_populated: AtomicBool,
    maps: Option<Arc<AtomicUsize>>,
}

impl Drop for CountedRegion {
    fn drop(&mut self) {
        if let Some(maps) = &self.maps {
            maps.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Files {
    pub(crate) fn new(env: Env, read_mode: ReadMode, maps_max: usize) -> Self {
        Self {
            env,
            read_mode,
            maps_max,
            maps: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// Returns how many files are mapped.
    pub(crate) fn maps(&self) -> usize {
        self.maps.load(Ordering::Relaxed)
    }

    /// Returns whether so many files are mapped that some should be given up.
    pub(crate) fn are_maps_scarce(&self) -> bool {
        self.maps() >= self.maps_max / 2
    }

    /// Opens the file at `path` for reading its first `capacity` bytes; past the cap on maps, by
    /// copying.
    pub(crate) fn region(&self, path: &Path, capacity: u64) -> Result<CountedRegion, LogError> {
        let file = self
            .env
            .fs
            .open(path, OpenMode::Read)
            .map_err(LogError::io("open", path))?;
        let may_map = self.read_mode == ReadMode::Mapped
            && self.maps.fetch_add(1, Ordering::Relaxed) < self.maps_max;
        let mode = if may_map {
            ReadMode::Mapped
        } else {
            ReadMode::Buffered
        };
        let maps = (self.read_mode == ReadMode::Mapped).then(|| Arc::clone(&self.maps));
        // Counted from here on, so that every way out gives the place back.
        let counted = |region| CountedRegion {
            region,
            index_populated: AtomicBool::new(false),
            maps,
        };
        match file.region(capacity, mode) {
            Ok(region) => Ok(counted(region)),
            Err(error) => {
                if self.read_mode == ReadMode::Mapped {
                    self.maps.fetch_sub(1, Ordering::Relaxed);
                }
                Err(LogError::io("map", path)(error))
            }
        }
    }
}
