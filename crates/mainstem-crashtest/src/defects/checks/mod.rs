//! Checks that ask more closely than the exploration of plans does.

mod calls;
mod kit;
mod rot;
mod threads;
mod waits;

pub(super) use calls::{CLOCK, EXPECTED, LOCK, POISON};
pub(super) use kit::{Check, Tries};
pub(super) use rot::{
    FLIPS, FLIPS_UNCLOSED, FLIPS_WITHOUT_INDEX, FOREIGN_GROUP, MISPLACED, MISSING, OTHER_LIFE,
    SWAPPED,
};
pub(super) use threads::{PANICS, ZEROS};
pub(super) use waits::{BUDGET, DROPPED, FOLLOWERS, ROUNDS, WAITS, WAKERS};
