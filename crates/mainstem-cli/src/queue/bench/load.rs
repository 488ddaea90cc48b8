//! Threads that push and threads that receive.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mainstem_env::{Elapsed, Env};
use mainstem_queue::{ConsumerOptions, Queue};

use super::Measured;

/// What is measured, and on what.
pub(super) struct Load<'a> {
    pub(super) env: &'a Env,
    pub(super) queue: &'a Queue,
    pub(super) progress: &'a Progress,
    pub(super) messages: u64,
    /// The length of a message; at least that of the time that it begins with.
    pub(super) bytes: usize,
}

/// How far a measurement is, and whether it should go on. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    shared: Arc<Shared>,
    is_shown: bool,
}

#[derive(Debug, Default)]
struct Shared {
    begun: AtomicU64,
    done: AtomicU64,
    /// When the last one was done, in ns of elapsed time.
    done_ns: AtomicU64,
    is_stopped: AtomicBool,
    /// Whether the measurement is over, so that nobody need look at it any more.
    is_over: AtomicBool,
}

impl Progress {
    pub(super) fn new(is_shown: bool) -> Self {
        Self {
            shared: Arc::default(),
            is_shown,
        }
    }

    pub(super) fn stop(&self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.shared.is_stopped.load(Ordering::Relaxed)
    }

    fn reset(&self) {
        self.shared.begun.store(0, Ordering::Relaxed);
        self.shared.done.store(0, Ordering::Relaxed);
        self.shared.done_ns.store(0, Ordering::Relaxed);
        self.shared.is_over.store(false, Ordering::Relaxed);
    }

    /// Notes that a message is done, and when.
    fn note(&self, at: Elapsed) {
        let ns = u64::try_from(at.0.as_nanos()).unwrap_or(u64::MAX);
        self.shared.done_ns.fetch_max(ns, Ordering::Relaxed);
        self.shared.done.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Shows how far it is until it is over.
    fn show(&self, env: &Env, name: &str, messages: u64) {
        while self.is_shown && !self.shared.is_over.load(Ordering::Relaxed) {
            eprint!("\r{name}: {} of {messages}\x1b[K", self.done());
            let _unseen = std::io::stderr().flush();
            env.clock.sleep(SHOW_EVERY);
        }
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}

const SHOW_EVERY: Duration = Duration::from_millis(100);
/// For how long a consumer waits before it looks whether all is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Load<'_> {
    /// Has producers push all messages, and consumers take them out again; latencies are those of the
    /// consumers if there are any.
    pub(super) fn run(&self, name: &str, producers: usize, consumers: usize) -> Result<Measured> {
        self.progress.reset();
        let is_both = producers > 0 && consumers > 0;
        let start = self.env.clock.elapsed();
        let (latencies, took) = thread::scope(|scope| {
            scope.spawn(|| self.progress.show(self.env, name, self.messages));
            let pushing: Vec<_> = (0..producers)
                .map(|_| scope.spawn(|| self.stopping(|| self.push(!is_both))))
                .collect();
            let taking: Vec<_> = (0..consumers)
                .map(|_| scope.spawn(|| self.stopping(|| self.take(is_both))))
                .collect();
            let mut all = Vec::new();
            let mut first_error = None;
            for thread in pushing.into_iter().chain(taking) {
                let done = thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread of the measurement panicked")));
                match done {
                    Ok(latencies) => all.extend(latencies),
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            // Consumers who find nothing any more end later than the last message.
            let done_ns = self.progress.shared.done_ns.load(Ordering::Relaxed);
            let took = Elapsed(Duration::from_nanos(done_ns)).since(start);
            self.progress.shared.is_over.store(true, Ordering::Relaxed);
            match first_error {
                None => Ok((all, took)),
                Some(error) => Err(error),
            }
        })
        .with_context(|| format!("while measuring {name}"))?;
        Ok(Measured { took, latencies })
    }

    /// Stops all threads if one fails.
    fn stopping(&self, work: impl FnOnce() -> Result<Vec<Duration>>) -> Result<Vec<Duration>> {
        work().inspect_err(|_| self.progress.stop())
    }

    /// Pushes one message after the other.
    fn push(&self, is_counted: bool) -> Result<Vec<Duration>> {
        let shared = &self.progress.shared;
        let mut latencies = Vec::new();
        while !self.progress.is_stopped()
            && shared.begun.fetch_add(1, Ordering::Relaxed) < self.messages
        {
            let start = self.env.clock.elapsed();
            let mut payload = vec![b'm'; self.bytes];
            let nanos = u64::try_from(start.0.as_nanos())?.to_le_bytes();
            for (byte, of_time) in payload.iter_mut().zip(nanos) {
                *byte = of_time;
            }
            self.queue.push(payload)?;
            if is_counted {
                let end = self.env.clock.elapsed();
                latencies.push(end.since(start));
                self.progress.note(end);
            }
        }
        Ok(latencies)
    }

    /// Receives and acknowledges one message after the other.
    fn take(&self, is_since_push: bool) -> Result<Vec<Duration>> {
        let consumer = self.queue.main_consumer(ConsumerOptions::default())?;
        let mut latencies = Vec::new();
        while !self.progress.is_stopped() && self.progress.done() < self.messages {
            let start = self.env.clock.elapsed();
            let Some(delivery) = consumer.receive(LOOK_EVERY)? else {
                continue;
            };
            delivery.ack()?;
            let start = if is_since_push {
                let head = delivery.payload().first_chunk::<8>();
                let nanos = head.context("a message without its time")?;
                Elapsed(Duration::from_nanos(u64::from_le_bytes(*nanos)))
            } else {
                start
            };
            let end = self.env.clock.elapsed();
            latencies.push(end.since(start));
            self.progress.note(end);
        }
        Ok(latencies)
    }
}
