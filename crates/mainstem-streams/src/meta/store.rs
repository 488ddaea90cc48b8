//! The seam: tables of named values that change together or not at all.

use std::fmt;

use super::MetaError;

/// The tables of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store has to know every table there is"
)]
pub enum MetaTable {
    /// Facts about the store itself: format version, keys.
    Store,
    /// One value per stream, by name.
    Streams,
    /// One value per deleted stream whose sequence numbers could be mistaken for a new one's.
    Retired,
}

impl MetaTable {
    /// Every table.
    pub const ALL: [Self; 3] = [Self::Store, Self::Streams, Self::Retired];

    /// Returns the table's name in the store; names never change.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Streams => "streams",
            Self::Retired => "retired",
        }
    }
}

/// One change of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store has to know every change there is"
)]
pub enum MetaChange {
    /// Sets the value, whether or not there was one.
    Put {
        /// The table.
        table: MetaTable,
        /// The name within it.
        key: String,
        /// The new value.
        value: Vec<u8>,
    },
    /// Removes the value, if there is one.
    Remove {
        /// The table.
        table: MetaTable,
        /// The name within it.
        key: String,
    },
}

/// A durable, transactional store of named values. It never holds record data.
///
/// # Concurrency
/// Callers may share a store. Changes are made one commit after the other.
pub trait MetaStore: Send + Sync + fmt::Debug {
    /// Returns the value of `key`, or `None`.
    ///
    /// # Errors
    /// [`MetaError::Unavailable`], [`MetaError::Corrupt`].
    fn value(&self, table: MetaTable, key: &str) -> Result<Option<Vec<u8>>, MetaError>;

    /// Returns all names and values of a table, sorted by name.
    ///
    /// # Errors
    /// [`MetaError::Unavailable`], [`MetaError::Corrupt`].
    fn scan(&self, table: MetaTable) -> Result<Vec<(String, Vec<u8>)>, MetaError>;

    /// Makes all `changes` in one step.
    ///
    /// # Durability
    /// On `Ok`, they survive a power cut.
    ///
    /// # Errors
    /// [`MetaError::Unavailable`] if nothing was changed; [`MetaError::Ambiguous`] if the store
    /// cannot tell whether everything or nothing was changed. It is never a part.
    fn commit(&self, changes: &[MetaChange]) -> Result<(), MetaError>;

    /// Closes the store in good order; later calls fail. Closing twice does nothing.
    ///
    /// Whoever keeps other processes away from the store lets them in only after this.
    ///
    /// # Errors
    /// [`MetaError::Unavailable`]; nothing that was committed is lost by it.
    fn close(&self) -> Result<(), MetaError>;
}
