//! Real power loss under real file systems.
//!
//! The order in which it happens: the machine is looked at and cleaned, a disk in memory is
//! served and gets a file system, writers live on it while every write and flush is logged, the log is
//! cut, each state of a cut is mounted, read and judged, and what was wrong is kept.
//!
//! All that came before a completed flush is durable. Of what came later, a disk may keep any part, in
//! any order, and of one write any sectors. The loop device offers no write that is durable by itself,
//! so each barrier of a file system is a flush.

mod command;
mod dice;
mod disk;
mod explore;
mod filesystem;
pub(crate) mod host;
mod image;
mod keep;
mod keeper;
mod log;
mod programs;
mod schedule;
mod server;
mod work;

pub use command::Power;
