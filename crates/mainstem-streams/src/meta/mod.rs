//! Where facts about streams are kept: a small transactional store of named values.
//!
//! [`MetaStore`] is the seam; [`RedbStore`] is the embedded one, a single `catalogue.redb` in the
//! data directory that does its I/O through `mainstem-env`. What the values mean is the business
//! of `crate::catalogue`.

mod backend;
mod error;
mod redb_store;
mod store;

pub use error::MetaError;
pub use redb_store::{CATALOGUE_FILE, RedbStore};
pub use store::{MetaChange, MetaStore, MetaTable};
