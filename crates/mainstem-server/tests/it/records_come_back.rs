//! Records that were put are read back, whatever the iterator.

use mainstem_server::ServerConfig;
use serde_json::{Value, json};

use crate::support::{Client, TestServer, head_and_body};

fn iterator(client: &mut Client, body: &Value) -> Value {
    let mut request = json!({"StreamName": "test", "ShardId": "shardId-000000000000"});
    for (key, value) in body.as_object().unwrap() {
        request[key] = value.clone();
    }
    client.ok("GetShardIterator", &request)["ShardIterator"].clone()
}

fn data(answer: &Value) -> Vec<&str> {
    let records = answer["Records"].as_array().unwrap();
    records
        .iter()
        .map(|record| record["Data"].as_str().unwrap())
        .collect()
}

fn read(client: &mut Client, iterator: &Value) -> Value {
    client.ok("GetRecords", &json!({"ShardIterator": iterator}))
}

#[test]
fn one_record_there_and_back() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 2}),
    );
    // "user signup"
    let body = json!({"StreamName": "test", "PartitionKey": "user1", "Data": "dXNlciBzaWdudXA="});
    let put = client.ok("PutRecord", &body);
    assert_eq!(put["ShardId"], json!("shardId-000000000000"));
    assert_eq!(put.get("EncryptionType"), None);
    let start = iterator(&mut client, &json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let found = read(&mut client, &start);
    assert_eq!(found["MillisBehindLatest"], json!(0));
    assert!(found["NextShardIterator"].is_string());
    assert_eq!(found.get("ChildShards"), None);
    let [record] = found["Records"].as_array().unwrap().as_slice() else {
        panic!("{found}");
    };
    assert_eq!(record["Data"], json!("dXNlciBzaWdudXA="));
    assert_eq!(record["PartitionKey"], json!("user1"));
    assert_eq!(record["SequenceNumber"], put["SequenceNumber"]);
    assert!(record["ApproximateArrivalTimestamp"].as_f64().unwrap() > 1.7e9);
    assert_eq!(record.get("EncryptionType"), None);
    let again = read(&mut client, &found["NextShardIterator"]);
    assert_eq!(again["Records"], json!([]));
}

#[test]
fn many_records_keep_their_order() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 2}),
    );
    let upper_half = (1_u128 << 127).to_string();
    let records: Vec<_> = (0..500)
        .map(|n| {
            let key = if n % 2 == 0 { "0" } else { &upper_half };
            json!({"PartitionKey": "k", "ExplicitHashKey": key, "Data": format!("{n:04}")})
        })
        .collect();
    let put = client.ok(
        "PutRecords",
        &json!({"StreamName": "test", "Records": records}),
    );
    assert_eq!(put["FailedRecordCount"], json!(0));
    let results = put["Records"].as_array().unwrap();
    assert_eq!(results.len(), 500);
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result["ShardId"], json!(format!("shardId-{:012}", n % 2)));
        assert_eq!(result["SequenceNumber"].as_str().unwrap().len(), 56);
        assert_eq!(result.get("ErrorCode"), None);
    }
    for half in 0..2 {
        let body = json!({"ShardIteratorType": "TRIM_HORIZON", "ShardId": half.to_string()});
        let mut next = iterator(&mut client, &body);
        let mut found = Vec::new();
        loop {
            let body = json!({"ShardIterator": next, "Limit": 100});
            let answer = client.ok("GetRecords", &body);
            if data(&answer).is_empty() {
                break;
            }
            found.extend(data(&answer).iter().map(|data| (*data).to_owned()));
            next = answer["NextShardIterator"].clone();
        }
        let expected: Vec<_> = (0..500)
            .filter(|n| n % 2 == half)
            .map(|n| format!("{n:04}"))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn all_five_kinds_of_iterator() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 1}),
    );
    let latest = iterator(&mut client, &json!({"ShardIteratorType": "LATEST"}));
    let mut put = |data: &str| {
        let body = json!({"StreamName": "test", "PartitionKey": "k", "Data": data});
        client.ok("PutRecord", &body)["SequenceNumber"].clone()
    };
    let numbers = [put("AAAA"), put("BBBB"), put("CCCC")];
    for (body, expected) in [
        (
            json!({"ShardIteratorType": "TRIM_HORIZON"}),
            vec!["AAAA", "BBBB", "CCCC"],
        ),
        (
            json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": numbers[1]}),
            vec!["BBBB", "CCCC"],
        ),
        (
            json!({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": numbers[1]}),
            vec!["CCCC"],
        ),
        (
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1.5}),
            vec!["AAAA", "BBBB", "CCCC"],
        ),
        (json!({"ShardIteratorType": "LATEST"}), vec![]),
    ] {
        let start = iterator(&mut client, &body);
        assert_eq!(data(&read(&mut client, &start)), expected, "{body}");
    }
    assert_eq!(data(&read(&mut client, &latest)), ["AAAA", "BBBB", "CCCC"]);
}

#[test]
fn errors_of_reading_and_writing() {
    let server = TestServer::start();
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 1}),
    );
    let too_large = "A".repeat(1_048_580);
    let hash_key = "340282366920938463463374607431768211456";
    for (operation, body, name, message) in [
        (
            "GetRecords",
            json!({"ShardIterator": "nonsense"}),
            "InvalidArgumentException",
            "Invalid ShardIterator.",
        ),
        (
            "GetShardIterator",
            json!({"StreamName": "test", "ShardId": "x", "ShardIteratorType": "LATEST"}),
            "ResourceNotFoundException",
            "Could not find shard x in stream test under account 000000000000.",
        ),
        (
            "GetShardIterator",
            json!({"StreamName": "test", "ShardId": "7", "ShardIteratorType": "LATEST"}),
            "ResourceNotFoundException",
            "Shard shardId-000000000007 in stream test under account 000000000000 does not exist",
        ),
        (
            "GetShardIterator",
            json!({"StreamName": "test", "ShardId": "0", "ShardIteratorType": "AT_TIMESTAMP"}),
            "InvalidArgumentException",
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current \
             request has no timestamp parameter.",
        ),
        (
            "PutRecord",
            json!({"StreamName": "test", "PartitionKey": "k", "Data": "", "ExplicitHashKey": hash_key}),
            "InvalidArgumentException",
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
             Specified value was 340282366920938463463374607431768211456",
        ),
        (
            "PutRecords",
            json!({
                "StreamName": "test",
                "Records": [
                    {"PartitionKey": "k", "Data": ""},
                    {"PartitionKey": "k", "Data": too_large.repeat(2)},
                ],
            }),
            "ValidationException",
            "1 validation error detected: Value at 'records.2.member.data' failed to satisfy \
             constraint: Member must have length less than or equal to 1048576.",
        ),
        (
            "GetShardIterator",
            json!({
                "StreamName": "test", "ShardId": "0", "ShardIteratorType": "LATEST", "DryRun": true,
            }),
            "DryRunOperationException",
            "The request would have succeeded, but it is a dry run.",
        ),
    ] {
        let found = client.call(operation, &body).error(400);
        assert_eq!(found, (name.to_owned(), message.to_owned()), "{operation}");
    }
    let start = iterator(&mut client, &json!({"ShardIteratorType": "TRIM_HORIZON"}));
    assert_eq!(read(&mut client, &start)["Records"], json!([]));
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let server = TestServer::start_with(ServerConfig {
        // One answer at a time.
        answers_bytes_max: 16 * 1024 * 1024,
        body_timeout_ms: 500,
        ..Default::default()
    });
    let mut client = server.client();
    client.ok(
        "CreateStream",
        &json!({"StreamName": "test", "ShardCount": 1, "MaxRecordSizeInKiB": 10240}),
    );
    let large = "A".repeat((10 * 1024 * 1024 - 1) / 3 * 4);
    let body = json!({"StreamName": "test", "PartitionKey": "k", "Data": large});
    client.ok("PutRecord", &body);
    let start = iterator(&mut client, &json!({"ShardIteratorType": "TRIM_HORIZON"}));
    let request = json!({"ShardIterator": start}).to_string();
    let headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "Kinesis_20131202.GetRecords"),
    ];
    let request = head_and_body("POST", "/", &headers, request.as_bytes());
    let mut unread = server.client();
    unread.send(&request);
    unread.peek();
    client.send(&request);
    assert_eq!(client.read().status, 503);
    // What does not carry records goes on.
    server.client().ok("ListStreams", &json!({}));
    assert_eq!(data(&unread.read().json()), [large.as_str()]);
    assert_eq!(data(&read(&mut server.client(), &start)), [large.as_str()]);
}
