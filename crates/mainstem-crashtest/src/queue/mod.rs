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
//! time, and receipts are good or stale as they should be.

pub mod command;
pub mod history;
pub mod judge;
pub mod plan;
mod process;
pub mod run;
pub mod step;
mod workload;

pub use command::Queue;
pub use history::History;
pub use plan::Plan;
pub use run::Run;
pub use step::Step;
