//! Has threads work on a shard at the same time, and notes what each was told and when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::Duration;

use mainstem_env::Env;
use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_log::{
    AppendOptions, Batch, LogError, Outcome, SeqNo, Shard, ShardName, ShardOptions, Start,
};

use super::checker::{Call, Span, Violation, check};
use crate::sim::appends::finish;
use crate::sim::judge::open;
use crate::sim::rng::{Rng, mix};

/// One random history: what stands here decides what the threads do, not how they interleave.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a command's flags fill it in")]
pub struct Setting {
    /// Decides what each thread does, and what the disk keeps in the end.
    pub seed: u64,
    /// Calls of all threads together.
    pub calls: u64,
    /// Threads that append.
    pub writers: u64,
    /// Threads that read and ask for the mark.
    pub readers: u64,
}

/// Ticks that all threads share, and what they noted.
#[derive(Debug, Default)]
struct Notes {
    tick: AtomicU64,
    calls: Mutex<Vec<(Span, Call)>>,
}

impl Notes {
    fn tick(&self) -> u64 {
        self.tick.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&self, begun: u64, ended: u64, call: Call) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((Span { begun, ended }, call));
    }
}

/// Records a history, loses power or closes in good order, reads what is left, and checks it all.
/// Returns how many calls there were.
///
/// # Errors
/// What no log may do.
pub fn record(setting: Setting) -> Result<u64, String> {
    let sim = Sim::new(setting.seed);
    let engine = open(&sim.env()).map_err(|error| error.to_string())?;
    let name = ShardName::new("s").map_err(|error| error.to_string())?;
    let mut options = ShardOptions::default();
    options.segment_bytes = 4096;
    options.queued_bytes_max = 64 << 10;
    let shard = engine
        .create_shard(&name, options.clone())
        .map_err(|error| error.to_string())?;
    let notes = Notes::default();
    let threads = setting.writers.saturating_add(setting.readers);
    let each = setting.calls.checked_div(threads).unwrap_or(0);
    let barrier = Barrier::new(usize::try_from(threads).unwrap_or(1));
    std::thread::scope(|scope| -> Result<(), String> {
        let (notes, barrier, shard) = (&notes, &barrier, &shard);
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let rng = Rng::new(mix(setting.seed ^ (thread << 40)));
                    barrier.wait();
                    if thread < setting.writers {
                        write(shard, notes, rng, thread, each)
                    } else {
                        read(shard, notes, rng, each)
                    }
                })
            })
            .collect();
        let clock = Env::real().clock;
        let done: Vec<_> = workers
            .into_iter()
            .enumerate()
            .map(|(number, worker)| {
                let is_reader = u64::try_from(number).is_ok_and(|it| it >= setting.writers);
                // Nobody appends any more, and who waits for a record waits by the simulated clock.
                while is_reader && !worker.is_finished() {
                    sim.advance(Duration::from_millis(1));
                    clock.sleep(Duration::from_micros(50));
                }
                worker.join()
            })
            .collect();
        done.into_iter()
            .try_for_each(|done| done.unwrap_or_else(|_| Err(String::from("a thread panicked"))))
    })?;
    let after = if setting.seed.is_multiple_of(2) {
        drop(shard);
        engine.close().map_err(|error| error.to_string())?;
        sim.snapshot()
    } else {
        let mut choices = Choices::random(setting.seed);
        let strictness = Strictness::ALL.get(usize::try_from(setting.seed % 3).unwrap_or(0));
        sim.power_loss(
            sim.op_count(),
            &mut choices,
            *strictness.unwrap_or(&Strictness::StrictPosix),
        )
    };
    let engine = open(&after.env()).map_err(|error| format!("afterwards: {error}"))?;
    let shard = engine
        .shard(&name, options)
        .map_err(|error| format!("afterwards: {error}"))?;
    let mut cursor = shard
        .cursor(Start::Oldest)
        .map_err(|error| error.to_string())?;
    let mut log = Vec::new();
    while let Some(record) = cursor
        .next()
        .map_err(|error| format!("afterwards: {error}"))?
    {
        log.push(identity(record.payload())?);
    }
    let calls = notes
        .calls
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    check(&calls, &log).map_err(|violation: Violation| violation.to_string())?;
    sim.violation()
        .map_or(Ok(u64::try_from(calls.len()).unwrap_or(u64::MAX)), Err)
}

fn identity(payload: &[u8]) -> Result<u64, String> {
    let bytes = payload
        .first_chunk::<8>()
        .ok_or("a record without an identity")?;
    Ok(u64::from_le_bytes(*bytes))
}

fn write(
    shard: &Shard,
    notes: &Notes,
    mut rng: Rng,
    thread: u64,
    calls: u64,
) -> Result<(), String> {
    for number in 0..calls {
        let first = (thread << 32) | (number << 8);
        let records: Vec<u64> = (0..=rng.below(3)).map(|at| first | at).collect();
        let mut batch = Batch::new();
        for record in &records {
            let mut payload = record.to_le_bytes().to_vec();
            payload.resize(8 + usize::try_from(rng.below(300)).unwrap_or(0), 7);
            batch.push(&payload).map_err(|error| error.to_string())?;
        }
        let begun = notes.tick();
        let options = AppendOptions::default();
        let done = match rng.below(8) {
            0..4 => shard.append(&batch, options),
            4 => shard.try_append(&batch, options),
            5..7 => finish(Box::pin(shard.append_async(batch, options))),
            _ => {
                // Nobody hears what becomes of it.
                let mut append = Box::pin(shard.append_async(batch, options));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                let _nobody_looks = std::future::Future::poll(append.as_mut(), &mut context);
                notes.note(begun, Span::NEVER, Call::Append(records, None));
                continue;
            }
        };
        let ended = notes.tick();
        match done {
            Ok(appended) => {
                let first = appended.seqs.start.0;
                notes.note(begun, ended, Call::Append(records, Some(first)));
            }
            Err(error @ LogError::QueueFull { .. }) if error.outcome() == Outcome::NotApplied => {
                notes.note(begun, ended, Call::Refused(records));
            }
            Err(error) => return Err(format!("an append: {error:?}")),
        }
    }
    Ok(())
}

fn read(shard: &Shard, notes: &Notes, mut rng: Rng, calls: u64) -> Result<(), String> {
    let mut cursor = shard
        .cursor(Start::Oldest)
        .map_err(|error| error.to_string())?;
    for _ in 0..calls {
        let begun = notes.tick();
        match rng.below(8) {
            0 => {
                let mark = shard.durable_end().0;
                let ended = notes.tick();
                notes.note(begun, ended, Call::Mark(mark));
            }
            1 => {
                let end = shard
                    .cursor(Start::End)
                    .map_err(|error| error.to_string())?
                    .position()
                    .0;
                let ended = notes.tick();
                notes.note(begun, ended, Call::Mark(end));
            }
            2 => {
                // Somewhere else, to go on from there.
                let to = SeqNo(rng.below(shard.durable_end().0.saturating_add(1)));
                cursor = shard
                    .cursor(Start::At(to))
                    .map_err(|error| error.to_string())?;
            }
            3 => {
                let seen = cursor.position();
                let waited = shard.wait_beyond(seen, Duration::from_millis(1));
                let is_more = waited.map_err(|error| error.to_string())?;
                if is_more {
                    let mark = shard.durable_end().0;
                    let ended = notes.tick();
                    notes.note(begun, ended, Call::Mark(mark));
                }
            }
            _ => {
                let position = cursor.position().0;
                let next = cursor
                    .next()
                    .map_err(|error| format!("a reader: {error:?}"))?;
                let call = match next {
                    Some(record) => Call::Read(record.seq().0, identity(record.payload())?),
                    None => Call::End(position),
                };
                let ended = notes.tick();
                notes.note(begun, ended, call);
            }
        }
    }
    Ok(())
}
