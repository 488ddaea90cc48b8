//! Opening a queue in which many messages wait, until the first of them was received and
//! acknowledged: a queue that puts its work off gains nothing.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mainstem_benches::workplace::Workplace;
use tempfile::TempDir;

use super::{Case, fill, payload};
use crate::options::{HOLD, Options};
use crate::queue::peer::Peer;
use crate::queue::peers;
use crate::report::{Better, Figure};

/// Messages that the process pushes that is killed.
const HELD: u64 = 10_000;

pub(crate) fn cases<'a>(workplace: &'a Workplace, options: &'a Options) -> Vec<Case<'a>> {
    let messages = options.messages(10_000_000);
    let mut stores: HashMap<&'static str, TempDir> = HashMap::new();
    let measure = move |peer: &Peer| {
        let dir = match stores.remove(peer.name) {
            Some(dir) => dir,
            None => filled(workplace, peer, messages)?,
        };
        let orderly = open(peer, dir.path())?;
        kill(peer, dir.path())?;
        let killed = open(peer, dir.path())?;
        stores.insert(peer.name, dir);
        let ms = |took: Duration| took.as_secs_f64() * 1000.0;
        Ok(vec![
            Figure::new("ms after a close", Better::Less, ms(orderly)),
            Figure::new("ms after SIGKILL", Better::Less, ms(killed)),
        ])
    };
    vec![Case {
        row: "reopen",
        what: format!("{messages} × 100 B waiting"),
        is_parallel: false,
        rounds: options.long_rounds(),
        bytes: messages.saturating_mul(1500),
        measure: Box::new(measure),
    }]
}

fn filled(workplace: &Workplace, peer: &Peer, messages: u64) -> Result<TempDir> {
    let dir = workplace.corner()?;
    let queue = (peer.open)(dir.path())?;
    fill(&*queue, &payload(100), messages, 10_000)?;
    queue.close()?;
    Ok(dir)
}

fn open(peer: &Peer, dir: &Path) -> Result<Duration> {
    let before = Instant::now();
    let queue = (peer.open)(dir)?;
    let served = queue.serve(1, Duration::ZERO, &mut |_| ())?;
    let took = before.elapsed();
    ensure!(served == 1, "{} has lost its messages", peer.name);
    queue.close()?;
    Ok(took)
}

/// Has another process open the queue, and kills it.
fn kill(peer: &Peer, dir: &Path) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(HOLD)
        .arg(peer.name)
        .arg(dir)
        .arg(HELD.to_string());
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let output = child
        .stdout
        .take()
        .context("no output of the other process")?;
    let read = BufReader::new(output).read_line(&mut line);
    child.kill()?;
    child.wait()?;
    read?;
    ensure!(line == "held\n", "the other process did not open the queue");
    Ok(())
}

/// The other process.
pub(crate) fn hold(peer: &str, dir: &Path, messages: u64) -> Result<()> {
    let peer = peers::find(peer).context("no such peer")?;
    let queue = (peer.open)(dir)?;
    fill(&*queue, &payload(100), messages, 100)?;
    println!("held");
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}
