//! Which commands are run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::plan::Style;
use crate::template::Template;

/// The two commands of a store.
#[derive(Clone, Debug)]
pub(super) enum Adapter {
    /// Our own log, through this program.
    Ours,
    /// Any other, as the user gave them.
    Commands { write: Template, read: Template },
}

impl Adapter {
    /// Returns the adapter that the two commands make, or our own without them.
    ///
    /// # Errors
    /// When one is missing or cannot be understood.
    pub(super) fn parse(write: Option<&str>, read: Option<&str>) -> Result<Self> {
        match (write, read) {
            (Some(write), Some(read)) => Ok(Self::Commands {
                write: Template::parse(write).context("--write")?,
                read: Template::parse(read).context("--read")?,
            }),
            (None, None) => Ok(Self::Ours),
            _ => bail!("--write and --read go together"),
        }
    }

    /// Returns the writer of the store in `dir`. Only our own knows about `style`.
    ///
    /// # Errors
    /// When this program cannot be found.
    pub(super) fn writer(
        &self,
        dir: &Path,
        style: Style,
        shards: u32,
        seed: u64,
        days_per_second: Option<u32>,
    ) -> Result<Command> {
        if let Self::Commands { write, .. } = self {
            return write.command(dir);
        }
        let mut command = this()?;
        command.arg("write").arg(dir).arg("--places");
        command.args(["--shards", &shards.to_string()]);
        if style.readers > 0 {
            command.args(["--readers", &style.readers.to_string()]);
            command.args(["--seed", &seed.to_string()]);
        }
        if style.is_maintaining {
            command.arg("--maintain");
        }
        if style.is_asynchronous {
            command.arg("--asynchronous");
        }
        if let Some(commits) = style.journal {
            command.arg(format!("--journal={commits}"));
        }
        hasten(&mut command, days_per_second);
        Ok(command)
    }

    /// Returns the reader of the store in `dir`.
    ///
    /// # Errors
    /// As [`Adapter::writer`].
    pub(super) fn reader(&self, dir: &Path, days_per_second: Option<u32>) -> Result<Command> {
        if let Self::Commands { read, .. } = self {
            return read.command(dir);
        }
        let mut command = this()?;
        command.arg("read").arg(dir).arg("--places");
        hasten(&mut command, days_per_second);
        Ok(command)
    }

    /// Says whether the store knows a clock that runs fast, so that retention deletes.
    pub(super) fn has_retention(&self) -> bool {
        matches!(self, Self::Ours)
    }
}

fn hasten(command: &mut Command, days_per_second: Option<u32>) {
    if let Some(days) = days_per_second {
        command.args(["--days-per-second", &days.to_string()]);
    }
}

fn this() -> Result<Command> {
    let this = std::env::current_exe().context("where this program is")?;
    Ok(Command::new(this))
}
