//! `mainstem queue ack`, `nack` and `extend`: what became of messages that were received.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_queue::{Consumer, ConsumerOptions, Queue, QueueError, Receipt};

use super::duration;
use super::selection::Dir;

/// The receipts that a command is about.
#[derive(Debug, Args)]
struct Receipts {
    /// What `receive` printed before each message; `-` for a receipt per line of standard input
    #[arg(value_name = "RECEIPT", required = true)]
    receipts: Vec<String>,
}

impl Receipts {
    /// Reads the receipts, each once.
    fn read(&self) -> Result<Vec<Receipt>> {
        let mut texts = Vec::new();
        for text in &self.receipts {
            if text == "-" {
                for line in io::stdin().lock().lines() {
                    texts.push(line.context("cannot read standard input")?);
                }
            } else {
                texts.push(text.clone());
            }
        }
        let mut seen = HashSet::new();
        let mut receipts = Vec::new();
        for text in texts.iter().map(|it| it.trim()).filter(|it| !it.is_empty()) {
            let receipt: Receipt = text.parse()?;
            if seen.insert(receipt) {
                receipts.push(receipt);
            }
        }
        Ok(receipts)
    }

    /// Answers for all messages; says which receipts were stale, and fails if any was.
    fn answer(
        &self,
        dir: &Dir,
        answer: impl FnOnce(&Consumer, &[Receipt]) -> Result<Vec<Receipt>, QueueError>,
    ) -> Result<ExitCode> {
        let receipts = self.read()?;
        dir.with(|queue| {
            // A receipt names its consumer; the queue takes it from any.
            let consumer = any_consumer(queue)?;
            let stale = answer(&consumer, &receipts)?;
            for receipt in &stale {
                eprintln!("error: {receipt}: {}", QueueError::StaleReceipt);
            }
            Ok(if stale.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        })
    }
}

/// Returns a consumer of the queue.
fn any_consumer(queue: &Queue) -> Result<Consumer> {
    let stats = queue.stats()?;
    let Some(first) = stats.consumers.first() else {
        bail!("the queue has no consumer any more, so all receipts are stale");
    };
    let mut options = ConsumerOptions::default();
    options.topic.clone_from(&first.topic);
    Ok(queue.find_consumer(&first.name, options)?)
}

/// Answers for one message after the other; returns the receipts that were stale.
fn each(
    receipts: &[Receipt],
    mut answer: impl FnMut(Receipt) -> Result<(), QueueError>,
) -> Result<Vec<Receipt>, QueueError> {
    let mut stale = Vec::new();
    for receipt in receipts {
        match answer(*receipt) {
            Ok(()) => {}
            Err(QueueError::StaleReceipt) => stale.push(*receipt),
            Err(error) => return Err(error),
        }
    }
    Ok(stale)
}

/// Acknowledge messages that were received: they never come back.
///
/// A stale receipt is named and the exit code is 1: its message was acknowledged or given up already, or
/// was delivered again since. The others are acknowledged all the same.
#[derive(Debug, Args)]
pub(crate) struct Ack {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    receipts: Receipts,
}

impl Ack {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.receipts.answer(&self.dir, Consumer::ack_batch)
    }
}

/// Give messages back that were received: they are delivered again, or are dead.
///
/// Stale receipts are named and the exit code is 1; the others are given back all the same.
#[derive(Debug, Args)]
pub(crate) struct Nack {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    receipts: Receipts,
    /// Deliver them again only after this time, such as 30s, 5m or 1d
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0",
        conflicts_with = "dead")]
    delay: Duration,
    /// Do not deliver them again: they are dead, for this reason
    #[arg(long, value_name = "REASON")]
    dead: Option<String>,
}

impl Nack {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.receipts.answer(&self.dir, |consumer, receipts| {
            each(receipts, |receipt| match &self.dead {
                Some(reason) => consumer.reject(receipt, reason),
                None => consumer.nack(receipt, self.delay),
            })
        })
    }
}

/// Keep messages that were received hidden from others for longer.
///
/// Stale receipts are named and the exit code is 1; the others are kept all the same.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    receipts: Receipts,
    /// For how long from now on, 1ms to 12h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    visibility: Duration,
}

impl Extend {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.receipts.answer(&self.dir, |consumer, receipts| {
            each(receipts, |receipt| {
                consumer.extend(receipt, self.visibility)
            })
        })
    }
}
