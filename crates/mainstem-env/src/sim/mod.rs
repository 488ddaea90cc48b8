//! The simulated world: a disk that forgets, a clock that obeys, a generator that repeats.
//!
//! [`Sim`] stands in for the operating system. A test runs the code under test on
//! [`Sim::env`], then asks with [`Sim::power_loss`] for any of the states that a disk may legally
//! show if power fails after any of the recorded operations, and runs recovery on it.
//!
//! # The disk
//! * Everything that is written is visible at once (the page cache) and survives power loss only
//!   once it was synced. What was not is decided in blocks of 512 bytes: new, older, or torn, and
//!   for space that never held data, zeros or garbage. Lengths are old or new. A name is undecided
//!   until its directory is synced. [`Strictness`] bounds how freely this is done, and [`Choices`]
//!   does it.
//! * A sync that fails does as Linux does (Rebello et al., "Can Applications Recover from fsync
//!   Failures?", USENIX ATC 2020): the pages count as clean. Their contents stay visible, and a
//!   later sync succeeds without making them durable.
//! * Space is finite if [`Sim::set_capacity`] says so, counted in blocks of 4 KiB.
//! * [`Sim::fail`] injects errors into chosen calls.
//!
//! # What it checks
//! Two rules of every reader of a [`Region`](crate::Region) are checked when they are broken, with a
//! panic: bytes below a published end are neither written nor cut off while a region or view of them
//! lives, and (for files that [`Sim::set_published_check`] selects) no end is published that is not
//! durable. As the code under test may catch panics, [`Sim::violation`] tells of them too.
//!
//! # Determinism
//! The same seed and the same calls in the same order give the same bytes and the same journal.

mod api;
mod choices;
mod clock;
mod disk;
mod faults;
mod file;
mod file_state;
mod history;
mod hooked;
mod names;
mod pages;
mod rng;
mod survival;
mod volume;
mod world;

pub use api::Sim;
pub use choices::{Choices, Strictness};
pub use faults::{Fault, FaultError, FaultMode, OpKind};
pub use history::JournalEntry;
pub use hooked::{Hook, ShiftedClock, hooked};
