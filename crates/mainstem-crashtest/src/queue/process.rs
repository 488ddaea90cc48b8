//! A process that has a queue open, on a simulated machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstem_env::sim::{Sim, hooked};
use mainstem_queue::{Consumer, ConsumerOptions, Queue, QueueError, QueueOptions, Upkeep};

use super::step::CONSUMERS;
use crate::sim::faulty::Bomb;
use crate::sim::fuse::Fuse;

/// The topic that transactions push to.
pub(super) const OUT: &str = "out";
/// For how long a delivery hides a message.
pub(super) const VISIBILITY_MS: u64 = 30_000;

/// A queue that is open, with its consumers.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) queue: Queue,
    pub(super) consumers: Vec<Consumer>,
    pub(super) fuse: Arc<Fuse>,
}

impl Process {
    /// Opens the queue on `sim`, so that nothing happens by itself, with a call that panics if there is
    /// a `bomb`.
    pub(super) fn start(sim: &Sim, bomb: Option<Bomb>) -> Result<Self, QueueError> {
        let fuse = Arc::<Fuse>::default();
        let env = {
            let fuse = Arc::clone(&fuse);
            let pass = move |kind, _: &Path| {
                if let Some(bomb) = &bomb {
                    bomb.pass(kind);
                }
                fuse.check(kind)
            };
            hooked(&sim.env(), Arc::new(pass))
        };
        let mut options = QueueOptions::default();
        options.upkeep = Upkeep::ByCaller;
        options.segment_bytes = 4096;
        options.snapshot_bytes = 512;
        options.prewrite_bytes = 0;
        options.dedup_window = Duration::from_hours(24);
        let queue = Queue::open_in(&env, Path::new("/queue"), options)?;
        let mut consumers = Vec::with_capacity(CONSUMERS);
        for (name, topic) in [("main", "main"), ("second", "main"), ("main", OUT)] {
            let mut options = ConsumerOptions::default();
            topic.clone_into(&mut options.topic);
            options.visibility = Duration::from_millis(VISIBILITY_MS);
            options.attempts_max = u32::MAX;
            consumers.push(queue.consumer(name, options)?);
        }
        Ok(Self {
            queue,
            consumers,
            fuse,
        })
    }

    /// Returns a consumer.
    pub(super) fn consumer(&self, consumer: usize) -> Result<&Consumer, String> {
        let found = self.consumers.get(consumer);
        found.ok_or_else(|| format!("there is no consumer {consumer}"))
    }
}
