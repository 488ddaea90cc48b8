//! Where the benches put their files, and the engine they measure.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mainstem_env::Env;
use mainstem_log::{AppendOptions, Batch, Engine, EngineOptions, Shard, ShardName, ShardOptions};
use rustix::fs::Advice;

/// A directory for the files of one bench, removed at the end.
#[derive(Debug)]
pub struct Workplace {
    dir: tempfile::TempDir,
}

impl Workplace {
    /// Creates the directory in `parent`, which should not lie in memory.
    ///
    /// # Errors
    /// The system's error.
    pub fn new(parent: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(parent)
            .context("cannot create a directory for the files")?;
        Ok(Self { dir })
    }

    /// Returns the directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Creates a directory in it, which goes when the value is dropped.
    ///
    /// # Errors
    /// The system's error.
    pub fn corner(&self) -> Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.path()).context("cannot create a directory")
    }
}

/// An engine with one shard, both with the options they have by default.
#[derive(Debug)]
pub struct Opened {
    /// The shard.
    pub shard: Shard,
    /// Keeps the engine open.
    pub engine: Engine,
}

/// Opens the engine in `dir`, and its shard, which is created if there is none.
///
/// # Errors
/// Those of the engine.
pub fn open(dir: &Path) -> Result<Opened> {
    let engine = Engine::open(&Env::real(), &data(dir), EngineOptions::default())?;
    let name = ShardName::new("shard")?;
    let shard = if engine.shard_names()?.contains(&name) {
        engine.shard(&name, ShardOptions::default())?
    } else {
        engine.create_shard(&name, ShardOptions::default())?
    };
    Ok(Opened { shard, engine })
}

fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// As [`open`], with `records` times `payload` in the shard.
///
/// # Errors
/// Those of the engine.
pub fn open_filled(dir: &Path, payload: &[u8], records: u64) -> Result<Opened> {
    let opened = open(dir)?;
    fill(&opened.shard, payload, records)?;
    Ok(opened)
}

/// Appends `records` times `payload` in large batches.
///
/// # Errors
/// Those of the engine.
pub fn fill(shard: &Shard, payload: &[u8], records: u64) -> Result<()> {
    let mut batch = Batch::new();
    for record in 1..=records {
        batch.push(payload)?;
        if batch.byte_len() >= 1 << 20 || record == records {
            shard.append(&batch, AppendOptions::default())?;
            batch.clear();
        }
    }
    Ok(())
}

/// Writes what is in the files below `dir` to the disk, and drops it from the cache. No process may
/// have it mapped.
///
/// # Errors
/// The system's error.
pub fn cool_down(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir).context("cannot list the files to drop from the cache")? {
        let path = entry?.path();
        if path.is_dir() {
            cool_down(&path)?;
            continue;
        }
        let file = File::open(&path)?;
        // Pages that are not on the disk yet would stay.
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)
            .with_context(|| format!("cannot drop the pages of {}", path.display()))?;
    }
    Ok(())
}
