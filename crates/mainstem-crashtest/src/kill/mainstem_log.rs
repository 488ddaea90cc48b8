//! Makes the commands of the contract out of `mainstem log append` and `mainstem log read`, which know
//! lines and sequence numbers and nothing of batches and identities.
//!
//! A line of the contract becomes one record, so that a batch is whole or absent by itself. Its
//! acknowledgement, a sequence number, is turned back into the identity.

use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use mainstem_env::Env;

use crate::contract::Place;

/// `mainstem log append` and `mainstem log read` as the contract asks for them.
#[derive(Args, Clone, Debug)]
pub struct MainstemLog {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Appends the lines of standard input.
    Write(Target),
    /// Prints every record.
    Read(Target),
}

#[derive(Args, Clone, Debug)]
struct Target {
    /// The data directory.
    dir: PathBuf,
    /// The program that is tested.
    #[arg(long, value_name = "PATH", default_value = "mainstem")]
    program: PathBuf,
}

/// How many appends can wait for their acknowledgement.
const UNACKED_MAX: usize = 4096;

impl MainstemLog {
    /// Runs the program, and exits as it does.
    ///
    /// # Errors
    /// When it cannot be started, or says what is not understood.
    pub fn run(&self) -> Result<ExitCode> {
        let status = match &self.what {
            What::Write(target) => target.write()?,
            What::Read(target) => target.read()?,
        };
        let Some(status) = status else {
            return Ok(ExitCode::SUCCESS);
        };
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.map_or_else(
            || {
                // Whoever is killed cannot say so.
                eprintln!(
                    "{} ended with {status}",
                    self.what.target().program.display()
                );
                ExitCode::FAILURE
            },
            ExitCode::from,
        ))
    }
}

impl What {
    fn target(&self) -> &Target {
        match self {
            Self::Write(target) | Self::Read(target) => target,
        }
    }
}

impl Target {
    fn log(&self, command: &str) -> Command {
        let mut log = Command::new(&self.program);
        log.args(["log", command, "--data"]).arg(&self.dir);
        log.stdout(Stdio::piped());
        log
    }

    fn start(&self, log: &mut Command) -> Result<std::process::Child> {
        let program = self.program.display();
        log.spawn()
            .with_context(|| format!("cannot start {program}"))
    }

    fn write(&self) -> Result<Option<ExitStatus>> {
        let mut append = self.log("append");
        let mut append = self.start(append.arg("--acks").stdin(Stdio::piped()))?;
        let input = append.stdin.take().context("no pipe to standard input")?;
        let acks = append
            .stdout
            .take()
            .context("no pipe for standard output")?;
        let (first_words, unacked) = sync_channel(UNACKED_MAX);
        std::thread::spawn(move || hand_on(input, &first_words));
        for ack in BufReader::new(acks).lines() {
            let ack = ack?;
            let number = ack.strip_prefix("acked ").map(str::parse);
            let Some(Ok(number)) = number else {
                bail!("`{ack}` is no acknowledgement");
            };
            let first = unacked.recv().context("an acknowledgement of nothing")?;
            let mut out = std::io::stdout().lock();
            writeln!(out, "{first} {}", Place { log: 0, number })?;
            out.flush()?;
        }
        Ok(Some(append.wait()?))
    }

    fn read(&self) -> Result<Option<ExitStatus>> {
        // Killed before its log was there, the program has nothing to show and says that it is wrong.
        if !is_there(&self.dir.join("shards").join("default"))? {
            return Ok(None);
        }
        let mut read = self.log("read");
        let mut read = self.start(read.arg("--long"))?;
        let records = read.stdout.take().context("no pipe for standard output")?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        for line in BufReader::new(records).lines() {
            let line = line?;
            let mut words = line.split('\t');
            let number = words.next().and_then(|number| number.parse().ok());
            let number = number.with_context(|| format!("no sequence number in `{line}`"))?;
            // The arrival time is of no interest. Only the first record of a batch has the number.
            let mut place = Some(Place { log: 0, number });
            for record in words.skip(1) {
                out.write_all(record.as_bytes())?;
                if let Some(place) = place.take() {
                    write!(out, "\t{place}")?;
                }
                out.write_all(b"\n")?;
            }
        }
        out.flush()?;
        Ok(Some(read.wait()?))
    }
}

/// Hands lines on to the program, and their first words to whoever waits for the acknowledgement. Ends
/// the process when that fails: the program would take it for the end of the input.
fn hand_on(input: ChildStdin, first_words: &SyncSender<String>) {
    if let Err(error) = hand_on_all(input, first_words) {
        eprintln!("error: {error:#}");
        std::process::exit(1);
    }
}

fn hand_on_all(mut input: ChildStdin, first_words: &SyncSender<String>) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let mut line = line.context("standard input")?;
        let first = line.split([' ', '\t']).next().unwrap_or_default();
        let sent = first_words.send(first.to_owned());
        sent.context("nobody waits for acknowledgements any more")?;
        line.push('\n');
        let written = input.write_all(line.as_bytes());
        written.context("the program reads no more")?;
    }
    Ok(())
}

fn is_there(path: &Path) -> Result<bool> {
    let metadata = Env::real().fs.metadata(path);
    Ok(metadata
        .with_context(|| path.display().to_string())?
        .is_some())
}
