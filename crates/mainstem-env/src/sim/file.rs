//! Open files, regions and locks of the simulated disk.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use super::disk::{Disk, Published, Shared};
use super::faults::{Fault, OpKind};
use super::file_state::FileState;
use super::pages::to_u64;
use super::volume::Op;
use crate::fs::{File, LockHeld, ReadMode, read_whole};
use crate::region::{Region, Watch};

/// An open file of the simulated disk.
#[derive(Debug)]
pub(super) struct SimFile {
    shared: Arc<Shared>,
    file: u64,
    path: Arc<str>,
    writable: bool,
    /// Whether it takes a descriptor; a memory map does not.
    is_map: bool,
}

impl SimFile {
    /// Opens file `id`.
    pub(super) fn open(
        shared: &Arc<Shared>,
        disk: &mut Disk,
        id: u64,
        path: &str,
        writable: bool,
    ) -> io::Result<Self> {
        disk.open_file(id)?;
        Ok(Self {
            shared: Arc::clone(shared),
            file: id,
            path: Arc::from(path),
            writable,
            is_map: false,
        })
    }

    pub(super) fn path(&self) -> &Arc<str> {
        &self.path
    }

    fn writable(&self) -> io::Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(io::Error::from_raw_os_error(EBADF))
    }

    /// Reads as one call of the system does, which may stop short.
    fn read_once(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut disk = self.shared.disk();
        let (most, late) = match disk.strike(OpKind::Read, &self.path) {
            None => (buffer.len(), None),
            // Of nothing, whoever reads would think that the file ends.
            Some(Fault {
                partial: Some(bytes),
                ..
            }) => (bytes.max(1), None),
            Some(fault) if fault.takes_effect => (buffer.len(), Some(fault.error.to_error())),
            Some(fault) => return Err(fault.error.to_error()),
        };
        let most = most.min(buffer.len());
        let read = match (disk.volume().file(self.file), buffer.get_mut(..most)) {
            (Some(file), Some(buffer)) => file.read(buffer, position),
            _ => 0,
        };
        late.map_or(Ok(read), Err)
    }

    fn sync(&self, kind: OpKind) -> io::Result<()> {
        let mut disk = self.shared.disk();
        let fault = disk.strike(kind, &self.path);
        let succeeds = fault.as_ref().is_none_or(|fault| fault.takes_effect);
        let file = self.file;
        disk.record(kind, &self.path, Op::Sync { file, succeeds });
        fault.map_or(Ok(()), |fault| Err(fault.error.to_error()))
    }
}

/// Returns the position of the first byte that writing `bytes` changes. A recovery writes what it found
/// over itself, under the eyes of whoever still reads it.
fn first_change(disk: &Disk, file: u64, bytes: &[u8], position: u64) -> Option<u64> {
    let mut before = vec![0; bytes.len()];
    let read = disk
        .volume()
        .file(file)
        .map_or(0, |file| file.read(&mut before, position));
    let is_changed = |(at, byte): (usize, &u8)| at >= read || before.get(at) != Some(byte);
    let at = bytes.iter().enumerate().position(is_changed)?;
    Some(position.saturating_add(to_u64(at)))
}

/// Panics with the complaint, if there is one, but gives up the disk before, so that others go on.
fn uphold(disk: MutexGuard<'_, Disk>, complaint: Option<String>) -> MutexGuard<'_, Disk> {
    let Some(complaint) = complaint else {
        return disk;
    };
    drop(disk);
    panic!("{complaint}");
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut disk = self.shared.disk();
        if self.is_map {
            disk.unpin(self.file);
        } else {
            disk.close_file(self.file);
        }
    }
}

impl File for SimFile {
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.writable()?;
        let mut disk = self.shared.disk();
        if !bytes.is_empty() {
            let changed = first_change(&disk, self.file, bytes, position);
            let complaint =
                changed.and_then(|from| disk.check_unpublished(self.file, from, "a write"));
            disk = uphold(disk, complaint);
        }
        let fault = disk.strike(OpKind::Write, &self.path);
        let wanted = match &fault {
            Some(fault) if fault.takes_effect => bytes.len(),
            Some(fault) => fault.partial.unwrap_or(0).min(bytes.len()),
            None => bytes.len(),
        };
        let fits = fitting(&disk, self.file, position, wanted);
        let written = bytes.get(..fits).unwrap_or_default();
        if !written.is_empty() {
            let write = Op::Write {
                file: self.file,
                bytes: Arc::from(written),
                position,
            };
            disk.record(OpKind::Write, &self.path, write);
        }
        match fault {
            Some(fault) => Err(fault.error.to_error()),
            None if fits < bytes.len() => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        read_whole(buffer, position, |rest, at| self.read_once(rest, at))
    }

    fn zero_by_device(&self, _range: Range<u64>) -> io::Result<()> {
        self.writable()?;
        let late = self.shared.disk().gate(OpKind::ZeroByDevice, &self.path)?;
        Err(late.unwrap_or_else(|| io::ErrorKind::Unsupported.into()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(OpKind::SyncData)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(OpKind::SyncAll)
    }

    fn len(&self) -> io::Result<u64> {
        let mut disk = self.shared.disk();
        let late = disk.gate(OpKind::Len, &self.path)?;
        let len = disk.volume().file(self.file).map_or(0, FileState::len);
        late.map_or(Ok(len), Err)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.writable()?;
        let mut disk = self.shared.disk();
        let late = disk.gate(OpKind::Allocate, &self.path)?;
        if !disk.has_room(self.file, 0..len) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = self.file;
        disk.record(OpKind::Allocate, &self.path, Op::Allocate { file, len });
        late.map_or(Ok(()), Err)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.writable()?;
        let mut disk = self.shared.disk();
        let late = disk.gate(OpKind::Truncate, &self.path)?;
        let complaint = disk.check_unpublished(self.file, len, "a truncation");
        let mut disk = uphold(disk, complaint);
        let file = self.file;
        disk.record(OpKind::Truncate, &self.path, Op::Truncate { file, len });
        late.map_or(Ok(()), Err)
    }

    fn region(&self, capacity: u64, _mode: ReadMode) -> io::Result<Region> {
        let mut disk = self.shared.disk();
        let late = disk.gate(OpKind::Region, &self.path)?;
        // The real thing shares the descriptor with its file when it copies, and needs none when it
        // maps.
        disk.pin(self.file);
        let published = Arc::new(Published {
            end: AtomicU64::new(0),
            path: Arc::clone(&self.path),
        });
        disk.watch(self.file, &published);
        drop(disk);
        let file = Arc::new(Self {
            shared: Arc::clone(&self.shared),
            file: self.file,
            path: Arc::clone(&self.path),
            writable: false,
            is_map: true,
        });
        let watch = SimWatch {
            file: Arc::clone(&file),
            published,
        };
        late.map_or(Ok(Region::watched(file, capacity, Arc::new(watch))), Err)
    }
}

/// Returns how many of `len` bytes at `position` of file `id` find room.
fn fitting(disk: &Disk, id: u64, position: u64, len: usize) -> usize {
    let fits = |len: usize| disk.has_room(id, position..position.saturating_add(to_u64(len)));
    if fits(len) {
        return len;
    }
    let mut end = position;
    let mut best = 0;
    loop {
        end = (end / BLOCK).saturating_add(1).saturating_mul(BLOCK);
        let shorter = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
        if shorter >= len || !fits(shorter) {
            return best;
        }
        best = shorter;
    }
}

const BLOCK: u64 = 4096;
/// Linux's number for "bad file descriptor": the file is not open for writing.
const EBADF: i32 = 9;

/// Sees what a region's owner publishes.
#[derive(Debug)]
struct SimWatch {
    file: Arc<SimFile>,
    published: Arc<Published>,
}

impl Watch for SimWatch {
    fn publishing(&self, end: u64) {
        let file = &self.file;
        // Partner of the maximum taken below.
        let before = self.published.end.load(Ordering::Acquire);
        if end > before {
            let mut disk = file.shared.disk();
            let complaint = disk.check_durable(file.file, &file.path, before..end);
            drop(uphold(disk, complaint));
        }
        // Partner of the load in the checks of writes and truncations.
        self.published.end.fetch_max(end, Ordering::AcqRel);
    }
}

/// A lock on the simulated disk; it goes with the last use of the file.
#[derive(Debug)]
pub(super) struct SimLock {
    file: SimFile,
}

impl SimLock {
    pub(super) fn new(file: SimFile) -> Self {
        Self { file }
    }
}

impl LockHeld for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.file.shared.disk().unlock(self.file.file);
    }
}
