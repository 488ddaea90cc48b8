//! One cycle: clients work, the process ends in some way, a new one is judged.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mainstem_env::Env;

use super::clients::{Shared, Tail};
use super::judge::Judge;
use super::known::{Happened, Known, LASTING};
use super::process::Process;
use crate::sim::rng::Rng;

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) cycles: u64,
    pub(super) kills: u64,
    pub(super) kills_at_start: u64,
    pub(super) terminations: u64,
    pub(super) pauses: u64,
    pub(super) acked: u64,
    pub(super) changes: u64,
    pub(super) refused: u64,
    pub(super) cut: u64,
    pub(super) tailed: u64,
    pub(super) judged: u64,
    pub(super) kept_unacked: u64,
    pub(super) lost_unacked: u64,
    pub(super) slowest_start: Duration,
}

/// How a cycle ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The process is killed once so many appends were acknowledged and so much more time has passed.
    Kill(u64, Duration),
    /// It is told to stop once so many appends were acknowledged.
    Terminate(u64),
}

/// A server with its data, and all that is known of it.
#[derive(Debug)]
pub(super) struct Store<'a> {
    env: &'a Env,
    program: &'a Path,
    dir: PathBuf,
    process: Option<Process>,
    address: std::net::SocketAddr,
    known: Mutex<Known>,
    tails: Vec<Tail>,
    rng: Rng,
    producers: u32,
}

/// Shards of the stream that stays.
const SHARDS: usize = 3;

/// How long the clients may go without an acknowledgement.
const STUCK: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(1);

impl<'a> Store<'a> {
    /// Starts a server on new data in `dir`, with the stream that stays.
    pub(super) fn new(
        env: &'a Env,
        program: &'a Path,
        dir: PathBuf,
        seed: u64,
        producers: u32,
    ) -> Result<Self> {
        let mut process = Process::start(program, &dir)?;
        let mut store = Self {
            env,
            program,
            dir,
            address: process.address()?,
            process: Some(process),
            known: Mutex::new(Known::new(seed)),
            tails: Vec::new(),
            rng: Rng::new(seed),
            producers,
        };
        store.create_lasting().map_err(|what| anyhow!(what))?;
        Ok(store)
    }

    fn create_lasting(&mut self) -> Result<(), String> {
        let data = self.dir.join("data");
        let mut judge = Judge::new(self.env, self.address, &data)?;
        let input = serde_json::json!({"StreamName": LASTING, "ShardCount": SHARDS});
        let created = judge.client.call("CreateStream", &input);
        created.map_err(|error| error.to_string())?;
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        known.creating(LASTING, SHARDS);
        if let Some(life) = known.life(LASTING) {
            life.created = Happened::Yes;
        }
        judge.everything(known, &[])?;
        for shard in judge.shards(LASTING, SHARDS)? {
            self.tails.push(Tail {
                iterator: judge.oldest(LASTING, &shard)?,
                shard,
                read: Vec::new(),
            });
        }
        Ok(())
    }

    /// Carries out one cycle.
    ///
    /// # Errors
    /// What the server did wrong.
    pub(super) fn cycle(&mut self, tally: &mut Tally) -> Result<()> {
        let acks = 1 + self.rng.below(60);
        let end = match self.rng.below(10) {
            0..2 => End::Terminate(acks),
            2 => End::Kill(0, Duration::from_micros(self.rng.below(60_000))),
            // A little later, as right after an acknowledgement little is on its way.
            _ => End::Kill(acks, Duration::from_micros(self.rng.below(20_000))),
        };
        let pause = (self.rng.below(5) == 0).then(|| Duration::from_millis(self.rng.below(60)));
        self.work(end, pause, tally)?;
        self.restart(tally)?;
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        let data = self.dir.join("data");
        let judged = Judge::new(self.env, self.address, &data)
            .and_then(|mut judge| judge.everything(known, &self.tails))
            .map_err(|what| anyhow!(what))?;
        tally.judged = tally.judged.saturating_add(judged.found);
        tally.kept_unacked = tally.kept_unacked.saturating_add(judged.kept_unacked);
        tally.lost_unacked = tally.lost_unacked.saturating_add(judged.lost_unacked);
        for (sum, count) in [
            (&mut tally.acked, &mut known.acked),
            (&mut tally.changes, &mut known.changes),
            (&mut tally.refused, &mut known.refused),
            (&mut tally.cut, &mut known.cut),
            (&mut tally.tailed, &mut known.tailed),
        ] {
            *sum = sum.saturating_add(std::mem::take(count));
        }
        tally.cycles = tally.cycles.saturating_add(1);
        Ok(())
    }

    /// Lets the clients work until the process has ended.
    fn work(&mut self, end: End, pause: Option<Duration>, tally: &mut Tally) -> Result<()> {
        let mut process = self.process.take().context("there is no process")?;
        let shared = Shared {
            env: self.env,
            address: self.address,
            known: &self.known,
            is_ending: AtomicBool::new(false),
        };
        let sleep = |time: Duration| self.env.clock.sleep(time);
        let ended = std::thread::scope(|scope| -> Result<()> {
            let shared = &shared;
            for lane in 0..self.producers {
                let rng = Rng::new(self.rng.draw());
                scope.spawn(move || shared.produce(lane, rng));
            }
            let rng = Rng::new(self.rng.draw());
            scope.spawn(move || shared.change(rng));
            let tails = &mut self.tails;
            scope.spawn(move || shared.follow(tails));
            let (acks, more) = match end {
                End::Kill(acks, more) => (acks, more),
                End::Terminate(acks) => (acks, Duration::ZERO),
            };
            let mut ended = wait_for_acks(self.env, shared, &mut process, acks / 2);
            if let (Ok(()), Some(pause)) = (&ended, pause) {
                tally.pauses = tally.pauses.saturating_add(1);
                ended = process.pause();
                sleep(pause);
                ended = ended.and(process.go_on());
            }
            if ended.is_ok() {
                ended = wait_for_acks(self.env, shared, &mut process, acks);
            }
            sleep(more);
            shared.is_ending.store(true, Ordering::SeqCst);
            // Also after an error: the clients wait for answers.
            let over = match end {
                End::Terminate(_) if ended.is_ok() => {
                    tally.terminations = tally.terminations.saturating_add(1);
                    process.terminate(sleep)
                }
                _ => {
                    tally.kills = tally.kills.saturating_add(1);
                    process.kill()
                }
            };
            ended.and(over)
        });
        if let Some(what) = shared.known().wrong.take() {
            return Err(anyhow!(what));
        }
        ended
    }

    /// Starts a new process, and now and then kills it while it starts.
    fn restart(&mut self, tally: &mut Tally) -> Result<()> {
        while self.rng.below(6) == 0 {
            let process = Process::start(self.program, &self.dir)?;
            self.env
                .clock
                .sleep(Duration::from_micros(self.rng.below(25_000)));
            process.kill()?;
            tally.kills_at_start = tally.kills_at_start.saturating_add(1);
        }
        let start = self.env.clock.elapsed();
        let mut process = Process::start(self.program, &self.dir)?;
        self.address = process.address()?;
        self.process = Some(process);
        let took = self.env.clock.elapsed().since(start);
        tally.slowest_start = tally.slowest_start.max(took);
        Ok(())
    }
}

/// Waits until so many appends were acknowledged in this cycle, or something went wrong.
fn wait_for_acks(env: &Env, shared: &Shared<'_>, process: &mut Process, acks: u64) -> Result<()> {
    let mut seen = 0;
    let mut waited = Duration::ZERO;
    loop {
        let (acked, is_wrong) = {
            let known = shared.known();
            (known.acked, known.wrong.is_some())
        };
        if acked >= acks || is_wrong {
            return Ok(());
        }
        if let Some(status) = process.ended()? {
            return Err(anyhow!(
                "the server ended by itself, {status}: {}",
                process.said()
            ));
        }
        if acked > seen {
            (seen, waited) = (acked, Duration::ZERO);
        }
        if waited > STUCK {
            return Err(anyhow!("the server does not go on"));
        }
        env.clock.sleep(STEP);
        waited = waited.saturating_add(STEP);
    }
}
