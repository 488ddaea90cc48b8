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
fn a_full_disk_stops_changes_of_the_catalogue_only_while_it_is_full() {
    for nth in 1..=8 {
        for op in [OpKind::Write, OpKind::Truncate] {
            let mut world = World::new();
            let [kept, old] = ["kept", "old"].map(|stream| world.create(stream, 1));
            world.put(&kept, "k", b"1");
            let fault = Fault::for_ever(op, nth, StorageFull);
            world.sim.fail(fault.on_path("catalogue.redb"));
            let mut failed = 0;
            for stream in ["a", "b", "c", "d"] {
                let created = world.streams().create_stream(&provisioned(stream, 1));
                failed += u32::from(created.is_err());
            }
            let changed = world.streams().increase_retention(&kept, 48);
            failed += u32::from(changed.is_err());
            world.sim.clear_faults();
            if op == OpKind::Write {
                assert!(failed > 0, "write {nth}");
            }

            let hours = if changed.is_ok() { 72 } else { 48 };
            world.streams().increase_retention(&kept, hours).unwrap();
            world.streams().delete_stream(&old).unwrap();
            world.create("new", 1);
            world.put(&kept, "k", b"2");
            let seen = |world: &World| {
                let names = ["a", "b", "c", "d", "kept", "new", "old"].map(name);
                names.map(|stream| {
                    let summary = world.streams().describe_stream_summary(&stream).ok()?;
                    Some((stream, summary.status, summary.retention_hours))
                })
            };
            let before = seen(&world);
            world.reopen().unwrap();
            assert_eq!(seen(&world), before, "{op:?} {nth}");
            let read = world.read_from(&kept, Start::TrimHorizon);
            assert_eq!(texts(&read), ["1", "2"]);
        }
    }
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

#[test]
fn a_shard_that_takes_no_records_any_more_is_told_of() {
    let mut world = World::new();
    let stream = world.create("test", 1);
    world.put(&stream, "k", b"1");
    assert_eq!(world.streams().trouble(), None);
    let fault = Fault::once(OpKind::SyncData, 1, FaultError::Raw(EIO));
    world.sim.fail(fault.on_path(".seg"));
    let put = world.streams().put_record(&record(&stream, "k", b"2"));
    assert_eq!(put.unwrap_err().kind(), ErrorKind::InternalFailure);
    let trouble = world.streams().trouble().unwrap();
    assert!(trouble.starts_with("stream.test."), "{trouble}");
    world.reopen().unwrap();
    assert_eq!(world.streams().trouble(), None);
    world.put(&stream, "k", b"3");
}
