//! Constraint errors word for word.

use super::*;
use crate::{generated::shapes, json};

fn message(shape: &'static Shape, body: &str) -> String {
    let value = json::read_input(shape, body.as_bytes()).unwrap().unwrap();
    let error = check(shape, &value).unwrap_err();
    assert_eq!((error.name(), error.status()), ("ValidationException", 400));
    error.message().unwrap().to_owned()
}

fn accepts(shape: &'static Shape, body: &str) {
    let value = json::read_input(shape, body.as_bytes()).unwrap().unwrap();
    assert_eq!(check(shape, &value), Ok(()), "{body}");
}

#[test]
fn missing_members() {
    assert_eq!(
        message(&shapes::CREATE_STREAM_INPUT, "{}"),
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: \
         Member must not be null"
    );
    assert_eq!(
        message(&shapes::GET_SHARD_ITERATOR_INPUT, "{}"),
        "2 validation errors detected: Value null at 'shardId' failed to satisfy constraint: \
         Member must not be null; Value null at 'shardIteratorType' failed to satisfy constraint: \
         Member must not be null"
    );
}

#[test]
fn an_empty_name_breaks_pattern_and_length() {
    assert_eq!(
        message(&shapes::DELETE_STREAM_INPUT, r#"{"StreamName":""}"#),
        "2 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at \
         'streamName' failed to satisfy constraint: Member must have length greater than or equal \
         to 1"
    );
}

#[test]
fn a_long_bad_name_breaks_pattern_and_length() {
    let name = "abc;".repeat(33);
    assert_eq!(
        message(
            &shapes::DELETE_STREAM_INPUT,
            &format!(r#"{{"StreamName":"{name}"}}"#)
        ),
        format!(
            "2 validation errors detected: Value '{name}' at 'streamName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value \
             '{name}' at 'streamName' failed to satisfy constraint: Member must have length less \
             than or equal to 128"
        )
    );
}

#[test]
fn numbers_out_of_range() {
    assert_eq!(
        message(
            &shapes::CREATE_STREAM_INPUT,
            r#"{"ShardCount":0,"StreamName":"s"}"#
        ),
        "1 validation error detected: Value '0' at 'shardCount' failed to satisfy constraint: \
         Member must have value greater than or equal to 1"
    );
    assert_eq!(
        message(
            &shapes::GET_RECORDS_INPUT,
            r#"{"ShardIterator":"i","Limit":10001}"#
        ),
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: \
         Member must have value less than or equal to 10000"
    );
    for limit in [1, 10_000] {
        let body = format!(r#"{{"ShardIterator":"i","Limit":{limit}}}"#);
        accepts(&shapes::GET_RECORDS_INPUT, &body);
    }
}

#[test]
fn iterator_types_are_listed_in_the_recorded_order() {
    assert_eq!(
        message(
            &shapes::GET_SHARD_ITERATOR_INPUT,
            r#"{"ShardId":"shardId-0","ShardIteratorType":"","StreamName":"s"}"#
        ),
        "1 validation error detected: Value '' at 'shardIteratorType' failed to satisfy \
         constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, \
         AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
    );
}

#[test]
fn recorded_order_of_fields() {
    let at = |text: &str, body: &str, shape| {
        let message = message(shape, body);
        let positions: Vec<_> = text
            .split(' ')
            .map(|path| message.find(&format!("'{path}'")).unwrap())
            .collect();
        assert!(positions.is_sorted(), "{message}");
    };
    at(
        "sequenceNumberForOrdering partitionKey explicitHashKey data streamName",
        r#"{"StreamName":"","PartitionKey":"","ExplicitHashKey":"","SequenceNumberForOrdering":""}"#,
        &shapes::PUT_RECORD_INPUT,
    );
    at(
        "limit exclusiveStartShardId streamName",
        r#"{"StreamName":"","ExclusiveStartShardId":"","Limit":0}"#,
        &shapes::DESCRIBE_STREAM_INPUT,
    );
    at(
        "exclusiveStartShardId maxResults nextToken streamName",
        r#"{"StreamName":"","ExclusiveStartShardId":"","MaxResults":0,"NextToken":""}"#,
        &shapes::LIST_SHARDS_INPUT,
    );
    at(
        "shardId shardIteratorType startingSequenceNumber streamName",
        r#"{"StreamName":"","ShardId":"","ShardIteratorType":"","StartingSequenceNumber":""}"#,
        &shapes::GET_SHARD_ITERATOR_INPUT,
    );
    at(
        "newStartingHashKey streamName shardToSplit",
        r#"{"StreamName":"","NewStartingHashKey":"","ShardToSplit":""}"#,
        &shapes::SPLIT_SHARD_INPUT,
    );
}

#[test]
fn number_patterns_print_without_anchors() {
    let body = r#"{"PartitionKey":"k","Data":"","StreamName":"s","ExplicitHashKey":"01"}"#;
    assert_eq!(
        message(&shapes::PUT_RECORD_INPUT, body),
        r"1 validation error detected: Value '01' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})"
    );
    let body = r#"{"PartitionKey":"k","Data":"","SequenceNumberForOrdering":"x"}"#;
    assert!(message(&shapes::PUT_RECORD_INPUT, body).ends_with(r"pattern: 0|([1-9]\d{0,128})"));
}

#[test]
fn records_are_counted_from_one() {
    assert_eq!(
        message(
            &shapes::PUT_RECORDS_INPUT,
            r#"{"Records":[{"PartitionKey":"k","Data":""},{"PartitionKey":"","Data":null}]}"#
        ),
        "2 validation errors detected: Value '' at 'records.2.member.partitionKey' failed to \
         satisfy constraint: Member must have length greater than or equal to 1; Value null at \
         'records.2.member.data' failed to satisfy constraint: Member must not be null"
    );
    assert_eq!(
        message(&shapes::PUT_RECORDS_INPUT, r#"{"Records":[null]}"#),
        "1 validation error detected: Value null at 'records.1.member' failed to satisfy \
         constraint: Member must not be null"
    );
    assert_eq!(
        message(&shapes::PUT_RECORDS_INPUT, r#"{"Records":[]}"#),
        "1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: \
         Member must have length greater than or equal to 1"
    );
}

#[test]
fn five_hundred_records_and_no_more() {
    let body = |n| {
        let record = r#"{"PartitionKey":"k","Data":"YQ=="}"#;
        format!(
            r#"{{"StreamName":"s","Records":[{}]}}"#,
            vec![record; n].join(",")
        )
    };
    accepts(&shapes::PUT_RECORDS_INPUT, &body(500));
    assert!(message(&shapes::PUT_RECORDS_INPUT, &body(501)).ends_with(
        "at 'records' failed to satisfy constraint: Member must have length less than or \
             equal to 500"
    ));
}

#[test]
fn at_most_ten_errors() {
    let record = r#"{"PartitionKey":"","Data":""}"#;
    let body = format!(r#"{{"Records":[{}]}}"#, vec![record; 20].join(","));
    let message = message(&shapes::PUT_RECORDS_INPUT, &body);
    assert!(message.starts_with("10 validation errors detected: "));
    assert_eq!(message.matches("; ").count(), 9);
    assert!(message.contains("'records.10.member.partitionKey'"));
    assert!(!message.contains("'records.11.member.partitionKey'"));
}

#[test]
fn partition_keys_count_characters() {
    for (key, fits) in [("ä".repeat(256), true), ("ä".repeat(257), false)] {
        let body = format!(r#"{{"PartitionKey":"{key}","Data":""}}"#);
        if fits {
            accepts(&shapes::PUT_RECORD_INPUT, &body);
        } else {
            assert!(message(&shapes::PUT_RECORD_INPUT, &body).ends_with("or equal to 256"));
        }
    }
}

#[test]
fn data_counts_bytes_and_is_not_printed() {
    let blob = |n: usize| {
        let mut writer = json::JsonWriter::default();
        writer.begin_object();
        writer.member("PartitionKey", "k");
        writer.member("Data", &bytes::Bytes::from(vec![7; n]));
        writer.end_object();
        String::from_utf8(writer.into_bytes()).unwrap()
    };
    accepts(&shapes::PUT_RECORD_INPUT, &blob(10_485_760));
    assert_eq!(
        message(&shapes::PUT_RECORD_INPUT, &blob(10_485_761)),
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 \
         cap=10485761]' at 'data' failed to satisfy constraint: Member must have length less than \
         or equal to 10485760"
    );
}

#[test]
fn tags_report_keys_values_and_lists_as_a_whole() {
    let add = &shapes::ADD_TAGS_TO_STREAM_INPUT;
    let long = "x".repeat(257);
    assert_eq!(
        message(add, r#"{"StreamName":"s","Tags":{"":"v"}}"#),
        "1 validation error detected: Value '{=v}' at 'tags' failed to satisfy constraint: Map \
         keys must satisfy constraint: [Member must have length less than or equal to 128, Member \
         must have length greater than or equal to 1]"
    );
    assert_eq!(
        message(
            add,
            &format!(r#"{{"StreamName":"s","Tags":{{"k":"{long}"}}}}"#)
        ),
        format!(
            "1 validation error detected: Value '{{k={long}}}' at 'tags' failed to satisfy \
             constraint: Map value must satisfy constraint: [Member must have length less than or \
             equal to 256, Member must have length greater than or equal to 0]"
        )
    );
    assert_eq!(
        message(add, r#"{"StreamName":"s","Tags":{"k":null}}"#),
        "1 validation error detected: Value null at 'tags.k.member' failed to satisfy constraint: \
         Member must not be null"
    );
    assert_eq!(
        message(
            &shapes::REMOVE_TAGS_FROM_STREAM_INPUT,
            r#"{"StreamName":"s","TagKeys":["a",""]}"#
        ),
        "1 validation error detected: Value '[a, ]' at 'tagKeys' failed to satisfy constraint: \
         Member must satisfy constraint: [Member must have length less than or equal to 128, \
         Member must have length greater than or equal to 1]"
    );
}

#[test]
fn patterns_match_whole_texts() {
    let get = &shapes::DESCRIBE_STREAM_SUMMARY_INPUT;
    accepts(
        get,
        r#"{"StreamARN":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}"#,
    );
    accepts(
        get,
        r#"{"StreamName":"aZ09_.-","StreamId":"abcdefghijklmnopqrst-123"}"#,
    );
    for arn in [
        "xarn:aws:kinesis:r:000000000000:stream/s",
        "arn:aws:kinesis:r:1:stream/s",
    ] {
        let body = format!(r#"{{"StreamARN":"{arn}"}}"#);
        assert!(message(get, &body).contains(r"pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+"));
    }
    assert!(message(get, "{\"StreamName\":\"a\\n\"}").contains("[a-zA-Z0-9_.-]+"));
}
