//! Reopening a log of many segments after an orderly close.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::Workplace;
use mainstem_env::Env;
use mainstem_log::{
    AppendOptions, Batch, Engine, EngineOptions, Maintenance, SeqNo, ShardName, ShardOptions, Start,
};

use crate::options::Options;

/// The smallest there are: what is measured is their number.
const SEGMENT_BYTES: u64 = 4096;
/// A batch of two fills more than half of a segment, so that each batch begins the next one.
const PAYLOAD: [u8; 1000] = [b'x'; 1000];
const RECORDS_IN_BATCH: usize = 2;

/// The floor lists the directory and asks for the length of each file in it.
pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("reopen-closed") {
        return Ok(());
    }
    let corner = workplace.corner()?;
    let built = open(corner.path(), true)?;
    let mut batch = Batch::new();
    for _ in 0..RECORDS_IN_BATCH {
        batch.push(&PAYLOAD)?;
    }
    for _ in 0..options.segments {
        built.shard.append(&batch, AppendOptions::default())?;
    }
    built.engine.close()?;
    drop(built);

    let mut series = Series::default();
    for _ in 0..options.rounds {
        let start = Instant::now();
        let opened = open(corner.path(), false)?;
        let last = SeqNo(opened.shard.durable_end().0.saturating_sub(1));
        for from in [Start::Oldest, Start::At(last)] {
            let mut cursor = opened.shard.cursor(from)?;
            let record = cursor.next()?.context("no record")?;
            ensure!(record.payload() == PAYLOAD, "another record than expected");
        }
        let engine_ms = start.elapsed().as_secs_f64() * 1000.0;
        let segments = opened.shard.segments()?.len();
        ensure!(segments >= options.segments, "only {segments} segments");
        opened.engine.close()?;

        let start = Instant::now();
        let files = lengths(corner.path())?;
        ensure!(files >= options.segments, "only {files} files");
        series.push(engine_ms, start.elapsed().as_secs_f64() * 1000.0);
    }
    let what = format!("reopen-closed {} segments", options.segments);
    report.add(series.row(what, "ms", Goal::Within(100.0)))
}

struct Opened {
    engine: Engine,
    shard: mainstem_log::Shard,
}

fn open(dir: &Path, is_new: bool) -> Result<Opened> {
    let mut engine_options = EngineOptions::default();
    engine_options.maintenance = Maintenance::ByCaller;
    let engine = Engine::open(&Env::real(), &dir.join("data"), engine_options)?;
    let mut options = ShardOptions::default();
    options.segment_bytes = SEGMENT_BYTES;
    let name = ShardName::new("shard")?;
    let shard = if is_new {
        engine.create_shard(&name, options)?
    } else {
        engine.shard(&name, options)?
    };
    Ok(Opened { engine, shard })
}

/// Returns how many files there are below `dir`, the length of each looked up.
fn lengths(dir: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            files += lengths(&entry.path())?;
        } else {
            std::hint::black_box(metadata.len());
            files += 1;
        }
    }
    Ok(files)
}
