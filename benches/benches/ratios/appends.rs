//! Durable appends of single records.

use anyhow::Result;
use mainstem_benches::floor::Floor;
use mainstem_benches::producers::{self, Run};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};

use crate::options::Options;

/// Producers, and bytes of payload, that there are goals for.
const CASES: [(usize, usize); 6] = [
    (1, 100),
    (1, 1024),
    (16, 100),
    (16, 1024),
    (256, 100),
    (256, 1024),
];
/// Further ones, which show how it grows with producers and with size.
const BETWEEN: [(usize, usize); 4] = [(4, 1024), (64, 1024), (16, 16 << 10), (16, 256 << 10)];

/// The size of the file whose space was written before, which is gone over again and again: that of
/// a segment.
const WRITTEN_BYTES: u64 = 128 << 20;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    for (producers, bytes) in CASES.into_iter().chain(BETWEEN) {
        let name = format!("append-{producers}x{bytes}");
        if options.wants(&name) {
            case(workplace, options, report, &name, producers, bytes)?;
        }
    }
    Ok(())
}

fn case(
    workplace: &Workplace,
    options: &Options,
    report: &mut Report,
    name: &str,
    producers: usize,
    bytes: usize,
) -> Result<()> {
    let payload = vec![b'x'; bytes];
    let corner = workplace.corner()?;
    let opened = workplace::open(corner.path())?;
    let floor = Floor::create(&corner.path().join("floor"))?;
    let written = Floor::create_written(&corner.path().join("written"), WRITTEN_BYTES)?;
    let with_engine = || -> Result<Run> {
        producers::run(producers, options.round, || {
            opened.shard.append_one(&payload).map(drop)
        })
    };
    let with_floor = |floor: &Floor| -> Result<Run> {
        producers::run(producers, options.round, || {
            floor.append(&payload).map(drop)
        })
    };
    // All files past their first, small allocations.
    with_engine()?;
    with_floor(&floor)?;
    with_floor(&written)?;
    let mut rate = Series::default();
    let mut p50 = Series::default();
    let mut p99 = Series::default();
    let mut rate_written = Series::default();
    for round in 0..options.rounds {
        // Who goes first alternates: each leaves the disk something to write behind.
        let (engine, floor, written) = if round.is_multiple_of(2) {
            let engine = with_engine()?;
            (engine, with_floor(&floor)?, with_floor(&written)?)
        } else {
            let written = with_floor(&written)?;
            let floor = with_floor(&floor)?;
            (with_engine()?, floor, written)
        };
        rate.push(engine.rate(), floor.rate());
        p50.push(engine.latency_us(500), floor.latency_us(500));
        p99.push(engine.latency_us(990), floor.latency_us(990));
        rate_written.push(engine.rate(), written.rate());
    }
    // Of the records in a second, of p50, of p99, and of the records beside written space.
    let [of_rate, of_p50, of_p99, of_written] = match producers {
        _ if !CASES.contains(&(producers, bytes)) => [Goal::None; 4],
        1 => [Goal::None, Goal::AtMost(1.15), Goal::None, Goal::None],
        256 => [
            Goal::AtLeast(0.9),
            Goal::None,
            Goal::AtMost(1.3),
            Goal::AtLeast(0.8),
        ],
        _ => [
            Goal::AtLeast(0.9),
            Goal::None,
            Goal::None,
            Goal::AtLeast(0.8),
        ],
    };
    report.add(rate.row(name, "records/s", of_rate))?;
    report.add(p50.row(format!("{name} p50"), "us", of_p50))?;
    report.add(p99.row(format!("{name} p99"), "us", of_p99))?;
    if producers > 1 {
        let what = format!("{name}, written space");
        report.add(rate_written.row(what, "records/s", of_written))?;
    }
    opened.engine.close()?;
    Ok(())
}
