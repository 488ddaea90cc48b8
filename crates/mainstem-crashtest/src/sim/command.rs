//! The command `mainstem-crashtest sim`.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_env::Env;

use super::explore::{self, Extent, Failure, Tally};
use super::{Plan, State, exhaustive, shrink};

/// Loses power after every operation of generated work, recovers, and judges what is found.
///
/// The engine works on a simulated disk that keeps apart what was synced and what was not. After each
/// operation, and in the middle of it, states are built that a disk may legally show when power
/// fails: all that was written, only what was synced, and mixtures. Each is recovered; on a share of
/// them work goes on and power is lost again, also in the middle of the recovery. What was
/// acknowledged must be there each time, in order and unchanged, and nothing else but what was asked
/// for.
#[derive(Args, Debug)]
pub struct Sim {
    /// The seeds of the plans: a range such as 200..400.
    #[arg(long, default_value = "0..200", value_parser = range)]
    seeds: Range<u64>,
    /// Go on with further seeds until so many minutes have passed.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// Steps of a plan.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Random states for each operation and strictness, besides keeping all and dropping all.
    #[arg(long, default_value_t = 3)]
    random_states: u64,
    /// Lose power again in every so manieth state; 0 means never.
    #[arg(long, default_value_t = 4)]
    again_every: u64,
    /// How often power is lost in a row at most.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3))]
    depth: u64,
    /// In place of random plans, all plans of so many words (append, append over the end of a segment,
    /// append several at once, retention, maintenance, reopen, kill, remove), and all states of each.
    #[arg(long)]
    exhaustive: Option<u32>,
    /// With --exhaustive: the most states for an operation and a strictness.
    #[arg(long, default_value_t = 4096)]
    cap: u64,
    /// Threads; by default as many as there are processors.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Explore this plan alone, as a failure printed it.
    #[arg(long)]
    plan: Option<Plan>,
    /// With --plan: show this state alone, as a failure printed it.
    #[arg(long, requires = "plan")]
    state: Option<State>,
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(start, end)| {
        let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
        (start < end).then_some(start..end)
    });
    range.ok_or_else(|| String::from("a range of seeds is written FIRST..END"))
}

const PROGRESS_EVERY: Duration = Duration::from_secs(10);

impl Sim {
    /// Explores.
    ///
    /// # Errors
    /// When a state is found wanting, with the command that shows it again.
    pub fn run(&self) -> Result<()> {
        std::panic::set_hook(Box::new(|_| {}));
        let extent = Extent {
            random_states: self.random_states,
            again_every: self.again_every,
            depth: usize::try_from(self.depth)?,
        };
        if let Some(plan) = &self.plan {
            return self.one(plan, extent);
        }
        let env = Env::real();
        let start = env.clock.elapsed();
        let took = || env.clock.elapsed().0.saturating_sub(start.0);
        let tally = Tally::default();
        let capped = AtomicU64::new(0);
        let next = AtomicU64::new(self.first());
        let failed: Mutex<Option<Failure>> = Mutex::new(None);
        let is_over = AtomicBool::new(false);
        let threads = self
            .threads
            .or_else(|| std::thread::available_parallelism().ok());
        let threads = threads.map_or(1, NonZero::get);
        let limit = Duration::from_secs(self.minutes.saturating_mul(60));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        while !is_over.load(Ordering::Relaxed) {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            let Some(plan) = self.plan_of(number, took() < limit) else {
                                break;
                            };
                            let done = match self.exhaustive {
                                Some(_) => exhaustive::explore(&plan, self.cap, &tally, &capped),
                                None => explore::explore(&plan, extent, &tally),
                            };
                            if let Err(failure) = done {
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
                    println!("{}", progress(&tally, printed));
                }
            }
        });
        println!(
            "{}",
            self.table(&tally, &capped, took(), threads, next.into_inner())
        );
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(failure) => report(failure, extent),
        }
    }

    fn first(&self) -> u64 {
        if self.exhaustive.is_some() {
            0
        } else {
            self.seeds.start
        }
    }

    fn plan_of(&self, number: u64, is_time_left: bool) -> Option<Plan> {
        match self.exhaustive {
            Some(length) => exhaustive::plan(number, length),
            None if number < self.seeds.end || is_time_left => {
                Some(Plan::random(number, self.steps))
            }
            None => None,
        }
    }

    /// Explores one plan, or shows one state.
    fn one(&self, plan: &Plan, extent: Extent) -> Result<()> {
        if let Some(state) = &self.state {
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

    fn table(
        &self,
        tally: &Tally,
        capped: &AtomicU64,
        took: Duration,
        threads: usize,
        end: u64,
    ) -> String {
        let [once, twice, thrice] = &tally.states;
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let what = match self.exhaustive {
            Some(length) => format!("all plans of {length} words"),
            None => {
                let end = self
                    .seeds
                    .end
                    .max(end.saturating_sub(u64::try_from(threads).unwrap_or(0)));
                format!(
                    "seeds {}..{end}, {} steps each",
                    self.seeds.start, self.steps
                )
            }
        };
        let mut rows = vec![
            ("explored", what),
            ("plans", count(&tally.plans).to_string()),
            (
                "operations of the disk",
                count(&tally.operations).to_string(),
            ),
            ("states after one loss of power", count(once).to_string()),
            ("after a second one", count(twice).to_string()),
            ("after a third one", count(thrice).to_string()),
        ];
        if self.exhaustive.is_some() {
            rows.push((
                "places with more states than the cap",
                count(capped).to_string(),
            ));
        }
        rows.extend([
            (
                "states a second",
                format!("{} on {threads} threads", rate(tally.all_states(), took)),
            ),
            (
                "most bytes read by a recovery",
                count(&tally.recovered_bytes_max).to_string(),
            ),
            (
                "slowest recovery and reading",
                format!("{:.1} ms", ms(count(&tally.slowest_ns))),
            ),
            ("time", format!("{:.1} s", took.as_secs_f64())),
        ]);
        let rows: Vec<String> = rows
            .into_iter()
            .map(|(name, value)| format!("{name:<38}{value}"))
            .collect();
        rows.join("\n")
    }
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

/// Prints a failure, looks for a smaller one, and prints that.
fn report(failure: Failure, extent: Extent) -> Result<()> {
    println!(
        "\nwrong: {}\nshow it with: {}",
        failure.what,
        failure.replay()
    );
    println!("looking for a shorter plan");
    let mut tried = 0_u64;
    let small = shrink::shrink(failure, extent, |_| tried = tried.wrapping_add(1));
    println!(
        "{tried} plans tried, the shortest that fails:\n  {}",
        small.plan
    );
    Err(anyhow::anyhow!("{}", small.what))
        .with_context(|| format!("show it with: {}", small.replay()))
}
