//! What a server takes and gives, and what of a processor each record costs it. The floor is the engine
//! without a server: what HTTP, JSON and base 64 cost beside it.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mainstem_benches::producers;
use mainstem_benches::report::Report;
use mainstem_benches::table::{Goal, Row, Series};
use mainstem_benches::workplace::{self, Opened, Workplace};
use mainstem_log::{AppendOptions, Batch, Shard, Start};

use crate::options::Options;
use crate::server::{self, Client, DATA, DATA_BYTES, RECORDS, STREAM, Server, field};

/// Connections that put one record at a time.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Connections that put many at a time.
const CONNECTIONS_OF_BATCHES: usize = 4;

pub(crate) fn measure(workplace: &Workplace, options: &Options, report: &mut Report) -> Result<()> {
    if !options.wants("server-load") {
        return Ok(());
    }
    let Some(program) = server::program(options, "server-load")? else {
        return Ok(());
    };
    let (of_server, of_engine) = (workplace.corner()?, workplace.corner()?);
    let running = Server::start(&program, of_server.path())?;
    running.connect()?.create_stream(1)?;
    let opened = workplace::open(of_engine.path())?;
    for connections in CONNECTIONS {
        put_one(&running, &opened, connections, options, report)?;
    }
    put_many(&running, &opened, options, report)?;
    get(&running, &opened.shard, options, report)?;
    opened.engine.close()?;
    running.stop()
}

/// A record in each call.
fn put_one(
    running: &Server,
    opened: &Opened,
    count: usize,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let clients = connect(running, count)?;
    let body = format!(r#"{{"StreamName":"{STREAM}","PartitionKey":"key","Data":"{DATA}"}}"#);
    let payload = [b'x'; DATA_BYTES];
    let mut measured = Measured::default();
    for _ in 0..options.rounds {
        measured.round(
            running,
            || {
                let run = producers::run_each(count, options.round, |producer| {
                    with(&clients, producer, |client| {
                        client.ok("PutRecord", &body).map(drop)
                    })
                })?;
                Ok((run.rate(), run.appends))
            },
            || {
                let append = || opened.shard.append_one(&payload).map(drop);
                Ok(producers::run(count, options.round, append)?.rate())
            },
        )?;
    }
    report.add(measured.row(format!("server-load, PutRecord by {count}")))
}

/// As many records as a call takes.
fn put_many(
    running: &Server,
    opened: &Opened,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let clients = connect(running, CONNECTIONS_OF_BATCHES)?;
    let body = server::put_records();
    let mut batch = Batch::new();
    for _ in 0..RECORDS {
        batch.push(&[b'x'; DATA_BYTES])?;
    }
    let records = f64::from(u32::try_from(RECORDS)?);
    let mut measured = Measured::default();
    for _ in 0..options.rounds {
        measured.round(
            running,
            || {
                let run = producers::run_each(CONNECTIONS_OF_BATCHES, options.round, |producer| {
                    with(&clients, producer, |client| client.put(&body))
                })?;
                Ok((run.rate() * records, run.appends.saturating_mul(RECORDS)))
            },
            || {
                let append = || {
                    opened
                        .shard
                        .append(&batch, AppendOptions::default())
                        .map(drop)
                };
                let run = producers::run(CONNECTIONS_OF_BATCHES, options.round, append)?;
                Ok(run.rate() * records)
            },
        )?;
    }
    report.add(measured.row(format!(
        "server-load, PutRecords by {CONNECTIONS_OF_BATCHES}"
    )))
}

/// All records from the oldest on, as many in a call as it answers with.
fn get(running: &Server, shard: &Shard, options: &Options, report: &mut Report) -> Result<()> {
    let mut client = running.connect()?;
    let mut measured = Measured::default();
    for _ in 0..options.rounds {
        measured.round(
            running,
            || {
                let answer = client.ok("GetShardIterator", &server::oldest())?;
                let mut iterator = field(&answer, "ShardIterator")?.to_owned();
                let (start, mut records) = (Instant::now(), 0);
                while start.elapsed() < options.round {
                    let request = format!(r#"{{"ShardIterator":"{iterator}"}}"#);
                    let answer = client.ok("GetRecords", &request)?;
                    records += answer.matches(r#""Data""#).count();
                    if field(&answer, "Data").is_err() {
                        break;
                    }
                    iterator.clear();
                    iterator.push_str(field(&answer, "NextShardIterator")?);
                }
                Ok((rate(records, start.elapsed())?, records))
            },
            || {
                let mut cursor = shard.cursor(Start::Oldest)?;
                let (start, mut records) = (Instant::now(), 0);
                while cursor.next()?.is_some() {
                    records += 1;
                }
                rate(records, start.elapsed())
            },
        )?;
    }
    report.add(measured.row("server-load, GetRecords by 1"))
}

fn rate(records: usize, elapsed: Duration) -> Result<f64> {
    Ok(f64::from(u32::try_from(records)?) / elapsed.as_secs_f64())
}

fn connect(running: &Server, connections: usize) -> Result<Vec<Mutex<Client>>> {
    let clients = (0..connections).map(|_| Ok(Mutex::new(running.connect()?)));
    clients.collect()
}

/// Each client has one producer, so nobody waits for the lock.
fn with(
    clients: &[Mutex<Client>],
    producer: usize,
    call: impl FnOnce(&mut Client) -> Result<()>,
) -> Result<()> {
    let client = clients.get(producer).context("no such client")?;
    let mut client = client.lock().ok().context("an earlier call panicked")?;
    call(&mut client)
}

/// Rounds of a measurement, and what they cost the server.
#[derive(Default)]
struct Measured {
    series: Series,
    records: usize,
    ticks: u64,
}

impl Measured {
    /// Adds a round: records per second by the server, and how many these were, and by the engine.
    fn round(
        &mut self,
        running: &Server,
        by_server: impl FnOnce() -> Result<(f64, usize)>,
        by_engine: impl FnOnce() -> Result<f64>,
    ) -> Result<()> {
        let before = ticks(running)?;
        let (rate, records) = by_server()?;
        self.ticks = self
            .ticks
            .saturating_add(ticks(running)?.saturating_sub(before));
        self.records = self.records.saturating_add(records);
        self.series.push(rate, by_engine()?);
        Ok(())
    }

    fn row(&self, what: impl Into<String>) -> Row {
        let per_second = rustix::param::clock_ticks_per_second();
        let ns = self.ticks.saturating_mul(1_000_000_000);
        let ns = ns.checked_div(per_second);
        let records = u64::try_from(self.records).unwrap_or(u64::MAX);
        let each = ns.and_then(|ns| ns.checked_div(records)).unwrap_or(0);
        let each = format!("{}.{}", each / 1000, each / 100 % 10);
        let row = self.series.row(what, "records/s", Goal::None);
        row.with_note(format!(
            "the server's processor time for a record: {each} us"
        ))
    }
}

/// Returns the processor time that the server has taken so far, in clock ticks.
fn ticks(running: &Server) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", running.pid()))?;
    // The second field, a name in brackets, may hold anything. Source: proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(')').context("no name in the status")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next =
        || -> Result<u64> { Ok(fields.next().context("no times in the status")?.parse()?) };
    Ok(next()?.saturating_add(next()?))
}
