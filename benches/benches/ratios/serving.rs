//! From the start of a server with much data to the first record that it serves.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};

use crate::options::Options;
use crate::server::{self, Client, DATA, DATA_BYTES, RECORDS, Server, field};

const SHARDS: usize = 4;

/// The floor is a server without data, up to the answer that there is no such stream. Each server was
/// stopped in good order before, and its files are not in memory.
pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("server-start") {
        return Ok(());
    }
    let Some(program) = server::program(options, "server-start")? else {
        return Ok(());
    };
    let (full, empty) = (workplace.corner()?, workplace.corner()?);
    fill(&program, full.path(), options.stored_bytes)?;
    let mut series = Series::default();
    for _ in 0..options.rounds {
        workplace::cool_down(full.path())?;
        let start = Instant::now();
        let running = Server::start(&program, full.path())?;
        first_record(&mut running.connect()?)?;
        let full_ms = start.elapsed().as_secs_f64() * 1000.0;
        running.stop()?;

        let start = Instant::now();
        let running = Server::start(&program, empty.path())?;
        let (status, answer) = running
            .connect()?
            .call("GetShardIterator", &server::oldest())?;
        let empty_ms = start.elapsed().as_secs_f64() * 1000.0;
        ensure!(status == 400, "an empty server answered {status}: {answer}");
        running.stop()?;
        series.push(full_ms, empty_ms);
    }
    let what = format!("server-start {} MiB stored", options.stored_bytes >> 20);
    report.add(series.row(what, "ms", Goal::Within(200.0)))
}

/// Puts records of so many bytes together through the server's own door.
fn fill(program: &Path, dir: &Path, bytes: u64) -> Result<()> {
    let running = Server::start(program, dir)?;
    let mut client = running.connect()?;
    client.create_stream(SHARDS)?;
    let body = server::put_records();
    let in_call = u64::try_from(RECORDS.saturating_mul(DATA_BYTES))?;
    for _ in 0..bytes.div_ceil(in_call) {
        client.put(&body)?;
    }
    running.stop()
}

fn first_record(client: &mut Client) -> Result<()> {
    let answer = client.ok("GetShardIterator", &server::oldest())?;
    let iterator = field(&answer, "ShardIterator")?;
    let request = format!(r#"{{"ShardIterator":"{iterator}","Limit":1}}"#);
    let answer = client.ok("GetRecords", &request)?;
    ensure!(
        field(&answer, "Data")? == DATA,
        "another record than expected"
    );
    Ok(())
}
