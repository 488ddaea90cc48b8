//! `mainstem queue bench`: how fast a queue is on this disk.

mod load;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use mainstem_env::Env;
use mainstem_queue::{Queue, QueueOptions};

use load::{Load, Progress, Step};

use super::selection::closing;
use crate::measure::scratch::{self, Scratch};
use crate::measure::table;

/// Measure how fast messages are pushed, and received and acknowledged, durably.
///
/// Makes a queue in a new directory inside DIR and removes it at the end, also after Ctrl-C. Measures
/// three things, one after the other: pushes; receives and acknowledgements of what was pushed; and
/// the round trip, where each of as many threads as there are producers or consumers, whichever is
/// more, pushes a message, receives one and acknowledges it. Each call is about a single message and
/// returns when that is synced.
///
/// What is measured is the disk that DIR is on, and in many systems /tmp is no disk but memory.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem queue bench /var/lib/work
  mainstem queue bench . --producers 64 --consumers 64 --messages 100000 --bytes 1024")]
pub(crate) struct Bench {
    /// Where to make the queue's directory
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Threads that push, each one message at a time
    #[arg(long, value_name = "COUNT", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    producers: u16,
    /// Threads that receive and acknowledge, each one message at a time
    #[arg(long, value_name = "COUNT", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    consumers: u16,
    /// Messages of each of the three measurements
    #[arg(long, value_name = "COUNT", default_value_t = 20_000,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    messages: u64,
    /// The length of a message, in bytes
    #[arg(long, value_name = "COUNT", default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    bytes: u32,
}

impl Bench {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let env = Env::real();
        let scratch = Scratch::make(&env, &self.dir)?;
        println!(
            "{} messages of {} bytes, {} producers, {} consumers, in {}",
            self.messages,
            self.bytes,
            self.producers,
            self.consumers,
            scratch.path().display()
        );
        let queue = Queue::open(scratch.path(), QueueOptions::default())?;
        let is_done = closing(&queue, |queue| self.measure(&env, queue))?;
        scratch.remove()?;
        Ok(if is_done {
            ExitCode::SUCCESS
        } else {
            eprintln!("stopped before the end");
            ExitCode::FAILURE
        })
    }

    /// Measures one thing after the other; returns whether it came to the end.
    fn measure(&self, env: &Env, queue: &Queue) -> Result<bool> {
        let progress = Progress::new(io::stderr().is_terminal());
        let to_stop = progress.clone();
        scratch::stop_on_signals(move || to_stop.stop())?;
        let load = Load {
            env,
            queue,
            progress: &progress,
            messages: self.messages,
            bytes: usize::try_from(self.bytes)?,
        };
        println!("{}", table::head("messages"));
        let both = self.producers.max(self.consumers);
        for (name, step, threads) in [
            ("push", Step::Push, self.producers),
            ("receive, ack", Step::Receive, self.consumers),
            ("push, rcv, ack", Step::Both, both),
        ] {
            let measured = load.run(name, step, threads.into())?;
            if progress.is_stopped() {
                return Ok(false);
            }
            println!("{}", table::row(name, &measured));
        }
        Ok(true)
    }
}
