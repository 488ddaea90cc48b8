//! Requests as they arrive: head and body lead to an answer, or to an input no larger than they are.

use std::fmt::Debug;

use mainstem_wire::protocol::{Call, Head, route};
use mainstem_wire::reply::{Codec, Reply};
use mainstem_wire::{ApiError, Operation, OperationInput, types};

use crate::input::Input;

/// Reads the input of a call and shows it.
type Show = fn(Call<'_>) -> Result<String, ApiError>;

/// The operations that Mainstem serves, and how their inputs are read.
const SERVED: [(Operation, Show); 13] = [
    (Operation::CreateStream, shown::<types::CreateStreamInput>),
    (
        Operation::DecreaseStreamRetentionPeriod,
        shown::<types::DecreaseStreamRetentionPeriodInput>,
    ),
    (Operation::DeleteStream, shown::<types::DeleteStreamInput>),
    (
        Operation::DescribeLimits,
        shown::<types::DescribeLimitsInput>,
    ),
    (
        Operation::DescribeStream,
        shown::<types::DescribeStreamInput>,
    ),
    (
        Operation::DescribeStreamSummary,
        shown::<types::DescribeStreamSummaryInput>,
    ),
    (Operation::GetRecords, shown::<types::GetRecordsInput>),
    (
        Operation::GetShardIterator,
        shown::<types::GetShardIteratorInput>,
    ),
    (
        Operation::IncreaseStreamRetentionPeriod,
        shown::<types::IncreaseStreamRetentionPeriodInput>,
    ),
    (Operation::ListShards, shown::<types::ListShardsInput>),
    (Operation::ListStreams, shown::<types::ListStreamsInput>),
    (Operation::PutRecord, shown::<types::PutRecordInput>),
    (Operation::PutRecords, shown::<types::PutRecordsInput>),
];

/// Bytes that an answer or an input may have for each byte of the request, and besides: names of
/// members, and characters that are escaped when they are shown.
const GROWTH: usize = 40;
const BESIDES: usize = 4096;

fn shown<T: OperationInput + Debug>(call: Call<'_>) -> Result<String, ApiError> {
    call.input::<T>().map(|input| format!("{input:?}"))
}

/// One run.
///
/// # Panics
/// When an answer or an input is out of proportion, or is not what it says it is.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let choice = input.u8();
    let bound = data.len() * GROWTH + BESIDES;
    if choice == u8::MAX {
        return any_head(input, bound);
    }
    let (operation, show) = SERVED[usize::from(choice) % SERVED.len()];
    let target = format!("Kinesis_20131202.{operation}");
    let head = Head {
        method: "POST",
        content_type: Some("application/x-amz-json-1.1"),
        target: Some(&target),
    };
    let body = input.rest();
    let call = match route(head, body) {
        Ok(call) => call,
        Err(reply) => return answered(&reply, bound),
    };
    assert_eq!(call.operation(), operation);
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    assert!(is_json, "what was read is JSON");
    match show(call) {
        Ok(shown) => {
            assert!(shown.len() <= bound, "an input larger than the request");
            let again = route(head, body).ok().map(show);
            assert_eq!(again, Some(Ok(shown)), "the same bytes, the same input");
        }
        Err(error) => {
            assert_ne!(
                error,
                ApiError::internal_failure(),
                "shapes and types agree"
            );
            answered(&Reply::error(&error, Codec::Json), bound);
        }
    }
}

/// Head and body both as the input has them.
fn any_head(mut input: Input<'_>, bound: usize) {
    let mut text = || {
        let len = usize::from(input.u8() % 48);
        std::str::from_utf8(input.bytes(len)).ok()
    };
    let head = Head {
        method: text().filter(|method| !method.is_empty()).unwrap_or("POST"),
        content_type: text(),
        target: text(),
    };
    match route(head, input.rest()) {
        Ok(call) => {
            let operation = call.operation();
            if let Some((_, show)) = SERVED.iter().find(|(it, _)| *it == operation) {
                let _refused = show(call);
            }
        }
        Err(reply) => answered(&reply, bound),
    }
}

/// An answer in JSON is JSON, and no answer is out of proportion.
fn answered(reply: &Reply, bound: usize) {
    assert!(
        reply.body.len() <= bound,
        "an answer of {} bytes",
        reply.body.len()
    );
    let is_json = reply.content_type.is_some_and(|it| it.contains("json"));
    if is_json && !reply.body.is_empty() {
        let parsed = serde_json::from_slice::<serde_json::Value>(&reply.body);
        assert!(parsed.is_ok(), "an answer that is no JSON: {parsed:?}");
    }
}
