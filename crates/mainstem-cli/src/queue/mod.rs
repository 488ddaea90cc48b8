//! `mainstem queue`: a durable queue in a directory, from the command line.

mod answer;
mod bench;
mod consumers;
mod dead;
pub(crate) mod duration;
mod lines;
mod print;
mod push;
mod receive;
mod selection;
mod stats;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Put messages into a durable queue in a directory, and take them out.
///
/// A message is synced to the disk before its push returns, and is delivered until somebody
/// acknowledges it. A delivery hides its message for a while, also between commands: it comes back
/// unless it was acknowledged by then. Commands that fail exit with 1, wrong usage with 2.
///
/// A queue has one owner at a time. While a program has it open, these commands say so and do
/// nothing; with --wait-for-lock they wait for it to end.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem queue push ./work 'cook table 4' 'cook table 5'
  mainstem queue receive ./work --visibility 5m      # prints a receipt before each message
  mainstem queue ack ./work RECEIPT
  mainstem queue stats ./work
  mainstem queue bench .")]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Push(push::Push),
    Receive(receive::Receive),
    Ack(answer::Ack),
    Nack(answer::Nack),
    Extend(answer::Extend),
    Stats(stats::Stats),
    Dead(dead::Dead),
    Redrive(dead::Redrive),
    Discard(dead::Discard),
    Consumers(consumers::Consumers),
    ConsumerAdd(consumers::ConsumerAdd),
    ConsumerRemove(consumers::ConsumerRemove),
    Bench(bench::Bench),
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.action {
            Action::Push(push) => push.run(),
            Action::Receive(receive) => receive.run(),
            Action::Ack(ack) => ack.run(),
            Action::Nack(nack) => nack.run(),
            Action::Extend(extend) => extend.run(),
            Action::Stats(stats) => stats.run(),
            Action::Dead(dead) => dead.run(),
            Action::Redrive(redrive) => redrive.run(),
            Action::Discard(discard) => discard.run(),
            Action::Consumers(consumers) => consumers.run(),
            Action::ConsumerAdd(add) => add.run(),
            Action::ConsumerRemove(remove) => remove.run(),
            Action::Bench(bench) => bench.run(),
        }
    }
}
