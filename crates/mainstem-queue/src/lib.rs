//! A durable queue in a directory, for use inside a program.
//!
//! A [`Queue`] takes [`Message`]s, each durable when its push returns, and delivers each to every
//! [`Consumer`] of its topic until that consumer acknowledges it, over crashes and power cuts.
//!
//! ```
//! use std::time::Duration;
//! use mainstem_queue::{ConsumerOptions, Queue, QueueOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("work");
//! let queue = Queue::open(&path, QueueOptions::default())?;
//! queue.push("one coffee")?; // durable from here on
//!
//! let consumer = queue.main_consumer(ConsumerOptions::default())?;
//! let delivery = consumer.receive(Duration::from_secs(1))?.ok_or("nothing there")?;
//! assert_eq!(delivery.payload(), b"one coffee");
//! delivery.ack()?; // never comes back from here on
//! queue.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! The way of a message: `push` → `receive` → `finish` → `reclaim`. What the records say is in `format`,
//! and what they add up to in `state`; `open` reads that back after a crash.

mod commit;
mod consumer;
mod core;
mod cursor;
mod cursors;
mod defect;
mod error;
mod finish;
mod format;
mod keeper;
mod live;
mod message;
mod open;
mod options;
mod push;
mod queue;
mod receipt;
mod receive;
mod reclaim;
mod reserve;
mod state;
mod stats;
mod transaction;
mod waiters;

pub use consumer::{Consumer, DeadMessage, Delivery, RECEIVE_MESSAGES_MAX};
pub use cursor::{QueueCursor, StoredMessage};
#[cfg(feature = "defects")]
pub use defect::{Defect, plant};
pub use error::QueueError;
pub use keeper::UpkeepReport;
pub use mainstem_log::Outcome;
pub use message::{KEY_BYTES_MAX, Message, MessageId, Pushed};
pub use options::{ConsumerOptions, Leases, Limits, QueueOptions, Start, Upkeep, WhenFull};
pub use queue::Queue;
pub use receipt::Receipt;
pub use stats::{ConsumerStats, QueueStats};
pub use transaction::{Transaction, VALUE_BYTES_MAX, VALUE_KEY_BYTES_MAX};

/// The program in the guide, so that it compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/queue.md")]
#[derive(Debug)]
pub struct Guide;
