//! What nobody needs any more takes up no space.

use mainstem_env::sim::Sim;

use crate::kit;

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
