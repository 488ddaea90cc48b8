//! Appending while segments are deleted.

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
/// Small, so that one is deleted several times a second.
const SEGMENT_BYTES: u64 = 2 << 20;

/// All but the newest segments go as soon as they are sealed; the floor is the same engine without
/// that. How far two measurements without it differ says how much of a difference is noise.
pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("deleting") {
        return Ok(());
    }
    let corner = workplace.corner()?;
    let engine = Engine::open(&Env::real(), corner.path(), EngineOptions::default())?;
    let mut shard_options = ShardOptions::default();
    shard_options.segment_bytes = SEGMENT_BYTES;
    let shard = engine.create_shard(&ShardName::new("shard")?, shard_options)?;
    let without = || {
        producers::run(PRODUCERS, options.round, || {
            shard.append_one(&PAYLOAD).map(drop)
        })
    };
    let with = || deleting(&shard, without);
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
    let what = format!("deleting, {PRODUCERS} producers");
    let noise = format!("{what}, without twice");
    report.add(rate.row(what.as_str(), "records/s", Goal::None))?;
    report.add(p99.row(format!("{what} p99"), "us", Goal::AtMost(1.2)))?;
    report.add(noise_of_rate.row(noise.as_str(), "records/s", Goal::None))?;
    report.add(noise_of_p99.row(format!("{noise} p99"), "us", Goal::None))?;
    engine.close()?;
    Ok(())
}

/// Has `run` append while all segments go that can.
fn deleting(shard: &Shard, run: impl FnOnce() -> Result<Run>) -> Result<Run> {
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
        ensure!(deleted > 0, "nothing was deleted in a round");
        ran
    })
}
