use mainstem_streams::{
    LogName, MetaChange, MetaStore, MetaTable, OpenError, StreamStatus, StreamsConfig,
};

use crate::support::{Start, World, name, provisioned, texts};

fn log(text: &str) -> LogName {
    LogName::new(text).unwrap()
}

const LEFTOVER: &str = "stream.test.0123456789abcdef.000000000000";

#[test]
fn everything_is_still_there() {
    let mut world = World::new();
    let stream = world.create("test", 2);
    world.put(&stream, "a", b"1");
    let before = world.streams().describe_stream_summary(&stream).unwrap();
    let logs = world.logs();
    world.reopen().unwrap();
    assert_eq!(
        world.streams().describe_stream_summary(&stream).unwrap(),
        before
    );
    assert_eq!(texts(&world.read_from(&stream, Start::TrimHorizon)), ["1"]);
    assert_eq!(world.logs(), logs);
}

#[test]
fn logs_that_nothing_names_are_removed_and_others_kept() {
    let mut world = World::new();
    world.create("kept", 1);
    for text in [LEFTOVER, "somebody-elses", "stream.test"] {
        world.engine().create(&log(text)).unwrap();
    }
    world.reopen().unwrap();
    let names = world.logs();
    assert!(!names.contains(&log(LEFTOVER)));
    assert!(names.contains(&log("somebody-elses")));
    assert!(names.contains(&log("stream.test")));
    assert_eq!(names.len(), 3, "the stream's own log is among them");
}

#[test]
fn a_lost_catalogue_does_not_take_the_records_with_it() {
    let mut world = World::closed(StreamsConfig::default());
    world.engine().create(&log(LEFTOVER)).unwrap();
    // However often it is tried: the first attempt makes a catalogue, and it must stay a new one.
    for _ in 0..2 {
        let error = world.reopen().unwrap_err();
        assert!(
            matches!(&error, OpenError::CatalogueMissing { logs: 1, example } if example == LEFTOVER),
            "{error}"
        );
        assert_eq!(world.logs(), [log(LEFTOVER)]);
    }
    world.engine().remove(&log(LEFTOVER)).unwrap();
    world.reopen().unwrap();
}

#[test]
fn a_lost_log_is_refused_by_name() {
    let mut world = World::new();
    world.create("test", 2);
    let lost = world.logs().remove(1);
    world.engine().remove(&lost).unwrap();
    let error = world.reopen().unwrap_err();
    let OpenError::ShardLogMissing { stream, shard, log } = &error else {
        panic!("{error}");
    };
    assert_eq!((stream.as_str(), shard.index()), ("test", 1));
    assert_eq!(log, lost.as_str());
    assert_eq!(world.logs().len(), 1, "nothing was removed");
}

#[test]
fn a_due_deletion_is_finished() {
    let mut world = World::new();
    let stream = world.create("test", 2);
    world.streams().delete_stream(&stream).unwrap();
    assert_eq!(world.logs().len(), 2);
    world.reopen().unwrap();
    let summary = world.streams().describe_stream_summary(&stream).unwrap();
    assert_eq!(summary.status, StreamStatus::Deleting);
    world.advance(100);
    world.reopen().unwrap();
    assert!(world.streams().describe_stream_summary(&stream).is_err());
    assert_eq!(world.logs(), []);
    assert_eq!(world.store().scan(MetaTable::Streams).unwrap(), []);
}

#[test]
fn maintenance_frees_what_nobody_sees() {
    let mut world = World::new();
    let stream = world.create("test", 2);
    world.streams().delete_stream(&stream).unwrap();
    world.streams().maintain().unwrap();
    assert_eq!(world.logs().len(), 2, "not due yet");
    world.advance(100);
    world.streams().maintain().unwrap();
    assert_eq!(world.logs(), []);
}

#[test]
fn a_value_that_makes_no_sense_is_refused_by_name() {
    let mut world = World::new();
    world.create("test", 1);
    let store = world.store();
    let change = MetaChange::Put {
        table: MetaTable::Streams,
        key: "test".to_owned(),
        value: b"{}".to_vec(),
    };
    store.commit(&[change]).unwrap();
    drop(store);
    let error = world.reopen().unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }));
    assert!(
        error.to_string().contains("value test of table streams"),
        "{error}"
    );
}

#[test]
fn a_stream_being_created_becomes_active_after_a_restart_too() {
    let mut world = World::new();
    world
        .streams()
        .create_stream(&provisioned("test", 1))
        .unwrap();
    world.reopen().unwrap();
    let status = || {
        let summary = world.streams().describe_stream_summary(&name("test"));
        summary.unwrap().status
    };
    assert_eq!(status(), StreamStatus::Creating);
    world.advance(100);
    assert_eq!(status(), StreamStatus::Active);
}
