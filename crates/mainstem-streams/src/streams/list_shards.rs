//! `ListShards`.

use std::sync::Arc;

use mainstem_types::{ShardId, StreamName, limits};

use super::Streams;
use super::describe::{ShardDescription, listed_shards};
use super::facade::Inner;
use super::list_streams::check_age;
use super::snapshot::Stream;
use crate::catalogue::{Incarnation, ShardMeta};
use crate::error::StreamsError;
use crate::status::StreamStatus;
use crate::token::{PageFilter, ShardsPage};

/// Which shards are wanted: those of a stream, or the next page of such a list.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct ListShardsInput<'a> {
    /// The stream; exactly one of this and the token is given.
    pub stream: Option<&'a StreamName>,
    /// The token of the page before.
    pub next_token: Option<&'a str>,
    /// Most shards in the answer; at most, and by default, [`limits::LIST_SHARDS_SHARDS_MAX`].
    pub max_results: Option<usize>,
    /// Only shards after this one, spelt as a client spells it.
    pub exclusive_start_shard: Option<&'a str>,
    /// When the stream was created, in epoch milliseconds, to tell it from another of its name.
    /// Compared by the second, as some clients cut times to seconds.
    pub stream_created_ms: Option<u64>,
    /// Which shards; [`ShardFilter::FromTrimHorizon`] if not given.
    pub filter: Option<ShardFilter<'a>>,
}

/// Which shards of a stream are listed. Times are epoch milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the API has these six")]
pub enum ShardFilter<'a> {
    /// Those after this one, which has to be given.
    AfterShardId(Option<&'a str>),
    /// Those that were open at the trim horizon.
    AtTrimHorizon,
    /// All that have, or could have, a record inside the retention.
    FromTrimHorizon,
    /// Those that are open.
    AtLatest,
    /// Those that were open at this time, which has to be given.
    AtTimestamp(Option<u64>),
    /// Those that were open at this time or later, which has to be given.
    FromTimestamp(Option<u64>),
}

/// A page of shards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListShardsOutput {
    /// The shards, sorted by id.
    pub shards: Vec<ShardDescription>,
    /// The token for the next page; `None` on the last.
    pub next_token: Option<String>,
}

impl Streams {
    /// Lists shards of a stream.
    ///
    /// # Errors
    /// The errors of the arguments; [`StreamsError::StreamNotFound`];
    /// [`StreamsError::StreamNotActive`] while the stream is CREATING or DELETING: an empty list
    /// would tell a consumer that there is nothing to read.
    pub fn list_shards(
        &self,
        input: &ListShardsInput<'_>,
    ) -> Result<ListShardsOutput, StreamsError> {
        let inner = &self.inner;
        let now_ms = inner.now_ms();
        let (stream, after, filter) = match (input.stream, input.next_token) {
            (None, None) => return Err(StreamsError::ListShardsNeither),
            (Some(_), Some(_)) => return Err(StreamsError::ListShardsBoth),
            (None, Some(token)) => inner.next_page(input, token, now_ms)?,
            (Some(name), None) => inner.first_page(input, name)?,
        };
        let most = limits::LIST_SHARDS_SHARDS_MAX;
        let limit = input.max_results.map_or(most, |limit| limit.min(most));
        let mut listed = listed_shards(&stream, StreamStatus::Active)
            .filter(|shard| after.is_none_or(|after| shard.id.index() > after))
            .filter(|shard| is_listed(shard, filter, &stream, now_ms));
        let shards = listed.by_ref().take(limit);
        let shards: Vec<_> = shards.map(ShardDescription::from).collect();
        let next_token = match (listed.next(), shards.last()) {
            (Some(_), Some(last)) => {
                let page = ShardsPage {
                    stream: stream.meta.name().to_string(),
                    incarnation: stream.meta.incarnation.0,
                    issued_ms: now_ms,
                    after: last.id.index(),
                    filter,
                };
                let token = page.seal(&inner.sealer);
                Some(token.map_err(|error| StreamsError::Random(Arc::new(error)))?)
            }
            _ => None,
        };
        Ok(ListShardsOutput { shards, next_token })
    }
}

/// The stream of a list, the index after which the list goes on, and its filter.
type Page = (Arc<Stream>, Option<u32>, PageFilter);

impl Inner {
    fn first_page(
        &self,
        input: &ListShardsInput<'_>,
        name: &StreamName,
    ) -> Result<Page, StreamsError> {
        let start = input.exclusive_start_shard;
        let start = start.map(|text| self.shard_id(name, text)).transpose()?;
        let filter = self.page_filter(name, input.filter)?;
        let stream = self.active_stream(name)?;
        let is_same = |ms: u64| ms / 1000 == stream.meta.created_ms / 1000;
        if !input.stream_created_ms.is_none_or(is_same) {
            return Err(self.not_found(name));
        }
        Ok((stream, start.map(ShardId::index), filter))
    }

    fn next_page(
        &self,
        input: &ListShardsInput<'_>,
        token: &str,
        now_ms: u64,
    ) -> Result<Page, StreamsError> {
        let unwanted = [
            ("StreamCreationTimestamp", input.stream_created_ms.is_some()),
            (
                "ExclusiveStartShardId",
                input.exclusive_start_shard.is_some(),
            ),
        ];
        if let Some((member, _)) = unwanted.into_iter().find(|&(_, given)| given) {
            return Err(StreamsError::ListShardsTokenWith { member });
        }
        let page = ShardsPage::open(&self.sealer, token).ok_or(StreamsError::InvalidNextToken)?;
        check_age(page.issued_ms, now_ms)?;
        let name = StreamName::new(&page.stream).map_err(|_| StreamsError::InvalidNextToken)?;
        let stream = self.active_stream(&name)?;
        if stream.meta.incarnation != Incarnation(page.incarnation) {
            return Err(self.not_found(&name));
        }
        Ok((stream, Some(page.after), page.filter))
    }

    fn page_filter(
        &self,
        stream: &StreamName,
        filter: Option<ShardFilter<'_>>,
    ) -> Result<PageFilter, StreamsError> {
        let missing = |filter, member| StreamsError::ShardFilterIncomplete { filter, member };
        let time = |ms: Option<u64>, filter| ms.ok_or_else(|| missing(filter, "Timestamp"));
        Ok(match filter.unwrap_or(ShardFilter::FromTrimHorizon) {
            ShardFilter::AfterShardId(shard) => {
                let shard = shard.ok_or_else(|| missing("AFTER_SHARD_ID", "ShardId"))?;
                PageFilter::AfterShard(self.shard_id(stream, shard)?.index())
            }
            ShardFilter::AtTrimHorizon => PageFilter::AtTrimHorizon,
            ShardFilter::FromTrimHorizon => PageFilter::FromTrimHorizon,
            ShardFilter::AtLatest => PageFilter::AtLatest,
            ShardFilter::AtTimestamp(ms) => PageFilter::AtTimestamp(time(ms, "AT_TIMESTAMP")?),
            ShardFilter::FromTimestamp(ms) => {
                PageFilter::FromTimestamp(time(ms, "FROM_TIMESTAMP")?)
            }
        })
    }
}

/// Tells whether `shard` passes `filter`. A shard out of retention passes none.
fn is_listed(shard: &ShardMeta, filter: PageFilter, stream: &Stream, now_ms: u64) -> bool {
    let horizon_ms = stream.meta.horizon_ms(now_ms);
    if shard.is_expired(horizon_ms) {
        return false;
    }
    // No shard was open before the stream's first ones; a time before that, as clients make it by
    // cutting to seconds, means these.
    let earliest_ms = horizon_ms.max(stream.meta.created_ms);
    let open_from = |ms: u64| shard.closed.is_none_or(|closed| closed.at_ms >= ms);
    let open_at = |ms: u64| shard.created_ms <= ms && open_from(ms);
    match filter {
        PageFilter::AfterShard(index) => shard.id.index() > index,
        PageFilter::AtTrimHorizon => open_at(earliest_ms),
        PageFilter::FromTrimHorizon => true,
        PageFilter::AtLatest => shard.closed.is_none(),
        PageFilter::AtTimestamp(ms) => open_at(ms.max(earliest_ms)),
        PageFilter::FromTimestamp(ms) => open_from(ms.max(earliest_ms)),
    }
}

#[cfg(test)]
mod tests;
