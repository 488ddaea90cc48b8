//! Streams made once: over the engine on a simulated disk, and over one in memory.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use mainstem_env::sim::Sim;
use mainstem_log::Maintenance;
use mainstem_streams::{
    CreateStreamInput, EmbeddedEngine, EmbeddedOptions, LogEngine, MetaTable, PutRecordInput,
    Streams, StreamsConfig,
};
use mainstem_types::StreamName;

use crate::shelf::{Shelf, Values};

/// The key that iterators and tokens are sealed with.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// Records in the stream `few` on disk.
pub(crate) const RECORDS: u64 = 40;

/// The stream `few` of one shard, and `many` of five.
pub(crate) struct World {
    pub(crate) streams: Streams,
    pub(crate) few: StreamName,
    pub(crate) many: StreamName,
}

impl World {
    /// Streams over `engine`, which has none yet.
    pub(crate) fn over(sim: &Sim, engine: Arc<dyn LogEngine>) -> Self {
        let values = Arc::new(Values::default());
        values.put(MetaTable::Store, "token_key", &KEY);
        let streams = Streams::with_stores(&sim.env(), config(), engine, values);
        let streams = streams.expect("an empty catalogue");
        let name = |text| StreamName::new(text).expect("a valid name");
        let world = Self {
            streams,
            few: name("few"),
            many: name("many"),
        };
        for (stream, shards) in [(&world.few, 1), (&world.many, 5)] {
            let input = CreateStreamInput {
                name: stream.clone(),
                mode: None,
                shard_count: Some(shards),
                record_kib_max: None,
            };
            world
                .streams
                .create_stream(&input)
                .expect("room for a stream");
        }
        world
    }

    /// The world on disk, which nobody changes any more.
    pub(crate) fn on_disk() -> &'static Self {
        static WORLD: OnceLock<(Sim, World)> = OnceLock::new();
        let (_, world) = WORLD.get_or_init(|| {
            let sim = Sim::new(1);
            let mut options = EmbeddedOptions::default();
            options.engine.maintenance = Maintenance::ByCaller;
            options.shard.segment_bytes = 4096;
            options.shard.queued_bytes_max = 64 << 10;
            options.shard.prewrite_bytes = 0;
            let engine = EmbeddedEngine::open(&sim.env(), Path::new("/data"), options);
            let world = Self::over(&sim, Arc::new(engine.expect("an empty directory")));
            for number in 0..RECORDS {
                world.put(&data(number));
            }
            (sim, world)
        });
        world
    }

    fn put(&self, data: &[u8]) {
        let put = self.streams.put_record(&PutRecordInput {
            stream: &self.few,
            data,
            partition_key: "key",
            explicit_hash_key: None,
            sequence_number_for_ordering: None,
        });
        put.expect("a small record");
    }
}

/// The world in memory, and where its records are.
pub(crate) fn in_memory() -> &'static (World, Shelf) {
    static WORLD: OnceLock<(World, Shelf)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let shelf = Shelf::default();
        (World::over(&Sim::new(1), Arc::new(shelf.clone())), shelf)
    })
}

/// What record `number` on disk holds.
pub(crate) fn data(number: u64) -> Vec<u8> {
    let len = usize::try_from(number * 31 % 400).expect("a small number");
    format!("{number}:")
        .into_bytes()
        .into_iter()
        .cycle()
        .take(len)
        .collect()
}

/// Streams change their state at once.
pub(crate) fn config() -> StreamsConfig {
    let mut config = StreamsConfig::default();
    config.transition_ms = 0;
    config
}
