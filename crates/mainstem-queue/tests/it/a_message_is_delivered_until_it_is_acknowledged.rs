//! Deliveries, receipts, delays, and giving up.

use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_queue::{ConsumerOptions, Message, QueueError, Receipt};

use crate::kit::{self, NOW, SECOND};

#[test]
fn in_the_order_of_pushing() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    for n in 0..300 {
        queue.push(format!("{n}")).unwrap();
    }
    let consumer = kit::main_of(&queue);
    let all: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    assert_eq!(kit::drain(&consumer), all);
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 0);
}

#[test]
fn to_one_at_a_time() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("a").unwrap();
    queue.push("b").unwrap();
    let one = kit::main_of(&queue);
    let two = kit::main_of(&queue);
    assert_eq!(kit::text(&one).as_deref(), Some("a"));
    assert_eq!(kit::text(&two).as_deref(), Some("b"));
    assert_eq!(kit::text(&one), None);
    let stats = queue.stats().unwrap();
    assert_eq!(
        (stats.consumers[0].in_flight, stats.consumers[0].waiting()),
        (2, 0)
    );
}

#[test]
fn again_when_its_time_is_over_and_the_old_receipt_is_stale() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("a").unwrap();
    let consumer = kit::main_of(&queue);
    let first = kit::take(&consumer);
    sim.advance(Duration::from_millis(29_999));
    assert_eq!(kit::text(&consumer), None);
    sim.advance(Duration::from_millis(1));
    let second = kit::take(&consumer);
    assert_eq!(second.id(), first.id());
    assert_eq!((first.attempts(), second.attempts()), (1, 2));
    assert!(matches!(first.ack(), Err(QueueError::StaleReceipt)));
    assert!(matches!(first.nack(NOW), Err(QueueError::StaleReceipt)));
    assert!(matches!(
        first.extend(SECOND),
        Err(QueueError::StaleReceipt)
    ));
    assert!(matches!(first.reject("no"), Err(QueueError::StaleReceipt)));
    assert_eq!(
        kit::text(&consumer),
        None,
        "the newer delivery is not touched"
    );
    second.ack().unwrap();
    assert!(matches!(second.ack(), Err(QueueError::StaleReceipt)));
}

#[test]
fn a_lease_that_ran_out_is_good_until_somebody_else_gets_the_message() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("a").unwrap();
    let consumer = kit::main_of(&queue);
    let first = kit::take(&consumer);
    sim.advance(40 * SECOND);
    first.extend(10 * SECOND).unwrap();
    assert_eq!(kit::text(&consumer), None);
    sim.advance(11 * SECOND);
    first.ack().unwrap();
    assert_eq!(kit::text(&consumer), None);
}

#[test]
fn extended_and_given_back() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("a").unwrap();
    let consumer = kit::main_of(&queue);
    let first = kit::take(&consumer);
    first.extend(60 * SECOND).unwrap();
    sim.advance(59 * SECOND);
    assert_eq!(kit::text(&consumer), None);
    first.nack(5 * SECOND).unwrap();
    assert_eq!(kit::text(&consumer), None);
    assert_eq!(queue.stats().unwrap().consumers[0].delayed, 1);
    sim.advance(5 * SECOND);
    let second = kit::take(&consumer);
    assert_eq!(second.attempts(), 2);
    second.nack(NOW).unwrap();
    assert_eq!(kit::take(&consumer).attempts(), 3);
}

#[test]
fn a_delayed_one_when_it_is_due_and_not_before() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue
        .push(Message::new("later").delay(10 * SECOND))
        .unwrap();
    queue.push("now").unwrap();
    let consumer = kit::main_of(&queue);
    assert_eq!(kit::text(&consumer).as_deref(), Some("now"));
    assert_eq!(kit::text(&consumer), None);
    sim.advance(Duration::from_millis(9_999));
    assert_eq!(kit::text(&consumer), None);
    sim.jump_wall(3_600_000);
    assert_eq!(
        kit::text(&consumer),
        None,
        "a clock that is set moves nothing"
    );
    sim.advance(Duration::from_millis(1));
    assert_eq!(kit::text(&consumer).as_deref(), Some("later"));
}

#[test]
fn messages_of_one_key_one_after_the_other() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    for (key, payload) in [
        ("x", "x1"),
        ("x", "x2"),
        ("y", "y1"),
        ("x", "x3"),
        ("", "free"),
    ] {
        queue.push(Message::new(payload).key(key)).unwrap();
    }
    let consumer = kit::main_of(&queue);
    let x1 = kit::take(&consumer);
    assert_eq!((x1.payload(), x1.key()), (&b"x1"[..], &b"x"[..]));
    let y1 = kit::take(&consumer);
    assert_eq!(y1.payload(), b"y1");
    assert_eq!(kit::text(&consumer).as_deref(), Some("free"));
    assert_eq!(kit::text(&consumer), None);
    x1.nack(5 * SECOND).unwrap();
    assert_eq!(
        kit::text(&consumer),
        None,
        "the first of a key holds up the others"
    );
    sim.advance(5 * SECOND);
    let x1 = kit::take(&consumer);
    assert_eq!(x1.payload(), b"x1");
    x1.reject("bad").unwrap();
    let x2 = kit::take(&consumer);
    assert_eq!(x2.payload(), b"x2");
    consumer.redrive(None).unwrap();
    assert_eq!(kit::text(&consumer), None, "one of the key is out");
    x2.ack().unwrap();
    assert_eq!(kit::drain(&consumer), ["x1", "x3"]);
}

#[test]
fn not_more_often_than_is_allowed() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("poison").unwrap();
    let mut options = ConsumerOptions::default();
    options.attempts_max = 3;
    let consumer = queue.main_consumer(options).unwrap();
    for attempt in 1..=3 {
        let delivery = kit::take(&consumer);
        assert_eq!(delivery.attempts(), attempt);
        delivery.nack(NOW).unwrap();
    }
    assert_eq!(kit::text(&consumer), None);
    let dead = consumer.dead(None, 10).unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].attempts, &dead[0].payload[..]),
        (3, &b"poison"[..])
    );
    assert!(dead[0].reason.contains("too often"), "{}", dead[0].reason);
    assert_eq!(queue.stats().unwrap().consumers[0].dead, 1);
    assert_eq!(consumer.redrive(Some(&[dead[0].id])).unwrap(), 1);
    let again = kit::take(&consumer);
    assert_eq!(again.attempts(), 1);
    again.reject("still bad").unwrap();
    assert_eq!(consumer.dead(None, 10).unwrap()[0].reason, "still bad");
    assert_eq!(consumer.discard_dead(None).unwrap(), 1);
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 0);
}

#[test]
fn upkeep_gives_up_without_anybody_asking() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("poison").unwrap();
    let mut options = ConsumerOptions::default();
    options.attempts_max = 1;
    let consumer = queue.main_consumer(options).unwrap();
    kit::take(&consumer);
    assert_eq!(queue.upkeep().unwrap().died, 0, "its time is not over");
    sim.advance(30 * SECOND);
    assert_eq!(queue.upkeep().unwrap().died, 1);
}

#[test]
fn in_batches() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let messages: Vec<Message> = (0..50).map(|n| Message::new(format!("{n}"))).collect();
    let pushed = queue.push_batch(&messages).unwrap();
    assert!(pushed.is_sorted_by(|a, b| a.id < b.id));
    let consumer = kit::main_of(&queue);
    let got = consumer.receive_batch(20, NOW).unwrap();
    assert_eq!(got.len(), 20);
    let mut receipts: Vec<Receipt> = got.iter().map(mainstem_queue::Delivery::receipt).collect();
    receipts.push(receipts[0]);
    let stale = consumer.ack_batch(&receipts).unwrap();
    assert_eq!(stale, [receipts[0]], "the same one twice");
    assert_eq!(kit::drain(&consumer).len(), 30);
    assert!(consumer.receive_batch(0, NOW).is_err());
}

#[test]
fn once_if_it_has_an_id() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let message = || Message::new("order").dedup("order 1");
    let first = queue.push(message()).unwrap();
    assert!(!first.is_repeat);
    let second = queue.push(message()).unwrap();
    assert!(second.is_repeat);
    assert_eq!(second.id, first.id);
    // In one batch, nobody could know before.
    let both = queue
        .push_batch(&[message().dedup("2"), message().dedup("2")])
        .unwrap();
    assert_eq!((both[0].is_repeat, both[1].is_repeat), (false, true));
    assert_eq!(both[1].id, both[0].id);
    let consumer = kit::main_of(&queue);
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 2);
    assert_eq!(kit::drain(&consumer).len(), 2);
    assert!(
        queue.push(message()).unwrap().is_repeat,
        "done with, and still known"
    );
    sim.advance(300 * SECOND);
    assert!(!queue.push(message()).unwrap().is_repeat);
}

#[test]
fn to_each_consumer_of_its_topic() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push(Message::new("o1").topic("orders")).unwrap();
    queue.push("m1").unwrap();
    let mut options = ConsumerOptions::default();
    options.topic = "orders".to_owned();
    let billing = queue.consumer("billing", options.clone()).unwrap();
    options.start = mainstem_queue::Start::Newest;
    let late = queue.consumer("late", options.clone()).unwrap();
    queue.push(Message::new("o2").topic("orders")).unwrap();
    assert_eq!(kit::drain(&billing), ["o1", "o2"]);
    assert_eq!(kit::drain(&late), ["o2"]);
    let main = queue.main_consumer(options).unwrap();
    assert_eq!(kit::drain(&main), ["o1", "o2"]);
    assert_eq!(kit::drain(&kit::main_of(&queue)), ["m1"]);
    let receipt: Receipt = "1-0-0".parse().unwrap();
    assert!(matches!(
        billing.ack(receipt),
        Err(QueueError::StaleReceipt)
    ));
    queue.remove_consumer("orders", "late").unwrap();
    assert!(matches!(
        late.receive(NOW),
        Err(QueueError::NoSuchConsumer { .. })
    ));
    assert!(queue.remove_consumer("orders", "late").is_err());
}

#[test]
fn a_cursor_takes_nothing() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    for n in 0..3 {
        queue
            .push(Message::new(format!("{n}")).dedup("same").key("k"))
            .unwrap();
        queue.push(format!("plain {n}")).unwrap();
    }
    let mut cursor = queue.cursor("main", mainstem_queue::Start::Oldest).unwrap();
    let mut all = Vec::new();
    while let Some(message) = cursor.next().unwrap() {
        all.push(String::from_utf8(message.payload).unwrap());
    }
    assert_eq!(all, ["0", "plain 0", "plain 1", "plain 2"]);
    assert_eq!(kit::drain(&kit::main_of(&queue)), all);
}

#[test]
fn who_only_looks_gives_nothing_up() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("slow").unwrap();
    let mut options = ConsumerOptions::default();
    options.attempts_max = 100;
    let consumer = queue.main_consumer(options).unwrap();
    for _ in 0..11 {
        kit::take(&consumer).nack(NOW).unwrap();
    }
    // With the default of 10.
    let looks = kit::main_of(&queue);
    assert!(looks.dead(None, 1).unwrap().is_empty());
    assert_eq!(queue.upkeep().unwrap().died, 0);
    assert_eq!(kit::take(&consumer).attempts(), 12);
}

#[test]
fn finding_a_consumer_makes_none() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let mut options = ConsumerOptions::default();
    for (topic, name) in [("main", "audit"), ("orders", "main")] {
        options.topic = topic.to_owned();
        let found = queue.find_consumer(name, options.clone());
        assert!(
            matches!(&found, Err(QueueError::NoSuchConsumer { name: its, .. }) if its == name),
            "{found:?}"
        );
    }
    assert_eq!(queue.stats().unwrap().consumers.len(), 1);
    options.topic = "main".to_owned();
    queue.push("a").unwrap();
    let found = queue.find_consumer("main", options).unwrap();
    assert_eq!(kit::text(&found).as_deref(), Some("a"));
}
