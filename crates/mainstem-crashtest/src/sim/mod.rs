//! The engine on a simulated disk: every state that power loss may leave, recovered and judged.
//!
//! A [`Plan`] is work as data, so that a failing one can be cut down and written on a line. [`Run`]
//! carries it out on a [`Sim`](mainstem_env::sim::Sim) and keeps a [`History`] of what was promised;
//! `judge` holds a recovered engine to it. [`explore`] goes through states, [`shrink`] looks for the
//! shortest plan that still fails. Both know of the engine only what [`Workload`] tells, so that other
//! work, such as that of the streams, is explored by the same code.

pub(crate) mod appends;
pub(crate) mod campaign;
pub mod command;
mod engine;
pub mod exhaustive;
pub mod explore;
pub mod faults;
pub mod faulty;
pub(crate) mod fuse;
mod gate;
pub mod history;
pub(crate) mod judge;
pub mod plan;
pub mod rng;
pub(crate) mod run;
pub mod shrink;
pub mod state;
pub mod step;
pub(crate) mod told;
pub mod workload;
mod zeros;

pub use command::Sim;
pub use faults::Faults;
pub use faulty::Faulty;
pub use history::History;
pub use plan::Plan;
pub use run::Run;
pub use state::State;
pub use step::{Step, Way};
pub use workload::Workload;
