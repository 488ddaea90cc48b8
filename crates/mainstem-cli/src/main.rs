//! The `mainstem` command.
//!
//! `serve` runs the server; `log` works on a data directory without one; `queue` works on a durable
//! queue in a directory.

mod bench;
mod config;
mod log;
mod measure;
mod queue;
mod report;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Streams of records that are never lost once acknowledged, served to anything that speaks Amazon
/// Kinesis.
#[derive(Debug, Parser)]
#[command(
    name = "mainstem",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    /// Work on the logs of a data directory that no server has open.
    #[command(subcommand)]
    Log(log::Log),
    Queue(queue::Command),
    /// Measure what this machine gives.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    report::start_logging();
    let result = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Log(log) => log.run(),
        Command::Queue(queue) => queue.run(),
        Command::Bench(bench) => bench.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) if report::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}
