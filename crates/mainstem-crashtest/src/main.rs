//! The `mainstem-crashtest` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mainstem_crashtest::{child, history, rot, sim};

/// Proves what a log keeps when the process, the disk or the power fails.
#[derive(Debug, Parser)]
#[command(name = "mainstem-crashtest", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Write(child::Write),
    Read(child::Read),
    Sim(sim::Sim),
    Faults(sim::Faults),
    Rot(rot::Rot),
    History(history::Histories),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Write(write) => write.run(),
        Command::Read(read) => read.run(),
        Command::Sim(sim) => sim.run(),
        Command::Faults(faults) => faults.run(),
        Command::Rot(rot) => rot.run(),
        Command::History(histories) => histories.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
