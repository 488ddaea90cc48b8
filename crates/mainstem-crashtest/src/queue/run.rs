//! Carries out a plan on a simulated machine.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim};
use mainstem_queue::{QueueError, Receipt};

use super::history::{History, NEVER, Place};
use super::judge::{self, Seen};
use super::plan::Plan;
use super::process::Process;
use super::step::{Push, Step};
use crate::sim::faulty::{Bomb, unless_ordered};
use crate::sim::run::CAPACITY;
use crate::sim::told::{is_want_of_space, told};

/// A plan under way, or done.
#[derive(Debug)]
pub struct Run {
    /// The machine.
    pub sim: Sim,
    /// What was asked for so far.
    pub history: History,
    process: Option<Process>,
    /// A call that panics.
    bomb: Option<Bomb>,
    /// Whether calls fail, so that nothing needs to be done, and what is done must be true.
    pub(super) is_faulty: bool,
    /// Whether the disk was filled: what needs space may be refused.
    pub(super) is_full: bool,
    /// Receipts that were given out, oldest first.
    pub(super) held: Vec<Held>,
    /// Until when a message is hidden from a consumer, in elapsed ms, by consumer and message.
    pub(super) hidden: BTreeMap<(usize, usize), u64>,
    /// Until when a message is not due, in elapsed ms, by message.
    pub(super) delayed: BTreeMap<usize, u64>,
    /// Elapsed ms.
    pub(super) now_ms: u64,
    pub(super) unique: u64,
}

/// A delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) consumer: usize,
    pub(super) message: usize,
    pub(super) receipt: Receipt,
    /// Whether it is good: the message was neither settled nor delivered again.
    pub(super) is_good: bool,
}

/// What a call came to: its error is one that only a dying process may see, or one whose calls fail,
/// or, if it says so, one whose disk is full.
pub(super) type Done = Result<(), QueueError>;

impl Run {
    /// Carries out `plan` on a new machine.
    ///
    /// # Errors
    /// What the queue did wrong on the way.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        Self::of_machine(plan, |_| ())
    }

    /// Carries out `plan` on a new machine that `order` has prepared, and expects no call to fail.
    ///
    /// # Errors
    /// What the queue did wrong on the way.
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
    /// What the queue did wrong all the same.
    pub fn with_faults(plan: &Plan, order: impl FnOnce(&Sim)) -> Result<Self, String> {
        let run = Self::new(plan);
        order(&run.sim);
        run.go_on_after_errors(plan)
    }

    /// Carries out `plan` while call `nth` of kind `op` panics, and goes on after errors and panics, in
    /// the same process. Returns `None` if there are fewer calls.
    ///
    /// # Errors
    /// What the queue did wrong all the same.
    pub fn with_panic(plan: &Plan, op: OpKind, nth: u64) -> Result<Option<Self>, String> {
        let bomb = Bomb::new(op, nth);
        let mut run = Self::new(plan);
        run.bomb = Some(bomb.clone());
        let run = run.go_on_after_errors(plan)?;
        Ok(bomb.defuse().then_some(run))
    }

    fn go_on_after_errors(mut self, plan: &Plan) -> Result<Self, String> {
        self.is_faulty = true;
        for (number, step) in plan.steps.iter().enumerate() {
            let is_open =
                self.process.is_some() || self.restart().is_ok() || self.restart().is_ok();
            if !is_open {
                break;
            }
            self.step(step)
                .map_err(|what| format!("step {number}, {step}: {what}"))?;
        }
        self.sim.clear_faults();
        self.bomb = None;
        self.is_faulty = false;
        Ok(self)
    }

    /// Starts a new process, in which nothing fails any more, and has it do some of everything.
    ///
    /// # Errors
    /// What the queue did wrong.
    pub fn begin_again(&mut self) -> Result<(), String> {
        self.sim.set_capacity(CAPACITY);
        self.is_full = false;
        self.rise_again()?;
        for word in "p10 pa10d9 b2 g0.3 a0 t1 g1.9 A u r g2.1 a0 p10 c".split(' ') {
            let step: Step = word.parse()?;
            self.step(&step)
                .map_err(|what| format!("{step} in a new process: {what}"))?;
        }
        Ok(())
    }

    fn new(plan: &Plan) -> Self {
        Self::on(Sim::new(plan.seed), History::default(), plan.seed << 32)
    }

    fn on(sim: Sim, history: History, unique: u64) -> Self {
        Self {
            sim,
            history,
            process: None,
            bomb: None,
            is_faulty: false,
            is_full: false,
            held: Vec::new(),
            hidden: BTreeMap::new(),
            delayed: BTreeMap::new(),
            now_ms: 0,
            unique,
        }
    }

    /// Goes on with what is on `sim`.
    pub(super) fn resume(sim: Sim, history: History, unique: u64) -> Result<Self, String> {
        let mut run = Self::on(sim, history, unique);
        run.start()?;
        Ok(run)
    }

    fn start(&mut self) -> Result<(), String> {
        let process = unless_ordered(|| Process::start(&self.sim, self.bomb.clone()))?;
        let process = process.unwrap_or(Err(QueueError::Panicked));
        self.process = Some(process.map_err(|error| format!("open: {}", told(&error)))?);
        // Leases end with the process that gave them.
        self.hidden.clear();
        if self.history.opened == NEVER {
            self.history.opened = self.sim.op_count();
        }
        Ok(())
    }

    /// Goes on in a new process after the one before has ended, and settles what was in doubt by what
    /// it shows. Without that there is no process.
    fn restart(&mut self) -> Result<(), String> {
        self.process = None;
        self.start()?;
        self.settle_doubts(&self.look()?);
        Ok(())
    }

    /// Goes on in a new process after this one was killed.
    fn rise_again(&mut self) -> Result<(), String> {
        // What the dead process still does on its way out happens on the machine that is left behind.
        self.sim = self.sim.process_crash();
        self.process = None;
        let seen = self.look()?;
        self.start()?;
        self.settle_doubts(&seen);
        Ok(())
    }

    fn settle_doubts(&mut self, seen: &Seen) {
        for held in &mut self.held {
            held.is_good &= seen.place(held.consumer, held.message) == Place::Waiting;
        }
        self.history.settle(seen, self.sim.op_count());
    }

    /// Does one thing.
    ///
    /// # Errors
    /// What the queue did wrong.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(process) = self.process.take() else {
            return Err(String::from("there is no process"));
        };
        let done = self.try_step(&process, step)?;
        let is_dead = process.fuse.has_burnt();
        self.process = Some(process);
        if is_dead {
            return self.rise_again();
        }
        match done {
            Err(error) if self.is_full && is_want_of_space(&error) => {}
            Err(error) if !self.is_faulty => return Err(told(&error)),
            _ => {}
        }
        if *step == Step::Reopen {
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

    fn look(&self) -> Result<Seen, String> {
        judge::judge(&self.history, &self.sim, self.sim.op_count())
    }

    /// Makes a call. One that panics, as was ordered, is one of which nothing is known.
    pub(super) fn call<T>(
        call: impl FnOnce() -> Result<T, QueueError>,
    ) -> Result<Result<T, QueueError>, String> {
        Ok(unless_ordered(call)?.unwrap_or(Err(QueueError::Panicked)))
    }

    fn try_step(&mut self, process: &Process, step: &Step) -> Result<Done, String> {
        Ok(match step {
            Step::Push(push) => self.push(process, &[*push])?,
            Step::Batch(messages) => {
                let push = Push {
                    key: None,
                    size: 20,
                    dedup: None,
                    delay_ms: 0,
                };
                self.push(process, &vec![push; *messages])?
            }
            Step::Receive(consumer, most) => self.receive(process, *consumer, *most)?,
            Step::Settle(settle, place) => match self.pick(*place) {
                Some(held) => self.settle(process, *settle, held)?,
                None => Ok(()),
            },
            Step::AckAll => self.ack_all(process)?,
            Step::Redrive(consumer) => self.redrive(process, *consumer)?,
            Step::Pass(ms) => {
                self.sim.advance(Duration::from_millis(*ms));
                self.now_ms = self.now_ms.saturating_add(*ms);
                Ok(())
            }
            Step::Upkeep => Self::call(|| process.queue.upkeep().map(drop))?,
            Step::Reopen => Self::call(|| process.queue.close())?,
            Step::Kill(changes) => {
                process.fuse.light(*changes);
                Ok(())
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
            Step::Check => {
                if !process.fuse.has_burnt() {
                    self.look()?;
                }
                Ok(())
            }
        })
    }
}
