//! What a store must offer to be tested from outside: a command that writes and one that reads.
//!
//! # The writer
//! Opens or creates the store in a directory, and reads lines from its standard input until that
//! ends. Each line is one append: one record, or several that are separated by tabs and are kept all
//! or not at all; it has at most 32 KiB. A record is `LANE-NUMBER FILLER`: printable, without tab and newline. Appends of a
//! lane are kept in the order of their lines; between lanes there is no order. Once an append is
//! durable the writer prints the identity (the first word) of its first record, alone in a line, and
//! flushes. It exits with 0 after its input ended and everything is acknowledged. It exits with
//! another code, and a sentence on standard error, when the store refuses.
//!
//! # The reader
//! Opens the store in a directory and prints every record, oldest first, one a line, as it was given
//! to the writer. It exits with 0 if all that the store holds was printed, and with another code if
//! something is damaged, after what can be read before the damage.
//!
//! Both may be killed at any time, and the reader is run after a crash before the next writer is, or
//! not at all. While one of them has the store open, another one refuses as above.
//!
//! # Places
//! A store that numbers its records may tell the numbers, and they are judged too. The writer adds the
//! [`Place`] of the first record to an acknowledgement, after a space; the reader adds that of each
//! record to its line, after a tab. A place that was told once belongs to that record for ever, and
//! those of one log rise in the order in which the reader prints.

use std::fmt;

/// Who a record is: its lane, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "an identity is these two numbers"
)]
pub struct Id {
    /// The lane; records of one are kept in order.
    pub lane: u32,
    /// The record's number in its lane, from 0 on, without gaps as they are sent.
    pub number: u64,
}

impl Id {
    /// Reads an identity as [`fmt::Display`] writes it, `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (lane, number) = pair(text)?;
        Some(Self { lane, number })
    }

    /// Returns the identity of a record of the contract.
    pub fn of_record(record: &str) -> Option<Self> {
        Self::parse(record.split(' ').next()?)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.lane, self.number)
    }
}

/// Where a record stands in a store that numbers its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a place is these two numbers")]
pub struct Place {
    /// Which of the store's logs; 0 if there is only one.
    pub log: u32,
    /// The record's number there; numbers rise, and may have gaps.
    pub number: u64,
}

impl Place {
    /// Reads a place as [`fmt::Display`] writes it, `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (log, number) = pair(text)?;
        Some(Self { log, number })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log, self.number)
    }
}

/// Returns the record `id` with a filler of `filler` characters, which depend on `id` and `seed`.
///
/// The filler lets a reader tell a record from an earlier life of the same identity, and a torn or
/// mixed record from a whole one.
pub fn record(id: Id, filler: usize, seed: u64) -> String {
    let mut text = format!("{id} ");
    let mut state =
        seed ^ (u64::from(id.lane) << 48) ^ id.number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    text.extend((0..filler).map(|_| {
        state = mix(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
        char::from(b'!' + u8::try_from(state % 94).unwrap_or(0))
    }));
    text
}

/// Joins the records of one append into the line that a writer reads.
pub fn line(records: &[String]) -> String {
    records.join("\t")
}

/// Says whether `text` is a record that [`record`] makes with this seed.
pub fn is_record(text: &str, seed: u64) -> bool {
    Id::of_record(text).is_some_and(|id| {
        let filler = text
            .len()
            .checked_sub(id.to_string().len().saturating_add(1));
        filler.is_some_and(|filler| record(id, filler, seed) == text)
    })
}

/// Reads two numbers with a hyphen between, as they are written when nobody adds zeros or signs: there
/// is one way only, lest a damaged record pass for another.
fn pair(text: &str) -> Option<(u32, u64)> {
    let (first, second) = text.split_once('-')?;
    let (first, second): (u32, u64) = (first.parse().ok()?, second.parse().ok()?);
    (format!("{first}-{second}") == text).then_some((first, second))
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_written_in_one_way_only() {
        let id = Id {
            lane: 3,
            number: 41,
        };
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        for text in [
            "", "3", "3-", "-41", "03-41", "3-041", "3-41 ", "3-4-1", "+3-41",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_is_one_word_and_a_filler_of_its_own() {
        let id = Id { lane: 1, number: 2 };
        let text = record(id, 50, 7);
        assert_eq!(text, record(id, 50, 7));
        assert_ne!(text, record(id, 50, 8));
        assert_eq!(Id::of_record(&text), Some(id));
        assert_eq!(text.split(' ').count(), 2);
        assert_eq!(text.len(), "1-2 ".len() + 50);
        assert!(is_record(&text, 7) && is_record(&record(id, 0, 7), 7));
        let changed = text.replacen("1-2", "1-3", 1);
        for wrong in [&text[1..], &text[..3], &changed, "1-2", ""] {
            assert!(!is_record(wrong, 7), "{wrong}");
        }
        assert!(!is_record(&text, 8));
    }
}
