//! `DescribeStream`, `DescribeStreamSummary` and `DescribeLimits`.

use std::sync::Arc;

use mainstem_types::{HashKeyRange, KinesisSeq, ShardId, StreamArn, StreamName, limits};

use super::Streams;
use super::facade::Inner;
use super::snapshot::Stream;
use crate::catalogue::{ShardMeta, StreamMode};
use crate::error::StreamsError;
use crate::status::StreamStatus;

/// Which part of a stream's description is wanted.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct DescribeStreamInput<'a> {
    /// The stream.
    pub stream: &'a StreamName,
    /// Most shards in the answer; at most, and by default,
    /// [`limits::DESCRIBE_STREAM_SHARDS_MAX`].
    pub limit: Option<usize>,
    /// Only shards after this one, spelt as a client spells it.
    pub exclusive_start_shard: Option<&'a str>,
}

/// What is known about a stream, without its shards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamSummary {
    /// Its ARN, which has its name.
    pub arn: StreamArn,
    /// Its state.
    pub status: StreamStatus,
    /// Its capacity mode.
    pub mode: StreamMode,
    /// When it was created, in epoch milliseconds.
    pub created_ms: u64,
    /// Its retention.
    pub retention_hours: u32,
    /// Size up to which it takes records, in KiB.
    pub record_kib_max: u32,
    /// How many of its shards take records; 0 while it is CREATING.
    pub open_shard_count: u32,
}

/// A stream with a page of its shards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamDescription {
    /// The stream.
    pub summary: StreamSummary,
    /// The page, sorted by id. Empty while the stream is CREATING.
    pub shards: Vec<ShardDescription>,
    /// Whether there are shards after these.
    pub has_more_shards: bool,
}

/// A shard as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardDescription {
    /// Its id.
    pub id: ShardId,
    /// The shard it was split from, or the lower one of those it was merged from.
    pub parent: Option<ShardId>,
    /// The other shard it was merged from.
    pub adjacent_parent: Option<ShardId>,
    /// The hash keys whose records it takes.
    pub range: HashKeyRange,
    /// Where its records begin.
    pub starting_number: KinesisSeq,
    /// Where they end, if it is closed.
    pub ending_number: Option<KinesisSeq>,
}

/// What an account has and may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountLimits {
    /// Open shards of provisioned streams.
    pub open_shards: u32,
    /// How many of these there may be.
    pub shards_max: u32,
    /// On-demand streams.
    pub on_demand_streams: u32,
    /// How many of these there may be.
    pub on_demand_streams_max: u32,
}

impl Streams {
    /// Describes a stream and a page of its shards, those inside the retention.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`]; [`StreamsError::ShardIdMalformed`].
    pub fn describe_stream(
        &self,
        input: &DescribeStreamInput<'_>,
    ) -> Result<StreamDescription, StreamsError> {
        let inner = &self.inner;
        let (stream, status) = inner.stream(input.stream)?;
        let after = input.exclusive_start_shard;
        let after = after.map(|text| inner.shard_id(input.stream, text));
        let after = after.transpose()?;
        let most = limits::DESCRIBE_STREAM_SHARDS_MAX;
        let limit = input.limit.map_or(most, |limit| limit.min(most));
        let horizon_ms = stream.meta.horizon_ms(inner.now_ms());
        let mut listed = listed_shards(&stream, status)
            .filter(|shard| !shard.is_expired(horizon_ms))
            .filter(|shard| after.is_none_or(|after| shard.id > after));
        let shards = listed.by_ref().take(limit).map(ShardDescription::from);
        Ok(StreamDescription {
            summary: summary(&stream, status),
            shards: shards.collect(),
            has_more_shards: listed.next().is_some(),
        })
    }

    /// Describes a stream without its shards.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`].
    pub fn describe_stream_summary(
        &self,
        stream: &StreamName,
    ) -> Result<StreamSummary, StreamsError> {
        let (stream, status) = self.inner.stream(stream)?;
        Ok(summary(&stream, status))
    }

    /// Returns what the account uses and may use.
    pub fn describe_limits(&self) -> AccountLimits {
        let usage = usage(&self.inner.all_streams());
        AccountLimits {
            open_shards: usage.open_shards,
            shards_max: self.inner.config.shards_max,
            on_demand_streams: usage.on_demand_streams,
            on_demand_streams_max: self.inner.config.on_demand_streams_max,
        }
    }
}

impl Inner {
    /// Reads a shard id as a client spells it.
    pub(super) fn shard_id(
        &self,
        stream: &StreamName,
        text: &str,
    ) -> Result<ShardId, StreamsError> {
        ShardId::parse(text).map_err(|_| StreamsError::ShardIdMalformed {
            shard: text.to_owned(),
            stream: stream.clone(),
            account: self.config.account,
        })
    }
}

/// Returns the shards that clients may know of: none while the stream is CREATING.
pub(super) fn listed_shards(
    stream: &Stream,
    status: StreamStatus,
) -> impl Iterator<Item = &ShardMeta> {
    let shards = match status {
        StreamStatus::Creating => &[],
        StreamStatus::Active | StreamStatus::Updating | StreamStatus::Deleting => {
            stream.meta.shards.as_slice()
        }
    };
    shards.iter()
}

/// Returns what is known of a stream without its shards.
pub(super) fn summary(stream: &Stream, status: StreamStatus) -> StreamSummary {
    let meta = &stream.meta;
    StreamSummary {
        arn: meta.arn.clone(),
        status,
        mode: meta.mode,
        created_ms: meta.created_ms,
        retention_hours: meta.retention_hours,
        record_kib_max: meta.record_kib_max,
        open_shard_count: match status {
            StreamStatus::Creating => 0,
            StreamStatus::Active | StreamStatus::Updating | StreamStatus::Deleting => {
                meta.open_shard_count()
            }
        },
    }
}

/// What counts against the account's limits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) open_shards: u32,
    pub(super) on_demand_streams: u32,
}

pub(super) fn usage(streams: &[(Arc<Stream>, StreamStatus)]) -> Usage {
    let mut usage = Usage::default();
    for (stream, _) in streams {
        match stream.meta.mode {
            StreamMode::Provisioned => {
                let open = stream.meta.open_shard_count();
                usage.open_shards = usage.open_shards.saturating_add(open);
            }
            StreamMode::OnDemand => {
                usage.on_demand_streams = usage.on_demand_streams.saturating_add(1);
            }
        }
    }
    usage
}

impl From<&ShardMeta> for ShardDescription {
    fn from(shard: &ShardMeta) -> Self {
        Self {
            id: shard.id,
            parent: shard.parent,
            adjacent_parent: shard.adjacent_parent,
            range: shard.range,
            starting_number: shard.starting_number(),
            ending_number: shard.ending_number(),
        }
    }
}
