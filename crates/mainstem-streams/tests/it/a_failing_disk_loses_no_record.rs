use std::io::ErrorKind::StorageFull;

use mainstem_env::EIO;
use mainstem_env::sim::{Fault, FaultError, OpKind};
use mainstem_streams::{ErrorKind, Outcome};

use crate::support::{Start, World, name, provisioned, record, texts};

#[test]
fn a_failed_sync_of_the_catalogue_leaves_records_in_service() {
    let mut world = World::new();
    let stream = world.create("kept", 1);
    world.put(&stream, "k", b"1");
    let fault = Fault::once(OpKind::SyncData, 1, FaultError::Raw(EIO));
    world.sim.fail(fault.on_path("catalogue.redb"));
    let error = world
        .streams()
        .create_stream(&provisioned("new", 1))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalFailure);
    assert_eq!(
        error.outcome(),
        Outcome::Unknown,
        "the commit may have reached the disk"
    );
    // Nothing more is written to a file of which nobody knows what the disk holds.
    let error = world.streams().increase_retention(&stream, 48).unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::InternalFailure, Outcome::NotApplied)
    );
    for _ in 0..3 {
        world
            .streams()
            .create_stream(&provisioned("new", 1))
            .unwrap_err();
    }
    let logs = world.sim.files().into_iter().filter(|file| {
        let file = file.to_string_lossy();
        file.contains("stream.new") && file.ends_with(".seg")
    });
    assert_eq!(
        logs.count(),
        1,
        "only the log of the commit that may have happened"
    );
    world.put(&stream, "k", b"2");
    assert_eq!(
        texts(&world.read_from(&stream, Start::TrimHorizon)),
        ["1", "2"]
    );

    world.reopen().unwrap();
    assert_eq!(
        texts(&world.read_from(&stream, Start::TrimHorizon)),
        ["1", "2"]
    );
    let is_there = world
        .streams()
        .describe_stream_summary(&name("new"))
        .is_ok();
    assert_eq!(world.logs().len(), 1 + usize::from(is_there));
    if !is_there {
        world.create("new", 1);
    }
    world.streams().increase_retention(&stream, 48).unwrap();
}

#[test]
fn a_shard_that_cannot_be_made_leaves_nothing_behind() {
    let mut world = World::new();
    let fault = Fault::once(OpKind::CreateDir, 3, StorageFull);
    world.sim.fail(fault.on_path("stream.new"));
    let error = world
        .streams()
        .create_stream(&provisioned("new", 4))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalFailure);
    assert_eq!(world.logs(), []);
    world.create("new", 4);
    assert_eq!(world.logs().len(), 4);
}

#[test]
fn a_poisoned_shard_refuses_and_a_restart_heals_it() {
    let mut world = World::new();
    let stream = world.create("test", 1);
    world.put(&stream, "k", b"1");
    let fault = Fault::once(OpKind::SyncData, 1, StorageFull);
    world.sim.fail(fault.on_path(".seg"));
    let error = world
        .streams()
        .put_record(&record(&stream, "k", b"2"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalFailure);
    assert_eq!(error.outcome(), Outcome::Unknown);
    let error = world
        .streams()
        .put_record(&record(&stream, "k", b"3"))
        .unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    assert_eq!(texts(&world.read_from(&stream, Start::TrimHorizon)), ["1"]);
    world.reopen().unwrap();
    world.put(&stream, "k", b"4");
    let found = texts(&world.read_from(&stream, Start::TrimHorizon));
    assert!(found == ["1", "4"] || found == ["1", "2", "4"], "{found:?}");
}
