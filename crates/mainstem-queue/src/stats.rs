//! How much there is of everything.

use std::time::Duration;

use crate::core::Core;
use crate::error::QueueError;
use crate::state::apply::count;

/// How much a queue holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// Bytes of messages on disk, those that nobody needs any more included until their file goes.
    pub bytes: u64,
    /// Bytes of the state as it was last written down, which come on top.
    pub state_bytes: u64,
    /// Files that messages are in.
    pub files: u64,
    /// Messages ever pushed, repeats left out.
    pub pushed: u64,
    /// Messages that somebody still wanted when they were dropped.
    pub dropped: u64,
    /// Deduplication ids that are remembered.
    pub dedup_ids: u64,
    /// Each consumer, by topic and name.
    pub consumers: Vec<ConsumerStats>,
}

/// How far a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStats {
    /// The topic that it reads.
    pub topic: String,
    /// Its name.
    pub name: String,
    /// Messages that it is not done with: all of the following.
    pub depth: u64,
    /// Messages that are out.
    pub in_flight: u64,
    /// Messages that are not due yet, of those that it has seen.
    pub delayed: u64,
    /// Dead messages.
    pub dead: u64,
    /// How long ago the oldest message that it is not done with was pushed.
    pub oldest_age: Option<Duration>,
}

impl ConsumerStats {
    /// Returns how many messages wait to be delivered: those not seen yet, and those that are free or
    /// held up by one before them.
    pub fn waiting(&self) -> u64 {
        let others = self
            .in_flight
            .saturating_add(self.delayed)
            .saturating_add(self.dead);
        self.depth.saturating_sub(others)
    }
}

impl Core {
    /// Counts everything.
    pub(crate) fn stats(&self) -> Result<QueueStats, QueueError> {
        let segments = self.shard.segments()?;
        let snapshots = self.snapshots.segments()?;
        let wall_ms = self.env.clock.now().0;
        let now_ms = self.now_ms();
        let mut live = self.live()?;
        live.catch_up()?;
        let ids: Vec<u32> = live.state.consumers.keys().copied().collect();
        let mut consumers = Vec::with_capacity(ids.len());
        let mut freed = Vec::new();
        for id in ids {
            freed.push((id, live.consumer(id)?.expire(now_ms)));
            // The oldest is among those it saw, or is the next one it sees.
            if live
                .state
                .consumers
                .get(&id)
                .is_some_and(|it| it.entries.is_empty())
            {
                let crate::live::Live { state, cursors, .. } = &mut *live;
                state.see_next(cursors, id, u64::MAX, false)?;
            }
            let state = &live.state;
            let Some(consumer) = state.consumers.get(&id) else {
                continue;
            };
            let topic = state.topics.get(usize::from(consumer.topic));
            let oldest_ms = consumer.entries.values().next().map(|it| it.pushed_ms);
            let age = |ms: u64| Duration::from_millis(wall_ms.saturating_sub(ms));
            consumers.push(ConsumerStats {
                topic: topic.map(|it| it.name.clone()).unwrap_or_default(),
                name: consumer.name.clone(),
                depth: state.depth(consumer),
                in_flight: count(consumer.in_flight()),
                delayed: count(consumer.delayed()),
                dead: count(consumer.dead().len()),
                oldest_age: oldest_ms.map(age),
            });
        }
        let (topics, dropped) = (&live.state.topics, live.state.dropped);
        let pushed = topics.iter().map(|it| it.pushed).sum();
        let dedup_ids = count(live.state.dedup.len());
        drop(live);
        // The keeper does not find any more what is due and was found here.
        for (id, freed) in freed {
            if freed > 0 {
                self.wake_for(id, freed);
            }
        }
        consumers.sort_by(|a, b| (&a.topic, &a.name).cmp(&(&b.topic, &b.name)));
        Ok(QueueStats {
            bytes: segments.iter().map(|it| it.bytes).sum(),
            state_bytes: snapshots.iter().map(|it| it.bytes).sum(),
            files: count(segments.len()),
            pushed,
            dropped,
            dedup_ids,
            consumers,
        })
    }
}
