//! Looking at a data directory that no engine has open, and repairing it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstem_env::{Env, LockHeld, ReadMode};

use crate::engine::{acquire_lock, open_identity};
use crate::error::LogError;
use crate::files::Files;
use crate::format::names;
use crate::recovery::repair::{self, Cut};
use crate::recovery::verify::{self, SegmentReport, VerifyProgress};
use crate::shard::ShardName;

/// A data directory, locked, with no engine on it. Nothing is changed but by [`Offline::repair`].
#[derive(Debug)]
pub struct Offline {
    dir: PathBuf,
    files: Arc<Files>,
    _lock: Box<dyn LockHeld>,
}

impl Offline {
    /// Locks the data directory at `dir`.
    ///
    /// # Errors
    /// [`LogError::Io`] if there is none; [`LogError::Locked`] if an engine has it open;
    /// [`LogError::Corrupt`] and [`LogError::Unsupported`] as [`Engine::open`](crate::Engine::open).
    pub fn open(env: &Env, dir: &Path) -> Result<Self, LogError> {
        let marker = dir.join(names::ENGINE);
        if env
            .fs
            .metadata(&marker)
            .map_err(LogError::io("look at", &marker))?
            .is_none()
        {
            let error = std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "this is not a data directory: it has no file named ENGINE",
            );
            return Err(LogError::io("open", dir)(error));
        }
        let lock = acquire_lock(env, dir)?;
        open_identity(env, dir)?;
        let files = Arc::new(Files::new(env.clone(), ReadMode::Buffered, 1));
        Ok(Self {
            dir: dir.to_path_buf(),
            files,
            _lock: lock,
        })
    }

    /// Returns the names of all shards, sorted.
    ///
    /// # Errors
    /// [`LogError::Io`] if the directory cannot be listed.
    pub fn shard_names(&self) -> Result<Vec<ShardName>, LogError> {
        crate::engine::shard_names(&self.files.env, &self.dir)
    }

    /// Reads all segments of a shard, every byte of their data, and returns what each holds and what
    /// is wrong with it, oldest first.
    ///
    /// # Errors
    /// [`LogError::ShardNotFound`]; [`LogError::Io`] if a file cannot be read. Damage is no error.
    pub fn verify(
        &self,
        shard: &ShardName,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<Vec<SegmentReport>, LogError> {
        let dir = self.shard_dir(shard)?;
        verify::verify(&self.files, &dir, shard.hash(), progress)
    }

    /// Returns what [`Offline::repair`] would cut; empty if the shard is whole.
    ///
    /// # Errors
    /// As [`Offline::verify`]; [`LogError::Unsupported`] if a newer version wrote a segment: that is
    /// no damage, and nothing is cut.
    pub fn plan_repair(&self, shard: &ShardName) -> Result<Vec<Cut>, LogError> {
        repair::plan(&self.verify(shard, &mut |_| ())?)
    }

    /// Cuts off what `cuts` say. Damaged files are kept beside the repaired ones.
    ///
    /// # Durability
    /// On `Ok` the shard takes appends again after the next opening, also after a crash. After a crash
    /// or an error in between, planning again goes on where this stopped.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::StorageFull`].
    pub fn repair(&self, shard: &ShardName, cuts: &[Cut]) -> Result<(), LogError> {
        if cuts.is_empty() {
            return Ok(());
        }
        let dir = self.shard_dir(shard)?;
        // The note of an orderly close describes the shard as it was.
        let fs = &self.files.env.fs;
        let clean = self.dir.join(names::CLEAN);
        if fs
            .metadata(&clean)
            .map_err(LogError::io("look at", &clean))?
            .is_some()
        {
            fs.unlink(&clean).map_err(LogError::io("remove", &clean))?;
            fs.sync_dir(&self.dir)
                .map_err(LogError::io("sync", &self.dir))?;
        }
        repair::apply(&self.files, &dir, shard.hash(), cuts)
    }

    fn shard_dir(&self, shard: &ShardName) -> Result<PathBuf, LogError> {
        let dir = self.dir.join(names::SHARDS).join(shard.as_str());
        let found = self
            .files
            .env
            .fs
            .metadata(&dir)
            .map_err(LogError::io("look at", &dir))?;
        if found.is_none() {
            return Err(LogError::ShardNotFound(shard.to_string()));
        }
        Ok(dir)
    }
}
