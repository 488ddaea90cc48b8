//! Proves what a log keeps when the process, the disk or the power fails.
//!
//! [`contract`] says what a store must offer to be tested: two commands. [`oracle`] knows what was
//! asked of it and judges what it shows afterwards. [`child`] has the commands of our own log. [`mod@sim`] needs no such
//! commands: it runs the engine on a simulated disk.
//!
//! [`kill`] kills real processes. [`toy`] is a log that can be told to be wrong. [`mod@defects`] breaks
//! our own on purpose, one thing at a time, and sees who notices.

pub mod child;
pub mod contract;
pub mod defects;
pub mod history;
pub mod kill;
pub mod oracle;
#[cfg(target_os = "linux")]
pub mod power;
pub mod rot;
pub mod sim;
pub mod toy;
