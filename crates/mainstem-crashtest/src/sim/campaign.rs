//! Explores many plans on several threads, with progress, a table, and a report of what failed.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mainstem_env::Env;

use super::explore::{self, Extent, Failure, Tally};
use super::shrink;
use super::state::State;
use super::workload::Workload;

/// How long a campaign goes on.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    /// The number of the first plan.
    pub(crate) first: u64,
    /// Threads; as many as there are processors if not given.
    pub(crate) threads: Option<NonZero<usize>>,
    /// How long further plans are asked for beyond those that were ordered.
    pub(crate) limit: Duration,
}

/// How a campaign ended.
#[derive(Debug)]
pub(crate) struct Ended<W> {
    pub(crate) took: Duration,
    pub(crate) threads: usize,
    /// Exclusive end of the numbers that were tried.
    pub(crate) end: u64,
    pub(crate) failed: Option<Failure<W>>,
}

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

impl Campaign {
    /// Explores the plans that `plan_of` gives for rising numbers, where the second argument tells
    /// whether there is time left, until it gives none or one fails. Prints progress.
    pub(crate) fn run<W: Workload + Send>(
        &self,
        tally: &Tally,
        plan_of: impl Fn(u64, bool) -> Option<W> + Sync,
        explore: impl Fn(&W) -> Result<(), Box<Failure<W>>> + Sync,
    ) -> Ended<W> {
        let env = Env::real();
        let start = env.clock.elapsed();
        let took = || env.clock.elapsed().0.saturating_sub(start.0);
        let next = AtomicU64::new(self.first);
        let failed: Mutex<Option<Failure<W>>> = Mutex::new(None);
        let is_over = AtomicBool::new(false);
        let threads = self
            .threads
            .or_else(|| std::thread::available_parallelism().ok());
        let threads = threads.map_or(1, NonZero::get);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        while !is_over.load(Ordering::Relaxed) {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            let Some(plan) = plan_of(number, took() < self.limit) else {
                                break;
                            };
                            if let Err(failure) = explore(&plan) {
                                is_over.store(true, Ordering::Relaxed);
                                let mut failed =
                                    failed.lock().unwrap_or_else(PoisonError::into_inner);
                                failed.get_or_insert(*failure);
                            }
                        }
                    })
                })
                .collect();
            let mut printed = took();
            while !workers
                .iter()
                .all(std::thread::ScopedJoinHandle::is_finished)
            {
                env.clock.sleep(Duration::from_millis(50));
                if took().saturating_sub(printed) >= PROGRESS_EVERY {
                    printed = took();
                    println!("{}", progress(tally, printed));
                }
            }
        });
        Ended {
            took: took(),
            threads,
            // Each thread asked for one that it did not get.
            end: next
                .into_inner()
                .saturating_sub(u64::try_from(threads).unwrap_or(0)),
            failed: failed.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Keeps panics of the code under test, which are caught and told as failures, from being printed.
pub(crate) fn hush_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Explores one plan, or shows one state of it, and prints what comes of it.
///
/// # Errors
/// What is wrong, with the command that shows it again.
pub(crate) fn explore_one<W: Workload>(
    plan: &W,
    state: Option<&State>,
    extent: Extent,
) -> Result<()> {
    if let Some(state) = state {
        return match explore::replay(plan, state) {
            Ok(()) => {
                println!("nothing is wrong with this state");
                Ok(())
            }
            Err(what) => bail!("{what}"),
        };
    }
    let tally = Tally::default();
    match explore::explore(plan, extent, &tally) {
        Ok(()) => {
            println!("{} states, nothing is wrong with any", tally.all_states());
            Ok(())
        }
        Err(failure) => report(*failure, extent),
    }
}

/// Prints a failure, looks for a smaller one, and prints that.
///
/// # Errors
/// Always: what is wrong, with the command that shows it again.
pub(crate) fn report<W: Workload>(failure: Failure<W>, extent: Extent) -> Result<()> {
    println!(
        "\nwrong: {}\nshow it with: {}",
        failure.what,
        failure.replay()
    );
    println!("looking for a shorter plan");
    // What one loss shows is looked for with one loss, lest what goes on after it does the work.
    let is_once = failure.state.as_ref().is_none_or(|it| it.losses.len() < 2);
    let extent = Extent {
        again_every: if is_once { 0 } else { extent.again_every },
        ..extent
    };
    let mut tried = 0_u64;
    let small = shrink::shrink(failure, extent, |_| tried = tried.wrapping_add(1));
    println!(
        "{tried} plans tried, the shortest that fails:\n  {}",
        small.plan
    );
    Err(anyhow::anyhow!("{}", small.what))
        .with_context(|| format!("show it with: {}", small.replay()))
}

/// The rows of a table that every campaign has, and `special` ones of its own between them.
pub(crate) fn table<W>(
    tally: &Tally,
    ended: &Ended<W>,
    explored: String,
    special: Vec<(&'static str, String)>,
) -> String {
    let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
    let [once, twice, thrice] = &tally.states;
    let mut rows = vec![
        ("explored", explored),
        ("plans", count(&tally.plans).to_string()),
        (
            "operations of the disk",
            count(&tally.operations).to_string(),
        ),
        ("states after one loss of power", count(once).to_string()),
        ("after a second one", count(twice).to_string()),
        ("after a third one", count(thrice).to_string()),
    ];
    rows.extend(special);
    rows.extend([
        (
            "states a second",
            format!(
                "{} on {} threads",
                rate(tally.all_states(), ended.took),
                ended.threads
            ),
        ),
        (
            "slowest recovery and reading",
            format!("{:.1} ms", ms(count(&tally.slowest_ns))),
        ),
        ("time", format!("{:.1} s", ended.took.as_secs_f64())),
    ]);
    let rows: Vec<String> = rows
        .into_iter()
        .map(|(name, value)| format!("{name:<38}{value}"))
        .collect();
    rows.join("\n")
}

/// Reads a range of seeds.
pub(crate) fn range(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(start, end)| {
        let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
        (start < end).then_some(start..end)
    });
    range.ok_or_else(|| String::from("a range of seeds is written FIRST..END"))
}

fn progress(tally: &Tally, took: Duration) -> String {
    let states = tally.all_states();
    format!(
        "{:>6.0} s  {} plans  {states} states  {}/s",
        took.as_secs_f64(),
        tally.plans.load(Ordering::Relaxed),
        rate(states, took)
    )
}

fn rate(count: u64, took: Duration) -> u64 {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    count.saturating_mul(1000) / ms
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
