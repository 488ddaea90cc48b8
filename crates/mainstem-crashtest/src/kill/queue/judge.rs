//! Looks at what a dead worker left, without changing it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use mainstem_env::sim::Sim;
use mainstem_env::{Env, OpenMode};
use mainstem_queue::{Queue, RECEIVE_MESSAGES_MAX};

use super::options::{consumers, id_of, options};
use super::story::Found;
use super::worker::value_of;

/// Where the copy lies.
const COPY: &str = "/queue";

/// Copies the queue in `dir` into memory, opens the copy and drains it.
///
/// # Errors
/// When it does not open, or delivers what nobody pushed or one thing twice.
pub(super) fn look(env: &Env, dir: &Path) -> Result<Found> {
    let sim = Sim::new(1);
    sim.set_recording(false);
    sim.set_now(env.clock.now());
    if env.fs.metadata(dir)?.is_some() {
        copy(env, dir, &sim, Path::new(COPY))?;
    }
    let queue = Queue::open_in(&sim.env(), Path::new(COPY), options())
        .context("it does not open any more")?;
    let mut found = Found::default();
    for thread in 0..=u8::MAX {
        if let Some(value) = queue.value(&value_of(thread))? {
            let text = String::from_utf8(value)?;
            found.values.insert(thread, text.parse()?);
        }
    }
    for (consumer, waiting) in consumers(&queue)?.iter().zip(&mut found.waiting) {
        loop {
            let deliveries = consumer.receive_batch(RECEIVE_MESSAGES_MAX, Duration::ZERO)?;
            if deliveries.is_empty() {
                break;
            }
            let mut receipts = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let id = id_of(delivery.payload()).map_err(|what| anyhow!(what))?;
                if waiting.insert(id, delivery.attempts()).is_some() {
                    bail!("message {id} is there twice");
                }
                receipts.push(delivery.receipt());
            }
            consumer.ack_batch(&receipts)?;
        }
    }
    Ok(found)
}

fn copy(env: &Env, from: &Path, sim: &Sim, to: &Path) -> Result<()> {
    sim.env().fs.create_dir(to)?;
    for entry in env.fs.list(from)? {
        let (from, to) = (from.join(&entry.name), to.join(&entry.name));
        if entry.is_dir {
            copy(env, &from, sim, &to)?;
            continue;
        }
        let file = env.fs.open(&from, OpenMode::Read)?;
        let mut bytes = vec![0; usize::try_from(file.len()?)?];
        let read = file.read_at(&mut bytes, 0)?;
        if read != bytes.len() {
            bail!("{read} bytes of {} are there", from.display());
        }
        sim.write_raw(&to, &bytes)?;
    }
    Ok(())
}
