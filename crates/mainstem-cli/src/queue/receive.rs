//! `mainstem queue receive`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use mainstem_queue::{ConsumerOptions, Delivery};

use super::duration;
use super::print::Format;
use super::selection::{Dir, Who};

/// Receive messages: print receipt, id, number of deliveries and payload of each.
///
/// Nobody else gets these messages from the same consumer until the visibility timeout is over, also
/// after this command has ended; then they come back, unless `ack` was told their receipts. Prints
/// nothing if there is nothing.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  mainstem queue receive ./work --max 10 --wait 20s
  mainstem queue receive ./work --consumer audit --format json
  mainstem queue receive ./work --format raw --ack | process

With --ack each message is acknowledged once it is printed: whoever reads the output has to make sure
that it is not lost there.")]
pub(crate) struct Receive {
    #[command(flatten)]
    dir: Dir,
    #[command(flatten)]
    who: Who,
    /// The most messages to receive, 1 to 10,000
    #[arg(long, value_name = "COUNT", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max: u16,
    /// If there is none, wait this long for one, such as 500ms, 20s or 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0")]
    wait: Duration,
    /// For how long the messages are hidden from others, 1ms to 12h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    visibility: Duration,
    /// After so many deliveries that came to nothing a message is dead
    #[arg(long, value_name = "COUNT", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..))]
    attempts_max: u32,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Acknowledge the messages once they are printed
    #[arg(long)]
    ack: bool,
}

impl Receive {
    pub(crate) fn run(self) -> Result<ExitCode> {
        self.dir.with(|queue| {
            let mut options = ConsumerOptions::default();
            options.visibility = self.visibility;
            options.attempts_max = self.attempts_max;
            let consumer = self.who.find(queue, options)?;
            let deliveries = consumer.receive_batch(self.max.into(), self.wait)?;
            let printed = self.print(&deliveries);
            if let Err(error) = printed {
                // Nobody saw the receipts, so nobody can answer for these.
                for delivery in &deliveries {
                    delivery
                        .nack(Duration::ZERO)
                        .context("could not give back what could not be printed")?;
                }
                return Err(error.into());
            }
            if self.ack {
                let receipts: Vec<_> = deliveries.iter().map(Delivery::receipt).collect();
                let stale = consumer.ack_batch(&receipts)?;
                for receipt in &stale {
                    eprintln!("not acknowledged, as its time was over: {receipt}");
                }
                if !stale.is_empty() {
                    return Ok(ExitCode::FAILURE);
                }
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    fn print(&self, deliveries: &[Delivery]) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for delivery in deliveries {
            self.format.delivery(&mut out, delivery, self.ack)?;
        }
        out.flush()
    }
}
