//! The `mainstem-crashtest` command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
#[cfg(target_os = "linux")]
use mainstem_crashtest::power;
use mainstem_crashtest::{child, defects, history, kill, queue, rot, server, sim, streams, toy};

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
    Defects(defects::Defects),
    Sim(sim::Sim),
    Faults(sim::Faults),
    Rot(rot::Rot),
    History(history::Histories),
    Kill(kill::Kill),
    KillQueue(kill::KillQueue),
    #[command(hide = true)]
    QueueWorker(kill::QueueWorker),
    Syscalls(kill::Syscalls),
    #[cfg(target_os = "linux")]
    Full(kill::Full),
    #[cfg(target_os = "linux")]
    Power(power::Power),
    #[command(hide = true)]
    MainstemLog(kill::MainstemLog),
    Toy(toy::Toy),
    Streams(streams::Streams),
    Queue(queue::Queue),
    Server(server::Server),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Write(write) => write.run().map(|()| ExitCode::SUCCESS),
        Command::Read(read) => read.run().map(|()| ExitCode::SUCCESS),
        Command::Sim(sim) => sim.run().map(|()| ExitCode::SUCCESS),
        Command::Faults(faults) => faults.run().map(|()| ExitCode::SUCCESS),
        Command::Rot(rot) => rot.run().map(|()| ExitCode::SUCCESS),
        Command::History(histories) => histories.run().map(|()| ExitCode::SUCCESS),
        Command::Defects(defects) => defects.run().map(|()| ExitCode::SUCCESS),
        Command::Kill(kill) => kill.run(),
        Command::KillQueue(kill) => kill.run().map(|()| ExitCode::SUCCESS),
        Command::QueueWorker(worker) => worker.run().map(|()| ExitCode::SUCCESS),
        Command::Syscalls(syscalls) => syscalls.run(),
        #[cfg(target_os = "linux")]
        Command::Full(full) => full.run(),
        #[cfg(target_os = "linux")]
        Command::Power(power) => power.run(),
        Command::MainstemLog(log) => log.run(),
        Command::Toy(toy) => toy.run().map(|()| ExitCode::SUCCESS),
        Command::Server(server) => server.run().map(|()| ExitCode::SUCCESS),
        Command::Queue(queue) => queue.run().map(|()| ExitCode::SUCCESS),
        Command::Streams(streams) => streams.run().map(|()| ExitCode::SUCCESS),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
