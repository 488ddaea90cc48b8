//! Every file name of a data directory.

use crate::seq::SeqNo;

/// The file that is locked while an engine has the directory open.
pub const LOCK: &str = "LOCK";
/// The file that names the format and the engine.
pub const ENGINE: &str = "ENGINE";
/// The file that exists only after an orderly close.
pub const CLEAN: &str = "CLEAN";
/// The directory that holds one directory per shard.
pub const SHARDS: &str = "shards";
/// The directory of the commit journal, while there is one.
pub const JOURNAL: &str = "journal";
/// The directory of a commit journal that is being removed.
pub const JOURNAL_LEAVING: &str = "journal.leaving";

/// Returns the name of the directory of a commit journal that was damaged and is kept; `number` tells
/// it from earlier ones.
pub fn damaged_journal(number: u32) -> String {
    match number {
        0 => format!("{JOURNAL}{DAMAGED_SUFFIX}"),
        number => format!("{JOURNAL}{DAMAGED_SUFFIX}.{number}"),
    }
}

const SEGMENT_SUFFIX: &str = ".seg";
const INDEX_SUFFIX: &str = ".idx";
/// What follows a segment's name in that of a copy that a repair kept.
pub const DAMAGED_SUFFIX: &str = ".damaged";
/// What follows a segment's name in that of a file that a repair has not finished writing.
pub const DRAFT_SUFFIX: &str = ".tmp";
const DIGITS: usize = 20;

/// Returns the name of the segment whose first record is `base`: 20 digits, so that names sort as
/// numbers do.
pub fn segment(base: SeqNo) -> String {
    format!("{:0DIGITS$}{SEGMENT_SUFFIX}", base.0)
}

/// Returns the name of the index file of the active segment whose first record is `base`.
pub fn index(base: SeqNo) -> String {
    format!("{:0DIGITS$}{INDEX_SUFFIX}", base.0)
}

/// Returns the name of the directory of a shard that is being deleted. No shard's name begins with a
/// dot.
pub fn leaving(shard: &str) -> String {
    format!(".leaving-{shard}")
}

/// Returns whether `name` is that of the directory of a shard that is being deleted.
pub fn is_leaving(name: &str) -> bool {
    name.starts_with(".leaving-")
}

/// Returns whether `name` is that of a file that a repair has not finished writing.
pub fn is_repair_draft(name: &str) -> bool {
    name.strip_suffix(DRAFT_SUFFIX)
        .is_some_and(|segment| matches!(parse(segment), ShardFile::Segment(_)))
}

/// Returns whether `name` is that of a copy that a repair kept of a damaged segment.
pub fn is_damaged_copy(name: &str) -> bool {
    name.split_once(DAMAGED_SUFFIX)
        .is_some_and(|(segment, _)| matches!(parse(segment), ShardFile::Segment(_)))
}

/// What a file in a shard's directory is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a shard directory holds nothing else"
)]
pub enum ShardFile {
    /// A segment and its base sequence number.
    Segment(SeqNo),
    /// The index of an active segment and that segment's base sequence number.
    Index(SeqNo),
    /// Nothing of ours.
    Other,
}

/// Parses the name of a file in a shard's directory.
pub fn parse(name: &str) -> ShardFile {
    let base = |suffix: &str| {
        let digits = name.strip_suffix(suffix)?;
        let all_digits = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if all_digits {
            digits.parse().ok().map(SeqNo)
        } else {
            None
        }
    };
    if let Some(base) = base(SEGMENT_SUFFIX) {
        ShardFile::Segment(base)
    } else if let Some(base) = base(INDEX_SUFFIX) {
        ShardFile::Index(base)
    } else {
        ShardFile::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for base in [0, 1, 183_402, u64::MAX] {
            assert_eq!(
                parse(&segment(SeqNo(base))),
                ShardFile::Segment(SeqNo(base))
            );
            assert_eq!(parse(&index(SeqNo(base))), ShardFile::Index(SeqNo(base)));
        }
    }

    #[test]
    fn names_that_are_not_ours_are_left_alone() {
        for name in [
            "",
            "1.seg",
            "+0000000000000000001.seg",
            "99999999999999999999.seg",
            "a.idx",
        ] {
            assert_eq!(parse(name), ShardFile::Other, "{name}");
        }
    }
}
