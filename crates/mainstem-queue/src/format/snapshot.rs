//! The state as it is written down from time to time, so that an opening need not read the whole log.
//!
//! A snapshot is records that follow one another in a shard of its own, one batch if there are few of
//! them. Each begins with its place among them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bytes::{Reader, Writer};
use crate::defect::{Defect, is_planted};
use crate::state::apply::{State, Topic};
use crate::state::consumer::Consumer;
use crate::state::dedup::Dedup;
use crate::state::entry::{Entry, Status};

/// The most bytes of a snapshot in one record.
const PART_BYTES_MAX: usize = 1 << 20;
const VERSION: u8 = 1;

const READY: u8 = 0;
const LEASED: u8 = 1;
const DELAYED: u8 = 2;
const DEAD: u8 = 3;

/// Why stored bytes are not a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotError {
    /// A newer version wrote it.
    Unsupported(u8),
    /// It is not whole, or not what it should be.
    Malformed,
}

/// Returns the records that hold `state`.
pub(crate) fn write(state: &State) -> Vec<Vec<u8>> {
    let mut out = Writer::default();
    write_state(state, &mut out);
    let parts: Vec<&[u8]> = out.0.chunks(PART_BYTES_MAX).collect();
    let of = parts.len();
    let part = |(at, bytes): (usize, &&[u8])| {
        let mut record = Writer::default();
        record.u8(VERSION).count(at).count(of).rest(bytes);
        record.0
    };
    parts.iter().enumerate().map(part).collect()
}

/// Returns which part of how many a record is.
pub(crate) fn place(record: &[u8]) -> Result<(u32, u32), SnapshotError> {
    let mut fields = Reader(record);
    match fields.u8() {
        Some(VERSION) => {}
        Some(version) => return Err(SnapshotError::Unsupported(version)),
        None => return Err(SnapshotError::Malformed),
    }
    let place = fields.u32().zip(fields.u32());
    place
        .filter(|(at, of)| at < of)
        .ok_or(SnapshotError::Malformed)
}

/// Reads the state from all its records.
pub(crate) fn read(records: &[Vec<u8>]) -> Result<State, SnapshotError> {
    let mut bytes = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let (part, of) = place(record)?;
        let is_in_place =
            usize::try_from(part) == Ok(at) && usize::try_from(of) == Ok(records.len());
        if !is_in_place {
            return Err(SnapshotError::Malformed);
        }
        bytes.extend_from_slice(record.get(9..).unwrap_or_default());
    }
    let mut fields = Reader(&bytes);
    read_state(&mut fields)
        .filter(|_| fields.is_done())
        .ok_or(SnapshotError::Malformed)
}

fn write_state(state: &State, out: &mut Writer) {
    out.u64(state.applied);
    out.u64(state.dropped_before).u64(state.dropped);
    out.count(state.topics.len());
    for topic in &state.topics {
        out.bytes(topic.name.as_bytes()).u64(topic.pushed);
    }
    out.u32(state.next_consumer).count(state.consumers.len());
    for (id, consumer) in &state.consumers {
        out.u32(*id).bytes(consumer.name.as_bytes());
        out.u16(consumer.topic)
            .u64(consumer.next)
            .u64(consumer.passed);
        out.count(consumer.entries.len());
        for (id, entry) in &consumer.entries {
            write_entry(*id, entry, out);
        }
    }
    if is_planted(Defect::DedupForgotten) {
        Dedup::default().write(out);
    } else {
        state.dedup.write(out);
    }
    out.count(state.repeats.len());
    for seq in &state.repeats {
        out.u64(*seq);
    }
    if is_planted(Defect::ValuesForgotten) {
        out.count(0);
        return;
    }
    out.count(state.values.len());
    for (key, value) in &state.values {
        out.bytes(key.as_bytes()).bytes(value);
    }
}

fn write_entry(id: u64, entry: &Entry, out: &mut Writer) {
    out.u64(id)
        .u64(entry.loc)
        .u32(entry.bytes)
        .u64(entry.pushed_ms);
    if is_planted(Defect::AttemptsForgotten) {
        out.u32(0);
    } else {
        out.u32(entry.attempts);
    }
    out.bytes(entry.key.as_deref().unwrap_or_default());
    match &entry.status {
        Status::Ready => out.u8(READY),
        Status::Dead { .. } if is_planted(Defect::DeadForgotten) => out.u8(READY),
        Status::Leased { until_ms, nonce } => out.u8(LEASED).u64(*until_ms).u64(*nonce),
        Status::Delayed { until_ms } => out.u8(DELAYED).u64(*until_ms),
        Status::Dead { at_ms, reason } => out.u8(DEAD).u64(*at_ms).bytes(reason.as_bytes()),
    };
}

fn read_state(fields: &mut Reader<'_>) -> Option<State> {
    let applied = fields.u64()?;
    let (dropped_before, dropped) = (fields.u64()?, fields.u64()?);
    let mut topics = Vec::new();
    for _ in 0..fields.count(12)? {
        topics.push(Topic {
            name: fields.text()?.to_owned(),
            pushed: fields.u64()?,
        });
    }
    let mut state = State {
        applied,
        topics,
        next_consumer: fields.u32()?,
        dropped_before,
        dropped,
        ..State::default()
    };
    state.consumers.clear();
    for _ in 0..fields.count(26)? {
        let id = fields.u32()?;
        let name = fields.text()?;
        let (topic, next, passed) = (fields.u16()?, fields.u64()?, fields.u64()?);
        let mut consumer = Consumer::new(name, topic, next, passed);
        for _ in 0..fields.count(37)? {
            read_entry(fields, &mut consumer)?;
        }
        state.consumers.insert(id, consumer);
    }
    state.dedup = Dedup::read(fields)?;
    let mut repeats = BTreeSet::new();
    for _ in 0..fields.count(8)? {
        repeats.insert(fields.u64()?);
    }
    state.repeats = repeats;
    for _ in 0..fields.count(8)? {
        let key = fields.text()?.to_owned();
        state.values.insert(key, fields.bytes()?.to_vec());
    }
    Some(state)
}

fn read_entry(fields: &mut Reader<'_>, consumer: &mut Consumer) -> Option<()> {
    let id = fields.u64()?;
    let (loc, bytes, pushed_ms) = (fields.u64()?, fields.u32()?, fields.u64()?);
    let attempts = fields.u32()?;
    let key = fields.bytes()?;
    let status = match fields.u8()? {
        READY => Status::Ready,
        LEASED => Status::Leased {
            until_ms: fields.u64()?,
            nonce: fields.u64()?,
        },
        DELAYED => Status::Delayed {
            until_ms: fields.u64()?,
        },
        DEAD => Status::Dead {
            at_ms: fields.u64()?,
            reason: Box::from(fields.text()?),
        },
        _ => return None,
    };
    let entry = Entry {
        loc,
        bytes,
        pushed_ms,
        attempts,
        status: Status::Ready,
        key: (!key.is_empty()).then(|| Arc::from(key)),
        busy: false,
        is_out: false,
    };
    consumer.insert(id, entry, &status);
    Some(())
}
