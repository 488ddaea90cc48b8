use mainstem_env::sim::OpKind;
use mainstem_types::StreamName;

use crate::support::{HOUR_MS, Start, World, texts};

/// Records `0`, `10`, `20` and `30`, put in these hours; then it is hour 40.
fn forty_hours() -> (World, StreamName) {
    let world = World::new();
    let stream = world.create("test", 1);
    world.streams().increase_retention(&stream, 48).unwrap();
    for data in ["0", "10", "20", "30"] {
        world.put(&stream, "k", data.as_bytes());
        world.advance(10 * HOUR_MS);
    }
    (world, stream)
}

fn all(world: &World, stream: &StreamName) -> Vec<String> {
    texts(&world.read_from(stream, Start::TrimHorizon))
}

#[test]
fn each_record_for_exactly_as_long() {
    let (world, stream) = forty_hours();
    assert_eq!(all(&world, &stream), ["0", "10", "20", "30"]);
    world.advance(8 * HOUR_MS);
    assert_eq!(all(&world, &stream), ["0", "10", "20", "30"]);
    world.advance(1);
    assert_eq!(all(&world, &stream), ["10", "20", "30"]);
}

#[test]
fn a_decrease_hides_at_once_and_an_increase_does_not_bring_back() {
    let (mut world, stream) = forty_hours();
    world.streams().decrease_retention(&stream, 24).unwrap();
    assert_eq!(all(&world, &stream), ["20", "30"]);
    world.streams().increase_retention(&stream, 8760).unwrap();
    assert_eq!(all(&world, &stream), ["20", "30"]);
    world.reopen().unwrap();
    assert_eq!(all(&world, &stream), ["20", "30"]);
    // From here on the long retention counts.
    world.advance(1000 * HOUR_MS);
    assert_eq!(all(&world, &stream), ["20", "30"]);
}

#[test]
fn not_even_those_who_remember_the_place_see_hidden_records_again() {
    let (mut world, stream) = forty_hours();
    let oldest = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    let read = world.read_up_to(&oldest, Some(2)).unwrap();
    let after_first = world
        .read_up_to(&oldest, Some(1))
        .unwrap()
        .next_shard_iterator;
    let after_first = after_first.unwrap();
    let [first, second] = [0, 1].map(|i| read.records[i].sequence_number.to_string());
    world.streams().decrease_retention(&stream, 24).unwrap();
    world.streams().increase_retention(&stream, 8760).unwrap();
    // The second time the engine was told of the long retention alone.
    for _ in 0..2 {
        for iterator in [&oldest, &after_first] {
            assert_eq!(texts(&world.read(iterator).unwrap()), ["20", "30"]);
        }
        for start in [
            Start::At(&first),
            Start::After(&first),
            Start::At(&second),
            Start::After(&second),
            Start::Time(0),
        ] {
            assert_eq!(
                texts(&world.read_from(&stream, start)),
                ["20", "30"],
                "{start:?}"
            );
        }
        world.reopen().unwrap();
    }
}

#[test]
fn an_increase_shows_nothing_that_was_out_of_the_old_retention() {
    let (world, stream) = forty_hours();
    world.advance(15 * HOUR_MS);
    assert_eq!(all(&world, &stream), ["10", "20", "30"]);
    world.streams().increase_retention(&stream, 100).unwrap();
    assert_eq!(all(&world, &stream), ["10", "20", "30"]);
    assert_eq!(
        texts(&world.read_from(&stream, Start::Time(0))),
        ["10", "20", "30"]
    );
}

#[test]
fn a_change_made_while_the_clock_was_ahead_hides_nothing_younger_than_a_day() {
    let mut world = World::new();
    let stream = world.create("test", 1);
    world.sim.jump_wall(i64::try_from(2000 * HOUR_MS).unwrap());
    world.streams().increase_retention(&stream, 48).unwrap();
    world.go_back(2000 * HOUR_MS);
    world.put(&stream, "k", b"today");
    for _ in 0..2 {
        assert_eq!(all(&world, &stream), ["today"]);
        assert_eq!(texts(&world.read_from(&stream, Start::Time(0))), ["today"]);
        world.reopen().unwrap();
    }
}

#[test]
fn the_same_retention_again_is_a_success() {
    let (world, stream) = forty_hours();
    world.streams().increase_retention(&stream, 48).unwrap();
    world.streams().decrease_retention(&stream, 48).unwrap();
    let summary = world.streams().describe_stream_summary(&stream).unwrap();
    assert_eq!(summary.retention_hours, 48);
}

#[test]
fn reading_goes_on_at_the_trim_horizon() {
    let (world, stream) = forty_hours();
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    let read = world.read_up_to(&iterator, Some(1)).unwrap();
    let number = read.records[0].sequence_number.to_string();
    let next = read.next_shard_iterator.unwrap();
    // Records 10 and 20 go while the consumer is away.
    world.streams().decrease_retention(&stream, 24).unwrap();
    world.advance(5 * HOUR_MS);
    let iterator = world.iterator(&stream, "0", Start::After(&number)).unwrap();
    assert_eq!(texts(&world.read(&iterator).unwrap()), ["30"]);
    world.go_back(5 * HOUR_MS);
    assert_eq!(texts(&world.read(&next).unwrap()), ["20", "30"]);
}

#[test]
fn a_restart_keeps_the_retention() {
    let (mut world, stream) = forty_hours();
    world.reopen().unwrap();
    assert_eq!(all(&world, &stream), ["0", "10", "20", "30"]);
    let summary = world.streams().describe_stream_summary(&stream).unwrap();
    assert_eq!(summary.retention_hours, 48);
}

#[test]
fn a_stream_that_nobody_asks_for_is_opened_so_that_it_expires() {
    let (mut world, _) = forty_hours();
    world.create("other", 3);
    world.advance(HOUR_MS);
    world.reopen().unwrap();
    let listed = || world.sim.calls(OpKind::List);
    let before = listed();
    world.streams().maintain().unwrap();
    assert_eq!(
        listed() - before,
        4,
        "each log lists its directory as it is opened"
    );
    let before = listed();
    world.streams().maintain().unwrap();
    assert_eq!(listed(), before, "once is enough");
}
