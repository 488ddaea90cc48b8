//! Random work on a simulated machine, with a record of what every reader may expect afterwards.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mainstem_env::sim::{Sim, hooked};
use mainstem_env::{Env, TimestampMs};
use mainstem_log::limits::{HOUR_MS, RETENTION_MS_MIN};
use mainstem_log::{AppendOptions, Engine, LogError, Outcome, Shard, ShardOptions, Start};

use crate::kit::{DIR, batch, engine_options, name, open};

/// `SplitMix64`: the same seed, the same work.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn len(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap())).unwrap()
    }
}

/// A record that the log was asked to keep. Operations are counted by the simulated disk.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) payload: Vec<u8>,
    pub(crate) time_ms: u64,
    /// Operations that were done when its append was called.
    pub(crate) begun: u64,
    /// Operations that were done when somebody was told that it is durable, or saw it.
    pub(crate) acked: u64,
    /// Operations that were done when a recovery came to know that it was lost.
    pub(crate) gone: u64,
    /// Whether it is the last of its batch.
    pub(crate) ends_batch: bool,
}

/// One shard, and all that it was ever given.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) name: &'static str,
    /// Every record, those that got lost included.
    pub(crate) records: Vec<Accepted>,
    /// Operations that were done when the shard's creation had succeeded.
    pub(crate) created: u64,
}

impl Log {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            records: Vec::new(),
            created: u64::MAX,
        }
    }

    /// Returns what may be in the shard after operation `at` at most, by sequence number.
    pub(crate) fn possible(&self, at: u64) -> Vec<&Accepted> {
        let possible = |record: &&Accepted| record.begun <= at && record.gone > at;
        self.records.iter().filter(possible).collect()
    }

    /// Forgets all records but the first `kept` that are still there, and calls these seen.
    fn keep_only(&mut self, kept: usize, now: u64) {
        let there = self.records.iter_mut().filter(|it| it.gone == u64::MAX);
        for (number, record) in there.enumerate() {
            if number < kept {
                record.acked = record.acked.min(now);
            } else {
                record.gone = now;
            }
        }
    }
}

/// All that was done, for judging what is found afterwards.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) logs: Vec<Log>,
    /// What the wall clock showed from which operation on.
    pub(crate) clock: Vec<(u64, TimestampMs)>,
}

impl History {
    /// Returns what the clock showed after operation `at`.
    pub(crate) fn now_at(&self, at: u64) -> TimestampMs {
        let begun = self.clock.iter().take_while(|(from, _)| *from <= at);
        begun.last().unwrap().1
    }
}

/// How a run of random work is varied.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) segment_bytes: u64,
    /// The length of all records, if they are all of the same.
    pub(crate) equal: Option<usize>,
    /// Whether the process is killed now and then, in the middle of things.
    pub(crate) kills: bool,
}

impl Style {
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut rng = Rng::new(!seed);
        let equal = [0, 16, 80, 488, 1000];
        Self {
            segment_bytes: [4096, 4096, 8192][rng.len(3)],
            equal: (seed % 2 == 1).then(|| equal[rng.len(equal.len())]),
            kills: seed % 4 >= 2,
        }
    }

    pub(crate) fn shard_options(&self) -> ShardOptions {
        let mut options = ShardOptions::default();
        options.segment_bytes = self.segment_bytes;
        options.queued_bytes_max = 64 << 10;
        options
    }
}

/// Random work under way.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) sim: Sim,
    pub(crate) history: History,
    pub(crate) style: Style,
    pub(crate) rng: Rng,
    /// Whether calls fail, so that not even reading can be relied on.
    pub(crate) faulty: bool,
    engine: Option<Engine>,
    shards: Vec<Option<Shard>>,
    /// How many more changes of the disk the process lives to see.
    fuse: Arc<AtomicI64>,
    unique: u64,
}

/// Returns `env` for a process that makes no further call once `fuse` has burnt down.
fn mortal(env: &Env, fuse: &Arc<AtomicI64>) -> Env {
    let fuse = Arc::clone(fuse);
    hooked(
        env,
        Arc::new(move |kind, _| {
            let left = if kind.changes_disk() {
                fuse.fetch_sub(1, Ordering::SeqCst)
            } else {
                fuse.load(Ordering::SeqCst)
            };
            if left > 0 {
                Ok(())
            } else {
                Err(std::io::Error::other("killed"))
            }
        }),
    )
}

const FOR_EVER: i64 = i64::MAX / 2;

impl Run {
    /// Opens an engine on a new machine.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_style(seed, Style::of_seed(seed))
    }

    pub(crate) fn with_style(seed: u64, style: Style) -> Self {
        let mut run = Self::unopened(seed, style);
        run.open().unwrap();
        run
    }

    /// Returns a new machine on which nothing was done yet.
    pub(crate) fn unopened(seed: u64, style: Style) -> Self {
        let sim = Sim::new(seed);
        let now = sim.env().clock.now();
        Self {
            history: History {
                logs: vec![Log::new("a"), Log::new("b")],
                clock: vec![(0, now)],
            },
            sim,
            style,
            rng: Rng::new(seed),
            faulty: false,
            engine: None,
            shards: vec![None, None],
            fuse: Arc::new(AtomicI64::new(FOR_EVER)),
            unique: seed << 32,
        }
    }

    /// Goes on with an engine that is open on `sim`.
    pub(crate) fn resume(sim: Sim, engine: Engine, history: History, style: Style) -> Self {
        Self {
            unique: u64::MAX / 2,
            rng: Rng::new(sim.op_count()),
            sim,
            history,
            style,
            faulty: false,
            engine: Some(engine),
            shards: vec![None, None],
            fuse: Arc::new(AtomicI64::new(FOR_EVER)),
        }
    }

    fn op_count(&self) -> u64 {
        self.sim.op_count()
    }

    pub(crate) fn open(&mut self) -> Result<(), LogError> {
        let env = mortal(&self.sim.env(), &self.fuse);
        self.engine = Some(Engine::open(&env, Path::new(DIR), engine_options())?);
        Ok(())
    }

    /// Returns whether what the log answers at the moment may be an error.
    fn may_fail(&self) -> bool {
        self.faulty || self.is_killed()
    }

    fn is_killed(&self) -> bool {
        self.fuse.load(Ordering::SeqCst) <= 0
    }

    /// Returns the shard, opened, or created if there is none.
    pub(crate) fn shard(&mut self, at: usize) -> Result<Shard, LogError> {
        if let Some(shard) = &self.shards[at] {
            return Ok(shard.clone());
        }
        let engine = self.engine.as_ref().ok_or(LogError::Closed)?;
        let shard_name = name(self.history.logs[at].name);
        let options = self.style.shard_options();
        let shard = match engine.shard(&shard_name, options.clone()) {
            Err(LogError::ShardNotFound(_)) => {
                let log = &self.history.logs[at];
                assert_eq!(log.created, u64::MAX, "shard {} is gone", log.name);
                let shard = engine.create_shard(&shard_name, options)?;
                self.history.logs[at].created = self.op_count();
                shard
            }
            other => other?,
        };
        self.see(at, &shard);
        self.shards[at] = Some(shard.clone());
        Ok(shard)
    }

    /// Takes note of what a shard shows after it was opened.
    fn see(&mut self, at: usize, shard: &Shard) {
        let now = self.op_count();
        let log = &mut self.history.logs[at];
        match shard.refusal() {
            None => {}
            Some(LogError::Poisoned(_)) if self.faulty => {}
            Some(refusal) => panic!("{refusal:?}"),
        }
        log.created = log.created.min(now);
        let shown = usize::try_from(shard.durable_end().0).unwrap();
        log.keep_only(shown, now);
        let judged = judge(log, shard, now, self.sim.now());
        assert!(judged.is_ok() || self.may_fail(), "{judged:?}");
    }

    fn payload(&mut self) -> Vec<u8> {
        self.unique += 1;
        let limit = usize::try_from(self.style.segment_bytes / 4).unwrap() - 24;
        let len = self.style.equal.unwrap_or_else(|| match self.rng.below(8) {
            0 => 0,
            1..=3 => self.rng.len(64),
            4..=6 => self.rng.len(500),
            _ => self.rng.len(1501),
        });
        payload(self.unique, len.min(limit))
    }

    /// Appends records to shard `at`, all in one batch, and notes what became of them.
    pub(crate) fn append(&mut self, at: usize, payloads: &[Vec<u8>]) -> Result<(), LogError> {
        let shard = self.shard(at)?;
        let begun = self.op_count();
        let log = &mut self.history.logs[at];
        let first = log.records.len();
        let last = payloads.len() - 1;
        for (number, payload) in payloads.iter().enumerate() {
            log.records.push(Accepted {
                payload: payload.clone(),
                time_ms: 0,
                begun,
                acked: u64::MAX,
                gone: u64::MAX,
                ends_batch: number == last,
            });
        }
        let appended = if last == 0 && self.rng.below(2) == 0 {
            shard.append_one(&payloads[0])
        } else {
            shard.append(&batch(payloads), AppendOptions::default())
        };
        let now = self.op_count();
        let time_now = self.sim.now().0;
        for record in &mut self.history.logs[at].records[first..] {
            match &appended {
                Ok(appended) => {
                    record.acked = now;
                    record.time_ms = appended.time.0;
                }
                Err(error) => {
                    record.time_ms = time_now;
                    if error.outcome() == Outcome::NotApplied {
                        // Never to be found.
                        record.gone = 0;
                    }
                }
            }
        }
        appended.map(|_| ())
    }

    fn append_something(&mut self, batched: bool) -> Result<(), LogError> {
        let at = self.rng.len(2);
        let records = if batched { 1 + self.rng.len(6) } else { 1 };
        let limit = usize::try_from(self.style.segment_bytes / 2).unwrap();
        let mut payloads = Vec::new();
        let mut bytes = 0;
        for _ in 0..records {
            let payload = self.payload();
            bytes += payload.len() + 32;
            if bytes > limit && !payloads.is_empty() {
                break;
            }
            payloads.push(payload);
        }
        self.append(at, &payloads)
    }

    pub(crate) fn advance_ms(&mut self, ms: u64) {
        self.sim.advance(Duration::from_millis(ms));
        let now = self.sim.env().clock.now();
        self.history.clock.push((self.sim.op_count(), now));
    }

    pub(crate) fn maintain(&mut self) {
        if let Some(engine) = &self.engine {
            engine.maintain();
        }
    }

    /// Closes in good order, as far as possible.
    pub(crate) fn close(&mut self) -> Result<(), LogError> {
        self.shards = vec![None, None];
        self.engine.take().map_or(Ok(()), |engine| engine.close())
    }

    /// Closes in good order, and opens again.
    fn reopen(&mut self) -> Result<(), LogError> {
        self.close()?;
        self.open()
    }

    /// Goes on in a new process after this one was killed.
    pub(crate) fn rise_again(&mut self) {
        let next = self.sim.process_crash();
        self.shards = vec![None, None];
        // What the dead engine still does on its way out happens on the machine that is left behind.
        let dead = self.engine.take();
        self.sim = next;
        self.fuse = Arc::new(AtomicI64::new(FOR_EVER));
        drop(dead);
        self.open().unwrap();
        for at in 0..2 {
            self.shard(at).unwrap();
        }
    }

    /// Does one thing; an error ends the process.
    fn step(&mut self) -> Result<(), LogError> {
        match self.rng.below(100) {
            0..45 => self.append_something(false)?,
            45..65 => self.append_something(true)?,
            65..70 => self.maintain(),
            70..78 => {
                let ms = self.rng.below(5000);
                self.advance_ms(ms);
            }
            78..82 => {
                let ms = HOUR_MS + self.rng.below(HOUR_MS);
                self.advance_ms(ms);
                self.maintain();
            }
            82..86 => {
                let ms = RETENTION_MS_MIN / 2 + self.rng.below(RETENTION_MS_MIN);
                self.advance_ms(ms);
                self.maintain();
            }
            86..91 => self.reopen()?,
            91..95 => {
                self.advance_ms(31_000);
                self.maintain();
                self.advance_ms(31_000);
                self.maintain();
            }
            _ => {
                let at = self.rng.len(2);
                let (shard, now) = (self.shard(at)?, self.sim.now());
                let judged = judge(&self.history.logs[at], &shard, self.op_count(), now);
                assert!(judged.is_ok() || self.may_fail(), "{judged:?}");
            }
        }
        Ok(())
    }

    /// Does `steps` things.
    pub(crate) fn work(&mut self, steps: u64) {
        for _ in 0..steps {
            if self.style.kills && !self.is_killed() && self.rng.below(12) == 0 {
                let left = i64::try_from(self.rng.below(12)).unwrap();
                self.fuse.store(left, Ordering::SeqCst);
            }
            let done = self.step();
            if self.is_killed() {
                self.rise_again();
            } else {
                done.unwrap();
            }
        }
    }
}

/// Returns a payload that no other append of the run has, unless it is too short to be told.
pub(crate) fn payload(unique: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(unique);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&rng.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Checks that `shard` shows what it must show after operation `at`, when the clock shows `now`, and
/// nothing else. Returns how many records it has, trimmed ones included.
pub(crate) fn judge(log: &Log, shard: &Shard, at: u64, now: TimestampMs) -> Result<usize, String> {
    let possible = log.possible(at);
    let found = usize::try_from(shard.durable_end().0).unwrap();
    let acked = possible.iter().rposition(|it| it.acked <= at);
    let acked = acked.map_or(0, |last| last + 1);
    let say = |what: String| Err(format!("shard {}: {what}", log.name));
    if let Some(refusal) = shard.refusal() {
        return say(format!("takes no appends: {refusal:?}"));
    }
    if found < acked {
        return say(format!(
            "{acked} records were acknowledged, {found} are there"
        ));
    }
    if found > possible.len() {
        return say(format!(
            "{} records were appended, {found} are there",
            possible.len()
        ));
    }
    if found > 0 && !possible[found - 1].ends_batch {
        return say(format!("{found} records end in the middle of a batch"));
    }
    let horizon_ms = now.0.saturating_sub(shard.retention_ms());
    let mut expected = possible[..found].iter().enumerate();
    let mut cursor = match shard.cursor(Start::Oldest) {
        Ok(cursor) => cursor,
        Err(error) => return say(format!("cannot be read: {error:?}")),
    };
    loop {
        let record = match cursor.next() {
            Ok(record) => record,
            Err(error) => return say(format!("at {}: {error:?}", cursor.position())),
        };
        let wanted = expected.find(|(_, it)| it.time_ms >= horizon_ms);
        match (record, wanted) {
            (None, None) => return Ok(found),
            (Some(record), Some((seq, wanted))) => {
                if record.seq().0 != u64::try_from(seq).unwrap() {
                    return say(format!("record {} in place of {seq}", record.seq()));
                }
                if record.payload() != wanted.payload || record.time().0 != wanted.time_ms {
                    return say(format!("record {seq} is not what was appended"));
                }
            }
            (None, Some((seq, _))) => return say(format!("record {seq} is not there")),
            (Some(record), None) => return say(format!("unexpected record {}", record.seq())),
        }
    }
}

/// A shard that was found, and how many records it has.
pub(crate) type Opened = Option<(Shard, usize)>;

/// Opens the engine on `sim` after power was lost when `at` operations were done, and checks all of
/// it.
pub(crate) fn judge_after_loss(
    history: &History,
    sim: &Sim,
    at: u64,
    options: &ShardOptions,
) -> Result<(Engine, Vec<Opened>), String> {
    sim.set_now(history.now_at(at));
    let engine = open(&sim.env()).map_err(|error| format!("engine: {error:?}"))?;
    let mut shards = Vec::new();
    for log in &history.logs {
        let shard = match engine.shard(&name(log.name), options.clone()) {
            Ok(shard) => shard,
            Err(LogError::ShardNotFound(_)) if log.created > at => {
                shards.push(None);
                continue;
            }
            Err(error) => return Err(format!("shard {}: {error:?}", log.name)),
        };
        let found = judge(log, &shard, at, sim.now())?;
        shards.push(Some((shard, found)));
    }
    Ok((engine, shards))
}
