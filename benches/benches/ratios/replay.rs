//! Reading everything back, warm, with checksums.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_benches::{floor, walk};
use mainstem_log::{Shard, Start};

use crate::options::Options;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    for bytes in [100, 1024] {
        let name = format!("replay-{bytes}");
        if options.wants(&name) {
            case(workplace, options, report, &name, bytes)?;
        }
    }
    Ok(())
}

fn case(
    workplace: &Workplace,
    options: &Options,
    report: &mut Report,
    name: &str,
    bytes: usize,
) -> Result<()> {
    let payload = vec![b'x'; bytes];
    let records = options.replay_bytes / u64::try_from(bytes)?;
    let corner = workplace.corner()?;
    let opened = workplace::open_filled(corner.path(), &payload, records)?;
    let path = corner.path().join("floor");
    let len = write_frames(&path, &payload, records)?;

    // With maps that both keep between rounds: what a reader does who stays.
    let region = walk::map(&path, len)?;
    let mut kept = Series::default();
    let megabytes = |seconds: f64| -> Result<f64> {
        Ok(f64::from(u32::try_from(options.replay_bytes >> 20)?) / seconds)
    };
    replay(&opened.shard, records)?;
    walk::frames(&region.view(0..len)?)?;
    for _ in 0..options.rounds {
        let engine = timed(|| replay(&opened.shard, records))?;
        let floor = timed(|| {
            let walked = walk::frames(&region.view(0..len)?)?;
            ensure!(walked.records == records, "records are missing");
            Ok(())
        })?;
        kept.push(megabytes(engine)?, megabytes(floor)?);
    }
    report.add(kept.row(name, "MiB/s", Goal::AtLeast(0.8)))?;
    drop(region);
    opened.engine.close()?;
    drop(opened);

    // With maps made anew: what a process does that has just begun.
    let mut fresh = Series::default();
    for _ in 0..options.rounds {
        let opened = workplace::open(corner.path())?;
        let engine = timed(|| replay(&opened.shard, records))?;
        opened.engine.close()?;
        let floor = timed(|| {
            let walked = walk::file(&path, len)?;
            ensure!(walked.records == records, "records are missing");
            Ok(())
        })?;
        fresh.push(megabytes(engine)?, megabytes(floor)?);
    }
    let what = format!("{name}, fresh maps");
    report.add(fresh.row(what, "MiB/s", Goal::AtLeast(0.8)))
}

/// Writes the same records as bare frames, in groups as large as the engine's, each synced; returns the
/// length of the file.
fn write_frames(path: &Path, payload: &[u8], records: u64) -> Result<u64> {
    let mut file = File::create_new(path)?;
    let crc = crc32fast::hash(payload);
    let mut group = Vec::new();
    for seq in 0..records {
        floor::push_frame(&mut group, payload, crc, seq, seq);
        if group.len() >= 1 << 20 || seq.saturating_add(1) == records {
            file.write_all(&group)?;
            file.sync_data()?;
            group.clear();
        }
    }
    Ok(file.metadata()?.len())
}

/// Reads all records of `shard`, of which there are so many.
pub(crate) fn replay(shard: &Shard, records: u64) -> Result<()> {
    let mut cursor = shard.cursor(Start::Oldest)?;
    let mut seen = 0;
    while cursor.next()?.is_some() {
        seen += 1;
    }
    ensure!(seen == records, "{seen} of {records} records");
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}
