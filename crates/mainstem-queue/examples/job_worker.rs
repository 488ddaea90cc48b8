//! Jobs for several workers: tried again with growing delays, dead when nothing helps.
//!
//! `cargo run --release -p mainstem-queue --example job_worker [DIR]`
//!
//! With a directory the jobs stay there: stop it with Ctrl-C, or kill it, and start it again, and it
//! goes on with what is left. Without one it works in a temporary directory.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use mainstem_queue::{
    Consumer, ConsumerOptions, Delivery, Message, Queue, QueueError, QueueOptions,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const JOBS: u64 = 200;
const WORKERS: usize = 4;
/// After so many attempts the queue itself gives a job up.
const ATTEMPTS_MAX: u32 = 4;
const FIRST_DELAY: Duration = Duration::from_millis(20);

fn main() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let given = std::env::args()
        .nth(1)
        .filter(|it| !cfg!(test) && !it.is_empty());
    let dir = given.map_or(temporary.path().join("jobs"), PathBuf::from);
    let queue = Queue::open(&dir, QueueOptions::default())?;

    // A job that is pushed again within the deduplication window is not there twice: this may be
    // started as often as one likes.
    let jobs: Vec<Message> = (0..JOBS)
        .map(|n| Message::new(format!("job {n}")).dedup(format!("job {n}")))
        .collect();
    let pushed = queue.push_batch(&jobs)?;
    let repeats = pushed.iter().filter(|it| it.is_repeat).count();
    println!("{JOBS} jobs, {repeats} of them known already; Ctrl-C stops in good order");

    let is_stopped = stopped_by_ctrl_c()?;
    let done = AtomicU64::new(0);
    let mut options = ConsumerOptions::default();
    // Longer than a job takes. A job that may take longer has to extend its lease now and then.
    options.visibility = Duration::from_secs(30);
    options.attempts_max = ATTEMPTS_MAX;
    let consumer = queue.main_consumer(options)?;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| run(&queue, &consumer, &is_stopped, &done)))
            .collect();
        for worker in workers {
            worker.join().map_err(|_| "a worker panicked")??;
        }
        Ok::<(), Box<dyn Error + Send + Sync>>(())
    })?;

    println!("{} jobs done", done.load(Ordering::Relaxed));
    let dead = consumer.dead(None, usize::MAX)?;
    for it in &dead {
        let job = String::from_utf8_lossy(&it.payload);
        println!("dead: {job}, after {} attempts: {}", it.attempts, it.reason);
    }
    let is_whole = done.load(Ordering::Relaxed) + u64::try_from(dead.len())? == JOBS;
    if repeats == 0 && !is_stopped.load(Ordering::Relaxed) && !is_whole {
        return Err("some jobs are neither done nor dead".into());
    }
    queue.close()?;
    Ok(())
}

/// Does jobs until there are none, or until it is told to stop. What a worker has begun it ends.
fn run(
    queue: &Queue,
    consumer: &Consumer,
    is_stopped: &AtomicBool,
    done: &AtomicU64,
) -> Result<()> {
    while !is_stopped.load(Ordering::Relaxed) {
        let Some(delivery) = consumer.receive(Duration::from_millis(100))? else {
            if is_all_done(queue)? {
                break;
            }
            continue; // Some are with other workers, or wait for their next attempt.
        };
        let answered = match work(&delivery) {
            Ok(()) => delivery.ack().map(|()| {
                done.fetch_add(1, Ordering::Relaxed);
            }),
            Err(Failure::Later) => delivery.nack(delay_after(delivery.attempts())),
            Err(Failure::Never(why)) => delivery.reject(&why),
        };
        match answered {
            // It took too long, and somebody else has the job by now: theirs is what counts.
            Err(QueueError::StaleReceipt) => {}
            answered => answered?,
        }
    }
    Ok(())
}

/// Why a job was not done.
enum Failure {
    /// It may go well another time.
    Later,
    /// It never will.
    Never(String),
}

/// Stands for what takes time and may fail.
fn work(delivery: &Delivery) -> std::result::Result<(), Failure> {
    let text = String::from_utf8_lossy(delivery.payload());
    let number: Option<u64> = text.strip_prefix("job ").and_then(|it| it.parse().ok());
    match number {
        None => Err(Failure::Never(format!("{text:?} is no job"))),
        Some(n) if n % 50 == 49 => Err(Failure::Never("no such recipe".to_owned())),
        Some(n) if n % 50 == 24 => Err(Failure::Later), // Until the queue gives it up.
        Some(n) if n % 10 == 3 && delivery.attempts() < 3 => Err(Failure::Later),
        Some(_) => Ok(()),
    }
}

/// Twice as long after each attempt.
fn delay_after(attempts: u32) -> Duration {
    FIRST_DELAY * 2_u32.saturating_pow(attempts.saturating_sub(1).min(10))
}

fn is_all_done(queue: &Queue) -> Result<bool> {
    let stats = queue.stats()?;
    Ok(stats.consumers.iter().all(|it| it.depth == it.dead))
}

/// Returns a flag that Ctrl-C sets.
fn stopped_by_ctrl_c() -> Result<Arc<AtomicBool>> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_stopped);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(is_stopped)
}

#[test]
fn runs_to_its_end() {
    main().unwrap();
}
