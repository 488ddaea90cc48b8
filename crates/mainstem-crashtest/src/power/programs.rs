//! The two programs of the contract, as commands.

use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::oracle::Violation;
use crate::output::{Exit, end_of, whole_lines};
use crate::template::Template;

use super::keeper::{Keeper, PATIENCE, Ward};

/// A command line with a place for the directory of the store.
#[derive(Clone, Debug)]
pub(super) struct Program {
    template: Template,
    text: String,
}

impl Program {
    /// Reads a command, as somebody types it.
    ///
    /// # Errors
    /// When it is none, or no word names the directory.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        Ok(Self {
            template,
            text: text.to_owned(),
        })
    }

    /// Starts it over the store in `directory`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(&self, keeper: &Keeper, directory: &Path, stdin: Stdio) -> Result<Ward> {
        let mut command = self.template.command(directory)?;
        let child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: what it starts is killed with it, and ^C is ours to handle.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{self}`"))?;
        keeper.watch(child)
    }

    /// Runs it as a reader, to its end.
    ///
    /// # Errors
    /// When it cannot be started, or the user wants to stop.
    pub(super) fn read(&self, keeper: &Keeper, directory: &Path) -> Result<Reading> {
        let mut ward = self.start(keeper, directory, Stdio::null())?;
        let complaints = ward.child.stderr.take().context("no standard error")?;
        let output = ward.child.stdout.take().context("no standard output")?;
        let (records, said) = std::thread::scope(|scope| {
            let said = scope.spawn(|| end_of(complaints));
            let mut records = Vec::new();
            whole_lines(output, |line| {
                records.push(line);
                true
            });
            (records, said.join().unwrap_or_default())
        });
        Ok(match ward.wait()? {
            Some(status) if status.success() => Reading::Whole(records.into()),
            status => Reading::Refused(Failure::refused("reader", status, said)),
        })
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a reader did.
#[derive(Debug)]
pub(super) enum Reading {
    /// It showed these records, and ended well.
    Whole(Arc<[String]>),
    /// It did not end well.
    Refused(Failure),
}

/// What a store did wrong.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// It broke its promise.
    Violation(Violation),
    /// It refused to work, in these words.
    Refused(String),
}

impl Failure {
    /// Tells that `who` ended with `status`, `None` for too late, after saying `said`.
    pub(super) fn refused(who: &str, status: Option<ExitStatus>, said: String) -> Self {
        Self::Refused(match status {
            Some(status) => format!("the {who} ended with {}", Exit { status, said }),
            None => format!(
                "the {who} did not end within {} s: {}",
                PATIENCE.as_secs(),
                said.trim()
            ),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::Refused(how) => f.write_str(how),
        }
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}
