//! One test per row of the order of checks.

use proptest::prelude::*;

use super::*;
use crate::types::{DescribeLimitsInput, PutRecordInput};

const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";
const PUT: &str = "Kinesis_20131202.PutRecord";

fn refused(method: &str, content_type: &str, target: &str, body: &str) -> (u16, String, String) {
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let head = Head {
        method,
        content_type: some(leak(content_type)),
        target: some(leak(target)),
    };
    let reply = route(head, body.as_bytes()).unwrap_err();
    (
        reply.status,
        reply.content_type.unwrap_or_default().to_owned(),
        String::from_utf8_lossy(&reply.body).into_owned(),
    )
}

fn call(target: &str, body: &'static str) -> Call<'static> {
    let head = Head {
        method: "POST",
        content_type: Some(JSON),
        target: Some(target),
    };
    route(head, body.as_bytes()).unwrap()
}

const DENIED: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation \
                      name to be authorized</Message>\n</AccessDeniedException>\n";

#[test]
fn other_methods() {
    for method in ["GET", "PUT", "HEAD", "OPTIONS"] {
        assert_eq!(
            refused(method, JSON, PUT, "{}"),
            (403, String::new(), DENIED.to_owned())
        );
    }
}

#[test]
fn empty_bodies() {
    let serialization = r#"{"__type":"SerializationException"}"#;
    let unknown = r#"{"__type":"UnknownOperationException"}"#;
    assert_eq!(
        refused("POST", JSON, PUT, ""),
        (400, JSON.into(), serialization.into())
    );
    for target in [
        "",
        "Kinesis_20131202",
        "Kinesis_20131202.Nonsense",
        "Other.PutRecord",
    ] {
        assert_eq!(
            refused("POST", JSON, target, ""),
            (400, JSON.into(), unknown.into())
        );
    }
    for content_type in ["", CBOR, "application/json", "text/plain"] {
        let (status, answered, body) = refused("POST", content_type, PUT, "");
        assert_eq!((status, answered.as_str()), (400, CBOR));
        assert!(body.contains("SerializationException"), "{body}");
        let (status, _, body) = refused("POST", content_type, "", "");
        assert_eq!(status, 400);
        assert!(body.contains("UnknownOperationException"), "{body}");
    }
}

#[test]
fn other_content_types() {
    for target in ["", "Kinesis_20131202", ".PutRecord", "Kinesis_20131202."] {
        assert_eq!(
            refused("POST", "text/plain", target, "{}"),
            (403, String::new(), DENIED.to_owned()),
            "{target}"
        );
    }
    for target in [PUT, "Kinesis_20131202.Nonsense", "Other.Nonsense"] {
        assert_eq!(
            refused("POST", "", target, "{}"),
            (
                404,
                String::new(),
                "<UnknownOperationException/>\n".to_owned()
            ),
            "{target}"
        );
    }
}

#[test]
fn bodies_that_do_not_parse() {
    for body in ["x", "[]", "{", "null", "{\"a\":1}}"] {
        for target in [PUT, "", "Kinesis_20131202.Nonsense"] {
            assert_eq!(
                refused("POST", JSON, target, body),
                (
                    400,
                    JSON.into(),
                    r#"{"__type":"SerializationException"}"#.into()
                ),
                "{body}"
            );
        }
        assert_eq!(
            refused("POST", "application/json", PUT, body),
            (
                400,
                "application/json".into(),
                r#"{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#
                    .into()
            )
        );
    }
}

#[test]
fn plain_json_has_no_operations() {
    assert_eq!(
        refused("POST", "application/json; charset=utf-8", PUT, "{}"),
        (
            404,
            "application/json".into(),
            r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#
                .into()
        )
    );
}

#[test]
fn unknown_operations() {
    for target in [
        "",
        "PutRecord",
        "Kinesis_20131202.Put",
        "Kinesis_20131203.PutRecord",
    ] {
        assert_eq!(
            refused("POST", JSON, target, "{}"),
            (
                400,
                JSON.into(),
                r#"{"__type":"UnknownOperationException"}"#.into()
            ),
            "{target}"
        );
    }
}

#[test]
fn cbor_is_refused_in_cbor() {
    let (status, content_type, body) = refused("POST", CBOR, PUT, "\u{0}");
    assert_eq!((status, content_type.as_str()), (400, CBOR));
    assert!(body.contains("UnsupportedOperationException"));
}

#[test]
fn type_errors_come_before_constraints() {
    let error = call(PUT, r#"{"PartitionKey":"","Data":7}"#).input::<PutRecordInput>();
    assert_eq!(error.unwrap_err().name(), "SerializationException");
    let error = call(PUT, r#"{"PartitionKey":"","Data":""}"#).input::<PutRecordInput>();
    assert_eq!(error.unwrap_err().name(), "ValidationException");
}

#[test]
fn a_good_call_gives_its_input() {
    let call = call(
        PUT,
        r#"{"StreamName":"s","Data":"YWI=","PartitionKey":"k","StreamId":"abcdefghijklmnopqrst-abc"}"#,
    );
    assert_eq!(call.operation(), Operation::PutRecord);
    let input = call.input::<PutRecordInput>().unwrap();
    assert_eq!(
        input,
        PutRecordInput {
            sequence_number_for_ordering: None,
            partition_key: Some("k".into()),
            explicit_hash_key: None,
            data: bytes::Bytes::from_static(b"ab"),
            stream_name: Some("s".into()),
            stream_arn: None,
            dry_run: None,
        }
    );
}

#[test]
fn the_input_of_another_operation_is_refused() {
    let error = call("Kinesis_20131202.DescribeLimits", "{}").input::<PutRecordInput>();
    assert_eq!(error.unwrap_err().status(), 500);
    assert!(
        call("Kinesis_20131202.DescribeLimits", "{}")
            .input::<DescribeLimitsInput>()
            .is_ok()
    );
}

/// Names every operation the server serves, so that its generated input is converted too.
macro_rules! inputs_convert {
    ($($input:ident $body:literal)*) => {
        #[test]
        fn every_typed_input_converts() {
            $({
                let target = format!("Kinesis_20131202.{}", crate::types::$input::OPERATION);
                call(&target, $body).input::<crate::types::$input>().unwrap();
            })*
        }
    };
}

inputs_convert! {
    CreateStreamInput r#"{"StreamName":"s","ShardCount":1,"StreamModeDetails":{"StreamMode":"ON_DEMAND"},"Tags":{"a":"b"}}"#
    DecreaseStreamRetentionPeriodInput r#"{"StreamName":"s","RetentionPeriodHours":24}"#
    DeleteStreamInput r#"{"StreamName":"s","EnforceConsumerDeletion":true}"#
    DescribeStreamInput r#"{"StreamName":"s"}"#
    DescribeStreamSummaryInput r#"{"StreamName":"s"}"#
    GetRecordsInput r#"{"ShardIterator":"i"}"#
    GetShardIteratorInput r#"{"ShardId":"0","ShardIteratorType":"LATEST","Timestamp":1.5}"#
    IncreaseStreamRetentionPeriodInput r#"{"StreamName":"s","RetentionPeriodHours":24}"#
    ListShardsInput r#"{"ShardFilter":{"Type":"AT_LATEST"}}"#
    ListStreamsInput r#"{"Limit":1}"#
    PutRecordsInput r#"{"Records":[{"PartitionKey":"k","Data":""}]}"#
}

proptest! {
    #[test]
    fn no_request_panics(
        method in "POST|GET|[A-Z]{0,6}",
        content_type in "application/x-amz-json-1.1|application/json|\\PC{0,30}",
        target in "Kinesis_20131202\\.(PutRecords|GetRecords|CreateStream)|\\PC{0,30}",
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let head =
            Head { method: &method, content_type: Some(&content_type), target: Some(&target) };
        let _ = route(head, &body);
    }
}
