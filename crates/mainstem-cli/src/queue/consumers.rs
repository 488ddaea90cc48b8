//! `mainstem queue consumers`, `consumer-add` and `consumer-remove`: who gets messages.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use mainstem_queue::{ConsumerOptions, Queue, QueueError, Start};

use super::print::escaped;
use super::selection::{Dir, Who};

/// List the consumers: topic and name of each.
#[derive(Debug, Args)]
pub(crate) struct Consumers {
    #[command(flatten)]
    dir: Dir,
}

impl Consumers {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            let mut out = io::stdout().lock();
            for it in &queue.stats()?.consumers {
                let (topic, name) = (escaped(it.topic.as_bytes()), escaped(it.name.as_bytes()));
                writeln!(out, "{topic}\t{name}")?;
            }
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Make a consumer: it gets all messages of its topic, whoever else gets them.
///
/// Messages stay on the disk until all consumers of their topic are done with them, so one that nobody
/// receives for keeps them for ever. Makes the topic too, if there is none. One that is there stays as
/// it is.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem queue consumer-add ./work --consumer audit
  mainstem queue consumer-add ./work --topic orders --consumer billing --newest")]
pub(crate) struct ConsumerAdd {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    who: Who,
    /// Begin at the next message that is pushed, not at the oldest that is stored
    #[arg(long)]
    newest: bool,
}

impl ConsumerAdd {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            if is_there(queue, &self.who)? {
                eprintln!("there already");
                return Ok(ExitCode::SUCCESS);
            }
            let mut options = ConsumerOptions::default();
            options.topic.clone_from(&self.who.topic);
            if self.newest {
                options.start = Start::Newest;
            }
            queue.consumer(&self.who.consumer, options)?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn is_there(queue: &Queue, who: &Who) -> Result<bool> {
    let stats = queue.stats()?;
    let mut all = stats.consumers.iter();
    Ok(all.any(|it| it.topic == who.topic && it.name == who.consumer))
}

/// Remove a consumer, with its progress and its dead messages: nobody can receive for it any more.
///
/// Messages that no other consumer of the topic wants are deleted in time. Receipts of this consumer are
/// stale from then on.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem queue consumer-remove ./work --consumer audit
  mainstem queue consumer-remove ./work --topic orders --consumer main --force

With --force it is removed also if it is not done with all messages.")]
pub(crate) struct ConsumerRemove {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    who: Who,
    /// Remove it though it is not done with all messages of its topic
    #[arg(long)]
    force: bool,
}

impl ConsumerRemove {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            // Says which there are if there is none.
            drop(self.who.find(queue, ConsumerOptions::default())?);
            let (topic, name) = (&self.who.topic, &self.who.consumer);
            let stats = queue.stats()?;
            let mut all = stats.consumers.iter();
            let depth = all
                .find(|it| it.topic == *topic && it.name == *name)
                .map_or(0, |it| it.depth);
            if depth > 0 && !self.force {
                bail!(
                    "the consumer {name:?} of the topic {topic:?} is not done with {depth} messages; \
                     --force removes it all the same"
                );
            }
            match queue.remove_consumer(topic, name) {
                Ok(()) | Err(QueueError::NoSuchConsumer { .. }) => Ok(ExitCode::SUCCESS),
                Err(error) => Err(error.into()),
            }
        })
    }
}
