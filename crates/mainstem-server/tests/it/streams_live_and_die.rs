//! Streams from creation to deletion, by name and by ARN.

use serde_json::{Value, json};

use crate::support::{Client, TestServer};

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/test";

fn describe(client: &mut Client, body: &Value) -> Value {
    client.ok("DescribeStream", body)["StreamDescription"].clone()
}

#[test]
fn a_provisioned_stream_is_described_in_full() {
    let server = TestServer::start();
    let mut client = server.client();
    let created = client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 2}),
    );
    assert_eq!(created, Value::Null);
    let mut stream = describe(&mut client, &json!({"StreamName": "test"}));
    assert_eq!(stream, describe(&mut client, &json!({"StreamARN": ARN})));
    assert!(stream["StreamCreationTimestamp"].as_f64().unwrap() > 1.7e9);
    let starts: Vec<_> = stream["Shards"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|shard| {
            shard["SequenceNumberRange"]["StartingSequenceNumber"]
                .take()
                .as_str()
                .unwrap()
                .len()
        })
        .collect();
    assert_eq!(starts, [56, 56]);
    stream["StreamCreationTimestamp"].take();
    let shard = |id: &str, start: &str, end: &str| {
        json!({
            "ShardId": id,
            "HashKeyRange": {"StartingHashKey": start, "EndingHashKey": end},
            "SequenceNumberRange": {"StartingSequenceNumber": null},
        })
    };
    assert_eq!(
        stream,
        json!({
            "StreamName": "test",
            "StreamARN": ARN,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "Shards": [
                shard("shardId-000000000000", "0", "170141183460469231731687303715884105727"),
                shard(
                    "shardId-000000000001",
                    "170141183460469231731687303715884105728",
                    "340282366920938463463374607431768211455"
                ),
            ],
            "HasMoreShards": false,
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": null,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
        })
    );
}

#[test]
fn an_on_demand_stream_begins_with_four_shards() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok("CreateStream", &json!({"StreamName": "test"}));
    let mut summary = client.ok("DescribeStreamSummary", &json!({"StreamARN": ARN}));
    let summary = &mut summary["StreamDescriptionSummary"];
    summary["StreamCreationTimestamp"].take();
    assert_eq!(
        *summary,
        json!({
            "StreamName": "test",
            "StreamARN": ARN,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": null,
            "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
            "EncryptionType": "NONE",
            "OpenShardCount": 4,
            "ConsumerCount": 0,
            "MaxRecordSizeInKiB": 1024,
            "RecordDistributionStrategy": "USER_PARTITION_KEY",
        })
    );
    let limits = client.ok("DescribeLimits", &json!({}));
    assert_eq!(
        limits,
        json!({
            "ShardLimit": 20000,
            "OpenShardCount": 0,
            "OnDemandStreamCount": 1,
            "OnDemandStreamCountLimit": 50,
        })
    );
}

#[test]
fn a_name_is_taken_until_the_stream_is_deleted() {
    let server = TestServer::start();
    let mut client = server.client();
    let create = json!({"StreamName": "test", "ShardCount": 1});
    client.ok("CreateStream", &create);
    assert_eq!(
        client.call("CreateStream", &create).error(400),
        (
            "ResourceInUseException".to_owned(),
            "Stream test under account 000000000000 already exists.".to_owned()
        )
    );
    assert_eq!(
        client.ok("DeleteStream", &json!({"StreamARN": ARN})),
        Value::Null
    );
    client
        .call("DescribeStream", &json!({"StreamName": "test"}))
        .error(400);
    client.ok("CreateStream", &create);
}

#[test]
fn streams_are_listed_by_page() {
    let server = TestServer::start();
    let mut client = server.client();
    for name in ["b", "a", "c"] {
        client.ok(
            "CreateStream",
            &json!({"StreamName": name, "ShardCount": 1}),
        );
    }
    let page = client.ok("ListStreams", &json!({"Limit": 2}));
    assert_eq!(page["StreamNames"], json!(["a", "b"]));
    assert_eq!(page["HasMoreStreams"], json!(true));
    assert_eq!(page["StreamSummaries"][1]["StreamName"], json!("b"));
    assert_eq!(
        page["StreamSummaries"][1]["StreamModeDetails"],
        json!({"StreamMode": "PROVISIONED"})
    );
    let page = client.ok("ListStreams", &json!({"NextToken": page["NextToken"]}));
    assert_eq!(page["StreamNames"], json!(["c"]));
    assert_eq!(
        (&page["HasMoreStreams"], page.get("NextToken")),
        (&json!(false), None)
    );
    let page = client.ok(
        "ListStreams",
        &json!({"ExclusiveStartStreamName": "a", "Limit": 10}),
    );
    assert_eq!(page["StreamNames"], json!(["b", "c"]));
}

#[test]
fn shards_are_listed_by_page_and_filter() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 3}),
    );
    let ids = |page: &Value| -> Vec<String> {
        let shards = page["Shards"].as_array().unwrap();
        shards
            .iter()
            .map(|shard| shard["ShardId"].as_str().unwrap()[18..].to_owned())
            .collect()
    };
    let page = client.ok(
        "ListShards",
        &json!({"StreamName": "test", "MaxResults": 2}),
    );
    assert_eq!(ids(&page), ["00", "01"]);
    let page = client.ok("ListShards", &json!({"NextToken": page["NextToken"]}));
    assert_eq!(ids(&page), ["02"]);
    assert_eq!(page.get("NextToken"), None);
    for (filter, expected) in [
        (json!({"Type": "AT_LATEST"}), vec!["00", "01", "02"]),
        (
            json!({"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000001"}),
            vec!["02"],
        ),
        (
            json!({"Type": "FROM_TIMESTAMP", "Timestamp": 1.5}),
            vec!["00", "01", "02"],
        ),
    ] {
        let body = json!({"StreamARN": ARN, "ShardFilter": filter});
        assert_eq!(ids(&client.ok("ListShards", &body)), expected);
    }
    assert_eq!(
        client.call("ListShards", &json!({})).error(400).1,
        "Either NextToken or StreamName should be provided."
    );
    let page = describe(
        &mut client,
        &json!({"StreamName": "test", "Limit": 1, "ExclusiveStartShardId": "0"}),
    );
    assert_eq!(
        (ids(&page), &page["HasMoreShards"]),
        (vec!["01".to_owned()], &json!(true))
    );
}

#[test]
fn retention_goes_up_and_down() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 1}),
    );
    let hours = |n: i32| json!({"StreamName": "test", "RetentionPeriodHours": n});
    assert_eq!(
        client.ok("IncreaseStreamRetentionPeriod", &hours(48)),
        Value::Null
    );
    let stream = describe(&mut client, &json!({"StreamName": "test"}));
    assert_eq!(stream["RetentionPeriodHours"], json!(48));
    assert_eq!(
        client
            .call("IncreaseStreamRetentionPeriod", &hours(47))
            .error(400),
        (
            "InvalidArgumentException".to_owned(),
            "Requested retention period (47 hours) for stream test can not be shorter than \
             existing retention period (48 hours). Use DecreaseRetentionPeriod API."
                .to_owned()
        )
    );
    assert_eq!(
        client.ok("DecreaseStreamRetentionPeriod", &hours(24)),
        Value::Null
    );
    for (n, end) in [(23, "is too short."), (8761, "is too long.")] {
        let (_, message) = client
            .call("IncreaseStreamRetentionPeriod", &hours(n))
            .error(400);
        assert!(message.ends_with(end), "{message}");
    }
}
