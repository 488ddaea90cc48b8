//! Streams as work that power is lost under.

use mainstem_env::sim::{OpKind, Sim};

use super::judge::{Judge, Seen};
use super::plan::{Plan, Style};
use super::process::{Hardship, Process};
use super::run::Run;
use super::step::Step;
use crate::sim::explore::Tally;
use crate::sim::rng::Rng;
use crate::sim::run::CAPACITY;
use crate::sim::told::{is_want_of_space, told};
use crate::sim::{Faulty, Workload};

/// Streams that were opened after a loss of power.
#[derive(Debug)]
pub struct Recovered {
    process: Process,
    seen: Seen,
}

impl Workload for Plan {
    type Step = Step;
    type Run = Run;
    type Found = Recovered;

    const COMMAND: &'static str = "streams";

    fn seed(&self) -> u64 {
        self.seed
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn with_steps(&self, steps: Vec<Step>) -> Self {
        Self {
            seed: self.seed,
            steps,
        }
    }

    fn simpler(step: &Step) -> Option<Step> {
        match step {
            Step::Create(stream, shards @ 2..) => Some(Step::Create(*stream, shards - 1)),
            Step::Put(stream, (key, size @ 1..)) => Some(Step::Put(*stream, (*key, size / 2))),
            Step::Puts(stream, puts) if puts.len() > 1 => {
                let fewer = puts.get(1..).unwrap_or_default().to_vec();
                Some(Step::Puts(*stream, fewer))
            }
            Step::Kill(changes @ 1..) => Some(Step::Kill(changes - 1)),
            _ => None,
        }
    }

    fn carry_out(&self) -> Result<Run, String> {
        Run::of(self)
    }

    fn machine(run: &Run) -> &Sim {
        &run.sim
    }

    fn recover(&self, run: &Run, world: &Sim, at: u64, _: &Tally) -> Result<Recovered, String> {
        world.set_now(run.history.now_at(at));
        let mut process = Process::start(world, &Hardship::default());
        if let Err(error) = &process
            && is_want_of_space(error)
            && !run.history.has_streams(at)
        {
            // A catalogue cannot be made on a full disk. One that is there can be opened.
            world.set_capacity(CAPACITY);
            process = Process::start(world, &Hardship::default());
        }
        let process = process.map_err(|error| format!("open: {}", told(&error)))?;
        let judge = Judge {
            history: &run.history,
            process: &process,
            sim: world,
            at,
        };
        judge.opened()?;
        Judge::pass(&run.history, world);
        // What only frees space, and the changes of the catalogue that it takes, may need some.
        world.set_capacity(CAPACITY);
        let seen = judge.settled()?;
        Ok(Recovered { process, seen })
    }

    fn go_on(
        &self,
        run: &Run,
        world: &Sim,
        at: u64,
        found: Recovered,
        mut rng: Rng,
    ) -> Result<Run, String> {
        let history = run.history.of_survivors(at, &found.seen, world.now());
        let mut next = Run::resume(world.clone(), history, found.process);
        let style = Style::of_seed(self.seed);
        for _ in 0..rng.pick(&[1, 2, 4, 12]) {
            let step = style.step(&mut rng);
            next.step(&step)
                .map_err(|what| format!("{step} after recovery: {what}"))?;
        }
        Ok(next)
    }
}

impl Faulty for Plan {
    const FAULTS: &'static str = "streams";

    fn unhindered(&self, order: impl FnOnce(&Sim)) -> Result<Run, String> {
        Run::of_machine(self, order)
    }

    fn with_faults(&self, order: impl FnOnce(&Sim)) -> Result<Run, String> {
        Run::with_faults(self, order)
    }

    fn with_panic(&self, op: OpKind, nth: u64) -> Result<Option<Run>, String> {
        Run::with_panic(self, op, nth)
    }

    fn judge(&self, run: &Run, world: &Sim, at: u64) -> Result<(), String> {
        self.recover(run, world, at, &Tally::default()).map(drop)
    }

    fn begin_again(run: &mut Run) -> Result<(), String> {
        run.begin_again()
    }
}
