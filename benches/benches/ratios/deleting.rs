//! Appending while segments are deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mainstem_benches::producers;
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::Workplace;
use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, ShardName, ShardOptions};

use crate::options::Options;

const PRODUCERS: usize = 16;
const PAYLOAD: [u8; 1024] = [b'x'; 1024];
/// Small, so that one is deleted several times a second.
const SEGMENT_BYTES: u64 = 2 << 20;

/// All but the newest segments go as soon as they are sealed, in every other round.
pub(crate) fn measure(
    workplace: &Workplace,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    if !options.wants("deleting") {
        return Ok(());
    }
    let corner = workplace.corner()?;
    let engine = Engine::open(&Env::real(), corner.path(), EngineOptions::default())?;
    let mut shard_options = ShardOptions::default();
    shard_options.segment_bytes = SEGMENT_BYTES;
    let shard = engine.create_shard(&ShardName::new("shard")?, shard_options)?;
    let run = || {
        producers::run(PRODUCERS, options.round, || {
            shard.append_one(&PAYLOAD).map(drop)
        })
    };
    run()?;
    let (mut rate, mut p99) = (Series::default(), Series::default());
    for _ in 0..options.rounds {
        let stop = AtomicBool::new(false);
        let delete = || -> Result<usize> {
            let mut deleted = 0;
            while !stop.load(Ordering::Relaxed) {
                deleted += shard.trim_before(shard.durable_end())?;
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(deleted)
        };
        let with = std::thread::scope(|scope| -> Result<_> {
            let deleting = scope.spawn(delete);
            let with = run();
            stop.store(true, Ordering::Relaxed);
            let deleted = deleting.join().ok().context("deleting panicked")??;
            ensure!(deleted > 0, "nothing was deleted in a round");
            with
        })?;
        let without = run()?;
        rate.push(with.rate(), without.rate());
        p99.push(with.latency_us(990), without.latency_us(990));
    }
    let what = format!("deleting, {PRODUCERS} producers");
    report.add(rate.row(what.as_str(), "records/s", Goal::None))?;
    report.add(p99.row(format!("{what} p99"), "us", Goal::AtMost(1.2)))?;
    engine.close()?;
    Ok(())
}
