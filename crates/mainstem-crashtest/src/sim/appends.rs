//! The appends of a run: how each is made, and what is noted of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use mainstem_log::{Append, AppendOptions, Appended, Batch, LogError, Outcome, Shard};

use super::gate::{GateState, OpensGate};
use super::history::{Accepted, NEVER};
use super::rng::payload;
use super::run::{Done, Run};
use super::step::Way;
use super::zeros::Watch;

impl Run {
    /// Notes that records of these sizes are about to be appended to shard `at`, as one batch, and
    /// returns them with the place of the first.
    fn begin(&mut self, at: usize, sizes: &[usize]) -> (usize, Vec<Vec<u8>>) {
        let begun = self.sim.op_count();
        let asked_ms = self.sim.now().0;
        let mut payloads = Vec::new();
        for size in sizes {
            self.unique = self.unique.wrapping_add(1);
            payloads.push(payload(self.unique, *size));
        }
        let Some(life) = self.history.logs.get_mut(at).and_then(|log| log.current()) else {
            return (0, payloads);
        };
        let first = life.records.len();
        for (number, payload) in payloads.iter().enumerate() {
            life.records.push(Accepted {
                payload: payload.clone(),
                time_ms: None,
                asked_ms,
                begun,
                acked: NEVER,
                gone: NEVER,
                ends_batch: number.saturating_add(1) == payloads.len(),
            });
        }
        (first, payloads)
    }

    /// Notes what became of the `count` records from `first` on.
    fn settle(&mut self, at: usize, first: usize, count: usize, done: &Result<Appended, LogError>) {
        let now = self.sim.op_count();
        let Some(life) = self.history.logs.get_mut(at).and_then(|log| log.current()) else {
            return;
        };
        for record in life.records.iter_mut().skip(first).take(count) {
            match done {
                Ok(appended) => {
                    record.acked = now;
                    record.time_ms = Some(appended.time.0);
                }
                // Never to be found.
                Err(error) if error.outcome() == Outcome::NotApplied => record.gone = 0,
                Err(_) => {}
            }
        }
    }

    /// Appends records to shard `at`, all in one batch, and notes what became of them.
    pub(super) fn append(&mut self, at: usize, way: Way, sizes: &[usize]) -> Result<Done, String> {
        let shard = match self.shard(at)? {
            Ok(shard) => shard,
            Err(error) => return Ok(Err(error)),
        };
        let sizes = match way {
            Way::One => sizes.get(..1).unwrap_or_default(),
            _ => sizes,
        };
        let _going_when_waited_for = Watch::over(&self.zeros.0, [&shard]);
        let (first, payloads) = self.begin(at, sizes);
        let batch = match batch_of(&payloads) {
            Ok(batch) => batch,
            Err(error) => return Err(format!("{error:?}")),
        };
        let options = AppendOptions::default();
        let done = match way {
            Way::Blocking => shard.append(&batch, options),
            Way::One => shard.append_one(payloads.first().map_or(&[], Vec::as_slice)),
            Way::Try => shard.try_append(&batch, options),
            Way::Future => finish(Box::pin(shard.append_async(batch, options))),
            Way::Dropped => {
                let end = shard.durable_end();
                match drop_under_way(&shard, batch) {
                    Some(done) => done,
                    None if shard.durable_end() == end.plus(batch_len(sizes)) => {
                        // Nobody was told, but everybody can see it.
                        self.note_shown(at, first);
                        return Ok(Ok(()));
                    }
                    None => {
                        let refusal = shard.refusal();
                        if refusal.is_none() {
                            // It was refused, and nobody was told.
                            self.note_refused(at, first);
                        }
                        return Ok(refusal.map_or(Ok(()), Err));
                    }
                }
            }
        };
        self.settle(at, first, payloads.len(), &done);
        Ok(done.map(|_| ()))
    }

    fn note_refused(&mut self, at: usize, first: usize) {
        if let Some(life) = self.history.logs.get_mut(at).and_then(|log| log.current()) {
            for record in life.records.iter_mut().skip(first) {
                record.gone = 0;
            }
        }
    }

    fn note_shown(&mut self, at: usize, first: usize) {
        let now = self.sim.op_count();
        if let Some(life) = self.history.logs.get_mut(at).and_then(|log| log.current()) {
            for record in life.records.iter_mut().skip(first) {
                record.acked = now;
            }
        }
    }

    /// Appends several batches to shard `at` so that all but the first are one group.
    pub(super) fn group(&mut self, at: usize, batches: &[Vec<usize>]) -> Result<Done, String> {
        let shard = match self.shard(at)? {
            Ok(shard) => shard,
            Err(error) => return Ok(Err(error)),
        };
        let _going_when_waited_for = Watch::over(&self.zeros.0, [&shard]);
        let begun: Vec<(usize, Vec<Vec<u8>>)> =
            batches.iter().map(|sizes| self.begin(at, sizes)).collect();
        let mut sources = Vec::new();
        for (_, payloads) in &begun {
            sources.push(batch_of(payloads).map_err(|error| format!("{error:?}"))?);
        }
        let gate = Arc::clone(&self.gate);
        gate.set(GateState::Armed);
        let done = std::thread::scope(|scope| {
            let mut sources = sources.into_iter();
            let leader = sources.next().map(|batch| {
                let (shard, gate) = (&shard, &gate);
                scope.spawn(move || {
                    let _opened_at_last = OpensGate(gate);
                    shard.append(&batch, AppendOptions::default())
                })
            });
            gate.wait_until_held();
            let mut followers: Vec<_> = sources
                .map(|batch| Box::pin(shard.append_async(batch, AppendOptions::default())))
                .collect();
            let polled: Vec<Poll<_>> = followers
                .iter_mut()
                .map(|it| it.as_mut().poll(&mut Context::from_waker(Waker::noop())))
                .collect();
            gate.set(GateState::Open);
            let mut done = Vec::new();
            // What became of the append of a thread that panicked, nobody was told.
            done.extend(leader.map(|leader| leader.join().ok()));
            for (follower, polled) in followers.into_iter().zip(polled) {
                done.push(Some(match polled {
                    Poll::Ready(done) => done,
                    Poll::Pending => finish(follower),
                }));
            }
            done
        });
        let mut first_error = Ok(());
        for ((first, payloads), done) in begun.iter().zip(done) {
            let Some(done) = done else { continue };
            self.settle(at, *first, payloads.len(), &done);
            if let (Err(error), Ok(())) = (done, &first_error) {
                first_error = Err(error);
            }
        }
        Ok(first_error)
    }
}

/// Wakes a thread that is parked.
#[derive(Debug)]
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn finish(mut append: Pin<Box<Append>>) -> Result<Appended, LogError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match append.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn batch_of(payloads: &[Vec<u8>]) -> Result<Batch, LogError> {
    let mut batch = Batch::new();
    for payload in payloads {
        batch.push(payload)?;
    }
    Ok(batch)
}

fn batch_len(sizes: &[usize]) -> u64 {
    u64::try_from(sizes.len()).unwrap_or(u64::MAX)
}

/// Polls an append once, drops it, and waits until the shard is done with it. Returns its result if it
/// was ready at once.
fn drop_under_way(shard: &Shard, batch: Batch) -> Option<Result<Appended, LogError>> {
    let mut append = Box::pin(shard.append_async(batch, AppendOptions::default()));
    let polled = append
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(done) = polled {
        return Some(done);
    }
    drop(append);
    while shard.metrics().queued_bytes > 0 {
        std::thread::yield_now();
    }
    None
}
