//! The embedded queue on a simulated disk: what its calls promised must hold after every loss of power.
//!
//! [`Plan`] and [`Step`] are the work as data: messages pushed, received, acknowledged, given back,
//! rejected, transactions, upkeep, time passing, kills. [`Run`] carries it out and keeps a [`History`]
//! of what was asked for and answered; [`judge`] opens a copy of the disk, drains it, and holds what
//! it finds to the history. Exploring, shrinking and replaying are those of [`sim`](crate::sim).
//!
//! # What is judged
//! A message whose push was answered is delivered to each consumer that is not done with it; one whose
//! acknowledgement was answered never is; a rejected one is dead and in no delivery. A batch is there
//! as a whole or not at all, for all consumers alike, and so is a transaction with all its parts. No
//! message comes twice in a drain, none that nobody pushed, none with another payload or id than
//! before; those of one ordering key come in order; deliveries that were answered are counted; of
//! messages with one deduplication id there is one. While a plan runs, no message is out twice at a
//! time, none before it is due or before one of its key, and receipts are good or stale as they should be.
//!
//! While the disk is [full](Step::Fill), what needs space may be refused, with an error that says so; the
//! queue opens all the same, and nothing is refused any more once it is [freed](Step::Free). [`faults`]
//! makes calls fail one by one: what an error called not applied must not be found, what it left unknown
//! is there or not, as a whole, until a delivery or a new process shows which.

mod calls;
pub mod command;
pub mod faults;
pub mod history;
pub mod judge;
pub mod plan;
mod process;
pub mod run;
pub mod step;
mod verdicts;
mod workload;

pub use command::Queue;
pub use history::History;
pub use plan::Plan;
pub use run::Run;
pub use step::Step;
