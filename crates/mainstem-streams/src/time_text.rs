//! Times as they are spelt in Kinesis' messages.

use jiff::Timestamp;

/// Spells a time as in `Thu Jan 22 01:22:02 UTC 2015`.
///
/// A time past the year 9999 is held at its end.
pub(crate) fn utc_text(epoch_ms: u64) -> String {
    let ms = i64::try_from(epoch_ms).unwrap_or(i64::MAX);
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    time.strftime("%a %b %d %H:%M:%S UTC %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_recorded() {
        assert_eq!(utc_text(1_421_889_722_999), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(utc_text(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(utc_text(u64::MAX), "Thu Dec 30 22:00:00 UTC 9999");
    }
}
