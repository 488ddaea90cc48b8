//! Opening again, after a close and after a kill.

use mainstem_env::sim::Sim;
use mainstem_queue::{ConsumerOptions, Leases, Message, Queue, QueueError};

use crate::kit::{self, NOW, SECOND};

/// Goes on as if the process had been killed, or closes and opens, in turn.
fn again(sim: Sim, queue: Queue, turn: usize) -> (Sim, Queue) {
    let world = if turn.is_multiple_of(2) {
        queue.close().unwrap();
        sim
    } else {
        sim.process_crash()
    };
    drop(queue);
    let queue = kit::open(&world);
    (world, queue)
}

#[test]
fn pushed_delivered_acknowledged_dead() {
    for turn in 0..2 {
        let sim = Sim::new(1);
        let queue = kit::open(&sim);
        for n in 0..200 {
            queue
                .push(Message::new(format!("{n}")).key(format!("{}", n % 7)))
                .unwrap();
        }
        let consumer = kit::main_of(&queue);
        for _ in 0..50 {
            kit::take(&consumer).ack().unwrap();
        }
        let out = kit::take(&consumer);
        kit::take(&consumer).reject("no good").unwrap();
        kit::take(&consumer).nack(60 * SECOND).unwrap();
        let before = queue.stats().unwrap();
        drop(consumer);
        let old = out.receipt();
        drop(out);
        let (sim, queue) = again(sim, queue, turn);
        let after = queue.stats().unwrap();
        assert_eq!(
            after.consumers[0].depth, before.consumers[0].depth,
            "{after:?}"
        );
        assert_eq!(after.consumers[0].dead, 1);
        assert_eq!(after.consumers[0].delayed, 1);
        assert_eq!(
            after.consumers[0].in_flight, 0,
            "those who had them are gone"
        );
        let consumer = kit::main_of(&queue);
        let out = kit::take(&consumer);
        assert_eq!((out.id().0 > 0, out.attempts()), (true, 2));
        assert!(matches!(consumer.ack(old), Err(QueueError::StaleReceipt)));
        out.ack().unwrap();
        let rest = kit::drain(&consumer).len();
        let held_up = (0..200).filter(|n| n % 7 == 52 % 7 && *n > 52).count();
        assert_eq!(rest, 200 - 53 - held_up);
        sim.advance(60 * SECOND);
        assert_eq!(kit::drain(&consumer).len(), held_up + 1);
        assert_eq!(consumer.dead(None, 9).unwrap()[0].reason, "no good");
    }
}

#[test]
fn leases_if_asked_for() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.leases = Leases::Persist;
    let queue = kit::try_open(&sim, options.clone()).unwrap();
    queue.push("a").unwrap();
    let receipt = kit::take(&kit::main_of(&queue)).receipt().to_string();
    queue.close().unwrap();
    let queue = kit::try_open(&sim, options).unwrap();
    let consumer = kit::main_of(&queue);
    assert_eq!(kit::text(&consumer), None, "it is out");
    consumer.ack(receipt.parse().unwrap()).unwrap();
    sim.advance(60 * SECOND);
    assert_eq!(kit::text(&consumer), None);
}

#[test]
fn one_owner_at_a_time() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let second = kit::try_open(&sim, kit::options());
    assert!(
        matches!(second, Err(QueueError::InUse { .. })),
        "{second:?}"
    );
    queue.close().unwrap();
    let second = kit::open(&sim);
    assert!(queue.push("late").is_err());
    second.push("a").unwrap();
}

#[test]
fn space_comes_back() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    for round in 0..30 {
        for n in 0..20 {
            queue.push(vec![7; 300 + n]).unwrap();
        }
        assert_eq!(kit::drain(&consumer).len(), 20);
        queue.upkeep().unwrap();
        let stats = queue.stats().unwrap();
        assert!(stats.files <= 2, "round {round}: {stats:?}");
        assert!(stats.state_bytes < 2000, "round {round}: {stats:?}");
    }
    // And what is left opens.
    let world = sim.process_crash();
    let queue = kit::open(&world);
    assert_eq!(queue.stats().unwrap().pushed, 600);
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 0);
}

#[test]
fn one_stuck_message_does_not_keep_everything() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let mut options = ConsumerOptions::default();
    options.visibility = 3600 * SECOND;
    let consumer = queue.main_consumer(options).unwrap();
    queue.push(Message::new("stuck").key("k")).unwrap();
    let stuck = kit::take(&consumer);
    for _ in 0..40 {
        for n in 0..20 {
            queue.push(vec![7; 300 + n]).unwrap();
        }
        assert_eq!(kit::drain(&consumer).len(), 20);
        queue.upkeep().unwrap();
    }
    let stats = queue.stats().unwrap();
    assert!(stats.files <= 4, "{stats:?}");
    assert_eq!(stats.consumers[0].depth, 1);
    assert_eq!(stuck.payload(), b"stuck", "whoever has it keeps it");
    stuck.nack(NOW).unwrap();
    let again = kit::take(&consumer);
    assert_eq!(
        (again.payload(), again.key(), again.id()),
        (&b"stuck"[..], &b"k"[..], stuck.id())
    );
    drop((stuck, consumer));
    let world = sim.process_crash();
    let queue = kit::open(&world);
    let consumer = kit::main_of(&queue);
    let again = kit::take(&consumer);
    assert_eq!((again.payload(), again.attempts()), (&b"stuck"[..], 3));
    again.ack().unwrap();
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 0);
}

#[test]
fn a_transaction_as_a_whole_or_not_at_all() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("in").unwrap();
    let consumer = kit::main_of(&queue);
    let input = kit::take(&consumer);
    let out = Message::new("out").topic("made");
    queue
        .transaction()
        .ack(input.receipt())
        .push(out.clone())
        .set("sum", "1")
        .commit()
        .unwrap();
    let stale = queue
        .transaction()
        .ack(input.receipt())
        .push(out)
        .set("sum", "2")
        .commit();
    assert!(matches!(stale, Err(QueueError::StaleReceipt)), "{stale:?}");
    assert_eq!(queue.value("sum").unwrap().as_deref(), Some(&b"1"[..]));
    let mut made = ConsumerOptions::default();
    made.topic = "made".to_owned();
    let world = sim.process_crash();
    for queue in [queue, kit::open(&world)] {
        assert_eq!(queue.value("sum").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(
            kit::drain(&queue.main_consumer(made.clone()).unwrap()),
            ["out"]
        );
        assert_eq!(kit::text(&kit::main_of(&queue)), None);
        queue.transaction().remove("sum").commit().unwrap();
        assert_eq!(queue.value("sum").unwrap(), None);
    }
}

#[test]
fn files_go_only_once_an_opening_can_do_without_them() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    for n in 0..100 {
        queue.push(vec![n; 300]).unwrap();
    }
    // The state is written down here, when the consumer has not looked at anything.
    queue.upkeep().unwrap();
    let consumer = kit::main_of(&queue);
    for _ in 0..30 {
        kit::take(&consumer).ack().unwrap();
    }
    let out = kit::take(&consumer);
    assert!(queue.upkeep().unwrap().deleted > 0);
    let world = sim.process_crash();
    let queue = kit::open(&world);
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 70);
    let again = kit::take(&kit::main_of(&queue));
    assert_eq!((again.id(), again.attempts()), (out.id(), 2));
    assert_eq!(kit::drain(&kit::main_of(&queue)).len(), 69);
}

#[test]
fn a_topic_that_nobody_pushes_to_keeps_nothing() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let mut options = ConsumerOptions::default();
    options.topic = "orders".to_owned();
    let consumer = queue.consumer("main", options).unwrap();
    for n in 0..100 {
        let message = Message::new(vec![n; 300]).topic("orders");
        queue.push(message).unwrap();
    }
    assert_eq!(kit::drain(&consumer).len(), 100);
    // Not asked for statistics before: nothing but upkeep may be needed.
    assert!(queue.upkeep().unwrap().deleted > 0);
}

#[test]
fn a_close_frees_what_upkeep_would() {
    let sim = Sim::new(1);
    for round in 0..20 {
        // Nobody does upkeep.
        let queue = kit::open(&sim);
        let consumer = kit::main_of(&queue);
        if round == 0 {
            queue.push("stuck").unwrap();
            kit::take(&consumer).reject("stays").unwrap();
        }
        for n in 0..20 {
            queue.push(vec![7; 300 + n]).unwrap();
        }
        assert_eq!(kit::drain(&consumer).len(), 20);
        queue.close().unwrap();
        drop((queue, consumer));
        let queue = kit::open(&sim);
        let stats = queue.stats().unwrap();
        assert!(stats.files <= 4, "round {round}: {stats:?}");
        assert_eq!(stats.consumers[0].dead, 1);
        queue.close().unwrap();
    }
}

#[test]
fn a_state_too_long_for_one_step_is_written_down_in_several() {
    const CAPACITY: u64 = 1 << 40;
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.segment_bytes = 1 << 20;
    options.reserve_bytes = 0;
    let queue = kit::try_open(&sim, options.clone()).unwrap();
    let consumer = kit::main_of(&queue);
    // The log does not begin at its first record any more: without the state nothing can be opened.
    for n in 0..30_u8 {
        queue.push(vec![n; 100_000]).unwrap();
        kit::take(&consumer).ack().unwrap();
    }
    assert!(queue.upkeep().unwrap().deleted > 0);
    let value = |n: u8| vec![n; 64 << 10];
    for n in 0..160 {
        queue
            .transaction()
            .set(format!("{n}"), value(n))
            .commit()
            .unwrap();
    }
    // The first batch of the state has room, and the second has none.
    let used = CAPACITY.saturating_sub(sim.available_space());
    sim.set_capacity(used.saturating_add(9 << 20));
    queue.upkeep().unwrap_err();
    assert!(queue.stats().unwrap().state_bytes > 8 << 20);
    let killed = sim.process_crash();
    killed.set_capacity(CAPACITY);
    let queue = kit::try_open(&killed, options.clone()).unwrap();
    assert_eq!(queue.value("159").unwrap(), Some(value(159)), "of the log");
    queue.upkeep().unwrap();
    let stats = queue.stats().unwrap();
    assert!(stats.state_bytes > 10 << 20, "{stats:?}");
    let killed = killed.process_crash();
    let queue = kit::try_open(&killed, options).unwrap();
    for n in 0..160 {
        assert_eq!(queue.value(&n.to_string()).unwrap(), Some(value(n)));
    }
}

#[test]
fn an_uplink_goes_on_after_hours_without_a_network() {
    const HOURS: u64 = 30;
    let mut sim = Sim::new(1);
    let mut options = ConsumerOptions::default();
    options.attempts_max = u32::MAX;
    let mut queue = kit::open(&sim);
    let mut measured = 0_u64;
    let mut sent = Vec::new();
    // Ten minutes a round, the network away for hours on end, and a kill every few hours.
    for round in 0..HOURS * 6 {
        for _ in 0..5 {
            queue.push(measured.to_string()).unwrap();
            measured += 1;
        }
        sim.advance(600 * SECOND);
        queue.upkeep().unwrap();
        let consumer = queue.main_consumer(options.clone()).unwrap();
        let batch = consumer.receive_batch(50, NOW).unwrap();
        let is_up = round < 6 || round + 12 >= HOURS * 6;
        for delivery in batch {
            if is_up {
                sent.push(String::from_utf8_lossy(delivery.payload()).into_owned());
                delivery.ack().unwrap();
            } else {
                delivery.nack(60 * SECOND).unwrap();
            }
        }
        if round % 40 == 39 {
            drop(consumer);
            (sim, queue) = again(sim, queue, 1);
        }
    }
    sim.advance(60 * SECOND);
    sent.extend(kit::drain(&queue.main_consumer(options).unwrap()));
    let all: Vec<String> = (0..measured).map(|n| n.to_string()).collect();
    sent.sort_by_key(|it| it.parse::<u64>().unwrap());
    assert_eq!(sent, all, "each once");
    queue.upkeep().unwrap();
    queue.upkeep().unwrap();
    let stats = queue.stats().unwrap();
    assert!(stats.files <= 2 && stats.dropped == 0, "{stats:?}");
    assert_eq!(stats.consumers[0].dead, 0);
}
