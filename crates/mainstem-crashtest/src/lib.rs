//! Proves what a log keeps when the process, the disk or the power fails.
//!
//! [`contract`] says what a store must offer to be tested: two commands. [`oracle`] knows what was
//! asked of it and judges what it shows afterwards. [`child`] has the commands of our own log, [`toy`]
//! those of one that can be told to be wrong, and [`kill`] kills such processes.
//!
//! [`mod@sim`] needs no commands: it runs the engine on a simulated disk, and [`streams`] what the
//! server is made of. [`mod@server`] kills the server itself.

pub mod child;
pub mod contract;
pub mod history;
pub mod kill;
pub mod oracle;
#[cfg(target_os = "linux")]
pub mod power;
pub mod rot;
pub mod server;
pub mod sim;
pub mod streams;
pub mod toy;
