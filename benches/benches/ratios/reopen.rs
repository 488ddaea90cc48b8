//! Reopening a log whose process was killed, short and long.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};
use mainstem_log::{SeqNo, Start};

use crate::options::{FILL, Fill, Options};

/// What the process that is to be killed prints when it may be.
const READY: &str = "ready";
const PAYLOAD: [u8; 1024] = [b'x'; 1024];
/// What each further killed process appends before it may be killed, in bytes of payload.
const TOP_UP_BYTES: u64 = 1 << 20;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("reopen-killed") {
        return Ok(());
    }
    let [short_bytes, long_bytes] = options.reopen_bytes;
    let (short, long) = (workplace.corner()?, workplace.corner()?);
    kill_after(short.path(), short_bytes)?;
    kill_after(long.path(), long_bytes)?;
    let mut series = Series::default();
    for _ in 0..options.rounds {
        let long_ms = reopen_ms(long.path())?;
        series.push(long_ms, reopen_ms(short.path())?);
        kill_after(short.path(), TOP_UP_BYTES)?;
        kill_after(long.path(), TOP_UP_BYTES)?;
    }
    let what = format!(
        "reopen-killed {} against {} MiB",
        long_bytes >> 20,
        short_bytes >> 20
    );
    report.add(series.row(what, "ms", Goal::AtMost(1.3)))
}

/// Appends to the log in `dir`, in a process of its own, and kills it amid further appends.
fn kill_after(dir: &Path, bytes: u64) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.arg(FILL).arg(dir).arg(bytes.to_string());
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
    let opened = workplace::open(&fill.dir)?;
    let records = fill.bytes / u64::try_from(PAYLOAD.len())?;
    workplace::fill(&opened.shard, &PAYLOAD, records)?;
    println!("{READY}");
    loop {
        opened.shard.append_one(&PAYLOAD)?;
    }
}

/// Opens the log in `dir` and reads its last record; returns what both took.
fn reopen_ms(dir: &Path) -> Result<f64> {
    let start = Instant::now();
    let opened = workplace::open(dir)?;
    let last = SeqNo(opened.shard.durable_end().0.saturating_sub(1));
    let mut cursor = opened.shard.cursor(Start::At(last))?;
    let record = cursor.next()?.context("no last record")?;
    ensure!(record.payload() == PAYLOAD, "another record than expected");
    let took = start.elapsed();
    opened.engine.close()?;
    Ok(took.as_secs_f64() * 1000.0)
}
