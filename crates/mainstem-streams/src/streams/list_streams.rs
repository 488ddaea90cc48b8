//! `ListStreams`.

use std::sync::Arc;

use mainstem_types::limits;

use super::Streams;
use super::describe::{StreamSummary, summary};
use crate::error::StreamsError;
use crate::token::StreamsPage;

/// Which streams are wanted.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct ListStreamsInput<'a> {
    /// Most streams in the answer; at most, and by default, [`limits::LIST_STREAMS_STREAMS_MAX`].
    pub limit: Option<usize>,
    /// Only streams whose names come after this one. A token takes precedence.
    pub exclusive_start_stream: Option<&'a str>,
    /// The token of the page before.
    pub next_token: Option<&'a str>,
}

/// A page of streams.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListStreamsOutput {
    /// The streams, sorted by name, in every state.
    pub streams: Vec<StreamSummary>,
    /// The token for the next page; `None` on the last.
    pub next_token: Option<String>,
}

impl Streams {
    /// Lists streams.
    ///
    /// # Errors
    /// [`StreamsError::InvalidNextToken`], [`StreamsError::ExpiredNextToken`].
    pub fn list_streams(
        &self,
        input: &ListStreamsInput<'_>,
    ) -> Result<ListStreamsOutput, StreamsError> {
        let inner = &self.inner;
        let now_ms = inner.now_ms();
        let after = match input.next_token {
            None => input.exclusive_start_stream.map(str::to_owned),
            Some(token) => {
                let page = StreamsPage::open(&inner.sealer, token);
                let page = page.ok_or(StreamsError::InvalidNextToken)?;
                check_age(page.issued_ms, now_ms)?;
                Some(page.after)
            }
        };
        let most = limits::LIST_STREAMS_STREAMS_MAX;
        let limit = input.limit.map_or(most, |limit| limit.min(most));
        let all = inner.all_streams();
        let mut listed = all.iter().filter(|(stream, _)| {
            let name = stream.meta.name().as_str();
            after.as_deref().is_none_or(|after| name > after)
        });
        let streams = listed.by_ref().take(limit);
        let streams: Vec<_> = streams
            .map(|(stream, status)| summary(stream, *status))
            .collect();
        let next_token = match (listed.next(), streams.last()) {
            (Some(_), Some(last)) => {
                let page = StreamsPage {
                    issued_ms: now_ms,
                    after: last.arn.name.to_string(),
                };
                let token = page.seal(&inner.sealer);
                Some(token.map_err(|error| StreamsError::Random(Arc::new(error)))?)
            }
            _ => None,
        };
        Ok(ListStreamsOutput {
            streams,
            next_token,
        })
    }
}

/// Refuses a token that is too old. One from the future, after the clock went back, is not.
pub(super) fn check_age(issued_ms: u64, now_ms: u64) -> Result<(), StreamsError> {
    if now_ms.saturating_sub(issued_ms) > limits::NEXT_TOKEN_VALID_MS {
        return Err(StreamsError::ExpiredNextToken { issued_ms, now_ms });
    }
    Ok(())
}
