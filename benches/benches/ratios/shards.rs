//! Many shards: all of them busy, or none.

use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_benches::{in_flight, producers};
use mainstem_env::Env;
use mainstem_log::{AppendOptions, Batch, Engine, EngineOptions, Shard, ShardName, ShardOptions};

use crate::options::Options;

const ACTIVE: usize = 1000;
const PAYLOAD: [u8; 1024] = [b'x'; 1024];

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if options.wants("active-shards") {
        active(workplace, options, report)?;
    }
    if options.wants("idle-shards") {
        idle(workplace, options, report)?;
    }
    Ok(())
}

/// One record under way in each of many shards, against as many in one: by a thread for each, and by
/// futures.
fn active(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    let corner = workplace.corner()?;
    let opened = workplace::open(&corner.path().join("one"))?;
    let engine = Engine::open(
        &Env::real(),
        &corner.path().join("many"),
        EngineOptions::default(),
    )?;
    let shards = create(&engine, 0..ACTIVE)?;
    let by_threads = || -> Result<(f64, f64)> {
        let many = producers::run_each(ACTIVE, options.round, |producer| {
            let shard = shards.get(producer).context("no such shard")?;
            shard.append_one(&PAYLOAD)?;
            Ok::<(), anyhow::Error>(())
        })?;
        let one = producers::run(ACTIVE, options.round, || {
            opened.shard.append_one(&PAYLOAD).map(drop)
        })?;
        Ok((many.rate(), one.rate()))
    };
    let by_futures = || -> Result<(f64, f64)> {
        let append = |shard: &Shard| {
            let mut batch = Batch::new();
            let pushed = batch.push(&PAYLOAD);
            let append = shard.append_async(batch, AppendOptions::default());
            async move {
                pushed?;
                append.await
            }
        };
        let many = in_flight::run(ACTIVE, options.round, |number| {
            append(shards.get(number).unwrap_or(&opened.shard))
        })?;
        let one = in_flight::run(ACTIVE, options.round, |_| append(&opened.shard))?;
        Ok((many, one))
    };
    in_rounds(options, report, "one record each", by_threads)?;
    in_rounds(options, report, "by futures", by_futures)?;
    opened.engine.close()?;
    engine.close()?;
    Ok(())
}

/// Reports what `measure` says of many shards and of one.
fn in_rounds(
    options: &Options,
    report: &mut Report,
    way: &str,
    measure: impl Fn() -> Result<(f64, f64)>,
) -> Result<()> {
    let mut series = Series::default();
    for round in 0..=options.rounds {
        let (many, one) = measure()?;
        // In the first one, files are created and small.
        if round > 0 {
            series.push(many, one);
        }
    }
    let what = format!("active-shards {ACTIVE}, {way}");
    report.add(series.row(what, "records/s", Goal::AtLeast(0.7)))
}

/// What shards cost that were written to once and are left alone. The floor is the empty engine.
fn idle(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    let shards_count = options.idle_shards;
    let corner = workplace.corner()?;
    let mut engine_options = EngineOptions::default();
    engine_options.idle_ms = 1000;
    let dir = corner.path().join("idle");
    let engine = Engine::open(&Env::real(), &dir, engine_options)?;
    let before = usage()?;
    let mut shards = Vec::new();
    while shards.len() < shards_count {
        let more = 1000.min(shards_count - shards.len());
        for shard in create(&engine, shards.len()..shards.len() + more)? {
            shard.append_one(b"once")?;
            shards.push(shard);
        }
        wait_for_idle(&before)?;
    }
    let after = usage()?;
    let switches = after.switches;
    std::thread::sleep(Duration::from_secs(5));
    let woken = usage()?.switches.saturating_sub(switches);
    let per_shard = |before: u64, after: u64| {
        let shards = u32::try_from(shards_count).unwrap_or(u32::MAX);
        let more = u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
        f64::from(more) / f64::from(shards)
    };
    let mut memory = Series::default();
    memory.push(per_shard(before.memory_kib, after.memory_kib), 1.0);
    let what = format!("idle-shards {shards_count}, memory of each");
    report.add(memory.row(what, "KiB", Goal::Within(8.0)))?;
    let mut descriptors = Series::default();
    descriptors.push(per_shard(before.descriptors, after.descriptors), 1.0);
    let what = format!("idle-shards {shards_count}, descriptors of each");
    report.add(descriptors.row(what, "", Goal::Within(0.01)))?;
    let mut wakes = Series::default();
    wakes.push(f64::from(u32::try_from(woken)?) / 5.0, 1.0);
    let what = format!("idle-shards {shards_count}, wake-ups of the process");
    report.add(wakes.row(what, "1/s", Goal::Within(10.0)))?;
    drop(shards);
    engine.close()?;
    Ok(())
}

/// Waits until idle shards have given their files up.
fn wait_for_idle(before: &Usage) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(1);
    while usage()?.descriptors > before.descriptors + 16 {
        ensure!(Instant::now() < deadline, "shards keep their files open");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn create(engine: &Engine, shards: Range<usize>) -> Result<Vec<Shard>> {
    let create = |shard: usize| -> Result<Shard> {
        let name = ShardName::new(format!("shard-{shard}"))?;
        Ok(engine.create_shard(&name, ShardOptions::default())?)
    };
    shards.map(create).collect()
}

/// What this process holds.
struct Usage {
    memory_kib: u64,
    descriptors: u64,
    /// How often its threads were put to sleep.
    switches: u64,
}

fn usage() -> Result<Usage> {
    let mut switches = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        // A thread may have ended meanwhile.
        if let Ok(status) = fs::read_to_string(thread?.path().join("status")) {
            switches += field(&status, "voluntary_ctxt_switches:")?;
        }
    }
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(Usage {
        memory_kib: field(&status, "RssAnon:")?,
        descriptors: u64::try_from(fs::read_dir("/proc/self/fd")?.count())?,
        switches,
    })
}

fn field(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().next());
    Ok(value.context("no such field")?.parse()?)
}
