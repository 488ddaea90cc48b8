//! A queue, as its users see it.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use mainstem_env::Env;

use crate::commit::Staged;
use crate::consumer::Consumer;
use crate::core::Core;
use crate::cursor::QueueCursor;
use crate::error::QueueError;
use crate::format::event::Event;
use crate::keeper::{self, UpkeepReport};
use crate::message::{Message, Pushed};
use crate::open;
use crate::options::{ConsumerOptions, QueueOptions, Start, Upkeep, check_name};
use crate::state::apply::{MAIN, count};
use crate::stats::QueueStats;
use crate::transaction::Transaction;
use crate::waiters::Wanted;

/// A durable queue in a directory. Clones are handles to the same queue and may be used from any
/// thread; when the last handle, consumer, delivery or cursor goes, the queue is closed.
#[derive(Clone, Debug)]
pub struct Queue {
    inner: Arc<Inner>,
}

/// What all handles share; closes the queue when the last one goes.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the queue was not closed in good order; the next opening recovers");
        }
    }
}

impl Inner {
    /// Tells those who wait that there are `messages` more, and the keeper of those with a delay.
    pub(crate) fn tell(&self, messages: u64) {
        let most = usize::try_from(messages).unwrap_or(usize::MAX);
        if most > 0 {
            self.core.waiters.wake_consumers(most);
        }
    }

    fn close(&self) -> Result<(), QueueError> {
        if self.core.is_closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.core.nudge();
        let keeper = self
            .keeper
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(keeper) = keeper
            && keeper.join().is_err()
        {
            tracing::error!("the upkeep of the queue had panicked");
        }
        self.core.waiters.wake_all();
        self.core.finish_abandoned();
        let saved = self.core.end();
        self.core.reserve.make_way_for_close();
        self.core.engine.close()?;
        saved
    }
}

impl Queue {
    /// Opens the queue in the directory `dir`, making one if there is none.
    ///
    /// A queue opens after any crash, without any help. It has one owner at a time: one call of this in
    /// one process.
    ///
    /// # Errors
    /// [`QueueError::InUse`] if it is open already; [`QueueError::NotAQueue`] if the directory is that of
    /// something else; [`QueueError::Invalid`] if an option is out of its range; [`QueueError::Unsupported`] if a newer version wrote it; [`QueueError::Log`] and
    /// [`QueueError::Damaged`] if what is stored is damaged or cannot be read.
    pub fn open(dir: impl AsRef<Path>, options: QueueOptions) -> Result<Self, QueueError> {
        Self::open_in(&Env::real(), dir.as_ref(), options)
    }

    /// Returns whether there is a queue in the directory `dir`, open or not: for those who do not want
    /// [`Queue::open`] to make one.
    ///
    /// # Errors
    /// [`QueueError::Log`] if that cannot be found out.
    pub fn exists(dir: impl AsRef<Path>) -> Result<bool, QueueError> {
        open::exists(&Env::real(), dir.as_ref())
    }

    /// As [`Queue::open`], in a world of the caller's choice: a simulated one, for tests.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub fn open_in(env: &Env, dir: &Path, options: QueueOptions) -> Result<Self, QueueError> {
        let upkeep = options.upkeep;
        let core = open::open(env, dir, options)?;
        let inner = Arc::new(Inner {
            core,
            keeper: Mutex::new(None),
        });
        if upkeep == Upkeep::ByThread {
            let core = Arc::clone(&inner.core);
            let thread = std::thread::Builder::new().name("mainstem-queue".to_owned());
            let started = thread.spawn(move || keeper::run(&core));
            let keeper = started.map_err(|error| {
                QueueError::damaged(format!("the thread for its upkeep did not start: {error}"))
            })?;
            *inner.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        }
        Ok(Self { inner })
    }

    /// Pushes a message and returns once it is durable.
    ///
    /// # Durability
    /// On `Ok` the message survives a process crash and a power cut, and is delivered at least once to
    /// each consumer of its topic.
    ///
    /// # Errors
    /// [`QueueError::Full`] if there is no room and none is waited for; [`QueueError::Invalid`];
    /// otherwise [`QueueError::outcome`] says whether it may be there after all.
    pub fn push(&self, message: impl Into<Message>) -> Result<Pushed, QueueError> {
        let pushed = self.push_batch(&[message.into()])?;
        one(&pushed)
    }

    /// Pushes messages, all of them or none, and returns once they are durable.
    ///
    /// # Errors
    /// As [`Queue::push`]. So many messages that they would not fit into an empty queue are refused.
    pub fn push_batch(&self, messages: &[Message]) -> Result<Vec<Pushed>, QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        let mut pushing = core.stage_push(messages, Staged::default())?;
        let staged = std::mem::take(&mut pushing.staged);
        let records = count(staged.batch.len());
        if records == 0 {
            return core.pushed(&pushing, 0);
        }
        let mut staged = staged;
        if core.is_limited() {
            core.admit(records)?;
            staged.reserved = records;
        }
        let appended = core.commit(&staged)?;
        self.inner.tell(records);
        core.pushed(&pushing, appended.seqs.start.0)
    }

    /// As [`Queue::push`], for tasks.
    ///
    /// # Errors
    /// As [`Queue::push`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the message may or may not be pushed.
    pub async fn push_async(&self, message: impl Into<Message>) -> Result<Pushed, QueueError> {
        let message = [message.into()];
        let pushed = self.push_batch_async(&message).await?;
        one(&pushed)
    }

    /// As [`Queue::push_batch`], for tasks.
    ///
    /// # Errors
    /// As [`Queue::push_batch`].
    ///
    /// # Cancel safety
    /// As [`Queue::push_async`]; never in part.
    pub async fn push_batch_async(&self, messages: &[Message]) -> Result<Vec<Pushed>, QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        for message in messages {
            core.make_topic_async(&message.topic).await?;
        }
        let mut pushing = core.stage_push(messages, Staged::default())?;
        let mut staged = std::mem::take(&mut pushing.staged);
        let records = count(staged.batch.len());
        if records == 0 {
            return core.pushed(&pushing, 0);
        }
        if core.is_limited() {
            core.admit_async(records).await?;
            staged.reserved = records;
        }
        let appended = core.commit_async(staged).await?;
        self.inner.tell(records);
        core.pushed(&pushing, appended.seqs.start.0)
    }

    /// Returns the consumer that every queue has: `main`, of the default topic.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] if an option is out of its range.
    pub fn main_consumer(&self, options: ConsumerOptions) -> Result<Consumer, QueueError> {
        self.consumer(MAIN, options)
    }

    /// Returns the consumer `name`, making it if there is none. What one consumer gets says nothing
    /// about another; any number of threads may receive for one, and share its messages.
    ///
    /// A new consumer that begins at the oldest message has all messages of its topic that are stored
    /// counted: the whole log is read once, and other calls on the queue wait meanwhile, as they do when an
    /// opening after a crash reads that it was made. One that begins at the newest costs nothing.
    ///
    /// # Durability
    /// On `Ok` the consumer exists after a crash.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] if an option is out of its range, or the name is.
    pub fn consumer(&self, name: &str, options: ConsumerOptions) -> Result<Consumer, QueueError> {
        check_name("the name of a consumer", name)?;
        options.validate()?;
        let core = &self.inner.core;
        core.check_open()?;
        let topic = core.make_topic(&options.topic)?;
        let find = || {
            let mut live = core.live()?;
            live.catch_up()?;
            Ok::<_, QueueError>(live.state.consumer(topic, name))
        };
        let id = match find()? {
            Some(id) => id,
            None => {
                self.make_consumer(name, &options)?;
                match find()? {
                    Some(id) => id,
                    None => return Err(core.live()?.no_such_consumer(name)),
                }
            }
        };
        Ok(Consumer::new(Arc::clone(&self.inner), id, options))
    }

    /// Returns the consumer `name` of the topic in `options`, which has to be there.
    ///
    /// # Errors
    /// [`QueueError::NoSuchConsumer`] if there is none, and nothing was made;
    /// [`QueueError::Invalid`] if an option is out of its range.
    pub fn find_consumer(
        &self,
        name: &str,
        options: ConsumerOptions,
    ) -> Result<Consumer, QueueError> {
        options.validate()?;
        let core = &self.inner.core;
        core.check_open()?;
        let id = self.consumer_id(&options.topic, name)?;
        Ok(Consumer::new(Arc::clone(&self.inner), id, options))
    }

    /// Returns the number of a consumer that has to be there.
    fn consumer_id(&self, topic: &str, name: &str) -> Result<u32, QueueError> {
        let mut live = self.inner.core.live()?;
        live.catch_up()?;
        let topic = live.state.topic(topic);
        let found = topic.and_then(|topic| live.state.consumer(topic, name));
        found.ok_or_else(|| live.no_such_consumer(name))
    }

    fn make_consumer(&self, name: &str, options: &ConsumerOptions) -> Result<(), QueueError> {
        let core = &self.inner.core;
        // What it is to get must not be deleted before it is known to want it, and the state must not be
        // written down without it while an opening would have it begin before that.
        let _alone = core
            .reclaiming
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let start = match options.start {
            Start::Newest => u64::MAX,
            Start::Oldest => {
                let start = core.shard.first_seq()?.0;
                core.live()?.starts.push(start);
                start
            }
        };
        let topic = &options.topic;
        let mut staged = Staged::default();
        staged.push(&Event::ConsumerMade { topic, name, start })?;
        let made = core.commit(&staged);
        let mut live = core.live()?;
        let caught_up = live.catch_up();
        if let Some(at) = live.starts.iter().position(|it| *it == start) {
            live.starts.swap_remove(at);
        }
        made?;
        caught_up
    }

    /// Removes the consumer `name` of a topic, with its progress and its dead messages; receipts of it
    /// are stale. Messages of a topic without consumers are wanted by nobody and are deleted.
    ///
    /// # Errors
    /// [`QueueError::NoSuchConsumer`].
    pub fn remove_consumer(&self, topic: &str, name: &str) -> Result<(), QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        let id = self.consumer_id(topic, name)?;
        let mut staged = Staged::default();
        staged.push(&Event::ConsumerRemoved { consumer: id })?;
        staged.frees = true;
        core.commit(&staged)?;
        let mut live = core.live()?;
        live.catch_up()?;
        live.cursors.forget(id);
        live.attempts_max.remove(&id);
        drop(live);
        core.wake_for(id, usize::MAX);
        core.waiters.wake(Wanted::Room, usize::MAX);
        Ok(())
    }

    /// Returns a transaction in which nothing happens yet.
    pub fn transaction(&self) -> Transaction {
        Transaction::new(Arc::clone(&self.inner))
    }

    /// Returns the value that was last kept under `key` by a transaction.
    ///
    /// # Errors
    /// [`QueueError::Log`] if the log cannot be read.
    pub fn value(&self, key: &str) -> Result<Option<Vec<u8>>, QueueError> {
        self.inner.core.check_open()?;
        let mut live = self.inner.core.live()?;
        live.catch_up()?;
        Ok(live.state.values.get(key).cloned())
    }

    /// Returns a cursor over the messages of a topic, for reading without taking.
    ///
    /// # Errors
    /// [`QueueError::NoSuchTopic`] if there is no such topic, and none was made; [`QueueError::Log`] if
    /// the log cannot be read.
    pub fn cursor(&self, topic: &str, start: Start) -> Result<QueueCursor, QueueError> {
        check_name("the name of a topic", topic)?;
        self.inner.core.check_open()?;
        QueueCursor::open(Arc::clone(&self.inner), topic, start)
    }

    /// Returns how much there is of everything.
    ///
    /// # Errors
    /// [`QueueError::Log`] if the log cannot be read.
    pub fn stats(&self) -> Result<QueueStats, QueueError> {
        self.inner.core.check_open()?;
        self.inner.core.stats()
    }

    /// Does one round of upkeep, for queues whose caller does it: frees space, gives up on messages that
    /// were delivered too often, wakes those for whom something is due.
    ///
    /// # Errors
    /// What went wrong; the next round goes on there.
    pub fn upkeep(&self) -> Result<UpkeepReport, QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        if core.options.upkeep == Upkeep::ByCaller {
            core.engine.maintain();
        }
        core.upkeep()
    }

    /// Closes the queue in good order, so that the next opening is quick. All handles answer
    /// that it is closed from then on; closing twice does nothing. Deliveries keep their payloads.
    ///
    /// # Errors
    /// What could not be written; nothing that was acknowledged is lost.
    pub fn close(&self) -> Result<(), QueueError> {
        self.inner.close()
    }
}

fn one(pushed: &[Pushed]) -> Result<Pushed, QueueError> {
    pushed.first().copied().ok_or(QueueError::Panicked)
}
