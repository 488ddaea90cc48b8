//! Follows a shard while it is written, and checks every record.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstem_log::{Cursor, LogError, SeqNo, Shard, Start};

use crate::contract::{Id, is_record};

/// How the writer exits when one of its readers sees what it must not see.
pub(super) const EXIT_WRONG: i32 = 3;

/// How long one wait for more takes at most.
const WAIT: Duration = Duration::from_secs(1);

/// Reads `shard` from `start` on until it is closed. Ends the process when a record is not as it was
/// sent, does not follow the one before it, or cannot be read. With `is_deleting`, the oldest may be gone
/// before they are read.
pub(super) fn follow(shard: &Shard, start: SeqNo, seed: u64, is_deleting: bool) {
    if let Err(wrong) = read(shard, start, seed, is_deleting) {
        eprintln!("a reader in {}: {wrong}", shard.name());
        std::process::exit(EXIT_WRONG);
    }
}

fn read(shard: &Shard, start: SeqNo, seed: u64, is_deleting: bool) -> Result<(), String> {
    let told = |error: LogError| error.to_string();
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    let is_gone = |error: &LogError| is_deleting && matches!(error, LogError::Trimmed { .. });
    let mut next = start;
    let mut cursor = match shard.cursor(Start::At(start)) {
        Err(error) if is_gone(&error) => {
            let cursor = shard.cursor(Start::Oldest).map_err(told)?;
            next = behind(&cursor, next)?;
            cursor
        }
        other => other.map_err(told)?,
    };
    loop {
        match cursor.next() {
            Ok(Some(record)) => {
                let seq = record.seq();
                if seq != next {
                    return Err(format!("record {seq} where {next} was to come"));
                }
                next = seq.plus(1);
                let text = std::str::from_utf8(record.payload())
                    .map_err(|_| format!("record {seq} is no text"))?;
                let id = Id::of_record(text).filter(|_| is_record(text, seed));
                let id = id.ok_or_else(|| format!("record {seq} is not as it was sent: {text}"))?;
                if last.insert(id.lane, id.number) >= Some(id.number) {
                    return Err(format!("record {seq}, {id}, comes after a later one"));
                }
            }
            Ok(None) => match cursor.wait(WAIT) {
                Ok(_) => {}
                Err(LogError::Closed) => return Ok(()),
                Err(error) => return Err(told(error)),
            },
            Err(LogError::Closed) => return Ok(()),
            Err(error) if is_gone(&error) => {
                cursor = match shard.cursor(Start::Oldest) {
                    Err(LogError::Closed) => return Ok(()),
                    other => other.map_err(told)?,
                };
                next = behind(&cursor, next)?;
            }
            Err(error) => return Err(told(error)),
        }
    }
}

/// Returns where a cursor at the oldest record goes on, after the one that was `next` is gone.
fn behind(cursor: &Cursor, next: SeqNo) -> Result<SeqNo, String> {
    let oldest = cursor.position();
    if oldest < next {
        return Err(format!(
            "record {next} is gone, and {oldest} before it is there"
        ));
    }
    Ok(oldest)
}
