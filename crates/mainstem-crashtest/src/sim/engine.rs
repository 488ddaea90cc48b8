//! The storage engine as work that power is lost under.

use std::sync::atomic::Ordering;

use mainstem_env::sim::{OpKind, Sim};

use super::explore::Tally;
use super::faulty::Faulty;
use super::judge::{self, Recovered};
use super::plan::Plan;
use super::rng::Rng;
use super::run::{CAPACITY, Run};
use super::step::{Step, Way};
use super::workload::Workload;

impl Workload for Plan {
    type Step = Step;
    type Run = Run;
    type Found = Recovered;

    const COMMAND: &'static str = "sim";

    fn seed(&self) -> u64 {
        self.seed
    }

    fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn with_steps(&self, steps: Vec<Step>) -> Self {
        Self {
            steps,
            ..self.clone()
        }
    }

    fn simpler(step: &Step) -> Option<Step> {
        let halved =
            |sizes: &[usize]| -> Vec<usize> { sizes.iter().map(|size| size / 2).collect() };
        match step {
            Step::Append(shard, way, sizes) if sizes.len() > 1 => {
                let fewer = sizes.get(1..).unwrap_or_default().to_vec();
                Some(Step::Append(*shard, *way, fewer))
            }
            Step::Append(shard, way, sizes) if sizes.iter().any(|size| *size > 0) => {
                Some(Step::Append(*shard, *way, halved(sizes)))
            }
            Step::Group(shard, batches) if batches.len() > 2 => {
                let fewer = batches.get(1..).unwrap_or_default().to_vec();
                Some(Step::Group(*shard, fewer))
            }
            Step::Busy(shard, count, size) if *count > 1 => {
                Some(Step::Busy(*shard, count - (count / 4).max(1), *size))
            }
            Step::Kill(changes) if *changes > 0 => Some(Step::Kill(changes - 1)),
            _ => None,
        }
    }

    fn carry_out(&self) -> Result<Run, String> {
        Run::of(self)
    }

    fn machine(run: &Run) -> &Sim {
        &run.sim
    }

    fn recover(&self, run: &Run, world: &Sim, at: u64, tally: &Tally) -> Result<Recovered, String> {
        let recovered = judge::recover(&run.history, world, at, &self.setup())?;
        bounded(self, &recovered, tally)?;
        Ok(recovered)
    }

    /// Appends some more on the disk that was found.
    fn go_on(
        &self,
        run: &Run,
        world: &Sim,
        at: u64,
        recovered: Recovered,
        mut rng: Rng,
    ) -> Result<Run, String> {
        let history = run.history.of_survivors(at, &recovered.found);
        let mut next = Run::resume(world.clone(), history, recovered, self.setup());
        world.set_capacity(CAPACITY);
        for _ in 0..rng.pick(&[1, 2, 5, 40]) {
            let shard = usize::try_from(rng.below(2)).unwrap_or(0);
            let size = usize::try_from(rng.below(200)).unwrap_or(0);
            let step = Step::Append(shard, rng.pick(&[Way::One, Way::Blocking]), vec![size]);
            next.step(&step)
                .map_err(|what| format!("{step} after recovery: {what}"))?;
        }
        Ok(next)
    }
}

impl Faulty for Plan {
    const FAULTS: &'static str = "faults";

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
        judge::recover(&run.history, world, at, &self.setup()).map(drop)
    }

    fn begin_again(run: &mut Run) -> Result<(), String> {
        run.begin_again()
    }
}

/// Checks that recovery looked at no more than the newest segment and what a roll left beside it.
fn bounded(plan: &Plan, recovered: &Recovered, tally: &Tally) -> Result<(), String> {
    for shard in recovered.shards.iter().flatten() {
        let bytes = shard.metrics().recovered_bytes;
        tally
            .recovered_bytes_max
            .fetch_max(bytes, Ordering::Relaxed);
        let bound = plan.segment_bytes.saturating_mul(3);
        if bytes > bound {
            return Err(format!(
                "recovery read {bytes} bytes, of a segment of {}",
                plan.segment_bytes
            ));
        }
    }
    Ok(())
}
