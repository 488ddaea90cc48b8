//! From the start of a server with much data to the first record that it serves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mainstem_benches::table::{Goal, Series};
use mainstem_benches::workplace::{self, Workplace};
use rustix::process::{Pid, Signal, kill_process};

use crate::options::Options;

const STREAM: &str = "bench";
const SHARDS: usize = 4;
/// Records in a call, as many as `PutRecords` takes. Source: API reference of Kinesis.
const RECORDS: usize = 500;
/// 1023 bytes, in base 64.
const DATA: [u8; 1364] = [b'x'; 1364];
const DATA_BYTES: u64 = 1023;
const NO_SERVER: &str = "server-start: not measured, as there is no server beside this program; build \
    it with `cargo build --release -p mainstem-cli`, or say where one is with --server";
/// Longer than any answer takes, unless the server hangs.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// The floor is a server without data, up to the answer that there is no such stream. Each server was
/// stopped in good order before, and its files are not in memory.
pub(crate) fn measure(workplace: &Workplace, options: &Options) -> Result<()> {
    if !options.wants("server-start") {
        return Ok(());
    }
    let program = match &options.server {
        // It is started in another directory.
        Some(program) => program
            .canonicalize()
            .with_context(|| format!("no server at {}", program.display()))?,
        None => match server_beside()? {
            Some(program) => program,
            None => {
                println!("{NO_SERVER}");
                return Ok(());
            }
        },
    };
    let (full, empty) = (workplace.corner()?, workplace.corner()?);
    fill(&program, full.path(), options.stored_bytes)?;
    let mut series = Series::default();
    for _ in 0..options.rounds {
        workplace::cool_down(full.path())?;
        let start = Instant::now();
        let server = Server::start(&program, full.path())?;
        first_record(&mut server.connect()?)?;
        let full_ms = start.elapsed().as_secs_f64() * 1000.0;
        server.stop()?;

        let start = Instant::now();
        let server = Server::start(&program, empty.path())?;
        let (status, answer) = server.connect()?.call("GetShardIterator", &iterator())?;
        let empty_ms = start.elapsed().as_secs_f64() * 1000.0;
        ensure!(status == 400, "an empty server answered {status}: {answer}");
        server.stop()?;
        series.push(full_ms, empty_ms);
    }
    let what = format!("server-start {} MiB stored", options.stored_bytes >> 20);
    println!("{}", series.row(what, "ms", Goal::Within(200.0)));
    Ok(())
}

/// Puts records of so many bytes together through the server's own door.
fn fill(program: &Path, dir: &Path, bytes: u64) -> Result<()> {
    let server = Server::start(program, dir)?;
    let mut client = server.connect()?;
    let create = format!(r#"{{"StreamName":"{STREAM}","ShardCount":{SHARDS}}}"#);
    client.ok("CreateStream", &create)?;
    let describe = format!(r#"{{"StreamName":"{STREAM}"}}"#);
    let deadline = Instant::now() + SILENCE_MAX;
    while field(
        &client.ok("DescribeStreamSummary", &describe)?,
        "StreamStatus",
    )? != "ACTIVE"
    {
        ensure!(Instant::now() < deadline, "the stream does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    let data = std::str::from_utf8(&DATA)?;
    let records: Vec<String> = (0..RECORDS)
        .map(|record| format!(r#"{{"PartitionKey":"{record}","Data":"{data}"}}"#))
        .collect();
    let body = format!(
        r#"{{"StreamName":"{STREAM}","Records":[{}]}}"#,
        records.join(",")
    );
    let in_call = DATA_BYTES.saturating_mul(u64::try_from(RECORDS)?);
    for _ in 0..bytes.div_ceil(in_call) {
        let answer = client.ok("PutRecords", &body)?;
        ensure!(
            answer.contains(r#""FailedRecordCount":0"#),
            "records were refused: {answer}"
        );
    }
    server.stop()
}

fn iterator() -> String {
    format!(
        r#"{{"StreamName":"{STREAM}","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}}"#
    )
}

fn first_record(client: &mut Client) -> Result<()> {
    let answer = client.ok("GetShardIterator", &iterator())?;
    let iterator = field(&answer, "ShardIterator")?;
    let request = format!(r#"{{"ShardIterator":"{iterator}","Limit":1}}"#);
    let answer = client.ok("GetRecords", &request)?;
    let data = field(&answer, "Data")?;
    ensure!(data.as_bytes() == DATA, "another record than expected");
    Ok(())
}

/// Returns the text behind the first `name` in an answer. None that is asked for has escapes.
fn field<'a>(answer: &'a str, name: &str) -> Result<&'a str> {
    let found = answer.split_once(&format!(r#""{name}":""#));
    let value = found.and_then(|(_, rest)| rest.split_once('"'));
    let (value, _) = value.with_context(|| format!("no {name} in the answer: {answer}"))?;
    Ok(value)
}

/// A server of the command line, on a port that was free.
struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open: a server whose output nobody takes would still serve, but complain.
    _output: BufReader<std::process::ChildStdout>,
}

impl Server {
    /// Starts `program` on the data in `dir` and waits until it listens.
    fn start(program: &Path, dir: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(dir.join("data")).current_dir(dir);
        // It warns that no credentials are checked, as it should.
        let mut child = command
            .env("MAINSTEM_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut output = BufReader::new(child.stdout.take().context("no pipe")?);
        let mut line = String::new();
        loop {
            line.clear();
            if output.read_line(&mut line)? == 0 {
                bail!("the server ended before it listened: {}", child.wait()?);
            }
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                return Ok(Self {
                    child,
                    address: address.parse()?,
                    _output: output,
                });
            }
        }
    }

    fn connect(&self) -> Result<Client> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Ends the server in good order.
    fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process without a number")?, Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended, which is as good.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A connection that is kept for all calls.
struct Client(BufReader<TcpStream>);

impl Client {
    fn ok(&mut self, operation: &str, body: &str) -> Result<String> {
        let (status, answer) = self.call(operation, body)?;
        ensure!(status == 200, "{operation}: status {status}: {answer}");
        Ok(answer)
    }

    /// Calls an operation; returns the status and the body of the answer.
    fn call(&mut self, operation: &str, body: &str) -> Result<(u16, String)> {
        // Signatures are not checked yet; this has the form of one.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: Kinesis_20131202.{operation}\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=BENCH/20260101/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={:064}\r\nContent-Length: {}\r\n\r\n{body}",
            0,
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).context("no status")?.parse()?;
        let mut length = None;
        loop {
            line.clear();
            ensure!(self.0.read_line(&mut line)? > 0, "the answer is cut off");
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse()?);
            }
        }
        let mut answer = vec![0; length.context("an answer without a length")?];
        self.0.read_exact(&mut answer)?;
        Ok((status, String::from_utf8(answer)?))
    }
}

/// Returns the server among what was built with this program, if it was.
fn server_beside() -> Result<Option<PathBuf>> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let mut dirs = this.ancestors().skip(1).take(2);
    let found = dirs.find_map(|dir| Some(dir.join("mainstem")).filter(|path| path.is_file()));
    Ok(found)
}
