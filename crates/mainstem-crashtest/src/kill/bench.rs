//! What the commands here have in common: how they begin, tell how far they are, and end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use mainstem_env::{Elapsed, Env};

use super::adapter::Adapter;
use super::dirs::{make_base, random_seed, remove_all};
use crate::template::quoted;

/// The arguments of every command.
#[derive(Args, Clone, Debug)]
pub(super) struct Setup {
    /// Decides everything but the moments at which the system does what it is told [default: random]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The command of the writer; `{dir}` stands for the store's directory, `{self}` for this program
    #[arg(long, value_name = "CMD", requires = "read")]
    write: Option<String>,
    /// The command of the reader, in the same way
    #[arg(long, value_name = "CMD", requires = "write")]
    read: Option<String>,
    /// Where the stores are made [default: a new directory below the temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Where a command works.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) env: Env,
    pub(super) adapter: Adapter,
    pub(super) seed: u64,
    /// Where the stores are.
    pub(super) base: PathBuf,
    is_own: bool,
    start: Elapsed,
    told: Elapsed,
}

/// The exit code of wrong usage.
const EXIT_USAGE: u8 = 2;
/// The least time between two lines about the progress.
const PROGRESS: Duration = Duration::from_secs(10);

impl Setup {
    /// Prepares the bench of the command `name`. Returns none, and has said why, if it cannot be carried
    /// out as it was asked for, or `check` says so.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(super) fn bench(
        &self,
        name: &str,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<Result<Bench, ExitCode>> {
        let adapter = Adapter::parse(self.write.as_deref(), self.read.as_deref());
        let adapter = match adapter.and_then(|adapter| check().map(|()| adapter)) {
            Ok(adapter) => adapter,
            Err(error) => {
                eprintln!("error: {error:#}");
                return Ok(Err(ExitCode::from(EXIT_USAGE)));
            }
        };
        let env = Env::real();
        let seed = self.seed.map_or_else(|| random_seed(&env), Ok)?;
        let base = make_base(&env, self.dir.as_deref())?;
        let start = env.clock.elapsed();
        println!("{name}: seed {seed}, stores in {}", base.display());
        Ok(Ok(Bench {
            env,
            adapter,
            seed,
            base,
            is_own: self.dir.is_none(),
            start,
            told: start,
        }))
    }

    /// Returns the options that name the commands, as they are typed.
    pub(super) fn commands(&self) -> String {
        let mut text = String::new();
        for (option, value) in [("--write", &self.write), ("--read", &self.read)] {
            if let Some(value) = value {
                text.extend([" ", option, " ", &quoted(value)]);
            }
        }
        text
    }
}

impl Bench {
    /// Returns how long the command has run.
    pub(super) fn age(&self) -> Duration {
        self.env.clock.elapsed().since(self.start)
    }

    /// Prints how far the run is, now and then.
    pub(super) fn tell(&mut self, progress: impl FnOnce(Duration) -> String) {
        let now = self.env.clock.elapsed();
        if now.since(self.told) >= PROGRESS {
            self.told = now;
            println!("{}", progress(self.age()));
        }
    }

    /// Removes what was made, if nothing is to be kept of it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn clear(&self) -> Result<()> {
        if self.is_own {
            remove_all(&self.env, &self.base)?;
        }
        Ok(())
    }
}
