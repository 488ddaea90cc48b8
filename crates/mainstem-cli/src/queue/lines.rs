//! Lines of input, none of which takes up more memory than a message may have bytes.

use std::io::{self, BufRead, Read};

/// Input that is read ahead, and so the most that is pushed together but for one long line, in bytes.
pub(crate) const READ_AHEAD_BYTES: usize = 256 << 10;

/// Reads lines of at most `limit` bytes.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: io::BufReader<R>,
    limit: usize,
    /// Lines read so far.
    number: u64,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// The line of this number, counted from 1, is longer than the limit. What follows is not read.
    TooLong(u64),
    /// There are no more.
    End,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self {
            input: io::BufReader::with_capacity(READ_AHEAD_BYTES, input),
            limit,
            number: 0,
        }
    }

    /// Returns the number of the line that was read last, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line, waiting for it.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let mut line = Vec::new();
        // One byte for the end of the line, and one that shows that there is more.
        let most = u64::try_from(self.limit)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let read = self
            .input
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(Next::End);
        }
        self.number = self.number.saturating_add(1);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > self.limit {
            return Ok(Next::TooLong(self.number));
        }
        Ok(Next::Line(line))
    }

    /// Returns whether another whole line is there without waiting for it.
    pub(crate) fn has_more(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_at_the_limit_and_one_above() {
        let line = |text: &str| Next::Line(text.as_bytes().to_vec());
        let mut lines = Lines::new(&b"abcd\n\nabc\nabcde\nx\n"[..], 4);
        assert_eq!(lines.next().unwrap(), line("abcd"));
        assert!(lines.has_more());
        assert_eq!(lines.next().unwrap(), line(""));
        assert_eq!(lines.next().unwrap(), line("abc"));
        assert_eq!(lines.next().unwrap(), Next::TooLong(4));
        let mut lines = Lines::new(&b"abcd"[..], 4);
        assert_eq!(lines.next().unwrap(), line("abcd"));
        assert_eq!(lines.next().unwrap(), Next::End);
        assert_eq!(lines.number(), 1);
        let mut lines = Lines::new(&b"abcde"[..], 4);
        assert_eq!(lines.next().unwrap(), Next::TooLong(1));
    }
}
