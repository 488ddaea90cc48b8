//! The system's files and directories.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::map::Mapping;
use super::volume;
use crate::fs::{
    DirEntry, File, Fs, LockAttempt, LockHeld, Metadata, OpenMode, ReadMode, read_whole,
};
use crate::region::Region;

/// Files are for their owner alone: they hold what users put.
const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// Read, and drop what this call brought into the page cache. Source: `linux/fs.h`, Linux 6.14.
const RWF_DONTCACHE: u32 = 0x80;
/// Zero allocated space by a command to the device, and mark it written. Source: `linux/falloc.h`,
/// Linux 6.17.
const FALLOC_FL_WRITE_ZEROES: u32 = 0x80;

/// The system's file system.
#[derive(Debug)]
pub(crate) struct RealFs;

impl Fs for RealFs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = open(path, mode)?;
        Ok(Arc::new(RealFile {
            file: Arc::new(file),
            path: path.to_path_buf(),
        }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Option<Metadata>> {
        match std::fs::symlink_metadata(path) {
            Ok(found) => Ok(Some(Metadata {
                len: found.len(),
                is_dir: found.is_dir(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            entries.push(DirEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_dir: entry.file_type()?.is_dir(),
            });
        }
        entries.sort();
        Ok(entries)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(DIR_MODE).create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::File::open(path)?.sync_all()
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        volume::available_space(path)
    }

    fn try_lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        let file = open(path, OpenMode::ReadWriteOrCreate)?;
        if volume::try_lock(&file)? {
            file.set_len(0)?;
            match file.write_all_at(holder.as_bytes(), 0) {
                // What is on a full volume must stay reachable, if only to make room there.
                Err(error) if is_full(&error) => {}
                other => other?,
            }
            return Ok(LockAttempt::Acquired(Box::new(RealLock { _file: file })));
        }
        Ok(LockAttempt::HeldBy(
            std::fs::read_to_string(path).unwrap_or_default(),
        ))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn open(path: &Path, mode: OpenMode) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    options.read(true).mode(FILE_MODE).custom_flags(nofollow);
    match mode {
        OpenMode::Read => {}
        OpenMode::ReadWrite => {
            options.write(true);
        }
        OpenMode::CreateNew => {
            options.write(true).create_new(true);
        }
        OpenMode::ReadWriteOrCreate => {
            options.write(true).create(true).truncate(false);
        }
    }
    options.open(path)
}

/// The lock goes when the file is closed.
#[derive(Debug)]
struct RealLock {
    _file: std::fs::File,
}

impl LockHeld for RealLock {}

#[derive(Clone, Debug)]
struct RealFile {
    file: Arc<std::fs::File>,
    path: PathBuf,
}

impl File for RealFile {
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        read_whole(buffer, position, |rest, at| self.file.read_at(rest, at))
    }

    fn read_in_passing(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let uncached = ReadWriteFlags::from_bits_retain(RWF_DONTCACHE);
        read_whole(buffer, position, |rest, at| {
            preadv2(&*self.file, &mut [IoSliceMut::new(rest)], at, uncached)
                // Interrupted, or not known here: the plain way settles it.
                .or_else(|_| self.file.read_at(rest, at))
        })
    }

    fn zero_by_device(&self, range: Range<u64>) -> io::Result<()> {
        let flags = FallocateFlags::from_bits_retain(FALLOC_FL_WRITE_ZEROES);
        let len = range.end.saturating_sub(range.start);
        match rustix::fs::fallocate(&*self.file, flags, range.start, len) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        volume::allocate(&self.file, &self.path, len)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn region(&self, capacity: u64, mode: ReadMode) -> io::Result<Region> {
        match mode {
            ReadMode::Mapped => {
                let len = usize::try_from(capacity)
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
                Ok(Region::mapped(Mapping::new(&self.file, len)?, capacity))
            }
            ReadMode::Buffered => Ok(Region::buffered(Arc::new(self.clone()), capacity)),
        }
    }
}
