//! Appends that no thread waits for, so many under way at any time.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

/// Keeps `count` futures of `begin` under way for `duration`, each followed by another for the same number,
/// from 0 on; returns how many ended well in a second. There is a thread for each processor.
///
/// # Errors
/// The first error of a future.
pub fn run<F, T, E>(
    count: usize,
    duration: Duration,
    begin: impl Fn(usize) -> F + Sync,
) -> Result<f64>
where
    F: Future<Output = Result<T, E>>,
    anyhow::Error: From<E>,
{
    let threads = std::thread::available_parallelism()?.get().min(count);
    let stop = AtomicBool::new(false);
    let (stop, begin) = (&stop, &begin);
    std::thread::scope(|scope| {
        let drivers: Vec<_> = (0..threads)
            .map(|first| {
                let mine = (first..count).step_by(threads);
                scope.spawn(move || drive(mine, stop, begin))
            })
            .collect();
        let start = Instant::now();
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        let mut ended = 0_u32;
        for driver in drivers {
            let of_driver = driver.join().map_err(|_| anyhow!("a driver panicked"))??;
            ended = ended.saturating_add(of_driver);
        }
        Ok(f64::from(ended) / start.elapsed().as_secs_f64())
    })
}

/// Who is told that a future can go on.
struct Place {
    at: usize,
    ready: mpsc::Sender<usize>,
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more once all have ended.
        let _unheard = self.ready.send(self.at);
    }
}

/// Drives a future for each of `numbers`, again and again, until all have ended after `stop`.
fn drive<F, T, E>(
    numbers: impl Iterator<Item = usize>,
    stop: &AtomicBool,
    begin: impl Fn(usize) -> F,
) -> Result<u32>
where
    F: Future<Output = Result<T, E>>,
    anyhow::Error: From<E>,
{
    let (ready, next) = mpsc::channel();
    let mut lanes = Vec::new();
    for (at, number) in numbers.enumerate() {
        let ready = ready.clone();
        let waker = Waker::from(Arc::new(Place { at, ready }));
        lanes.push((number, waker, Some(Box::pin(begin(number)))));
    }
    for at in 0..lanes.len() {
        ready.send(at)?;
    }
    let (mut ended, mut left) = (0_u32, lanes.len());
    while left > 0 {
        let (number, waker, lane) = lanes.get_mut(next.recv()?).context("no such lane")?;
        let mut context = Context::from_waker(waker);
        while let Some(future) = lane
            && let Poll::Ready(result) = future.as_mut().poll(&mut context)
        {
            result?;
            ended = ended.saturating_add(1);
            *lane = (!stop.load(Ordering::Relaxed)).then(|| Box::pin(begin(*number)));
            if lane.is_none() {
                left = left.saturating_sub(1);
            }
        }
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn all_go_on_until_the_end_and_an_error_comes_back() {
        let begun = [const { AtomicU32::new(0) }; 3];
        let begin = |number: usize| {
            let mut is_woken = false;
            begun[number].fetch_add(1, Ordering::Relaxed);
            std::future::poll_fn(move |context| {
                if std::mem::replace(&mut is_woken, true) {
                    return Poll::Ready(Ok::<(), io::Error>(()));
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
        };
        assert!(run(3, Duration::from_millis(5), begin).unwrap() > 0.0);
        assert!(begun.iter().all(|it| it.load(Ordering::Relaxed) > 0));
        let fail = |_| std::future::ready(Err::<(), _>(io::Error::other("full")));
        run(3, Duration::from_millis(5), fail).unwrap_err();
    }
}
