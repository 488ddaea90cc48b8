//! The embedded queue in real processes that are killed.
//!
//! [`worker`] is the process: threads that push, receive, acknowledge, give back and commit transactions, and
//! say on their standard output what they are about to do and what was answered, in the [`words`] of both
//! sides. [`story`] is what its parent makes of that, and what it holds each delivery to. When the process
//! is dead, [`judge`] drains a copy of the queue in memory and holds what it finds to the story; then the
//! next process goes on with the same queue.

mod command;
mod judge;
mod options;
mod story;
mod words;
mod worker;

pub use command::KillQueue;
pub use worker::QueueWorker;
