//! A command in a process group of its own: started, fed, stopped, killed, listened to.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, prlimit};

use crate::output::{Exit, end_of, whole_lines};

/// After this time without a sign of life a process counts as stuck. It is a guard against waiting for
/// ever, far beyond what any answer takes.
pub(super) const STUCK: Duration = Duration::from_mins(2);

/// How many lines of output wait to be looked at, at most.
const LINES_MAX: usize = 1024;

/// A process that runs. Dropping it kills its group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    input: Option<SyncSender<String>>,
    output: Receiver<String>,
    said: Option<JoinHandle<String>>,
    is_over: bool,
}

/// What was heard of a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A line.
    Line(String),
    /// Nothing in time.
    Nothing,
    /// Its output has ended.
    End,
}

impl Process {
    /// Starts `command`; at most `input_lines` lines wait to be read by it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(command: &mut Command, input_lines: usize) -> Result<Self> {
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let group = Pid::from_child(&child);
        let stdin = child.stdin.take().context("no pipe to standard input")?;
        let stdout = child.stdout.take().context("no pipe for standard output")?;
        let stderr = child.stderr.take().context("no pipe for standard error")?;
        let (input, lines) = sync_channel::<String>(input_lines);
        std::thread::spawn(move || feed(stdin, &lines));
        let (sender, output) = sync_channel(LINES_MAX);
        std::thread::spawn(move || whole_lines(stdout, |line| sender.send(line).is_ok()));
        let said = std::thread::spawn(move || end_of(stderr));
        Ok(Self {
            child,
            group,
            input: Some(input),
            output,
            said: Some(said),
            is_over: false,
        })
    }

    /// Has `line` written to the process. One that has ended does not get it.
    pub(super) fn send(&self, line: String) {
        if let Some(input) = &self.input {
            // Refused only when nobody reads any more; that is noticed where its output ends.
            let _ = input.send(line);
        }
    }

    /// Ends the input of the process, behind all that was sent.
    pub(super) fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for a line of output, at most for `timeout`.
    pub(super) fn hear(&self, timeout: Duration) -> Heard {
        match self.output.recv_timeout(timeout) {
            Ok(line) => Heard::Line(line),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// Stops the group until [`Process::go_on`].
    pub(super) fn stop(&self) {
        // A group that is gone has nothing to stop.
        let _ = kill_process_group(self.group, Signal::STOP);
    }

    /// Lets the group go on.
    pub(super) fn go_on(&self) {
        let _ = kill_process_group(self.group, Signal::CONT);
    }

    /// Makes writes of the process fail behind byte `most` of a file, until it ends.
    ///
    /// # Errors
    /// The system's error.
    #[cfg(target_os = "linux")]
    pub(super) fn limit_file_bytes(&self, most: u64) -> Result<()> {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        match prlimit(Some(self.group), Resource::Fsize, limit) {
            // One that is gone writes nothing.
            Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).context("limiting the size of files"),
        }
    }

    /// Says how the process ended by itself, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub(super) fn ended(&mut self) -> Result<Option<Exit>> {
        if self.is_dead(WaitIdOptions::NOHANG)? {
            return self.wait().map(Some);
        }
        Ok(None)
    }

    /// Says whether the process is dead, and leaves it as it is: its number, and that of its group, are
    /// not given to anybody else yet.
    fn is_dead(&self, how: WaitIdOptions) -> Result<bool> {
        let how = how | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.group), how).context("waiting for a process")?;
        Ok(status.is_some())
    }

    /// Kills the group, reads what it printed to the end, and hands each line to `heard`.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub(super) fn kill(&mut self, mut heard: impl FnMut(String)) -> Result<Exit> {
        let _ = kill_process_group(self.group, Signal::KILL);
        // The pipe ends when the last process of the group is gone, and the store is let go then.
        for line in &self.output {
            heard(line);
        }
        self.wait()
    }

    /// Waits until the process, whose output has ended, is gone.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub(super) fn wait(&mut self) -> Result<Exit> {
        self.input = None;
        self.is_dead(WaitIdOptions::empty())?;
        // What it started and left behind would keep the directory busy.
        let _ = kill_process_group(self.group, Signal::KILL);
        let status = self.child.wait().context("waiting for a process")?;
        self.is_over = true;
        let said = self.said.take().map_or(Ok(String::new()), JoinHandle::join);
        let said = said.map_err(|_| anyhow!("the reader of standard error panicked"))?;
        Ok(Exit { status, said })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Writes lines to the process until there are no more, or it reads no more.
fn feed(mut to: impl Write, lines: &Receiver<String>) {
    for mut line in lines {
        line.push('\n');
        if to.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}
