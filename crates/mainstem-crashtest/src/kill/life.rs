//! One life of the writer: fed, listened to, ended.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstem_env::{Elapsed, Env};

use super::cycle::Store;
use super::fault::{Failure, Fault, Who};
use super::process::{Heard, Process, STUCK};
use super::tally::Tally;
use crate::contract::{Id, line};
use crate::oracle::Violation;
use crate::output::Exit;

/// A writer while it runs.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) process: Process,
    /// Which work it is fed with.
    pub(super) work: usize,
    start: Elapsed,
    window: usize,
    /// The appends that were sent and not acknowledged, by their first record, and how many records
    /// each has.
    pub(super) unacked: BTreeMap<Id, u64>,
    acked: u64,
}

impl Life {
    pub(super) fn new(process: Process, work: usize, window: usize, start: Elapsed) -> Self {
        Self {
            process,
            work,
            start,
            window,
            unacked: BTreeMap::new(),
            acked: 0,
        }
    }

    /// Returns how long ago it was started.
    pub(super) fn age(&self, env: &Env) -> Duration {
        env.clock.elapsed().since(self.start)
    }

    /// Returns how many appends were acknowledged.
    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    /// Returns how many more appends may be sent.
    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.unacked.len())
    }

    /// Sends an append.
    pub(super) fn send(&mut self, records: &[String]) {
        let first = records.first().and_then(|record| Id::of_record(record));
        if let Some(first) = first {
            let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
            self.unacked.insert(first, count);
            self.process.send(line(records));
        }
    }
}

impl Store<'_> {
    /// Sends until the window is full.
    pub(super) fn feed(&mut self, life: &mut Life) {
        for _ in 0..life.room() {
            self.feed_one(life);
        }
    }

    /// Sends one append.
    pub(super) fn feed_one(&mut self, life: &mut Life) {
        if let Some(work) = self.works.get_mut(life.work) {
            let records = work.append();
            if let Some(now_ms) = self.now_ms() {
                self.oracle.is_now(now_ms);
            }
            self.oracle.sent(&records);
            life.send(&records);
        }
    }

    /// Takes note of a line that the writer printed.
    ///
    /// # Errors
    /// When it acknowledges what it was not sent, or not in this life.
    pub(super) fn ack(
        &mut self,
        life: &mut Life,
        line: &str,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let identity = line.split(' ').next().unwrap_or_default();
        let records = Id::parse(identity).and_then(|id| life.unacked.remove(&id));
        let records = records.ok_or_else(|| Violation::AckOfNothing(line.to_owned()))?;
        self.oracle.acked(line)?;
        life.acked = life.acked.saturating_add(1);
        tally.acked_records = tally.acked_records.saturating_add(records);
        Ok(())
    }

    /// Listens, and goes on sending, until there were so many acknowledgements in this life.
    pub(super) fn hear_acks(
        &mut self,
        life: &mut Life,
        acks: u64,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        while life.acked < acks {
            match life.process.hear(STUCK) {
                Heard::Line(line) => self.ack(life, &line, tally)?,
                Heard::Nothing => return Err(Fault::Stuck(Who::Writer).into()),
                Heard::End => return Err(ended(life)?),
            }
            self.feed(life);
        }
        Ok(())
    }

    /// Listens, and goes on sending, until the writer is so old.
    pub(super) fn listen_until(
        &mut self,
        life: &mut Life,
        age: Duration,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        loop {
            let left = age.saturating_sub(life.age(self.env));
            if left.is_zero() {
                return Ok(());
            }
            match life.process.hear(left) {
                Heard::Line(line) => self.ack(life, &line, tally)?,
                Heard::Nothing => return Ok(()),
                Heard::End => return Err(ended(life)?),
            }
            self.feed(life);
        }
    }

    /// Kills the writer and takes note of everything that it had printed.
    pub(super) fn kill(&mut self, mut life: Life, tally: &mut Tally) -> Result<(), Failure> {
        if let Some(exit) = life.process.ended()? {
            return Err(Fault::Ended(Who::Writer, exit).into());
        }
        let mut lines = Vec::new();
        let exit = life.process.kill(|line| lines.push(line))?;
        for line in lines {
            self.ack(&mut life, &line, tally)?;
        }
        // It may have ended by itself in the last moment.
        if exit.status.code().is_some() {
            return Err(Fault::Ended(Who::Writer, exit).into());
        }
        let count = match life.acked {
            0 => &mut tally.killed_in_start,
            _ => &mut tally.killed_after_acks,
        };
        *count = count.saturating_add(1);
        Ok(())
    }

    /// Ends the input of the writer, which acknowledges the rest and ends well.
    pub(super) fn end_in_order(
        &mut self,
        mut life: Life,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        life.process.end_input();
        loop {
            match life.process.hear(STUCK) {
                Heard::Line(line) => self.ack(&mut life, &line, tally)?,
                Heard::Nothing => return Err(Fault::Stuck(Who::Writer).into()),
                Heard::End => break,
            }
        }
        let exit = life.process.wait()?;
        if !exit.status.success() {
            return Err(Fault::Ended(Who::Writer, exit).into());
        }
        if !life.unacked.is_empty() {
            return Err(Fault::Unfinished(life.unacked.len()).into());
        }
        tally.ended_in_order = tally.ended_in_order.saturating_add(1);
        Ok(())
    }
}

/// Says how a writer ended whose output has ended before it was killed.
pub(super) fn ended(life: &mut Life) -> Result<Failure, Failure> {
    let exit: Exit = life.process.wait()?;
    Ok(Fault::Ended(Who::Writer, exit).into())
}
