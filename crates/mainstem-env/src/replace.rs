//! Replacing a small file in one durable step.

use std::io;
use std::path::Path;

use crate::fs::{Fs, OpenMode};

/// Replaces the file `name` in `dir` with one that holds `bytes`.
///
/// # Durability
/// On `Ok`, the new contents survive a power cut. After a crash or an error the file holds the old
/// contents or the new, never a mixture; a `NAME.tmp` may be left beside it.
///
/// # Errors
/// The system's error.
pub fn replace_file(fs: &dyn Fs, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    if fs.metadata(&temporary)?.is_some() {
        fs.unlink(&temporary)?;
    }
    let file = fs.open(&temporary, OpenMode::CreateNew)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    fs.rename(&temporary, &dir.join(name))?;
    fs.sync_dir(dir)
}
