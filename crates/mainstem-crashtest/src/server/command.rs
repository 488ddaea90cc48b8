//! The command `mainstem-crashtest server`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use mainstem_env::Env;
use tempfile::TempDir;

use super::cycle::{Store, Tally};
use super::process::server_beside;

/// Kills a server while clients put records and change streams, starts it again, and judges.
///
/// The server is a real process on a directory of its own, reached by HTTP on a loopback port. Records
/// that were acknowledged, or read once, must be there after each restart, in order and unchanged, under
/// the sequence numbers that were answered; streams, shards and retentions must be those that were
/// acknowledged, and no directory of a shard may be left that no stream has.
#[derive(Args, Debug)]
pub struct Server {
    /// How often the server is ended and started again.
    #[arg(long, default_value_t = 100)]
    cycles: u64,
    /// Decides what is put and changed, and when the server is ended; by default a random one, printed.
    /// The same seed does not meet the same moments again, as processes take their own time.
    #[arg(long)]
    seed: Option<u64>,
    /// The server, `mainstem`; by default the one that lies beside this program.
    #[arg(long, value_name = "PATH")]
    #[expect(clippy::struct_field_names, reason = "the name of the flag")]
    server: Option<PathBuf>,
    /// Producers at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    producers: u32,
    /// Begin with new data after so many cycles, as all of it is read in each.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    cycles_per_store: u64,
}

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

impl Server {
    /// Carries out the cycles.
    ///
    /// # Errors
    /// What the server did wrong, with the command that tries it again, and where its data is.
    pub fn run(&self) -> Result<()> {
        let env = Env::real();
        let program = match &self.server {
            Some(program) => program
                .canonicalize()
                .with_context(|| format!("--server {}", program.display()))?,
            None => server_beside()?,
        };
        let seed = match self.seed {
            Some(seed) => seed,
            None => env.random.next_u64().context("a random seed")? >> 24,
        };
        println!("seed {seed}");
        let start = env.clock.elapsed();
        let mut printed = start;
        let mut tally = Tally::default();
        while tally.cycles < self.cycles {
            let dir = TempDir::with_prefix("mainstem-crashtest-")?;
            let store_seed = seed.wrapping_add(tally.cycles);
            let done = (|| -> Result<()> {
                let path = dir.path().to_path_buf();
                let mut store = Store::new(&env, &program, path, store_seed, self.producers)?;
                for _ in 0..self
                    .cycles_per_store
                    .min(self.cycles.saturating_sub(tally.cycles))
                {
                    store.cycle(&mut tally)?;
                    if env.clock.elapsed().since(printed) >= PROGRESS_EVERY {
                        printed = env.clock.elapsed();
                        let took = printed.since(start).as_secs_f64();
                        println!(
                            "{took:>6.0} s  {} cycles, {} acks",
                            tally.cycles, tally.acked
                        );
                    }
                }
                Ok(())
            })();
            if let Err(error) = done {
                println!("{}", table(&tally, env.clock.elapsed().since(start)));
                return Err(error.context(format!(
                    "seed {seed}, cycle {}; the data is kept in {}\ntry again with: \
                     mainstem-crashtest server --seed {store_seed} --cycles {} --producers {}",
                    tally.cycles,
                    dir.keep().display(),
                    self.cycles_per_store,
                    self.producers
                )));
            }
        }
        println!("{}", table(&tally, env.clock.elapsed().since(start)));
        Ok(())
    }
}

fn table(tally: &Tally, took: Duration) -> String {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = tally.acked.saturating_mul(1000) / ms;
    let rows = [
        ("cycles", tally.cycles.to_string()),
        ("killed at work", tally.kills.to_string()),
        ("killed while starting", tally.kills_at_start.to_string()),
        ("ended in good order", tally.terminations.to_string()),
        ("stopped for a while", tally.pauses.to_string()),
        (
            "appends acknowledged",
            format!("{} ({rate} a second)", tally.acked),
        ),
        ("changes of streams acknowledged", tally.changes.to_string()),
        (
            "appends refused by absent streams",
            tally.refused.to_string(),
        ),
        ("calls cut off", tally.cut.to_string()),
        ("records read by a lasting reader", tally.tailed.to_string()),
        ("records read back", tally.judged.to_string()),
        (
            "unacknowledged appends kept",
            tally.kept_unacked.to_string(),
        ),
        (
            "unacknowledged appends lost",
            tally.lost_unacked.to_string(),
        ),
        (
            "slowest start",
            format!("{} ms", tally.slowest_start.as_millis()),
        ),
        ("time", format!("{:.1} s", took.as_secs_f64())),
    ];
    let rows = rows.map(|(name, value)| format!("{name:<38}{value}"));
    rows.join("\n")
}
