//! Goes through the states of a plan's disk: power is lost after every operation, each time recovered
//! and judged, and on a share of the states gone on with and lost again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use mainstem_env::Env;
use mainstem_env::sim::{Sim, Strictness};

use super::plan::Plan;
use super::rng::{Rng, mix};
use super::state::{Choice, Loss, State};
use super::workload::Workload;

/// How much of a plan's states is explored.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a command's flags fill it in")]
pub struct Extent {
    /// Random states for each operation and strictness, besides keeping and dropping everything.
    pub random_states: u64,
    /// Every so many states power is lost again after recovery; 0 means never.
    pub again_every: u64,
    /// How often power is lost in a row at most, 1 to 3.
    pub depth: usize,
}

/// What was explored so far. Threads share it.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "tables print all of it")]
pub struct Tally {
    /// Plans that were carried out.
    pub plans: AtomicU64,
    /// Operations of their disks.
    pub operations: AtomicU64,
    /// States by how often power was lost to get there: once, twice, three times.
    pub states: [AtomicU64; 3],
    /// The slowest opening of an engine with all its shards and reading all of them, in ns.
    pub slowest_ns: AtomicU64,
    /// The most bytes that a shard's recovery looked at.
    pub recovered_bytes_max: AtomicU64,
}

impl Tally {
    /// Returns how many states there were.
    pub fn all_states(&self) -> u64 {
        self.states
            .iter()
            .fold(0, |sum, it| sum.wrapping_add(it.load(Ordering::Relaxed)))
    }
}

/// What the engine did wrong, and where.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a failure is what stands in it")]
pub struct Failure<W = Plan> {
    /// What was being done.
    pub plan: W,
    /// The state that was found wanting; `None` means that the plan itself went wrong.
    pub state: Option<State>,
    /// What was wrong.
    pub what: String,
}

impl<W: Workload> Failure<W> {
    /// Returns the command that shows it again.
    pub fn replay(&self) -> String {
        let state = self
            .state
            .as_ref()
            .map(|state| format!(" --state '{state}'"));
        format!(
            "mainstem-crashtest {} --plan '{}'{}",
            W::COMMAND,
            self.plan,
            state.unwrap_or_default()
        )
    }
}

/// Carries out `plan` and explores the states of its disk.
///
/// # Errors
/// The first [`Failure`].
pub fn explore<W: Workload>(
    plan: &W,
    extent: Extent,
    tally: &Tally,
) -> Result<(), Box<Failure<W>>> {
    let failure = |state: Option<State>, what: String| {
        Box::new(Failure {
            plan: plan.clone(),
            state,
            what,
        })
    };
    let run = caught(|| plan.carry_out()).map_err(|what| failure(None, what))?;
    let ops = W::machine(&run).op_count();
    tally.plans.fetch_add(1, Ordering::Relaxed);
    tally.operations.fetch_add(ops, Ordering::Relaxed);
    let mut rng = Rng::new(mix(plan.seed()));
    let mut count = 0_u64;
    for at in 0..=ops {
        for strictness in Strictness::ALL {
            let random = (0..extent.random_states)
                .map(|_| Choice::Random(rng.draw()))
                .collect::<Vec<_>>();
            for choice in [Choice::KeepAll, Choice::DropAll].into_iter().chain(random) {
                let loss = Loss {
                    at,
                    strictness,
                    choice,
                };
                let is_again = extent.again_every > 0 && count.is_multiple_of(extent.again_every);
                count = count.wrapping_add(1);
                let depth = if is_again { extent.depth } else { 1 };
                visit(plan, &run, &State::default().then(loss), depth, tally)
                    .map_err(|(state, what)| failure(Some(state), what))?;
            }
        }
    }
    Ok(())
}

type Wrong = (State, String);

/// Judges the last loss of `state`, which happens to `run`, and goes on to further ones until there
/// are `depth` in all.
fn visit<W: Workload>(
    plan: &W,
    run: &W::Run,
    state: &State,
    depth: usize,
    tally: &Tally,
) -> Result<(), Wrong> {
    let next = step_down(plan, run, state, depth > state.losses.len(), tally)
        .map_err(|what| (state.clone(), what))?;
    let Some(next) = next else { return Ok(()) };
    let mut rng = Rng::new(seed_of(plan, state));
    for turn in 0..4 {
        let ops = W::machine(&next).op_count();
        let at = match turn {
            // Mostly in the middle of the recovery, which is what comes first.
            0 => rng.below(ops.min(20).saturating_add(1)),
            3 => ops,
            _ => rng.below(ops.saturating_add(1)),
        };
        let choice = match rng.below(4) {
            0 => Choice::DropAll,
            _ => Choice::Random(rng.draw()),
        };
        let strictness = rng.pick(&Strictness::ALL);
        let loss = Loss {
            at,
            strictness,
            choice,
        };
        visit(plan, &next, &state.then(loss), depth, tally)?;
    }
    Ok(())
}

/// Judges the last loss of `state`. If it `goes_on`, returns the run that goes on from there.
fn step_down<W: Workload>(
    plan: &W,
    run: &W::Run,
    state: &State,
    goes_on: bool,
    tally: &Tally,
) -> Result<Option<W::Run>, String> {
    let Some(loss) = state.losses.last() else {
        return Ok(None);
    };
    let mut choices = loss.choice.choices();
    let world = caught(|| Ok(W::machine(run).power_loss(loss.at, &mut choices, loss.strictness)))?;
    found(plan, run, state, &world, goes_on, tally)
}

/// Recovers `world`, which is what the last loss of `state` left, and judges it. If it `goes_on`,
/// returns the run that goes on from there.
pub(super) fn found<W: Workload>(
    plan: &W,
    run: &W::Run,
    state: &State,
    world: &Sim,
    goes_on: bool,
    tally: &Tally,
) -> Result<Option<W::Run>, String> {
    let at = state.losses.last().map_or(0, |loss| loss.at);
    let level = state.losses.len().saturating_sub(1);
    if let Some(states) = tally.states.get(level) {
        states.fetch_add(1, Ordering::Relaxed);
    }
    caught(|| {
        let before = Env::real().clock.elapsed();
        let recovered = plan.recover(run, world, at, tally)?;
        let took = Env::real().clock.elapsed().0.saturating_sub(before.0);
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        tally.slowest_ns.fetch_max(took, Ordering::Relaxed);
        let next = if goes_on {
            let rng = Rng::new(!seed_of(plan, state));
            Some(plan.go_on(run, world, at, recovered, rng)?)
        } else {
            None
        };
        world.violation().map_or(Ok(next), Err)
    })
}

/// Returns a seed for what happens after a state: the same for the same plan and state.
fn seed_of(plan: &impl Workload, state: &State) -> u64 {
    let text = state.to_string();
    text.bytes()
        .fold(mix(plan.seed()), |sum, byte| mix(sum ^ u64::from(byte)))
}

/// Carries out `plan` and loses power as `draw` says, given how many operations there were, until it
/// returns `None`: each time recovered, judged and gone on with. Places beyond the last operation are
/// taken for it.
///
/// # Errors
/// The first [`Failure`].
pub fn replay_drawn<W: Workload>(
    plan: &W,
    mut draw: impl FnMut(u64) -> Option<Loss>,
) -> Result<(), Box<Failure<W>>> {
    let failure = |state: Option<State>, what: String| {
        Box::new(Failure {
            plan: plan.clone(),
            state,
            what,
        })
    };
    let tally = Tally::default();
    let mut run = caught(|| plan.carry_out()).map_err(|what| failure(None, what))?;
    let mut done = State::default();
    loop {
        let operations = W::machine(&run).op_count();
        let Some(mut loss) = draw(operations) else {
            return Ok(());
        };
        loss.at = loss.at.min(operations);
        done = done.then(loss);
        let next = step_down(plan, &run, &done, true, &tally);
        match next.map_err(|what| failure(Some(done.clone()), what))? {
            Some(next) => run = next,
            None => return Ok(()),
        }
    }
}

/// Shows one state of a plan again.
///
/// # Errors
/// What was wrong.
pub fn replay<W: Workload>(plan: &W, state: &State) -> Result<(), String> {
    let tally = Tally::default();
    let mut run = caught(|| plan.carry_out())?;
    let mut done = State::default();
    for (number, loss) in state.losses.iter().enumerate() {
        done = done.then(loss.clone());
        let ops = W::machine(&run).op_count();
        if loss.at > ops {
            return Err(format!("there are {ops} operations, not {}", loss.at));
        }
        let goes_on = number.saturating_add(1) < state.losses.len();
        if let Some(next) = step_down(plan, &run, &done, goes_on, &tally)? {
            run = next;
        }
    }
    Ok(())
}

/// Returns what `work` does; a panic is what it did wrong.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}
