//! Appends that wait, in whatever form, end, and give back what they took: dropped futures, panics in
//! the middle of a commit, and many shards on few threads.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use mainstem_env::Env;
use mainstem_env::sim::{OpKind, Sim, hooked};
use mainstem_log::{
    Append, AppendOptions, Batch, Engine, EngineOptions, LogError, Outcome, SeqNo, Shard,
    ShardOptions,
};

use crate::kit::{DIR, append, batch, engine_options, name, open, open_sim, read_all};
use crate::readers_writers_and_retention_run_together::block_on;
use crate::workload::payload;

/// Holds every sync of a segment back while it is shut.
#[derive(Debug, Default)]
struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn env(self: &Arc<Self>, env: &Env) -> Env {
        let gate = Arc::clone(self);
        hooked(
            env,
            Arc::new(move |kind, path| {
                if kind == OpKind::SyncData && path.extension().is_some_and(|it| it == "seg") {
                    let mut is_shut = gate.is_shut.lock().unwrap();
                    while *is_shut {
                        is_shut = gate.opened.wait(is_shut).unwrap();
                    }
                }
                Ok(())
            }),
        )
    }

    fn shut(&self) {
        *self.is_shut.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.is_shut.lock().unwrap() = false;
        self.opened.notify_all();
    }
}

fn poll(append: &mut Pin<Box<Append>>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    append.as_mut().poll(&mut context).is_ready()
}

fn begin(shard: &Shard, bytes: usize) -> Pin<Box<Append>> {
    let one = batch(&[vec![5; bytes]]);
    Box::pin(shard.append_async(one, AppendOptions::default()))
}

/// Appends something, and waits for it: all that was under way before is done then.
fn settle(shard: &Shard) {
    append(shard, b"settled").unwrap();
}

fn assert_nothing_queued(engine: &Engine, shards: &[&Shard]) {
    // The budget is given back a little after the last caller is told.
    while engine.metrics().queued_bytes > 0 {
        std::thread::yield_now();
    }
    for shard in shards {
        while shard.metrics().queued_bytes > 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_append_dropped_before_it_was_admitted_appends_nothing() {
    let sim = Sim::new(1);
    let gate = Arc::new(Gate::default());
    let engine = open(&gate.env(&sim.env())).unwrap();
    let mut options = ShardOptions::default();
    options.queued_bytes_max = 64 << 10;
    let shard = engine.create_shard(&name("s"), options).unwrap();
    drop(begin(&shard, 100));
    assert_eq!(shard.metrics().queued_bytes, 0);

    gate.shut();
    let mut filling: Vec<_> = (0..4).map(|_| begin(&shard, 16_000)).collect();
    assert!(!filling.iter_mut().any(poll), "they wait for the sync");
    let queued = shard.metrics().queued_bytes;
    let mut waiting: Vec<_> = (0..4).map(|_| begin(&shard, 16_000)).collect();
    assert!(!waiting.iter_mut().any(poll), "they wait for room");
    assert_eq!(shard.metrics().queued_bytes, queued);
    // One in the middle of the queue, one at its head, and one that was polled twice.
    drop(waiting.remove(1));
    drop(waiting.remove(0));
    assert!(!poll(&mut waiting[0]));
    drop(waiting.remove(0));
    gate.open();
    for append in filling {
        block_on(append).unwrap();
    }
    block_on(waiting.remove(0)).unwrap();
    assert_nothing_queued(&engine, &[&shard]);
    assert_eq!(shard.durable_end(), SeqNo(5));
}

#[test]
fn an_append_dropped_while_it_waits_for_the_engine_gives_back_what_the_shard_gave() {
    let sim = Sim::new(2);
    let gate = Arc::new(Gate::default());
    let mut engine_options = engine_options();
    engine_options.queued_bytes_max = 1 << 20;
    let engine = Engine::open(&gate.env(&sim.env()), Path::new(DIR), engine_options).unwrap();
    let a = engine
        .create_shard(&name("a"), ShardOptions::default())
        .unwrap();
    let b = engine
        .create_shard(&name("b"), ShardOptions::default())
        .unwrap();
    gate.shut();
    let mut filling = begin(&a, 1_000_000);
    assert!(!poll(&mut filling));
    let mut waiting = begin(&b, 500_000);
    assert!(!poll(&mut waiting));
    assert!(b.metrics().queued_bytes > 0, "admitted by the shard");
    let refused = b
        .try_append(&batch(&[vec![1; 500_000]]), AppendOptions::default())
        .unwrap_err();
    assert!(matches!(refused, LogError::QueueFull { .. }), "{refused:?}");
    drop(waiting);
    assert_eq!(b.metrics().queued_bytes, 0);
    gate.open();
    block_on(filling).unwrap();
    assert_nothing_queued(&engine, &[&a, &b]);
    assert_eq!(b.durable_end(), SeqNo(0));
}

#[test]
fn an_append_dropped_after_it_was_admitted_is_made_all_the_same() {
    let sim = Sim::new(3);
    let gate = Arc::new(Gate::default());
    let engine = open(&gate.env(&sim.env())).unwrap();
    let shard = engine
        .create_shard(&name("s"), ShardOptions::default())
        .unwrap();
    gate.shut();
    let mut first = begin(&shard, 10);
    let mut second = begin(&shard, 20);
    let mut third = begin(&shard, 30);
    for append in [&mut first, &mut second, &mut third] {
        assert!(!poll(append));
    }
    drop(second);
    drop(first);
    gate.open();
    block_on(third).unwrap();
    settle(&shard);
    assert_nothing_queued(&engine, &[&shard]);
    let lens: Vec<usize> = read_all(&shard).into_iter().map(|it| it.1.len()).collect();
    assert_eq!(lens, [10, 20, 30, 7]);
}

#[test]
fn a_future_that_nobody_polls_any_more_holds_nobody_up() {
    let engine = open_sim(&Sim::new(4));
    let mut options = ShardOptions::default();
    options.queued_bytes_max = 64 << 10;
    let shard = engine.create_shard(&name("s"), options).unwrap();
    let mut abandoned: Vec<_> = (0..30).map(|_| begin(&shard, 4000)).collect();
    for append in &mut abandoned {
        poll(append);
    }
    for _ in 0..50 {
        settle(&shard);
    }
    drop(abandoned);
    assert_nothing_queued(&engine, &[&shard]);
}

/// Panics at a chosen write to a segment.
fn panicking(env: &Env, writes: i64) -> (Env, Arc<AtomicI64>) {
    let left = Arc::new(AtomicI64::new(writes));
    let counted = Arc::clone(&left);
    let env = hooked(
        env,
        Arc::new(move |kind, path| {
            let is_data = kind == OpKind::Write && path.extension().is_some_and(|it| it == "seg");
            assert!(
                !is_data || counted.fetch_sub(1, Ordering::SeqCst) != 0,
                "the write that was to panic"
            );
            Ok(())
        }),
    );
    (env, left)
}

/// Checks what an append may end with when some commit panics.
fn is_told(result: &Result<(), LogError>) -> bool {
    match result {
        Ok(()) => true,
        Err(error @ LogError::CommitterPanicked { .. }) => error.outcome() == Outcome::Unknown,
        Err(error @ LogError::Poisoned(_)) => error.outcome() == Outcome::NotApplied,
        Err(_) => false,
    }
}

#[test]
fn a_panic_while_committing_poisons_and_wakes_everyone() {
    for writes in 1..12 {
        let sim = Sim::new(5);
        let (env, _) = panicking(&sim.env(), writes);
        let engine = open(&env).unwrap();
        let shard = engine
            .create_shard(&name("s"), ShardOptions::default())
            .unwrap();
        let barrier = Barrier::new(6);
        let panicked = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    barrier.wait();
                    for number in 0..10 {
                        let append =
                            AssertUnwindSafe(|| append(&shard, &payload(number, 50)).map(|_| ()));
                        match catch_unwind(append) {
                            Ok(result) => assert!(is_told(&result), "{result:?}"),
                            Err(_) => {
                                panicked.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(panicked.load(Ordering::SeqCst), 1, "only who led panicked");
        assert_eq!(shard.metrics().queued_bytes, 0);
        assert!(matches!(shard.refusal(), Some(LogError::Poisoned(_))));
        let expected = read_all(&shard);
        assert_eq!(
            u64::try_from(expected.len()).unwrap(),
            shard.durable_end().0
        );
        engine.close().unwrap();
        drop((engine, shard));
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("s"), ShardOptions::default()).unwrap();
        assert!(read_all(&shard).starts_with(&expected));
        append(&shard, b"again").unwrap();
    }
}

#[test]
fn a_panic_in_the_pool_is_told_to_the_futures() {
    let sim = Sim::new(6);
    // The header, two groups; the third one panics.
    let (env, _) = panicking(&sim.env(), 3);
    let engine = open(&env).unwrap();
    let shard = engine
        .create_shard(&name("s"), ShardOptions::default())
        .unwrap();
    for _ in 0..2 {
        block_on(begin(&shard, 10)).unwrap();
    }
    let told = block_on(begin(&shard, 10)).unwrap_err();
    assert!(
        matches!(told, LogError::CommitterPanicked { .. }),
        "{told:?}"
    );
    let later = block_on(begin(&shard, 10)).unwrap_err();
    assert!(matches!(later, LogError::Poisoned(_)), "{later:?}");
    // The pool lives on.
    let other = engine
        .create_shard(&name("t"), ShardOptions::default())
        .unwrap();
    block_on(begin(&other, 10)).unwrap();
    assert_nothing_queued(&engine, &[&shard, &other]);
}

#[test]
fn many_shards_commit_on_few_threads() {
    const SHARDS: u64 = 300;
    let dir = tempfile::tempdir().unwrap();
    let mut options: EngineOptions = engine_options();
    options.sync_threads_max = 8;
    let engine = Engine::open(&Env::real(), dir.path(), options).unwrap();
    let shards: Vec<Shard> = (0..SHARDS)
        .map(|it| {
            engine
                .create_shard(&name(&format!("s{it}")), ShardOptions::default())
                .unwrap()
        })
        .collect();
    for round in 0..3 {
        let mut appends: Vec<_> = shards
            .iter()
            .enumerate()
            .map(|(number, shard)| {
                let mut two = Batch::new();
                two.push(&payload(u64::try_from(number).unwrap() + 1, 40))
                    .unwrap();
                two.push(b"and").unwrap();
                Box::pin(shard.append_async(two, AppendOptions::default()))
            })
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        let polled: Vec<_> = appends
            .iter_mut()
            .map(|append| append.as_mut().poll(&mut context))
            .collect();
        for (append, polled) in appends.into_iter().zip(polled) {
            // Whoever is held up in the middle of the poll may find the commit done at its end.
            let appended = match polled {
                Poll::Ready(appended) => appended,
                Poll::Pending => block_on(append),
            };
            assert_eq!(appended.unwrap().seqs.start, SeqNo(round * 2));
        }
    }
    let threads = engine.metrics().sync_threads;
    assert!((1..=8).contains(&threads), "{threads}");
    for (number, shard) in shards.iter().enumerate() {
        let records = read_all(shard);
        assert_eq!(records.len(), 6);
        assert_eq!(
            records[4].1,
            payload(u64::try_from(number).unwrap() + 1, 40)
        );
    }
    engine.close().unwrap();
}

/// Whoever gets a shard from an engine that is closing either is in time to be closed in good order,
/// or is refused: nothing is appended behind the back of the note that the close writes.
#[test]
fn nothing_is_appended_while_the_engine_closes() {
    let sim = Sim::new(8);
    {
        let engine = open_sim(&sim);
        let shard = engine
            .create_shard(&name("s"), ShardOptions::default())
            .unwrap();
        settle(&shard);
    }
    let mut expected = 1;
    for _ in 0..200 {
        let engine = open_sim(&sim);
        let barrier = Barrier::new(3);
        let appended = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    let shard = engine.shard(&name("s"), ShardOptions::default());
                    match shard.and_then(|shard| shard.append_one(b"late")) {
                        Ok(_) => {
                            appended.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(LogError::Closed) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                });
            }
            scope.spawn(|| {
                barrier.wait();
                engine.close().unwrap();
            });
        });
        drop(engine);
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("s"), ShardOptions::default()).unwrap();
        let found = read_all(&shard).len();
        assert_eq!(found, expected + appended.load(Ordering::SeqCst));
        assert_eq!(u64::try_from(found).unwrap(), shard.durable_end().0);
        expected = found;
    }
}
