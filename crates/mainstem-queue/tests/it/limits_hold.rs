//! Limits by count, bytes and age, and what happens when they are reached.

use std::future::Future;
use std::time::Duration;

use mainstem_env::sim::{OpKind, Sim};
use mainstem_queue::{Message, Queue, QueueError, QueueOptions, WhenFull};

use crate::kit::{self, SECOND};

fn limited(when_full: WhenFull) -> QueueOptions {
    let mut options = kit::options();
    options.when_full = when_full;
    options.limits.messages_max = Some(5);
    options
}

#[test]
fn refused_at_the_limit_and_not_before() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited(WhenFull::Refuse)).unwrap();
    for n in 0..5 {
        queue.push(format!("{n}")).unwrap();
    }
    let full = queue.push("5");
    assert!(
        matches!(
            full,
            Err(QueueError::Full {
                used: 5,
                limit: 5,
                ..
            })
        ),
        "{full:?}"
    );
    let consumer = kit::main_of(&queue);
    let one = kit::take(&consumer);
    assert!(queue.push("5").is_err(), "what is out counts");
    one.ack().unwrap();
    queue.push("5").unwrap();
    let two: Vec<Message> = vec![Message::new("6"), Message::new("7")];
    assert!(queue.push_batch(&two).is_err());
    kit::take(&consumer).ack().unwrap();
    assert!(queue.push_batch(&two).is_err());
    kit::take(&consumer).ack().unwrap();
    queue.push_batch(&two).unwrap();
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 5);
}

#[test]
fn the_oldest_go() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited(WhenFull::DropOldest)).unwrap();
    for n in 0..5 {
        queue.push(format!("{n}")).unwrap();
    }
    let consumer = kit::main_of(&queue);
    let out = kit::take(&consumer);
    for n in 5..8 {
        queue.push(format!("{n}")).unwrap();
    }
    assert!(matches!(out.ack(), Err(QueueError::StaleReceipt)));
    let stats = queue.stats().unwrap();
    assert_eq!((stats.dropped, stats.consumers[0].depth), (3, 5));
    drop((out, consumer));
    let world = sim.process_crash();
    for queue in [queue, kit::open(&world)] {
        assert_eq!(kit::drain(&kit::main_of(&queue)), ["3", "4", "5", "6", "7"]);
    }
}

#[test]
fn a_batch_that_never_fits_is_refused_and_does_not_wait() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited(WhenFull::Block)).unwrap();
    let six: Vec<Message> = (0..6).map(|n| Message::new(format!("{n}"))).collect();
    assert!(matches!(
        queue.push_batch(&six),
        Err(QueueError::Invalid { .. })
    ));
}

#[test]
fn whoever_waits_for_room_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = limited(WhenFull::Block);
    options.upkeep = mainstem_queue::Upkeep::ByThread;
    let queue = Queue::open(dir.path().join("q"), options).unwrap();
    std::thread::scope(|scope| {
        for producer in 0..4 {
            let queue = &queue;
            scope.spawn(move || {
                for n in 0..50 {
                    queue.push(format!("{producer} {n}")).unwrap();
                }
            });
        }
        let consumer = kit::main_of(&queue);
        for _ in 0..200 {
            let delivery = consumer.receive(60 * SECOND).unwrap().expect("a message");
            assert!(queue.stats().unwrap().consumers[0].depth <= 5);
            delivery.ack().unwrap();
        }
    });
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 0);
}

#[test]
fn bytes_are_bounded_by_dropping_whole_files() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.when_full = WhenFull::DropOldest;
    options.limits.bytes_max = Some(5 * 4096);
    let queue = kit::try_open(&sim, options).unwrap();
    for n in 0..200 {
        queue.push(vec![n; 500]).unwrap();
        let stats = queue.stats().unwrap();
        assert!(stats.bytes <= 7 * 4096, "{stats:?}");
    }
    assert!(queue.stats().unwrap().dropped > 100);
    let consumer = kit::main_of(&queue);
    let mut last = None;
    while let Some(delivery) = consumer.receive(Duration::ZERO).unwrap() {
        last = delivery.payload().first().copied();
        delivery.ack().unwrap();
    }
    assert_eq!(last, Some(199), "the newest stay");
}

#[test]
fn what_is_too_old_goes() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.limits.age_max = Some(10 * SECOND);
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push("old").unwrap();
    sim.advance(5 * SECOND);
    queue.push("young").unwrap();
    sim.advance(5 * SECOND);
    queue.upkeep().unwrap();
    assert_eq!(queue.stats().unwrap().dropped, 0, "not older than allowed");
    sim.advance(Duration::from_millis(1));
    queue.upkeep().unwrap();
    let stats = queue.stats().unwrap();
    assert_eq!((stats.dropped, stats.consumers[0].depth), (1, 1));
    assert_eq!(kit::drain(&kit::main_of(&queue)), ["young"]);
}

#[test]
fn the_window_bounds_what_is_looked_at() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.window = 10;
    let queue = kit::try_open(&sim, options).unwrap();
    for n in 0..30 {
        queue
            .push(Message::new(format!("{n}")).key("same"))
            .unwrap();
    }
    queue.push("free").unwrap();
    let consumer = kit::main_of(&queue);
    let first = kit::take(&consumer);
    assert_eq!(
        kit::text(&consumer),
        None,
        "the free one is beyond the window"
    );
    first.ack().unwrap();
    assert_eq!(kit::drain(&consumer).len(), 30);
}

#[test]
fn ids_are_bounded() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.dedup_ids_max = 2;
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push(Message::new("a").dedup("1")).unwrap();
    queue.push(Message::new("a").dedup("2")).unwrap();
    let third = queue.push(Message::new("a").dedup("3"));
    assert!(matches!(
        third,
        Err(QueueError::DeduplicationFull { limit: 2 })
    ));
    assert!(queue.push(Message::new("a").dedup("1")).unwrap().is_repeat);
    queue.push("without").unwrap();
}

#[test]
fn wrong_options_are_named() {
    let sim = Sim::new(1);
    let wrong = |change: fn(&mut QueueOptions), name: &str| {
        let mut options = kit::options();
        change(&mut options);
        match kit::try_open(&sim, options) {
            Err(QueueError::Invalid { what, .. }) => assert_eq!(what, name),
            other => panic!("{name}: {other:?}"),
        }
    };
    wrong(|it| it.segment_bytes = 4095, "segment_bytes");
    wrong(|it| it.limits.bytes_max = Some(4 * 4096 - 1), "bytes_max");
    wrong(|it| it.limits.messages_max = Some(0), "messages_max");
    wrong(|it| it.window = 0, "window");
    wrong(
        |it| it.dedup_window = Duration::from_hours(25),
        "dedup_window",
    );
    wrong(|it| it.snapshot_bytes = 511, "snapshot_bytes");
}

#[test]
fn a_batch_that_never_fits_drops_nothing() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited(WhenFull::DropOldest)).unwrap();
    queue.push("stays").unwrap();
    let six: Vec<Message> = (0..6).map(|n| Message::new(format!("{n}"))).collect();
    let refused = queue.push_batch(&six).unwrap_err();
    assert!(
        matches!(refused, QueueError::Invalid { .. }) && !refused.is_retryable(),
        "{refused:?}"
    );
    assert_eq!(queue.stats().unwrap().dropped, 0);
    assert_eq!(kit::drain(&kit::main_of(&queue)), ["stays"]);
}

#[test]
fn pushes_at_the_same_time_find_room_by_dropping() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = limited(WhenFull::DropOldest);
    options.upkeep = mainstem_queue::Upkeep::ByThread;
    options.limits.messages_max = Some(1);
    let queue = Queue::open(dir.path().join("q"), options).unwrap();
    std::thread::scope(|scope| {
        for producer in 0..8 {
            let queue = &queue;
            scope.spawn(move || {
                for n in 0..25 {
                    queue.push(format!("{producer} {n}")).unwrap();
                }
            });
        }
    });
    let stats = queue.stats().unwrap();
    assert_eq!((stats.dropped, stats.consumers[0].depth), (199, 1));
}

#[test]
fn ids_that_are_past_their_window_make_room_for_others() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.dedup_ids_max = 2;
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push(Message::new("a").dedup("1")).unwrap();
    queue.push(Message::new("a").dedup("2")).unwrap();
    assert!(queue.push(Message::new("a").dedup("3")).is_err());
    sim.advance(300 * SECOND);
    queue.push(Message::new("a").dedup("3")).unwrap();
    queue.push(Message::new("a").dedup("4")).unwrap();
    let batch = [Message::new("b").dedup("5"), Message::new("b").dedup("6")];
    assert!(queue.push_batch(&batch).is_err());
    sim.advance(300 * SECOND);
    queue.push("without").unwrap();
    assert_eq!(queue.stats().unwrap().dedup_ids, 0, "they cost no memory");
}

#[test]
fn a_clock_that_is_set_makes_nothing_old() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.limits.age_max = Some(3600 * SECOND);
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push("young").unwrap();
    sim.jump_wall(365 * 86_400_000);
    queue.upkeep().unwrap();
    assert_eq!(queue.stats().unwrap().dropped, 0);
    sim.advance(3601 * SECOND);
    queue.upkeep().unwrap();
    assert_eq!(queue.stats().unwrap().dropped, 1);
}

#[test]
fn small_files_take_many_small_steps() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let mut options = mainstem_queue::ConsumerOptions::default();
    options.attempts_max = 1;
    let consumer = queue.main_consumer(options).unwrap();
    // As many as no single batch of records in a file of 4 KiB could name, with others in between.
    for n in 0..400 {
        queue.push(format!("{n}")).unwrap();
        queue.push(format!("{n} done")).unwrap();
    }
    let mut left = 800_usize;
    let mut out = 0_usize;
    while left > 0 {
        let some = consumer.receive_batch(10_000, Duration::ZERO).unwrap();
        assert!(!some.is_empty());
        left = left.saturating_sub(some.len());
        for delivery in some {
            if delivery.payload().ends_with(b"done") {
                delivery.ack().unwrap();
            } else {
                out += 1;
            }
        }
    }
    assert_eq!(out, 400);
    sim.advance(30 * SECOND);
    let mut died = 0;
    for _ in 0..400 {
        died += queue.upkeep().unwrap().died;
    }
    assert_eq!(died, 400);
    assert!(
        queue.stats().unwrap().files < 20,
        "they were carried forward: {:?}",
        queue.stats()
    );
    assert_eq!(consumer.redrive(None).unwrap(), 400);
    let mut again = 0;
    loop {
        let some = consumer.receive_batch(10_000, Duration::ZERO).unwrap();
        if some.is_empty() {
            break;
        }
        again += some.len();
    }
    assert_eq!(again, 400);
    sim.advance(30 * SECOND);
    // Whoever asks finds them spent.
    assert!(consumer.receive(Duration::ZERO).unwrap().is_none());
    assert_eq!(consumer.discard_dead(None).unwrap(), 400);
}

/// Options with a limit by bytes.
fn limited_in_bytes(when_full: WhenFull) -> QueueOptions {
    let mut options = kit::options();
    options.when_full = when_full;
    options.limits.bytes_max = Some(4 * 4096);
    options
}

/// Pushes until there is no room, which is at about the limit, and returns how many were pushed.
fn fill(queue: &Queue) -> u64 {
    for pushed in 0..100 {
        if let Err(full) = queue.push(vec![7; 500]) {
            assert!(
                matches!(full, QueueError::Full { unit: "bytes", limit: 16_384, used } if used > 16_384),
                "{full:?}"
            );
            assert!(queue.stats().unwrap().bytes <= 5 * 4096);
            return pushed;
        }
    }
    panic!("the limit does not hold");
}

#[test]
fn bytes_are_bounded_by_refusing() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited_in_bytes(WhenFull::Refuse)).unwrap();
    let pushed = fill(&queue);
    let refused = kit::block_on(queue.push_async("a"));
    assert!(
        matches!(refused, Err(QueueError::Full { .. })),
        "{refused:?}"
    );
    // What was acknowledged makes room once a whole file is of no use, without any upkeep.
    let consumer = kit::main_of(&queue);
    assert_eq!(u64::try_from(kit::drain(&consumer).len()).unwrap(), pushed);
    queue.push("there is room").unwrap();
    assert_eq!(kit::drain(&consumer), ["there is room"]);
}

#[test]
fn bytes_are_bounded_by_waiting() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited_in_bytes(WhenFull::Refuse)).unwrap();
    let before = fill(&queue);
    queue.close().unwrap();
    drop(queue);
    let queue = kit::try_open(&sim, limited_in_bytes(WhenFull::Block)).unwrap();
    let consumer = kit::main_of(&queue);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| queue.push("waited"));
        for _ in 0..before {
            kit::take(&consumer).ack().unwrap();
        }
        waits.join().unwrap().unwrap();
    });
    assert_eq!(kit::drain(&consumer), ["waited"]);
    assert!(queue.stats().unwrap().bytes <= 5 * 4096);
}

#[test]
fn a_task_waits_for_room_too() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited(WhenFull::Block)).unwrap();
    for n in 0..5 {
        kit::block_on(queue.push_async(format!("{n}"))).unwrap();
    }
    let consumer = kit::main_of(&queue);
    let mut push = Box::pin(queue.push_async("5"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(push.as_mut().poll(&mut context).is_pending());
    assert!(push.as_mut().poll(&mut context).is_pending());
    kit::block_on(consumer.ack_async(kit::take(&consumer).receipt())).unwrap();
    kit::block_on(push).unwrap();
    assert_eq!(kit::drain(&consumer), ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_task_drops_the_oldest_too() {
    let sim = Sim::new(1);
    let queue = kit::try_open(&sim, limited(WhenFull::DropOldest)).unwrap();
    for n in 0..8 {
        let mut push = Box::pin(queue.push_async(format!("{n}")));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while push.as_mut().poll(&mut context).is_pending() {
            // It is upkeep that makes the room for tasks.
            queue.upkeep().unwrap();
        }
    }
    assert_eq!(queue.stats().unwrap().dropped, 3);
    let left = kit::drain(&kit::main_of(&queue));
    assert_eq!(left, ["3", "4", "5", "6", "7"]);
}

#[test]
fn statistics_read_nothing_however_much_there_is() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    for n in 0..200_u8 {
        queue.push(vec![n; 500]).unwrap();
        sim.advance(SECOND);
    }
    let oldest = |queue: &Queue| queue.stats().unwrap().consumers[0].oldest_age;
    assert_eq!(oldest(&queue), Some(200 * SECOND));
    let reads = || sim.calls(OpKind::Read) + sim.calls(OpKind::Region) + sim.calls(OpKind::Open);
    let before = reads();
    for _ in 0..1000 {
        assert_eq!(queue.stats().unwrap().consumers[0].depth, 200);
    }
    assert_eq!(reads(), before);
    kit::take(&consumer).ack().unwrap();
    assert_eq!(oldest(&queue), Some(199 * SECOND), "the next one");
    let out = kit::take(&consumer);
    assert_eq!(oldest(&queue), Some(199 * SECOND), "what is out counts");
    out.ack().unwrap();
    kit::drain(&consumer);
    assert_eq!(oldest(&queue), None);
}

#[test]
fn a_limit_far_below_what_is_stored_is_reached_in_steps() {
    let sim = Sim::new(1);
    let mut options = limited(WhenFull::DropOldest);
    options.segment_bytes = 1 << 20;
    options.limits.messages_max = None;
    let queue = kit::try_open(&sim, options.clone()).unwrap();
    let batch: Vec<Message> = (0..5000).map(|_| Message::new("")).collect();
    for _ in 0..5 {
        queue.push_batch(&batch).unwrap();
    }
    queue.close().unwrap();
    drop(queue);
    options.limits.messages_max = Some(5);
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push("the newest").unwrap();
    let stats = queue.stats().unwrap();
    assert_eq!((stats.dropped, stats.consumers[0].depth), (24_996, 5));
    assert_eq!(
        kit::drain(&kit::main_of(&queue)).pop().as_deref(),
        Some("the newest")
    );
}
