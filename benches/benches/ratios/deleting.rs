//! Appending by 16 producers while segments are deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mainstem_benches::producers::{self, Run};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::Workplace;
use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, Shard, ShardName, ShardOptions};

use crate::options::Options;

const PRODUCERS: usize = 16;
const PAYLOAD: [u8; 1024] = [b'x'; 1024];
/// So small that one goes more than ten times a second, which shows what deleting costs at all.
const SMALL_SEGMENT_BYTES: u64 = 4 << 20;
/// How many usual rounds a round of the usual segments is long: one of these is full every few seconds.
const LONG_ROUNDS: u32 = 5;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("deleting") {
        return Ok(());
    }
    let usual = ShardOptions::default().segment_bytes;
    let long = options.round.saturating_mul(LONG_ROUNDS);
    let rounds = options.rounds;
    case(workplace, report, rounds, long, usual, Goal::AtMost(1.2))?;
    let small = SMALL_SEGMENT_BYTES;
    case(workplace, report, rounds, options.round, small, Goal::None)
}

/// All but the newest segments go as soon as they are sealed; the floor is the same engine without
/// that, which has none but the newest when it begins, either. How far two measurements without it differ
/// says how much of a difference is noise.
///
/// A deletion is felt by the few appends that are under way then, which even the slowest hundredth may not
/// show; so there is the longest one, too.
fn case(
    workplace: &Workplace,
    report: &mut Report,
    rounds: usize,
    round: Duration,
    segment_bytes: u64,
    goal: Goal,
) -> Result<()> {
    let corner = workplace.corner()?;
    let engine = Engine::open(&Env::real(), corner.path(), EngineOptions::default())?;
    let mut shard_options = ShardOptions::default();
    shard_options.segment_bytes = segment_bytes;
    let shard = engine.create_shard(&ShardName::new("shard")?, shard_options)?;
    let append = || producers::run(PRODUCERS, round, || shard.append_one(&PAYLOAD).map(drop));
    let without = || {
        shard.trim_before(shard.durable_end())?;
        append()
    };
    let mut deleted = 0;
    let mut with = || -> Result<Run> {
        shard.trim_before(shard.durable_end())?;
        let (ran, more) = deleting(&shard, append)?;
        deleted += more;
        Ok(ran)
    };
    without()?;
    let mut rate = Series::default();
    let [mut p99, mut longest, mut noise_of_p99, mut noise_of_longest] =
        std::array::from_fn(|_| Series::default());
    for round in 0..rounds {
        // Who goes first alternates, and what is compared with itself does so too.
        let (with, beside, again) = if round.is_multiple_of(2) {
            let with = with()?;
            (with, without()?, without()?)
        } else {
            let again = without()?;
            let beside = without()?;
            (with()?, beside, again)
        };
        rate.push(with.rate(), beside.rate());
        p99.push(with.latency_us(990), beside.latency_us(990));
        longest.push(with.latency_us(1000), beside.latency_us(1000));
        noise_of_p99.push(again.latency_us(990), beside.latency_us(990));
        noise_of_longest.push(again.latency_us(1000), beside.latency_us(1000));
    }
    ensure!(deleted > 0, "nothing was deleted");
    let what = format!("deleting segments of {} MiB", segment_bytes >> 20);
    let noise = format!("{what}, without twice");
    let all = round.saturating_mul(u32::try_from(rounds)?);
    let note = format!("{deleted} deleted in {} s", all.as_secs_f64());
    let rate = rate.row(what.as_str(), "records/s", Goal::None);
    report.add(rate.with_note(note))?;
    report.add(p99.row(format!("{what} p99"), "us", goal))?;
    report.add(longest.row(format!("{what} longest"), "us", Goal::None))?;
    report.add(noise_of_p99.row(format!("{noise} p99"), "us", Goal::None))?;
    report.add(noise_of_longest.row(format!("{noise} longest"), "us", Goal::None))?;
    engine.close()?;
    Ok(())
}

/// Has `run` append while all segments go that can; returns how many went, too.
fn deleting(shard: &Shard, run: impl FnOnce() -> Result<Run>) -> Result<(Run, usize)> {
    let stop = AtomicBool::new(false);
    let delete = || -> Result<usize> {
        let mut deleted = 0;
        while !stop.load(Ordering::Relaxed) {
            deleted += shard.trim_before(shard.durable_end())?;
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(deleted)
    };
    std::thread::scope(|scope| {
        let deleting = scope.spawn(delete);
        let ran = run();
        stop.store(true, Ordering::Relaxed);
        let deleted = deleting.join().ok().context("deleting panicked")??;
        Ok((ran?, deleted))
    })
}
