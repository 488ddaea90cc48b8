//! Appending by 16 producers while segments are deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mainstem_benches::producers::{self, Run};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, Shard, ShardName, ShardOptions};

use crate::options::Options;

const PRODUCERS: usize = 16;
const PAYLOAD: [u8; 1024] = [b'x'; 1024];
/// So small that one is deleted more than ten times a second, which shows what deleting costs at all.
const SMALL_SEGMENT_BYTES: u64 = 4 << 20;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("deleting") {
        return Ok(());
    }
    let usual = ShardOptions::default().segment_bytes;
    case(workplace, options, report, usual, Goal::AtMost(1.2))?;
    case(workplace, options, report, SMALL_SEGMENT_BYTES, Goal::None)
}

/// All but the newest segments go as soon as they are sealed; the floor is the same engine without
/// that. How far two measurements without it differ says how much of a difference is noise.
fn case(
    workplace: &Workplace,
    options: &Options,
    report: &mut Report,
    segment_bytes: u64,
    goal: Goal,
) -> Result<()> {
    let corner = workplace.corner()?;
    let engine = Engine::open(&Env::real(), corner.path(), EngineOptions::default())?;
    let mut shard_options = ShardOptions::default();
    shard_options.segment_bytes = segment_bytes;
    let shard = engine.create_shard(&ShardName::new("shard")?, shard_options)?;
    // So much that the first round has something to delete, however slow this machine is.
    let records = segment_bytes / u64::try_from(PAYLOAD.len())?;
    workplace::fill(&shard, &PAYLOAD, records)?;
    let without = || {
        producers::run(PRODUCERS, options.round, || {
            shard.append_one(&PAYLOAD).map(drop)
        })
    };
    let mut deleted = 0;
    let mut with = || -> Result<Run> {
        let (ran, more) = deleting(&shard, without)?;
        deleted += more;
        Ok(ran)
    };
    without()?;
    let (mut rate, mut p99) = (Series::default(), Series::default());
    let (mut noise_of_rate, mut noise_of_p99) = (Series::default(), Series::default());
    for round in 0..options.rounds {
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
        noise_of_rate.push(again.rate(), beside.rate());
        noise_of_p99.push(again.latency_us(990), beside.latency_us(990));
    }
    ensure!(deleted > 0, "nothing was deleted");
    let what = format!("deleting segments of {} MiB", segment_bytes >> 20);
    let noise = format!("{what}, without twice");
    report.add(rate.row(what.as_str(), "records/s", Goal::None))?;
    report.add(p99.row(format!("{what} p99"), "us", goal))?;
    report.add(noise_of_rate.row(noise.as_str(), "records/s", Goal::None))?;
    report.add(noise_of_p99.row(format!("{noise} p99"), "us", Goal::None))?;
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
