//! Every text of the facade that Kinesis' own replies are on record for, reached as a client would.

use mainstem_streams::{
    CreateStreamInput, DescribeStreamInput, ErrorKind, IteratorType, ListShardsInput,
    ShardIteratorInput, StreamMode, StreamsConfig, StreamsError,
};
use mainstem_types::StreamArn;

use crate::support::{START_MS, Start, World, name, provisioned, record};

const A: &str = "000000000000";

fn check<T: std::fmt::Debug>(result: Result<T, StreamsError>, kind: ErrorKind, text: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), text);
    assert_eq!(error.kind(), kind, "{text}");
}

#[test]
fn of_streams_and_states() {
    let world = World::new();
    let (absent, streams) = (name("S"), world.streams());
    let text = format!("Stream S under account {A} not found.");
    let kind = ErrorKind::ResourceNotFound;
    check(streams.delete_stream(&absent), kind, &text);
    check(streams.describe_stream_summary(&absent), kind, &text);
    check(streams.put_record(&record(&absent, "k", b"")), kind, &text);
    check(streams.increase_retention(&absent, 1), kind, &text);

    streams.create_stream(&provisioned("S", 1)).unwrap();
    check(
        streams.create_stream(&provisioned("S", 1)),
        ErrorKind::ResourceInUse,
        &format!("Stream S under account {A} already exists."),
    );
    check(
        streams.delete_stream(&absent),
        ErrorKind::ResourceInUse,
        &format!("Stream S under account {A} not ACTIVE, instead in state CREATING"),
    );
}

#[test]
fn of_the_shard_limit() {
    let mut config = StreamsConfig::default();
    config.shards_max = 3;
    let world = World::with(config);
    world.create("S", 2);
    check(
        world.streams().create_stream(&provisioned("T", 2)),
        ErrorKind::LimitExceeded,
        "This request would exceed the shard limit for the account 000000000000 in us-east-1. \
         Current shard count for the account: 2. Limit: 3. Number of additional shards that would \
         have resulted from this request: 2. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits \
         and how to request higher limits.",
    );
}

#[test]
fn of_what_a_new_stream_needs() {
    let world = World::new();
    let input = |mode, shard_count, record_kib_max| CreateStreamInput {
        name: name("S"),
        mode,
        shard_count,
        record_kib_max,
    };
    for (input, text) in [
        (
            input(None, Some(0), None),
            "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: \
             Member must have value greater than or equal to 1",
        ),
        (
            input(None, None, Some(1023)),
            "1 validation error detected: Value '1023' at 'maxRecordSizeInKiB' failed to satisfy \
             constraint: Member must have value greater than or equal to 1024",
        ),
        (
            input(None, None, Some(10_241)),
            "1 validation error detected: Value '10241' at 'maxRecordSizeInKiB' failed to satisfy \
             constraint: Member must have value less than or equal to 10240",
        ),
        (
            input(Some(StreamMode::Provisioned), None, None),
            "Request is invalid. ShardCount is required for a stream in Provisioned mode.",
        ),
        (
            input(Some(StreamMode::OnDemand), Some(1), None),
            "Request is invalid. ShardCount cannot be set for a stream in On-Demand mode.",
        ),
    ] {
        check(
            world.streams().create_stream(&input),
            ErrorKind::Validation,
            text,
        );
    }
}

#[test]
fn of_records() {
    let world = World::new();
    let stream = world.create("S", 1);
    let mut input = record(&stream, "k", b"");
    input.explicit_hash_key = Some("340282366920938463463374607431768211456");
    check(
        world.streams().put_record(&input),
        ErrorKind::InvalidArgument,
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified \
         value was 340282366920938463463374607431768211456",
    );
    let mut input = record(&stream, "k", b"");
    let future = "59545076777738417104526072615256373478688899696439590914";
    for number in ["7", future, "not a number"] {
        input.sequence_number_for_ordering = Some(number);
        check(
            world.streams().put_record(&input),
            ErrorKind::InvalidArgument,
            &format!(
                "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream S under \
                 account {A} is invalid."
            ),
        );
    }
    let last = world.put(&stream, "k", b"").sequence_number.to_string();
    input.sequence_number_for_ordering = Some(&last);
    world.streams().put_record(&input).unwrap();

    let data = vec![0; 1024 * 1024];
    check(
        world.streams().put_record(&record(&stream, "k", &data)),
        ErrorKind::Validation,
        "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must \
         have length less than or equal to 1048576.",
    );
    world
        .streams()
        .put_record(&record(&stream, "k", &data[1..]))
        .unwrap();
}

#[test]
fn of_iterators() {
    let world = World::new();
    let stream = world.create("S", 2);
    let number = world.put(&stream, "a", b"").sequence_number.to_string();
    let (not_found, invalid) = (ErrorKind::ResourceNotFound, ErrorKind::InvalidArgument);
    let get = |shard: &str, start: Start<'_>| world.iterator(&stream, shard, start);
    for malformed in ["shardId-", "x", "2147483648"] {
        check(
            get(malformed, Start::Latest),
            not_found,
            &format!("Could not find shard {malformed} in stream S under account {A}."),
        );
    }
    let missing = |stream: &str, shard: u32| {
        format!("Shard shardId-{shard:012} in stream {stream} under account {A} does not exist")
    };
    check(get("shard-2", Start::Latest), not_found, &missing("S", 2));
    let absent = world.iterator(&name("T"), "5", Start::Latest);
    check(absent, not_found, &missing("T", 5));

    let used = format!(
        "used in GetShardIterator on shard shardId-000000000000 in stream S under account {A}"
    );
    check(
        get("0", Start::At("1x")),
        invalid,
        &format!("StartingSequenceNumber 1x {used} is invalid."),
    );
    let foreign = "49545076777738417104526072615256373478688899696439590914";
    check(
        get("0", Start::After(foreign)),
        invalid,
        &format!(
            "StartingSequenceNumber {foreign} {used} is invalid because it did not come from this stream."
        ),
    );
    check(
        get("1", Start::At(&number)),
        invalid,
        "Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a \
         call to a shard with shardId-000000000001",
    );
    let now_ms = START_MS + 100;
    check(
        get("0", Start::Time(now_ms + 1)),
        invalid,
        &format!(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
             timestampInMillis: {}, currentTimestampInMillis: {now_ms}",
            now_ms + 1
        ),
    );
    check(world.read("nonsense"), invalid, "Invalid ShardIterator.");
    let iterator = get("0", Start::Latest).unwrap();
    let other = StreamArn::parse("arn:aws:kinesis:us-east-1:000000000000:stream/T").unwrap();
    let read = world.streams().records(&mainstem_streams::GetRecordsInput {
        shard_iterator: &iterator,
        limit: None,
        stream_arn: Some(&other),
    });
    check(read, invalid, "Invalid ShardIterator.");
}

#[test]
fn of_iterator_types_and_numbers() {
    let world = World::new();
    let stream = world.create("S", 1);
    let number = world.put(&stream, "a", b"").sequence_number.to_string();
    let get = |iterator_type, starting_sequence_number| {
        world.streams().shard_iterator(&ShardIteratorInput {
            stream: &stream,
            shard: "0",
            iterator_type,
            starting_sequence_number,
            timestamp_ms: None,
        })
    };
    let rule = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
                StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber.";
    for (iterator_type, number, end) in [
        (
            IteratorType::AtSequenceNumber,
            None,
            "AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
        ),
        (
            IteratorType::AfterSequenceNumber,
            None,
            "AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber.",
        ),
        (
            IteratorType::TrimHorizon,
            Some(&*number),
            "TRIM_HORIZON and also a StartingSequenceNumber.",
        ),
        (
            IteratorType::Latest,
            Some(&*number),
            "LATEST and also a StartingSequenceNumber.",
        ),
    ] {
        check(
            get(iterator_type, number),
            ErrorKind::InvalidArgument,
            &format!("{rule} Request specified {end}"),
        );
    }
    check(
        get(IteratorType::AtTimestamp, None),
        ErrorKind::InvalidArgument,
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current \
         request has no timestamp parameter.",
    );
}

#[test]
fn of_retention() {
    let world = World::new();
    let stream = world.create("S", 1);
    let invalid = ErrorKind::InvalidArgument;
    let streams = world.streams();
    streams.increase_retention(&stream, 48).unwrap();
    for (result, text) in [
        (
            streams.increase_retention(&stream, 23),
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) \
             is too short.",
        ),
        (
            streams.decrease_retention(&stream, 8761),
            "Maximum allowed retention period is 8760 hours. Requested retention period (8761 \
             hours) is too long.",
        ),
        (
            streams.increase_retention(&stream, 47),
            "Requested retention period (47 hours) for stream S can not be shorter than existing \
             retention period (48 hours). Use DecreaseRetentionPeriod API.",
        ),
        (
            streams.decrease_retention(&stream, 49),
            "Requested retention period (49 hours) for stream S can not be longer than existing \
             retention period (48 hours). Use IncreaseRetentionPeriod API.",
        ),
    ] {
        check(result, invalid, text);
    }
}

#[test]
fn of_lists() {
    let world = World::new();
    let stream = world.create("S", 1);
    let invalid = ErrorKind::InvalidArgument;
    check(
        world.streams().list_shards(&ListShardsInput::default()),
        invalid,
        "Either NextToken or StreamName should be provided.",
    );
    check(
        world.streams().list_shards(&ListShardsInput {
            stream: Some(&stream),
            next_token: Some("x"),
            ..ListShardsInput::default()
        }),
        invalid,
        "NextToken and StreamName cannot be provided together.",
    );
    check(
        world.streams().describe_stream(&DescribeStreamInput {
            stream: &stream,
            limit: None,
            exclusive_start_shard: Some("shardId-x"),
        }),
        ErrorKind::ResourceNotFound,
        &format!("Could not find shard shardId-x in stream S under account {A}."),
    );
}

#[test]
fn of_names_and_arns() {
    let world = World::new();
    let stream = world.create("S", 1);
    let streams = world.streams();
    let arn = |text: &str| StreamArn::parse(text).unwrap();
    let ours = arn("arn:aws:kinesis:us-east-1:000000000000:stream/S");
    assert_eq!(streams.resolve(Some(&stream), None).unwrap(), stream);
    assert_eq!(streams.resolve(None, Some(&ours)).unwrap(), stream);
    assert_eq!(streams.resolve(Some(&stream), Some(&ours)).unwrap(), stream);
    check(
        streams.resolve(None, None),
        ErrorKind::Validation,
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: \
         Member must not be null",
    );
    let mismatch = streams.resolve(Some(&name("T")), Some(&ours));
    assert_eq!(mismatch.unwrap_err().kind(), ErrorKind::InvalidArgument);
    for elsewhere in [
        "arn:aws:kinesis:us-east-1:123456789012:stream/S",
        "arn:aws:kinesis:eu-west-1:000000000000:stream/S",
    ] {
        let error = streams.resolve(None, Some(&arn(elsewhere))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
    }
}
