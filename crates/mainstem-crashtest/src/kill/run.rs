//! The `kill` command: cycles until there were enough, then a table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use mainstem_env::{Elapsed, Env};

use super::adapter::Adapter;
use super::cycle::Store;
use super::dirs::{make_base, random_seed, remove_all};
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
    /// Decides everything but the moments at which the system does what it is told [default: random]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Go on until so many minutes have passed, whatever the number of cycles
    #[arg(long, value_name = "M")]
    minutes: Option<u64>,
    /// The command of the writer; `{dir}` stands for the store's directory, `{self}` for this program
    #[arg(long, value_name = "CMD", requires = "read")]
    write: Option<String>,
    /// The command of the reader, in the same way
    #[arg(long, value_name = "CMD", requires = "write")]
    read: Option<String>,
    /// Where the stores are made [default: a new directory below the temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
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

/// The least time between two lines about the progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// What a run has come to.
#[derive(Debug)]
struct Run {
    env: Env,
    adapter: Adapter,
    base: PathBuf,
    seed: u64,
    tally: Tally,
    start: Elapsed,
    told: Elapsed,
}

impl Kill {
    /// Runs the cycles and prints what happened; the exit code says whether all was well.
    ///
    /// # Errors
    /// When a command cannot be started or the directory cannot be used.
    pub fn run(&self) -> Result<ExitCode> {
        let adapter = match Adapter::parse(self.write.as_deref(), self.read.as_deref()) {
            Ok(adapter) => adapter,
            Err(error) => {
                eprintln!("error: {error:#}");
                return Ok(ExitCode::from(2));
            }
        };
        let env = Env::real();
        let seed = self.seed.map_or_else(|| random_seed(&env), Ok)?;
        let base = make_base(&env, self.dir.as_deref())?;
        let start = env.clock.elapsed();
        println!("kill: seed {seed}, stores in {}", base.display());
        let mut run = Run {
            env,
            adapter,
            base,
            seed,
            tally: Tally::default(),
            start,
            told: start,
        };
        let outcome = run.stores(self);
        println!("\n{}", run.tally);
        match outcome {
            Ok(()) => {
                if self.dir.is_none() && !self.keep {
                    remove_all(&run.env, &run.base)?;
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
        for (option, value) in [("--write", &self.write), ("--read", &self.read)] {
            if let Some(value) = value {
                let quoted = value.replace('\'', r"'\''");
                text.extend([" ", option, " '", &quoted, "'"]);
            }
        }
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

impl Run {
    /// Begins one store after the other until the run is long enough.
    fn stores(&mut self, kill: &Kill) -> Result<(), Stop> {
        let mut number = kill.store;
        while !self.is_enough(kill) {
            let dir = self.base.join(format!("store-{number}"));
            remove_all(&self.env, &dir)?;
            self.tally.stores = self.tally.stores.saturating_add(1);
            self.store(kill, number, &dir)?;
            if !kill.keep {
                remove_all(&self.env, &dir)?;
            }
            number = number.saturating_add(1);
        }
        Ok(())
    }

    /// Carries out the cycles of one store.
    fn store(&mut self, kill: &Kill, number: u64, dir: &Path) -> Result<(), Stop> {
        let (env, adapter) = (self.env.clone(), self.adapter.clone());
        let plan = StorePlan::new(self.seed, number);
        let mut plan = match adapter.has_retention() {
            true if kill.retention => plan.with_retention(),
            true => plan,
            false => plan.without_retention(),
        };
        let mut store = Store::new(&env, &adapter, dir.to_path_buf(), &plan);
        for cycle in 0..plan.cycles {
            if self.is_enough(kill) {
                break;
            }
            match store.cycle(&plan.cycle(kill.alone), &mut self.tally) {
                Ok(()) => self.tell(),
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
            self.seed,
            dir.display(),
            kill.again(self.seed, store, cycles)
        ))
    }

    fn is_enough(&self, kill: &Kill) -> bool {
        match kill.minutes {
            Some(minutes) => {
                let elapsed = self.env.clock.elapsed().since(self.start);
                elapsed >= Duration::from_secs(minutes.saturating_mul(60))
            }
            None => self.tally.cycles >= kill.cycles,
        }
    }

    /// Prints how far the run is, now and then.
    fn tell(&mut self) {
        let now = self.env.clock.elapsed();
        if now.since(self.told) >= PROGRESS {
            self.told = now;
            println!("{}", self.tally.progress(now.since(self.start)));
        }
    }
}
