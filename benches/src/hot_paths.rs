//! What is done for each record outside of the log: finding its shard, reading requests, writing
//! answers. With inputs that are the same in every run.

use std::num::NonZeroU32;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use mainstem_types::{HashKey, HashKeyRange};
use mainstem_wire::protocol::{self, Head};
use mainstem_wire::reply::Reply;
use mainstem_wire::types::{GetRecordsOutput, PutRecordsInput, Record};

/// Records of a request or an answer: as many as `PutRecords` takes.
pub const REQUEST_RECORDS: usize = 500;

/// Returns the hash-key ranges of a stream of so many shards.
pub fn ranges(shards: NonZeroU32) -> Vec<HashKeyRange> {
    HashKeyRange::FULL.even_split(shards)
}

/// Returns the shard whose range has the hash key of `partition_key`, as streams find it.
pub fn route(ranges: &[HashKeyRange], partition_key: &str) -> Option<usize> {
    let key = HashKey::of_partition_key(partition_key);
    let place = ranges.partition_point(|range| range.end() < key);
    ranges.get(place)?.contains(key).then_some(place)
}

/// Returns partition keys as programs have them: the names of things, numbered.
pub fn partition_keys(count: usize) -> Vec<String> {
    (0..count).map(|it| format!("device-{it:06}")).collect()
}

/// Returns the body of a `PutRecords` request with [`REQUEST_RECORDS`] records of `bytes` bytes.
pub fn put_records_body(bytes: usize) -> Vec<u8> {
    // Base64 of zeros is a row of A's; the length decides the padding.
    let data = match bytes % 3 {
        0 => "A".repeat(bytes / 3 * 4),
        1 => "A".repeat(bytes / 3 * 4 + 2) + "==",
        _ => "A".repeat(bytes / 3 * 4 + 3) + "=",
    };
    let entries: Vec<String> = partition_keys(REQUEST_RECORDS)
        .iter()
        .map(|key| format!(r#"{{"Data":"{data}","PartitionKey":"{key}"}}"#))
        .collect();
    let records = entries.join(",");
    format!(r#"{{"StreamName":"orders","Records":[{records}]}}"#).into_bytes()
}

/// Reads such a body as the server does, constraints included.
///
/// # Errors
/// What the client would be told.
pub fn decode_put_records(body: &[u8]) -> Result<PutRecordsInput> {
    let head = Head {
        method: "POST",
        content_type: Some("application/x-amz-json-1.1"),
        target: Some("Kinesis_20131202.PutRecords"),
    };
    let call = protocol::route(head, body).map_err(|reply| anyhow!("refused: {reply:?}"))?;
    call.input().map_err(|error| anyhow!("refused: {error:?}"))
}

/// Returns an answer to `GetRecords` with [`REQUEST_RECORDS`] records of `bytes` bytes.
pub fn get_records_output(bytes: usize) -> GetRecordsOutput {
    let data = Bytes::from(vec![0x5A; bytes]);
    let record = |partition_key| Record {
        sequence_number: "49590338271490256608559692538361571095921575989136588898".to_owned(),
        approximate_arrival_timestamp_ms: Some(1_700_000_000_123),
        data: data.clone(),
        partition_key: Some(partition_key),
        encryption_type: None,
    };
    GetRecordsOutput {
        records: partition_keys(REQUEST_RECORDS)
            .into_iter()
            .map(record)
            .collect(),
        next_shard_iterator: Some("A".repeat(200)),
        millis_behind_latest: Some(0),
        child_shards: None,
    }
}

/// Writes an answer as the server does.
pub fn encode_get_records(output: &GetRecordsOutput) -> Reply {
    Reply::output(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_what_they_say() {
        for bytes in [0, 1, 2, 3, 100, 1024] {
            let input = decode_put_records(&put_records_body(bytes)).unwrap();
            assert_eq!(input.records.len(), REQUEST_RECORDS);
            assert!(input.records.iter().all(|it| it.data.len() == bytes));
        }
        let reply = encode_get_records(&get_records_output(1024));
        assert!(reply.body.len() > REQUEST_RECORDS * 1024);
    }

    #[test]
    fn every_key_leads_to_a_shard() {
        let ranges = ranges(NonZeroU32::new(64).unwrap());
        let mut hit = [false; 64];
        for key in partition_keys(2000) {
            hit[route(&ranges, &key).unwrap()] = true;
        }
        assert!(hit.iter().all(|it| *it));
    }
}
