//! Reading one record, and waiting for the next one.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Opened, Workplace};
use mainstem_log::{SeqNo, Start};

use crate::options::Options;

const PAYLOAD: [u8; 1024] = [b'x'; 1024];
/// Records in the log that is read from.
const RECORDS: u64 = 256 << 10;
/// Reads, or appends, in a round.
const CALLS: u64 = 2000;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if options.wants("point-read") {
        point_reads(workplace, options, report)?;
    }
    if options.wants("follow") {
        follow(workplace, options, report)?;
    }
    Ok(())
}

/// Records at places without an order, each looked up by its number.
fn point_reads(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    let corner = workplace.corner()?;
    let Opened { shard, engine } = workplace::open_filled(corner.path(), &PAYLOAD, RECORDS)?;
    let mut series = Series::default();
    let mut calls = 0_u64..;
    for round in 0..=options.rounds {
        let mut took_us = Vec::new();
        // Others in each round, so that none is in the processor's caches from the last one.
        for call in calls.by_ref().take(usize::try_from(CALLS)?) {
            let seq = SeqNo(call.wrapping_mul(0x9E37_79B9_7F4A_7C15) % RECORDS);
            let before = Instant::now();
            let mut cursor = shard.cursor(Start::At(seq))?;
            let record = cursor.next()?.context("no record")?;
            ensure!(record.payload() == PAYLOAD, "another record than expected");
            took_us.push(us(before.elapsed()));
        }
        // The floor is the checksum of as many bytes.
        let mut floor_us = Vec::new();
        for _ in 0..CALLS {
            let before = Instant::now();
            std::hint::black_box(crc32fast::hash(std::hint::black_box(&PAYLOAD)));
            floor_us.push(us(before.elapsed()));
        }
        // In the first one, the map is new.
        if round > 0 {
            series.push(middle(took_us), middle(floor_us));
        }
    }
    report.add(series.row("point-read-1024 p50", "us", Goal::Within(2.0)))?;
    engine.close()?;
    Ok(())
}

/// From the return of an append to the reader that waited for it. A channel does as much between two
/// threads, and is the floor.
fn follow(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    let corner = workplace.corner()?;
    let Opened { shard, engine } = workplace::open(corner.path())?;
    let mut series = Series::default();
    for _ in 0..options.rounds {
        let appends = CALLS / 4;
        let first = shard.durable_end();
        let (seen, arrivals) = mpsc::channel();
        let reader = shard.clone();
        let follower = std::thread::spawn(move || -> Result<()> {
            let mut cursor = reader.cursor(Start::At(first))?;
            let mut read = 0;
            while read < appends {
                let at = cursor.position();
                if reader.wait_beyond(at, Duration::from_secs(10))? {
                    while cursor.next()?.is_some() {
                        seen.send(Instant::now())?;
                        read += 1;
                    }
                }
            }
            Ok(())
        });
        let mut took_us = Vec::new();
        for _ in 0..appends {
            shard.append_one(&PAYLOAD)?;
            let committed = Instant::now();
            let arrived = arrivals.recv()?;
            took_us.push(us(arrived.saturating_duration_since(committed)));
        }
        follower.join().ok().context("the reader panicked")??;
        series.push(middle(took_us), handed_over_us(appends)?);
    }
    report.add(series.row(
        "follow: commit to woken reader p50",
        "us",
        Goal::Within(50.0),
    ))?;
    engine.close()?;
    Ok(())
}

fn handed_over_us(times: u64) -> Result<f64> {
    let (send, receive) = mpsc::channel::<()>();
    let (seen, arrivals) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        while receive.recv().is_ok() {
            if seen.send(Instant::now()).is_err() {
                break;
            }
        }
    });
    let mut took_us = Vec::new();
    for _ in 0..times {
        // Long enough for the other thread to fall asleep, as the reader does during a sync.
        std::thread::sleep(Duration::from_micros(100));
        let sent = Instant::now();
        send.send(())?;
        took_us.push(us(arrivals.recv()?.saturating_duration_since(sent)));
    }
    drop(send);
    waiting.join().ok().context("the waiting thread panicked")?;
    Ok(middle(took_us))
}

fn us(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000_000.0
}

/// Returns the middle value.
fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
