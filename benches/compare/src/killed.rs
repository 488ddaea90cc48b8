//! A process that has a store open, and is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::options::HOLD;

/// What the process says when it may be killed.
const HELD: &str = "held";

/// Starts this program as the process that opens `peer` of `kind` in `dir` and puts `count` records
/// there, and kills it once it has.
pub(crate) fn kill(kind: &str, peer: &str, dir: &Path, count: u64) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([HOLD, kind, peer]).arg(dir);
    command.arg(count.to_string()).stdout(Stdio::piped());
    let mut child = Doomed(command.spawn()?);
    let output = child.0.stdout.take();
    let output = output.context("no output of the other process")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    ensure!(
        line.trim_end() == HELD,
        "the other process did not open {peer}"
    );
    Ok(())
}

/// Says that this process may be killed.
pub(crate) fn ready() -> Result<()> {
    println!("{HELD}");
    Ok(std::io::stdout().flush()?)
}

/// Is killed, and waited for, when the value goes.
struct Doomed(Child);

impl Drop for Doomed {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        if let Err(error) = killed {
            eprintln!("cannot kill the other process: {error}");
        }
    }
}
