//! Exactly once: each number of the input is squared into an output and added to a sum, all of it in
//! one transaction with the acknowledgement of the input.
//!
//! `cargo run --release -p mainstem-queue --example pipeline`
//!
//! It starts itself as a process of its own, kills that at random moments, and has the last one come to the
//! end and verify what is there. To kill it yourself: `PIPELINE_DIR=some/dir`, as often as you like.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mainstem_env::Env;
use mainstem_queue::{
    Consumer, ConsumerOptions, Message, Outcome, Queue, QueueError, QueueOptions, Start,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const NUMBERS: u64 = 4000;
/// How many are worked on in one transaction.
const TOGETHER: usize = 10;
const KILLS: usize = 5;
const OUTPUT: &str = "squares";
/// The directory, for a process that is to do the work.
const DIR: &str = "PIPELINE_DIR";

fn main() -> Result<()> {
    if let Some(dir) = std::env::var_os(DIR) {
        return work(Path::new(&dir));
    }
    let env = Env::real();
    let temporary = tempfile::tempdir()?;
    let dir = temporary.path().join("pipeline");
    let start = || {
        Command::new(std::env::current_exe()?)
            .env(DIR, &dir)
            .spawn()
    };
    for _ in 0..KILLS {
        let mut child = start()?;
        env.clock
            .sleep(Duration::from_millis(env.random.next_u64()? % 200));
        child.kill()?; // With SIGKILL: it has no time to put anything in order.
        child.wait()?;
    }
    if !start()?.wait()?.success() {
        return Err("the last one did not come to its end".into());
    }
    Ok(())
}

/// Goes on where the last process was, up to the end, and verifies what is there.
fn work(dir: &Path) -> Result<()> {
    let queue = Queue::open(dir, QueueOptions::default())?;
    println!(
        "going on: {} fed, sum {}",
        number(&queue, "fed")?,
        number(&queue, "sum")?
    );
    feed(&queue)?;
    let consumer = queue.main_consumer(ConsumerOptions::default())?;
    // Nobody else takes from this queue, so what is out was given to a process that is gone, and such
    // deliveries ended when the queue was opened.
    while square_some(&queue, &consumer)? {}
    verify(&queue)?;
    queue.close()?;
    Ok(())
}

/// Pushes the input, and with it how much of it was pushed: a process that begins again knows.
fn feed(queue: &Queue) -> Result<()> {
    let mut fed = number(queue, "fed")?;
    while fed < NUMBERS {
        let end = (fed + 100).min(NUMBERS);
        let mut transaction = queue.transaction().set("fed", end.to_string());
        for n in fed..end {
            transaction = transaction.push(n.to_string());
        }
        transaction.commit()?;
        fed = end;
    }
    Ok(())
}

/// Takes some numbers; returns whether there were any.
fn square_some(queue: &Queue, consumer: &Consumer) -> Result<bool> {
    let deliveries = consumer.receive_batch(TOGETHER, Duration::ZERO)?;
    if deliveries.is_empty() {
        return Ok(false);
    }
    let mut sum = number(queue, "sum")?;
    let mut transaction = queue.transaction();
    for delivery in &deliveries {
        let n: u64 = std::str::from_utf8(delivery.payload())?.parse()?;
        sum += n;
        let output = Message::new(format!("{n} {}", n * n)).topic(OUTPUT);
        transaction = transaction.ack(delivery.receipt()).push(output);
    }
    match transaction.set("sum", sum.to_string()).commit() {
        Ok(_) => Ok(true),
        // Nothing was done: the leases were over, so that the numbers are delivered again, or there was
        // no room just then, and they will be.
        Err(error) if is_not_done(&error) => Ok(true),
        // It may have been done; only opening the queue again shows whether it was.
        Err(error) => Err(error.into()),
    }
}

fn is_not_done(error: &QueueError) -> bool {
    let may_go_well = matches!(error, QueueError::StaleReceipt) || error.is_retryable();
    may_go_well && error.outcome() == Outcome::NotApplied
}

/// Reads a number that a transaction kept.
fn number(queue: &Queue, key: &str) -> Result<u64> {
    match queue.value(key)? {
        Some(bytes) => Ok(std::str::from_utf8(&bytes)?.parse()?),
        None => Ok(0),
    }
}

/// Looks whether each number was squared once and added once.
fn verify(queue: &Queue) -> Result<()> {
    // The output's own consumer has taken nothing yet, so all of it is still stored.
    let mut cursor = queue.cursor(OUTPUT, Start::Oldest)?;
    let mut outputs = Vec::new();
    while let Some(message) = cursor.next()? {
        outputs.push(String::from_utf8(message.payload)?);
    }
    outputs.sort();
    let mut expected: Vec<String> = (0..NUMBERS).map(|n| format!("{n} {}", n * n)).collect();
    expected.sort();
    if outputs != expected {
        return Err(format!("{} outputs, not one for each of {NUMBERS}", outputs.len()).into());
    }
    let (sum, right) = (number(queue, "sum")?, (0..NUMBERS).sum::<u64>());
    if sum != right {
        return Err(format!("the sum is {sum}, not {right}").into());
    }
    println!("verified: {NUMBERS} numbers, each squared once; sum {sum}");
    Ok(())
}

#[test]
fn runs_to_its_end() {
    main().unwrap();
}
