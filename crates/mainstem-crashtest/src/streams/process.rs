//! A process that serves streams, as the server has them, on a simulated machine.

use std::path::Path;
use std::sync::Arc;

use mainstem_env::ReadMode;
use mainstem_env::sim::{Sim, hooked};
use mainstem_log::{Engine, EngineOptions, Maintenance, ShardOptions};
use mainstem_streams::{
    EmbeddedEngine, LogEngine, LogName, OpenError, RedbStore, Streams, StreamsConfig, StreamsError,
};

use super::clock::TickingClock;
use super::plan::TRANSITION_MS;
use crate::sim::faulty::Bomb;
use crate::sim::fuse::Fuse;

/// The data directory in simulated machines.
pub(super) const DIR: &str = "/data";

/// Small, so that a few records roll.
const SEGMENT_BYTES: u64 = 4096;

/// Streams that are open, and what a test needs to look below them.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) streams: Streams,
    pub(super) logs: Arc<EmbeddedEngine>,
    engine: Engine,
    pub(super) fuse: Arc<Fuse>,
    pub(super) clock: Arc<TickingClock>,
}

/// What a process has to put up with.
#[derive(Clone, Debug, Default)]
pub(super) struct Hardship {
    /// By how much each reading of the clock moves it on, in ms.
    pub(super) tick_ms: u64,
    /// A call that panics.
    pub(super) bomb: Option<Bomb>,
}

impl Process {
    /// Opens the streams on `sim` as the server does, but so that nothing happens by itself.
    pub(super) fn start(sim: &Sim, hardship: &Hardship) -> Result<Self, OpenError> {
        let fuse = Arc::<Fuse>::default();
        let (env, clock) = TickingClock::put_into(sim, hardship.tick_ms);
        let env = {
            let (fuse, bomb) = (Arc::clone(&fuse), hardship.bomb.clone());
            let pass = move |kind, _: &Path| {
                if let Some(bomb) = &bomb {
                    bomb.pass(kind);
                }
                fuse.check(kind)
            };
            hooked(&env, Arc::new(pass))
        };
        let mut options = EngineOptions::default();
        options.maintenance = Maintenance::ByCaller;
        options.read_mode = ReadMode::Mapped;
        // Shards of one request are committed one after the other, in the same order each time.
        options.sync_threads_max = 1;
        let engine = Engine::open(&env, Path::new(DIR), options)?;
        let mut options = ShardOptions::default();
        options.segment_bytes = SEGMENT_BYTES;
        let logs = Arc::new(EmbeddedEngine::new(engine.clone(), options));
        let store = Arc::new(RedbStore::open(&env, Path::new(DIR))?);
        let mut config = StreamsConfig::default();
        config.transition_ms = TRANSITION_MS;
        let below: Arc<dyn LogEngine> = Arc::<EmbeddedEngine>::clone(&logs);
        let streams = Streams::with_stores(&env, config, below, store)?;
        Ok(Self {
            streams,
            logs,
            engine,
            fuse,
            clock,
        })
    }

    /// Does what a server's maintenance does now and then.
    pub(super) fn maintain(&self) -> Result<(), StreamsError> {
        self.engine.maintain();
        self.streams.maintain()
    }

    /// Returns the logs of the stream called `stream`, sorted by shard.
    pub(super) fn logs_of(all: &[LogName], stream: &str) -> Vec<LogName> {
        let is_of = |log: &&LogName| stream_of(log) == Some(stream);
        all.iter().filter(is_of).cloned().collect()
    }
}

/// Returns the name of the stream that a log is of: `stream.NAME.INCARNATION.SHARD`.
pub(super) fn stream_of(log: &LogName) -> Option<&str> {
    let rest = log.as_str().strip_prefix("stream.")?;
    let (rest, _shard) = rest.rsplit_once('.')?;
    let (stream, _incarnation) = rest.rsplit_once('.')?;
    Some(stream)
}
