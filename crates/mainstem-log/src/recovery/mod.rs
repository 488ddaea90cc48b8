//! Opening a shard.
//!
//! 1. [`listing`] reads the directory and tells segments from the remains of a crash.
//!    [`state`] asks what must be there and is not, and what was never finished.
//! 2. [`walk`] reads one group after the other and verifies every byte; [`entries`] makes their index.
//! 3. [`scan_tail`] walks the newest segment from the last point known durable.
//! 4. [`decide`] tells a torn tail from damage: a pure table.
//! 5. [`open`] does what was decided: trust, cut, or refuse.
//!
//! [`verify`] and [`repair`] are for people: the first reads everything, the second is the only
//! thing that cuts acknowledged data.

pub(crate) mod decide;
pub(crate) mod entries;
pub(crate) mod listing;
pub(crate) mod open;
pub(crate) mod repair;
pub(crate) mod scan_tail;
pub(crate) mod state;
pub(crate) mod verify;
pub(crate) mod walk;
