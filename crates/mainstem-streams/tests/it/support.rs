//! A world for streams: an engine, a catalogue and a clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainstem_env::{Clock, Elapsed, Env, TimestampMs};
use mainstem_streams::{
    CreateStreamInput, GetRecordsInput, GetRecordsOutput, IteratorType, OpenError, PutRecordInput,
    PutRecordOutput, RedbStore, ShardIteratorInput, Streams, StreamsConfig, StreamsError,
};
use mainstem_types::StreamName;

use crate::model_engine::ModelEngine;

/// When the clock starts: 14 November 2023, 22:13:20.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

pub(crate) const HOUR_MS: u64 = 3_600_000;

/// Wall clock and elapsed time that move only when told to.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn go_back(&self, ms: u64) {
        self.0.fetch_sub(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Elapsed {
        Elapsed(Duration::from_millis(self.now().0 - START_MS))
    }

    fn sleep(&self, duration: Duration) {
        self.advance(u64::try_from(duration.as_millis()).unwrap());
    }
}

/// Streams over the model engine and a real catalogue.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) env: Env,
    pub(crate) engine: ModelEngine,
    pub(crate) config: StreamsConfig,
    open: Option<Streams>,
}

impl World {
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
        let clock = Arc::new(TestClock(AtomicU64::new(START_MS)));
        let env = Env {
            clock: Arc::<TestClock>::clone(&clock),
            ..Env::real()
        };
        let engine = ModelEngine::new(Arc::<TestClock>::clone(&clock));
        let dir = tempfile::tempdir().unwrap();
        Self {
            dir,
            clock,
            env,
            engine,
            config,
            open: None,
        }
    }

    /// Opens the catalogue alone, for tests that look into it or change it by hand.
    pub(crate) fn store(&mut self) -> RedbStore {
        self.open = None;
        RedbStore::open(&self.env, self.dir.path()).unwrap()
    }

    /// Starts again, as after an end of the process.
    pub(crate) fn reopen(&mut self) -> Result<(), OpenError> {
        let store = self.store();
        let is_new = store.is_new();
        let engine = Arc::new(self.engine.clone());
        let config = self.config.clone();
        let store = Arc::new(store);
        self.open = Some(Streams::with_stores(
            &self.env, config, engine, store, is_new,
        )?);
        Ok(())
    }

    pub(crate) fn streams(&self) -> &Streams {
        self.open.as_ref().unwrap()
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.clock.advance(ms);
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
