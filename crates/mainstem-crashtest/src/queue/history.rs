//! What was asked of a queue, and what it answered.

use super::judge::Seen;
use super::step::{CONSUMERS, OUTPUTS};

/// Later than every operation of the disk.
pub const NEVER: u64 = u64::MAX;

/// Something that was asked for, and when: in operations of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the judge looks at all of it")]
pub struct Asked {
    /// How many were done before it.
    pub begun: u64,
    /// How many were done when it was answered; [`NEVER`] without an answer.
    pub answered: u64,
    /// Whether it is known that nothing came of it.
    pub is_void: bool,
}

/// What is known of something that was asked for, after a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the judge handles all of them")]
pub enum Known {
    /// It was done.
    Yes,
    /// It was not.
    No,
    /// It was or was not.
    Maybe,
}

impl Asked {
    /// Returns something that is asked for now.
    pub fn now(begun: u64) -> Self {
        Self {
            begun,
            answered: NEVER,
            is_void: false,
        }
    }

    /// Returns what is known of it after a loss of power at `at`.
    pub fn known(&self, at: u64) -> Known {
        if self.is_void || self.begun > at {
            Known::No
        } else if self.answered <= at {
            Known::Yes
        } else {
            Known::Maybe
        }
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.answered == NEVER && !self.is_void
    }

    /// Notes that what was in doubt turned out to be done, or not to be, and that `now` it is durable.
    pub(super) fn settle(&mut self, is_done: bool, now: u64) {
        if !self.is_in_doubt() {
            return;
        }
        if is_done {
            self.answered = now;
        } else {
            self.is_void = true;
        }
    }
}

/// Where a message is for a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the judge handles all of them")]
pub enum Place {
    /// It is to be delivered, some time.
    Waiting,
    /// It is dead.
    Dead,
    /// It is done with, or never was.
    Gone,
}

/// A message that was pushed, or asked to be.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the judge looks at all of it")]
pub struct Pushed {
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its ordering key.
    pub key: Option<char>,
    /// Its deduplication id.
    pub dedup: Option<u8>,
    /// Whether it is of the topic of transactions.
    pub is_out: bool,
    /// Which batch it is in.
    pub batch: usize,
    /// The push.
    pub push: Asked,
    /// Its id, once it is known.
    pub id: Option<u64>,
    /// For each consumer where it went, and why it may have.
    pub moves: [Vec<(Place, Asked)>; CONSUMERS],
    /// For each consumer its deliveries.
    pub deliveries: [Vec<Asked>; CONSUMERS],
}

impl Pushed {
    /// Returns whether it is one of a consumer's.
    pub fn is_for(&self, consumer: usize) -> bool {
        self.is_out == (consumer == OUTPUTS)
    }

    /// Returns where it may be for a consumer after a loss of power at `at`.
    pub fn places(&self, consumer: usize, at: u64) -> Vec<Place> {
        let mut places = match self.push.known(at) {
            Known::No => return vec![Place::Gone],
            Known::Yes => vec![Place::Waiting],
            Known::Maybe => vec![Place::Waiting, Place::Gone],
        };
        for (place, asked) in self.moves.get(consumer).into_iter().flatten() {
            match asked.known(at) {
                Known::No => {}
                Known::Yes => places = vec![*place],
                Known::Maybe => places.push(*place),
            }
        }
        places
    }

    /// Returns whether it ever was dead for a consumer, or may have been.
    pub fn ever_dead(&self, consumer: usize) -> bool {
        let moves = self.moves.get(consumer).into_iter().flatten();
        moves
            .into_iter()
            .any(|(place, asked)| *place == Place::Dead && !asked.is_void)
    }
}

/// A transaction: everything in it happens, or nothing.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the judge looks at all of it")]
pub struct Transaction {
    /// The message that is acknowledged, and whose.
    pub input: (usize, usize),
    /// The message that is pushed.
    pub output: usize,
    /// The value that is set.
    pub value: u64,
    /// The commit.
    pub asked: Asked,
}

/// All that was asked for.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the judge looks at all of it")]
pub struct History {
    /// How many operations of the disk were done when the queue was first open, with its consumers;
    /// [`NEVER`] before.
    pub opened: u64,
    /// All messages, in the order of pushing.
    pub messages: Vec<Pushed>,
    /// All transactions, in order.
    pub transactions: Vec<Transaction>,
    /// How many batches there were.
    pub batches: usize,
}

impl Default for History {
    /// Returns that of a queue that was never open.
    fn default() -> Self {
        Self {
            opened: NEVER,
            messages: Vec::new(),
            transactions: Vec::new(),
            batches: 0,
        }
    }
}

impl History {
    /// Notes that `now` message `number` was seen: it was pushed, whatever was answered, and so was all
    /// that is as one with it.
    pub(super) fn was_there(&mut self, number: usize, now: u64) {
        let Some(message) = self.messages.get(number) else {
            return;
        };
        if !message.push.is_in_doubt() {
            return;
        }
        let batch = message.batch;
        let together = self.messages.iter_mut();
        for other in together.filter(|it| it.batch == batch && it.dedup.is_none()) {
            other.push.settle(true, now);
        }
        if let Some(message) = self.messages.get_mut(number) {
            message.push.settle(true, now);
        }
        let mut all = self.transactions.iter_mut();
        let Some(transaction) = all.find(|it| it.output == number) else {
            return;
        };
        let (asked, (consumer, input)) = (transaction.asked, transaction.input);
        transaction.asked.settle(true, now);
        let input = self.messages.get_mut(input);
        let moves = input.and_then(|it| it.moves.get_mut(consumer));
        for (_, it) in moves.into_iter().flatten() {
            if *it == asked {
                it.settle(true, now);
            }
        }
    }

    /// Takes what was in doubt for what was found; a new process has made it durable by `now`.
    pub fn settle(&mut self, seen: &Seen, now: u64) {
        for transaction in &mut self.transactions {
            let is_done = seen.place(OUTPUTS, transaction.output) != Place::Gone;
            transaction.asked.settle(is_done, now);
        }
        for (number, message) in self.messages.iter_mut().enumerate() {
            let is_there = (0..CONSUMERS).any(|it| seen.place(it, number) != Place::Gone);
            message.push.settle(is_there, now);
            for (consumer, moves) in message.moves.iter_mut().enumerate() {
                let place = seen.place(consumer, number);
                for (to, asked) in moves {
                    asked.settle(*to == place, now);
                }
            }
            // Whether a delivery was counted that nobody got shows when it is delivered again.
        }
    }

    /// Returns what is left of this after a loss of power at `at`, as it was found.
    #[must_use]
    pub fn of_survivors(&self, at: u64, seen: &Seen) -> Self {
        let mut next = self.clone();
        next.opened = 0;
        // What was asked for after the loss never was, and an answer after it never came.
        let cut = |asked: &mut Asked| {
            let known = asked.known(at);
            *asked = Asked {
                begun: 0,
                answered: if known == Known::Yes { 0 } else { NEVER },
                is_void: known == Known::No,
            };
        };
        for message in &mut next.messages {
            cut(&mut message.push);
            for (_, asked) in message.moves.iter_mut().flatten() {
                cut(asked);
            }
            message.deliveries.iter_mut().flatten().for_each(cut);
        }
        for transaction in &mut next.transactions {
            cut(&mut transaction.asked);
        }
        next.settle(seen, 0);
        next
    }
}
