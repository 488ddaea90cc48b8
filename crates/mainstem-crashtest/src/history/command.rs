//! The command `mainstem-crashtest history`.

use anyhow::{Context, Result};
use clap::Args;
use mainstem_env::Env;

use super::recorder::{Setting, record};

/// Records what concurrent threads were told, and checks that a log may say so.
///
/// Threads append (blocking, trying, in futures that are awaited or dropped), read, and ask for the
/// durable mark, all at once, on a simulated disk; then the store is closed or loses power, and what is
/// left is read. There must be one order of all calls that agrees with the sequence numbers and with
/// who was done before whom. What threads do follows from the seed; how they interleave does not, so a
/// seed that failed once has to be run several times.
#[derive(Args, Debug)]
pub struct Histories {
    /// How many histories.
    #[arg(long = "histories", default_value_t = 2000)]
    count: u64,
    /// The seed of the first; the others follow.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Calls of all threads together.
    #[arg(long, default_value_t = 100)]
    calls: u64,
    /// Threads that append.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=64))]
    writers: u64,
    /// Threads that read.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=64))]
    readers: u64,
}

impl Histories {
    /// Records and checks.
    ///
    /// # Errors
    /// When a history is not one of a log.
    pub fn run(&self) -> Result<()> {
        let clock = Env::real().clock;
        let start = clock.elapsed();
        let mut calls = 0_u64;
        for seed in self.seed..self.seed.saturating_add(self.count) {
            let setting = Setting {
                seed,
                calls: self.calls,
                writers: self.writers,
                readers: self.readers,
            };
            let recorded = record(setting).map_err(anyhow::Error::msg);
            let recorded = recorded.with_context(|| {
                format!(
                    "run it again, several times, with: mainstem-crashtest history --histories 1 \
                     --seed {seed} --calls {} --writers {} --readers {}",
                    self.calls, self.writers, self.readers
                )
            });
            calls = calls.saturating_add(recorded?);
        }
        let took = clock.elapsed().0.saturating_sub(start.0);
        println!(
            "{} histories from seed {}, {calls} calls, {} writers and {} readers, all linearizable, {:.1} s",
            self.count,
            self.seed,
            self.writers,
            self.readers,
            took.as_secs_f64()
        );
        Ok(())
    }
}
