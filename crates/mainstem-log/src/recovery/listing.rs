//! Step 1: what is in a shard's directory.

use std::path::Path;

use mainstem_env::Fs;

use crate::error::LogError;
use crate::format::names::{self, ShardFile};
use crate::seq::SeqNo;

/// The files of a shard, in order of their names, which is the order of their records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<SeqNo>,
    pub(crate) indexes: Vec<SeqNo>,
}

/// Lists the shard's directory. Files that are not ours are left alone.
pub(crate) fn list(fs: &dyn Fs, dir: &Path) -> Result<Listing, LogError> {
    let mut listing = Listing::default();
    for entry in fs.list(dir).map_err(LogError::io("list", dir))? {
        match names::parse(&entry.name) {
            _ if entry.is_dir => {}
            ShardFile::Segment(base) => listing.segments.push(base),
            ShardFile::Index(base) => listing.indexes.push(base),
            ShardFile::Other if names::is_damaged_copy(&entry.name) => {}
            ShardFile::Other => {
                let path = dir.join(&entry.name);
                tracing::warn!(path = %path.display(), "file is not part of a shard; left alone");
            }
        }
    }
    listing.segments.sort_unstable();
    listing.indexes.sort_unstable();
    Ok(listing)
}
