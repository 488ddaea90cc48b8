//! Looking at a data directory that no engine has open, and repairing it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainstem_env::{Env, LockHeld, OpenMode, ReadMode};

use crate::engine::{acquire_lock, open_identity};
use crate::error::LogError;
use crate::files::Files;
use crate::format::manifest::{self, CleanShard, EngineId, ManifestError};
use crate::format::names;
use crate::journal::replay;
use crate::recovery::repair::{self, Cut};
use crate::recovery::verify::{self, SegmentReport, VerifyProgress};
use crate::shard::ShardName;

/// A data directory, locked, with no engine on it. Nothing is changed but by [`Offline::repair`] and
/// [`Offline::set_journal_aside`], and that what a crash left in the commit journal goes to where it
/// belongs, as at any opening.
#[derive(Debug)]
pub struct Offline {
    dir: PathBuf,
    files: Arc<Files>,
    /// What the last orderly close wrote down of each shard.
    clean: BTreeMap<String, CleanShard>,
    journal_problem: Option<LogError>,
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
        let id = open_identity(env, dir)?;
        let clean = read_clean(env, dir, id)?;
        let files = Arc::new(Files::new(env.clone(), ReadMode::Buffered, 1));
        let journal_problem = replay::replay(&files, dir).err();
        Ok(Self {
            dir: dir.to_path_buf(),
            files,
            clean,
            journal_problem,
            _lock: lock,
        })
    }

    /// Returns why what a crash left in the commit journal could not be taken over, if that is so. No engine
    /// opens the directory then: records of any shard may be durable in the journal alone. If it is
    /// [`LogError::Corrupt`], the journal is damaged; after anything else, trying again may help.
    pub fn journal_problem(&self) -> Option<&LogError> {
        self.journal_problem.as_ref()
    }

    /// Takes over what comes before the damage in the commit journal, and keeps the journal under another
    /// name. Records that only the rest of it had are lost: the last ones of shards that were being written
    /// to, and their numbers are given again. Does nothing if it is not damaged.
    ///
    /// # Durability
    /// On `Ok` the directory can be opened again, also after a crash.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::StorageFull`].
    pub fn set_journal_aside(&mut self) -> Result<(), LogError> {
        if matches!(self.journal_problem, Some(LogError::Corrupt { .. })) {
            replay::set_aside(&self.files, &self.dir)?;
            self.journal_problem = None;
        }
        self.check_journal()
    }

    /// Returns the names of all shards, sorted.
    ///
    /// # Errors
    /// [`LogError::Io`] if the directory cannot be listed.
    pub fn shard_names(&self) -> Result<Vec<ShardName>, LogError> {
        crate::engine::shard_names(&self.files.env, &self.dir)
    }

    /// Reads all segments of a shard, every byte of their data, and returns what each holds and what
    /// is wrong with it, oldest first. While there is an [`Offline::journal_problem`], what is at the end of the
    /// newest may be wrong only for that.
    ///
    /// # Errors
    /// [`LogError::ShardNotFound`]; [`LogError::Io`] if a file cannot be read. Damage is no error.
    pub fn verify(
        &self,
        shard: &ShardName,
        progress: &mut dyn FnMut(VerifyProgress),
    ) -> Result<Vec<SegmentReport>, LogError> {
        let dir = self.shard_dir(shard)?;
        let clean = self.clean.get(shard.as_str());
        verify::verify(&self.files, &dir, shard.hash(), clean, progress)
    }

    /// Answers why no shard can be judged, if the commit journal still has records.
    fn check_journal(&self) -> Result<(), LogError> {
        self.journal_problem.clone().map_or(Ok(()), Err)
    }

    /// Returns what [`Offline::repair`] would cut; empty if the shard is whole.
    ///
    /// # Errors
    /// As [`Offline::verify`]; the [`Offline::journal_problem`], if there is one; [`LogError::Unsupported`] if a newer version wrote a segment: that is
    /// no damage, and nothing is cut.
    pub fn plan_repair(&self, shard: &ShardName) -> Result<Vec<Cut>, LogError> {
        self.check_journal()?;
        repair::plan(&self.verify(shard, &mut |_| ())?)
    }

    /// Cuts off what `cuts` say. Damaged files are kept beside the repaired ones.
    ///
    /// # Durability
    /// On `Ok` the shard takes appends again after the next opening, also after a crash. After a crash
    /// or an error in between, planning again goes on where this stopped.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::StorageFull`]; the [`Offline::journal_problem`], if there is one.
    pub fn repair(&self, shard: &ShardName, cuts: &[Cut]) -> Result<(), LogError> {
        self.check_journal()?;
        if cuts.is_empty() {
            return Ok(());
        }
        let dir = self.shard_dir(shard)?;
        // The note of an orderly close stays: it vouches for the other shards, and once this one has a
        // newer segment than the note names, the note says nothing of it.
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

/// Reads what the last orderly close wrote down, and leaves it there.
fn read_clean(
    env: &Env,
    dir: &Path,
    id: EngineId,
) -> Result<BTreeMap<String, CleanShard>, LogError> {
    let path = dir.join(names::CLEAN);
    let found = env
        .fs
        .metadata(&path)
        .map_err(LogError::io("look at", &path))?;
    if found.is_none() {
        return Ok(BTreeMap::new());
    }
    let file = env
        .fs
        .open(&path, OpenMode::Read)
        .map_err(LogError::io("open", &path))?;
    let len = file.len().map_err(LogError::io("measure", &path))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(LogError::io("read", &path))?;
    bytes.truncate(read);
    match manifest::decode_clean(&bytes, id) {
        Ok(shards) => Ok(shards
            .into_iter()
            .map(|shard| (shard.name.clone(), shard))
            .collect()),
        Err(error @ ManifestError::NewerVersion(_)) => Err(LogError::Unsupported {
            path,
            what: error.to_string(),
        }),
        // Without it, every shard is recovered.
        Err(ManifestError::Invalid) => Ok(BTreeMap::new()),
    }
}
