//! Carries out a plan on a simulated machine.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_queue::{Message, Outcome, QueueError, Receipt};

use super::history::{Asked, History, Known, NEVER, Place, Pushed, Transaction};
use super::judge::{self, Seen, VALUE};
use super::plan::Plan;
use super::process::{OUT, Process, VISIBILITY_MS, told};
use super::step::{Push, Settle, Step};
use crate::sim::rng::payload;

/// A plan under way, or done.
#[derive(Debug)]
pub struct Run {
    /// The machine.
    pub sim: Sim,
    /// What was asked for so far.
    pub history: History,
    process: Option<Process>,
    /// Receipts that were given out, oldest first.
    held: Vec<Held>,
    /// Until when a message is hidden from a consumer, in elapsed ms, by consumer and message.
    hidden: BTreeMap<(usize, usize), u64>,
    /// Elapsed ms.
    now_ms: u64,
    unique: u64,
}

/// A delivery.
#[derive(Clone, Copy, Debug)]
struct Held {
    consumer: usize,
    message: usize,
    receipt: Receipt,
    /// Whether it is good: the message was neither settled nor delivered again.
    is_good: bool,
}

/// What a call came to: its error is one that only a dying process may see.
type Done = Result<(), QueueError>;

impl Run {
    /// Carries out `plan` on a new machine.
    ///
    /// # Errors
    /// What the queue did wrong on the way.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        let sim = Sim::new(plan.seed);
        let mut run = Self::resume(sim, History::default(), plan.seed << 32)?;
        for (number, step) in plan.steps.iter().enumerate() {
            run.step(step)
                .map_err(|what| format!("step {number}, {step}: {what}"))?;
        }
        run.sim.violation().map_or(Ok(run), Err)
    }

    /// Goes on with what is on `sim`.
    pub(super) fn resume(sim: Sim, history: History, unique: u64) -> Result<Self, String> {
        let mut run = Self {
            sim,
            history,
            process: None,
            held: Vec::new(),
            hidden: BTreeMap::new(),
            now_ms: 0,
            unique,
        };
        run.start()?;
        Ok(run)
    }

    fn start(&mut self) -> Result<(), String> {
        let process = Process::start(&self.sim);
        self.process = Some(process.map_err(|error| format!("open: {}", told(&error)))?);
        // Leases end with the process that gave them.
        self.hidden.clear();
        Ok(())
    }

    /// Does one thing.
    ///
    /// # Errors
    /// What the queue did wrong.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(process) = self.process.take() else {
            return Err(String::from("there is no process"));
        };
        let done = self.try_step(&process, step)?;
        if process.fuse.has_burnt() {
            self.sim = self.sim.process_crash();
            drop(process);
            let seen = self.look()?;
            for held in &mut self.held {
                held.is_good &= seen.place(held.consumer, held.message) == Place::Waiting;
            }
            self.start()?;
            self.history.settle(&seen, self.sim.op_count());
            return Ok(());
        }
        done.map_err(|error| told(&error))?;
        self.process = Some(process);
        if *step == Step::Reopen {
            self.process = None;
            return self.start();
        }
        Ok(())
    }

    fn look(&self) -> Result<Seen, String> {
        judge::judge(&self.history, &self.sim, self.sim.op_count())
    }

    fn try_step(&mut self, process: &Process, step: &Step) -> Result<Done, String> {
        Ok(match step {
            Step::Push(push) => self.push(process, &[*push])?,
            Step::Batch(messages) => {
                let push = Push {
                    key: None,
                    size: 20,
                    dedup: None,
                    delay_ms: 0,
                };
                self.push(process, &vec![push; *messages])?
            }
            Step::Receive(consumer, most) => self.receive(process, *consumer, *most)?,
            Step::Settle(settle, place) => match self.pick(*place) {
                Some(held) => self.settle(process, *settle, held)?,
                None => Ok(()),
            },
            Step::AckAll => self.ack_all(process)?,
            Step::Redrive(consumer) => self.redrive(process, *consumer)?,
            Step::Pass(ms) => {
                self.sim.advance(Duration::from_millis(*ms));
                self.now_ms = self.now_ms.saturating_add(*ms);
                Ok(())
            }
            Step::Upkeep => process.queue.upkeep().map(drop),
            Step::Reopen => process.queue.close(),
            Step::Kill(changes) => {
                process.fuse.light(*changes);
                Ok(())
            }
            Step::Check => {
                if !process.fuse.has_burnt() {
                    self.look()?;
                }
                Ok(())
            }
        })
    }

    fn asked(&self) -> Asked {
        Asked::now(self.sim.op_count())
    }

    fn note(&self, asked: &mut Asked, done: &Done) {
        match done {
            Ok(()) => asked.answered = self.sim.op_count(),
            Err(error) => asked.is_void = error.outcome() == Outcome::NotApplied,
        }
    }

    /// Notes that messages are about to be pushed, and returns them and the number of the first.
    fn begin(&mut self, pushes: &[Push], is_out: bool) -> (usize, Vec<Message>) {
        let first = self.history.messages.len();
        self.history.batches = self.history.batches.wrapping_add(1);
        let mut messages = Vec::with_capacity(pushes.len());
        for push in pushes {
            self.unique = self.unique.wrapping_add(1);
            let bytes = payload(self.unique, push.size.saturating_add(16));
            let mut message = Message::new(bytes.clone());
            message = message.delay(Duration::from_millis(push.delay_ms));
            if let Some(key) = push.key {
                message = message.key(key.to_string());
            }
            if let Some(dedup) = push.dedup {
                message = message.dedup([dedup]);
            }
            if is_out {
                message = message.topic(OUT);
            }
            messages.push(message);
            let asked = self.asked();
            self.history.messages.push(Pushed {
                payload: bytes,
                key: push.key,
                dedup: push.dedup,
                is_out,
                batch: self.history.batches,
                push: asked,
                id: None,
                moves: Default::default(),
                deliveries: Default::default(),
            });
        }
        (first, messages)
    }

    fn push(&mut self, process: &Process, pushes: &[Push]) -> Result<Done, String> {
        let (first, messages) = self.begin(pushes, false);
        let pushed = process.queue.push_batch(&messages);
        let done = pushed.as_ref().map(|_| ()).map_err(Clone::clone);
        for (number, push) in (first..).zip(pushes) {
            let answer = match &pushed {
                Ok(all) => {
                    let answer = all.get(number.saturating_sub(first));
                    Some(*answer.ok_or("fewer answers than messages")?)
                }
                Err(_) => None,
            };
            let before = self.repeated(number, push.dedup)?;
            let mut asked = self.history.messages.get(number).ok_or("no message")?.push;
            self.note(&mut asked, &done);
            if let Some(answer) = answer {
                if answer.is_repeat != before.is_some() {
                    return Err(format!(
                        "message {number} repeats {before:?}, answered {answer:?}"
                    ));
                }
                if answer.is_repeat {
                    asked.is_void = true;
                    let id = before.and_then(|it| self.history.messages.get(it)?.id);
                    if id.is_some_and(|id| id != answer.id.0) {
                        return Err(format!(
                            "message {number} repeats {id:?}, answered {answer:?}"
                        ));
                    }
                }
            }
            let message = self.history.messages.get_mut(number).ok_or("no message")?;
            message.push = asked;
            if let Some(answer) = answer
                && !answer.is_repeat
            {
                message.id = Some(answer.id.0);
            }
        }
        Ok(done)
    }

    /// Returns the message that has the deduplication id that message `number` has.
    fn repeated(&self, number: usize, dedup: Option<u8>) -> Result<Option<usize>, String> {
        let Some(dedup) = dedup else { return Ok(None) };
        let before = self.history.messages.get(..number).ok_or("no message")?;
        let is_it = |it: &Pushed| it.dedup == Some(dedup) && it.push.known(NEVER - 1) == Known::Yes;
        Ok(before.iter().position(is_it))
    }

    fn receive(&mut self, process: &Process, consumer: usize, most: usize) -> Result<Done, String> {
        let asked = self.asked();
        let deliveries = match process
            .consumer(consumer)?
            .receive_batch(most.max(1), Duration::ZERO)
        {
            Ok(deliveries) => deliveries,
            Err(error) => {
                // One of those that wait may have been delivered, as far as anybody knows.
                for message in &mut self.history.messages {
                    if let Some(deliveries) = message.deliveries.get_mut(consumer) {
                        deliveries.push(asked);
                    }
                }
                self.held.retain(|it| it.consumer != consumer);
                return Ok(Err(error));
            }
        };
        for delivery in deliveries {
            let number = judge::known(&self.history, &delivery)?;
            judge::delivered(
                &self.history,
                consumer,
                number,
                &delivery,
                self.sim.op_count(),
            )?;
            let message = self.history.messages.get_mut(number).ok_or("no message")?;
            let places = message.places(consumer, self.sim.op_count());
            if !places.contains(&Place::Waiting) {
                return Err(format!(
                    "message {number} is delivered, and should be {places:?}"
                ));
            }
            let place = (consumer, number);
            if self
                .hidden
                .get(&place)
                .is_some_and(|until| *until > self.now_ms)
            {
                return Err(format!(
                    "message {number} is delivered, and was out already"
                ));
            }
            let until = self.now_ms.saturating_add(VISIBILITY_MS);
            self.hidden.insert(place, until);
            message.id = Some(delivery.id().0);
            if let Some(deliveries) = message.deliveries.get_mut(consumer) {
                let mut asked = asked;
                asked.answered = self.sim.op_count();
                deliveries.push(asked);
            }
            self.spoil(consumer, number);
            self.held.push(Held {
                consumer,
                message: number,
                receipt: delivery.receipt(),
                is_good: true,
            });
        }
        Ok(Ok(()))
    }

    /// Notes that no receipt for a message is good any more.
    fn spoil(&mut self, consumer: usize, message: usize) {
        for held in &mut self.held {
            if (held.consumer, held.message) == (consumer, message) {
                held.is_good = false;
            }
        }
    }

    fn forget(&mut self, consumer: usize, message: usize) {
        self.held
            .retain(|it| (it.consumer, it.message) != (consumer, message));
    }

    /// Takes one of the receipts, good or not.
    fn pick(&self, place: usize) -> Option<Held> {
        let place = place.checked_rem(self.held.len())?;
        self.held.get(place).copied()
    }

    fn settle(&mut self, process: &Process, settle: Settle, held: Held) -> Result<Done, String> {
        let Held {
            consumer,
            message,
            receipt,
            ..
        } = held;
        let asked = self.asked();
        let it = process.consumer(consumer)?;
        let done = match settle {
            Settle::Ack => it.ack(receipt),
            Settle::Nack => it.nack(receipt, Duration::from_secs(1)),
            Settle::Extend => it.extend(receipt, Duration::from_mins(1)),
            Settle::Reject => it.reject(receipt, "for a test"),
            Settle::Transaction => return self.transact(process, held),
        };
        if !held.is_good {
            return stale(process, done);
        }
        self.settled(settle, consumer, message, asked, &done);
        Ok(done)
    }

    /// Notes what became of a message that was out.
    fn settled(
        &mut self,
        settle: Settle,
        consumer: usize,
        message: usize,
        mut asked: Asked,
        done: &Done,
    ) {
        self.note(&mut asked, done);
        let place = match settle {
            Settle::Ack | Settle::Transaction => Some(Place::Gone),
            Settle::Reject => Some(Place::Dead),
            Settle::Nack | Settle::Extend => None,
        };
        if let Some(place) = place
            && let Some(message) = self.history.messages.get_mut(message)
            && let Some(moves) = message.moves.get_mut(consumer)
        {
            moves.push((place, asked));
        }
        match (settle, done) {
            // Whether the receipt is good is not known any more.
            (_, Err(_)) => self.forget(consumer, message),
            (Settle::Extend, Ok(())) => {
                let until = self.now_ms.saturating_add(60_000);
                self.hidden.insert((consumer, message), until);
            }
            (Settle::Nack, Ok(())) => {
                self.spoil(consumer, message);
                let until = self.now_ms.saturating_add(1000);
                self.hidden.insert((consumer, message), until);
            }
            (Settle::Ack | Settle::Reject | Settle::Transaction, Ok(())) => {
                self.spoil(consumer, message);
                self.hidden.remove(&(consumer, message));
            }
        }
    }

    fn transact(&mut self, process: &Process, held: Held) -> Result<Done, String> {
        let push = Push {
            key: Some('a'),
            size: 8,
            dedup: None,
            delay_ms: 0,
        };
        let asked = self.asked();
        let (output, messages) = self.begin(&[push], true);
        let value = u64::try_from(output).unwrap_or(0).wrapping_add(1);
        let message = messages.into_iter().next().ok_or("no message")?;
        let transaction = process.queue.transaction();
        let transaction = transaction.ack(held.receipt).push(message);
        let committed = transaction.set(VALUE, value.to_string()).commit();
        let done = committed.as_ref().map(|_| ()).map_err(Clone::clone);
        if !held.is_good {
            if let Some(message) = self.history.messages.get_mut(output) {
                message.push.is_void = true;
            }
            return stale(process, done);
        }
        let mut noted = asked;
        self.note(&mut noted, &done);
        let message = self.history.messages.get_mut(output).ok_or("no message")?;
        message.push = noted;
        message.id = committed.ok().and_then(|all| all.first().map(|it| it.id.0));
        self.history.transactions.push(Transaction {
            input: (held.consumer, held.message),
            output,
            value,
            asked: noted,
        });
        self.settled(
            Settle::Transaction,
            held.consumer,
            held.message,
            asked,
            &done,
        );
        Ok(done)
    }

    fn ack_all(&mut self, process: &Process) -> Result<Done, String> {
        let asked = self.asked();
        let all = std::mem::take(&mut self.held);
        let good: Vec<Receipt> = all
            .iter()
            .filter(|it| it.is_good)
            .map(|it| it.receipt)
            .collect();
        let receipts: Vec<Receipt> = all.iter().map(|it| it.receipt).collect();
        // Receipts say whose they are.
        let acked = process.consumer(0)?.ack_batch(&receipts);
        if let Ok(stale) = &acked
            && stale.len() != all.len().saturating_sub(good.len())
        {
            return Err(format!(
                "{} receipts of {} were stale",
                stale.len(),
                all.len()
            ));
        }
        let done = acked.map(drop);
        for held in all.iter().filter(|it| it.is_good) {
            self.settled(Settle::Ack, held.consumer, held.message, asked, &done);
        }
        Ok(done)
    }

    fn redrive(&mut self, process: &Process, consumer: usize) -> Result<Done, String> {
        let mut asked = self.asked();
        let at = self.sim.op_count();
        let redriven = process.consumer(consumer)?.redrive(None);
        let done = redriven.as_ref().map(|_| ()).map_err(Clone::clone);
        self.note(&mut asked, &done);
        let mut dead = 0_usize;
        for message in &mut self.history.messages {
            if message.is_for(consumer) && message.places(consumer, at) == [Place::Dead] {
                dead = dead.saturating_add(1);
                if let Some(moves) = message.moves.get_mut(consumer) {
                    moves.push((Place::Waiting, asked));
                }
            }
        }
        match redriven {
            Ok(redriven) if redriven != dead => Err(format!(
                "{redriven} messages were redriven, and {dead} were dead"
            )),
            _ => Ok(done),
        }
    }
}

/// Checks that a receipt that is no good was refused.
fn stale(process: &Process, done: Done) -> Result<Done, String> {
    match done {
        Err(QueueError::StaleReceipt) => Ok(Ok(())),
        Err(error) if process.fuse.has_burnt() => Ok(Err(error)),
        Err(error) => Err(format!("refused with {}", told(&error))),
        Ok(()) => Err(String::from("a stale receipt was taken")),
    }
}
