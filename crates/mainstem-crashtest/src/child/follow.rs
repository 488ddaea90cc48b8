//! Follows a shard while it is written, and checks every record.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstem_log::{LogError, SeqNo, Shard, Start};

use crate::contract::{Id, is_record};

/// How the writer exits when one of its readers sees what it must not see.
pub(super) const EXIT_WRONG: i32 = 3;

/// How long one wait for more takes at most.
const WAIT: Duration = Duration::from_secs(1);

/// Reads `shard` from `start` on until it is closed. Ends the process when a record is not as it was
/// sent, does not follow the one before it, or cannot be read.
pub(super) fn follow(shard: &Shard, start: SeqNo, seed: u64) {
    if let Err(wrong) = read(shard, start, seed) {
        eprintln!("a reader in {}: {wrong}", shard.name());
        std::process::exit(EXIT_WRONG);
    }
}

fn read(shard: &Shard, start: SeqNo, seed: u64) -> Result<(), String> {
    let told = |error: LogError| error.to_string();
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    let mut next = start;
    let mut cursor = shard.cursor(Start::At(start)).map_err(told)?;
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
            Err(error) => return Err(told(error)),
        }
    }
}
