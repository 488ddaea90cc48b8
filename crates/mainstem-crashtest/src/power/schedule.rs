//! Which run is next, and what all of them did: shared by the threads that explore.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainstem_env::{Elapsed, Env};

use super::explore::Tally;
use super::filesystem::FileSystem;

/// How many states one recording gets.
pub(super) const STATES_PER_RUN: u64 = 50;

/// A run on a disk that fails gets fewer: it is the error that counts.
const STATES_PER_FAILING_RUN: u64 = 8;

/// Each so many runs, one is on a disk that fails.
const FAILING_ONCE_IN: u64 = 3;

/// A run that somebody is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// Where.
    pub(super) file_system: FileSystem,
    /// Its number on that file system, which with the seed decides its choices.
    pub(super) run: u64,
    /// How many states it is to judge.
    pub(super) states: u64,
    /// Whether the disk fails in it.
    pub(super) is_failing: bool,
}

#[derive(Debug, Default)]
struct Progress {
    claimed: u64,
    runs: u64,
    tally: Tally,
    is_given_up: bool,
}

#[derive(Debug)]
struct Inner {
    progress: BTreeMap<FileSystem, Progress>,
    last_line: Elapsed,
    is_aborted: bool,
}

/// The schedule of all runs.
#[derive(Debug)]
pub(super) struct Schedule {
    env: Env,
    goal: u64,
    start: Elapsed,
    only_run: Option<u64>,
    fails_always: bool,
    inner: Mutex<Inner>,
}

impl Schedule {
    /// Returns the schedule of `states` states over `file_systems`, evenly; or of the one run
    /// `only_run` on each. With `fails_always` the disk fails in each run, else in some.
    pub(super) fn new(
        env: &Env,
        file_systems: &[FileSystem],
        states: u64,
        only_run: Option<u64>,
        fails_always: bool,
    ) -> Self {
        let count = super::image::to_u64(file_systems.len()).max(1);
        let start = env.clock.elapsed();
        let progress = file_systems
            .iter()
            .map(|file_system| (*file_system, Progress::default()));
        Self {
            env: env.clone(),
            goal: states.div_ceil(count),
            start,
            only_run,
            fails_always,
            inner: Mutex::new(Inner {
                progress: progress.collect(),
                last_line: start,
                is_aborted: false,
            }),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next run, of the file system that is the most behind; `None` if all is done.
    pub(super) fn next(&self) -> Option<Order> {
        let mut inner = self.locked();
        if inner.is_aborted {
            return None;
        }
        let behind = inner
            .progress
            .iter_mut()
            .filter(|(_, it)| it.claimed < self.goal && !it.is_given_up)
            .min_by_key(|(_, it)| it.claimed)?;
        let (file_system, progress) = behind;
        let run = self.only_run.unwrap_or(progress.runs);
        let is_failing = self.fails_always || run % FAILING_ONCE_IN == FAILING_ONCE_IN - 1;
        let most = if self.only_run.is_some() {
            self.goal
        } else if is_failing {
            STATES_PER_FAILING_RUN
        } else {
            STATES_PER_RUN
        };
        let states = most.min(self.goal - progress.claimed);
        progress.runs += 1;
        progress.claimed += states;
        Some(Order {
            file_system: *file_system,
            run,
            states,
            is_failing,
        })
    }

    /// Takes note of what a run did, and now and then prints how far everything is.
    pub(super) fn done(&self, order: Order, tally: &Tally) {
        let mut inner = self.locked();
        if let Some(progress) = inner.progress.get_mut(&order.file_system) {
            progress.tally += tally;
            // What was not judged is ordered again: the goal is a number of states.
            let missing = order.states.saturating_sub(tally.states);
            progress.claimed -= missing.min(progress.claimed);
            // A store that is wrong stays so; a run that leads nowhere must not be repeated for ever.
            let is_hopeless = self.only_run.is_some() || tally.states == 0;
            progress.is_given_up |= progress.tally.violations >= VIOLATIONS_MAX || is_hopeless;
        }
        let now = self.env.clock.elapsed();
        if now.since(inner.last_line) >= LINE_EVERY {
            inner.last_line = now;
            let total = total(&inner);
            let took = now.since(self.start);
            println!(
                "{:>5} s: {} states, {} after a second cut, {} violations, {:.1} states/s",
                took.as_secs(),
                total.states,
                total.second_states,
                total.violations,
                rate(&total, took)
            );
        }
    }

    /// Has no further run begin.
    pub(super) fn abort(&self) {
        self.locked().is_aborted = true;
    }

    /// Returns the table of all that was done, and how many violations there were.
    pub(super) fn table(&self) -> (String, u64) {
        let inner = self.locked();
        let took = self.env.clock.elapsed().since(self.start);
        let mut table = format!(
            "{:<8}{:>6}{:>9}{:>11}{:>9}{:>9}{:>9}{:>9}{:>12}{:>12}\n",
            "fs",
            "runs",
            "failing",
            "io errors",
            "entries",
            "flushes",
            "states",
            "second",
            "unmountable",
            "violations"
        );
        let total = total(&inner);
        let lines = inner
            .progress
            .iter()
            .map(|(file_system, it)| (file_system.name(), &it.tally));
        for (name, tally) in lines.chain([("all", &total)]) {
            table.extend([format!(
                "{:<8}{:>6}{:>9}{:>11}{:>9}{:>9}{:>9}{:>9}{:>12}{:>12}\n",
                name,
                tally.runs,
                tally.failing_runs,
                tally.io_errors,
                tally.entries,
                tally.flushes,
                tally.states,
                tally.second_states,
                tally.unmountable,
                tally.violations
            )]);
        }
        table.extend([format!(
            "{} states in {:.1} s: {:.1} states/s",
            total.states + total.second_states,
            took.as_secs_f64(),
            rate(&total, took)
        )]);
        (table, total.violations)
    }
}

/// After how many violations a file system is left alone.
const VIOLATIONS_MAX: u64 = 3;

/// How often a line of progress is printed.
const LINE_EVERY: Duration = Duration::from_secs(10);

fn total(inner: &Inner) -> Tally {
    let mut total = Tally::default();
    for progress in inner.progress.values() {
        total += &progress.tally;
    }
    total
}

/// States of both depths a second.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate for people, of far fewer than 2^52 states"
)]
fn rate(tally: &Tally, took: Duration) -> f64 {
    (tally.states + tally.second_states) as f64 / took.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(states: u64, only_run: Option<u64>) -> Schedule {
        Schedule::new(&Env::real(), &FileSystem::ALL, states, only_run, false)
    }

    /// A run in which `states` states were judged and `violations` were found.
    fn judged(states: u64, violations: u64) -> Tally {
        Tally {
            runs: 1,
            states,
            violations,
            ..Tally::default()
        }
    }

    #[test]
    fn each_file_system_gets_its_share_and_one_run_in_three_fails() {
        let schedule = schedule(600, None);
        let mut orders = Vec::new();
        while let Some(order) = schedule.next() {
            schedule.done(order, &judged(order.states, 0));
            orders.push(order);
        }
        for file_system in FileSystem::ALL {
            let mine = orders.iter().filter(|it| it.file_system == file_system);
            let mine: Vec<&Order> = mine.collect();
            assert_eq!(mine.iter().map(|it| it.states).sum::<u64>(), 200);
            for (run, order) in (0..).zip(&mine) {
                assert_eq!((order.run, order.is_failing), (run, run % 3 == 2));
                assert!(!order.is_failing || order.states <= STATES_PER_FAILING_RUN);
            }
        }
        let (table, violations) = schedule.table();
        assert!(table.contains("600 states"), "{table}");
        assert_eq!(violations, 0);
    }

    #[test]
    fn what_was_not_judged_is_ordered_again() {
        let long = Schedule::new(&Env::real(), &[FileSystem::Ext4], 50, None, false);
        let order = long.next().unwrap();
        assert!(long.next().is_none(), "all is claimed");
        long.done(order, &judged(20, 0));
        let rest = long.next().unwrap();
        assert_eq!((rest.states, rest.run), (30, 1));
        // One that leads nowhere is not.
        long.done(rest, &judged(0, 0));
        assert!(long.next().is_none());
    }

    #[test]
    fn a_file_system_with_enough_violations_is_left_alone() {
        let schedule = schedule(30_000, None);
        for _ in 0..VIOLATIONS_MAX {
            let order = loop {
                let order = schedule.next().unwrap();
                if order.file_system == FileSystem::Xfs {
                    break order;
                }
            };
            schedule.done(order, &judged(order.states, 1));
        }
        for _ in 0..100 {
            assert_ne!(schedule.next().unwrap().file_system, FileSystem::Xfs);
        }
        assert_eq!(schedule.table().1, VIOLATIONS_MAX);
        schedule.abort();
        assert!(schedule.next().is_none());
    }

    #[test]
    fn one_run_alone_has_all_the_states() {
        let schedule = schedule(300, Some(5));
        for _ in FileSystem::ALL {
            let order = schedule.next().unwrap();
            assert_eq!((order.run, order.states), (5, 100));
            assert!(order.is_failing);
            schedule.done(order, &judged(40, 0));
        }
        assert!(schedule.next().is_none(), "it is not repeated");
    }
}
