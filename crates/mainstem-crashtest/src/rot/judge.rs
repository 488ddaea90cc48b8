//! Reads what is left of a damaged store.

use std::io;
use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_log::{LogError, SeqNo, Shard, ShardName, Start};

use super::change::Change;
use super::store::{Ending, Store, is_segment, shard_options};
use crate::sim::judge::open;

/// How a store answered to damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the command counts all of them")]
pub enum Answer {
    /// All of the data was there: the damage hit nothing that is needed.
    Intact,
    /// The damage was reported, and what it did not hit was served.
    Reported,
    /// The engine did not open, and said why.
    Refused,
    /// The very last group is missing: nothing tells it from a write that was torn by the power cut.
    TakenForTorn,
}

/// Damages a copy of the store, opens it and reads everything.
///
/// # Errors
/// What the engine did wrong.
pub fn judge(store: &Store, change: &Change) -> Result<Answer, String> {
    let world = change
        .make(store)
        .map_err(|error| format!("no such damage: {error}"))?;
    let engine = match open(&world.env()) {
        Ok(engine) => engine,
        Err(error) => return names_the_place(change, &error, &world).map(|()| Answer::Refused),
    };
    let mut answer = Answer::Intact;
    for (name, expected) in &store.records {
        let shard = match engine.shard(name, shard_options(store.segment_bytes)) {
            Ok(shard) => shard,
            Err(error) => {
                names_the_place(change, &error, &world)?;
                answer = answer.max(Answer::Reported);
                continue;
            }
        };
        let judged = judge_shard((store, change), &world, (name, &shard), expected);
        answer = answer.max(judged.map_err(|what| format!("shard {name}: {what}"))?);
    }
    world.violation().map_or(Ok(answer), Err)
}

/// Does several damages to a copy of the store, opens it and reads everything.
///
/// Several damages together can look like a store that never had more, so nothing has to be reported:
/// but whatever is served was written, where it was written, and in order.
///
/// # Errors
/// What the engine served that it should not have, or that a damage cannot be done.
pub fn nothing_else_is_served(store: &Store, changes: &[Change]) -> Result<(), String> {
    let world = store.sim.snapshot();
    for change in changes {
        match change.make_in(store, &world) {
            // An earlier damage may have taken what this one is for.
            Ok(()) => {}
            Err(error) if is_moot(&error) => {}
            Err(error) => return Err(format!("no such damage: {change}: {error}")),
        }
    }
    let Ok(engine) = open(&world.env()) else {
        return world.violation().map_or(Ok(()), Err);
    };
    for (name, expected) in &store.records {
        let Ok(shard) = engine.shard(name, shard_options(store.segment_bytes)) else {
            continue;
        };
        let all_of_them = |expected: &[Vec<u8>]| {
            only_what_was_written(&shard, expected).map_err(|what| format!("shard {name}: {what}"))
        };
        all_of_them(expected)?;
        if let Ok(appended) = shard.append_one(MORE) {
            // It may be numbered as one that is lost, and is found under that number.
            let at = usize::try_from(appended.seqs.start.0).unwrap_or(usize::MAX);
            let mut expected = expected.clone();
            expected.resize(expected.len().max(at), Vec::new());
            expected.truncate(at);
            expected.push(MORE.to_vec());
            all_of_them(&expected)?;
        }
    }
    world.violation().map_or(Ok(()), Err)
}

/// Reads all there is, from several starts, up to errors.
fn only_what_was_written(shard: &Shard, expected: &[Vec<u8>]) -> Result<(), String> {
    for start in [0, expected.len() / 2, expected.len().saturating_sub(1)] {
        let from = SeqNo(u64::try_from(start).unwrap_or(u64::MAX));
        let Ok(mut cursor) = shard.cursor(Start::At(from)) else {
            continue;
        };
        let mut next = start;
        while let Ok(Some(record)) = cursor.next() {
            let seq = usize::try_from(record.seq().0).unwrap_or(usize::MAX);
            if seq < next || expected.get(seq).is_none_or(|it| it != record.payload()) {
                return Err(format!("other data as record {seq}, where {next} was next"));
            }
            next = seq.saturating_add(1);
        }
    }
    Ok(())
}

/// Returns whether a damage found nothing to hit.
fn is_moot(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
    )
}

/// What is appended to a damaged store.
const MORE: &[u8] = b"more";

fn judge_shard(
    (store, change): (&Store, &Change),
    world: &Sim,
    (name, shard): (&ShardName, &Shard),
    expected: &[Vec<u8>],
) -> Result<Answer, String> {
    let mut complained = false;
    match shard.refusal() {
        None => {}
        Some(LogError::ReadOnly { source, .. }) => {
            names_the_place(change, &source, world)?;
            complained = true;
        }
        Some(refusal) => return Err(format!("refuses appends for a wrong reason: {refusal:?}")),
    }
    let mut shortest = expected.len();
    for start in [0, expected.len() / 2, expected.len().saturating_sub(1)] {
        let (found, error) = read_from(shard, expected, start)?;
        match error {
            Some(error) => {
                names_the_place(change, &error, world)?;
                complained = true;
            }
            None => shortest = shortest.min(found),
        }
    }
    let answer = if complained {
        Answer::Reported
    } else if shortest == expected.len() {
        Answer::Intact
    } else if may_be_torn(store, change, name) {
        Answer::TakenForTorn
    } else {
        return Err(format!(
            "{} records, and {shortest} are there, without a word",
            expected.len()
        ));
    };
    match (shard.append_one(MORE), shard.refusal()) {
        (Err(LogError::ReadOnly { .. }), Some(_)) => {}
        (Ok(appended), None) => {
            let next = u64::try_from(shortest).unwrap_or(u64::MAX);
            if appended.seqs.start.0 != next && !complained {
                return Err(format!("appended as {} after {next}", appended.seqs.start));
            }
        }
        (appended, refusal) => return Err(format!("{appended:?}, and refusal {refusal:?}")),
    }
    Ok(answer)
}

/// Reads from record `start` on; returns the number after the last that was read, and the error that
/// ended it.
fn read_from(
    shard: &Shard,
    expected: &[Vec<u8>],
    start: usize,
) -> Result<(usize, Option<LogError>), String> {
    let mut next = start;
    let from = SeqNo(u64::try_from(start).unwrap_or(u64::MAX));
    let mut cursor = match shard.cursor(Start::At(from)) {
        Ok(cursor) => cursor,
        Err(error) => return Ok((next, Some(error))),
    };
    loop {
        match cursor.next() {
            Ok(Some(record)) => {
                let seq = usize::try_from(record.seq().0).unwrap_or(usize::MAX);
                if seq != next || expected.get(seq).is_none_or(|it| it != record.payload()) {
                    return Err(format!("other data in place of record {next}, as {seq}"));
                }
                next = next.saturating_add(1);
            }
            Ok(None) => return Ok((next, None)),
            Err(error) => return Ok((next, Some(error))),
        }
    }
}

/// Returns whether the end of the shard may be missing without a word: after a power cut that took the
/// index, if the last group alone is hit, or if the end of the newest segment is not there at all, as if
/// it had never been synced.
fn may_be_torn(store: &Store, change: &Change, shard: &ShardName) -> bool {
    let path = change.file();
    if store.ending != Ending::CutOff || !is_segment(path) || !is_of(path, shard) {
        return false;
    }
    let Some(last) = store.last_group(path) else {
        return false;
    };
    match change {
        Change::Flip(_, bit) => last.contains(&(bit / 8)),
        // Without its header, the last group vouches for none before it.
        Change::Zero(_, _, end) => *end > last.start,
        Change::Cut(..) | Change::Remove(_) | Change::Older(_) => true,
        Change::Replace(..) => false,
    }
}

fn is_of(path: &Path, shard: &ShardName) -> bool {
    path.parent()
        .is_some_and(|dir| dir.ends_with(shard.as_str()))
}

/// Checks that an error is about the damage and says where it is.
fn names_the_place(change: &Change, error: &LogError, world: &Sim) -> Result<(), String> {
    let LogError::Corrupt { path, position, .. } = error else {
        return Err(format!("not an error of damage: {error:?}"));
    };
    let len = world.read_file(path).map_or(0, |it| it.len());
    let is_within = *position <= u64::try_from(len).unwrap_or(u64::MAX);
    // A file that is missing, or is not the one it should be, shows in its neighbour.
    let is_exchanged = matches!(
        change,
        Change::Remove(_) | Change::Replace(..) | Change::Older(_)
    );
    let is_near = path == change.file()
        || is_exchanged && (path.parent() == change.file().parent() || path.ends_with("ENGINE"));
    if is_within && is_near {
        Ok(())
    } else {
        Err(format!("the error names another place: {error:?}"))
    }
}
