use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_env::{Clock, Elapsed, Env, TimestampMs};
use mainstem_streams::{
    EmbeddedEngine, ErrorKind, LogEngine, RedbStore, StreamStatus, Streams, StreamsConfig,
    StreamsError,
};

use crate::support::{DIR, Start, World, name, provisioned, quiet, record};

fn status(world: &World) -> Option<StreamStatus> {
    let summary = world.streams().describe_stream_summary(&name("test"));
    match summary {
        Ok(summary) => Some(summary.status),
        Err(error) => {
            assert!(matches!(error, StreamsError::StreamNotFound { .. }));
            None
        }
    }
}

#[test]
fn from_creating_to_gone() {
    let world = World::new();
    assert_eq!(status(&world), None);
    world
        .streams()
        .create_stream(&provisioned("test", 2))
        .unwrap();
    assert_eq!(status(&world), Some(StreamStatus::Creating));
    world.advance(99);
    assert_eq!(status(&world), Some(StreamStatus::Creating));
    world.advance(1);
    assert_eq!(status(&world), Some(StreamStatus::Active));
    world.streams().delete_stream(&name("test")).unwrap();
    assert_eq!(status(&world), Some(StreamStatus::Deleting));
    world.advance(99);
    assert_eq!(status(&world), Some(StreamStatus::Deleting));
    world.advance(1);
    assert_eq!(status(&world), None);
}

#[test]
fn a_stream_that_was_active_does_not_go_back_with_the_clock() {
    let world = World::new();
    world.create("test", 1);
    assert_eq!(status(&world), Some(StreamStatus::Active));
    world.go_back(50);
    assert_eq!(status(&world), Some(StreamStatus::Active));
}

#[test]
fn without_transition_time_everything_is_at_once() {
    let mut config = StreamsConfig::default();
    config.transition_ms = 0;
    let world = World::with(config);
    for _ in 0..3 {
        world
            .streams()
            .create_stream(&provisioned("test", 1))
            .unwrap();
        assert_eq!(status(&world), Some(StreamStatus::Active));
        world.streams().delete_stream(&name("test")).unwrap();
        assert_eq!(status(&world), None);
    }
}

#[test]
fn what_each_state_allows() {
    let world = World::new();
    let stream = name("test");
    world
        .streams()
        .create_stream(&provisioned("test", 1))
        .unwrap();
    let kind = |error: StreamsError| error.kind();
    let put = || world.streams().put_record(&record(&stream, "k", b"d"));

    // CREATING: there, but without shards, and not for producers.
    assert_eq!(put().map_err(kind), Err(ErrorKind::ResourceNotFound));
    let summary = world.streams().describe_stream_summary(&stream).unwrap();
    assert_eq!(summary.open_shard_count, 0);
    let iterator = world.iterator(&stream, "0", Start::Latest);
    assert!(matches!(iterator, Err(StreamsError::ShardMissing { .. })));
    for refused in [
        world.streams().delete_stream(&stream),
        world.streams().increase_retention(&stream, 48),
        world.streams().decrease_retention(&stream, 24),
        world.streams().create_stream(&provisioned("test", 1)),
    ] {
        assert_eq!(refused.map_err(kind), Err(ErrorKind::ResourceInUse));
    }

    // ACTIVE.
    world.advance(100);
    put().unwrap();
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    assert_eq!(world.read(&iterator).unwrap().records.len(), 1);

    // DELETING: readers may go on, producers may not.
    world.streams().delete_stream(&stream).unwrap();
    assert_eq!(put().map_err(kind), Err(ErrorKind::ResourceNotFound));
    assert_eq!(world.read(&iterator).unwrap().records.len(), 1);
    for refused in [
        world.streams().delete_stream(&stream),
        world.streams().create_stream(&provisioned("test", 1)),
    ] {
        assert_eq!(refused.map_err(kind), Err(ErrorKind::ResourceInUse));
    }

    // Gone, and the name is free.
    world.advance(100);
    let gone = world.read(&iterator).unwrap_err();
    assert!(matches!(gone, StreamsError::ShardMissing { .. }));
    world
        .streams()
        .create_stream(&provisioned("test", 1))
        .unwrap();
}

#[test]
fn a_recreated_stream_knows_nothing_of_the_old_one() {
    let mut config = StreamsConfig::default();
    config.transition_ms = 0;
    let world = World::with(config);
    let stream = world.create("test", 1);
    let old = world.put(&stream, "k", b"old");
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    world.streams().delete_stream(&stream).unwrap();
    // Within the same second, so that only care keeps the sequence numbers apart.
    world.create("test", 1);
    let new = world.put(&stream, "k", b"new");
    assert_ne!(new.sequence_number, old.sequence_number);
    let gone = world.read(&iterator).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "Shard shardId-000000000000 in stream test under account 000000000000 does not exist"
    );
    let foreign = world.iterator(&stream, "0", Start::At(&old.sequence_number.to_string()));
    assert!(matches!(
        foreign,
        Err(StreamsError::StartingNumberForeign { .. })
    ));
    let records = world.read_from(&stream, Start::TrimHorizon).records;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].sequence_number, new.sequence_number);
}

/// Found by the crash tests: a deleted stream's second was forgotten once it was over, and a clock that
/// was set back a little came to it again.
#[test]
fn a_recreated_stream_has_numbers_of_its_own_even_if_the_clock_went_back() {
    for is_reopened in [false, true] {
        let mut world = World::new();
        let stream = world.create("test", 1);
        let mut numbers = vec![world.put(&stream, "k", b"old").sequence_number];
        for _ in 0..3 {
            world.advance(1000);
            world.streams().delete_stream(&stream).unwrap();
            world.advance(100);
            world.streams().maintain().unwrap();
            if is_reopened {
                world.reopen().unwrap();
            }
            world.go_back(1200);
            world.create("test", 1);
            let number = world.put(&stream, "k", b"new").sequence_number;
            assert!(!numbers.contains(&number), "{number}");
            numbers.push(number);
        }
    }
}

/// A clock that goes on by a millisecond whenever it is looked at.
#[derive(Debug)]
struct Ticking(Sim);

impl Clock for Ticking {
    fn now(&self) -> TimestampMs {
        self.0.advance(Duration::from_millis(1));
        self.0.now()
    }

    fn elapsed(&self) -> Elapsed {
        self.0.env().clock.elapsed()
    }

    fn sleep(&self, time: Duration) {
        self.0.advance(time);
    }
}

/// Found by killing the server: when a deletion became due between two looks at the clock, a new stream
/// was written over the old one, whose logs were left and whose sequence numbers it gave again.
#[test]
fn a_stream_is_forgotten_before_its_name_is_used_again() {
    let sim = Sim::new(1);
    let env = Env {
        clock: Arc::new(Ticking(sim.clone())),
        ..sim.env()
    };
    let mut config = StreamsConfig::default();
    config.transition_ms = 50;
    let engine = EmbeddedEngine::open(&env, Path::new(DIR), quiet()).unwrap();
    let engine: Arc<dyn LogEngine> = Arc::new(engine);
    let store = Arc::new(RedbStore::open(&env, Path::new(DIR)).unwrap());
    let streams = Streams::with_stores(&env, config, Arc::clone(&engine), store).unwrap();
    let stream = name("test");
    let mut numbers = Vec::new();
    for _ in 0..20 {
        // Asked for again and again, so that the deletion becomes due in the middle of it.
        while let Err(error) = streams.create_stream(&provisioned("test", 1)) {
            assert!(
                matches!(error, StreamsError::StreamExists { .. }),
                "{error}"
            );
        }
        assert_eq!(engine.names().unwrap().len(), 1);
        sim.advance(Duration::from_millis(50));
        let put = streams.put_record(&record(&stream, "k", b"data")).unwrap();
        assert!(!numbers.contains(&put.sequence_number));
        numbers.push(put.sequence_number);
        streams.delete_stream(&stream).unwrap();
    }
}

#[test]
fn limits_on_streams_and_shards() {
    let mut config = StreamsConfig::default();
    config.shards_max = 10;
    config.on_demand_streams_max = 1;
    let world = World::with(config);
    let on_demand = |stream: &str| {
        let mut input = provisioned(stream, 1);
        input.shard_count = None;
        world.streams().create_stream(&input)
    };
    world.create("a", 6);
    assert!(matches!(
        world.streams().create_stream(&provisioned("b", 5)),
        Err(StreamsError::ShardLimit {
            open: 6,
            limit: 10,
            additional: 5,
            ..
        })
    ));
    world.create("b", 4);
    on_demand("c").unwrap();
    assert!(matches!(
        on_demand("d"),
        Err(StreamsError::OnDemandStreamLimit {
            streams: 1,
            limit: 1,
            ..
        })
    ));
    let limits = world.streams().describe_limits();
    assert_eq!((limits.open_shards, limits.shards_max), (10, 10));
    assert_eq!(
        (limits.on_demand_streams, limits.on_demand_streams_max),
        (1, 1)
    );
    world.advance(100);
    world.streams().delete_stream(&name("a")).unwrap();
    world.advance(100);
    world.create("e", 6);
}

#[test]
fn five_streams_may_be_creating_at_once() {
    let world = World::new();
    for stream in ["a", "b", "c", "d", "e"] {
        world
            .streams()
            .create_stream(&provisioned(stream, 1))
            .unwrap();
    }
    let sixth = world.streams().create_stream(&provisioned("f", 1));
    assert_eq!(sixth.unwrap_err().kind(), ErrorKind::LimitExceeded);
    world.advance(100);
    world.streams().create_stream(&provisioned("f", 1)).unwrap();
}
