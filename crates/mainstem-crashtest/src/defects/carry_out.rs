//! Carrying out one check, as the table sets it up.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use mainstem_env::sim::{FaultMode, OpKind};

use super::checks::Tries;
use super::table::{Damage, SEEDS, Setup};
use crate::queue;
use crate::rot::command::is_oldest_segment;
use crate::rot::judge::judge;
use crate::rot::{Change, Store};
use crate::sim::explore::{Extent, Tally, caught, explore};
use crate::sim::faults::{self, Case, Trouble};
use crate::sim::{Plan, Workload};

/// How much is explored of each of many plans, and of a single one.
const WIDE: Extent = Extent {
    random_states: 3,
    again_every: 8,
    depth: 2,
};
const DEEP: Extent = Extent {
    random_states: 24,
    ..WIDE
};
/// A queue's states take longer than the engine's: each is drained.
const QUEUE: Extent = Extent {
    random_states: 6,
    again_every: 16,
    depth: 2,
};
/// The size of a store that is damaged.
const STORE_BYTES: u64 = 16 << 10;
/// Of so many bits at both ends of a file each is flipped: headers, index blocks and footers.
const EDGE_BITS: u64 = 128 * 8;

/// Carries a check out as it is set up, counting its tries.
pub(super) fn carry_out(setup: Setup, tries: &Tries) -> Result<(), String> {
    match setup {
        Setup::Queue(plan) => power(&plan.parse::<queue::Plan>()?, QUEUE, tries),
        Setup::Seeds => each(SEEDS, |seed| power(&Plan::random(seed, 30), WIDE, tries)),
        Setup::Plan(plan) => power(&plan.parse::<Plan>()?, DEEP, tries),
        Setup::Faults(op, plan) => {
            let plan = plan.parse()?;
            let troubles = faults::troubles(op);
            let count = u64::try_from(troubles.len()).unwrap_or(u64::MAX);
            each(count, |number| {
                let trouble = usize::try_from(number).ok().and_then(|it| troubles.get(it));
                trouble.map_or(Ok(()), |trouble| fail(&plan, op, *trouble, tries))
            })
        }
        Setup::Rot(damage, ending) => {
            let store = Store::new(STORE_BYTES, ending)?;
            let changes = changes(&store, damage);
            let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
            each(count, |number| {
                let change = usize::try_from(number).ok().and_then(|it| changes.get(it));
                tries.add(1);
                change.map_or(Ok(()), |change| {
                    let judged = caught(|| judge(&store, change));
                    judged
                        .map(|_| ())
                        .map_err(|what| format!("{change}: {what}"))
                })
            })
        }
        Setup::Own(check) => (check.run)(tries),
    }
}

/// Has each call of a kind fail in one way.
fn fail(
    plan: &Plan,
    op: OpKind,
    (trouble, mode): (Trouble, FaultMode),
    tries: &Tries,
) -> Result<(), String> {
    for nth in 1.. {
        let case = Case {
            op,
            nth,
            trouble,
            mode,
        };
        let done = faults::fail(plan, case);
        if done == Ok(false) {
            break;
        }
        tries.add(1);
        done.map_err(|what| format!("{what}\n{case}"))?;
    }
    Ok(())
}

/// Loses power after every operation of a plan.
fn power<W: Workload>(plan: &W, extent: Extent, tries: &Tries) -> Result<(), String> {
    let tally = Tally::default();
    let explored = explore(plan, extent, &tally);
    tries.add(tally.all_states().max(1));
    explored.map_err(|failure| format!("{}\n{}", failure.what, failure.replay()))
}

/// Returns the damage of a kind.
fn changes(store: &Store, damage: Damage) -> Vec<Change> {
    let files = store.files();
    let kind_of = |path: &Path| path.extension().map(ToOwned::to_owned);
    let mut changes = Vec::new();
    for path in &files {
        match damage {
            Damage::Flip => {
                let bits = store.len(path).saturating_mul(8);
                let is_wanted = |bit: &u64| {
                    let from_end = bits.saturating_sub(*bit);
                    *bit < EDGE_BITS || from_end <= EDGE_BITS || bit.is_multiple_of(29)
                };
                let bits = (0..bits).filter(is_wanted);
                changes.extend(bits.map(|bit| Change::Flip(path.clone(), bit)));
            }
            // Retention might have taken the oldest.
            Damage::Remove if is_oldest_segment(&files, path) => {}
            Damage::Remove => changes.push(Change::Remove(path.clone())),
            Damage::Replace => {
                let others = files.iter().filter(|other| *other != path);
                let others = others.filter(|other| {
                    kind_of(path).is_some_and(|kind| kind == "seg" && kind_of(other) == Some(kind))
                });
                changes.extend(others.map(|by| Change::Replace(path.clone(), by.clone())));
            }
        }
    }
    changes
}

/// Does `work` for the numbers below `end` on all processors, until it fails.
fn each(end: u64, work: impl Fn(u64) -> Result<(), String> + Sync) -> Result<(), String> {
    let (next, wrong) = (AtomicU64::new(0), Mutex::new(None));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return;
                    }
                    if let Err(what) = work(number) {
                        next.store(end, Ordering::Relaxed);
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        wrong.get_or_insert(what);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.map_or(Ok(()), Err)
}
