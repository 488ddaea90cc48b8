//! Between the signed numbers of the wire and the unsigned ones of the layers below.

/// Returns a count of the wire, whose constraint keeps it positive.
pub(crate) fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// Returns a number of the wire, held at zero if negative.
pub(crate) fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Returns a time of the wire, held at the epoch if before it.
pub(crate) fn time_ms(milliseconds: i64) -> u64 {
    u64::try_from(milliseconds).unwrap_or(0)
}

/// Returns a number for the wire, held at the most it can carry.
pub(crate) fn wire_int(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// Returns a time or a duration for the wire, held at the most it can carry.
pub(crate) fn wire_long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
