//! The bytes on disk, and nothing but bytes: no I/O, no clock.
//!
//! `docs/format.md` is the specification; the field positions below are the only ones in the code.
//!
//! * [`names`] builds and parses file names.
//! * [`segment_header`], [`group_header`], [`frame`] and [`footer`] make up a segment file.
//! * [`index_entry`] is what an `.idx` file and the index block of a sealed segment consist of.
//! * [`journal_entry`] is a record of the commit journal.
//! * [`manifest`] holds the two files of the data directory: `ENGINE` and `CLEAN`.

pub mod checksum;
pub mod footer;
pub mod frame;
pub mod group_header;
pub mod index_entry;
pub mod journal_entry;
pub mod manifest;
pub mod names;
pub mod segment_header;

mod bytes;

/// The format this version writes, and the newest it reads.
pub const FORMAT_VERSION: u16 = 1;

/// Frames, group headers and the data end lie at multiples of this many bytes.
pub const ALIGNMENT: u64 = 8;

/// Rounds `len` up to the alignment of frames.
pub const fn padded(len: u64) -> u64 {
    len.next_multiple_of(ALIGNMENT)
}
