//! Proves what a log keeps when the process, the disk or the power fails.
//!
//! [`contract`] says what a store must offer to be tested from outside: two commands. [`oracle`] knows
//! what was asked of it and judges what it shows afterwards. [`child`] has the commands of our own log,
//! and [`toy`] those of a log that can be told to be wrong.
//!
//! * [`kill`] kills real processes, and makes single calls of the system fail under them.
//! * `power` cuts the power of a disk that carries a real file system.
//!
//! The others need the code under test to reach its files through `mainstem-env`:
//!
//! * [`mod@sim`] loses power at every operation of a simulated disk, and makes every call fail.
//! * [`queue`] does the same under the embedded queue.
//! * [`streams`] does the same under what the server is made of; [`mod@server`] kills the server itself.
//! * [`rot`] damages files at rest.
//! * [`history`] holds threads that work at the same time to one order of all their calls.
//!
//! [`mod@defects`] breaks our own log on purpose, one thing at a time, and sees who notices.

pub mod child;
pub mod contract;
pub mod defects;
pub mod history;
pub mod kill;
pub mod oracle;
mod output;
#[cfg(target_os = "linux")]
pub mod power;
pub mod queue;
pub mod rot;
pub mod server;
pub mod sim;
pub mod streams;
mod template;
pub mod toy;
