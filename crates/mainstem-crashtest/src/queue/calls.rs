//! Carries out what brings messages in and hands them out, and holds the answers to what was there.

use std::time::Duration;

use mainstem_queue::{Delivery, Message, Outcome, Pushed as Answer};

use super::history::{Asked, Known, NEVER, Place, Pushed};
use super::judge;
use super::process::{OUT, Process, VISIBILITY_MS};
use super::run::{Done, Held, Run};
use super::step::{CONSUMERS, Push};
use crate::sim::rng::payload;

impl Run {
    pub(super) fn asked(&self) -> Asked {
        Asked::now(self.sim.op_count())
    }

    pub(super) fn note(&self, asked: &mut Asked, done: &Done) {
        match done {
            Ok(()) => asked.answered = self.sim.op_count(),
            Err(error) => asked.is_void = error.outcome() == Outcome::NotApplied,
        }
    }

    /// Notes that messages are about to be pushed, and returns them and the number of the first.
    pub(super) fn begin(&mut self, pushes: &[Push], is_out: bool) -> (usize, Vec<Message>) {
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
            let due_ms = self.now_ms.saturating_add(push.delay_ms);
            self.delayed.insert(self.history.messages.len(), due_ms);
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

    pub(super) fn push(&mut self, process: &Process, pushes: &[Push]) -> Result<Done, String> {
        let (first, messages) = self.begin(pushes, false);
        let pushed = Self::call(|| process.queue.push_batch(&messages))?;
        let done = pushed.as_ref().map(|_| ()).map_err(Clone::clone);
        for (number, push) in (first..).zip(pushes) {
            let mut asked = self.history.messages.get(number).ok_or("no message")?.push;
            self.note(&mut asked, &done);
            let mut id = None;
            if let Ok(all) = &pushed {
                let answer = all.get(number.saturating_sub(first));
                let answer = answer.ok_or("fewer answers than messages")?;
                self.answered(number, push.dedup, answer)?;
                asked.is_void = answer.is_repeat;
                id = (!answer.is_repeat).then_some(answer.id.0);
            }
            let message = self.history.messages.get_mut(number).ok_or("no message")?;
            message.push = asked;
            message.id = id;
        }
        Ok(done)
    }

    /// Checks whether message `number` repeats what the answer says, and learns from it whether those that
    /// it may repeat are there.
    fn answered(
        &mut self,
        number: usize,
        dedup: Option<u8>,
        answer: &Answer,
    ) -> Result<(), String> {
        let (mut first, mut doubtful) = (None, Vec::new());
        if dedup.is_some() {
            let earlier = self.history.messages.iter().enumerate().take(number);
            for (at, message) in earlier.filter(|(_, it)| it.dedup == dedup) {
                match message.push.known(NEVER - 1) {
                    Known::Yes => first = first.or(Some(at)),
                    Known::Maybe => doubtful.push(at),
                    Known::No => {}
                }
            }
        }
        let is_expected = match first {
            Some(_) => answer.is_repeat,
            None => !answer.is_repeat || !doubtful.is_empty(),
        };
        let repeated = match (first, doubtful.as_slice()) {
            (None, [only]) if answer.is_repeat => Some(*only),
            _ => first,
        };
        let id = repeated.and_then(|it| self.history.messages.get(it)?.id);
        if !is_expected || id.is_some_and(|id| answer.is_repeat && id != answer.id.0) {
            return Err(format!(
                "message {number} repeats {repeated:?} with id {id:?}, answered {answer:?}"
            ));
        }
        let now = self.sim.op_count();
        for at in doubtful {
            let is_there = answer.is_repeat && repeated == Some(at);
            if let Some(message) = self.history.messages.get_mut(at)
                && (is_there || !answer.is_repeat)
            {
                message.push.settle(is_there, now);
                message.id = is_there.then_some(answer.id.0);
            }
        }
        Ok(())
    }

    pub(super) fn receive(
        &mut self,
        process: &Process,
        consumer: usize,
        most: usize,
    ) -> Result<Done, String> {
        let mut asked = self.asked();
        let it = process.consumer(consumer)?;
        let received = Self::call(|| it.receive_batch(most.max(1), Duration::ZERO))?;
        let done = received.as_ref().map(|_| ()).map_err(Clone::clone);
        self.note(&mut asked, &done);
        for delivery in received.iter().flatten() {
            self.received(consumer, delivery, asked)?;
        }
        if done.is_err() && !asked.is_void {
            // One of those that wait may have been delivered, as far as anybody knows.
            for message in &mut self.history.messages {
                if let Some(deliveries) = message.deliveries.get_mut(consumer) {
                    deliveries.push(asked);
                }
            }
            self.held.retain(|it| it.consumer != consumer);
        }
        Ok(done)
    }

    /// Checks a delivery, and takes note of it.
    fn received(
        &mut self,
        consumer: usize,
        delivery: &Delivery,
        asked: Asked,
    ) -> Result<(), String> {
        let at = self.sim.op_count();
        let number = judge::known(&self.history, delivery)?;
        judge::delivered(&self.history, consumer, number, delivery, at)?;
        self.is_its_turn(consumer, number)?;
        self.history.was_there(number, at);
        let message = self.history.messages.get_mut(number).ok_or("no message")?;
        message.id = Some(delivery.id().0);
        if let Some(moves) = message.moves.get_mut(consumer) {
            // Had what is in doubt been done, it would not be delivered.
            for (place, asked) in moves {
                asked.settle(*place == Place::Waiting, at);
            }
        }
        if let Some(deliveries) = message.deliveries.get_mut(consumer) {
            deliveries.push(asked);
        }
        let until = self.now_ms.saturating_add(VISIBILITY_MS);
        self.hidden.insert((consumer, number), until);
        self.spoil(consumer, number);
        self.held.push(Held {
            consumer,
            message: number,
            receipt: delivery.receipt(),
            is_good: true,
        });
        Ok(())
    }

    /// Checks that nothing keeps message `number` from being delivered to a consumer.
    fn is_its_turn(&self, consumer: usize, number: usize) -> Result<(), String> {
        let at = self.sim.op_count();
        let message = self.history.messages.get(number).ok_or("no message")?;
        let places = message.places(consumer, at);
        if !places.contains(&Place::Waiting) {
            return Err(format!(
                "message {number} is delivered, and should be {places:?}"
            ));
        }
        let is_later = |until: Option<&u64>| until.is_some_and(|until| *until > self.now_ms);
        if is_later(self.hidden.get(&(consumer, number))) {
            return Err(format!(
                "message {number} is delivered, and was out already"
            ));
        }
        if is_later(self.delayed.get(&number)) {
            return Err(format!("message {number} is delivered, and is not due"));
        }
        let Some(key) = message.key else {
            return Ok(());
        };
        let earlier = self.history.messages.iter().take(number);
        let holds_up = |it: &Pushed| {
            it.key == Some(key)
                && it.is_for(consumer)
                && !it.ever_dead(consumer)
                && it.places(consumer, at) == [Place::Waiting]
        };
        match earlier.into_iter().position(holds_up) {
            Some(first) => Err(format!(
                "message {number} is delivered before {first}, which has its key {key}"
            )),
            None => Ok(()),
        }
    }

    /// Notes that no receipt for a message is good any more.
    pub(super) fn spoil(&mut self, consumer: usize, message: usize) {
        debug_assert!(consumer < CONSUMERS, "there are so many");
        for held in &mut self.held {
            if (held.consumer, held.message) == (consumer, message) {
                held.is_good = false;
            }
        }
    }

    pub(super) fn forget(&mut self, consumer: usize, message: usize) {
        self.held
            .retain(|it| (it.consumer, it.message) != (consumer, message));
    }

    /// Takes one of the receipts, good or not.
    pub(super) fn pick(&self, place: usize) -> Option<Held> {
        let place = place.checked_rem(self.held.len())?;
        self.held.get(place).copied()
    }
}
