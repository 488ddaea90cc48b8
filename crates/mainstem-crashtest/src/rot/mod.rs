//! Damage at rest: what happens to the files of a store behind its back.
//!
//! Whoever opens and reads a damaged store gets the right data, or an error that names the place:
//! never other data, and never less of it without a word. [`store`] makes stores, [`change`] damages
//! one file, [`judge`] reads what is left, and [`command`] goes through all damage of a kind.

pub mod change;
pub mod command;
pub mod judge;
pub mod store;

pub use change::Change;
pub use command::Rot;
pub use store::{Ending, Store};
