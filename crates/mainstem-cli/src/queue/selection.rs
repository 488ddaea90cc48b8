//! Which queue a command is about, and which of its consumers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_env::Env;
use mainstem_queue::{
    Consumer, ConsumerOptions, Leases, Queue, QueueError, QueueOptions, QueueStats,
};

use super::duration;

/// Which queue a command is about.
#[derive(Debug, Args)]
pub(crate) struct Dir {
    /// The directory of the queue
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// If another process has the queue open, wait this long for it to close it, such as 500ms, 20s
    /// or 5m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0")]
    wait_for_lock: Duration,
}

/// How often it is looked whether a queue is still open elsewhere.
const LOCK_LOOK: Duration = Duration::from_millis(20);

impl Dir {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the queue, making one if there is none.
    pub(crate) fn open_or_make(&self) -> Result<Queue> {
        let mut options = QueueOptions::default();
        // Whoever received a message answers for it with another command, in another process.
        options.leases = Leases::Persist;
        let env = Env::real();
        let start = env.clock.elapsed();
        loop {
            match Queue::open(&self.path, options.clone()) {
                Err(error @ QueueError::InUse { .. }) => {
                    let left = self
                        .wait_for_lock
                        .saturating_sub(env.clock.elapsed().since(start));
                    if left.is_zero() {
                        return Err(error).context(
                            "another process has the queue: stop it, or give it time to end with \
                             --wait-for-lock 10s",
                        );
                    }
                    env.clock.sleep(left.min(LOCK_LOOK));
                }
                opened => {
                    return opened.with_context(|| format!("cannot open {}", self.path.display()));
                }
            }
        }
    }

    /// Opens the queue, which has to be there: a wrong path must not become one.
    pub(crate) fn open(&self) -> Result<Queue> {
        if !Queue::exists(&self.path)? {
            let dir = self.path.display();
            bail!(
                "there is no queue in {dir}; check the path, or make one: mainstem queue push {dir} MESSAGE"
            );
        }
        self.open_or_make()
    }

    /// Opens the queue, does something with it, and closes it in good order, however that ended.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Queue) -> Result<T>) -> Result<T> {
        closing(&self.open()?, work)
    }
}

/// Does something with a queue and closes it in good order, however that ended.
pub(crate) fn closing<T>(queue: &Queue, work: impl FnOnce(&Queue) -> Result<T>) -> Result<T> {
    let done = work(queue);
    let closed = queue.close();
    let done = done?;
    closed.context("what was done is done, but the queue was not closed in good order")?;
    Ok(done)
}

/// Which consumer of a queue a command is about.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The topic
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub(crate) topic: String,
    /// The consumer: each of a topic gets all of its messages
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub(crate) consumer: String,
}

impl Who {
    /// Returns the consumer, which has to be there: a wrong name must not become one.
    pub(crate) fn find(&self, queue: &Queue, mut options: ConsumerOptions) -> Result<Consumer> {
        options.topic.clone_from(&self.topic);
        match queue.find_consumer(&self.consumer, options) {
            Err(QueueError::NoSuchConsumer { .. }) => bail!(self.unknown(&queue.stats()?)),
            found => Ok(found?),
        }
    }

    /// Says that there is no such consumer, which there are, and how to make it.
    fn unknown(&self, stats: &QueueStats) -> String {
        let (topic, name) = (&self.topic, &self.consumer);
        let all = stats.consumers.iter();
        let all: Vec<String> = all
            .map(|it| format!("--topic {} --consumer {}", it.topic, it.name))
            .collect();
        let all = if all.is_empty() {
            "none at all".to_owned()
        } else {
            all.join(", ")
        };
        format!(
            "the topic {topic:?} has no consumer {name:?}; there are: {all}; \
             mainstem queue consumer-add makes one"
        )
    }
}
