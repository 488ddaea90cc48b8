//! One cycle: lives of the writer, then the reader, then the oracle.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use mainstem_env::{Clock, Env};
use mainstem_log::limits::RETENTION_MS_MIN;

use super::adapter::Adapter;
use super::fault::{Failure, Fault, Who};
use super::life::Life;
use super::plan::{CyclePlan, End, LifePlan, StorePlan, Style};
use super::process::{Heard, Process, STUCK};
use super::tally::Tally;
use super::work::Work;
use crate::child;
use crate::oracle::Oracle;
use crate::output::Exit;

/// A store under test and all that is known about it.
#[derive(Debug)]
pub(super) struct Store<'run> {
    pub(super) env: &'run Env,
    pub(super) adapter: &'run Adapter,
    pub(super) dir: PathBuf,
    pub(super) seed: u64,
    pub(super) shards: u32,
    days_per_second: Option<u32>,
    /// What the clock of the store shows.
    clock: Arc<dyn Clock>,
    pub(super) oracle: Oracle,
    /// What the writers are fed with; the second one is for the second of two writers at once.
    pub(super) works: [Work; 2],
}

/// The lanes of a second writer begin here.
const RIVAL_LANE: u32 = 1000;

impl<'run> Store<'run> {
    /// Returns a store that is to be in `dir`, where nothing is yet.
    pub(super) fn new(
        env: &'run Env,
        adapter: &'run Adapter,
        dir: PathBuf,
        plan: &StorePlan,
    ) -> Self {
        let work = |lane| Work::new(lane, plan.lanes, plan.sizes, plan.seed);
        Self {
            env,
            adapter,
            dir,
            seed: plan.seed,
            shards: plan.shards,
            days_per_second: plan.days_per_second,
            clock: child::env(plan.days_per_second).clock,
            oracle: Oracle::new(),
            works: [work(0), work(RIVAL_LANE)],
        }
    }

    /// Carries out one cycle.
    ///
    /// # Errors
    /// What the store did wrong, or why that could not be found out.
    pub(super) fn cycle(&mut self, plan: &CyclePlan, tally: &mut Tally) -> Result<(), Failure> {
        for life in &plan.lives {
            self.live(life, tally)?;
        }
        for after in &plan.reader_kills {
            self.kill_reader(*after, tally)?;
        }
        self.read_and_judge(tally)?;
        tally.cycles = tally.cycles.saturating_add(1);
        Ok(())
    }

    /// Runs the reader to its end and has the oracle judge what it prints.
    pub(super) fn read_and_judge(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        // Who reads deletes nothing; what writers deleted was too old by now.
        let young_from_ms = self
            .now_ms()
            .map_or(0, |now_ms| now_ms.saturating_sub(RETENTION_MS_MIN));
        let shown = self.read(tally)?;
        let shown = shown.iter().map(String::as_str);
        let judged = self.oracle.judge_retained(shown, young_from_ms)?;
        tally.gone_old = tally.gone_old.saturating_add(judged.gone_old);
        tally.shown_records = tally.shown_records.saturating_add(judged.found);
        tally.kept_unacked = tally.kept_unacked.saturating_add(judged.kept_unacked);
        tally.lost_unacked = tally.lost_unacked.saturating_add(judged.lost_unacked);
        Ok(())
    }

    /// Lets one writer work and kills it after some acknowledgements.
    ///
    /// # Errors
    /// As [`Store::cycle`].
    pub(super) fn kill_one(&mut self, style: Style, tally: &mut Tally) -> Result<(), Failure> {
        let plan = LifePlan {
            end: End::AfterAcks(12, Duration::ZERO),
            window: 6,
            pause: None,
            is_duel: false,
            style,
        };
        self.live(&plan, tally)
    }

    fn live(&mut self, plan: &LifePlan, tally: &mut Tally) -> Result<(), Failure> {
        self.oracle.restarted();
        let mut life = if plan.is_duel {
            tally.duels = tally.duels.saturating_add(1);
            self.duel(plan, tally)?
        } else {
            let mut life = self.start(plan, 0)?;
            self.feed(&mut life);
            life
        };
        if let Some((after, pause)) = plan.pause {
            match plan.end {
                // A writer that is killed as it starts is stopped as it starts.
                End::AfterStart(moment) => self.listen_until(&mut life, moment / 2, tally)?,
                _ => self.hear_acks(&mut life, after, tally)?,
            }
            life.process.stop();
            self.env.clock.sleep(pause);
            life.process.go_on();
            tally.paused = tally.paused.saturating_add(1);
        }
        match plan.end {
            End::AfterStart(after) => self.listen_until(&mut life, after, tally)?,
            End::AfterAcks(acks, more) => {
                self.hear_acks(&mut life, acks, tally)?;
                let moment = life.age(self.env).saturating_add(more);
                self.listen_until(&mut life, moment, tally)?;
            }
            End::InOrder(acks) => {
                self.hear_acks(&mut life, acks, tally)?;
                return self.end_in_order(life, tally);
            }
        }
        self.kill(life, tally)
    }

    /// Returns what the clock of the store shows, in ms, if it is another than everybody's.
    pub(super) fn now_ms(&self) -> Option<u64> {
        self.days_per_second.map(|_| self.clock.now().0)
    }

    /// Returns the command of the writer.
    pub(super) fn writer(&self, style: Style) -> Result<Command> {
        let days = self.days_per_second;
        self.adapter
            .writer(&self.dir, style, self.shards, self.seed, days)
    }

    /// Returns the command of the reader.
    pub(super) fn reader(&self) -> Result<Command> {
        self.adapter.reader(&self.dir, self.days_per_second)
    }

    /// Starts a writer and sends it nothing yet.
    pub(super) fn start(&self, plan: &LifePlan, work: usize) -> Result<Life> {
        let mut command = self.writer(plan.style)?;
        // Never more than the window is on its way, so that sending never waits.
        let process = Process::start(&mut command, plan.window.saturating_add(1))?;
        Ok(Life::new(
            process,
            work,
            plan.window,
            self.env.clock.elapsed(),
        ))
    }

    /// Starts the reader and kills it, so that it is interrupted in whatever it does on opening.
    fn kill_reader(&self, after: Duration, tally: &mut Tally) -> Result<(), Failure> {
        let mut reader = Process::start(&mut self.reader()?, 0)?;
        self.env.clock.sleep(after);
        if let Some(exit) = reader.ended()? {
            if exit.status.success() {
                return Ok(());
            }
            return Err(Fault::Ended(Who::Reader, exit).into());
        }
        reader.kill(drop)?;
        tally.readers_killed = tally.readers_killed.saturating_add(1);
        Ok(())
    }

    /// Returns what the reader prints.
    fn read(&self, tally: &mut Tally) -> Result<Vec<String>, Failure> {
        let mut reader = Process::start(&mut self.reader()?, 0)?;
        reader.end_input();
        let (shown, exit) = self.listen_to_reader(reader, tally)?;
        if !exit.status.success() {
            return Err(Fault::Ended(Who::Reader, exit).into());
        }
        Ok(shown)
    }

    /// Listens to a reader until it ends, and returns what it printed and how it ended.
    pub(super) fn listen_to_reader(
        &self,
        mut reader: Process,
        tally: &mut Tally,
    ) -> Result<(Vec<String>, Exit), Failure> {
        let start = self.env.clock.elapsed();
        let mut shown = Vec::new();
        loop {
            match reader.hear(STUCK) {
                Heard::Line(line) => shown.push(line),
                Heard::Nothing => return Err(Fault::Stuck(Who::Reader).into()),
                Heard::End => break,
            }
        }
        let exit = reader.wait()?;
        let took = self.env.clock.elapsed().since(start);
        tally.slowest_read = tally.slowest_read.max(took);
        Ok((shown, exit))
    }
}
