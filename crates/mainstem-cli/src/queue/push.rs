//! `mainstem queue push`.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_env::{Elapsed, Env, OpenMode};
use mainstem_queue::{Message, Pushed, Queue, QueueOptions};

use super::duration;
use super::lines::{Lines, Next, READ_AHEAD_BYTES};
use super::selection::{Dir, closing};

/// Push messages: the arguments, or else each line of standard input.
///
/// Prints the id of each message once it is durable, in order; `ID repeat` for one that was pushed
/// before with the same --dedup. Lines that are already waiting are made durable together. Makes the queue
/// if there is none.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem queue push ./work 'cook table 4' --key 'table 4'
  mainstem queue push ./work 'remind me' --delay 10m
  generate-orders | mainstem queue push ./work --dedup orders-of-monday
  mainstem queue push ./work --file picture.png

--dedup with more than one message gives each an id of its own, ID:1, ID:2 and so on: the same input
pushed once more within five minutes, perhaps because the first time was cut short, repeats nothing.")]
pub(crate) struct Push {
    #[command(flatten)]
    dir: Dir,
    /// What to push [default: the lines of standard input]
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// Push each line of standard input, also if that is a terminal
    #[arg(long, conflicts_with_all = ["messages", "file"])]
    lines: bool,
    /// Push this file as one message; `-` for standard input
    #[arg(long, value_name = "PATH", conflicts_with = "messages")]
    file: Option<PathBuf>,
    /// The topic
    #[arg(long, value_name = "NAME", default_value = "main")]
    topic: String,
    /// An ordering key: messages of one key are delivered in order, each after the one before is done
    #[arg(long, value_name = "KEY", default_value = "")]
    key: String,
    /// Deliver only after this time, such as 30s, 5m or 1d
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0")]
    delay: Duration,
    /// Push nothing that was pushed with this id within the last five minutes
    #[arg(long, value_name = "ID")]
    dedup: Option<String>,
    /// Do not print ids
    #[arg(long, short)]
    quiet: bool,
}

impl Push {
    pub(crate) fn run(mut self) -> Result<ExitCode> {
        let from_lines = self.messages.is_empty() && self.file.is_none();
        if from_lines && !self.lines && io::stdin().is_terminal() {
            bail!("nothing to push: give messages as arguments, or --lines to type them in");
        }
        let mut given: Vec<Vec<u8>> = std::mem::take(&mut self.messages)
            .into_iter()
            .map(String::into_bytes)
            .collect();
        if let Some(path) = &self.file {
            given.push(read_file(path)?);
        }
        closing(&self.dir.open_or_make()?, |queue| {
            let mut pushing = Pushing::new(&self, queue);
            if from_lines {
                pushing.push_lines()?;
            } else {
                pushing.is_many = given.len() > 1;
                for payload in given {
                    pushing.add(payload);
                }
                pushing.send()?;
            }
            pushing.finish()
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Messages on their way from the input to the queue.
struct Pushing<'a> {
    push: &'a Push,
    queue: &'a Queue,
    output: io::BufWriter<io::StdoutLock<'static>>,
    is_many: bool,
    waiting: Vec<Message>,
    waiting_bytes: usize,
    /// Messages taken from the input.
    taken: u64,
    /// Messages that are durable.
    pushed: u64,
    env: Env,
    shown: Elapsed,
}

impl<'a> Pushing<'a> {
    fn new(push: &'a Push, queue: &'a Queue) -> Self {
        let env = Env::real();
        Self {
            push,
            queue,
            output: io::BufWriter::new(io::stdout().lock()),
            is_many: true,
            waiting: Vec::new(),
            waiting_bytes: 0,
            taken: 0,
            pushed: 0,
            shown: env.clock.elapsed(),
            env,
        }
    }

    fn push_lines(&mut self) -> Result<()> {
        let mut lines = Lines::new(io::stdin().lock(), message_bytes_max());
        loop {
            match lines.next() {
                Ok(Next::Line(line)) => {
                    self.add(line);
                    let is_enough = self.waiting_bytes >= READ_AHEAD_BYTES;
                    if is_enough || !lines.has_more() {
                        self.send().with_context(|| self.stopped(lines.number()))?;
                    }
                }
                Ok(Next::TooLong(number)) => {
                    self.send().with_context(|| self.stopped(number))?;
                    bail!(
                        "line {number} has more than {} bytes, the most of a message; {}",
                        message_bytes_max(),
                        self.stopped(number)
                    );
                }
                Ok(Next::End) => {
                    return self.send().with_context(|| self.stopped(lines.number()));
                }
                Err(error) => {
                    self.send().with_context(|| self.stopped(lines.number()))?;
                    let stopped = self.stopped(lines.number());
                    return Err(error)
                        .with_context(|| format!("cannot read standard input; {stopped}"));
                }
            }
        }
    }

    /// Says what became of the lines when not all of them could be pushed.
    fn stopped(&self, at: u64) -> String {
        let pushed = self.pushed;
        let next = pushed.saturating_add(1);
        if next >= at {
            format!("the first {pushed} lines are pushed, no line from {next} on is")
        } else {
            format!(
                "the first {pushed} lines are pushed; those from {next} to {at} may be, no later one is"
            )
        }
    }

    fn add(&mut self, payload: Vec<u8>) {
        self.taken = self.taken.saturating_add(1);
        self.waiting_bytes = self.waiting_bytes.saturating_add(payload.len());
        let push = self.push;
        let mut message = Message::new(payload)
            .topic(push.topic.as_str())
            .key(push.key.as_str())
            .delay(push.delay);
        if let Some(id) = &push.dedup {
            message = if self.is_many {
                message.dedup(format!("{id}:{}", self.taken))
            } else {
                message.dedup(id)
            };
        }
        self.waiting.push(message);
    }

    /// Pushes what is waiting and prints the ids.
    fn send(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let pushed = self.queue.push_batch(&self.waiting)?;
        self.pushed = self.taken;
        self.waiting.clear();
        self.waiting_bytes = 0;
        if !self.push.quiet {
            for Pushed { id, is_repeat, .. } in pushed {
                let repeat = if is_repeat { " repeat" } else { "" };
                writeln!(self.output, "{id}{repeat}")?;
            }
            self.output.flush()?;
        }
        self.show_progress();
        Ok(())
    }

    fn show_progress(&mut self) {
        // Ids on the same terminal are progress enough.
        let is_shown =
            io::stderr().is_terminal() && (self.push.quiet || !io::stdout().is_terminal());
        let now = self.env.clock.elapsed();
        if is_shown && now.since(self.shown) >= PROGRESS_EVERY {
            self.shown = now;
            eprint!("\r{} messages pushed", self.pushed);
        }
    }

    fn finish(mut self) -> Result<()> {
        self.output.flush()?;
        if io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        if self.push.quiet {
            eprintln!("pushed {} messages", self.pushed);
        }
        let stats = self.queue.stats()?;
        let (topic, dir) = (&self.push.topic, self.push.dir.path().display());
        if self.pushed > 0 && !stats.consumers.iter().any(|it| it.topic == *topic) {
            eprintln!(
                "warning: the topic {topic:?} has no consumer, and messages that nobody is to get are \
                 deleted in time; mainstem queue consumer-add {dir} --topic {topic} makes one"
            );
        }
        Ok(())
    }
}

/// How often progress is shown.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// What a message takes up beyond its payload, at most, with room to spare: its frame, its key and
/// other fields. Source: `docs/format.md` and `docs/format-queue.md`.
const AROUND_MESSAGE_BYTES: u64 = 512;

/// Returns the most bytes that a message may have: a quarter of a file, less what lies around it.
fn message_bytes_max() -> usize {
    let quarter = QueueOptions::default().segment_bytes / 4;
    usize::try_from(quarter.saturating_sub(AROUND_MESSAGE_BYTES)).unwrap_or(usize::MAX)
}

/// Reads a whole file, if a message may be as long.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>> {
    let limit = message_bytes_max();
    let too_long = || {
        format!(
            "a message has at most {limit} bytes, and {} has more",
            path.display()
        )
    };
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        io::stdin().lock().take(most).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            bail!(too_long());
        }
        return Ok(bytes);
    }
    let read = || {
        let file = Env::real().fs.open(path, OpenMode::Read)?;
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
        if len > limit {
            return Ok(None);
        }
        bytes.resize(len, 0);
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok::<_, io::Error>(Some(bytes))
    };
    read()
        .with_context(|| format!("cannot read {}", path.display()))?
        .with_context(too_long)
}
