//! What can be wrong with the store.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a store of metadata did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetaError {
    /// The file could not be opened or made.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// The store's file.
        path: PathBuf,
        /// The first cause.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The system refused to read or write one of the files around the store.
    #[error("{}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },
    /// The store was written by a newer version of this program.
    #[error("{} has format version {found}; this program reads up to {known}", path.display())]
    Unsupported {
        /// The store's file.
        path: PathBuf,
        /// The version it says.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// What the store holds makes no sense.
    #[error("{} is corrupt: {what}", path.display())]
    Corrupt {
        /// The store's file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The store cannot be read or changed now. Nothing was changed. After a failed sync it stays
    /// so until the program is started again.
    #[error("the metadata store is unavailable")]
    Unavailable {
        /// The store's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// A commit failed half-way: after a restart the change is there, or it is not.
    #[error("outcome of a metadata commit unknown")]
    Ambiguous {
        /// The store's own error.
        source: Arc<dyn Error + Send + Sync>,
    },
}
