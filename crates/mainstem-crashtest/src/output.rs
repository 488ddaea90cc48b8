//! What a program under test prints, and how it ends.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::process::ExitStatus;

/// How a process ended and what it said.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    /// The end of its standard error.
    pub(crate) said: String,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.said.trim() {
            "" => write!(f, "{}, without a word", self.status),
            said => write!(f, "{}: {said}", self.status),
        }
    }
}

/// How much of the end of standard error is kept, in bytes.
const SAID_BYTES_MAX: usize = 4 << 10;

/// Hands each line to `heard` until there are no more, or it says that it wants none. One that the process
/// was killed in the middle of is none. A byte that is no text cannot be of a record, and is replaced.
pub(crate) fn whole_lines(from: impl Read, mut heard: impl FnMut(String) -> bool) {
    let mut from = BufReader::with_capacity(64 << 10, from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(1..) if line.pop() == Some(b'\n') => {}
            _ => return,
        }
        if !heard(String::from_utf8_lossy(&line).into_owned()) {
            return;
        }
    }
}

/// Reads to the end and returns the last of it.
pub(crate) fn end_of(mut from: impl Read) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        kept.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let excess = kept.len().saturating_sub(SAID_BYTES_MAX);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_end_is_none() {
        let mut lines = Vec::new();
        whole_lines(&b"0-1 a\n\n\xff\n0-1"[..], |line| {
            lines.push(line);
            true
        });
        assert_eq!(lines, ["0-1 a", "", "\u{fffd}"]);
        let mut count = 0;
        whole_lines(&b"a\nb\nc\n"[..], |_| {
            count += 1;
            count < 2
        });
        assert_eq!(count, 2);
    }

    #[test]
    fn the_last_words_are_kept() {
        let long = "x".repeat(2 * SAID_BYTES_MAX) + " it was me";
        let end = end_of(long.as_bytes());
        assert_eq!(end.len(), SAID_BYTES_MAX);
        assert!(end.ends_with(" it was me"));
    }
}
