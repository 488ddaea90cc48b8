use std::collections::BTreeSet;

use mainstem_env::sim::Sim;
use mainstem_streams::{ErrorKind, StreamsConfig, StreamsError};

use crate::support::{Start, World, texts};

#[test]
fn valid_for_five_minutes() {
    let world = World::new();
    let stream = world.create("test", 1);
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    world.advance(300_000);
    let read = world.read(&iterator).unwrap();
    world.advance(1);
    let error = world.read(&iterator).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ExpiredIterator);
    assert_eq!(
        error.to_string(),
        "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while \
         right now it is Tue Nov 14 22:18:20 UTC 2023 which is further in the future than the \
         tolerated delay of 300000 milliseconds."
    );
    // The one that a read gives counts from that read.
    let next = read.next_shard_iterator.unwrap();
    world.advance(299_999);
    world.read(&next).unwrap();
    world.advance(1);
    assert!(matches!(
        world.read(&next),
        Err(StreamsError::ExpiredIterator { .. })
    ));
}

#[test]
fn a_clock_that_goes_back_does_not_expire_them() {
    let world = World::new();
    let stream = world.create("test", 1);
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    world.go_back(50);
    world.read(&iterator).unwrap();
}

#[test]
fn no_two_are_alike() {
    let world = World::new();
    let stream = world.create("test", 1);
    let get = |_| world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    let iterators: BTreeSet<String> = (0..100).map(get).collect();
    assert_eq!(iterators.len(), 100);
    assert!(iterators.iter().all(|iterator| iterator.len() <= 512));
}

#[test]
fn accepted_in_double_quotes() {
    let world = World::new();
    let stream = world.create("test", 1);
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    world.read(&format!("\"{iterator}\"")).unwrap();
}

#[test]
fn a_restart_does_not_invalidate_them() {
    let mut world = World::new();
    let stream = world.create("test", 1);
    world.put(&stream, "k", b"1");
    let iterator = world.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    world.reopen().unwrap();
    assert_eq!(texts(&world.read(&iterator).unwrap()), ["1"]);
}

#[test]
fn those_of_another_installation_are_invalid() {
    let one = World::new();
    let mut other = World::on(Sim::new(2), StreamsConfig::default());
    other.reopen().unwrap();
    let stream = one.create("test", 1);
    other.create("test", 1);
    let iterator = one.iterator(&stream, "0", Start::TrimHorizon).unwrap();
    assert!(matches!(
        other.read(&iterator),
        Err(StreamsError::InvalidIterator)
    ));
}
