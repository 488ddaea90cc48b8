//! Records as readers get them.

use mainstem_env::{TimestampMs, View};

use crate::seq::SeqNo;

/// A record, borrowed from the cursor that read it. No byte of it was copied.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    pub(crate) seq: SeqNo,
    pub(crate) time: TimestampMs,
    pub(crate) payload: &'a [u8],
    pub(crate) view: &'a View,
    pub(crate) start: usize,
}

impl<'a> RecordRef<'a> {
    /// Returns the record's sequence number.
    pub fn seq(&self) -> SeqNo {
        self.seq
    }

    /// Returns when the record arrived.
    pub fn time(&self) -> TimestampMs {
        self.time
    }

    /// Returns what was put.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the record as a value of its own, which keeps the memory behind it alive, also after
    /// its segment was deleted. No byte is copied.
    pub fn keep(&self) -> Record {
        let end = self.start.saturating_add(self.payload.len());
        let payload = self.view.slice(self.start..end);
        debug_assert!(payload.is_some(), "a payload lies within its view");
        Record {
            seq: self.seq,
            time: self.time,
            payload,
        }
    }
}

/// A record that keeps the memory behind it alive.
#[derive(Clone, Debug)]
pub struct Record {
    seq: SeqNo,
    time: TimestampMs,
    payload: Option<View>,
}

impl Record {
    /// Returns the record's sequence number.
    pub fn seq(&self) -> SeqNo {
        self.seq
    }

    /// Returns when the record arrived.
    pub fn time(&self) -> TimestampMs {
        self.time
    }

    /// Returns what was put.
    pub fn payload(&self) -> &[u8] {
        self.payload.as_deref().unwrap_or_default()
    }
}
