//! Retention: whole segments are deleted once everything in them is too old.
//!
//! [`policy`] decides and [`trim`] deletes.

pub(crate) mod policy;
pub(crate) mod trim;
