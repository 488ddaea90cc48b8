//! A queue as work that power is lost under.

use mainstem_env::sim::{OpKind, Sim};

use super::judge::{self, Seen};
use super::plan::{Plan, Style};
use super::run::Run;
use super::step::{Push, Step};
use crate::sim::explore::Tally;
use crate::sim::rng::Rng;
use crate::sim::run::CAPACITY;
use crate::sim::{Faulty, Workload};

impl Workload for Plan {
    type Step = Step;
    type Run = Run;
    type Found = Seen;

    const COMMAND: &'static str = "queue";

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
        match *step {
            Step::Push(push) if push.size > 0 => Some(Step::Push(Push {
                size: push.size / 2,
                ..push
            })),
            Step::Batch(messages @ 2..) => Some(Step::Batch(messages - 1)),
            Step::Receive(consumer, most @ 2..) => Some(Step::Receive(consumer, most - 1)),
            Step::Settle(settle, place @ 1..) => Some(Step::Settle(settle, place - 1)),
            Step::Kill(changes @ 1..) => Some(Step::Kill(changes - 1)),
            Step::Fill(left @ 1..) => Some(Step::Fill(left / 2)),
            _ => None,
        }
    }

    fn carry_out(&self) -> Result<Run, String> {
        Run::of(self)
    }

    fn machine(run: &Run) -> &Sim {
        &run.sim
    }

    fn recover(&self, run: &Run, world: &Sim, at: u64, _: &Tally) -> Result<Seen, String> {
        judge::judge(&run.history, world, at)
    }

    fn go_on(
        &self,
        run: &Run,
        world: &Sim,
        at: u64,
        found: Seen,
        mut rng: Rng,
    ) -> Result<Run, String> {
        let history = run.history.of_survivors(at, &found);
        // Other payloads than those of the first run.
        let unique = (1 << 63) | (rng.draw() >> 1);
        world.set_capacity(CAPACITY);
        let mut next = Run::resume(world.clone(), history, unique)?;
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
    const FAULTS: &'static str = "queue";

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
        judge::judge_in_place(&run.history, world, at).map(drop)
    }

    fn begin_again(run: &mut Run) -> Result<(), String> {
        run.begin_again()
    }
}
