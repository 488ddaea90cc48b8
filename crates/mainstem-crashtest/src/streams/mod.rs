//! Streams on a simulated disk: catalogue and shards must agree after every loss of power.
//!
//! [`Plan`] and [`Step`] are the work as data: streams made, deleted and made again under the same
//! name, retention raised and lowered, records put, time passing, kills. [`Run`] carries it out on the
//! streams layer as the server has it (catalogue in redb, shards in the storage engine, both over the
//! simulated disk) and keeps a [`History`] of what was promised; [`judge`] holds streams that were
//! opened after a loss of power to it. Exploring, shrinking and replaying are those of
//! [`sim`](crate::sim): a plan is a [`Workload`](crate::sim::Workload).
//!
//! # What is judged
//! The streams listed are those that must be there, each with the shards it was made with, all open,
//! their hash keys complete; the retention is the last one acknowledged; no log is there that no
//! stream names. Every acknowledged record comes back from `TRIM_HORIZON` in order, unchanged, with
//! the number that was answered; numbers rise and are not given again, not even by a stream that
//! has the name of a deleted one. Iterators that were taken before go on where they stood, or are
//! refused with the error that says why. What was in doubt is as one of its outcomes has it, whole.
//!
//! While the disk is [full](Step::Fill), what needs space may be refused, with an error that says so;
//! all that is there is shown all the same, and nothing is refused any more once it is
//! [freed](Step::Free). [`faults`] makes calls fail one by one: what an error called not applied must not
//! be found, and what it left unknown is as one of its outcomes has it.
//!
//! # To add a kind of step
//! A word in [`step`], its share in [`plan`]'s `Style::step`, an arm in [`run`]'s `try_step` that notes in
//! [`history`] what is asked for before the call and what was answered after it, and what [`judge`] is to
//! expect of it. Resharding makes a life's list of shards one that changes; a queue beside the streams
//! is another kind of life; encryption is a property of a stream like the retention, and a check that
//! no payload stands in `Sim::read_file` as it was given.

mod clock;
pub mod command;
pub mod exhaustive;
pub mod faults;
pub mod history;
pub mod judge;
pub mod plan;
mod process;
mod records;
pub mod run;
pub mod step;
mod workload;

pub use command::Streams;
pub use history::History;
pub use plan::Plan;
pub use run::Run;
pub use step::Step;
