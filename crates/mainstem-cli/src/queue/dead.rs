//! `mainstem queue dead`, `redrive` and `discard`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use mainstem_queue::{ConsumerOptions, MessageId};

use super::print::Format;
use super::selection::{Dir, Who};

/// List dead messages: id, number of deliveries, why it is dead, and payload of each.
///
/// A message is dead after too many deliveries that came to nothing, or because `nack --dead` said so. It
/// stays until it is redriven or discarded.
#[derive(Debug, Args)]
pub(crate) struct Dead {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    who: Who,
    /// The most messages to list
    #[arg(long, value_name = "COUNT", default_value_t = usize::MAX, hide_default_value = true)]
    max: usize,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How many dead messages are in memory at a time.
const PAGE_MESSAGES: usize = 64;

impl Dead {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            let consumer = self.who.find(queue, ConsumerOptions::default())?;
            let mut out = io::BufWriter::new(io::stdout().lock());
            let (mut after, mut left) = (None, self.max);
            while left > 0 {
                let page = consumer.dead(after, left.min(PAGE_MESSAGES))?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                left = left.saturating_sub(page.len());
                for dead in &page {
                    self.format.dead(&mut out, dead)?;
                }
            }
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Which dead messages a command is about.
#[derive(Debug, Args)]
#[group(required = true)]
struct Which {
    /// A dead message, by the id that `dead` prints; may be given more than once
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<u64>,
    /// All dead messages of the consumer
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl Which {
    fn ids(&self) -> Option<Vec<MessageId>> {
        (!self.all).then(|| {
            let mut ids = self.ids.clone();
            ids.sort_unstable();
            ids.dedup();
            ids.into_iter().map(MessageId).collect()
        })
    }
}

/// Have dead messages delivered again, as if for the first time.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    which: Which,
}

impl Redrive {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            let ids = self.which.ids();
            let redriven = self
                .who
                .find(queue, ConsumerOptions::default())?
                .redrive(ids.as_deref())?;
            said("redriven", redriven, ids.as_deref())
        })
    }
}

/// Delete dead messages.
#[derive(Debug, Args)]
pub(crate) struct Discard {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    which: Which,
}

impl Discard {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            let ids = self.which.ids();
            let discarded = self
                .who
                .find(queue, ConsumerOptions::default())?
                .discard_dead(ids.as_deref())?;
            said("discarded", discarded, ids.as_deref())
        })
    }
}

/// Says how many messages it was, and fails if some of those named are not dead.
fn said(what: &str, count: usize, ids: Option<&[MessageId]>) -> Result<ExitCode> {
    println!("{what} {count}");
    if let Some(ids) = ids
        && count < ids.len()
    {
        bail!(
            "{} of the ids are none of dead messages",
            ids.len().saturating_sub(count)
        );
    }
    Ok(ExitCode::SUCCESS)
}
