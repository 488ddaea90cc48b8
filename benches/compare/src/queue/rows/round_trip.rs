//! Push, receive, acknowledge: each producer waits until its message is acknowledged before it pushes
//! the next, and each consumer takes one message at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use mainstem_benches::producers;
use mainstem_benches::workplace::Workplace;

use crate::contest::Case;
use crate::options::Options;
use crate::peer::Peer;
use crate::queue::store::Queue;
use crate::report::{Better, Figure};
use crate::workload::payload;

pub(crate) fn cases<'a>(
    workplace: &'a Workplace,
    options: &'a Options,
) -> Vec<Case<'a, dyn Queue>> {
    let case = |threads: usize| Case {
        row: "round trip",
        what: format!("{threads} + {threads} × 100 B"),
        is_parallel: threads > 1,
        rounds: options.rounds,
        bytes: 1 << 30,
        measure: Box::new(move |peer: &Peer<dyn Queue>| {
            let corner = workplace.corner()?;
            let queue = (peer.open)(corner.path())?;
            let run = run(&*queue, threads, options.round)?;
            queue.close()?;
            Ok(vec![
                Figure::new("messages/s", Better::More, run.rate()),
                Figure::new("p50 µs", Better::Less, run.latency_us(500)),
                Figure::new("p99 µs", Better::Less, run.latency_us(990)),
            ])
        }),
    };
    vec![case(1), case(16)]
}

/// Runs as many producers as consumers.
fn run(queue: &dyn Queue, threads: usize, time: Duration) -> Result<producers::Run> {
    let (tell, told): (Vec<SyncSender<()>>, Vec<Receiver<()>>) =
        (0..threads).map(|_| sync_channel(1)).unzip();
    // Each producer thread takes one number, and keeps it.
    let places = std::sync::Mutex::new(told.into_iter().enumerate().collect::<Vec<_>>());
    let is_over = AtomicBool::new(false);
    let consume = || -> Result<()> {
        while !is_over.load(Ordering::Acquire) {
            let mut producer = None;
            let served = queue.serve(1, Duration::from_millis(100), &mut |message| {
                producer = message.first().copied();
            });
            if served? > 0 {
                let teller = producer.and_then(|it| tell.get(usize::from(it)));
                let teller = teller.context("a message that nobody pushed")?;
                teller.send(()).context("a message that nobody waits for")?;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..threads).map(|_| scope.spawn(consume)).collect();
        let run = producers::run(threads, time, || push_and_wait(queue, &places));
        is_over.store(true, Ordering::Release);
        for consumer in consumers {
            consumer
                .join()
                .map_err(|_| anyhow!("a consumer panicked"))??;
        }
        run
    })
}

type Places = std::sync::Mutex<Vec<(usize, Receiver<()>)>>;

fn push_and_wait(queue: &dyn Queue, places: &Places) -> Result<()> {
    thread_local! {
        static MINE: std::cell::RefCell<Option<(Vec<u8>, Receiver<()>)>> =
            const { std::cell::RefCell::new(None) };
    }
    MINE.with_borrow_mut(|mine| {
        if mine.is_none() {
            let place = places
                .lock()
                .map_err(|_| anyhow!("a producer panicked"))?
                .pop();
            let (number, told) = place.context("more producers than places")?;
            let mut message = payload(100);
            if let Some(first) = message.first_mut() {
                *first = u8::try_from(number)?;
            }
            *mine = Some((message, told));
        }
        let (message, told) = mine.as_ref().context("no place")?;
        queue.push(&[message])?;
        let before = Instant::now();
        told.recv_timeout(Duration::from_mins(1))
            .with_context(|| format!("not acknowledged after {:?}", before.elapsed()))
    })
}
