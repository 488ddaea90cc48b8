//! Threads and tasks that wait for messages, on a real disk with real threads.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_queue::{ConsumerOptions, Message, Queue, QueueOptions};

use crate::kit::{self, NOW, SECOND, block_on};

/// Long enough that nobody waits it out who is woken.
const LONG: Duration = Duration::from_mins(2);

fn real() -> (tempfile::TempDir, Queue) {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::open(dir.path().join("q"), QueueOptions::default()).unwrap();
    (dir, queue)
}

#[test]
fn each_message_goes_to_one_of_many_threads() {
    let (_dir, queue) = real();
    let taken = AtomicU64::new(0);
    let sum = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (queue, taken, sum) = (&queue, &taken, &sum);
            scope.spawn(move || {
                let consumer = kit::main_of(queue);
                while taken.load(Ordering::SeqCst) < 400 {
                    let wait = if worker % 2 == 0 { LONG } else { SECOND / 20 };
                    let delivery = if worker < 4 {
                        consumer.receive(wait).unwrap()
                    } else {
                        block_on(consumer.receive_async(wait)).unwrap()
                    };
                    let Some(delivery) = delivery else { continue };
                    let text = std::str::from_utf8(delivery.payload()).unwrap();
                    if text == "end" {
                        delivery.ack().unwrap();
                        break;
                    }
                    sum.fetch_add(text.parse().unwrap(), Ordering::SeqCst);
                    taken.fetch_add(1, Ordering::SeqCst);
                    delivery.ack().unwrap();
                }
            });
        }
        for n in 0..400 {
            if n % 3 == 0 {
                block_on(queue.push_async(n.to_string())).unwrap();
            } else {
                queue.push(n.to_string()).unwrap();
            }
        }
        for _ in 0..8 {
            queue.push("end").unwrap();
        }
    });
    assert_eq!(sum.load(Ordering::SeqCst), (0..400).sum::<u64>());
}

#[test]
fn a_delayed_message_wakes_whoever_waits() {
    let (_dir, queue) = real();
    let consumer = kit::main_of(&queue);
    queue.push(Message::new("soon").delay(SECOND / 20)).unwrap();
    assert!(consumer.receive(LONG).unwrap().is_some());
    queue.push(Message::new("soon").delay(SECOND / 20)).unwrap();
    assert!(block_on(consumer.receive_async(LONG)).unwrap().is_some());
}

#[test]
fn a_lease_that_runs_out_wakes_whoever_waits() {
    let (_dir, queue) = real();
    let mut options = ConsumerOptions::default();
    options.visibility = SECOND / 20;
    let consumer = queue.main_consumer(options).unwrap();
    queue.push("a").unwrap();
    let first = kit::take(&consumer);
    let second = consumer.receive(LONG).unwrap().expect("it comes back");
    assert_eq!(second.id(), first.id());
    let third = block_on(consumer.receive_async(LONG))
        .unwrap()
        .expect("again");
    assert_eq!(third.attempts(), 3);
}

#[test]
fn waiting_ends_with_its_time() {
    let (_dir, queue) = real();
    let consumer = kit::main_of(&queue);
    assert!(consumer.receive(SECOND / 50).unwrap().is_none());
    assert!(
        block_on(consumer.receive_async(SECOND / 50))
            .unwrap()
            .is_none()
    );
}

#[test]
fn waiting_ends_with_the_queue() {
    let (_dir, queue) = real();
    let consumer = kit::main_of(&queue);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| consumer.receive(LONG));
        let task = scope.spawn(|| block_on(consumer.receive_async(LONG)));
        queue.push(Message::new("later").delay(LONG)).unwrap();
        queue.close().unwrap();
        assert!(waits.join().unwrap().is_err());
        assert!(task.join().unwrap().is_err());
    });
}

/// Polls a future once and drops it.
fn poll_once<T>(future: impl Future<Output = T>) -> bool {
    let mut future: Pin<Box<dyn Future<Output = T>>> = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    future.as_mut().poll(&mut context).is_ready()
}

#[test]
fn a_task_that_is_dropped_keeps_no_message() {
    let (_dir, queue) = real();
    let mut options = ConsumerOptions::default();
    // A task may be so quick that it has its message at once, and drops that.
    options.visibility = SECOND / 5;
    options.attempts_max = 1000;
    let consumer = queue.main_consumer(options).unwrap();
    let mut pushed = 0_u64;
    let mut seen = BTreeSet::new();
    for _ in 0..50 {
        queue.push("a").unwrap();
        pushed += 1;
        // Dropped as it waits for the delivery to be written down, mostly.
        poll_once(consumer.receive_async(LONG));
        poll_once(consumer.receive_async(LONG));
        let delivery = consumer.receive(LONG).unwrap().expect("nobody has it");
        seen.insert(delivery.id());
        let receipt = delivery.receipt();
        poll_once(consumer.ack_async(receipt));
    }
    // What the dropped acknowledgements came to, either way, ends well.
    while let Some(delivery) = consumer.receive(SECOND / 2).unwrap() {
        seen.insert(delivery.id());
        delivery.ack().unwrap();
    }
    assert_eq!(u64::try_from(seen.len()).unwrap(), pushed);
}

#[test]
fn a_simulated_queue_never_waits_for_real_time() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    assert!(kit::main_of(&queue).receive(NOW).unwrap().is_none());
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls a future once; returns whether it is ready.
fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>, count: &Arc<Count>) -> bool {
    let waker = Waker::from(Arc::clone(count));
    let mut context = Context::from_waker(&waker);
    future.as_mut().poll(&mut context).is_ready()
}

fn woken(count: &Arc<Count>) -> bool {
    count.0.swap(0, Ordering::SeqCst) > 0
}

#[test]
fn a_transaction_wakes_those_who_wait_for_what_it_frees() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.limits.messages_max = Some(2);
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push(Message::new("1").key("k")).unwrap();
    queue.push(Message::new("2").key("k")).unwrap();
    let consumer = kit::main_of(&queue);
    let first = kit::take(&consumer);
    let (receiver, producer) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let mut receive = Box::pin(consumer.receive_async(LONG));
    assert!(!poll(&mut receive, &receiver), "the first holds it up");
    let mut push = Box::pin(queue.push_async("3"));
    assert!(!poll(&mut push, &producer), "there is no room");
    queue.transaction().ack(first.receipt()).commit().unwrap();
    assert!(woken(&receiver), "the second is free");
    assert!(woken(&producer), "there is room");
}

#[test]
fn an_answer_for_another_consumer_wakes_that_one() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("a").unwrap();
    let audit = queue.consumer("audit", ConsumerOptions::default()).unwrap();
    let delivery = kit::take(&audit);
    let count = Arc::new(Count::default());
    let mut receive = Box::pin(audit.receive_async(LONG));
    assert!(!poll(&mut receive, &count));
    // A receipt says whose it is, so any consumer takes it.
    kit::main_of(&queue).nack(delivery.receipt(), NOW).unwrap();
    assert!(woken(&count));
}

#[test]
fn statistics_take_no_wake_up_away() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push(Message::new("soon").delay(SECOND)).unwrap();
    let consumer = kit::main_of(&queue);
    let count = Arc::new(Count::default());
    let mut receive = Box::pin(consumer.receive_async(LONG));
    assert!(!poll(&mut receive, &count));
    sim.advance(SECOND);
    queue.stats().unwrap();
    queue.upkeep().unwrap();
    assert!(woken(&count));
}

#[test]
fn a_push_that_nobody_waits_for_wakes_all_the_same() {
    let (_dir, queue) = real();
    let consumer = kit::main_of(&queue);
    let woken = |count: &Arc<Count>| {
        for _ in 0..1000 {
            if count.0.swap(0, Ordering::SeqCst) > 0 {
                return true;
            }
            queue.upkeep().unwrap();
            std::thread::yield_now();
        }
        false
    };
    for _ in 0..20 {
        let count = Arc::new(Count::default());
        let mut receive = Box::pin(consumer.receive_async(LONG));
        if poll(&mut receive, &count) {
            continue;
        }
        poll_once(queue.push_async("a"));
        while queue.stats().unwrap().consumers[0].waiting() == 0 {
            std::thread::yield_now();
        }
        assert!(woken(&count));
        drop(receive);
        kit::drain(&consumer);
    }
}

#[test]
fn waiting_ends_with_the_consumer() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let audit = queue.consumer("audit", ConsumerOptions::default()).unwrap();
    let count = Arc::new(Count::default());
    let mut receive = Box::pin(audit.receive_async(LONG));
    assert!(!poll(&mut receive, &count));
    queue.remove_consumer("main", "audit").unwrap();
    assert!(woken(&count));
    assert!(poll(&mut receive, &count), "there is no such consumer");
}

#[test]
fn an_acknowledgement_waits_for_the_extension_before_it() {
    let (_dir, queue) = real();
    let consumer = kit::main_of(&queue);
    for n in 0..50 {
        queue.push("a").unwrap();
        let delivery = kit::take(&consumer);
        let (receipt, count) = (delivery.receipt(), Arc::new(Count::default()));
        // Under way, as that of a thread which keeps the lease alive may be at any time.
        let mut extend = Box::pin(consumer.extend_async(receipt, LONG));
        let _may_be_done = poll(&mut extend, &count);
        match n % 3 {
            0 => consumer.ack(receipt).unwrap(),
            1 => block_on(consumer.ack_async(receipt)).unwrap(),
            _ => drop(queue.transaction().ack(receipt).commit().unwrap()),
        }
    }
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 0);
}

/// Fills the disk of `sim` so that the next record of `queue` has no room.
fn fill(sim: &Sim, queue: &Queue) {
    let used = (1_u64 << 40).saturating_sub(sim.available_space());
    sim.set_capacity(used);
    while queue.push("").is_ok() {}
}

#[test]
fn an_answer_does_not_wait_for_a_task_that_is_not_polled_any_more() {
    for is_async in [false, true] {
        let sim = Sim::new(1);
        let queue = kit::open(&sim);
        let consumer = kit::main_of(&queue);
        queue.push("a").unwrap();
        let delivery = kit::take(&consumer);
        fill(&sim, &queue);
        let count = Arc::new(Count::default());
        // It fails, and nobody asks what became of it.
        let mut extend = Box::pin(consumer.extend_async(delivery.receipt(), SECOND));
        let is_over = poll(&mut extend, &count);
        while !is_over && count.0.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        sim.set_capacity(1 << 40);
        if is_async {
            let mut ack = Box::pin(consumer.ack_async(delivery.receipt()));
            let count = Arc::new(Count::default());
            while !poll(&mut ack, &count) {
                queue.upkeep().unwrap();
                sim.advance(SECOND);
            }
        } else {
            delivery.ack().unwrap();
        }
        assert!(
            kit::text(&consumer).is_none_or(|it| it.is_empty()),
            "it is done with"
        );
        if !is_over {
            assert!(poll(&mut extend, &count), "it learns what became of it");
        }
    }
}

#[test]
fn room_does_not_wait_for_a_task_that_is_not_polled_any_more() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.limits.messages_max = Some(200);
    let queue = kit::try_open(&sim, options).unwrap();
    fill(&sim, &queue);
    let depth = queue.stats().unwrap().consumers[0].depth;
    let count = Arc::new(Count::default());
    let mut pushes = Vec::new();
    // They fail, and nobody asks what became of them.
    for _ in depth..200 {
        let mut push = Box::pin(queue.push_async("much more than there is room for"));
        if !poll(&mut push, &count) {
            pushes.push(push);
        }
    }
    while count.0.load(Ordering::SeqCst) < u64::try_from(pushes.len()).unwrap() {
        std::thread::yield_now();
    }
    sim.set_capacity(1 << 40);
    queue.upkeep().unwrap();
    for _ in depth..200 {
        let mut push = Box::pin(queue.push_async(""));
        let mut is_pushed = false;
        for _ in 0..10_000 {
            is_pushed = poll(&mut push, &count);
            if is_pushed {
                break;
            }
            std::thread::yield_now();
        }
        assert!(is_pushed, "those that failed have the room");
    }
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 200);
}

#[test]
fn a_push_wakes_by_itself_whoever_waits() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    let count = Arc::new(Count::default());
    // Nobody does the upkeep, and no time passes: it is the push that wakes.
    for n in 0..20 {
        let mut receive = Box::pin(consumer.receive_async(LONG));
        assert!(!poll(&mut receive, &count));
        assert!(!woken(&count));
        match n % 3 {
            0 => drop(queue.push("a").unwrap()),
            1 => drop(block_on(queue.push_async("a")).unwrap()),
            _ => drop(queue.transaction().push("a").commit().unwrap()),
        }
        assert!(woken(&count), "{n}");
        let delivery = block_on(receive).unwrap().expect("a message");
        delivery.nack(NOW).unwrap();
        let mut receive = Box::pin(consumer.receive_async(LONG));
        let again = block_on(&mut receive).unwrap().expect("given back");
        again.ack().unwrap();
    }
    // A thread sleeps on a condition with the whole time that it waits as its bound.
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| consumer.receive(LONG));
        queue.push("a").unwrap();
        assert!(waits.join().unwrap().unwrap().is_some());
    });
}
