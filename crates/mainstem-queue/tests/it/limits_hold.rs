//! Limits by count, bytes and age, and what happens when they are reached.

use std::time::Duration;

use mainstem_env::sim::Sim;
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
        Err(QueueError::Full { .. })
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
