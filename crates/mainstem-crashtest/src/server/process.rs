//! The server's process: started, stopped for a while, killed, ended in good order.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A server that was started.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// What it says on standard error, once that has ended.
    said: Option<std::thread::JoinHandle<String>>,
}

/// How long a server may take to start, or to stop, before it counts as hanging.
const PATIENCE: Duration = Duration::from_mins(1);

impl Process {
    /// Starts the server at `program` on the data in `dir`.
    pub(super) fn start(program: &Path, dir: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(dir.join("data")).current_dir(dir);
        command.env("MAINSTEM_TRANSITION_MS", TRANSITION_MS);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let (told, lines) = sync_channel(1024);
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    // Once nobody listens the rest is of no use, but has to be taken.
                    let _unheard = told.try_send(line);
                }
            });
        }
        let said = child.stderr.take().map(|mut err| {
            std::thread::spawn(move || {
                let mut said = Vec::new();
                let _cut = err.read_to_end(&mut said);
                String::from_utf8_lossy(&said).into_owned()
            })
        });
        Ok(Self { child, lines, said })
    }

    /// Waits until the server listens, and returns where.
    pub(super) fn address(&mut self) -> Result<SocketAddr> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some(address) = line.strip_prefix("listening on http://") {
                        return address.parse().context("the address of the server");
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("the server does not start"),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!(
                        "the server ended while it started, {status}: {}",
                        self.said()
                    );
                }
            }
        }
    }

    /// Returns how the server ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("a process without a number")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Stops the process for the time being.
    pub(super) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a stopped process go on.
    pub(super) fn go_on(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills the process and waits for its end.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends the server in good order.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub(super) fn terminate(mut self, sleep: impl Fn(Duration)) -> Result<()> {
        self.signal(Signal::TERM)?;
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}: {}", self.said()),
                None if waited > PATIENCE => bail!("the server does not end"),
                None => sleep(step),
            }
            waited = waited.saturating_add(step);
        }
    }

    /// Returns what the server, which has ended, said on standard error.
    pub(super) fn said(&mut self) -> String {
        let said = self.said.take().and_then(|said| said.join().ok());
        said.unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails if it has ended, which is as good.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// How long streams are CREATING and DELETING, in ms: short, as each cycle waits for it.
const TRANSITION_MS: &str = "20";

/// Returns the server that lies beside this program, or in the release directory beside that.
pub(super) fn server_beside() -> Result<PathBuf> {
    let this = std::env::current_exe().context("where this program is")?;
    let dir = this.parent().context("where this program is")?;
    let release = dir.parent().unwrap_or(dir).join("release").join("mainstem");
    let found = [dir.join("mainstem"), release];
    let found = found.into_iter().find(|path| path.is_file());
    found.context("there is no server beside this program: build it with `cargo build --release -p mainstem-cli`, or say where one is with --server")
}
