//! From what a request names to a stream's name.

use mainstem_types::{StreamArn, StreamName};

use super::Streams;
use crate::error::StreamsError;

impl Streams {
    /// Returns the name of the stream that a request means by `name`, by `arn`, or by both.
    ///
    /// Whether there is such a stream is left to the call that follows.
    ///
    /// # Errors
    /// [`StreamsError::StreamNameMissing`] if neither is given;
    /// [`StreamsError::StreamNameMismatch`] if they differ; [`StreamsError::StreamNotFound`] for an
    /// ARN of a region or an account that is not served here.
    pub fn resolve(
        &self,
        name: Option<&StreamName>,
        arn: Option<&StreamArn>,
    ) -> Result<StreamName, StreamsError> {
        let Some(arn) = arn else {
            return name.cloned().ok_or(StreamsError::StreamNameMissing);
        };
        if let Some(name) = name.filter(|&name| *name != arn.name) {
            return Err(StreamsError::StreamNameMismatch {
                stream: name.clone(),
                arn_stream: arn.name.clone(),
            });
        }
        // A stream keeps the ARN it was made with, even if the configuration changed since.
        let is_here = if let Ok((stream, _)) = self.inner.stream(&arn.name) {
            stream.meta.arn == *arn
        } else {
            let config = &self.inner.config;
            arn.region == config.region && arn.account == config.account
        };
        if is_here {
            Ok(arn.name.clone())
        } else {
            Err(StreamsError::StreamNotFound {
                stream: arn.name.clone(),
                account: arn.account,
            })
        }
    }
}
