//! The process that is killed.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use mainstem_env::Env;
use mainstem_queue::{Consumer, Delivery, Message, Queue};

use super::super::draw::Draw;
use super::options::{OUT, OUTPUTS, bytes_of, consumers, id_of, options};
use super::words::{Deed, Line};

/// Works on a queue with many threads until its input ends, saying what it does. For `kill-queue`.
#[derive(Args, Debug)]
pub struct QueueWorker {
    /// The directory of the queue.
    dir: PathBuf,
    /// Decides what is done.
    #[arg(long)]
    seed: u64,
    /// The number of the process, from 1 on: its messages carry it.
    #[arg(long)]
    life: u64,
}

const PRODUCERS: u8 = 3;
/// Which consumer each of the receiving threads is.
const RECEIVERS: [usize; 4] = [0, 0, 1, OUTPUTS];

impl QueueWorker {
    /// Works.
    ///
    /// # Errors
    /// When the queue refuses something or delivers what nobody pushed.
    pub fn run(&self) -> Result<()> {
        work(&self.dir, self.seed, self.life)
    }
}

fn work(dir: &Path, seed: u64, life: u64) -> Result<()> {
    let queue = Queue::open(dir, options())?;
    let all = consumers(&queue)?;
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let hand = |number: u8| Hand {
            queue: &queue,
            is_over: &is_over,
            draw: Draw::new(seed, life << 8 | u64::from(number)),
            number,
            next_id: life << 32 | u64::from(number) << 24,
        };
        for number in 0..PRODUCERS {
            let mut hand = hand(number);
            threads.push(scope.spawn(move || hand.produce()));
        }
        for (number, at) in (PRODUCERS..).zip(RECEIVERS) {
            let mut hand = hand(number);
            let Some(consumer) = all.get(at).cloned() else {
                continue;
            };
            threads.push(scope.spawn(move || hand.consume(at, &consumer)));
        }
        let hand = hand(u8::MAX);
        threads.push(scope.spawn(move || hand.keep()));
        scope.spawn(|| {
            // It says nothing; it ends.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            is_over.store(true, Ordering::Relaxed);
        });
        for thread in threads {
            let done = thread.join().unwrap_or_else(|_| bail!("a thread panicked"));
            if let Err(error) = done {
                // The others, and who waits for the end of the input, would keep the process.
                eprintln!("error: {error:#}");
                std::process::exit(1);
            }
        }
    });
    queue.close()?;
    Ok(())
}

/// A thread at work.
struct Hand<'a> {
    queue: &'a Queue,
    is_over: &'a AtomicBool,
    draw: Draw,
    number: u8,
    next_id: u64,
}

impl Hand<'_> {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn produce(&mut self) -> Result<()> {
        while self.goes_on() {
            let count = if self.draw.one_in(3) {
                self.draw.within(2..=5)
            } else {
                1
            };
            let key = self.draw.one_in(2).then_some(self.number);
            let ids: Vec<u64> = (0..count).map(|_| self.id()).collect();
            let messages: Vec<Message> = ids
                .iter()
                .map(|id| {
                    let message = Message::new(bytes_of(*id));
                    match key {
                        Some(key) => message.key([key]),
                        None => message,
                    }
                })
                .collect();
            let deed = Deed::Push { key, ids };
            say(&Line::Asked(deed.clone()))?;
            self.queue.push_batch(&messages)?;
            say(&Line::Answered(deed))?;
        }
        Ok(())
    }

    fn consume(&mut self, at: usize, consumer: &Consumer) -> Result<()> {
        while self.goes_on() {
            let most = usize::try_from(self.draw.within(1..=4)).unwrap_or(1);
            let deliveries = consumer.receive_batch(most, Duration::from_millis(5))?;
            let mut to_ack = Vec::new();
            for delivery in deliveries {
                let id = id_of(delivery.payload()).map_err(anyhow::Error::msg)?;
                say(&Line::Received {
                    consumer: at,
                    id,
                    attempts: delivery.attempts(),
                })?;
                match self.draw.within(0..=9) {
                    0 => {
                        say(&Line::Asked(Deed::Nack { consumer: at, id }))?;
                        consumer.nack(delivery.receipt(), Duration::ZERO)?;
                    }
                    // Some are held on to.
                    1 => {}
                    2..=4 if at != OUTPUTS => self.transact(at, id, &delivery)?,
                    _ => to_ack.push((id, delivery.receipt())),
                }
            }
            if to_ack.is_empty() {
                continue;
            }
            let (ids, receipts): (Vec<_>, Vec<_>) = to_ack.into_iter().unzip();
            let deed = Deed::Ack { consumer: at, ids };
            say(&Line::Asked(deed.clone()))?;
            if !consumer.ack_batch(&receipts)?.is_empty() {
                bail!("receipts are stale: {deed}");
            }
            say(&Line::Answered(deed))?;
        }
        Ok(())
    }

    fn transact(&mut self, consumer: usize, input: u64, delivery: &Delivery) -> Result<()> {
        let output = self.id();
        let deed = Deed::Transact {
            consumer,
            input,
            output,
            thread: self.number,
        };
        say(&Line::Asked(deed.clone()))?;
        let transaction = self.queue.transaction().ack(delivery.receipt());
        let transaction = transaction.push(Message::new(bytes_of(output)).topic(OUT));
        transaction
            .set(value_of(self.number), output.to_string())
            .commit()?;
        say(&Line::Answered(deed))
    }

    /// Does upkeep over and over, so that files come and go.
    fn keep(&self) -> Result<()> {
        let clock = Env::real().clock;
        while self.goes_on() {
            self.queue.upkeep()?;
            clock.sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

/// Returns the key of the value that a thread keeps.
pub(super) fn value_of(thread: u8) -> String {
    format!("thread {thread}")
}

/// Says a line. What was written to the pipe is heard, whatever becomes of this process.
fn say(line: &Line) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()?;
    Ok(())
}
