//! Durable appends of single records.

use anyhow::Result;
use mainstem_benches::floor::Floor;
use mainstem_benches::producers::{self, Run};
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};

use crate::options::Options;

/// Producers, bytes of payload, and what the engine should reach.
const CASES: [(usize, usize); 6] = [
    (1, 100),
    (1, 1024),
    (16, 100),
    (16, 1024),
    (256, 100),
    (256, 1024),
];

pub(crate) fn measure(workplace: &Workplace, options: &Options) -> Result<()> {
    for (producers, bytes) in CASES {
        let name = format!("append-{producers}x{bytes}");
        if options.wants(&name) {
            case(workplace, options, &name, producers, bytes)?;
        }
    }
    Ok(())
}

fn case(
    workplace: &Workplace,
    options: &Options,
    name: &str,
    producers: usize,
    bytes: usize,
) -> Result<()> {
    let payload = vec![b'x'; bytes];
    let corner = workplace.corner()?;
    let opened = workplace::open(corner.path())?;
    let floor = Floor::create(&corner.path().join("floor"))?;
    let with_engine = || -> Result<Run> {
        producers::run(producers, options.round, || {
            opened.shard.append_one(&payload).map(drop)
        })
    };
    let with_floor = || -> Result<Run> {
        producers::run(producers, options.round, || {
            floor.append(&payload).map(drop)
        })
    };
    // Both files past their first, small allocations.
    with_engine()?;
    with_floor()?;
    let mut rate = Series::default();
    let mut p50 = Series::default();
    let mut p99 = Series::default();
    for round in 0..options.rounds {
        // Who goes first alternates: each leaves the disk something to write behind.
        let (engine, floor) = if round.is_multiple_of(2) {
            let engine = with_engine()?;
            (engine, with_floor()?)
        } else {
            let floor = with_floor()?;
            (with_engine()?, floor)
        };
        rate.push(engine.rate(), floor.rate());
        p50.push(engine.latency_us(500), floor.latency_us(500));
        p99.push(engine.latency_us(990), floor.latency_us(990));
    }
    let (rate_goal, p50_goal) = if producers == 1 {
        (Goal::None, Goal::AtMost(1.3))
    } else {
        (Goal::AtLeast(0.8), Goal::None)
    };
    println!("{}", rate.row(name, "records/s", rate_goal));
    println!("{}", p50.row(format!("{name} p50"), "us", p50_goal));
    println!("{}", p99.row(format!("{name} p99"), "us", Goal::None));
    opened.engine.close()?;
    Ok(())
}
