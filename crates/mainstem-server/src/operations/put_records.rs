//! `PutRecords`.

use mainstem_streams::{PutRecordOutput, PutRecordsEntry, PutRecordsInput, RecordFailure, Streams};
use mainstem_wire::{ApiError, Operation, reply::Reply, types};

use super::{failure::told, number::wire_int, target};
use crate::dispatch::Progress;

/// Starts the writes. The rest waits until each record is durable or has failed.
pub(crate) fn begin(
    streams: &Streams,
    input: &types::PutRecordsInput,
) -> Result<Progress, ApiError> {
    let name = target::stream(
        streams,
        input.stream_name.as_deref(),
        input.stream_arn.as_deref(),
    )?;
    let records = input.records.iter().enumerate().map(entry);
    let records = records.collect::<Result<Vec<_>, _>>()?;
    if input.dry_run == Some(true) {
        return Err(ApiError::member_not_supported_yet(
            Operation::PutRecords,
            "DryRun",
        ));
    }
    let pending = streams
        .put_records_async(&PutRecordsInput {
            stream: &name,
            records: &records,
        })
        .map_err(|error| told(&error))?;
    Ok(Progress::Waiting(Box::pin(async move {
        let stored = pending.await;
        Ok(Reply::output(&types::PutRecordsOutput {
            failed_record_count: Some(wire_int(stored.failed_count())),
            records: stored.records.iter().map(result).collect(),
            encryption_type: None,
        }))
    })))
}

fn entry(
    (index, entry): (usize, &types::PutRecordsRequestEntry),
) -> Result<PutRecordsEntry<'_>, ApiError> {
    let missing = || {
        let number = index.saturating_add(1);
        ApiError::member_missing(&format!("records.{number}.member.partitionKey"))
    };
    Ok(PutRecordsEntry {
        data: &entry.data,
        partition_key: entry.partition_key.as_deref().ok_or_else(missing)?,
        explicit_hash_key: entry.explicit_hash_key.as_deref(),
    })
}

fn result(record: &Result<PutRecordOutput, RecordFailure>) -> types::PutRecordsResultEntry {
    match record {
        Ok(stored) => types::PutRecordsResultEntry {
            sequence_number: Some(stored.sequence_number.to_string()),
            shard_id: Some(stored.shard.to_string()),
            error_code: None,
            error_message: None,
        },
        Err(failure) => types::PutRecordsResultEntry {
            sequence_number: None,
            shard_id: None,
            error_code: Some(failure.code().to_owned()),
            error_message: Some(failure.message().to_owned()),
        },
    }
}
