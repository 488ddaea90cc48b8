//! Checks that ask more closely than the exploration of plans does.

mod calls;
mod idle;
mod kit;
mod offline;
mod stale;
mod threads;
mod waits;

pub(super) use calls::{CLOCK, EXPECTED, LOCK, POISON};
pub(super) use idle::{IDLE, SCRUB};
pub(super) use kit::{Check, Tries};
pub(super) use offline::{REPAIR, VERIFY};
pub(super) use stale::{FOREIGN_GROUP, MISPLACED, OTHER_LIFE};
pub(super) use threads::PANICS;
pub(super) use waits::{BUDGET, DROPPED, FOLLOWERS, MARK, ROUNDS, WAITS, WAKERS};
