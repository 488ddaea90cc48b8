//! `mainstem bench disk`: how long a sync takes, and what a log makes of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use mainstem_env::{Env, File, OpenMode};
use mainstem_log::{Engine, EngineOptions, Shard, ShardName, ShardOptions};

use crate::measure::scratch::{self, Scratch};
use crate::measure::{Measured, table};
use crate::queue::duration;

/// Measure how long this disk takes to make something durable.
///
/// Whatever is durable waits for a sync, so this figure decides what a stream or a queue can do: one
/// producer gets about one record per sync, and many share each. Measures bare syncs of 4 KiB, in space
/// that was written before and in space that was only allocated, and then appends of one record by 1, 16
/// and 256 threads to one shard.
///
/// Works in a new directory inside DIR and removes it at the end, also after Ctrl-C. In many systems
/// /tmp is no disk but memory.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem bench disk /var/lib/mainstem
  mainstem bench disk . --for 10s --bytes 100")]
pub(crate) struct Disk {
    /// Where to make the directory
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// For how long to measure each thing
    #[arg(long = "for", value_name = "DURATION", default_value = "2s", value_parser = duration::parse)]
    each: Duration,
    /// The length of a record, in bytes
    #[arg(long, value_name = "COUNT", default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    bytes: u32,
}

/// What is written and synced at a time.
const BLOCK: [u8; 4096] = [b'm'; 4096];
/// The space in which bare syncs go round and round, in bytes.
const SPACE_BYTES: u64 = 16 << 20;
const THREADS: [usize; 3] = [1, 16, 256];

impl Disk {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let env = Env::real();
        let scratch = Scratch::make(&env, &self.dir)?;
        println!(
            "records of {} bytes, each measurement for {}, in {}",
            self.bytes,
            duration::show(self.each),
            scratch.path().display()
        );
        let stopped = Arc::new(AtomicBool::new(false));
        let to_stop = Arc::clone(&stopped);
        scratch::stop_on_signals(move || to_stop.store(true, Ordering::Relaxed))?;
        let run = Run {
            env: &env,
            each: self.each,
            stopped: &stopped,
        };
        println!("{}", table::head("calls"));
        run.syncs(scratch.path())?;
        self.appends(&run, scratch.path())?;
        scratch.remove()?;
        Ok(if stopped.load(Ordering::Relaxed) {
            eprintln!("stopped before the end");
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    /// Appends to one shard, by so many threads.
    fn appends(&self, run: &Run<'_>, dir: &Path) -> Result<()> {
        let engine = Engine::open(run.env, &dir.join("log"), EngineOptions::default())?;
        let shard = engine.create_shard(&ShardName::new("shard")?, ShardOptions::default())?;
        let payload = vec![b'm'; usize::try_from(self.bytes)?];
        for threads in THREADS {
            let measured = run.in_threads(threads, &shard, &payload)?;
            let name = match threads {
                1 => "append, 1 thread".to_owned(),
                _ => format!("append, {threads} threads"),
            };
            println!("{}", table::row(&name, &measured));
        }
        engine.close()?;
        Ok(())
    }
}

fn write_and_sync(file: &dyn File, at: u64) -> Result<()> {
    file.write_all_at(&BLOCK, at)?;
    file.sync_data()?;
    Ok(())
}

/// How long to measure, and whether to go on.
struct Run<'a> {
    env: &'a Env,
    each: Duration,
    stopped: &'a AtomicBool,
}

impl Run<'_> {
    /// Bare syncs, by one thread.
    fn syncs(&self, dir: &Path) -> Result<()> {
        for (name, is_written) in [
            ("sync of 4 KiB, written before", true),
            ("sync of 4 KiB, allocated", false),
        ] {
            let name_of_file = if is_written { "written" } else { "allocated" };
            let path = dir.join(name_of_file);
            let file = self.env.fs.open(&path, OpenMode::CreateNew)?;
            file.allocate(SPACE_BYTES)?;
            if is_written {
                let mut blocks = 0..SPACE_BYTES / 4096;
                blocks.try_for_each(|block| file.write_all_at(&BLOCK, block * 4096))?;
            }
            file.sync_all()?;
            let mut at = 0;
            let measured = self.repeat(|| {
                // Space that was only allocated is written once, and then there is more of it.
                if at == SPACE_BYTES && !is_written {
                    return Ok(false);
                }
                write_and_sync(&*file, at % SPACE_BYTES)?;
                at += 4096;
                Ok(true)
            })?;
            println!("{}", table::row(name, &measured));
        }
        Ok(())
    }

    /// Calls `call` again and again, at least once, as long as it has something to do.
    fn repeat(&self, mut call: impl FnMut() -> Result<bool>) -> Result<Measured> {
        let clock = &self.env.clock;
        let start = clock.elapsed();
        let mut latencies = Vec::new();
        let mut before = start;
        loop {
            let is_over = before.since(start) >= self.each && !latencies.is_empty();
            if is_over || self.stopped.load(Ordering::Relaxed) || !call()? {
                break;
            }
            let after = clock.elapsed();
            latencies.push(after.since(before));
            before = after;
        }
        Ok(Measured {
            took: before.since(start),
            latencies,
        })
    }

    /// Has threads append one record after the other.
    fn in_threads(&self, threads: usize, shard: &Shard, payload: &[u8]) -> Result<Measured> {
        let append = || {
            self.repeat(|| {
                shard.append_one(payload)?;
                Ok(true)
            })
        };
        let of_threads: Vec<Result<Measured>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Result<Measured>>| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread of the measurement panicked")))
            };
            threads.into_iter().map(join).collect()
        });
        let mut all = Measured::default();
        for of_thread in of_threads {
            let of_thread = of_thread?;
            all.took = all.took.max(of_thread.took);
            all.latencies.extend(of_thread.latencies);
        }
        Ok(all)
    }
}
