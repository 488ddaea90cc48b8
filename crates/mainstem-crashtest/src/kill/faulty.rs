//! A life of the writer, or of a reader, in which a call of the system fails.

use std::process::Command;

use anyhow::Result;

use super::cycle::Store;
use super::fault::{Failure, Fault, Who};
use super::inject::{Case, traced};
use super::life::Life;
use super::plan::Style;
use super::process::{Heard, Process, STUCK};
use super::tally::Tally;
use crate::output::Exit;

/// How many appends are sent in such a life, and how many at a time.
const APPENDS: u64 = 24;
const WINDOW: usize = 6;

/// How a process took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// It did all that it was asked for all the same.
    Well,
    /// It refused and said why.
    Refusing,
    /// It died by a signal.
    Dying,
    /// It never made the call.
    Unharmed,
}

impl Store<'_> {
    /// Lets a writer of some style, or a reader, work to its end with `case` in its way, or traced only,
    /// and judges what it leaves, or shows.
    ///
    /// # Errors
    /// What the store did wrong.
    pub(super) fn faulty(
        &mut self,
        case: Option<&Case>,
        style: Option<Style>,
        trace: &std::path::Path,
        tally: &mut Tally,
    ) -> Result<Took, Failure> {
        let Some(style) = style else {
            let command = traced(&self.reader()?, trace, case);
            let is_killed = case.is_some_and(Case::is_kill);
            return self.read_off(command, is_killed, tally, |_| Ok(()));
        };
        let writer = self.writer(style)?;
        let command = traced(&writer, trace, case);
        let exit = self.work_off(command, APPENDS, tally, 0, &mut |_| Ok(()))?;
        let took = took(Who::Writer, exit)?;
        self.read_and_judge(tally)?;
        Ok(took)
    }

    /// Lets a writer work with nothing in its way, as it must, and judges what it leaves.
    ///
    /// # Errors
    /// As [`Store::faulty`].
    pub(super) fn faultless(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        let style = Style::default();
        let writer = self.writer(style)?;
        let exit = self.work_off(writer, APPENDS, tally, 0, &mut |_| Ok(()))?;
        if !exit.status.success() {
            return Err(Fault::Ended(Who::Writer, exit).into());
        }
        self.read_and_judge(tally)
    }

    /// Sends `appends` appends, listens until the process has ended, and returns how. Once `after` of them
    /// are acknowledged, `then` is done.
    pub(super) fn work_off(
        &mut self,
        mut command: Command,
        appends: u64,
        tally: &mut Tally,
        after: u64,
        then: &mut dyn FnMut(&Process) -> Result<()>,
    ) -> Result<Exit, Failure> {
        self.oracle.restarted();
        let process = Process::start(&mut command, WINDOW.saturating_add(1))?;
        let mut life = Life::new(process, 0, WINDOW, self.env.clock.elapsed());
        let mut left = appends;
        let mut is_to_come = true;
        loop {
            if is_to_come && life.acked() >= after {
                is_to_come = false;
                then(&life.process)?;
            }
            while left > 0 && life.room() > 0 {
                self.feed_one(&mut life);
                left = left.saturating_sub(1);
            }
            if left == 0 {
                life.process.end_input();
            }
            match life.process.hear(STUCK) {
                Heard::Line(line) => self.ack(&mut life, &line, tally)?,
                Heard::Nothing => return Err(Fault::Stuck(Who::Writer).into()),
                Heard::End => break,
            }
        }
        let exit = life.process.wait()?;
        if exit.status.success() && !life.unacked.is_empty() {
            return Err(Fault::Unfinished(life.unacked.len()).into());
        }
        Ok(exit)
    }

    /// Runs a reader that may break off if it says why, or if it is killed, after `then` was done to it as
    /// it started, and judges what it shows.
    ///
    /// # Errors
    /// What the store did wrong.
    pub(super) fn read_off(
        &mut self,
        mut command: Command,
        is_killed: bool,
        tally: &mut Tally,
        then: impl FnOnce(&Process) -> Result<()>,
    ) -> Result<Took, Failure> {
        let mut reader = Process::start(&mut command, 0)?;
        reader.end_input();
        then(&reader)?;
        let (shown, exit) = self.listen_to_reader(reader, tally)?;
        let lines = shown.iter().map(String::as_str);
        let is_silent = exit.said.trim().is_empty();
        if exit.status.code().is_none() && is_silent && !is_killed {
            return Err(Fault::Ended(Who::Reader, exit).into());
        }
        let took = took(Who::Reader, exit)?;
        match took {
            Took::Well => self.oracle.judge(lines)?,
            _ => self.oracle.judge_part(lines)?,
        };
        Ok(took)
    }
}

/// Says how a process took it that something failed.
///
/// # Errors
/// When it refused and did not say why.
pub(super) fn took(who: Who, exit: Exit) -> Result<Took, Failure> {
    match exit.status.code() {
        Some(0) => Ok(Took::Well),
        Some(_) if exit.said.trim().is_empty() => Err(Fault::Ended(who, exit).into()),
        Some(_) => Ok(Took::Refusing),
        None => Ok(Took::Dying),
    }
}
