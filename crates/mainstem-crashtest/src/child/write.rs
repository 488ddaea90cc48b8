//! The writer of our own log.

use std::collections::btree_map::{BTreeMap, Entry};
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::thread::Scope;

use anyhow::{Context, Result};
use clap::Args;
use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, LogError, Maintenance, SeqNo, Shard};

use super::follow::follow;
use super::lane::Lane;
use crate::contract::Id;

/// Appends the lines of standard input, each lane in a thread of its own.
#[derive(Args, Debug)]
pub struct Write {
    /// The data directory, created if it is missing.
    dir: PathBuf,
    /// Add to each acknowledgement the place of its first record.
    #[arg(long)]
    places: bool,
    /// Over how many shards the lanes are spread; a lane stays in one. The same for the life of a store.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,
    /// How many threads follow each shard from a random place on and check what they see. If that is
    /// wrong the exit code is 3.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "seed")]
    readers: u32,
    /// What the fillers of the records depend on; the readers need it.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Run maintenance all the time: roll segments after a few ms, give up idle files, verify sealed
    /// segments, look for what is past the retention.
    #[arg(long)]
    maintain: bool,
    /// Append by futures, several of a lane at a time, in turn with blocking calls.
    #[arg(long)]
    asynchronous: bool,
    /// Make groups durable in a small commit journal, all that it can take, or those of so many commits at
    /// a time. Without this the engine decides.
    #[arg(long, value_name = "COMMITS", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    journal: Option<usize>,
    /// Days that go by in a second, so that the retention of one day deletes all the time. The same for
    /// the life of a store.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(super::DAYS_PER_SECOND_MAX)))]
    days_per_second: Option<u32>,
}

/// How often maintenance runs, and how old segments get and how long files are idle before it acts, when
/// it is asked for, in ms.
const MAINTENANCE_MS: u64 = 2;
/// Small, so that its segments go all the time, and sometimes it is full.
const JOURNAL_BYTES: u64 = 512 << 10;
const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

impl Write {
    /// Appends until the input ends.
    ///
    /// # Errors
    /// When a line is not of the contract, or the log refuses.
    pub fn run(&self) -> Result<()> {
        let (engine, shards) = self.open()?;
        std::thread::scope(|scope| -> Result<()> {
            let reading = self.start_readers(scope, &shards);
            let appended = reading.and_then(|()| self.append_lines(&shards));
            // Closing is what ends the readers.
            let closed = engine.close();
            appended?;
            Ok(closed?)
        })
    }

    fn open(&self) -> Result<(Engine, Vec<Shard>)> {
        let mut options = EngineOptions::default();
        let mut of_shards = super::shard_options();
        if let Some(commits_min) = self.journal {
            options.journal.commits_min = commits_min;
            options.journal.bytes_max = JOURNAL_BYTES;
        }
        if self.maintain {
            // What is measured by the clock of the log is as long as without a fast one.
            let speed = u64::from(self.days_per_second.unwrap_or(0))
                .saturating_mul(SECONDS_PER_DAY)
                .max(1);
            let age_ms = MAINTENANCE_MS.saturating_mul(speed);
            options.maintenance = Maintenance::EveryMs(MAINTENANCE_MS);
            options.idle_ms = age_ms;
            options.scrub_bytes_per_s = (64 << 20) / speed;
            of_shards.roll_age_ms = Some(age_ms);
        }
        let engine = Engine::open(&super::env(self.days_per_second), &self.dir, options)?;
        let open = |number| {
            let name = super::shard_name(number)?;
            super::open_shard(&engine, &name, of_shards.clone())
        };
        let shards: Result<_, LogError> = (0..self.shards).map(open).collect();
        Ok((engine, shards?))
    }

    fn start_readers<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        shards: &'scope [Shard],
    ) -> Result<()> {
        let Some(seed) = self.seed else { return Ok(()) };
        let random = Env::real().random;
        for shard in shards {
            for _ in 0..self.readers {
                let mut bytes = [0; 8];
                random.fill(&mut bytes).context("a random place")?;
                let places = shard.durable_end().0.saturating_add(1);
                let start = SeqNo(u64::from_le_bytes(bytes) % places);
                let is_deleting = self.days_per_second.is_some();
                scope.spawn(move || follow(shard, start, seed, is_deleting));
            }
        }
        Ok(())
    }

    fn append_lines(&self, shards: &[Shard]) -> Result<()> {
        std::thread::scope(|scope| {
            let mut lanes: BTreeMap<u32, SyncSender<String>> = BTreeMap::new();
            for line in std::io::stdin().lock().lines() {
                let line = line.context("standard input")?;
                let id = Id::of_record(&line).with_context(|| format!("no record: {line}"))?;
                let lane = match lanes.entry(id.lane) {
                    Entry::Occupied(lane) => lane.into_mut(),
                    Entry::Vacant(lane) => lane.insert(self.start_lane(scope, shards, id.lane)?),
                };
                // Its thread goes on until there is no more input, or takes the process with it.
                lane.send(line).context("a lane's thread ended")?;
            }
            Ok(())
        })
    }

    /// Starts the thread of a lane.
    fn start_lane<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        shards: &'scope [Shard],
        number: u32,
    ) -> Result<SyncSender<String>> {
        let log = number % self.shards.max(1);
        let shard = usize::try_from(log).ok().and_then(|log| shards.get(log));
        let lane = Lane {
            shard: shard.context("a shard of that number")?,
            log,
            prints_places: self.places,
            is_asynchronous: self.asynchronous,
        };
        let (sender, lines) = Lane::queue();
        scope.spawn(move || {
            let work = AssertUnwindSafe(|| lane.append_all(&lines));
            let refusal = match catch_unwind(work) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => String::from("a lane's thread panicked"),
            };
            // At once: whoever sends may wait for this acknowledgement before there is more input.
            eprintln!("error: lane {number}: {refusal}");
            std::process::exit(EXIT_REFUSED);
        });
        Ok(sender)
    }
}

/// How the writer exits when the log refuses.
const EXIT_REFUSED: i32 = 1;
