//! What the tests share: queues on a simulated machine.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_queue::{
    Consumer, ConsumerOptions, Delivery, Queue, QueueError, QueueOptions, Upkeep,
};

/// The queue's directory in simulated machines.
pub(crate) const DIR: &str = "/queue";
/// No waiting.
pub(crate) const NOW: Duration = Duration::ZERO;
/// A second.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Options under which nothing happens that the test did not ask for, with small files.
pub(crate) fn options() -> QueueOptions {
    let mut options = QueueOptions::default();
    options.upkeep = Upkeep::ByCaller;
    options.segment_bytes = 4096;
    options.snapshot_bytes = 4096;
    options
}

pub(crate) fn try_open(sim: &Sim, options: QueueOptions) -> Result<Queue, QueueError> {
    Queue::open_in(&sim.env(), Path::new(DIR), options)
}

pub(crate) fn open(sim: &Sim) -> Queue {
    try_open(sim, options()).unwrap()
}

pub(crate) fn main_of(queue: &Queue) -> Consumer {
    queue.main_consumer(ConsumerOptions::default()).unwrap()
}

/// Receives one message, which has to be there.
pub(crate) fn take(consumer: &Consumer) -> Delivery {
    consumer.receive(NOW).unwrap().expect("a message")
}

/// Receives one message and returns its payload as text, if there is one.
pub(crate) fn text(consumer: &Consumer) -> Option<String> {
    let delivery = consumer.receive(NOW).unwrap()?;
    Some(String::from_utf8_lossy(delivery.payload()).into_owned())
}

/// Receives and acknowledges all there is, and returns the payloads.
pub(crate) fn drain(consumer: &Consumer) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(delivery) = consumer.receive(NOW).unwrap() {
        all.push(String::from_utf8_lossy(delivery.payload()).into_owned());
        delivery.ack().unwrap();
    }
    all
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
