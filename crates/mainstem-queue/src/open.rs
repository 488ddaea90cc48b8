//! Step 0: a directory becomes a queue again.

use std::path::Path;
use std::sync::Arc;

use mainstem_env::Env;
use mainstem_log::limits::KEEP_UNTIL_TRIMMED;
use mainstem_log::{
    Engine, EngineOptions, LogError, Maintenance, SeqNo, Shard, ShardName, ShardOptions, Start,
};

use crate::core::{Core, to_ms};
use crate::error::QueueError;
use crate::format::snapshot::{self, SnapshotError};
use crate::live::Live;
use crate::options::{Leases, QueueOptions, Upkeep, VISIBILITY_MAX};
use crate::reserve::{Reserve, is_full};
use crate::state::apply::State;

/// Where a data directory has its shards. Source: `docs/format.md`.
const SHARDS: &str = "shards";
/// The shard that holds messages and what happened to them.
const MESSAGES: &str = "messages";
/// The shard that holds the state as it was at times.
const SNAPSHOTS: &str = "snapshots";

/// Returns whether there is a queue in `dir`, by what lies there: nothing is opened or locked.
pub(crate) fn exists(env: &Env, dir: &Path) -> Result<bool, QueueError> {
    let shard = dir.join(SHARDS).join(MESSAGES);
    let found = env.fs.metadata(&shard).map_err(|source| {
        QueueError::Log(LogError::Io {
            action: "look at",
            path: shard.clone(),
            source: Arc::new(source),
        })
    })?;
    Ok(found.is_some_and(|it| it.is_dir))
}

/// Refuses the directory of something else, such as a server's: a queue's has no other shards.
fn check_is_ours(engine: &Engine, dir: &Path) -> Result<(), QueueError> {
    let names = engine.shard_names()?;
    let is_ours = |name: &ShardName| [MESSAGES, SNAPSHOTS].contains(&name.as_str());
    match names.iter().find(|name| !is_ours(name)) {
        None => Ok(()),
        Some(other) => Err(QueueError::NotAQueue {
            path: dir.to_path_buf(),
            found: other.to_string(),
        }),
    }
}

/// Opens the queue in `dir`, or makes one.
pub(crate) fn open(env: &Env, dir: &Path, options: QueueOptions) -> Result<Arc<Core>, QueueError> {
    options.validate()?;
    let mut engine_options = EngineOptions::default();
    if options.upkeep == Upkeep::ByCaller {
        engine_options.maintenance = Maintenance::ByCaller;
    }
    let engine = match Engine::open(env, dir, engine_options.clone()) {
        // Only who owns the queue gets so far.
        Err(error) if is_full(&error) && Reserve::delete(env, dir) => {
            Engine::open(env, dir, engine_options)?
        }
        engine => engine?,
    };
    check_is_ours(&engine, dir)?;
    let mut shard_options = ShardOptions::default();
    shard_options.retention_ms = KEEP_UNTIL_TRIMMED;
    shard_options.segment_bytes = options.segment_bytes;
    shard_options.prewrite_bytes = options.prewrite_bytes;
    let shard = shard(&engine, MESSAGES, shard_options)?;
    let mut snapshot_options = ShardOptions::default();
    snapshot_options.retention_ms = KEEP_UNTIL_TRIMMED;
    // Batches of a snapshot have to fit into half a segment.
    snapshot_options.segment_bytes = 1 << 30;
    snapshot_options.queued_bytes_max = 32 << 20;
    snapshot_options.prewrite_bytes = 0;
    let snapshots = shard_of_snapshots(&engine, snapshot_options)?;
    let state = load(&shard, &snapshots)?;
    let mut seed = [0; 8];
    env.random.fill(&mut seed).map_err(|error| {
        QueueError::damaged(format!("the system gives no random numbers: {error}"))
    })?;
    let mut live = Live::new(state, &shard, u64::from_le_bytes(seed))?;
    live.catch_up()?;
    let reserve = Reserve::open(env, dir, options.reserve_bytes);
    let core = Core::new(env, engine, shard, snapshots, options, reserve, live);
    let now_ms = core.now_ms();
    {
        let mut live = core.live()?;
        for consumer in live.state.consumers.values_mut() {
            match core.options.leases {
                Leases::EndWithTheQueue => consumer.end_leases(),
                // What was written down by a clock that was far ahead must not last for years.
                Leases::Persist => {
                    consumer.cap_leases(now_ms.saturating_add(to_ms(VISIBILITY_MAX)));
                }
            }
            consumer.expire(now_ms);
        }
    }
    Ok(core)
}

fn shard_of_snapshots(engine: &Engine, options: ShardOptions) -> Result<Shard, QueueError> {
    shard(engine, SNAPSHOTS, options)
}

/// Returns the shard `name`, making it if there is none.
fn shard(engine: &Engine, name: &str, options: ShardOptions) -> Result<Shard, QueueError> {
    let name = ShardName::new(name)?;
    let shard = match engine.shard(&name, options.clone()) {
        Err(LogError::ShardNotFound(_)) => engine.create_shard(&name, options)?,
        shard => shard?,
    };
    match shard.refusal() {
        Some(refusal) => Err(refusal.into()),
        None => Ok(shard),
    }
}

/// Returns the state that was written down last. Without one, everything is read from the beginning.
fn load(messages: &Shard, snapshots: &Shard) -> Result<State, QueueError> {
    let end = snapshots.durable_end();
    let state = match end.0.checked_sub(1) {
        None => State::default(),
        Some(last) => match read_last(snapshots, SeqNo(last)) {
            Ok(state) => state,
            Err(error @ QueueError::Unsupported { .. }) => return Err(error),
            // The log alone is enough, as long as it is all there.
            Err(error) if messages.first_seq()?.0 == 0 => {
                tracing::warn!(%error, "reading the whole log, as the state that was written down cannot be read");
                State::default()
            }
            Err(error) => return Err(error),
        },
    };
    if state.applied > messages.durable_end().0 {
        return Err(QueueError::damaged(format!(
            "the log ends at record {}, and {} were there before",
            messages.durable_end(),
            state.applied
        )));
    }
    Ok(state)
}

/// Reads the last snapshot that is whole, of those that end with record `last` or before it.
fn read_last(snapshots: &Shard, last: SeqNo) -> Result<State, QueueError> {
    let what = |error| match error {
        SnapshotError::Unsupported(version) => QueueError::Unsupported {
            what: format!("its state is in version {version}"),
        },
        SnapshotError::Malformed => {
            QueueError::damaged("its state, as it was written down, says nothing")
        }
    };
    let malformed = || what(SnapshotError::Malformed);
    let mut last = last;
    let (first, of) = loop {
        let (at, of) = match snapshots.cursor(Start::At(last))?.next()? {
            Some(record) => snapshot::place(record.payload()).map_err(what)?,
            None => return Err(malformed()),
        };
        let first = last.0.checked_sub(u64::from(at)).ok_or_else(malformed)?;
        if at.saturating_add(1) == of {
            break (first, of);
        }
        // It was cut short, and the one before it is still there.
        last = SeqNo(first.checked_sub(1).ok_or_else(malformed)?);
    };
    let mut cursor = snapshots.cursor(Start::At(SeqNo(first)))?;
    let mut records = Vec::new();
    for _ in 0..of {
        let record = cursor.next()?.ok_or_else(malformed)?;
        records.push(record.payload().to_vec());
    }
    snapshot::read(&records).map_err(what)
}
