use mainstem_types::{KinesisSeq, StreamName};

use crate::support::{START_MS, Start, World, texts};

/// A stream of one shard with records `0` to `9`, three seconds apart, the first at once.
fn ten() -> (World, StreamName, Vec<KinesisSeq>) {
    let world = World::new();
    let stream = world.create("test", 1);
    let numbers = (0..10).map(|i: u32| {
        let put = world.put(&stream, "k", i.to_string().as_bytes());
        world.advance(3000);
        put.sequence_number
    });
    let numbers = numbers.collect();
    (world, stream, numbers)
}

fn first(world: &World, stream: &StreamName, start: Start<'_>) -> Option<String> {
    texts(&world.read_from(stream, start)).into_iter().next()
}

#[test]
fn at_and_after_each_record() {
    let (world, stream, numbers) = ten();
    for (place, number) in numbers.iter().enumerate() {
        let number = number.to_string();
        let expected = |place: usize| (place < 10).then(|| place.to_string());
        assert_eq!(first(&world, &stream, Start::At(&number)), expected(place));
        assert_eq!(
            first(&world, &stream, Start::After(&number)),
            expected(place + 1)
        );
    }
}

/// A record that is out of retention only because the clock is ahead comes back when the clock is set
/// right; an iterator that begins after it still does.
#[test]
fn after_a_record_that_is_hidden_for_a_while() {
    let (world, stream, numbers) = ten();
    let ahead_ms = 40 * 60 * 60 * 1000;
    world.sim.jump_wall(ahead_ms);
    let start = numbers[3].to_string();
    let after = world.iterator(&stream, "0", Start::After(&start)).unwrap();
    let at = world.iterator(&stream, "0", Start::At(&start)).unwrap();
    world.sim.jump_wall(-ahead_ms);
    assert_eq!(texts(&world.read(&after).unwrap())[0], "4");
    assert_eq!(texts(&world.read(&at).unwrap())[0], "3");
}

#[test]
fn at_the_ends() {
    let (world, stream, _) = ten();
    assert_eq!(
        first(&world, &stream, Start::TrimHorizon).as_deref(),
        Some("0")
    );
    assert_eq!(first(&world, &stream, Start::Latest), None);
    let latest = world.iterator(&stream, "0", Start::Latest).unwrap();
    world.put(&stream, "k", b"new");
    let read = world.read(&latest).unwrap();
    assert_eq!(texts(&read), ["new"]);
    // Going on from there finds nothing, twice, and then what is put.
    let next = read.next_shard_iterator.unwrap();
    let read = world.read(&next).unwrap();
    assert_eq!(texts(&read), [""; 0]);
    world.put(&stream, "k", b"newer");
    let read = world.read(&read.next_shard_iterator.unwrap()).unwrap();
    assert_eq!(texts(&read), ["newer"]);
}

#[test]
fn at_numbers_that_no_record_has() {
    let (world, stream, numbers) = ten();
    let description = world
        .streams()
        .describe_stream(&mainstem_streams::DescribeStreamInput {
            stream: &stream,
            limit: None,
            exclusive_start_shard: None,
        });
    let shard = description.unwrap().shards.remove(0);
    let start = shard.starting_number.to_string();
    assert_eq!(
        first(&world, &stream, Start::At(&start)).as_deref(),
        Some("0")
    );
    assert_eq!(
        first(&world, &stream, Start::After(&start)).as_deref(),
        Some("0")
    );
    // The place of record 5 with other times: just below its number, and just above it.
    let five = numbers[5];
    let neighbour = |record_s| {
        KinesisSeq::record(
            five.shard_created_s(),
            shard.id,
            five.sequence_index(),
            record_s,
        )
    };
    let below = neighbour(five.record_s() - 1).to_string();
    assert_eq!(
        first(&world, &stream, Start::At(&below)).as_deref(),
        Some("5")
    );
    assert_eq!(
        first(&world, &stream, Start::After(&below)).as_deref(),
        Some("5")
    );
    let above = neighbour(five.record_s() + 1).to_string();
    assert_eq!(
        first(&world, &stream, Start::At(&above)).as_deref(),
        Some("6")
    );
    assert_eq!(
        first(&world, &stream, Start::After(&above)).as_deref(),
        Some("6")
    );
    // Beyond the last record: valid, and waiting for it.
    let next = KinesisSeq::record(five.shard_created_s(), shard.id, 11, five.record_s());
    let iterator = world
        .iterator(&stream, "0", Start::At(&next.to_string()))
        .unwrap();
    assert_eq!(texts(&world.read(&iterator).unwrap()), [""; 0]);
    world.put(&stream, "k", b"10");
    assert_eq!(texts(&world.read(&iterator).unwrap()), ["10"]);
}

#[test]
fn at_times() {
    let (world, stream, _) = ten();
    let put_ms = START_MS + 100;
    for (ms, expected) in [
        (0, "0"),
        (put_ms, "0"),
        (put_ms + 1, "1"),
        (put_ms + 3000, "1"),
        (put_ms + 26_999, "9"),
        (put_ms + 27_000, "9"),
    ] {
        assert_eq!(
            first(&world, &stream, Start::Time(ms)).as_deref(),
            Some(expected),
            "{ms}"
        );
    }
}

#[test]
fn at_a_time_of_which_there_is_no_record_yet() {
    let (world, stream, _) = ten();
    let now_ms = START_MS + 100 + 30_000;
    let iterator = world.iterator(&stream, "0", Start::Time(now_ms)).unwrap();
    let read = world.read(&iterator).unwrap();
    assert_eq!(texts(&read), [""; 0]);
    let again = world.read(&read.next_shard_iterator.unwrap()).unwrap();
    world.put(&stream, "k", b"next");
    world.put(&stream, "k", b"last");
    for iterator in [iterator, again.next_shard_iterator.unwrap()] {
        assert_eq!(texts(&world.read(&iterator).unwrap()), ["next", "last"]);
    }
}

#[test]
fn in_an_empty_shard() {
    let world = World::new();
    let stream = world.create("test", 1);
    for start in [Start::TrimHorizon, Start::Latest, Start::Time(START_MS)] {
        let iterator = world.iterator(&stream, "0", start).unwrap();
        let read = world.read(&iterator).unwrap();
        assert_eq!((read.records.len(), read.behind_latest_ms), (0, 0));
        assert!(read.next_shard_iterator.is_some());
        assert!(read.child_shards.is_empty());
    }
}
