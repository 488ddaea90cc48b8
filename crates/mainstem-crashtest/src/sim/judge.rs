//! Holds an engine to its history.

use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_env::{Env, ReadMode};
use mainstem_log::{
    Engine, EngineOptions, LogError, Maintenance, Shard, ShardName, ShardOptions, Start,
};

use super::history::{Accepted, History, Life, Presence};

/// The data directory in simulated machines.
pub(super) const DIR: &str = "/data";

/// How an engine and its shards are opened.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) shard: ShardOptions,
    /// The size of the commit journal that every group goes through that it can take; 0 for none.
    pub(super) journal_bytes: u64,
}

impl Setup {
    /// Tells the machine what may be readable when.
    pub(super) fn prepare(&self, sim: &Sim) {
        if self.journal_bytes > 0 {
            // The journal vouches for the others.
            sim.set_published_check(is_of_journal);
        }
    }

    pub(super) fn open(&self, env: &Env) -> Result<Engine, LogError> {
        open_with(env, self.journal_bytes)
    }
}

fn is_of_journal(path: &Path) -> bool {
    let is_segment = path.extension().is_some_and(|it| it == "seg");
    is_segment && path.starts_with(Path::new(DIR).join(mainstem_log::format::names::JOURNAL))
}

/// Opens an engine in which nothing happens that was not asked for.
pub(crate) fn open(env: &Env) -> Result<Engine, LogError> {
    open_with(env, 0)
}

fn open_with(env: &Env, journal_bytes: u64) -> Result<Engine, LogError> {
    let mut options = EngineOptions::default();
    if journal_bytes > 0 {
        options.journal.commits_min = 1;
        options.journal.bytes_max = journal_bytes;
    }
    options.maintenance = Maintenance::ByCaller;
    options.read_mode = ReadMode::Mapped;
    Engine::open(env, Path::new(DIR), options)
}

pub(super) fn shard_name(name: &str) -> Result<ShardName, String> {
    ShardName::new(name).map_err(|error| error.to_string())
}

/// Checks that `shard` shows what it must show after operation `at`, and nothing else. Returns how
/// many records it has, trimmed ones included.
pub(super) fn judge_shard(
    (history, life): (&History, &Life),
    shard: &Shard,
    at: u64,
    now_ms: u64,
) -> Result<usize, String> {
    let possible = life.possible(at);
    let found = usize::try_from(shard.durable_end().0).unwrap_or(usize::MAX);
    let acked = possible.iter().rposition(|it| it.acked <= at);
    let acked = acked.map_or(0, |last| last.saturating_add(1));
    let say = |what: String| Err(format!("shard {}: {what}", shard.name().as_str()));
    if let Some(refusal) = shard.refusal() {
        return say(format!("takes no appends: {refusal:?}"));
    }
    if found < acked {
        return say(format!(
            "{acked} records were acknowledged, {found} are there"
        ));
    }
    let Some(expected) = possible.get(..found) else {
        return say(format!(
            "{} records were appended, {found} are there",
            possible.len()
        ));
    };
    if expected.last().is_some_and(|last| !last.ends_batch) {
        return say(format!("{found} records end in the middle of a batch"));
    }
    // Where the clock was set, records may stay longer, and no record goes that is young by all that
    // the clock ever showed.
    let latest_ms = if history.has_jumps {
        history.latest_at(at).0.max(now_ms)
    } else {
        now_ms
    };
    let horizon_ms = latest_ms.saturating_sub(shard.retention_ms());
    let is_young = |it: &Accepted| it.time_ms.unwrap_or(it.asked_ms) >= horizon_ms;
    let mut cursor = match shard.cursor(Start::Oldest) {
        Ok(cursor) => cursor,
        Err(error) => return say(format!("cannot be read: {error:?}")),
    };
    let mut next = 0;
    let mut last_ms = 0;
    let mut is_first = true;
    loop {
        let record = match cursor.next() {
            Ok(record) => record,
            Err(error) => return say(format!("at {}: {error:?}", cursor.position())),
        };
        let rest = expected.get(next..).unwrap_or_default();
        let Some(record) = record else {
            return match rest.iter().find(|it| is_young(it)) {
                Some(_) => say(format!("records from {next} on are not all there")),
                None => Ok(found),
            };
        };
        let seq = usize::try_from(record.seq().0).unwrap_or(usize::MAX);
        let skipped = expected.get(next..seq).unwrap_or_default();
        // Only the oldest go, and only when their time has come.
        if seq < next || (seq > next && !is_first) || skipped.iter().any(|it| is_young(it)) {
            return say(format!("record {seq} in place of {next}"));
        }
        let Some(wanted) = expected.get(seq) else {
            return say(format!("unexpected record {seq}"));
        };
        let time_is_right = match wanted.time_ms {
            Some(time_ms) => time_ms == record.time().0,
            // Where the clock was set back, a record gets the time of the one before it.
            None if history.has_jumps => record.time().0 >= wanted.asked_ms,
            None => record.time().0 == wanted.asked_ms,
        };
        if record.payload() != wanted.payload || !time_is_right {
            return say(format!("record {seq} is not what was appended"));
        }
        if record.time().0 < last_ms {
            return say(format!("record {seq} is older than the one before it"));
        }
        last_ms = record.time().0;
        if !history.has_jumps && record.time().0 < horizon_ms {
            return say(format!("record {seq} is past the retention"));
        }
        next = seq.saturating_add(1);
        is_first = false;
    }
}

/// Finds which of `lives` a shard shows, and returns its number and how many records it has.
pub(super) fn which(
    history: &History,
    lives: &[(usize, &Life)],
    shard: &Shard,
    at: u64,
    now_ms: u64,
) -> Result<(usize, usize), String> {
    let mut wrong = format!("shard {} is there and should not be", shard.name().as_str());
    // What is wrong with the newest says most.
    for (number, life) in lives.iter().rev() {
        match judge_shard((history, life), shard, at, now_ms) {
            Ok(found) => return Ok((*number, found)),
            Err(what) => wrong = what,
        }
    }
    Err(wrong)
}

/// What was found of an engine: its shards, and what each has been given so far.
#[derive(Debug)]
pub struct Recovered {
    pub(super) engine: Engine,
    pub(super) shards: Vec<Option<Shard>>,
    pub(super) found: Vec<Option<Vec<Accepted>>>,
}

/// Opens the engine on `sim` after power was lost when `at` operations were done, and checks all of
/// it.
pub(super) fn recover(
    history: &History,
    sim: &Sim,
    at: u64,
    setup: &Setup,
) -> Result<Recovered, String> {
    sim.set_now(history.now_at(at));
    setup.prepare(sim);
    let engine = setup
        .open(&sim.env())
        .map_err(|error| format!("engine: {error:?}"))?;
    let (mut shards, mut founds) = (Vec::new(), Vec::new());
    for log in &history.logs {
        let (lives, presence) = log.lives_at(at);
        let (shard, found) = match engine.shard(&shard_name(log.name)?, setup.shard.clone()) {
            Ok(shard) => {
                let (number, found) = which(history, &lives, &shard, at, sim.now().0)?;
                let life = log.lives.get(number);
                let mut left = life.map_or(Vec::new(), |life| life.possible(at));
                left.truncate(found);
                (Some(shard), Some(left.into_iter().cloned().collect()))
            }
            Err(LogError::ShardNotFound(_)) if presence != Presence::Yes => (None, None),
            Err(error) => return Err(format!("shard {}: {error:?}", log.name)),
        };
        shards.push(shard);
        founds.push(found);
    }
    Ok(Recovered {
        engine,
        shards,
        found: founds,
    })
}
