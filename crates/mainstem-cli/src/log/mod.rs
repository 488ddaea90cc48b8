//! `mainstem log`: the engine without the server.

mod append;
mod inspect;
mod read;
mod repair;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, Maintenance, Offline, ShardName};

/// Work on the logs of a data directory that no server has open.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    Append(append::Append),
    Read(read::Read),
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Repair(repair::Repair),
}

impl Log {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::Append(append) => append.run(),
            Self::Read(read) => read.run(),
            Self::Verify(verify) => verify.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Repair(repair) => repair.run(),
        }
    }
}

/// Which log a command is about.
#[derive(Debug, Args)]
struct Target {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The log in it
    #[arg(long, value_name = "NAME", default_value = "default")]
    shard: String,
}

impl Target {
    fn shard(&self) -> Result<ShardName> {
        Ok(ShardName::new(self.shard.clone())?)
    }

    /// Opens the directory for reading: nothing is deleted, whatever its age.
    fn engine_to_read(&self) -> Result<Engine> {
        open_engine(&self.data, Maintenance::ByCaller)
    }

    /// Opens the directory for writing.
    fn engine_to_write(&self) -> Result<Engine> {
        open_engine(&self.data, EngineOptions::default().maintenance)
    }
}

fn open_engine(data: &Path, maintenance: Maintenance) -> Result<Engine> {
    let mut options = EngineOptions::default();
    options.maintenance = maintenance;
    Engine::open(&Env::real(), data, options)
        .with_context(|| format!("cannot open {}", data.display()))
}

/// Which logs a command is about: one, or all.
#[derive(Debug, Args)]
struct Targets {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The log in it [default: all of them]
    #[arg(long, value_name = "NAME")]
    shard: Option<String>,
}

impl Targets {
    /// Opens the directory and returns the logs that are meant.
    fn open(&self) -> Result<(Offline, Vec<ShardName>)> {
        let offline = Offline::open(&Env::real(), &self.data)
            .with_context(|| format!("cannot open {}", self.data.display()))?;
        let all = offline.shard_names()?;
        let chosen = match &self.shard {
            None => all,
            Some(shard) => {
                let shard = ShardName::new(shard.clone())?;
                if !all.contains(&shard) {
                    let names: Vec<&str> = all.iter().map(ShardName::as_str).collect();
                    bail!("no log named {shard}; there are: {}", names.join(", "));
                }
                vec![shard]
            }
        };
        Ok((offline, chosen))
    }
}
