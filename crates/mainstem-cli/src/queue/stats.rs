//! `mainstem queue stats`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use mainstem_queue::QueueStats;
use serde_json::json;

use super::duration;
use super::print::escaped;
use super::selection::Dir;

/// Show how much there is of everything.
///
/// The columns of a consumer: DEPTH, the messages that it is not done with, which are those WAITING, those
/// OUT with somebody, those DELAYED, and those DEAD; and how long ago the OLDEST of them was pushed.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    dir: Dir,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            let stats = queue.stats()?;
            let mut out = io::stdout().lock();
            if self.json {
                writeln!(out, "{}", as_json(&stats))?;
            } else {
                print(&mut out, &stats)?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn print(out: &mut impl Write, stats: &QueueStats) -> io::Result<()> {
    writeln!(
        out,
        "{} messages pushed, {} dropped; {} bytes in {} files, {} bytes of state; {} deduplication ids",
        stats.pushed, stats.dropped, stats.bytes, stats.files, stats.state_bytes, stats.dedup_ids
    )?;
    writeln!(
        out,
        "{:<16} {:<16} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}",
        "TOPIC", "CONSUMER", "DEPTH", "WAITING", "OUT", "DELAYED", "DEAD", "OLDEST"
    )?;
    for it in &stats.consumers {
        let (topic, name) = (escaped(it.topic.as_bytes()), escaped(it.name.as_bytes()));
        let oldest = it.oldest_age.map_or("-".to_owned(), duration::show);
        writeln!(
            out,
            "{topic:<16} {name:<16} {:>10} {:>10} {:>10} {:>10} {:>10} {oldest:>8}",
            it.depth,
            it.waiting(),
            it.in_flight,
            it.delayed,
            it.dead
        )?;
    }
    Ok(())
}

fn as_json(stats: &QueueStats) -> serde_json::Value {
    let consumers = stats.consumers.iter();
    let consumers: Vec<_> = consumers
        .map(|it| {
            let oldest_ms = it
                .oldest_age
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            json!({
                "topic": it.topic,
                "consumer": it.name,
                "depth": it.depth,
                "waiting": it.waiting(),
                "in_flight": it.in_flight,
                "delayed": it.delayed,
                "dead": it.dead,
                "oldest_age_ms": oldest_ms,
            })
        })
        .collect();
    json!({
        "pushed": stats.pushed,
        "dropped": stats.dropped,
        "bytes": stats.bytes,
        "files": stats.files,
        "state_bytes": stats.state_bytes,
        "dedup_ids": stats.dedup_ids,
        "consumers": consumers,
    })
}
