use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use mainstem_streams::{
    EngineError, ErrorKind, LogName, PutRecordsEntry, PutRecordsInput, RecordFailure, StreamsError,
};
use mainstem_types::{ShardId, StreamName};

use crate::support::{Start, World, name, texts};

fn entry<'a>(data: &'a [u8], hash_key: &'a str) -> PutRecordsEntry<'a> {
    PutRecordsEntry {
        data,
        partition_key: "k",
        explicit_hash_key: Some(hash_key),
    }
}

/// In the first and the second of two shards.
const LOW: &str = "0";
const HIGH: &str = "340282366920938463463374607431768211455";

fn full(log: LogName) -> EngineError {
    let source = Arc::new(std::io::Error::from(std::io::ErrorKind::StorageFull));
    EngineError::Full { log, source }
}

#[test]
fn a_failed_shard_takes_only_its_own_records_with_it() {
    let (world, model) = World::modelled();
    let stream = world.create("test", 2);
    world.put(&stream, "open", b"");
    model.fail_appends("000000000001", Some(full));
    let records = [entry(b"1", LOW), entry(b"2", HIGH), entry(b"3", LOW)];
    let input = PutRecordsInput {
        stream: &stream,
        records: &records,
    };
    let output = world.streams().put_records(&input).unwrap();
    assert_eq!(output.failed_count(), 1);
    assert_eq!(output.records.len(), 3);
    let failure = output.records[1].as_ref().unwrap_err();
    assert_eq!(*failure, RecordFailure::Internal);
    assert_eq!(failure.code(), "InternalFailure");
    assert_eq!(failure.message(), "Internal Service Failure");
    for place in [0, 2] {
        assert_eq!(output.records[place].as_ref().unwrap().shard.index(), 0);
    }
    // A single record has nobody to share its failure with.
    let mut single = crate::support::record(&stream, "k", b"");
    single.explicit_hash_key = Some(HIGH);
    let error = world.streams().put_record(&single).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InternalFailure);
    assert!(error.is_retryable());

    model.fail_appends("000000000001", None);
    let output = world.streams().put_records(&input).unwrap();
    assert_eq!(output.failed_count(), 0);
}

#[test]
fn shards_do_not_wait_for_each_other() {
    let (world, model) = World::modelled();
    let stream = world.create("test", 2);
    model.hold();
    let records = [entry(b"1", LOW), entry(b"2", HIGH)];
    let pending = world.streams().put_records_async(&PutRecordsInput {
        stream: &stream,
        records: &records,
    });
    let mut pending = pin!(pending.unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert!(pending.as_mut().poll(&mut context).is_pending());
    assert_eq!(model.held(), 2, "both shards' appends are under way");
    model.release();
    let Poll::Ready(output) = pending.as_mut().poll(&mut context) else {
        panic!("all appends are done");
    };
    assert_eq!(output.failed_count(), 0);
    let shards = output.records.iter().flatten().map(|put| put.shard.index());
    assert_eq!(shards.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn one_record_may_be_awaited_too() {
    let (world, model) = World::modelled();
    let stream = world.create("test", 1);
    model.hold();
    let record = crate::support::record(&stream, "k", b"late");
    let mut pending = pin!(world.streams().put_record_async(&record).unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert!(pending.as_mut().poll(&mut context).is_pending());
    model.release();
    let Poll::Ready(Ok(put)) = pending.as_mut().poll(&mut context) else {
        panic!("the append is done");
    };
    assert_eq!(put.shard, ShardId::new(0).unwrap());
    assert_eq!(
        texts(&world.read_from(&stream, Start::TrimHorizon)),
        ["late"]
    );
}

fn refused(world: &World, stream: &StreamName, records: &[PutRecordsEntry<'_>]) -> StreamsError {
    let refused = world
        .streams()
        .put_records(&PutRecordsInput { stream, records });
    let error = refused.unwrap_err();
    let stored = [0, 1].map(|shard: u8| {
        let iterator = world.iterator(stream, &shard.to_string(), Start::TrimHorizon);
        iterator.map_or(0, |iterator| world.read(&iterator).unwrap().records.len())
    });
    assert_eq!(stored, [0, 0], "nothing of a refused request is stored");
    error
}

#[test]
fn what_is_wrong_with_one_record_refuses_the_request() {
    let world = World::new();
    let stream = world.create("test", 2);
    let mebibyte = vec![0; 1024 * 1024];
    let good = entry(b"good", LOW);

    let error = refused(&world, &stream, &[good.clone(), entry(&mebibyte, HIGH)]);
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(
        error.to_string(),
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy \
         constraint: Member must have length less than or equal to 1048576."
    );
    let beyond = "340282366920938463463374607431768211456";
    let error = refused(&world, &stream, &[good.clone(), entry(b"", beyond)]);
    assert!(matches!(error, StreamsError::ExplicitHashKey { value } if value == beyond));

    // Data and key together: one byte more than fits.
    let most = &mebibyte[..1024 * 1024 - 1];
    let ten = vec![entry(most, LOW); 10];
    let mut eleven = ten.clone();
    eleven.push(good.clone());
    let error = refused(&world, &stream, &eleven);
    assert!(matches!(error, StreamsError::RequestTooLarge), "{error}");

    for count in [0, 501] {
        let error = refused(&world, &stream, &vec![good.clone(); count]);
        assert_eq!(error.kind(), ErrorKind::Validation);
    }
    let error = refused(&world, &name("absent"), &[good]);
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);

    let output = world.streams().put_records(&PutRecordsInput {
        stream: &stream,
        records: &ten,
    });
    assert_eq!(
        output.unwrap().failed_count(),
        0,
        "ten mebibytes fit exactly"
    );
}
