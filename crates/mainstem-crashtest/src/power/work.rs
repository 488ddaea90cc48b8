//! What the writer is asked for, and the lives that it lives.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use mainstem_env::Env;

use crate::contract::{self, Id};
use crate::output::{end_of, whole_lines};

use super::dice::Dice;
use super::disk::Disk;
use super::image::to_u64;
use super::keeper::Keeper;
use super::log::Mark;
use super::programs::{Failure, Program, Reading};

/// The two programs, and those who watch them.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The clock of pauses.
    pub(super) env: Env,
    /// Watches over both.
    pub(super) keeper: Keeper,
    /// The writer.
    pub(super) write: Program,
    /// The reader.
    pub(super) read: Program,
}

/// How long records are.
#[derive(Clone, Copy, Debug)]
enum Sizes {
    /// All the same: what is left of an old record lines up with a new one.
    Equal(usize),
    /// From nothing to several pages: frames begin anywhere.
    Mixed,
}

/// A stream of appends.
#[derive(Clone, Debug)]
pub(super) struct Work {
    dice: Dice,
    seed: u64,
    sizes: Sizes,
    /// The next number of each lane.
    next: BTreeMap<u32, u64>,
    has_batches: bool,
    /// How many appends may wait for their acknowledgements.
    window: u64,
}

/// How many lanes there are at most.
const LANES_MAX: u64 = 4;

impl Work {
    /// Returns work that goes on after all that `marks` say was sent.
    pub(super) fn after(marks: &[Mark], dice: &mut Dice) -> Self {
        let seed = dice.next();
        let mut dice = Dice::new(seed);
        let lanes = 1 + dice.below(LANES_MAX);
        let mut next: BTreeMap<u32, u64> = (0..lanes)
            .map(|lane| (u32::try_from(lane).unwrap_or(0), 0))
            .collect();
        for mark in marks {
            if let Mark::Sent(records) = mark
                && let Some(id) = records.last().and_then(|record| Id::of_record(record))
            {
                next.insert(id.lane, id.number + 1);
            }
        }
        Self {
            seed,
            sizes: match dice.below(3) {
                0 => Sizes::Mixed,
                _ => Sizes::Equal(dice.one_of(&[40, 200, 500, 1000, 4000], 200)),
            },
            has_batches: dice.once_in(2),
            window: dice.one_of(&[1, 4, 16, 64], 1),
            next,
            dice,
        }
    }

    fn filler(&mut self) -> usize {
        match self.sizes {
            Sizes::Equal(len) => len,
            Sizes::Mixed => match self.dice.below(20) {
                0..8 => self.dice.index(64),
                8..16 => self.dice.index(1500),
                16..19 => self.dice.index(5000),
                _ => self.dice.index(12_000),
            },
        }
    }

    /// Returns the records of the next append.
    fn append(&mut self) -> Vec<String> {
        let lanes: Vec<u32> = self.next.keys().copied().collect();
        let lane = self.dice.one_of(&lanes, 0);
        let records = if self.has_batches && self.dice.once_in(3) {
            2 + self.dice.below(4)
        } else {
            1
        };
        let mut append = Vec::new();
        let mut line_bytes = 0;
        for _ in 0..records {
            let filler = self.filler();
            line_bytes += filler;
            if line_bytes > LINE_BYTES_MAX {
                break;
            }
            let next = self.next.entry(lane).or_default();
            let id = Id {
                lane,
                number: *next,
            };
            *next += 1;
            append.push(contract::record(id, filler, self.seed));
        }
        append
    }
}

/// How long the fillers of one append are at most together, in bytes: a line of the contract has at most
/// 32 KiB.
const LINE_BYTES_MAX: usize = 30 << 10;

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The input ends, and so does the writer.
    Orderly,
    /// It is killed.
    Kill,
    /// As [`End::Orderly`], but the disk fails, and the writer may end how and when it likes.
    Fail,
}

/// Lets the sender wait for acknowledgements.
#[derive(Debug, Default)]
struct Acks {
    seen: Mutex<(u64, bool)>,
    changed: Condvar,
}

impl Acks {
    fn locked(&self) -> MutexGuard<'_, (u64, bool)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, is_end: bool) {
        let mut seen = self.locked();
        if is_end {
            seen.1 = true;
        } else {
            seen.0 += 1;
        }
        self.changed.notify_all();
    }

    /// Waits until `count` acknowledgements came, or none will come any more; returns false then.
    fn wait_for(&self, count: u64) -> bool {
        let seen = self
            .changed
            .wait_while(self.locked(), |(acks, is_over)| *acks < count && !*is_over);
        let seen = seen.unwrap_or_else(PoisonError::into_inner);
        !seen.1
    }
}

/// Lets a writer live on the mounted `disk` until it has got about `bytes`.
///
/// Returns what it did wrong, as far as can be told from outside.
///
/// # Errors
/// When the harness itself fails.
pub(super) fn live(
    programs: &Programs,
    disk: &Disk,
    work: &mut Work,
    bytes: u64,
    end: End,
) -> Result<Option<Failure>> {
    disk.device().mark(Mark::Started);
    let mut ward = programs
        .write
        .start(&programs.keeper, &disk.store(), Stdio::piped())?;
    let mut input = ward.child.stdin.take().context("no standard input")?;
    let output = ward.child.stdout.take().context("no standard output")?;
    let complaints = ward.child.stderr.take().context("no standard error")?;
    let acks = Acks::default();
    let said = std::thread::scope(|scope| {
        scope.spawn(|| {
            whole_lines(output, |line| {
                disk.device().mark(Mark::Acked(line));
                acks.add(false);
                true
            });
            acks.add(true);
        });
        let said = scope.spawn(|| end_of(complaints));
        let mut sent = 0;
        let mut sent_bytes = 0;
        while sent_bytes < bytes && !programs.keeper.wants_stop() {
            let records = work.append();
            let line = contract::line(&records);
            disk.device().mark(Mark::Sent(Arc::from(records)));
            // A writer that has ended, of which more is said below.
            if writeln!(input, "{line}").is_err() {
                break;
            }
            sent += 1;
            sent_bytes += to_u64(line.len());
            if work.dice.once_in(SYNC_ONCE_IN) && disk.sync().is_err() && end != End::Fail {
                break;
            }
            if !acks.wait_for((sent + 1_u64).saturating_sub(work.window)) {
                break;
            }
        }
        if end == End::Kill {
            let pause = work.dice.below(KILL_PAUSE_US_MAX);
            programs.env.clock.sleep(Duration::from_micros(pause));
            ward.kill();
        }
        drop(input);
        said.join().unwrap_or_default()
    });
    let status = ward.wait()?;
    // Also what it may have started.
    ward.kill();
    Ok(match (end, status) {
        (_, None) => Some(Failure::refused("writer", None, said)),
        (End::Orderly, Some(status)) if !status.success() => {
            Some(Failure::refused("writer", Some(status), said))
        }
        _ => None,
    })
}

/// How often the file system is made to write what it has in memory: once in so many appends.
const SYNC_ONCE_IN: u64 = 60;

/// How long after its last append a writer is killed at most.
const KILL_PAUSE_US_MAX: u64 = 3000;

/// Reads the store on the mounted `disk`, and marks what it showed.
///
/// # Errors
/// When the harness itself fails.
pub(super) fn read(programs: &Programs, disk: &Disk) -> Result<Reading> {
    let reading = programs.read.read(&programs.keeper, &disk.store())?;
    if let Reading::Whole(records) = &reading {
        disk.device().mark(Mark::Shown(Arc::clone(records)));
    }
    Ok(reading)
}
