//! Threads that append as fast as they are let, and how long each append took.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// What a run of producers achieved.
#[derive(Debug)]
pub struct Run {
    /// Appends that returned.
    pub appends: usize,
    /// From the first append's start to the last one's end.
    pub elapsed: Duration,
    /// How long each append took, in ns, sorted.
    latencies_ns: Vec<u32>,
}

impl Run {
    /// Appends per second.
    pub fn rate(&self) -> f64 {
        let appends = u32::try_from(self.appends).unwrap_or(u32::MAX);
        f64::from(appends) / self.elapsed.as_secs_f64()
    }

    /// The latency that `per_mille` thousandths of the appends did not exceed, in µs.
    pub fn latency_us(&self, per_mille: usize) -> f64 {
        let last = self.latencies_ns.len().saturating_sub(1);
        let at = self.latencies_ns.len().saturating_mul(per_mille) / 1000;
        let ns = self.latencies_ns.get(at.min(last)).copied().unwrap_or(0);
        f64::from(ns) / 1000.0
    }
}

/// Has `producers` threads call `append` for `duration`, each one after the other.
///
/// # Errors
/// The first error of `append`, by producer.
pub fn run<E: Send>(
    producers: usize,
    duration: Duration,
    append: impl Fn() -> Result<(), E> + Sync,
) -> Result<Run>
where
    anyhow::Error: From<E>,
{
    run_each(producers, duration, |_| append())
}

/// As [`run`], with the number of the producer, from 0 on.
///
/// # Errors
/// As [`run`].
pub fn run_each<E: Send>(
    producers: usize,
    duration: Duration,
    append: impl Fn(usize) -> Result<(), E> + Sync,
) -> Result<Run>
where
    anyhow::Error: From<E>,
{
    let barrier = Barrier::new(producers.saturating_add(1));
    let stop = AtomicBool::new(false);
    let produce = &|producer: usize| -> (Result<(), E>, Vec<u32>) {
        let mut latencies_ns = Vec::with_capacity(1 << 10);
        barrier.wait();
        let mut before = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if let Err(error) = append(producer) {
                return (Err(error), latencies_ns);
            }
            let after = Instant::now();
            let took = after.saturating_duration_since(before).as_nanos();
            latencies_ns.push(u32::try_from(took).unwrap_or(u32::MAX));
            before = after;
        }
        (Ok(()), latencies_ns)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..producers)
            .map(|producer| scope.spawn(move || produce(producer)))
            .collect();
        barrier.wait();
        let start = Instant::now();
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let mut latencies_ns = Vec::new();
        for thread in threads {
            let (result, of_thread) = thread.join().map_err(|_| anyhow!("a producer panicked"))?;
            result?;
            latencies_ns.extend(of_thread);
        }
        let elapsed = start.elapsed();
        latencies_ns.sort_unstable();
        Ok(Run {
            appends: latencies_ns.len(),
            elapsed,
            latencies_ns,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_append_is_counted_and_an_error_comes_back() {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let count = || {
            calls.fetch_add(1, Ordering::Relaxed);
            Ok::<(), std::io::Error>(())
        };
        let run = super::run(3, Duration::from_millis(5), count).unwrap();
        assert_eq!(run.appends, calls.into_inner());
        let fail = || Err(std::io::Error::other("full"));
        super::run(3, Duration::from_millis(5), fail).unwrap_err();
    }
}
