//! What lies on the disk, and how much fits.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Returns the bytes that the files in `dir` take on the disk. A file that goes meanwhile counts as
/// gone.
///
/// # Errors
/// The system's error.
pub(crate) fn bytes_used(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).context("cannot list the files of a store")? {
        let Ok(entry) = entry else { continue };
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            bytes += bytes_used(&entry.path()).unwrap_or(0);
        } else {
            // Blocks are of 512 bytes here, whatever those of the file system are.
            bytes += metadata.blocks() * 512;
        }
    }
    Ok(bytes)
}

/// Refuses to go on if `dir` has less than `bytes` free, or lies in memory.
///
/// # Errors
/// What is wrong with the directory.
pub(crate) fn check(dir: &Path, bytes: u64) -> Result<()> {
    let about = rustix::fs::statvfs(dir).context("cannot ask for the free space")?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    if free < bytes {
        bail!(
            "{} has {} MiB free of the {} MiB that this needs",
            dir.display(),
            free >> 20,
            bytes >> 20
        );
    }
    let kind = rustix::fs::statfs(dir)
        .context("cannot ask for the file system")?
        .f_type;
    // Source: TMPFS_MAGIC in linux/magic.h.
    if kind == 0x0102_1994 {
        bail!(
            "{} lies in memory: nothing is ever synced there; see --dir",
            dir.display()
        );
    }
    Ok(())
}
