//! The Amazon resource name of a stream.

use std::{fmt, str::FromStr};

use crate::{
    AccountId, AccountIdError, Region, RegionError, StreamName, StreamNameError,
    limits::STREAM_ARN_BYTES_MAX,
};

/// The ARN of a stream: `arn:aws:kinesis:<region>:<account>:stream/<name>`.
///
/// The partition is not stored; it follows from the region ([`Region::partition`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamArn {
    /// The region the stream lives in.
    pub region: Region,
    /// The account that owns it.
    pub account: AccountId,
    /// Its name.
    pub name: StreamName,
}

/// Why a text is not the ARN of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamArnError {
    /// The text is longer than an ARN may be.
    #[error("ARN has {bytes} bytes, more than {STREAM_ARN_BYTES_MAX}")]
    TooLong {
        /// Length of the refused text.
        bytes: usize,
    },
    /// The text has not the form `arn:aws…:kinesis:<region>:<account>:stream/<name>`.
    #[error("not the ARN of a stream")]
    Form,
    /// The region part is no region.
    #[error("region of the ARN")]
    Region(#[from] RegionError),
    /// The account part is no account.
    #[error("account of the ARN")]
    Account(#[from] AccountIdError),
    /// The name part is no stream name.
    #[error("stream name of the ARN")]
    Name(#[from] StreamNameError),
}

impl StreamArn {
    /// Parses the ARN of a stream. Any partition that begins with `aws` is accepted.
    ///
    /// # Errors
    /// [`StreamArnError`] says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, StreamArnError> {
        if text.len() > STREAM_ARN_BYTES_MAX {
            return Err(StreamArnError::TooLong { bytes: text.len() });
        }
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or(StreamArnError::Form);
        let (scheme, partition, service) = (part()?, part()?, part()?);
        let (region, account, resource) = (part()?, part()?, part()?);
        if scheme != "arn" || !partition.starts_with("aws") || service != "kinesis" {
            return Err(StreamArnError::Form);
        }
        let name = resource
            .strip_prefix("stream/")
            .ok_or(StreamArnError::Form)?;
        Ok(Self {
            region: Region::new(region)?,
            account: AccountId::new(account)?,
            name: StreamName::new(name)?,
        })
    }
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            account,
            name,
        } = self;
        write!(
            f,
            "arn:{}:kinesis:{region}:{account}:stream/{name}",
            region.partition()
        )
    }
}

impl FromStr for StreamArn {
    type Err = StreamArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in [
            "arn:aws:kinesis:us-east-1:000000000000:stream/test",
            "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a.b_c-d",
        ] {
            assert_eq!(StreamArn::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_stream() {
        for text in [
            "",
            "test",
            "arn:aws:kinesis:us-east-1:000000000000",
            "arn:aws:kinesis:us-east-1:000000000000:queue/test",
            "arn:aws:firehose:us-east-1:000000000000:stream/test",
            "arn:azure:kinesis:us-east-1:000000000000:stream/test",
            "urn:aws:kinesis:us-east-1:000000000000:stream/test",
        ] {
            assert_eq!(StreamArn::parse(text), Err(StreamArnError::Form), "{text}");
        }
        let consumer = "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1";
        assert!(matches!(
            StreamArn::parse(consumer),
            Err(StreamArnError::Name(_))
        ));
        let account = "arn:aws:kinesis:us-east-1:0:stream/s";
        assert!(matches!(
            StreamArn::parse(account),
            Err(StreamArnError::Account(_))
        ));
        let region = "arn:aws:kinesis::000000000000:stream/s";
        assert!(matches!(
            StreamArn::parse(region),
            Err(StreamArnError::Region(_))
        ));
        assert_eq!(
            StreamArn::parse(&"a".repeat(2049)),
            Err(StreamArnError::TooLong { bytes: 2049 })
        );
    }
}
