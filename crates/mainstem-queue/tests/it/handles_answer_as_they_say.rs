//! What calls answer that cannot do what was asked for, or are about very many messages.

use mainstem_env::sim::Sim;
use mainstem_queue::{ConsumerOptions, Leases, Message, Outcome, QueueError, Receipt, Start};

use crate::kit::{self, NOW, SECOND};

#[test]
fn a_topic_that_is_not_there_is_not_made_by_reading_it() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push(Message::new("a").topic("orders")).unwrap();
    let before = queue.stats().unwrap();
    match queue.cursor("odrers", Start::Oldest) {
        Err(error @ QueueError::NoSuchTopic { .. }) => {
            assert_eq!(
                error.to_string(),
                "there is no topic \"odrers\"; there are: main, orders"
            );
            assert_eq!(error.outcome(), Outcome::NotApplied);
            assert!(!error.is_retryable());
        }
        other => panic!("{other:?}"),
    }
    let after = queue.stats().unwrap();
    assert_eq!(after.consumers, before.consumers, "nothing came to be");
    let mut cursor = queue.cursor("orders", Start::Oldest).unwrap();
    assert_eq!(cursor.next().unwrap().unwrap().payload, b"a");
}

#[test]
fn a_consumer_that_is_not_there_is_answered_with_those_that_are() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push(Message::new("a").topic("orders")).unwrap();
    queue.consumer("audit", ConsumerOptions::default()).unwrap();
    let there = "there is no consumer \"autid\"; there are (topic/consumer): \
                 main/audit, main/main, orders/main";
    let missing = queue.find_consumer("autid", ConsumerOptions::default());
    assert_eq!(missing.unwrap_err().to_string(), there);
    let missing = queue.remove_consumer("main", "autid");
    assert_eq!(missing.unwrap_err().to_string(), there);
    let audit = queue
        .find_consumer("audit", ConsumerOptions::default())
        .unwrap();
    queue.remove_consumer("main", "audit").unwrap();
    let gone = audit.receive(NOW).unwrap_err();
    assert!(
        gone.to_string().ends_with("main/main, orders/main"),
        "{gone}"
    );
}

#[test]
fn a_closed_queue_says_so_whatever_is_asked() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    queue.push("a").unwrap();
    queue.transaction().set("k", "v").commit().unwrap();
    let consumer = kit::main_of(&queue);
    let out = kit::take(&consumer);
    let mut cursor = queue.cursor("main", Start::Oldest).unwrap();
    queue.close().unwrap();
    let is_closed = |error: QueueError| {
        assert!(
            matches!(error, QueueError::Log(mainstem_log::LogError::Closed)),
            "{error:?}"
        );
    };
    is_closed(queue.stats().unwrap_err());
    is_closed(queue.value("k").unwrap_err());
    is_closed(queue.cursor("main", Start::Oldest).unwrap_err());
    is_closed(cursor.next().unwrap_err());
    is_closed(cursor.wait(NOW).unwrap_err());
    is_closed(consumer.dead(None, 10).unwrap_err());
    is_closed(consumer.redrive(None).unwrap_err());
    is_closed(consumer.receive(NOW).unwrap_err());
    is_closed(consumer.ack_batch(&[]).unwrap_err());
    is_closed(out.ack().unwrap_err());
    is_closed(queue.push("b").unwrap_err());
    is_closed(queue.push_batch(&[]).unwrap_err());
    is_closed(queue.transaction().commit().unwrap_err());
    is_closed(queue.upkeep().unwrap_err());
    is_closed(queue.remove_consumer("main", "main").unwrap_err());
    queue.close().unwrap();
    assert_eq!(out.payload(), b"a", "what was delivered stays readable");
}

#[test]
fn scattered_receipts_are_answered_however_many_they_are() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    let mut receipts: Vec<Receipt> = Vec::new();
    let messages: Vec<Message> = (0..10).map(|_| Message::new("")).collect();
    for _ in 0..100 {
        queue.push_batch(&messages).unwrap();
        let some = consumer.receive_batch(10, NOW).unwrap();
        receipts.extend(some.iter().map(mainstem_queue::Delivery::receipt));
    }
    assert_eq!(receipts.len(), 1000);
    // Each by itself: none follows the one before.
    let scattered: Vec<Receipt> = receipts.iter().copied().step_by(2).collect();
    assert_eq!(consumer.ack_batch(&scattered).unwrap(), []);
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 500);
    assert_eq!(consumer.ack_batch(&scattered).unwrap(), scattered, "stale");
    // Together or not at all: as many as fit into one batch.
    let mut transaction = queue.transaction();
    for receipt in receipts.iter().copied().skip(1).step_by(2).take(120) {
        transaction = transaction.ack(receipt);
    }
    transaction.commit().unwrap();
    assert_eq!(queue.stats().unwrap().consumers[0].depth, 380);
}

#[test]
fn what_is_stale_or_too_much_says_what_to_do_next() {
    let stale = QueueError::StaleReceipt.to_string();
    assert!(stale.contains("do not answer it again"), "{stale}");
    let full = QueueError::DeduplicationFull { limit: 5 }.to_string();
    assert!(full.contains("dedup_ids_max"), "{full}");
}

#[test]
fn a_lease_of_a_clock_that_was_ahead_ends_within_the_longest_visibility() {
    let sim = Sim::new(1);
    let mut options = kit::options();
    options.leases = Leases::Persist;
    // The clock is a year ahead, and is put right before the next opening.
    sim.jump_wall(365 * 86_400_000);
    let queue = kit::try_open(&sim, options.clone()).unwrap();
    queue.push("a").unwrap();
    let receipt = kit::take(&kit::main_of(&queue)).receipt();
    queue.close().unwrap();
    drop(queue);
    sim.jump_wall(-365 * 86_400_000);
    let queue = kit::try_open(&sim, options).unwrap();
    let consumer = kit::main_of(&queue);
    assert_eq!(kit::text(&consumer), None, "it is still out");
    sim.advance(12 * 3600 * SECOND);
    let again = kit::take(&consumer);
    assert_eq!(again.attempts(), 2);
    assert!(matches!(
        consumer.ack(receipt),
        Err(QueueError::StaleReceipt)
    ));
}

#[test]
fn a_key_has_one_message_out_though_an_older_one_comes_back_to_life() {
    let sim = Sim::new(1);
    let queue = kit::open(&sim);
    let consumer = kit::main_of(&queue);
    for n in 0..3 {
        queue.push(Message::new(format!("{n}")).key("k")).unwrap();
    }
    for reason in ["bad", "worse"] {
        kit::take(&consumer).reject(reason).unwrap();
    }
    let newest = kit::take(&consumer);
    assert_eq!(newest.payload(), b"2");
    sim.advance(31 * SECOND);
    let dead = consumer.dead(None, 10).unwrap();
    consumer.redrive(Some(&[dead[1].id])).unwrap();
    let middle = kit::take(&consumer);
    assert_eq!(middle.payload(), b"1");
    assert!(
        matches!(newest.extend(SECOND), Err(QueueError::StaleReceipt)),
        "another message of its key is out"
    );
    // What is done is done: the order does not change by it.
    newest.ack().unwrap();
    consumer.redrive(None).unwrap();
    assert_eq!(kit::text(&consumer), None, "one of the key is out");
    assert_eq!(queue.stats().unwrap().consumers[0].in_flight, 1);
    middle.ack().unwrap();
    assert_eq!(kit::drain(&consumer), ["0"]);
}
