//! Reopening a log whose process was killed: short and long, and one of many busy shards.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mainstem_benches::in_flight;
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Row, Series};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_env::Env;
use mainstem_log::{
    AppendOptions, Batch, Engine, EngineOptions, SeqNo, Shard, ShardName, ShardOptions, Start,
};

use crate::options::{FILL, Fill, Options};

/// What the process that is to be killed prints when it may be.
const READY: &str = "ready";
const PAYLOAD: [u8; 1024] = [b'x'; 1024];
/// What each further killed process appends before it may be killed, in bytes of payload.
const TOP_UP_BYTES: u64 = 1 << 20;
/// How many shards are busy at a time when their process is killed, and what is appended to all of them
/// before, in bytes of payload. Most of that is in the journal then, which is what the next process has to read:
/// segments are synced behind it before it is longer than it may be.
const BUSY: [(usize, u64); 4] = [
    (32, 64 << 20),
    (32, 192 << 20),
    (64, 64 << 20),
    (1000, 64 << 20),
];
/// When a process that fills a log gives up waiting for being killed.
const ABANDONED: Duration = Duration::from_mins(5);

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    short_and_long(workplace, options, report)?;
    for (shards, bytes) in BUSY {
        let what = format!("reopen-killed, {shards} busy shards, {} MiB", bytes >> 20);
        if options.wants(&what) {
            report.add(busy(workplace, options, shards, bytes, what)?)?;
        }
    }
    Ok(())
}

fn short_and_long(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    let [short_bytes, long_bytes] = options.reopen_bytes;
    let what = format!(
        "reopen-killed {} against {} MiB",
        long_bytes >> 20,
        short_bytes >> 20
    );
    if !options.wants(&what) {
        return Ok(());
    }
    let (short, long) = (workplace.corner()?, workplace.corner()?);
    kill_after(short.path(), 1, short_bytes)?;
    kill_after(long.path(), 1, long_bytes)?;
    let mut series = Series::default();
    for _ in 0..options.rounds {
        let long_ms = reopen_ms(long.path())?;
        series.push(long_ms, reopen_ms(short.path())?);
        kill_after(short.path(), 1, TOP_UP_BYTES)?;
        kill_after(long.path(), 1, TOP_UP_BYTES)?;
    }
    report.add(series.row(what, "ms", Goal::AtMost(1.3)))
}

/// Opens an engine of many shards, all of which were being written to when its process was killed, and
/// reads the last record of each. The floor does the same after an orderly close. What is read is in memory,
/// as it is when a process was killed and the machine goes on.
fn busy(
    workplace: &Workplace,
    options: &Options,
    shards: usize,
    bytes: u64,
    what: String,
) -> Result<Row> {
    let corner = workplace.corner()?;
    let mut series = Series::default();
    let mut journal_mib = Vec::new();
    for _ in 0..options.rounds {
        kill_after(corner.path(), shards, bytes)?;
        journal_mib.push(bytes_in(&corner.path().join("data/journal"))? >> 20);
        let killed_ms = open_all_ms(corner.path(), shards)?;
        series.push(killed_ms, open_all_ms(corner.path(), shards)?);
    }
    let [least, most] = [journal_mib.iter().min(), journal_mib.iter().max()];
    let [least, most] = [least, most].map(|it| it.copied().unwrap_or(0));
    ensure!(most > 0, "the shards were not behind the journal");
    let row = series.row(what, "ms", Goal::None);
    Ok(row.with_note(format!("files of {least} to {most} MiB in the journal")))
}

/// Returns what the files in `dir` take on the disk.
fn bytes_in(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).context("there is no journal")? {
        bytes += entry?.metadata()?.blocks().saturating_mul(512);
    }
    Ok(bytes)
}

/// Appends to `shards` shards in `dir`, in a process of its own, and kills it amid further appends.
fn kill_after(dir: &Path, shards: usize, bytes: u64) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command
        .arg(FILL)
        .arg(dir)
        .arg(bytes.to_string())
        .arg(shards.to_string());
    let mut child = Killed(command.stdout(Stdio::piped()).spawn()?);
    let stdout = child.0.stdout.take().context("no pipe")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    if line.trim() != READY {
        bail!("the process that fills the log ended before it was killed");
    }
    Ok(())
}

/// A process that is killed, and waited for, when the value goes.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        if let Err(error) = killed {
            eprintln!("cannot kill the process that fills the log: {error}");
        }
    }
}

/// The work of the process that is killed.
pub(crate) fn fill(fill: &Fill) -> Result<()> {
    let records = fill.bytes / u64::try_from(PAYLOAD.len())?;
    if fill.shards > 1 {
        return fill_many(&fill.dir, fill.shards, records);
    }
    let opened = workplace::open_filled(&fill.dir, &PAYLOAD, records)?;
    println!("{READY}");
    let ready = Instant::now();
    while ready.elapsed() < ABANDONED {
        opened.shard.append_one(&PAYLOAD)?;
    }
    bail!("nobody killed this process")
}

/// Keeps one record under way in each of `count` shards, and says so after `records`.
fn fill_many(dir: &Path, count: usize, records: u64) -> Result<()> {
    let (_engine, shards) = open_all(dir, count)?;
    let appended = AtomicU64::new(0);
    in_flight::run(count, ABANDONED, |number| {
        let mut batch = Batch::new();
        let pushed = batch.push(&PAYLOAD);
        let shard = shards.get(number);
        let append = shard.map(|it| it.append_async(batch, AppendOptions::default()));
        let appended = &appended;
        async move {
            pushed?;
            append.context("no such shard")?.await?;
            if appended.fetch_add(1, Ordering::Relaxed).saturating_add(1) == records {
                println!("{READY}");
            }
            Ok::<(), anyhow::Error>(())
        }
    })?;
    bail!("nobody killed this process")
}

/// Opens the engine in `dir` and `count` shards, which are created if there are none.
fn open_all(dir: &Path, count: usize) -> Result<(Engine, Vec<Shard>)> {
    let engine = Engine::open(&Env::real(), &dir.join("data"), EngineOptions::default())?;
    let is_new = engine.shard_names()?.is_empty();
    let open = |number: usize| -> Result<Shard> {
        let name = ShardName::new(format!("shard-{number}"))?;
        Ok(if is_new {
            engine.create_shard(&name, ShardOptions::default())?
        } else {
            engine.shard(&name, ShardOptions::default())?
        })
    };
    let shards = (0..count).map(open).collect::<Result<_>>()?;
    Ok((engine, shards))
}

/// Opens the log in `dir` and reads its last record; returns what both took.
fn reopen_ms(dir: &Path) -> Result<f64> {
    let start = Instant::now();
    let opened = workplace::open(dir)?;
    read_last(&opened.shard)?;
    let took = start.elapsed();
    opened.engine.close()?;
    Ok(took.as_secs_f64() * 1000.0)
}

/// As [`reopen_ms`], of `count` shards.
fn open_all_ms(dir: &Path, count: usize) -> Result<f64> {
    let start = Instant::now();
    let (engine, shards) = open_all(dir, count)?;
    for shard in &shards {
        read_last(shard)?;
    }
    let took = start.elapsed();
    drop(shards);
    engine.close()?;
    Ok(took.as_secs_f64() * 1000.0)
}

fn read_last(shard: &Shard) -> Result<()> {
    let last = SeqNo(shard.durable_end().0.saturating_sub(1));
    let mut cursor = shard.cursor(Start::At(last))?;
    let record = cursor.next()?.context("no last record")?;
    ensure!(record.payload() == PAYLOAD, "another record than expected");
    Ok(())
}
