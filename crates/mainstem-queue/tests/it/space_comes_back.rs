//! What nobody needs any more takes up no space.

use mainstem_env::sim::Sim;
use mainstem_log::LogError;
use mainstem_queue::{Outcome, Queue, QueueError};

use crate::kit::{self, NOW};

#[test]
fn a_queue_that_is_left_alone_gives_its_last_file_back() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    let bytes = || queue.stats().unwrap().bytes;
    for n in 0..5 {
        queue.push(vec![n; 200]).unwrap();
    }
    assert_eq!(kit::drain(&consumer).len(), 5);
    queue.upkeep().unwrap();
    assert!(bytes() > 1024, "something was done lately");
    let last = queue.push("still there").unwrap().id;
    queue.upkeep().unwrap();
    queue.upkeep().unwrap();
    assert!(bytes() > 1024, "there is a message in it");

    kit::take(&consumer).ack().unwrap();
    assert_eq!(
        queue.upkeep().unwrap().deleted,
        0,
        "something was done lately"
    );
    assert!(bytes() > 1024);
    assert_eq!(queue.upkeep().unwrap().deleted, 1, "{}", bytes());
    assert!(bytes() < 1024, "{}", bytes());
    assert_eq!(queue.upkeep().unwrap().deleted, 0, "there is nothing left");

    let killed = sim.process_crash();
    queue.close().unwrap();
    for machine in [killed, sim] {
        let queue = kit::open(&machine);
        let consumer = kit::main_of(&queue);
        assert_eq!(kit::text(&consumer), None);
        assert!(queue.push("next").unwrap().id > last);
        assert_eq!(kit::text(&consumer).as_deref(), Some("next"));
    }
}

/// Leaves no room for what is not there yet, and pushes until the disk is full.
fn fill(sim: &Sim, queue: &Queue, left: u64) {
    let used = CAPACITY.saturating_sub(sim.available_space());
    sim.set_capacity(used.saturating_add(left));
    loop {
        match queue.push(vec![b'x'; 500]) {
            Ok(_) => {}
            Err(error) => {
                assert!(is_full(&error), "{error:?}");
                assert!(error.is_retryable());
                assert_eq!(error.outcome(), Outcome::NotApplied);
                return;
            }
        }
    }
}

fn is_full(error: &QueueError) -> bool {
    matches!(error, QueueError::Log(LogError::StorageFull { .. }))
}

/// The size of a simulated disk at first.
const CAPACITY: u64 = 1 << 40;

#[test]
fn a_full_disk_is_drained_without_help() {
    for left in [0, 4096, 50_000, 300_000] {
        let sim = Sim::new(1);
        let queue = kit::open(&sim);
        for n in 0..50_u8 {
            queue.push(vec![n; 500]).unwrap();
        }
        fill(&sim, &queue, left);
        let depth = queue.stats().unwrap().consumers[0].depth;
        let consumer = kit::main_of(&queue);
        let mut done = 0;
        while let Some(delivery) = consumer.receive(NOW).unwrap() {
            delivery.ack().unwrap();
            queue.upkeep().unwrap();
            done += 1;
        }
        assert_eq!(done, depth);
        assert!(queue.stats().unwrap().files <= 2, "{:?}", queue.stats());
        queue.push("there is room").unwrap();
        assert_eq!(kit::drain(&consumer), ["there is room"]);
        queue.close().unwrap();
    }
}

#[test]
fn a_full_disk_keeps_no_queue_from_being_opened_and_drained() {
    for is_killed in [false, true] {
        let sim = Sim::new(1);
        let queue = kit::open(&sim);
        for n in 0..50_u8 {
            queue.push(vec![n; 500]).unwrap();
        }
        fill(&sim, &queue, 20_000);
        let depth = queue.stats().unwrap().consumers[0].depth;
        let sim = if is_killed {
            sim.process_crash()
        } else {
            queue.close().unwrap();
            drop(queue);
            sim
        };
        let queue = kit::open(&sim);
        let consumer = kit::main_of(&queue);
        let mut done = 0;
        while let Some(delivery) = consumer.receive(NOW).unwrap() {
            delivery.ack().unwrap();
            queue.upkeep().unwrap();
            done += 1;
        }
        assert_eq!(done, depth);
        queue.push("there is room").unwrap();
    }
}

#[test]
fn a_task_uses_what_is_set_aside_at_its_second_try() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    queue.push("a").unwrap();
    let delivery = kit::take(&consumer);
    fill(&sim, &queue, 0);
    // What is left of the file is too little for a record.
    while queue.push("").is_ok() {}
    let mut refused = 0;
    while let Err(error) = kit::block_on(consumer.ack_async(delivery.receipt())) {
        assert!(is_full(&error) && error.is_retryable(), "{error:?}");
        refused += 1;
        assert!(refused < 2);
    }
    // As soon as there is space, pushes go on.
    sim.set_capacity(CAPACITY);
    kit::block_on(queue.push_async("b")).unwrap();
    queue.close().unwrap();
}

#[test]
fn nothing_is_set_aside_if_that_is_switched_off() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.reserve_bytes = 0;
    let queue = kit::try_open(&sim, options).unwrap();
    queue.push("a").unwrap();
    fill(&sim, &queue, 0);
    while queue.push("").is_ok() {}
    assert!(is_full(&kit::main_of(&queue).receive(NOW).unwrap_err()));
    let reserved = |path: &std::path::PathBuf| path.to_string_lossy().contains("reserve");
    assert!(!sim.files().iter().any(reserved), "{:?}", sim.files());
    // Nothing is lost by it.
    sim.set_capacity(CAPACITY);
    assert_eq!(kit::text(&kit::main_of(&queue)).as_deref(), Some("a"));
}
