//! Threads that push and threads that receive.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mainstem_env::Env;
use mainstem_queue::{Consumer, ConsumerOptions, Queue};

use crate::measure::Measured;

/// What is measured, and on what.
pub(super) struct Load<'a> {
    pub(super) env: &'a Env,
    pub(super) queue: &'a Queue,
    pub(super) progress: &'a Progress,
    pub(super) messages: u64,
    /// The length of a message.
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
        self.shared.is_over.store(false, Ordering::Relaxed);
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
/// The longest that a message which was pushed is waited for.
const WAIT: Duration = Duration::from_mins(1);

/// What a thread does with one message after the other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// It pushes one.
    Push,
    /// It receives and acknowledges one.
    Receive,
    /// It pushes one, and receives and acknowledges one, not always the same.
    Both,
}

impl Load<'_> {
    /// Has threads do one step after the other until all messages are done.
    pub(super) fn run(&self, name: &str, step: Step, threads: usize) -> Result<Measured> {
        self.progress.reset();
        let start = self.env.clock.elapsed();
        let (latencies, took) = thread::scope(|scope| {
            scope.spawn(|| self.progress.show(self.env, name, self.messages));
            let threads: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| self.repeat(step)))
                .collect();
            let mut all = Vec::new();
            let mut first_error = None;
            for thread in threads {
                let done = thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread of the measurement panicked")));
                match done {
                    Ok(latencies) => all.extend(latencies),
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            let took = self.env.clock.elapsed().since(start);
            self.progress.shared.is_over.store(true, Ordering::Relaxed);
            match first_error {
                None => Ok((all, took)),
                Some(error) => Err(error),
            }
        })
        .with_context(|| format!("while measuring {name}"))?;
        Ok(Measured { took, latencies })
    }

    /// Does steps until all messages are done; stops all threads if one fails.
    fn repeat(&self, step: Step) -> Result<Vec<Duration>> {
        let shared = &self.progress.shared;
        let mut latencies = Vec::new();
        let consumer = self.queue.main_consumer(ConsumerOptions::default())?;
        while !self.progress.is_stopped()
            && shared.begun.fetch_add(1, Ordering::Relaxed) < self.messages
        {
            let start = self.env.clock.elapsed();
            self.do_step(step, &consumer)
                .inspect_err(|_| self.progress.stop())?;
            latencies.push(self.env.clock.elapsed().since(start));
            shared.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(latencies)
    }

    /// Does one step.
    fn do_step(&self, step: Step, consumer: &Consumer) -> Result<()> {
        if matches!(step, Step::Push | Step::Both) {
            self.queue.push(vec![b'm'; self.bytes])?;
        }
        if matches!(step, Step::Receive | Step::Both) {
            // There is a message for each step: it was pushed before.
            let delivery = consumer.receive(WAIT)?;
            delivery
                .context("a message was pushed and is not there")?
                .ack()?;
        }
        Ok(())
    }
}
