//! The writer of the toy.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::defect::Defect;
use super::log::Log;
use crate::contract::Place;

/// Appends the lines of standard input.
#[derive(Args, Clone, Debug)]
pub(super) struct Write {
    /// Where the log is; made if it is not there.
    dir: PathBuf,
    /// What is done wrong.
    #[arg(long, value_enum, default_value_t)]
    defect: Defect,
}

/// How many lines are taken at a time, if so many wait.
const LINES: usize = 4;

impl Write {
    pub(super) fn run(&self) -> Result<()> {
        let (mut log, _) = Log::open(&self.dir, self.defect)?;
        let mut input = BufReader::with_capacity(256 << 10, std::io::stdin().lock());
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            let is_end = input.read_line(&mut line)? == 0;
            // What comes before the end of the input and is not a line was never sent as one.
            lines.extend(line.strip_suffix('\n').map(str::to_owned));
            if !is_end && lines.len() < LINES && input.buffer().contains(&b'\n') {
                continue;
            }
            if self.defect == Defect::Reorder {
                lines.reverse();
            }
            for line in std::mem::take(&mut lines) {
                self.append(&mut log, &line)?;
            }
            if is_end {
                return log.close();
            }
        }
    }

    fn append(&self, log: &mut Log, line: &str) -> Result<()> {
        if self.defect == Defect::AckBeforeWrite {
            acknowledge(line, None)?;
            log.append(line)?;
            return Ok(());
        }
        let number = log.append(line)?;
        acknowledge(line, Some(number))
    }
}

fn acknowledge(line: &str, number: Option<u64>) -> Result<()> {
    let mut text = line
        .split([' ', '\t'])
        .next()
        .unwrap_or_default()
        .to_owned();
    if let Some(number) = number {
        text.extend([" ", &Place { log: 0, number }.to_string()]);
    }
    text.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
