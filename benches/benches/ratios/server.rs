//! A server of the command line, and a client that does no more than it must.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::options::Options;

/// The stream that is measured.
pub(crate) const STREAM: &str = "bench";
/// What a record holds, 1023 bytes, in base 64.
pub(crate) const DATA: &str = match str::from_utf8(&[b'x'; 1364]) {
    Ok(data) => data,
    Err(_) => "",
};
/// Bytes of that, decoded.
pub(crate) const DATA_BYTES: usize = 1023;
/// Records in a call, as many as `PutRecords` takes. Source: API reference of Kinesis.
pub(crate) const RECORDS: usize = 500;
const NO_SERVER: &str = "not measured, as there is no server beside this program; build it with \
    `cargo build --release -p mainstem-cli`, or say where one is with --server";
/// Longer than any answer takes, unless the server hangs.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Returns the server to measure, or `None`, and says so, if `what` has to be left out.
pub(crate) fn program(options: &Options, what: &str) -> Result<Option<PathBuf>> {
    if let Some(program) = &options.server {
        // It is started in another directory.
        let found = program.canonicalize();
        let found = found.with_context(|| format!("no server at {}", program.display()))?;
        return Ok(Some(found));
    }
    let beside = beside()?;
    if beside.is_none() {
        println!("{what}: {NO_SERVER}");
    }
    Ok(beside)
}

/// Returns the body of a call of `PutRecords` with [`RECORDS`] records.
pub(crate) fn put_records() -> String {
    let records: Vec<String> = (0..RECORDS)
        .map(|record| format!(r#"{{"PartitionKey":"{record}","Data":"{DATA}"}}"#))
        .collect();
    format!(
        r#"{{"StreamName":"{STREAM}","Records":[{}]}}"#,
        records.join(",")
    )
}

/// Returns the body of a call of `GetShardIterator` for the oldest record of the first shard.
pub(crate) fn oldest() -> String {
    format!(
        r#"{{"StreamName":"{STREAM}","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}}"#
    )
}

/// Returns the text behind the first `name` in an answer. None that is asked for has escapes.
pub(crate) fn field<'a>(answer: &'a str, name: &str) -> Result<&'a str> {
    let found = answer.split_once(&format!(r#""{name}":""#));
    let value = found.and_then(|(_, rest)| rest.split_once('"'));
    let (value, _) = value.with_context(|| format!("no {name} in the answer: {answer}"))?;
    Ok(value)
}

/// A server of the command line, on a port that was free.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open: a server whose output nobody takes would still serve, but complain.
    _output: BufReader<std::process::ChildStdout>,
}

impl Server {
    /// Starts `program` on the data in `dir` and waits until it listens.
    pub(crate) fn start(program: &Path, dir: &Path) -> Result<Self> {
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

    /// Returns the number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Result<Client> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Ends the server in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
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
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    /// Creates the stream with so many shards, and waits until it is active.
    pub(crate) fn create_stream(&mut self, shards: usize) -> Result<()> {
        let create = format!(r#"{{"StreamName":"{STREAM}","ShardCount":{shards}}}"#);
        self.ok("CreateStream", &create)?;
        let describe = format!(r#"{{"StreamName":"{STREAM}"}}"#);
        let deadline = Instant::now() + SILENCE_MAX;
        loop {
            let summary = self.ok("DescribeStreamSummary", &describe)?;
            if field(&summary, "StreamStatus")? == "ACTIVE" {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the stream does not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Puts [`RECORDS`] records with `body`, made by [`put_records`].
    pub(crate) fn put(&mut self, body: &str) -> Result<()> {
        let answer = self.ok("PutRecords", body)?;
        ensure!(
            answer.contains(r#""FailedRecordCount":0"#),
            "records were refused: {answer}"
        );
        Ok(())
    }

    /// Calls an operation; returns the body of its answer, which has to be a good one.
    pub(crate) fn ok(&mut self, operation: &str, body: &str) -> Result<String> {
        let (status, answer) = self.call(operation, body)?;
        ensure!(status == 200, "{operation}: status {status}: {answer}");
        Ok(answer)
    }

    /// Calls an operation; returns the status and the body of the answer.
    pub(crate) fn call(&mut self, operation: &str, body: &str) -> Result<(u16, String)> {
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
fn beside() -> Result<Option<PathBuf>> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let mut dirs = this.ancestors().skip(1).take(2);
    let found = dirs.find_map(|dir| Some(dir.join("mainstem")).filter(|path| path.is_file()));
    Ok(found)
}
