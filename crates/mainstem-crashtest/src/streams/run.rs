//! Carries out a plan on a simulated machine.

use std::sync::Arc;
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim};
use mainstem_streams::{
    CreateStreamInput, ErrorKind, Outcome, StreamStatus, StreamSummary, StreamsError,
};
use mainstem_types::StreamName;

use super::history::{Change, History, Span};
use super::judge::{Judge, name_of};
use super::plan::{Plan, TRANSITION_MS};
use super::process::{Hardship, Process};
use super::step::{STREAMS, Step};
use crate::sim::faulty::{Bomb, unless_ordered};
use crate::sim::run::CAPACITY;
use crate::sim::told::{is_want_of_space, told};

/// A plan under way, or done.
#[derive(Debug)]
pub struct Run {
    /// The machine.
    pub sim: Sim,
    /// What was promised so far.
    pub history: History,
    process: Option<Arc<Process>>,
    hardship: Hardship,
    /// Whether calls fail, so that nothing needs to be done, and what is done must be true.
    pub(super) is_faulty: bool,
    /// Whether the disk was filled: what needs space may be refused.
    pub(super) is_full: bool,
    pub(super) unique: u64,
}

/// What a call came to: its error is one that only a dying process may see, or one whose calls fail,
/// or, if it says so, one whose disk is full.
pub(super) type Done = Result<(), StreamsError>;

impl Run {
    /// Carries out `plan` on a new machine.
    ///
    /// # Errors
    /// What the streams did wrong on the way.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        Self::of_machine(plan, |_| ())
    }

    /// Carries out `plan` on a new machine that `order` has prepared, and expects no call to fail.
    ///
    /// # Errors
    /// What the streams did wrong on the way.
    pub fn of_machine(plan: &Plan, order: impl FnOnce(&Sim)) -> Result<Self, String> {
        let mut run = Self::new(plan);
        order(&run.sim);
        run.start()?;
        for (number, step) in plan.steps.iter().enumerate() {
            run.step(step)
                .map_err(|what| format!("step {number}, {step}: {what}"))?;
        }
        run.sim.violation().map_or(Ok(run), Err)
    }

    /// Carries out `plan` on a machine whose calls fail as `order` says, and goes on after errors.
    ///
    /// # Errors
    /// What the streams did wrong all the same.
    pub fn with_faults(plan: &Plan, order: impl FnOnce(&Sim)) -> Result<Self, String> {
        let run = Self::new(plan);
        order(&run.sim);
        run.go_on_after_errors(plan)
    }

    /// Carries out `plan` while call `nth` of kind `op` panics, and goes on after errors and panics, in
    /// the same process. Returns `None` if there are fewer calls.
    ///
    /// # Errors
    /// What the streams did wrong all the same.
    pub fn with_panic(plan: &Plan, op: OpKind, nth: u64) -> Result<Option<Self>, String> {
        let bomb = Bomb::new(op, nth);
        let mut run = Self::new(plan);
        run.hardship.bomb = Some(bomb.clone());
        let run = run.go_on_after_errors(plan)?;
        Ok(bomb.defuse().then_some(run))
    }

    fn go_on_after_errors(mut self, plan: &Plan) -> Result<Self, String> {
        let run = &mut self;
        run.is_faulty = true;
        for (number, step) in plan.steps.iter().enumerate() {
            let is_open = run.process.is_some()
                || unless_ordered(|| run.restart())?.is_some_and(|done| done.is_ok())
                || unless_ordered(|| run.restart())?.is_some_and(|done| done.is_ok());
            if !is_open {
                break;
            }
            match unless_ordered(|| run.step(step))? {
                Some(Err(what)) => return Err(format!("step {number}, {step}: {what}")),
                // A process that cannot close in good order ends without.
                None if *step == Step::Reopen => run.process = None,
                _ => {}
            }
        }
        run.sim.clear_faults();
        run.hardship.bomb = None;
        run.is_faulty = false;
        Ok(self)
    }

    /// Starts a new process, in which nothing fails any more, and puts a record to every stream.
    ///
    /// # Errors
    /// What the streams did wrong.
    pub fn begin_again(&mut self) -> Result<(), String> {
        self.sim.set_capacity(CAPACITY);
        self.is_full = false;
        self.rise_again()?;
        for stream in 0..STREAMS.len() {
            let steps = [
                Step::Create(stream, 1),
                Step::Pass(TRANSITION_MS),
                Step::Put(stream, ('p', 10)),
                Step::Puts(stream, vec![('q', 10), ('r', 10)]),
            ];
            for step in steps {
                self.step(&step)
                    .map_err(|what| format!("{step} in a new process: {what}"))?;
            }
        }
        Ok(())
    }

    fn new(plan: &Plan) -> Self {
        let sim = Sim::new(plan.seed);
        Self {
            history: History::new(sim.now()),
            sim,
            process: None,
            hardship: Hardship::default(),
            is_faulty: false,
            is_full: false,
            unique: plan.seed << 32,
        }
    }

    /// Goes on with streams that were recovered on `sim`.
    pub(super) fn resume(sim: Sim, history: History, process: Process) -> Self {
        Self {
            // Other payloads than those of the first run.
            unique: (1 << 63) | (sim.op_count() << 20),
            sim,
            history,
            process: Some(Arc::new(process)),
            hardship: Hardship::default(),
            is_faulty: false,
            is_full: false,
        }
    }

    /// Does one thing.
    ///
    /// # Errors
    /// What the streams did wrong.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(process) = self.process.clone() else {
            return Err(String::from("there is no process"));
        };
        self.let_transitions_end(step);
        let done = self.try_step(&process, step);
        self.history.clock_showed(process.clock.take_readings());
        let done = done?;
        if process.fuse.has_burnt() {
            drop(process);
            return self.rise_again();
        }
        match done {
            Err(error) if self.is_full && is_want_of_space(&error) => {}
            Err(error) if !self.is_faulty => return Err(told(&error)),
            _ => {}
        }
        if *step == Step::Reopen {
            drop(process);
            return match self.restart() {
                Err(_) if self.is_faulty => {
                    self.process = None;
                    Ok(())
                }
                restarted => restarted,
            };
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), String> {
        let process = Process::start(&self.sim, &self.hardship);
        let process = process.map_err(|error| format!("open: {}", told(&error)))?;
        self.history.clock_showed(process.clock.take_readings());
        self.process = Some(Arc::new(process));
        Ok(())
    }

    /// Goes on in a new process after the one before has ended, and settles what was in doubt by what
    /// it shows. Without that there is no process.
    fn restart(&mut self) -> Result<(), String> {
        self.process = None;
        self.start()?;
        let seen = self.judged(|judge| judge.everything());
        let seen = seen.inspect_err(|_| self.process = None)?;
        self.history.settle(&seen, self.sim.op_count());
        Ok(())
    }

    /// Goes on in a new process after this one was killed.
    fn rise_again(&mut self) -> Result<(), String> {
        // What the dead process still does on its way out happens on the machine that is left behind.
        self.sim = self.sim.process_crash();
        self.process = None;
        self.start()?;
        self.judged(|judge| judge.opened())?;
        Judge::pass(&self.history, &self.sim);
        self.clock_changed();
        let seen = self.judged(|judge| judge.settled())?;
        self.history.settle(&seen, self.sim.op_count());
        Ok(())
    }

    fn judged<T>(&self, judge: impl FnOnce(Judge<'_>) -> Result<T, String>) -> Result<T, String> {
        let process = self.process.as_ref().ok_or("there is no process")?;
        judge(Judge {
            history: &self.history,
            process,
            sim: &self.sim,
            at: self.sim.op_count(),
        })
    }

    fn clock_changed(&mut self) {
        let now = self.sim.now();
        self.history.clock_shows(now, self.sim.op_count());
    }

    /// Where the clock goes on by itself, lets those transitions end that could end while a step is done:
    /// it would not be clear what its calls have to answer.
    fn let_transitions_end(&mut self, step: &Step) {
        let is_clear = matches!(step, Step::Pass(_) | Step::Jump(_) | Step::Create(..));
        if self.hardship.tick_ms == 0 || is_clear {
            return;
        }
        let soon_ms = self.sim.now().0.saturating_add(self.history.slack_ms);
        let end_ms = self.history.transition_under_way(soon_ms, TRANSITION_MS);
        let ms = end_ms.saturating_sub(self.sim.now().0);
        if ms > 0 {
            self.sim.advance(Duration::from_millis(ms));
            self.clock_changed();
        }
    }

    fn try_step(&mut self, process: &Process, step: &Step) -> Result<Done, String> {
        Ok(match step {
            Step::Create(stream, shards) => self.create(process, *stream, *shards)?,
            Step::Delete(stream) => self.delete(process, *stream)?,
            Step::Retain(stream, hours) => self.retain(process, *stream, *hours)?,
            Step::Put(stream, put) => self.put(process, *stream, *put)?,
            Step::Puts(stream, puts) => self.puts(process, *stream, puts)?,
            Step::Iterators(stream) => self.iterators(process, *stream)?,
            Step::Pass(ms) => {
                self.sim.advance(Duration::from_millis(*ms));
                self.clock_changed();
                Ok(())
            }
            Step::Jump(ms) => {
                self.sim.jump_wall(*ms);
                self.history.has_jumps = true;
                self.clock_changed();
                Ok(())
            }
            Step::Tick(ms) => {
                self.hardship.tick_ms = *ms;
                // More than any call reads the clock.
                self.history.slack_ms = ms.saturating_mul(40);
                process.clock.set_tick(*ms);
                Ok(())
            }
            Step::Maintain => process.maintain(),
            Step::Kill(changes) => {
                process.fuse.light(*changes);
                Ok(())
            }
            Step::Check => {
                let judge = Judge {
                    history: &self.history,
                    process,
                    sim: &self.sim,
                    at: self.sim.op_count(),
                };
                match judge.everything() {
                    Err(what) if !self.may_fail(process) => return Err(what),
                    _ => Ok(()),
                }
            }
            Step::Fill(left) => {
                let used = CAPACITY.saturating_sub(self.sim.available_space());
                if !self.is_full {
                    self.sim.set_capacity(used.saturating_add(*left));
                }
                self.is_full = true;
                Ok(())
            }
            Step::Free => {
                self.sim.set_capacity(CAPACITY);
                self.is_full = false;
                Ok(())
            }
            Step::Reopen => process.streams.close(),
        })
    }

    /// Returns by how much each reading of the clock moves it on, in ms.
    pub(super) fn tick_ms(&self) -> u64 {
        self.hardship.tick_ms
    }

    /// Returns whether calls may fail, or may not have been made.
    pub(super) fn may_fail(&self, process: &Process) -> bool {
        self.is_faulty || process.fuse.has_burnt()
    }

    /// Checks that a call that cannot succeed was refused with an error of this kind.
    pub(super) fn refused(
        &self,
        process: &Process,
        done: Done,
        kind: ErrorKind,
    ) -> Result<Done, String> {
        match done {
            Err(error) if error.kind() == kind => Ok(Ok(())),
            Err(error) if self.may_fail(process) || self.is_full => Ok(Err(error)),
            Err(error) => Err(format!("refused with {}", told(&error))),
            Ok(()) => Err(format!("done, and should have been refused as {kind:?}")),
        }
    }

    fn create(&mut self, process: &Process, stream: usize, shards: u32) -> Result<Done, String> {
        let name = name_of(stream)?;
        let before = summary(process, &name)?;
        let input = CreateStreamInput {
            name,
            mode: None,
            shard_count: Some(shards),
            record_kib_max: None,
        };
        // Where the clock goes on by itself, a deletion may end before this begins.
        let may_end =
            |it: &StreamSummary| self.hardship.tick_ms > 0 && it.status == StreamStatus::Deleting;
        let history = before
            .as_ref()
            .filter(|it| may_end(it))
            .map(|_| self.history.clone());
        if before.is_some() && history.is_none() {
            let created = process.streams.create_stream(&input);
            return self.refused(process, created, ErrorKind::ResourceInUse);
        }
        let count = usize::try_from(shards).map_err(|error| error.to_string())?;
        let (begun, now_ms) = (self.sim.op_count(), self.sim.now().0);
        let id = self.history.begin_life(stream, count, begun, now_ms);
        let created = process.streams.create_stream(&input);
        if let (Some(history), Err(error)) = (history, &created)
            && error.kind() == ErrorKind::ResourceInUse
        {
            self.history = history;
            return Ok(Ok(()));
        }
        let (now, now_ms) = (self.sim.op_count(), self.sim.now().0);
        if let Some(life) = self.history.life(stream, id) {
            life.created_ms.to = now_ms;
            match &created {
                Ok(()) => life.created = now,
                Err(error) if error.outcome() == Outcome::NotApplied => life.gone = 0,
                Err(_) => {}
            }
        }
        if created.is_ok() {
            self.history.doubts_end(now);
        }
        Ok(created)
    }

    fn delete(&mut self, process: &Process, stream: usize) -> Result<Done, String> {
        let name = name_of(stream)?;
        match summary(process, &name)?.map(|it| it.status) {
            Some(StreamStatus::Active) => {}
            Some(_) => {
                let deleted = process.streams.delete_stream(&name);
                return self.refused(process, deleted, ErrorKind::ResourceInUse);
            }
            None => {
                let deleted = process.streams.delete_stream(&name);
                return self.refused(process, deleted, ErrorKind::ResourceNotFound);
            }
        }
        let now_ms = self.sim.now().0;
        let span = Span {
            from: now_ms,
            to: now_ms,
        };
        let deletion = Change::new(span, self.sim.op_count());
        let deletions = |life: &mut super::history::Life| life.deletions.push(deletion);
        self.history.current(stream).map(deletions);
        let deleted = process.streams.delete_stream(&name);
        let (now, now_ms) = (self.sim.op_count(), self.sim.now().0);
        if let Some(life) = self.history.current(stream)
            && let Some(last) = life.deletions.last_mut()
        {
            last.to.to = now_ms;
            note(last, &deleted, now);
        }
        if deleted.is_ok() {
            self.history.doubts_end(now);
        }
        Ok(deleted)
    }

    fn retain(&mut self, process: &Process, stream: usize, hours: u32) -> Result<Done, String> {
        let name = name_of(stream)?;
        let before = summary(process, &name)?;
        let existing = before.as_ref().map_or(hours, |it| it.retention_hours);
        let change = |hours| {
            if hours >= existing {
                process.streams.increase_retention(&name, hours)
            } else {
                process.streams.decrease_retention(&name, hours)
            }
        };
        match before.map(|it| it.status) {
            Some(StreamStatus::Active) => {}
            Some(_) => return self.refused(process, change(hours), ErrorKind::ResourceInUse),
            None => return self.refused(process, change(hours), ErrorKind::ResourceNotFound),
        }
        if hours == existing {
            return Ok(change(hours));
        }
        let retention = Change::new(hours, self.sim.op_count());
        let retentions = |life: &mut super::history::Life| life.retentions.push(retention);
        self.history.current(stream).map(retentions);
        let changed = change(hours);
        let now = self.sim.op_count();
        if let Some(life) = self.history.current(stream)
            && let Some(last) = life.retentions.last_mut()
        {
            note(last, &changed, now);
        }
        if changed.is_ok() {
            self.history.doubts_end(now);
        }
        Ok(changed)
    }
}

fn summary(process: &Process, name: &StreamName) -> Result<Option<StreamSummary>, String> {
    match process.streams.describe_stream_summary(name) {
        Ok(summary) => Ok(Some(summary)),
        Err(StreamsError::StreamNotFound { .. }) => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

pub(super) fn is_active(process: &Process, name: &StreamName) -> Result<bool, String> {
    let summary = summary(process, name)?;
    Ok(summary.is_some_and(|it| it.status == StreamStatus::Active))
}

/// Notes what became of a change of the catalogue.
fn note<T>(change: &mut Change<T>, done: &Done, now: u64) {
    match done {
        Ok(()) => change.acked = now,
        Err(error) if error.outcome() == Outcome::NotApplied => change.void = 0,
        Err(_) => {}
    }
}
