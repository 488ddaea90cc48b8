//! What a log has to do here.

use anyhow::{Result, bail};

/// A log that is open, shared by all threads of a measurement.
///
/// What a kind does not have it refuses; the rows that ask for it are in its list of what it lacks.
pub(crate) trait Log: Send + Sync {
    /// Appends records, all or none, and returns once they are on the medium.
    fn append(&self, records: &[&[u8]]) -> Result<()>;

    /// Reads all records, oldest first, and checks them as the store does. May open the log anew if
    /// there is no other way to read it from its beginning.
    fn replay(&self, seen: &mut Seen) -> Result<()>;

    /// Reads the record that was appended as number `at`, the first one having 0. Only asked for while
    /// all records came from one thread.
    fn read(&self, at: u64, seen: &mut Seen) -> Result<()> {
        bail!("record {at} cannot be found ({} seen)", seen.records)
    }

    /// Reads the newest record, or, where only the oldest can be found, that one.
    fn read_any(&self, seen: &mut Seen) -> Result<()> {
        bail!("no record can be found ({} seen)", seen.records)
    }

    /// Closes the log in good order.
    fn close(self: Box<Self>) -> Result<()>;
}

/// What a reader got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Of the first and last bytes, so that payloads are touched.
    sum: u64,
}

impl Seen {
    /// Takes a record as a reader would. Whoever hands out memory that nobody has looked at gains by
    /// that; the notes say who checks what.
    #[inline]
    pub(crate) fn see(&mut self, payload: &[u8]) {
        self.records += 1;
        self.bytes += u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let ends = [payload.first(), payload.last()];
        self.sum += ends
            .into_iter()
            .flatten()
            .map(|it| u64::from(*it))
            .sum::<u64>();
    }
}
