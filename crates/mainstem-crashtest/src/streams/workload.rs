//! Streams as work that power is lost under.

use mainstem_env::sim::Sim;

use super::judge::{Judge, Seen};
use super::plan::{Plan, Style};
use super::process::{Process, told};
use super::run::Run;
use super::step::Step;
use crate::sim::Workload;
use crate::sim::explore::Tally;
use crate::sim::rng::Rng;

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
        let process = Process::start(world).map_err(|error| format!("open: {}", told(&error)))?;
        let judge = Judge {
            history: &run.history,
            process: &process,
            sim: world,
            at,
        };
        judge.opened()?;
        Judge::pass(&run.history, world);
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
