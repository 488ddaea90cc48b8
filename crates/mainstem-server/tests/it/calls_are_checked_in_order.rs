//! What a request is gets decided in the order of Kinesis, and every answer has its ids.

use serde_json::json;

use crate::support::TestServer;

const JSON: &str = "application/x-amz-json-1.1";
const PUT: &str = "Kinesis_20131202.PutRecord";

#[test]
fn every_answer_has_ids_and_a_date() {
    let server = TestServer::start();
    let mut client = server.client();
    let first = client.call("ListStreams", &json!({}));
    let second = client.call("Nonsense", &json!({}));
    for answer in [&first, &second] {
        assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 36);
        assert_eq!(answer.header("x-amz-id-2").unwrap().len(), 96);
        assert!(answer.header("date").unwrap().ends_with(" GMT"));
        assert_eq!(answer.header("content-type"), Some(JSON));
        assert_eq!(answer.header("x-amz-crc32"), None);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_ne!(
        first.header("x-amzn-requestid"),
        second.header("x-amzn-requestid")
    );
}

#[test]
fn what_is_no_call() {
    let server = TestServer::start();
    let mut client = server.client();
    let answer = client.request("GET", "/", &[], b"");
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), None);
    assert!(
        answer
            .text()
            .starts_with("<AccessDeniedException>\n  <Message>")
    );
    assert_eq!(answer.header("x-amz-id-2").unwrap().len(), 96);

    let json_put = [("Content-Type", JSON), ("X-Amz-Target", PUT)];
    let answer = client.request("POST", "/", &json_put, b"");
    assert_eq!(
        (answer.status, answer.text()),
        (400, r#"{"__type":"SerializationException"}"#)
    );

    let answer = client.request("POST", "/", &[("X-Amz-Target", PUT)], b"");
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-amz-cbor-1.1")
    );
    assert_eq!(answer.body, b"\xbf\x66__type\x76SerializationException\xff");

    let answer = client.request("POST", "/", &[("X-Amz-Target", PUT)], b"{}");
    assert_eq!(
        (answer.status, answer.text()),
        (404, "<UnknownOperationException/>\n")
    );

    let answer = client.request("POST", "/any/path?q", &json_put, b"{");
    assert_eq!(
        (answer.status, answer.text()),
        (400, r#"{"__type":"SerializationException"}"#)
    );

    let nonsense = [
        ("Content-Type", JSON),
        ("X-Amz-Target", "Kinesis_20131202.Nonsense"),
    ];
    let answer = client.request("POST", "/", &nonsense, b"{}");
    assert_eq!(
        (answer.status, answer.text()),
        (400, r#"{"__type":"UnknownOperationException"}"#)
    );
}

#[test]
fn types_before_constraints_before_the_stream() {
    let server = TestServer::start();
    let mut client = server.client();
    let body = json!({"StreamName": "", "PartitionKey": "", "Data": 1});
    assert_eq!(
        client.call("PutRecord", &body).json(),
        json!({
            "__type": "SerializationException",
            "Message": "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be \
                        converted to a Blob",
        })
    );
    let body = json!({"StreamName": "s", "PartitionKey": "", "Data": ""});
    assert_eq!(
        client.call("PutRecord", &body).error(400),
        (
            "ValidationException".to_owned(),
            "1 validation error detected: Value '' at 'partitionKey' failed to satisfy constraint: \
             Member must have length greater than or equal to 1"
                .to_owned()
        )
    );
    let body = json!({"StreamName": "s", "PartitionKey": "k", "Data": ""});
    assert_eq!(
        client.call("PutRecord", &body).error(400),
        (
            "ResourceNotFoundException".to_owned(),
            "Stream s under account 000000000000 not found.".to_owned()
        )
    );
}

#[test]
fn missing_members_that_the_model_leaves_optional() {
    let server = TestServer::start();
    let mut client = server.client();
    let null = |path: &str| {
        (
            "ValidationException".to_owned(),
            format!(
                "1 validation error detected: Value null at '{path}' failed to satisfy constraint: \
                 Member must not be null"
            ),
        )
    };
    assert_eq!(
        client.call("DescribeStream", &json!({})).error(400),
        null("streamName")
    );
    let body = json!({"StreamName": "s", "Data": ""});
    assert_eq!(
        client.call("PutRecord", &body).error(400),
        null("partitionKey")
    );
    let records = json!([{"Data": "", "PartitionKey": "k"}, {"Data": ""}]);
    let body = json!({"StreamName": "s", "Records": records});
    let path = "records.2.member.partitionKey";
    assert_eq!(client.call("PutRecords", &body).error(400), null(path));
}

#[test]
fn what_is_known_and_not_built_says_so() {
    let server = TestServer::start();
    let mut client = server.client();
    assert_eq!(
        client
            .call("SplitShard", &json!({"StreamName": "s"}))
            .error(400),
        (
            "UnsupportedOperationException".to_owned(),
            "Operation SplitShard is known but not supported yet by this version of Mainstem."
                .to_owned()
        )
    );
    for (operation, body, member) in [
        (
            "CreateStream",
            json!({"StreamName": "s", "Tags": {"a": "b"}}),
            "Tags",
        ),
        (
            "CreateStream",
            json!({"StreamName": "s", "RecordDistributionStrategy": "AUTO"}),
            "RecordDistributionStrategy",
        ),
        (
            "PutRecord",
            json!({"StreamName": "s", "PartitionKey": "k", "Data": "", "DryRun": true}),
            "DryRun",
        ),
    ] {
        let (name, message) = client.call(operation, &body).error(400);
        assert_eq!(name, "UnsupportedOperationException");
        assert!(message.contains(member), "{message}");
    }
    assert_eq!(
        client.ok("ListStreams", &json!({}))["StreamNames"],
        json!([])
    );
}

#[test]
fn arns_that_name_no_stream_of_this_server() {
    let server = TestServer::start();
    let mut client = server.client();
    for (arn, expected) in [
        (
            "arn:aws:kinesis:us-east-1:000000000000:stream/s",
            "ResourceNotFoundException",
        ),
        (
            "arn:aws:kinesis:us-east-1:000000000000:stream/a/b",
            "InvalidArgumentException",
        ),
        (
            "arn:aws:kinesis:us-east-1:0:stream/s",
            "ValidationException",
        ),
    ] {
        let (name, _) = client
            .call("DescribeStream", &json!({"StreamARN": arn}))
            .error(400);
        assert_eq!(name, expected, "{arn}");
    }
}
