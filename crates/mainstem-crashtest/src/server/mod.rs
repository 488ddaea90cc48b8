//! The server as a process: killed at random while clients put records and change streams, started
//! again on the same directory, read back, and judged.
//!
//! Each producer is a lane of the [`oracle`](crate::oracle): it puts the records of the
//! [`contract`](crate::contract) with one partition key, so that they are in one shard and have one
//! order. One stream stays for good; others are made and deleted, and their retention changes, while
//! records go into them. Of a call whose answer was cut off nothing is known, and it is not repeated.
//!
//! A cycle is: clients work until the process is killed, stopped in good order, or
//! killed again while it starts; then the new process is asked for everything.
//!
//! A kill shows what the process promises, not what the disk does: the system's memory survives it.
//! What a loss of power does is [`streams`](crate::streams)' to show.

mod client;
mod clients;
pub mod command;
mod cycle;
mod judge;
mod known;
mod process;

pub use command::Server;
