//! The two programs of the contract, as commands.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::oracle::Violation;
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
            let said = scope.spawn(|| text(complaints));
            let mut bytes = Vec::new();
            let read = BufReader::new(output).read_to_end(&mut bytes);
            (read.map(|_| bytes), said.join().unwrap_or_default())
        });
        let status = ward.wait()?;
        let records = records.context("standard output of the reader")?;
        Ok(match status {
            Some(status) if status.success() => {
                // A byte that is not text cannot be a record; it must not end the judgement either.
                let records = String::from_utf8_lossy(&records);
                Reading::Whole(records.lines().map(str::to_owned).collect())
            }
            status => Reading::Refused(Failure::refused("reader", status, &said)),
        })
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a pipe to its end.
pub(super) fn text(pipe: impl std::io::Read) -> String {
    let mut lines = String::new();
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        if lines.len() < SAID_BYTES_MAX {
            lines.push_str(&String::from_utf8_lossy(&line));
            lines.push('\n');
        }
    }
    lines
}

/// How much of what a program complains about is kept, in bytes.
const SAID_BYTES_MAX: usize = 4 << 10;

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
    pub(super) fn refused(who: &str, status: Option<ExitStatus>, said: &str) -> Self {
        let how = status.map_or_else(
            || format!("did not end within {} s", PATIENCE.as_secs()),
            |status| format!("ended with {status}"),
        );
        Self::Refused(format!("the {who} {how}: {}", said.trim()))
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
