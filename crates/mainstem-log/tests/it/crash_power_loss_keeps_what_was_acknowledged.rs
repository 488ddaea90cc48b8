//! Power fails after, and in the middle of, every operation of random work, again after the recovery
//! and in the middle of it; what was acknowledged is there each time.
//!
//! By default a few seeds are explored. `MAINSTEM_CRASH_SEEDS=0..200` explores others, and
//! `MAINSTEM_CRASH_REPLAY`, printed by a failure, repeats one state alone.

#![expect(
    clippy::disallowed_methods,
    reason = "the rate of exploration is measured in real time, and nothing depends on it"
)]

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_log::ShardOptions;

use crate::workload::{History, Rng, Run, Style, judge_after_loss, payload};

/// How the undecided is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    KeepAll,
    DropAll,
    Random(u64),
}

impl Choice {
    fn choices(self) -> Choices {
        match self {
            Self::KeepAll => Choices::keep_all(),
            Self::DropAll => Choices::drop_all(),
            Self::Random(seed) => Choices::random(seed),
        }
    }
}

/// Names one state: what a failure prints and a replay takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    seed: u64,
    at: u64,
    strictness: Strictness,
    choice: Choice,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            at,
            strictness,
            choice,
        } = self;
        write!(f, "{seed}/{at}/{strictness:?}/")?;
        match choice {
            Choice::KeepAll => write!(f, "keep"),
            Choice::DropAll => write!(f, "drop"),
            Choice::Random(seed) => write!(f, "{seed}"),
        }
    }
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let mut number = || parts.next()?.parse().ok();
        let (seed, at) = (number()?, number()?);
        let strictness = parts.next()?;
        let choice = match parts.next()? {
            "keep" => Choice::KeepAll,
            "drop" => Choice::DropAll,
            seed => Choice::Random(seed.parse().ok()?),
        };
        Some(Self {
            seed,
            at,
            strictness: Strictness::ALL
                .into_iter()
                .find(|it| format!("{it:?}") == strictness)?,
            choice,
        })
    }
}

/// What was explored so far.
#[derive(Debug, Default)]
struct Tally {
    states: u64,
    second_states: u64,
    operations: u64,
}

/// The seeds that the environment names, or those for everyday use.
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("MAINSTEM_CRASH_SEEDS") else {
        return SEEDS_BY_DEFAULT;
    };
    let range = text.split_once("..").and_then(|(start, end)| {
        let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
        Some(start..end)
    });
    range.unwrap_or_else(|| panic!("MAINSTEM_CRASH_SEEDS is {text}, not a range like 0..200"))
}

const SEEDS_BY_DEFAULT: Range<u64> = 0..80;
const STEPS: u64 = 30;
const RANDOM_STATES: u64 = 3;
/// Every so many states power is lost a second time.
const SECOND_LOSS_EVERY: u64 = 4;

#[test]
fn crash_at_every_operation() {
    if let Ok(text) = std::env::var("MAINSTEM_CRASH_REPLAY") {
        let state = State::parse(&text).unwrap_or_else(|| panic!("{text} names no state"));
        let mut run = Run::new(state.seed);
        run.work(STEPS);
        explore(&run, state, true, &mut Tally::default());
        return;
    }
    let start = Instant::now();
    let seeds = seeds();
    let mut tally = Tally::default();
    for seed in seeds.clone() {
        let mut run = Run::new(seed);
        run.work(STEPS);
        assert_eq!(run.sim.violation(), None, "seed {seed}");
        tally.operations += run.sim.op_count();
        let mut rng = Rng::new(seed);
        for at in 0..=run.sim.op_count() {
            for strictness in Strictness::ALL {
                let random = (0..RANDOM_STATES).map(|_| Choice::Random(rng.next()));
                for choice in [Choice::KeepAll, Choice::DropAll].into_iter().chain(random) {
                    let again = tally.states % SECOND_LOSS_EVERY == 0;
                    let state = State {
                        seed,
                        at,
                        strictness,
                        choice,
                    };
                    explore(&run, state, again, &mut tally);
                }
            }
        }
    }
    let (states, second) = (tally.states, tally.second_states);
    let rate = (states + second) / start.elapsed().as_secs().max(1);
    println!(
        "seeds {seeds:?}: {} operations, {states} states, {second} after a second loss, {rate}/s",
        tally.operations
    );
}

/// Loses power, recovers and judges; if `again`, goes on and does the same once more.
fn explore(run: &Run, state: State, again: bool, tally: &mut Tally) {
    let mut choices = state.choice.choices();
    let world = run.sim.power_loss(state.at, &mut choices, state.strictness);
    let options = run.style.shard_options();
    tally.states += 1;
    let result =
        judge_after_loss(&run.history, &world, state.at, &options).and_then(|(engine, shards)| {
            if !again {
                return Ok(());
            }
            let found = shards.iter().map(|it| it.as_ref().map(|(_, found)| *found));
            let history = survivors(&run.history, state.at, found, &world);
            drop(shards);
            go_on(&world, engine, history, &options, state, tally)
        });
    if let Err(what) = result.and_then(|()| world.violation().map_or(Ok(()), Err)) {
        panic!(
            "{what}\nstate {state}; repeat it with MAINSTEM_CRASH_REPLAY={state} cargo test \
             --package mainstem-log --test it crash_at_every_operation"
        );
    }
}

/// Returns the history of the disk that was found: what was on it is durable and was seen.
fn survivors(
    history: &History,
    at: u64,
    found: impl Iterator<Item = Option<usize>>,
    world: &Sim,
) -> History {
    let mut survivors = history.clone();
    survivors.clock = vec![(0, world.now())];
    for (log, found) in survivors.logs.iter_mut().zip(found) {
        let mut left = log.possible(at);
        left.truncate(found.unwrap_or(0));
        log.records = left.into_iter().cloned().collect();
        for record in &mut log.records {
            (record.begun, record.acked, record.gone) = (0, 0, u64::MAX);
        }
        log.created = if found.is_some() { 0 } else { u64::MAX };
    }
    survivors
}

/// Appends some more on the disk that was found, and loses power at random moments since then.
fn go_on(
    world: &Sim,
    engine: mainstem_log::Engine,
    history: History,
    options: &ShardOptions,
    state: State,
    tally: &mut Tally,
) -> Result<(), String> {
    let mut rng = Rng::new(state.seed ^ state.at ^ tally.states);
    let more = [1, 2, 5, 40][rng.len(4)];
    let mut run = Run::resume(world.clone(), engine, history, Style::of_seed(state.seed));
    for number in 0..more {
        let at = rng.len(2);
        let len = run.style.equal.unwrap_or_else(|| rng.len(200));
        let append = run.append(at, &[payload(rng.next() ^ number, len)]);
        append.map_err(|error| format!("append after recovery: {error:?}"))?;
    }
    for turn in 0..4 {
        let at = match turn {
            // Mostly in the middle of the recovery, which is what comes first.
            0 => rng.below(world.op_count().min(20) + 1),
            3 => world.op_count(),
            _ => rng.below(world.op_count() + 1),
        };
        let mut choices = match rng.below(4) {
            0 => Choices::drop_all(),
            _ => Choices::random(rng.next()),
        };
        let second = world.power_loss(at, &mut choices, Strictness::ALL[rng.len(3)]);
        tally.second_states += 1;
        let judged = judge_after_loss(&run.history, &second, at, options);
        judged.map_err(|what| format!("after a second loss at {at}: {what}"))?;
    }
    Ok(())
}

#[test]
fn crash_exploration_repeats_itself() {
    let journal = |seed| {
        let mut run = Run::new(seed);
        run.work(STEPS);
        run.sim.journal()
    };
    for seed in 0..4 {
        assert_eq!(journal(seed), journal(seed), "seed {seed}");
    }
}
