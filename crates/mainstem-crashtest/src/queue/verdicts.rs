//! Carries out what is said about messages that were delivered.

use std::time::Duration;

use mainstem_queue::{Outcome, QueueError, Receipt};

use super::history::{Asked, Place, Transaction};
use super::judge::{REASON, VALUE};
use super::process::Process;
use super::run::{Done, Held, Run};
use super::step::{Push, Settle};
use crate::sim::told::{is_want_of_space, told};

/// After how long a message that is given back may come again, in ms.
const NACK_MS: u64 = 1000;
/// For how long an extension hides a message, in ms.
const EXTENSION_MS: u64 = 60_000;

impl Run {
    pub(super) fn settle(
        &mut self,
        process: &Process,
        settle: Settle,
        held: Held,
    ) -> Result<Done, String> {
        let receipt = held.receipt;
        let asked = self.asked();
        let it = process.consumer(held.consumer)?;
        let done = match settle {
            Settle::Ack => Self::call(|| it.ack(receipt))?,
            Settle::Nack => Self::call(|| it.nack(receipt, Duration::from_millis(NACK_MS)))?,
            Settle::Extend => {
                Self::call(|| it.extend(receipt, Duration::from_millis(EXTENSION_MS)))?
            }
            Settle::Reject => Self::call(|| it.reject(receipt, REASON))?,
            Settle::Transaction => return self.transact(process, held),
        };
        if !held.is_good {
            return self.stale(process, done);
        }
        self.settled(settle, (held.consumer, held.message), asked, &done);
        Ok(done)
    }

    /// Notes what became of a message that was out.
    fn settled(
        &mut self,
        settle: Settle,
        (consumer, message): (usize, usize),
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
        let until = |ms: u64| self.now_ms.saturating_add(ms);
        match (settle, done) {
            (Settle::Extend, Ok(())) => {
                self.hidden.insert((consumer, message), until(EXTENSION_MS));
            }
            (Settle::Nack, Ok(())) => {
                self.hidden.insert((consumer, message), until(NACK_MS));
                self.spoil(consumer, message);
            }
            (Settle::Ack | Settle::Reject | Settle::Transaction, Ok(())) => {
                self.hidden.remove(&(consumer, message));
                self.spoil(consumer, message);
            }
            // Nothing was done: the receipt is as good as it was.
            (_, Err(error)) if error.outcome() == Outcome::NotApplied => {}
            (settle, Err(_)) => {
                let soon = until(NACK_MS);
                if settle == Settle::Nack
                    && let Some(hidden) = self.hidden.get_mut(&(consumer, message))
                {
                    *hidden = soon.min(*hidden);
                }
                self.forget(consumer, message);
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
        let transaction = transaction.set(VALUE, value.to_string());
        let committed = Self::call(|| transaction.commit())?;
        let done = committed.as_ref().map(|_| ()).map_err(Clone::clone);
        let message = self.history.messages.get_mut(output).ok_or("no message")?;
        if !held.is_good {
            message.push.is_void = true;
            return self.stale(process, done);
        }
        message.id = committed.ok().and_then(|all| all.first().map(|it| it.id.0));
        let mut noted = asked;
        self.note(&mut noted, &done);
        let message = self.history.messages.get_mut(output).ok_or("no message")?;
        message.push = noted;
        self.history.transactions.push(Transaction {
            input: (held.consumer, held.message),
            output,
            value,
            asked: noted,
        });
        let input = (held.consumer, held.message);
        self.settled(Settle::Transaction, input, asked, &done);
        Ok(done)
    }

    pub(super) fn ack_all(&mut self, process: &Process) -> Result<Done, String> {
        let asked = self.asked();
        let all = self.held.clone();
        let good = all.iter().filter(|it| it.is_good).count();
        let receipts: Vec<Receipt> = all.iter().map(|it| it.receipt).collect();
        // Receipts say whose they are.
        let it = process.consumer(0)?;
        let acked = Self::call(|| it.ack_batch(&receipts))?;
        if let Ok(stale) = &acked
            && stale.len() != all.len().saturating_sub(good)
        {
            return Err(format!(
                "{} receipts of {} were stale, and {good} were good",
                stale.len(),
                all.len()
            ));
        }
        let done = acked.map(drop);
        for held in all.iter().filter(|it| it.is_good) {
            self.settled(Settle::Ack, (held.consumer, held.message), asked, &done);
        }
        if done.is_ok() {
            self.held.clear();
        }
        Ok(done)
    }

    pub(super) fn redrive(&mut self, process: &Process, consumer: usize) -> Result<Done, String> {
        let mut asked = self.asked();
        let at = self.sim.op_count();
        let it = process.consumer(consumer)?;
        let redriven = Self::call(|| it.redrive(None))?;
        let done = redriven.as_ref().map(|_| ()).map_err(Clone::clone);
        self.note(&mut asked, &done);
        let (mut dead, mut doubtful) = (0_usize, 0_usize);
        for message in &mut self.history.messages {
            if !message.is_for(consumer) {
                continue;
            }
            let places = message.places(consumer, at);
            let mut asked = asked;
            if places == [Place::Dead] {
                dead = dead.saturating_add(1);
            } else if places.contains(&Place::Dead) {
                doubtful = doubtful.saturating_add(1);
                asked.answered = super::history::NEVER;
            } else {
                continue;
            }
            if let Some(moves) = message.moves.get_mut(consumer) {
                moves.push((Place::Waiting, asked));
            }
        }
        let most = dead.saturating_add(doubtful);
        match redriven {
            Ok(redriven) if !(dead..=most).contains(&redriven) => Err(format!(
                "{redriven} messages were redriven, and {dead} to {most} were dead"
            )),
            _ => Ok(done),
        }
    }

    /// Checks that a receipt that is no good was refused.
    fn stale(&self, process: &Process, done: Done) -> Result<Done, String> {
        let may_fail = self.is_faulty || process.fuse.has_burnt();
        match done {
            Err(QueueError::StaleReceipt) => Ok(Ok(())),
            Err(error) if may_fail => Ok(Err(error)),
            Err(error) if self.is_full && is_want_of_space(&error) => Ok(Err(error)),
            Err(error) => Err(format!("refused with {}", told(&error))),
            Ok(()) => Err(String::from("a stale receipt was taken")),
        }
    }
}
