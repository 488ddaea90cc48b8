//! Plants defects in the engine and the queue, one at a time, and sees whether a check notices.
//!
//! `table` names the check that must catch each defect, and `checks` has those that ask more closely
//! than [`sim`](mod@crate::sim) and [`rot`](mod@crate::rot) do. They are there in builds with the feature `defects` alone.

mod command;

#[cfg(feature = "defects")]
mod carry_out;
#[cfg(feature = "defects")]
mod checks;
#[cfg(feature = "defects")]
mod planted;
#[cfg(feature = "defects")]
mod round;
#[cfg(feature = "defects")]
mod table;

pub use command::Defects;
