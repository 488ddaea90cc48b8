//! Readers, a writer, rolls and retention at the same time, on real files and threads.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use mainstem_env::{Env, ReadMode};
use mainstem_log::limits::HOUR_MS;
use mainstem_log::{Engine, LogError, Record, SeqNo, Shard, Start};

use crate::kit::{append, engine_options, name, small_segments};
use crate::workload::payload;
use mainstem_env::sim::ShiftedClock;

/// Long enough that only a lost wake-up waits for it.
const LONG: Duration = Duration::from_mins(4);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}

fn record(seq: u64) -> Vec<u8> {
    payload(seq + 1, usize::try_from(seq * 7 % 800).unwrap())
}

/// Reads from the oldest record to the end, checks all and keeps some.
fn read_through(shard: &Shard, kept: &mut Vec<Record>) -> u64 {
    let mut cursor = shard.cursor(Start::Oldest).unwrap();
    let mut read = 0;
    loop {
        match cursor.next() {
            Ok(Some(found)) => {
                assert_eq!(
                    found.payload(),
                    record(found.seq().0),
                    "record {}",
                    found.seq()
                );
                if found.seq().0 % 50 == read % 50 {
                    kept.push(found.keep());
                }
                read += 1;
            }
            // Retention overtook the reader: it goes on from what is the oldest now.
            Err(LogError::Trimmed { oldest }) => {
                assert!(oldest >= cursor.position());
                match shard.cursor(Start::At(oldest)) {
                    Ok(further) => cursor = further,
                    Err(LogError::Trimmed { .. }) => return read,
                    Err(error) => panic!("{error:?}"),
                }
            }
            Ok(None) => return read,
            Err(error) => panic!("at {}: {error:?}", cursor.position()),
        }
    }
}

fn run_together(read_mode: ReadMode) {
    const RECORDS: u64 = 2500;
    let dir = tempfile::tempdir().unwrap();
    let (env, clock) = ShiftedClock::put_into(&Env::real());
    let mut options = engine_options();
    options.read_mode = read_mode;
    let engine = Engine::open(&env, dir.path(), options).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let is_done = AtomicBool::new(false);
    let read = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut kept = Vec::new();
                while !is_done.load(Ordering::SeqCst) {
                    read.fetch_add(read_through(&shard, &mut kept), Ordering::SeqCst);
                }
                for kept in &kept {
                    assert_eq!(kept.payload(), record(kept.seq().0));
                }
            });
        }
        scope.spawn(|| {
            // An hour for every ten records, so that there are always some that are young enough.
            for hour in 0.. {
                while shard.durable_end().0 < hour * 10 {
                    if is_done.load(Ordering::SeqCst) {
                        return;
                    }
                    std::thread::yield_now();
                }
                clock.advance_ms(HOUR_MS);
                engine.maintain();
            }
        });
        for seq in 0..RECORDS {
            assert_eq!(append(&shard, &record(seq)).unwrap(), SeqNo(seq));
        }
        is_done.store(true, Ordering::SeqCst);
    });
    let metrics = shard.metrics();
    assert!(read.load(Ordering::SeqCst) > RECORDS / 4);
    assert!(
        metrics.rolls > 20 && metrics.trimmed_segments > 20,
        "{metrics:?}"
    );
    assert_eq!(metrics.pinned_bytes, 0, "nobody holds what was deleted");
    assert_eq!(metrics.read_errors, 0);
    assert_eq!(metrics.index_faults, 0);
}

#[test]
fn with_mapped_reads() {
    run_together(ReadMode::Mapped);
}

#[test]
fn with_buffered_reads() {
    run_together(ReadMode::Buffered);
}

#[test]
fn a_kept_record_pins_its_deleted_segment() {
    let dir = tempfile::tempdir().unwrap();
    let (env, clock) = ShiftedClock::put_into(&Env::real());
    let engine = Engine::open(&env, dir.path(), engine_options()).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for seq in 0..40 {
        append(&shard, &record(seq)).unwrap();
    }
    let kept = {
        let mut cursor = shard.cursor(Start::Oldest).unwrap();
        cursor.next().unwrap().unwrap().keep()
    };
    clock.advance_ms(25 * HOUR_MS);
    engine.maintain();
    engine.maintain();
    assert!(shard.metrics().pinned_bytes > 0);
    assert_eq!(kept.payload(), record(0));
    drop(kept);
    assert_eq!(shard.metrics().pinned_bytes, 0);
}

/// A follower that has read everything is woken by each commit: it and the writer take turns, so a
/// wake-up that got lost would end the conversation.
#[test]
fn a_follower_is_woken_by_each_commit() {
    const ROUNDS: u64 = 400;
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Env::real(), dir.path(), engine_options()).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for is_async in [false, true] {
        let first = shard.durable_end().0;
        let (answer, heard) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut cursor = shard.cursor(Start::End).unwrap();
                answer.send(()).unwrap();
                for seq in first..first + ROUNDS {
                    if is_async {
                        assert!(block_on(cursor.ready()).unwrap() > SeqNo(seq));
                    } else {
                        assert!(cursor.wait(LONG).unwrap());
                    }
                    assert_eq!(cursor.next().unwrap().unwrap().payload(), record(seq));
                    answer.send(()).unwrap();
                }
            });
            heard.recv().unwrap();
            for seq in first..first + ROUNDS {
                append(&shard, &record(seq)).unwrap();
                heard.recv_timeout(LONG).unwrap();
            }
        });
    }
}

#[test]
fn a_follower_is_told_when_there_will_be_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(&Env::real(), dir.path(), engine_options()).unwrap();
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    let (begun, about_to_wait) = sync_channel(2);
    std::thread::scope(|scope| {
        let blocking = scope.spawn(|| {
            begun.send(()).unwrap();
            shard.wait_beyond(SeqNo(0), LONG)
        });
        let asynchronous = scope.spawn(|| {
            begun.send(()).unwrap();
            block_on(shard.beyond(SeqNo(0)))
        });
        about_to_wait.recv().unwrap();
        about_to_wait.recv().unwrap();
        engine.close().unwrap();
        assert!(matches!(blocking.join().unwrap(), Err(LogError::Closed)));
        assert!(matches!(
            asynchronous.join().unwrap(),
            Err(LogError::Closed)
        ));
    });
}
