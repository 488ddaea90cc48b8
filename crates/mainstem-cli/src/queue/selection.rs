//! Which queue a command is about, and which of its consumers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use mainstem_queue::{Consumer, ConsumerOptions, Leases, Queue, QueueOptions, QueueStats};

/// Which queue a command is about.
#[derive(Debug, Args)]
pub(crate) struct Dir {
    /// The directory of the queue
    #[arg(value_name = "DIR")]
    path: PathBuf,
}

impl Dir {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the queue, making one if there is none.
    pub(crate) fn open_or_make(&self) -> Result<Queue> {
        let mut options = QueueOptions::default();
        // Whoever received a message answers for it with another command, in another process.
        options.leases = Leases::Persist;
        Queue::open(&self.path, options)
            .with_context(|| format!("cannot open {}", self.path.display()))
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
    topic: String,
    /// The consumer: each of a topic gets all of its messages
    #[arg(long, value_name = "NAME", default_value = "main")]
    consumer: String,
}

impl Who {
    /// Returns the consumer, making it if there is none.
    pub(crate) fn find_or_make(
        &self,
        queue: &Queue,
        mut options: ConsumerOptions,
    ) -> Result<Consumer> {
        let is_news = !self.is_there(&queue.stats()?);
        options.topic.clone_from(&self.topic);
        let consumer = queue.consumer(&self.consumer, options)?;
        if is_news {
            eprintln!(
                "made the consumer {:?} of the topic {:?}; it gets all messages that are stored",
                self.consumer, self.topic
            );
        }
        Ok(consumer)
    }

    /// Returns the consumer, which has to be there.
    pub(crate) fn find(&self, queue: &Queue) -> Result<Consumer> {
        let stats = queue.stats()?;
        if !self.is_there(&stats) {
            let all = stats.consumers.iter();
            let all: Vec<String> = all
                .map(|it| format!("--topic {} --consumer {}", it.topic, it.name))
                .collect();
            bail!(
                "the topic {:?} has no consumer {:?}; there are: {}",
                self.topic,
                self.consumer,
                all.join(", ")
            );
        }
        let mut options = ConsumerOptions::default();
        options.topic.clone_from(&self.topic);
        Ok(queue.consumer(&self.consumer, options)?)
    }

    fn is_there(&self, stats: &QueueStats) -> bool {
        let mut all = stats.consumers.iter();
        all.any(|it| it.topic == self.topic && it.name == self.consumer)
    }
}
