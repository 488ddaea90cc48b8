//! A queue is found where there is one, and what is none is left as it is.

use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, ShardName, ShardOptions};
use mainstem_queue::{Outcome, Queue, QueueError, QueueOptions};

#[test]
fn asking_makes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("queue");
    assert!(!Queue::exists(&dir).unwrap());
    assert!(!dir.exists());
    let queue = Queue::open(&dir, QueueOptions::default()).unwrap();
    assert!(Queue::exists(&dir).unwrap(), "also while it is open");
    queue.close().unwrap();
    assert!(Queue::exists(&dir).unwrap());
}

#[test]
fn the_directory_of_another_engine_does_not_become_a_queue() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let engine = Engine::open(&Env::real(), &dir, EngineOptions::default()).unwrap();
    let name = ShardName::new("orders").unwrap();
    engine.create_shard(&name, ShardOptions::default()).unwrap();
    engine.close().unwrap();
    drop(engine);
    let error = Queue::open(&dir, QueueOptions::default()).unwrap_err();
    assert!(
        matches!(&error, QueueError::NotAQueue { found, .. } if found == "orders"),
        "{error}"
    );
    assert_eq!(
        (error.is_retryable(), error.outcome()),
        (false, Outcome::NotApplied)
    );
    assert!(!Queue::exists(&dir).unwrap());
    let engine = Engine::open(&Env::real(), &dir, EngineOptions::default()).unwrap();
    assert_eq!(engine.shard_names().unwrap(), [name], "it is as it was");
}
