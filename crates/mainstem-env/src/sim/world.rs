//! The traits of this crate over the simulated disk.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Disk, Shared};
use super::faults::OpKind;
use super::file::{SimFile, SimLock};
use super::file_state::FileState;
use super::names::{Change, Entries, Node, Place};
use super::pages::to_u64;
use super::volume::Op;
use crate::clock::{Clock, Elapsed, TimestampMs};
use crate::entropy::Random;
use crate::fs::{DirEntry, File, Fs, LockAttempt, Metadata, OpenMode};

/// One simulated world, seen through the traits.
#[derive(Clone, Debug)]
pub(super) struct World(pub(super) Arc<Shared>);

impl Clock for World {
    fn now(&self) -> TimestampMs {
        self.0.clock.now()
    }

    fn elapsed(&self) -> Elapsed {
        self.0.clock.elapsed()
    }

    fn sleep(&self, duration: std::time::Duration) {
        self.0.clock.sleep(duration);
    }
}

impl Random for World {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let late = self.0.disk().gate(OpKind::Random, "")?;
        self.0.random.fill(bytes)?;
        late.map_or(Ok(()), Err)
    }
}

impl Fs for World {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let text = text_of(path)?;
        let may_create = matches!(mode, OpenMode::CreateNew | OpenMode::ReadWriteOrCreate);
        let kind = if may_create {
            OpKind::Create
        } else {
            OpKind::Open
        };
        let mut disk = self.0.disk();
        let late = disk.gate(kind, text)?;
        let node = find_or_create(&mut disk, kind, path, mode)?;
        let file = SimFile::open(&self.0, &mut disk, node.id, text, mode != OpenMode::Read)?;
        drop(disk);
        late.map_or(Ok(Arc::new(file)), Err)
    }

    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        let mut disk = self.0.disk();
        let late = disk.gate(OpKind::Metadata, text_of(path)?)?;
        let found = match disk.node(path) {
            Ok(node) => Some(Metadata {
                len: disk.volume().file(node.id).map_or(0, FileState::len),
                is_dir: node.is_dir,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        late.map_or(Ok(found), Err)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut disk = self.0.disk();
        let late = disk.gate(OpKind::List, text_of(path)?)?;
        let dir = disk.dir(path)?;
        let entries = disk.volume().names().entries(dir);
        let entries = entries
            .into_iter()
            .flatten()
            .map(|(name, node)| DirEntry {
                name: name.to_string(),
                is_dir: node.is_dir,
            })
            .collect();
        late.map_or(Ok(entries), Err)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let text = text_of(path)?;
        let mut disk = self.0.disk();
        let late = disk.gate(OpKind::CreateDir, text)?;
        if path
            .components()
            .all(|component| component == std::path::Component::RootDir)
        {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let at = disk.place(path)?;
        create(&mut disk, OpKind::CreateDir, text, at, true)?;
        late.map_or(Ok(()), Err)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let text = format!("{} -> {}", text_of(from)?, text_of(to)?);
        let mut disk = self.0.disk();
        let late = disk.gate(OpKind::Rename, &text)?;
        let (from, to) = (disk.place(from)?, disk.place(to)?);
        let names = disk.volume().names();
        let node = names
            .find(from.dir, &from.name)
            .ok_or(io::ErrorKind::NotFound)?;
        match names.find(to.dir, &to.name) {
            // As rename(2): two names of the same file, nothing to do.
            Some(replaced) if replaced == node => return late.map_or(Ok(()), Err),
            Some(replaced) if replaced.is_dir && !node.is_dir => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Some(replaced) if !replaced.is_dir && node.is_dir => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Some(replaced) if replaced.is_dir && !is_empty(&disk, replaced.id) => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        let change = Change::Rename { from, to, node };
        disk.record(OpKind::Rename, &Arc::from(text), Op::Name(change));
        late.map_or(Ok(()), Err)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        remove(&self.0, OpKind::Unlink, path, |_, node| {
            if node.is_dir {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok(())
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        remove(&self.0, OpKind::RemoveDir, path, |disk, node| {
            if !node.is_dir {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            if !is_empty(disk, node.id) {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let text = text_of(path)?;
        let mut disk = self.0.disk();
        let dir = disk.dir(path)?;
        let fault = disk.strike(OpKind::SyncDir, text);
        let succeeds = fault.as_ref().is_none_or(|fault| fault.takes_effect);
        disk.record(
            OpKind::SyncDir,
            &Arc::from(text),
            Op::SyncDir { dir, succeeds },
        );
        fault.map_or(Ok(()), |fault| Err(fault.error.to_error()))
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        let mut disk = self.0.disk();
        let late = disk.gate(OpKind::AvailableSpace, text_of(path)?)?;
        disk.node(path)?;
        late.map_or(Ok(disk.free_space()), Err)
    }

    fn try_lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        let text = text_of(path)?;
        let kind = OpKind::TryLock;
        let mut disk = self.0.disk();
        let late = disk.gate(kind, text)?;
        let node = find_or_create(&mut disk, kind, path, OpenMode::ReadWriteOrCreate)?;
        let file = SimFile::open(&self.0, &mut disk, node.id, text, true)?;
        if disk.is_locked(node.id) {
            let len = disk.volume().file(node.id).map_or(0, FileState::len);
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
            if let Some(state) = disk.volume().file(node.id) {
                state.read(&mut bytes, 0);
            }
            drop(disk);
            return Ok(LockAttempt::HeldBy(
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
        disk.lock(node.id);
        disk.record(
            kind,
            file.path(),
            Op::Truncate {
                file: node.id,
                len: 0,
            },
        );
        if disk.has_room(node.id, 0..to_u64(holder.len())) {
            let write = Op::Write {
                file: node.id,
                bytes: Arc::from(holder.as_bytes()),
                position: 0,
            };
            disk.record(kind, file.path(), write);
        }
        drop(disk);
        let lock = SimLock::new(file);
        late.map_or(Ok(LockAttempt::Acquired(Box::new(lock))), Err)
    }
}

fn find_or_create(disk: &mut Disk, kind: OpKind, path: &Path, mode: OpenMode) -> io::Result<Node> {
    let at = disk.place(path)?;
    match disk.volume().names().find(at.dir, &at.name) {
        Some(_) if mode == OpenMode::CreateNew => Err(io::ErrorKind::AlreadyExists.into()),
        Some(node) if node.is_dir => Err(io::ErrorKind::IsADirectory.into()),
        Some(node) => Ok(node),
        None if matches!(mode, OpenMode::Read | OpenMode::ReadWrite) => {
            Err(io::ErrorKind::NotFound.into())
        }
        None => create(disk, kind, text_of(path)?, at, false),
    }
}

fn create(disk: &mut Disk, kind: OpKind, text: &str, at: Place, is_dir: bool) -> io::Result<Node> {
    if disk.volume().names().find(at.dir, &at.name).is_some() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let node = Node {
        id: disk.new_id(),
        is_dir,
    };
    disk.record(kind, &Arc::from(text), Op::Name(Change::Link { at, node }));
    Ok(node)
}

fn remove(
    shared: &Shared,
    kind: OpKind,
    path: &Path,
    check: impl Fn(&Disk, Node) -> io::Result<()>,
) -> io::Result<()> {
    let text = text_of(path)?;
    let mut disk = shared.disk();
    let late = disk.gate(kind, text)?;
    let at = disk.place(path)?;
    let found = disk.volume().names().find(at.dir, &at.name);
    let node = found.ok_or(io::ErrorKind::NotFound)?;
    check(&disk, node)?;
    disk.record(
        kind,
        &Arc::from(text),
        Op::Name(Change::Unlink { at, node }),
    );
    late.map_or(Ok(()), Err)
}

fn is_empty(disk: &Disk, dir: u64) -> bool {
    disk.volume()
        .names()
        .entries(dir)
        .is_none_or(Entries::is_empty)
}

fn text_of(path: &Path) -> io::Result<&str> {
    path.to_str()
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
