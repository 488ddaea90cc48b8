//! Durable appends of batches, in bytes per second.

use anyhow::Result;
use mainstem_benches::floor::Floor;
use mainstem_benches::producers;
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_log::{AppendOptions, Batch};

use crate::options::Options;

/// Records in a batch, as many as `PutRecords` takes. Source: API reference of Kinesis.
const RECORDS: usize = 500;
const PAYLOAD: [u8; 1024] = [b'x'; 1024];

/// One producer, who makes a batch anew for each append, as a server does.
pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    let name = "append-batch-500x1024";
    if !options.wants(name) {
        return Ok(());
    }
    let corner = workplace.corner()?;
    let opened = workplace::open(corner.path())?;
    let floor = Floor::create(&corner.path().join("floor"))?;
    let payloads = [PAYLOAD.as_slice(); RECORDS];
    let with_engine = || {
        producers::run(1, options.round, || -> Result<()> {
            let mut batch = Batch::new();
            for payload in payloads {
                batch.push(payload)?;
            }
            opened.shard.append(&batch, AppendOptions::default())?;
            Ok(())
        })
    };
    let with_floor =
        || producers::run(1, options.round, || floor.append_batch(&payloads).map(drop));
    // Both files past their first, small allocations.
    with_engine()?;
    with_floor()?;
    let (mut rate, mut p99) = (Series::default(), Series::default());
    let megabytes = |batches: f64| {
        let bytes = u32::try_from(RECORDS.saturating_mul(PAYLOAD.len())).unwrap_or(u32::MAX);
        batches * f64::from(bytes) / f64::from(1 << 20)
    };
    for round in 0..options.rounds {
        let (engine, floor) = if round.is_multiple_of(2) {
            let engine = with_engine()?;
            (engine, with_floor()?)
        } else {
            let floor = with_floor()?;
            (with_engine()?, floor)
        };
        rate.push(megabytes(engine.rate()), megabytes(floor.rate()));
        p99.push(engine.latency_us(990), floor.latency_us(990));
    }
    report.add(rate.row(name, "MiB/s", Goal::AtLeast(0.9)))?;
    report.add(p99.row(format!("{name} p99"), "us", Goal::None))?;
    opened.engine.close()?;
    Ok(())
}
