//! Records of a queue, and its state as it was written down: opening refuses them, or the queue can be used,
//! and opens again as it was closed.

use std::path::Path;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::limits::KEEP_UNTIL_TRIMMED;
use mainstem_log::{
    AppendOptions, Batch, Engine, EngineOptions, Maintenance, ShardName, ShardOptions,
};
use mainstem_queue::{ConsumerOptions, Queue, QueueError, QueueOptions, Upkeep};

use crate::input::Input;

/// The directory of the queue.
const DIR: &str = "/queue";
/// Records in one log at most.
const RECORDS_MAX: usize = 40;

/// One run.
///
/// # Panics
/// When a queue was opened that cannot be used or opened again.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let sim = Sim::new(1);
    sim.set_recording(false);
    write(&sim, &mut input);
    let Ok(queue) = open(&sim) else {
        return;
    };
    let before = depths(&queue);
    queue.close().expect("a close");
    let queue = open(&sim).expect("what was opened opens again");
    assert_eq!(depths(&queue), before);
    let id = queue.push("more").map(|pushed| pushed.id);
    let consumer = queue.main_consumer(ConsumerOptions::default());
    if let (Ok(id), Ok(consumer)) = (id, consumer) {
        while let Ok(Some(delivery)) = consumer.receive(Duration::ZERO) {
            let is_new = delivery.id() == id;
            delivery.ack().expect("what was delivered is out");
            if is_new {
                break;
            }
        }
    }
    queue.upkeep().expect("upkeep");
    queue.close().expect("a close");
}

/// Writes what the input says into the logs of a queue: records, and parts of its state.
fn write(sim: &Sim, input: &mut Input<'_>) {
    let mut options = EngineOptions::default();
    options.maintenance = Maintenance::ByCaller;
    let engine = Engine::open(&sim.env(), Path::new(DIR), options).expect("a new engine");
    for name in ["messages", "snapshots"] {
        let mut options = ShardOptions::default();
        options.retention_ms = KEEP_UNTIL_TRIMMED;
        options.prewrite_bytes = 0;
        let name = ShardName::new(name).expect("a name");
        let shard = engine.create_shard(&name, options).expect("a new shard");
        let mut batch = Batch::new();
        for _ in 0..usize::from(input.u8()) % RECORDS_MAX {
            let len = usize::from(input.u8());
            batch.push(input.bytes(len)).expect("it is short");
        }
        if !batch.is_empty() {
            let appended = shard.append(&batch, AppendOptions::default());
            appended.expect("there is room");
        }
    }
    engine.close().expect("a close");
}

fn open(sim: &Sim) -> Result<Queue, QueueError> {
    let mut options = QueueOptions::default();
    options.upkeep = Upkeep::ByCaller;
    options.prewrite_bytes = 0;
    Queue::open_in(&sim.env(), Path::new(DIR), options)
}

/// Returns what each consumer is not done with.
fn depths(queue: &Queue) -> Vec<(String, String, u64, u64)> {
    let stats = queue.stats().expect("statistics");
    let consumers = stats.consumers.into_iter();
    consumers
        .map(|it| (it.topic, it.name, it.depth, it.dead))
        .collect()
}
