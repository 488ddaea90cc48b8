//! Carries out a plan on a simulated machine.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mainstem_env::Env;
use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_log::{Engine, LogError, Outcome, Shard};

use super::faulty::{Bomb, unless_ordered};
use super::fuse::Fuse;
use super::gate::Gate;
use super::history::{History, Life, Presence};
use super::judge::{self, Setup};
use super::plan::Plan;
use super::step::{Step, Way};
use super::zeros::{OfProcess, Watch};

/// A plan under way, or done.
#[derive(Debug)]
pub struct Run {
    /// The machine.
    pub sim: Sim,
    /// What was promised so far.
    pub history: History,
    setup: Setup,
    /// Goes before the engine, which waits for zeros that are held.
    pub(super) zeros: OfProcess,
    engine: Option<Engine>,
    shards: Vec<Option<Shard>>,
    /// Whether calls fail, so that not even reading can be relied on.
    faulty: bool,
    /// Whether the disk was filled: what needs space may be refused.
    full: bool,
    life_of_process: Arc<Fuse>,
    pub(super) gate: Arc<Gate>,
    bomb: Option<Bomb>,
    pub(super) unique: u64,
    /// How many operations the disk had done after each step.
    pub(super) ends: Vec<u64>,
}

/// Returns whether this is all that is wrong: nothing was done, and once there is room it can be.
fn is_want_of_space(error: &LogError) -> bool {
    match error {
        LogError::StorageFull { .. } => {
            error.is_retryable() && error.outcome() == Outcome::NotApplied
        }
        LogError::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
        _ => false,
    }
}

/// The size of a disk that is not full, in bytes.
pub(crate) const CAPACITY: u64 = 1 << 40;

/// What a step came to: its error ends the process, or is a fault that was ordered.
pub(super) type Done = Result<(), LogError>;

impl Run {
    /// Carries out `plan` on a new machine.
    ///
    /// # Errors
    /// What the engine did wrong on the way.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        Self::of_machine(plan, |_| ())
    }

    /// Carries out `plan` on a new machine that `order` has prepared, and expects no call to fail.
    ///
    /// # Errors
    /// What the engine did wrong on the way.
    pub fn of_machine(plan: &Plan, order: impl FnOnce(&Sim)) -> Result<Self, String> {
        let mut run = Self::new(plan);
        order(&run.sim);
        run.open().map_err(|error| format!("open: {error:?}"))?;
        for (number, step) in plan.steps.iter().enumerate() {
            run.step(step)
                .map_err(|what| format!("step {number}, {step}: {what}"))?;
            run.ends.push(run.sim.op_count());
        }
        run.sim.violation().map_or(Ok(run), Err)
    }

    /// Carries out `plan` on a machine whose calls fail as `order` says, and goes on after errors.
    ///
    /// # Errors
    /// What the engine did wrong all the same.
    pub fn with_faults(plan: &Plan, order: impl FnOnce(&Sim)) -> Result<Self, String> {
        let run = Self::new(plan);
        order(&run.sim);
        run.go_on_after_errors(plan)
    }

    /// Carries out `plan` while call `nth` of kind `op` panics, and goes on after errors and panics.
    /// Returns `None` if there are fewer calls.
    ///
    /// # Errors
    /// What the engine did wrong all the same.
    pub fn with_panic(plan: &Plan, op: OpKind, nth: u64) -> Result<Option<Self>, String> {
        let mut run = Self::new(plan);
        let bomb = Bomb::new(op, nth);
        run.bomb = Some(bomb.clone());
        let run = run.go_on_after_errors(plan)?;
        Ok(bomb.defuse().then_some(run))
    }

    fn go_on_after_errors(mut self, plan: &Plan) -> Result<Self, String> {
        let run = &mut self;
        run.faulty = true;
        for (number, step) in plan.steps.iter().enumerate() {
            let is_open = run.engine.is_some()
                || unless_ordered(|| run.open())?.is_some_and(|done| done.is_ok())
                || unless_ordered(|| run.open())?.is_some_and(|done| done.is_ok());
            if !is_open {
                break;
            }
            if let Some(Err(what)) = unless_ordered(|| run.step(step))? {
                return Err(format!("step {number}, {step}: {what}"));
            }
        }
        run.sim.clear_faults();
        run.bomb = None;
        run.faulty = false;
        Ok(self)
    }

    /// Returns how often a kind of call was made, failed ones included.
    pub fn calls(&self, op: OpKind) -> u64 {
        self.sim.calls(op)
    }

    /// Starts a new process, and appends to every shard: nothing fails any more.
    ///
    /// # Errors
    /// What the engine did wrong.
    pub fn begin_again(&mut self) -> Result<(), String> {
        self.rise_again()?;
        for at in 0..self.shards.len() {
            let step = Step::Append(at, Way::Blocking, vec![10, 10]);
            self.step(&step)
                .map_err(|what| format!("{step} in a new process: {what}"))?;
        }
        Ok(())
    }

    fn new(plan: &Plan) -> Self {
        let sim = Sim::new(plan.seed);
        let setup = plan.setup();
        setup.prepare(&sim);
        Self {
            history: History::new(sim.now()),
            sim,
            setup,
            zeros: OfProcess::default(),
            engine: None,
            shards: vec![None, None],
            faulty: false,
            full: false,
            life_of_process: Arc::default(),
            gate: Arc::default(),
            bomb: None,
            unique: plan.seed << 32,
            ends: Vec::new(),
        }
    }

    /// Goes on with an engine that was recovered on `sim`.
    pub(super) fn resume(
        sim: Sim,
        history: History,
        recovered: judge::Recovered,
        setup: Setup,
    ) -> Self {
        Self {
            // Other payloads than those of the first run.
            unique: (1 << 63) | (sim.op_count() << 20),
            sim,
            history,
            setup,
            zeros: OfProcess::default(),
            engine: Some(recovered.engine),
            shards: recovered.shards,
            faulty: false,
            full: false,
            life_of_process: Arc::default(),
            gate: Arc::default(),
            bomb: None,
            ends: Vec::new(),
        }
    }

    fn env(&self) -> Env {
        let (fuse, gate) = (Arc::clone(&self.life_of_process), Arc::clone(&self.gate));
        let zeros = Arc::clone(&self.zeros.0);
        let bomb = self.bomb.clone();
        hooked(
            &self.sim.env(),
            Arc::new(move |kind, path| {
                if !zeros.pass(kind, path) {
                    gate.pass(kind, path);
                }
                if let Some(bomb) = &bomb {
                    bomb.pass(kind);
                }
                fuse.check(kind)
            }),
        )
    }

    fn open(&mut self) -> Done {
        self.engine = Some(self.setup.open(&self.env())?);
        Ok(())
    }

    /// Does one thing.
    ///
    /// # Errors
    /// What the engine did wrong.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let done = self.try_step(step)?;
        if self.life_of_process.has_burnt() {
            return self.rise_again();
        }
        match done {
            Err(error) if self.full && is_want_of_space(&error) => Ok(()),
            Err(error) if !self.faulty => Err(format!("{error:?}")),
            _ => Ok(()),
        }
    }

    fn try_step(&mut self, step: &Step) -> Result<Done, String> {
        Ok(match step {
            Step::Append(at, way, sizes) => self.append(*at, *way, sizes)?,
            Step::Group(at, batches) => self.group(*at, batches)?,
            Step::Busy(at, count, size) => {
                for _ in 0..*count {
                    self.sim.advance(Duration::from_millis(1));
                    self.clock_changed();
                    let done = self.append(*at, Way::One, &[*size])?;
                    if done.is_err() || self.life_of_process.has_burnt() {
                        return Ok(done);
                    }
                }
                Ok(())
            }
            Step::Zeros => {
                self.let_zeros_go();
                Ok(())
            }
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
            Step::Maintain => {
                // A roll by age waits for zeros.
                let _going_when_waited_for =
                    Watch::over(&self.zeros.0, self.shards.iter().flatten());
                if let Some(engine) = &self.engine {
                    engine.maintain();
                }
                Ok(())
            }
            Step::Reopen => {
                while self.let_zeros_go() {}
                self.shards = vec![None, None];
                let closed = self.engine.take().map_or(Ok(()), |engine| engine.close());
                match closed {
                    // The next opening has to look closer, and that is all.
                    Err(error) if self.full && is_want_of_space(&error) => self.open(),
                    closed => closed.and_then(|()| self.open()),
                }
            }
            Step::Kill(changes) => {
                self.life_of_process.light(*changes);
                Ok(())
            }
            Step::Remove(at) => self.remove(*at)?,
            Step::Fill(left) => {
                let used = CAPACITY.saturating_sub(self.sim.available_space());
                if !self.full {
                    self.sim.set_capacity(used.saturating_add(*left));
                }
                self.full = true;
                Ok(())
            }
            Step::Free => {
                self.sim.set_capacity(CAPACITY);
                self.full = false;
                Ok(())
            }
            Step::Check => {
                for at in 0..self.shards.len() {
                    if let Err(error) = self.check(at)? {
                        return Ok(Err(error));
                    }
                }
                Ok(())
            }
        })
    }

    /// Lets each thread that fills space with zeros make its next call; returns whether there was one.
    fn let_zeros_go(&self) -> bool {
        let shards = self.shards.iter().flatten();
        shards.filter(|shard| self.zeros.0.let_go(shard)).count() > 0
    }

    fn clock_changed(&mut self) {
        let now = self.sim.now();
        self.history.clock_shows(now, self.sim.op_count());
    }

    /// Goes on in a new process after this one was killed.
    fn rise_again(&mut self) -> Result<(), String> {
        let next = self.sim.process_crash();
        self.shards = vec![None, None];
        // What the dead engine still does on its way out happens on the machine that is left behind.
        let dead = self.engine.take();
        self.sim = next;
        self.setup.prepare(&self.sim);
        self.zeros = OfProcess::default();
        self.life_of_process = Arc::default();
        drop(dead);
        let opened = self.open();
        opened.map_err(|error| format!("open after a kill: {error:?}"))?;
        for at in 0..self.shards.len() {
            let opened = self.look(at)?;
            opened.map_err(|error| format!("shard {at} after a kill: {error:?}"))?;
        }
        Ok(())
    }

    fn may_fail(&self) -> bool {
        self.faulty || self.life_of_process.has_burnt()
    }

    /// Opens shard `at` if it is there, and judges what it shows.
    fn look(&mut self, at: usize) -> Result<Result<Option<Shard>, LogError>, String> {
        if let Some(Some(shard)) = self.shards.get(at) {
            return Ok(Ok(Some(shard.clone())));
        }
        let (Some(engine), Some(log)) = (&self.engine, self.history.logs.get_mut(at)) else {
            return Ok(Err(LogError::Closed));
        };
        let opened = engine.shard(&judge::shard_name(log.name)?, self.setup.shard.clone());
        let now = self.sim.op_count();
        match opened {
            Ok(shard) => {
                self.see(at, &shard)?;
                if let Some(place) = self.shards.get_mut(at) {
                    *place = Some(shard.clone());
                }
                Ok(Ok(Some(shard)))
            }
            Err(LogError::ShardNotFound(_)) => {
                let (_, presence) = log.lives_at(now);
                if presence == Presence::Yes && !self.may_fail() {
                    return Err(format!("shard {at} is gone"));
                }
                // While syncs fail, what is gone may come back.
                let is_faulty = self.faulty;
                if let Some(log) = self.history.logs.get_mut(at) {
                    log.seen_absent(now, is_faulty);
                }
                Ok(Ok(None))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Returns the shard, opened, or created if there is none.
    pub(super) fn shard(&mut self, at: usize) -> Result<Result<Shard, LogError>, String> {
        match self.look(at)? {
            Ok(Some(shard)) => return Ok(Ok(shard)),
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        let now = self.sim.op_count();
        let (Some(engine), Some(log)) = (&self.engine, self.history.logs.get_mut(at)) else {
            return Ok(Err(LogError::Closed));
        };
        log.lives.push(Life::new(now));
        let created = engine.create_shard(&judge::shard_name(log.name)?, self.setup.shard.clone());
        if let Ok(shard) = &created {
            log.created(self.sim.op_count());
            if let Some(place) = self.shards.get_mut(at) {
                *place = Some(shard.clone());
            }
        }
        Ok(created)
    }

    /// Takes note of what a shard shows after it was opened.
    fn see(&mut self, at: usize, shard: &Shard) -> Result<(), String> {
        let now = self.sim.op_count();
        let may_fail = self.may_fail();
        match shard.refusal() {
            Some(LogError::Poisoned(_)) if self.faulty => {}
            Some(refusal) if !may_fail => return Err(format!("{refusal:?}")),
            _ => {}
        }
        let shown = usize::try_from(shard.durable_end().0).unwrap_or(usize::MAX);
        let Some(log) = self.history.logs.get(at) else {
            return Ok(());
        };
        let (lives, _) = log.lives_at(now);
        let newest = lives.first().map(|(number, _)| *number);
        let number = match judge::which(&self.history, &lives, shard, now, self.sim.now().0) {
            Ok((number, _)) => Some(number),
            Err(what) if !may_fail => return Err(what),
            Err(_) => newest,
        };
        if let (Some(number), Some(log)) = (number, self.history.logs.get_mut(at)) {
            log.seen(number, shown, now);
        }
        Ok(())
    }

    fn judge(&self, at: usize, shard: &Shard) -> Result<(), String> {
        let now = self.sim.op_count();
        let Some(log) = self.history.logs.get(at) else {
            return Ok(());
        };
        let (lives, _) = log.lives_at(now);
        match judge::which(&self.history, &lives, shard, now, self.sim.now().0) {
            Err(what) if !self.may_fail() => Err(what),
            _ => Ok(()),
        }
    }

    fn check(&mut self, at: usize) -> Result<Done, String> {
        match self.look(at)? {
            Ok(Some(shard)) => self.judge(at, &shard)?,
            Ok(None) => {}
            Err(error) => return Ok(Err(error)),
        }
        Ok(Ok(()))
    }

    fn remove(&mut self, at: usize) -> Result<Done, String> {
        match self.look(at)? {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
        while self.let_zeros_go() {}
        let begun = self.sim.op_count();
        let (Some(engine), Some(log)) = (&self.engine, self.history.logs.get_mut(at)) else {
            return Ok(Err(LogError::Closed));
        };
        // Before the call, which may never return.
        if let Some(life) = log.current() {
            life.removing(begun);
        }
        if let Some(place) = self.shards.get_mut(at) {
            *place = None;
        }
        let removed = engine.remove_shard(&judge::shard_name(log.name)?);
        let now = self.sim.op_count();
        if let (Ok(()), Some(life)) = (&removed, log.current()) {
            life.gone = now;
        }
        Ok(removed)
    }
}
