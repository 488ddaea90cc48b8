//! Kills real processes at random moments and judges what their store shows afterwards.
//!
//! * `run` reads the arguments, repeats cycles and prints what happened: `tally` counts, `fault` says
//!   what went wrong.
//! * `plan` draws from the seed what a store and each cycle of it are like.
//! * `cycle` carries one out: lives of the writer (`life`, and `duel` when there are two at once), then
//!   the reader, then the oracle.
//! * `process` starts, feeds, stops and kills the commands that `adapter` names; `work` makes what they
//!   are fed with.
//! * `syscalls` is a command of its own: `inject` has one call of the system fail, by strace, in a life
//!   of the writer that `faulty` leads to its end.
//! * `full` is a command of its own: a `medium` runs out of space in such a life.
//! * `queue` is a command of its own, with a worker and a judge for the embedded queue.
//! * `bench` is what the three commands have in common.
//! * `mainstem_log` fits the command line of `mainstem` to the contract.
//!
//! A killed process leaves what it wrote in the cache of the system, so that nothing here notices a
//! sync that is missing: that is what cuts of the power are for.

mod adapter;
mod bench;
mod cycle;
mod dirs;
mod draw;
mod duel;
mod fault;
mod faulty;
#[cfg(target_os = "linux")]
mod full;
mod inject;
mod life;
mod mainstem_log;
#[cfg(target_os = "linux")]
mod medium;
mod plan;
mod process;
mod queue;
mod run;
mod syscalls;
mod tally;
mod work;

#[cfg(target_os = "linux")]
pub use full::Full;
pub use mainstem_log::MainstemLog;
pub use queue::{KillQueue, QueueWorker};
pub use run::Kill;
pub use syscalls::Syscalls;
