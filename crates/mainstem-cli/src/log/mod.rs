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
use mainstem_log::{Engine, EngineOptions, Offline, ShardName};

/// Work on the logs of a data directory that no server has open.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Append each line of standard input as a record.
    Append(append::Append),
    /// Print the payload of each record, one a line.
    Read(read::Read),
    /// Read everything that is stored and say what does not fit; changes nothing.
    Verify(verify::Verify),
    /// List the segments of a log and what they hold; changes nothing.
    Inspect(inspect::Inspect),
    /// Show what would have to be cut from a damaged log, and cut it if told to.
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

    fn engine(&self) -> Result<Engine> {
        open_engine(&self.data)
    }
}

fn open_engine(data: &Path) -> Result<Engine> {
    Engine::open(&Env::real(), data, EngineOptions::default())
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
