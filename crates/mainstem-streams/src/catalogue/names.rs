//! The names of shards' logs.

use mainstem_types::{ShardId, StreamName};

use super::Incarnation;
use crate::engine::LogName;

/// Returns the name of a shard's log: `stream.NAME.INCARNATION.INDEX`.
///
/// The incarnation keeps a recreated stream from meeting the old one's records; the stream's name is
/// there for people who look into the directory. Returns `None` only if a stream's name were longer
/// than names can be.
pub(crate) fn shard_log(
    stream: &StreamName,
    incarnation: Incarnation,
    shard: ShardId,
) -> Option<LogName> {
    LogName::new(&format!(
        "{PREFIX}{stream}.{incarnation}.{:012}",
        shard.index()
    ))
}

/// Tells whether the log called `name` belongs to a shard of a stream, so that nothing else may be
/// written to it.
pub fn is_log_of_a_stream(name: &str) -> bool {
    LogName::new(name).is_some_and(|log| is_shard_log(&log))
}

/// Tells whether `log` has the form of [`shard_log`].
pub(crate) fn is_shard_log(log: &LogName) -> bool {
    let Some(rest) = log.as_str().strip_prefix(PREFIX) else {
        return false;
    };
    let mut parts = rest.rsplitn(3, '.');
    let (Some(index), Some(incarnation), Some(stream)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    index.len() == INDEX_DIGITS
        && index.bytes().all(|b| b.is_ascii_digit())
        && incarnation.len() == INCARNATION_DIGITS
        && incarnation.bytes().all(lower_hex)
        && StreamName::new(stream).is_ok()
}

/// Keeps the logs of streams apart from logs that other users of the engine make.
const PREFIX: &str = "stream.";

const INDEX_DIGITS: usize = 12;

const INCARNATION_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn log(stream: &str) -> LogName {
        let stream = StreamName::new(stream).unwrap();
        shard_log(&stream, Incarnation(0xabc), ShardId::new(7).unwrap()).unwrap()
    }

    #[test]
    fn any_stream_has_a_log_name() {
        assert_eq!(
            log("test").as_str(),
            "stream.test.0000000000000abc.000000000007"
        );
        for stream in [".", "..", ".hidden", "a.0000000000000abc.000000000007"] {
            assert!(is_shard_log(&log(stream)), "{stream}");
        }
        assert!(is_shard_log(&log(&"x".repeat(128))));
    }

    #[test]
    fn other_names_are_not_ours() {
        for name in [
            "stream",
            "stream.",
            "test",
            "stream.test",
            "stream.test.0000000000000abc",
            "stream.test.0000000000000abc.7",
            "stream.test.0000000000000ABC.000000000007",
            "stream.test.abc.000000000007",
            "stream..0000000000000abc.000000000007",
            "other.test.0000000000000abc.000000000007",
        ] {
            assert!(!is_shard_log(&LogName::new(name).unwrap()), "{name}");
        }
    }
}
