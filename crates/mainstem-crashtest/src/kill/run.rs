//! The `kill` command: cycles until there were enough, then a table.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::bench::{Bench, Setup};
use super::cycle::Store;
use super::dirs::remove_all;
use super::fault::{Failure, Fault};
use super::plan::StorePlan;
use super::tally::Tally;

/// Kills real processes at random moments and judges what their store shows afterwards.
///
/// Without commands of your own our own log is tested. The exit code is 1 if the store did something
/// wrong; its directory is kept then, and a command is printed that does the same again.
#[derive(Args, Clone, Debug)]
pub struct Kill {
    /// How many cycles, each with one to three writers, a reader and a judgement
    #[arg(long, value_name = "N", default_value_t = 1000)]
    cycles: u64,
    #[command(flatten)]
    setup: Setup,
    /// Go on until so many minutes have passed, whatever the number of cycles
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// Keep the directory of every store
    #[arg(long)]
    keep: bool,
    /// Begin with this store of the run: a violation names it
    #[arg(long, value_name = "K", default_value_t = 0)]
    store: u64,
    /// Never start two writers at once, for stores that leave this to their users
    #[arg(long)]
    alone: bool,
    /// Have retention delete in every store, not in one of three; for our own log only
    #[arg(long, conflicts_with = "write")]
    retention: bool,
}

/// What a run has come to.
#[derive(Debug)]
struct Run {
    bench: Bench,
    tally: Tally,
}

impl Kill {
    /// Runs the cycles and prints what happened; the exit code says whether all was well.
    ///
    /// # Errors
    /// When a command cannot be started or the directory cannot be used.
    pub fn run(&self) -> Result<ExitCode> {
        let bench = match self.setup.bench("kill", || Ok(()))? {
            Ok(bench) => bench,
            Err(code) => return Ok(code),
        };
        let mut run = Run {
            bench,
            tally: Tally::default(),
        };
        let outcome = run.stores(self);
        println!("\n{}", run.tally);
        match outcome {
            Ok(()) => {
                if !self.keep {
                    run.bench.clear()?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Err(Stop::Violation(text)) => {
                eprintln!("{text}");
                Ok(ExitCode::FAILURE)
            }
            Err(Stop::Harness(error)) => Err(error),
        }
    }

    /// Returns the command that repeats what happened to one store.
    fn again(&self, seed: u64, store: u64, cycles: u64) -> String {
        let mut text =
            format!("mainstem-crashtest kill --seed {seed} --store {store} --cycles {cycles}");
        text.push_str(&self.setup.commands());
        if self.alone {
            text.push_str(" --alone");
        }
        if self.retention {
            text.push_str(" --retention");
        }
        text
    }
}

/// Why a run ends early.
#[derive(Debug)]
enum Stop {
    /// The store did what it must not do; this is to be told.
    Violation(String),
    Harness(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Harness(error)
    }
}

/// Each store of so many is of many shards.
const BUSY_EVERY: u64 = 5;

impl Run {
    /// Begins one store after the other until the run is long enough.
    fn stores(&mut self, kill: &Kill) -> Result<(), Stop> {
        let mut number = kill.store;
        while !self.is_enough(kill) {
            let dir = self.bench.base.join(format!("store-{number}"));
            remove_all(&self.bench.env, &dir)?;
            self.tally.stores = self.tally.stores.saturating_add(1);
            self.store(kill, number, &dir)?;
            if !kill.keep {
                remove_all(&self.bench.env, &dir)?;
            }
            number = number.saturating_add(1);
        }
        Ok(())
    }

    /// Carries out the cycles of one store.
    fn store(&mut self, kill: &Kill, number: u64, dir: &Path) -> Result<(), Stop> {
        let (env, adapter) = (self.bench.env.clone(), self.bench.adapter.clone());
        let plan = StorePlan::new(self.bench.seed, number);
        let mut plan = match adapter.has_retention() {
            true if kill.retention => plan.with_retention(),
            true => plan,
            false => plan.without_retention(),
        };
        // Whoever knows retention knows shards.
        if adapter.has_retention() && number % BUSY_EVERY == BUSY_EVERY - 1 {
            plan = plan.with_many_shards();
        }
        let mut store = Store::new(&env, &adapter, dir.to_path_buf(), &plan);
        for cycle in 0..plan.cycles {
            if self.is_enough(kill) {
                break;
            }
            match store.cycle(&plan.cycle(kill.alone), &mut self.tally) {
                Ok(()) => self.bench.tell(|age| self.tally.progress(age)),
                Err(Failure::Harness(error)) => return Err(error.into()),
                Err(Failure::Store(fault)) => {
                    self.tally.violations = self.tally.violations.saturating_add(1);
                    return Err(self.violation(kill, number, cycle, dir, &fault));
                }
            }
        }
        Ok(())
    }

    fn violation(&self, kill: &Kill, store: u64, cycle: u64, dir: &Path, fault: &Fault) -> Stop {
        let cycles = cycle.saturating_add(1);
        Stop::Violation(format!(
            "VIOLATION in cycle {cycles} of store {store}, seed {}: {fault}\n\
             the store is kept as it is now: {}\n\
             to do the same again, from an empty store on:\n  {}",
            self.bench.seed,
            dir.display(),
            kill.again(self.bench.seed, store, cycles)
        ))
    }

    fn is_enough(&self, kill: &Kill) -> bool {
        match kill.minutes {
            Some(minutes) => self.bench.age() >= Duration::from_secs(minutes.saturating_mul(60)),
            None => self.tally.cycles >= kill.cycles,
        }
    }
}
