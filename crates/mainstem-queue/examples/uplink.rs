//! Store and forward: sensors go on while the network is down, and nothing is lost or out of order.
//!
//! `cargo run --release -p mainstem-queue --example uplink`
//!
//! The network here is a sink on a local port that hangs up on everybody for the first half second.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mainstem_env::Env;
use mainstem_queue::{Consumer, ConsumerOptions, Delivery, Queue, QueueOptions, WhenFull};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const SENSORS: u64 = 3;
const READINGS: u64 = 200;
const BATCH_MESSAGES: usize = 50;
/// After a failure it waits this long, then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(200);
const LEASE: Duration = Duration::from_mins(1);

fn main() -> Result<()> {
    let env = Env::real();
    let temporary = tempfile::tempdir()?;
    let mut options = QueueOptions::default();
    options.segment_bytes = 1 << 20;
    // A network that is away for long must not fill the disk. Of old readings and new ones the new ones
    // are worth more here, so the oldest go. For orders it would be `WhenFull::Block`, which holds the
    // producers up until there is room, or `WhenFull::Refuse`, which tells them.
    options.limits.bytes_max = Some(64 << 20);
    options.when_full = WhenFull::DropOldest;
    let queue = Queue::open(temporary.path().join("uplink"), options)?;

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (is_up, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut consumer_options = ConsumerOptions::default();
    consumer_options.visibility = LEASE;
    // A network that is down is no fault of the message.
    consumer_options.attempts_max = u32::MAX;
    let consumer = queue.main_consumer(consumer_options)?;
    let received = thread::scope(|scope| {
        let sink = scope.spawn(|| receive(&listener, &is_up));
        let sensors: Vec<_> = (0..SENSORS)
            .map(|sensor| {
                let (env, queue) = (&env, &queue);
                scope.spawn(move || measure(env, queue, sensor))
            })
            .collect();
        let uplink = scope.spawn(|| forward(&env, &consumer, address, &is_over));
        env.clock.sleep(Duration::from_millis(500));
        println!(
            "{} readings are waiting; the network comes back",
            depth(&queue)?
        );
        is_up.store(true, Ordering::Relaxed);
        let measured: Vec<_> = sensors
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_over.store(true, Ordering::Relaxed);
        let forwarded = uplink.join().map_err(|_| "the uplink panicked");
        // Says that there will be no more.
        send(address, &[])?;
        for sensor in measured {
            sensor.map_err(|_| "a sensor panicked")??;
        }
        forwarded??;
        sink.join().map_err(|_| "the sink panicked")?
    })?;
    for (sensor, readings) in &received {
        if !readings.iter().copied().eq(0..READINGS) {
            return Err(format!("sensor {sensor}: lost, twice or out of order").into());
        }
    }
    println!(
        "{READINGS} readings of each of {} sensors, in order",
        received.len()
    );
    if received.len() != usize::try_from(SENSORS)? || depth(&queue)? != 0 {
        return Err("not all of it arrived".into());
    }
    queue.close()?;
    Ok(())
}

fn depth(queue: &Queue) -> Result<u64> {
    Ok(queue.stats()?.consumers.iter().map(|it| it.depth).sum())
}

/// A sensor: it knows nothing of the network. Each reading is durable when its push returns.
fn measure(env: &Env, queue: &Queue, sensor: u64) -> Result<()> {
    for reading in 0..READINGS {
        queue.push(format!("{sensor} {reading}"))?;
        env.clock.sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Sends what is in the queue, in order, until everything has arrived.
///
/// Order needs a single sender that does not go on to the next batch before this one has arrived. It
/// keeps a batch that failed, and extends its lease, instead of giving it back.
fn forward(
    env: &Env,
    consumer: &Consumer,
    address: SocketAddr,
    is_over: &AtomicBool,
) -> Result<()> {
    loop {
        let is_last = is_over.load(Ordering::Relaxed);
        let batch = consumer.receive_batch(BATCH_MESSAGES, Duration::from_millis(100))?;
        if batch.is_empty() && is_last {
            return Ok(());
        }
        let mut pause = FIRST_PAUSE;
        while !batch.is_empty() && send(address, &batch).is_err() {
            env.clock.sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
            for delivery in &batch {
                delivery.extend(LEASE)?;
            }
        }
        // Killed here, it would send the batch once more: the sink knows the ids and passes over them.
        let receipts: Vec<_> = batch.iter().map(Delivery::receipt).collect();
        if !consumer.ack_batch(&receipts)?.is_empty() {
            return Err("somebody else took from this queue".into());
        }
    }
}

/// Sends a batch and waits until the sink has it.
fn send(address: SocketAddr, batch: &[Delivery]) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut text = String::new();
    for it in batch {
        writeln!(text, "{} {}", it.id(), std::str::from_utf8(it.payload())?)?;
    }
    text.push_str("end\n");
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer == "ok\n" {
        Ok(())
    } else {
        Err("the sink did not say that it has it".into())
    }
}

/// The other end: takes batches while the network is up; returns the readings of each sensor.
fn receive(listener: &TcpListener, is_up: &AtomicBool) -> Result<BTreeMap<u64, Vec<u64>>> {
    let mut received: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut last_id = None;
    loop {
        let (mut stream, _) = listener.accept()?;
        if !is_up.load(Ordering::Relaxed) {
            continue; // Hangs up.
        }
        let mut batch = Vec::new();
        for line in BufReader::new(stream.try_clone()?).lines() {
            let line = line?;
            if line == "end" {
                break;
            }
            let mut numbers = line.split(' ').map(str::parse::<u64>);
            let mut number = || numbers.next().ok_or("a short line");
            batch.push((number()??, number()??, number()??));
        }
        for (id, sensor, reading) in &batch {
            if last_id.is_none_or(|last| last < *id) {
                last_id = Some(*id);
                received.entry(*sensor).or_default().push(*reading);
            }
        }
        stream.write_all(b"ok\n")?;
        if batch.is_empty() {
            return Ok(received);
        }
    }
}

#[test]
fn runs_to_its_end() {
    main().unwrap();
}
