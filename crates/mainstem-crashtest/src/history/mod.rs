//! Concurrent histories: what several threads asked of a shard and were told, and whether there is an
//! order of it all that a log may have.
//!
//! [`recorder`] has threads append, read and ask for the durable mark at the same time, and notes when
//! each call began and ended. [`checker`] decides whether the calls are linearizable. That is easy for
//! a log, because the sequence numbers are the order: it remains to check that no call saw the future
//! or missed the past.

pub mod checker;
pub mod command;
pub mod recorder;

pub use command::Histories;
