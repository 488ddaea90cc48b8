//! A world for streams: an engine, a catalogue, and a machine that a test controls.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::Maintenance;
use mainstem_streams::{
    CreateStreamInput, EmbeddedEngine, EmbeddedOptions, GetRecordsInput, GetRecordsOutput,
    IteratorType, LogEngine, LogName, OpenError, PutRecordInput, PutRecordOutput, RedbStore,
    ShardIteratorInput, Streams, StreamsConfig, StreamsError,
};
use mainstem_types::StreamName;

use crate::model_engine::ModelEngine;

/// When simulated clocks start: 14 November 2023, 22:13:20.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

pub(crate) const HOUR_MS: u64 = 3_600_000;

/// The data directory in simulated machines.
pub(crate) const DIR: &str = "/data";

/// Streams on a simulated machine, over the embedded engine or over the model.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) config: StreamsConfig,
    model: Option<ModelEngine>,
    engine: Option<Arc<dyn LogEngine>>,
    open: Option<Streams>,
}

/// Options under which nothing happens that the test did not ask for.
pub(crate) fn quiet() -> EmbeddedOptions {
    let mut options = EmbeddedOptions::default();
    options.engine.maintenance = Maintenance::ByCaller;
    options
}

impl World {
    /// A world over the embedded engine.
    pub(crate) fn new() -> Self {
        Self::with(StreamsConfig::default())
    }

    pub(crate) fn with(config: StreamsConfig) -> Self {
        let mut world = Self::closed(config);
        world.reopen().unwrap();
        world
    }

    /// A world in which nothing was opened yet.
    pub(crate) fn closed(config: StreamsConfig) -> Self {
        Self::on(Sim::new(1), config)
    }

    /// A world on this machine, in which nothing was opened yet.
    pub(crate) fn on(sim: Sim, config: StreamsConfig) -> Self {
        Self {
            sim,
            config,
            model: None,
            engine: None,
            open: None,
        }
    }

    /// A world over an engine whose appends can be made to fail or to wait.
    pub(crate) fn modelled() -> (Self, ModelEngine) {
        let mut world = Self::closed(StreamsConfig::default());
        let env = world.sim.env();
        env.fs.create_dir(Path::new(DIR)).unwrap();
        let model = ModelEngine::new(env.clock);
        world.model = Some(model.clone());
        world.reopen().unwrap();
        (world, model)
    }

    /// Ends the process in good order.
    pub(crate) fn close(&mut self) {
        if let Some(streams) = self.open.take() {
            streams.close().unwrap();
        }
        self.engine = None;
    }

    /// Opens the engine alone, for tests that look into it or change it by hand.
    pub(crate) fn engine(&mut self) -> Arc<dyn LogEngine> {
        if self.engine.is_none() {
            self.engine = Some(match &self.model {
                Some(model) => Arc::new(model.clone()),
                None => {
                    let engine = EmbeddedEngine::open(&self.sim.env(), Path::new(DIR), quiet());
                    Arc::new(engine.unwrap())
                }
            });
        }
        self.engine.clone().unwrap()
    }

    /// Returns the names of all logs.
    pub(crate) fn logs(&mut self) -> Vec<LogName> {
        self.engine().names().unwrap()
    }

    /// Opens the catalogue alone, for tests that look into it or change it by hand.
    pub(crate) fn store(&mut self) -> RedbStore {
        self.close();
        RedbStore::open(&self.sim.env(), Path::new(DIR)).unwrap()
    }

    /// Starts again, as after an orderly end of the process.
    pub(crate) fn reopen(&mut self) -> Result<(), OpenError> {
        self.close();
        let engine = self.engine();
        let store = RedbStore::open(&self.sim.env(), Path::new(DIR))?;
        let (env, config) = (self.sim.env(), self.config.clone());
        let opened = Streams::with_stores(&env, config, engine, Arc::new(store));
        if opened.is_err() {
            self.engine = None;
        }
        self.open = Some(opened?);
        Ok(())
    }

    pub(crate) fn streams(&self) -> &Streams {
        self.open.as_ref().unwrap()
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.sim.advance(Duration::from_millis(ms));
    }

    /// Sets the wall clock back.
    pub(crate) fn go_back(&self, ms: u64) {
        self.sim.jump_wall(-i64::try_from(ms).unwrap());
    }

    /// Makes a provisioned stream and lets it become active.
    pub(crate) fn create(&self, stream: &str, shards: u32) -> StreamName {
        self.streams()
            .create_stream(&provisioned(stream, shards))
            .unwrap();
        self.advance(self.config.transition_ms);
        name(stream)
    }

    pub(crate) fn put(&self, stream: &StreamName, key: &str, data: &[u8]) -> PutRecordOutput {
        self.streams()
            .put_record(&record(stream, key, data))
            .unwrap()
    }

    pub(crate) fn iterator(
        &self,
        stream: &StreamName,
        shard: &str,
        start: Start<'_>,
    ) -> Result<String, StreamsError> {
        let (iterator_type, starting_sequence_number, timestamp_ms) = match start {
            Start::TrimHorizon => (IteratorType::TrimHorizon, None, None),
            Start::Latest => (IteratorType::Latest, None, None),
            Start::At(number) => (IteratorType::AtSequenceNumber, Some(number), None),
            Start::After(number) => (IteratorType::AfterSequenceNumber, Some(number), None),
            Start::Time(ms) => (IteratorType::AtTimestamp, None, Some(ms)),
        };
        self.streams().shard_iterator(&ShardIteratorInput {
            stream,
            shard,
            iterator_type,
            starting_sequence_number,
            timestamp_ms,
        })
    }

    pub(crate) fn read(&self, iterator: &str) -> Result<GetRecordsOutput, StreamsError> {
        self.read_up_to(iterator, None)
    }

    pub(crate) fn read_up_to(
        &self,
        iterator: &str,
        limit: Option<usize>,
    ) -> Result<GetRecordsOutput, StreamsError> {
        self.streams().records(&GetRecordsInput {
            shard_iterator: iterator,
            limit,
            stream_arn: None,
        })
    }

    /// Reads once from a start in the first shard.
    pub(crate) fn read_from(&self, stream: &StreamName, start: Start<'_>) -> GetRecordsOutput {
        self.read(&self.iterator(stream, "0", start).unwrap())
            .unwrap()
    }
}

/// Where an iterator starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    TrimHorizon,
    Latest,
    At(&'a str),
    After(&'a str),
    Time(u64),
}

pub(crate) fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

pub(crate) fn provisioned(stream: &str, shards: u32) -> CreateStreamInput {
    CreateStreamInput {
        name: name(stream),
        mode: None,
        shard_count: Some(shards),
        record_kib_max: None,
    }
}

pub(crate) fn record<'a>(
    stream: &'a StreamName,
    partition_key: &'a str,
    data: &'a [u8],
) -> PutRecordInput<'a> {
    PutRecordInput {
        stream,
        data,
        partition_key,
        explicit_hash_key: None,
        sequence_number_for_ordering: None,
    }
}

/// Returns what was stored, as text.
pub(crate) fn texts(output: &GetRecordsOutput) -> Vec<String> {
    let data = output.records.iter().map(|record| record.data.to_vec());
    data.map(|data| String::from_utf8(data).unwrap()).collect()
}
