//! A small log that can be told to be wrong.
//!
//! Right, it does what the contract asks for, in the plainest way: one file, one frame for each append,
//! one sync for each acknowledgement. With a [`Defect`] it makes one mistake that logs have made before.
//! A harness that does not tell the one from the other proves nothing.

mod defect;
mod frame;
mod log;
mod read;
mod write;

pub use defect::Defect;

use anyhow::Result;
use clap::{Args, Subcommand};

/// A small log that can be told to be wrong, to try the harness on.
#[derive(Args, Clone, Debug)]
pub struct Toy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Write(write::Write),
    Read(read::Read),
}

impl Toy {
    /// Runs one of the two commands of the contract.
    ///
    /// # Errors
    /// When the log cannot be opened, written or read.
    pub fn run(&self) -> Result<()> {
        match &self.command {
            Command::Write(write) => write.run(),
            Command::Read(read) => read.run(),
        }
    }
}
