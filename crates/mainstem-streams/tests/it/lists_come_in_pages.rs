use mainstem_streams::{
    DescribeStreamInput, ErrorKind, ListShardsInput, ListStreamsInput, ShardFilter, StreamsConfig,
    StreamsError,
};
use mainstem_types::StreamName;

use crate::support::{START_MS, World, name, provisioned};

fn indices(shards: &[mainstem_streams::ShardDescription]) -> Vec<u32> {
    shards.iter().map(|shard| shard.id.index()).collect()
}

#[test]
fn streams_by_name() {
    let mut config = StreamsConfig::default();
    config.creating_streams_max = 10;
    let world = World::with(config);
    for stream in ["b", "d", "a", "c"] {
        world
            .streams()
            .create_stream(&provisioned(stream, 1))
            .unwrap();
    }
    let list = |input: &ListStreamsInput<'_>| {
        let output = world.streams().list_streams(input).unwrap();
        let names = output
            .streams
            .iter()
            .map(|stream| stream.arn.name.to_string());
        (names.collect::<Vec<_>>(), output.next_token)
    };
    let (all, token) = list(&ListStreamsInput::default());
    assert_eq!(
        (all, token),
        (["a", "b", "c", "d"].map(str::to_owned).to_vec(), None)
    );
    let (first, token) = list(&ListStreamsInput {
        limit: Some(3),
        ..ListStreamsInput::default()
    });
    assert_eq!(first, ["a", "b", "c"]);
    let (rest, end) = list(&ListStreamsInput {
        limit: Some(3),
        next_token: token.as_deref(),
        ..ListStreamsInput::default()
    });
    assert_eq!((rest, end), (vec!["d".to_owned()], None));
    let (after, _) = list(&ListStreamsInput {
        exclusive_start_stream: Some("bb"),
        ..ListStreamsInput::default()
    });
    assert_eq!(after, ["c", "d"]);

    let with_token = |token: &str| {
        world.streams().list_streams(&ListStreamsInput {
            next_token: Some(token),
            ..ListStreamsInput::default()
        })
    };
    let token = token.unwrap();
    assert!(matches!(
        with_token("nonsense"),
        Err(StreamsError::InvalidNextToken)
    ));
    world.advance(300_001);
    assert_eq!(
        with_token(&token).unwrap_err().kind(),
        ErrorKind::ExpiredNextToken
    );
}

#[test]
fn shards_of_a_description() {
    let world = World::new();
    let stream = world.create("test", 102);
    let page = |limit, exclusive_start_shard| {
        let input = DescribeStreamInput {
            stream: &stream,
            limit,
            exclusive_start_shard,
        };
        let output = world.streams().describe_stream(&input).unwrap();
        (indices(&output.shards), output.has_more_shards)
    };
    assert_eq!(page(None, None), ((0..100).collect(), true));
    assert_eq!(page(Some(10_000), None), ((0..100).collect(), true));
    assert_eq!(
        page(Some(2), Some("shardId-000000000099")),
        (vec![100, 101], false)
    );
    assert_eq!(page(Some(1), Some("99")), (vec![100], true));
    assert_eq!(page(None, Some("500")), (vec![], false));
}

#[test]
fn shards_by_token() {
    let world = World::new();
    let stream = world.create("test", 5);
    let first = world.streams().list_shards(&ListShardsInput {
        stream: Some(&stream),
        max_results: Some(2),
        exclusive_start_shard: Some("0"),
        filter: Some(ShardFilter::AtLatest),
        ..ListShardsInput::default()
    });
    let first = first.unwrap();
    assert_eq!(indices(&first.shards), [1, 2]);
    let token = first.next_token.unwrap();
    let next = |input: ListShardsInput<'_>| {
        world.streams().list_shards(&ListShardsInput {
            next_token: Some(&token),
            ..input
        })
    };
    let rest = next(ListShardsInput::default()).unwrap();
    assert_eq!((indices(&rest.shards), rest.next_token), (vec![3, 4], None));
    let with_start = next(ListShardsInput {
        exclusive_start_shard: Some("3"),
        ..ListShardsInput::default()
    });
    assert!(matches!(
        with_start,
        Err(StreamsError::ListShardsTokenWith { .. })
    ));
    world.advance(300_001);
    let expired = next(ListShardsInput::default());
    assert_eq!(expired.unwrap_err().kind(), ErrorKind::ExpiredNextToken);
}

#[test]
fn a_token_is_of_one_stream_and_one_list() {
    let world = World::new();
    let stream = world.create("test", 3);
    let list = world.streams().list_shards(&ListShardsInput {
        stream: Some(&stream),
        max_results: Some(1),
        ..ListShardsInput::default()
    });
    let token = list.unwrap().next_token.unwrap();
    let other_list = world.streams().list_streams(&ListStreamsInput {
        next_token: Some(&token),
        ..ListStreamsInput::default()
    });
    assert!(matches!(other_list, Err(StreamsError::InvalidNextToken)));
    world.streams().delete_stream(&stream).unwrap();
    world.advance(100);
    world.create("test", 3);
    let recreated = world.streams().list_shards(&ListShardsInput {
        next_token: Some(&token),
        ..ListShardsInput::default()
    });
    assert!(matches!(
        recreated,
        Err(StreamsError::StreamNotFound { .. })
    ));
}

fn list(
    world: &World,
    stream: &StreamName,
    filter: Option<ShardFilter<'_>>,
    stream_created_ms: Option<u64>,
) -> Result<Vec<u32>, StreamsError> {
    let output = world.streams().list_shards(&ListShardsInput {
        stream: Some(stream),
        stream_created_ms,
        filter,
        ..ListShardsInput::default()
    });
    output.map(|output| indices(&output.shards))
}

#[test]
fn filters_need_their_arguments() {
    let world = World::new();
    let stream = world.create("test", 3);
    let listed = |filter| list(&world, &stream, filter, None);
    assert_eq!(
        listed(Some(ShardFilter::AfterShardId(Some("1")))).unwrap(),
        [2]
    );
    let time = START_MS - 1;
    for filter in [
        None,
        Some(ShardFilter::AtTrimHorizon),
        Some(ShardFilter::FromTrimHorizon),
        Some(ShardFilter::AtLatest),
        Some(ShardFilter::AtTimestamp(Some(time))),
        Some(ShardFilter::FromTimestamp(Some(time))),
    ] {
        assert_eq!(listed(filter).unwrap(), [0, 1, 2], "{filter:?}");
    }
    for filter in [
        ShardFilter::AfterShardId(None),
        ShardFilter::AtTimestamp(None),
        ShardFilter::FromTimestamp(None),
    ] {
        let error = listed(Some(filter)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{filter:?}");
    }
}

#[test]
fn the_creation_time_tells_streams_of_one_name_apart() {
    let world = World::new();
    world.advance(789);
    let stream = world.create("test", 1);
    let listed = |ms| list(&world, &stream, None, Some(ms));
    // Some clients cut times to seconds.
    for ms in [START_MS, START_MS + 789] {
        assert_eq!(listed(ms).unwrap(), [0]);
    }
    assert!(matches!(
        listed(START_MS - 1),
        Err(StreamsError::StreamNotFound { .. })
    ));
}

#[test]
fn shards_of_a_stream_that_is_not_active_are_not_listed() {
    let world = World::new();
    let stream = name("test");
    world
        .streams()
        .create_stream(&provisioned("test", 1))
        .unwrap();
    let error = list(&world, &stream, None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceInUse);
}
