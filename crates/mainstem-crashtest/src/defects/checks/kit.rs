//! What checks are made of.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_env::{Env, ReadMode};
use mainstem_log::{
    Batch, Engine, EngineOptions, LogError, Maintenance, Shard, ShardName, ShardOptions,
};

use crate::sim::rng::payload;

/// A check with a name.
#[derive(Debug)]
pub(in crate::defects) struct Check {
    pub(in crate::defects) name: &'static str,
    /// What must hold.
    pub(in crate::defects) about: &'static str,
    /// Looks, and counts its tries; an error is what was wrong.
    pub(in crate::defects) run: fn(&Tries) -> Result<(), String>,
}

/// Counts states, flips, rounds: whatever a check tries.
#[derive(Debug, Default)]
pub(in crate::defects) struct Tries(AtomicU64);

impl Tries {
    pub(in crate::defects) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(in crate::defects) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The data directory of these checks.
pub(super) const DIR: &str = "/data";

/// Opens the engine, in which nothing happens that was not asked for.
pub(super) fn open(env: &Env) -> Result<Engine, LogError> {
    let mut options = EngineOptions::default();
    options.maintenance = Maintenance::ByCaller;
    options.read_mode = ReadMode::Mapped;
    Engine::open(env, Path::new(DIR), options)
}

/// Opens the engine and creates shard `a`.
pub(super) fn create(env: &Env) -> Result<(Engine, Shard), String> {
    let engine = open(env).map_err(told)?;
    let shard = engine.create_shard(&name("a")?, options()).map_err(told)?;
    Ok((engine, shard))
}

pub(super) fn name(name: &str) -> Result<ShardName, String> {
    ShardName::new(name).map_err(told)
}

/// The most bytes that may wait.
pub(super) const QUEUED_BYTES_MAX: u64 = 64 << 10;
/// The size of segments.
pub(super) const SEGMENT_BYTES: u64 = 4096;

/// Returns options for small segments.
pub(super) fn options() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = SEGMENT_BYTES;
    options.queued_bytes_max = QUEUED_BYTES_MAX;
    options
}

pub(super) fn batch(payloads: &[&[u8]]) -> Result<Batch, String> {
    let mut batch = Batch::new();
    for payload in payloads {
        batch.push(payload).map_err(told)?;
    }
    Ok(batch)
}

/// Records of [`Filled::store`] are as long as this, and alone in their groups.
const PAYLOAD_BYTES: usize = 304;
/// What a group of one such record takes: its header, that of the record, and the record.
const GROUP_BYTES: u64 = 40 + 24 + 304;
/// Records of [`filled`].
pub(super) const RECORDS: u64 = 50;

/// A store of one shard, `a`, with several segments, closed in good order.
pub(super) struct Filled {
    pub(super) store: Sim,
    /// The segments, oldest first, with the numbers of their first records.
    pub(super) segments: Vec<(u64, PathBuf)>,
}

/// Returns the payload of record `number`.
pub(super) fn record(number: u64) -> Vec<u8> {
    payload(number, PAYLOAD_BYTES)
}

/// Fills `shard` with all records.
pub(super) fn fill(shard: &Shard) -> Result<(), String> {
    (0..RECORDS).try_for_each(|number| {
        let appended = shard.append_one(&record(number));
        appended.map(|_| ()).map_err(told)
    })
}

/// Returns the segments on `sim`, oldest first, with the numbers of their first records.
pub(super) fn segments(sim: &Sim) -> Vec<(u64, PathBuf)> {
    let number = |path: &Path| path.file_stem()?.to_str()?.parse().ok();
    let files = sim.files().into_iter();
    files
        .filter(|path| path.extension().is_some_and(|it| it == "seg"))
        .filter_map(|path| Some((number(&path)?, path)))
        .collect()
}

/// Returns a store with all records.
pub(super) fn filled() -> Result<Filled, String> {
    let sim = Sim::new(1);
    let (engine, shard) = create(&sim.env())?;
    fill(&shard)?;
    drop(shard);
    engine.close().map_err(told)?;
    let segments = segments(&sim);
    Ok(Filled {
        store: sim,
        segments,
    })
}

/// Flips a bit of record `number` of the segment at `path` that begins with record `first`.
pub(super) fn damage(sim: &Sim, (first, path): &(u64, PathBuf), number: u64) -> Result<(), String> {
    let before = number.saturating_sub(*first).saturating_mul(GROUP_BYTES);
    // Behind the headers of the segment, the group and the record.
    let byte = before.saturating_add(64 + 40 + 24 + 5);
    let flipped = sim.flip_bit(path, byte.saturating_mul(8));
    flipped.map_err(|error| format!("no bit to flip: {error}"))
}

/// Returns how the error of a call that had to succeed is told.
#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by value")]
pub(super) fn told(error: LogError) -> String {
    format!("{error:?}")
}

/// Holds calls, one by one, until they are let go.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_shut: bool,
    /// Calls that came while it was shut, and how many of them were let go.
    arrived: u64,
    released: u64,
}

impl Gate {
    /// Returns an open gate for the calls that it `concerns`, and the environment of `sim` behind it.
    pub(super) fn of(
        sim: &Sim,
        concerns: impl Fn(OpKind, &Path) -> bool + Send + Sync + 'static,
    ) -> (Arc<Self>, Env) {
        let gate = Arc::new(Self::default());
        let asked = Arc::clone(&gate);
        let env = hooked(
            &sim.env(),
            Arc::new(move |kind, path| {
                if concerns(kind, path) {
                    asked.pass();
                }
                Ok(())
            }),
        );
        (gate, env)
    }

    /// Holds every call from now on; opens when the guard is dropped.
    pub(super) fn shut(&self) -> Shut<'_> {
        self.change(|state| {
            *state = GateState {
                is_shut: true,
                ..GateState::default()
            };
        });
        Shut(self)
    }

    fn change(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut number = 0;
        self.change(|state| {
            state.arrived = state.arrived.saturating_add(1);
            number = state.arrived;
        });
        self.wait(|state| !state.is_shut || state.released >= number);
    }

    fn wait(&self, until: impl Fn(&GateState) -> bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !until(&state) {
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Returns whether the call syncs a segment.
pub(super) fn syncs_segment(kind: OpKind, path: &Path) -> bool {
    kind == OpKind::SyncData && path.extension().is_some_and(|it| it == "seg")
}

/// A gate that is shut.
#[derive(Debug)]
pub(super) struct Shut<'a>(&'a Gate);

impl Shut<'_> {
    /// Waits until `count` calls have come.
    pub(super) fn wait_for(&self, count: u64) {
        self.0.wait(|state| state.arrived >= count);
    }

    /// Lets the first `count` calls go.
    pub(super) fn release(&self, count: u64) {
        self.0.change(|state| state.released = count);
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.is_shut = false);
    }
}
