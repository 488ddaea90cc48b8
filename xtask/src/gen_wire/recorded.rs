//! What the model does not say and answers of Kinesis show.

/// Operations for which Rust structures of input and output are generated.
pub(crate) const TYPED_OPERATIONS: &[&str] = &[
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteStream",
    "DescribeLimits",
    "DescribeStream",
    "DescribeStreamSummary",
    "GetRecords",
    "GetShardIterator",
    "IncreaseStreamRetentionPeriod",
    "ListShards",
    "ListStreams",
    "PutRecord",
    "PutRecords",
];

/// Members that clients may send and that mean nothing; the Rust structures leave them out.
pub(crate) const IGNORED_MEMBERS: &[&str] = &["StreamId"];

/// Returns the order in which Kinesis reports constraint errors of a structure's members.
///
/// Only members that existed when the answers were recorded are listed.
pub(crate) fn member_order(structure: &str) -> &'static [&'static str] {
    match structure {
        "AddTagsToStreamInput" => &["Tags", "StreamName"],
        "CreateStreamInput" => &["ShardCount", "StreamName"],
        "DescribeStreamInput" => &["Limit", "ExclusiveStartShardId", "StreamName"],
        "GetRecordsInput" => &["Limit", "ShardIterator"],
        "GetShardIteratorInput" => &[
            "ShardId",
            "ShardIteratorType",
            "StartingSequenceNumber",
            "StreamName",
        ],
        "ListShardsInput" => &[
            "ExclusiveStartShardId",
            "MaxResults",
            "NextToken",
            "StreamName",
        ],
        "ListTagsForStreamInput" => &["Limit", "ExclusiveStartTagKey", "StreamName"],
        "MergeShardsInput" => &["ShardToMerge", "AdjacentShardToMerge", "StreamName"],
        "PutRecordInput" => &[
            "SequenceNumberForOrdering",
            "PartitionKey",
            "ExplicitHashKey",
            "Data",
            "StreamName",
        ],
        "PutRecordsInput" => &["Records", "StreamName"],
        "PutRecordsRequestEntry" => &["PartitionKey", "ExplicitHashKey", "Data"],
        "RemoveTagsFromStreamInput" => &["TagKeys", "StreamName"],
        "IncreaseStreamRetentionPeriodInput" | "DecreaseStreamRetentionPeriodInput" => {
            &["RetentionPeriodHours", "StreamName"]
        }
        "SplitShardInput" => &["NewStartingHashKey", "StreamName", "ShardToSplit"],
        _ => &[],
    }
}

/// Returns the order in which Kinesis prints an enumeration's values, if it was recorded.
pub(crate) fn value_order(shape: &str) -> Option<&'static [&'static str]> {
    match shape {
        "ShardIteratorType" => Some(&[
            "AFTER_SEQUENCE_NUMBER",
            "LATEST",
            "AT_TIMESTAMP",
            "AT_SEQUENCE_NUMBER",
            "TRIM_HORIZON",
        ]),
        _ => None,
    }
}

/// Returns a pattern as Kinesis prints it: recorded ones lack the model's anchors and group.
pub(crate) fn printed_pattern(pattern: &str) -> &str {
    pattern
        .strip_prefix("^(")
        .and_then(|rest| rest.strip_suffix(")$"))
        .unwrap_or(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_patterns_lose_their_anchors() {
        assert_eq!(
            printed_pattern(r"^(0|([1-9]\d{0,38}))$"),
            r"0|([1-9]\d{0,38})"
        );
        assert_eq!(printed_pattern("^[a-z0-9]+$"), "^[a-z0-9]+$");
        assert_eq!(printed_pattern(r"^(arn):aws.*"), r"^(arn):aws.*");
    }
}
