//! What the workers of a queue said, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use super::options::{CONSUMERS, OUTPUTS};
use super::words::{Deed, Line};

/// What is known of something that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Known {
    /// It was not asked for, or turned out not to be done.
    #[default]
    No,
    /// It was asked for.
    Maybe,
    /// It was answered, or turned out to be done.
    Yes,
}

/// A message, as far as one consumer is concerned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) acked: Known,
    /// Attempts of the last delivery, and in which life that was.
    attempts: u32,
    life: u64,
    is_out: bool,
}

/// A message that somebody was about to push.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) pushed: Known,
    /// All that were pushed in one go.
    batch: Vec<u64>,
    key: Option<u8>,
    is_output: bool,
    pub(super) progress: [Progress; CONSUMERS.len()],
}

impl Message {
    pub(super) fn is_for(&self, consumer: usize) -> bool {
        self.is_output == (consumer == OUTPUTS)
    }
}

/// What the workers of a queue said, and what follows from it.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) messages: BTreeMap<u64, Message>,
    /// For each thread what it kept last.
    pub(super) values: BTreeMap<u8, u64>,
    /// What was asked for and not answered yet.
    doubts: Vec<Deed>,
    /// The messages of each key that are not done with by everybody, in order.
    keys: BTreeMap<u8, Vec<u64>>,
    pub(super) life: u64,
    pub(super) pushed: u64,
    pub(super) acked: u64,
    pub(super) transactions: u64,
    pub(super) deliveries: u64,
    pub(super) redeliveries: u64,
    pub(super) doubtful: u64,
}

/// What was found in a queue.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// For each consumer the messages that it is not done with, with their attempts.
    pub(super) waiting: [BTreeMap<u64, u32>; CONSUMERS.len()],
    pub(super) values: BTreeMap<u8, u64>,
}

impl Story {
    /// Begins with the next worker.
    pub(super) fn begin_life(&mut self) {
        self.life = self.life.saturating_add(1);
        for progress in self.messages.values_mut().flat_map(|it| &mut it.progress) {
            progress.is_out = false;
        }
    }

    /// Takes a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn hear(&mut self, line: &str) -> Result<(), String> {
        let wrong = |what: String| format!("{line}: {what}");
        match line.parse()? {
            Line::Asked(deed) => self.asked(deed),
            Line::Answered(deed) => self.answered(&deed).map_err(wrong)?,
            Line::Received {
                consumer,
                id,
                attempts,
            } => self.received(consumer, id, attempts).map_err(wrong)?,
        }
        Ok(())
    }

    fn asked(&mut self, deed: Deed) {
        match &deed {
            Deed::Push { key, ids } => {
                for id in ids {
                    self.add(*id, ids, *key, false);
                }
                if let Some(key) = key {
                    self.keys.entry(*key).or_default().extend(ids);
                }
            }
            Deed::Ack { consumer, ids } => self.set_acked(*consumer, ids, Known::Maybe),
            Deed::Transact {
                consumer,
                input,
                output,
                ..
            } => {
                self.set_acked(*consumer, &[*input], Known::Maybe);
                self.add(*output, &[*output], None, true);
            }
            Deed::Nack { consumer, id } => {
                if let Some(progress) = self.progress(*consumer, *id) {
                    progress.is_out = false;
                }
                return;
            }
        }
        self.doubts.push(deed);
    }

    fn add(&mut self, id: u64, batch: &[u64], key: Option<u8>, is_output: bool) {
        let message = Message {
            pushed: Known::Maybe,
            batch: batch.to_vec(),
            key,
            is_output,
            progress: Default::default(),
        };
        self.messages.insert(id, message);
    }

    fn progress(&mut self, consumer: usize, id: u64) -> Option<&mut Progress> {
        self.messages.get_mut(&id)?.progress.get_mut(consumer)
    }

    fn set_acked(&mut self, consumer: usize, ids: &[u64], known: Known) {
        for id in ids {
            if let Some(progress) = self.progress(consumer, *id) {
                progress.acked = known;
                progress.is_out &= known != Known::Yes;
            }
        }
    }

    fn set_pushed(&mut self, ids: &[u64], known: Known) {
        for id in ids {
            if let Some(message) = self.messages.get_mut(id) {
                message.pushed = known;
            }
        }
    }

    fn answered(&mut self, deed: &Deed) -> Result<(), String> {
        let at = self.doubts.iter().position(|it| it == deed);
        self.doubts.remove(at.ok_or("nobody asked for that")?);
        self.done(deed);
        Ok(())
    }

    /// Notes that it was done.
    fn done(&mut self, deed: &Deed) {
        match deed {
            Deed::Push { ids, .. } => {
                self.set_pushed(ids, Known::Yes);
                self.pushed = self.pushed.saturating_add(1);
            }
            Deed::Ack { consumer, ids } => {
                self.set_acked(*consumer, ids, Known::Yes);
                self.acked = self.acked.saturating_add(1);
            }
            Deed::Transact {
                consumer,
                input,
                output,
                thread,
            } => {
                self.set_acked(*consumer, &[*input], Known::Yes);
                self.set_pushed(&[*output], Known::Yes);
                self.values.insert(*thread, *output);
                self.transactions = self.transactions.saturating_add(1);
            }
            Deed::Nack { .. } => {}
        }
    }

    fn received(&mut self, consumer: usize, id: u64, attempts: u32) -> Result<(), String> {
        self.attempts_fit((consumer, id), attempts, self.life)?;
        self.is_its_turn(consumer, id)?;
        let life = self.life;
        let message = self.messages.get_mut(&id).ok_or("nobody pushed it")?;
        let batch = message.batch.clone();
        let progress = message.progress.get_mut(consumer).ok_or("no consumer")?;
        match progress.acked {
            Known::No => {}
            Known::Maybe => return Err(String::from("it is being acknowledged")),
            Known::Yes => return Err(String::from("it was acknowledged")),
        }
        if progress.is_out {
            return Err(String::from("it is out already"));
        }
        let is_again = progress.life != 0;
        *progress = Progress {
            attempts,
            life,
            is_out: true,
            ..*progress
        };
        self.deliveries = self.deliveries.saturating_add(1);
        self.redeliveries = self.redeliveries.saturating_add(u64::from(is_again));
        // What was delivered was pushed, and all that was pushed with it.
        self.set_pushed(&batch, Known::Yes);
        Ok(())
    }

    /// Checks that all deliveries of a message before `life` were counted, and at most one that nobody heard
    /// of for each process that was killed.
    fn attempts_fit(
        &self,
        (consumer, id): (usize, u64),
        attempts: u32,
        life: u64,
    ) -> Result<(), String> {
        let message = self.messages.get(&id).ok_or("nobody pushed it")?;
        if !message.is_for(consumer) {
            return Err(String::from("it is of another topic"));
        }
        let progress = message.progress.get(consumer).ok_or("no consumer")?;
        let born = id >> 32;
        let unheard = life.saturating_sub(progress.life.max(born));
        let least = u64::from(progress.attempts).saturating_add(1);
        let most = least.saturating_add(unheard);
        if (least..=most).contains(&u64::from(attempts)) {
            return Ok(());
        }
        Err(format!(
            "delivery {attempts}, which should be {least} to {most}"
        ))
    }

    /// Checks that a message is the first of its key that its consumer is not done with.
    fn is_its_turn(&self, consumer: usize, id: u64) -> Result<(), String> {
        let key = self.messages.get(&id).and_then(|it| it.key);
        let Some(all) = key.and_then(|key| self.keys.get(&key)) else {
            return Ok(());
        };
        let is_done = |id: &&u64| {
            let message = self.messages.get(*id);
            let progress = message.and_then(|it| it.progress.get(consumer));
            progress.is_none_or(|it| it.acked != Known::No)
        };
        match all.iter().find(|it| !is_done(it)) {
            Some(first) if *first != id => Err(format!("of its key, {first} comes first")),
            _ => Ok(()),
        }
    }

    /// Holds what was found after the death of a worker to what it said, and settles what is in doubt.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn settle(&mut self, found: &Found) -> Result<(), String> {
        let doubts = std::mem::take(&mut self.doubts);
        self.doubtful = self
            .doubtful
            .saturating_add(u64::try_from(doubts.len()).unwrap_or(0));
        for deed in &doubts {
            if self.was_done(deed, found)? {
                self.done(deed);
            } else {
                self.undo(deed);
            }
        }
        let next = self.life.saturating_add(1);
        for (consumer, waiting) in found.waiting.iter().enumerate() {
            for (id, attempts) in waiting {
                let wrong = |what| format!("message {id} of consumer {consumer}: {what}");
                self.attempts_fit((consumer, *id), *attempts, next)
                    .map_err(wrong)?;
            }
            for (id, message) in self.messages.iter().filter(|(_, it)| it.is_for(consumer)) {
                let acked = message.progress.get(consumer).map(|it| it.acked);
                let is_acked = acked == Some(Known::Yes);
                if is_acked == waiting.contains_key(id) {
                    let what = if is_acked { "came back" } else { "is lost" };
                    return Err(format!(
                        "message {id} of consumer {consumer} {what}: {message:?}"
                    ));
                }
            }
        }
        if found.values != self.values {
            return Err(format!(
                "the values are {:?}, which should be {:?}",
                found.values, self.values
            ));
        }
        self.forget_what_is_over();
        Ok(())
    }

    /// Returns whether what was in doubt was done, as a whole.
    fn was_done(&self, deed: &Deed, found: &Found) -> Result<bool, String> {
        let is_waiting = |consumer: usize, id: &u64| {
            let waiting = found.waiting.get(consumer);
            waiting.is_some_and(|it| it.contains_key(id))
        };
        let mut ways = BTreeSet::new();
        match deed {
            Deed::Push { ids, .. } => {
                for id in ids {
                    let message = self.messages.get(id).ok_or("no such message")?;
                    for consumer in (0..CONSUMERS.len()).filter(|it| message.is_for(*it)) {
                        // What was received was there, whatever became of it.
                        let is_known = message.pushed == Known::Yes;
                        ways.insert(is_known || is_waiting(consumer, id));
                    }
                }
            }
            Deed::Ack { consumer, ids } => {
                ways.extend(ids.iter().map(|id| !is_waiting(*consumer, id)));
            }
            Deed::Transact {
                consumer,
                input,
                output,
                thread,
            } => {
                let pushed = self.messages.get(output).map(|it| it.pushed);
                ways.insert(!is_waiting(*consumer, input));
                ways.insert(pushed == Some(Known::Yes) || is_waiting(OUTPUTS, output));
                ways.insert(found.values.get(thread) == Some(output));
            }
            Deed::Nack { .. } => {}
        }
        if ways.len() > 1 {
            return Err(format!("{deed}: it was done in part"));
        }
        Ok(ways.contains(&true))
    }

    fn undo(&mut self, deed: &Deed) {
        let (gone, kept): (&[u64], _) = match deed {
            Deed::Push { ids, .. } => (ids, None),
            Deed::Ack { consumer, ids } => (&[], Some((*consumer, ids.as_slice()))),
            Deed::Transact {
                consumer,
                input,
                output,
                ..
            } => (
                std::slice::from_ref(output),
                Some((*consumer, std::slice::from_ref(input))),
            ),
            Deed::Nack { .. } => (&[], None),
        };
        for id in gone {
            self.messages.remove(id);
        }
        if let Some((consumer, ids)) = kept {
            self.set_acked(consumer, ids, Known::No);
        }
    }

    /// Shortens the lists of keys by what everybody is done with.
    fn forget_what_is_over(&mut self) {
        let messages = &self.messages;
        for all in self.keys.values_mut() {
            all.retain(|id| {
                messages.get(id).is_some_and(|it| {
                    let progress = it.progress.iter().enumerate();
                    let mut own = progress.filter(|(consumer, _)| it.is_for(*consumer));
                    own.any(|(_, progress)| progress.acked == Known::No)
                })
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a worker said, and what was found then.
    fn told(lines: &[&str], found: &Found) -> Result<(), String> {
        let mut story = Story::default();
        story.begin_life();
        lines.iter().try_for_each(|line| story.hear(line))?;
        story.settle(found)
    }

    fn waiting(all: [&[(u64, u32)]; 3]) -> Found {
        Found {
            waiting: all.map(|it| it.iter().copied().collect()),
            ..Found::default()
        }
    }

    const A: u64 = 1 << 32;
    const B: u64 = A + 1;

    fn line(text: &str) -> String {
        text.replace('A', &A.to_string())
            .replace('B', &B.to_string())
    }

    #[track_caller]
    fn is_wrong(lines: &[&str], found: &Found, what: &str) {
        let lines: Vec<String> = lines.iter().map(|it| line(it)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let error = told(&lines, found).unwrap_err();
        assert!(error.contains(what), "{error}");
    }

    #[track_caller]
    fn is_right(lines: &[&str], found: &Found) {
        let lines: Vec<String> = lines.iter().map(|it| line(it)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(told(&lines, found), Ok(()));
    }

    #[test]
    fn what_was_acknowledged_to_a_producer_is_missed() {
        let pushed = ["? push - A B", "! push - A B"];
        is_right(
            &pushed,
            &waiting([&[(A, 1), (B, 1)], &[(A, 1), (B, 2)], &[]]),
        );
        is_wrong(
            &pushed,
            &waiting([&[(A, 1)], &[(A, 1), (B, 1)], &[]]),
            "is lost",
        );
        // Without an answer it may be gone, but not in part.
        let asked = ["? push - A B"];
        is_right(&asked, &waiting([&[], &[], &[]]));
        is_wrong(&asked, &waiting([&[(A, 1)], &[(A, 1)], &[]]), "in part");
    }

    #[test]
    fn what_a_consumer_acknowledged_is_not_to_come_back() {
        let acked = [
            "? push - A",
            "! push - A",
            "< 0 A 1",
            "? ack 0 A",
            "! ack 0 A",
        ];
        is_right(&acked, &waiting([&[], &[(A, 1)], &[]]));
        is_wrong(&acked, &waiting([&[(A, 2)], &[(A, 1)], &[]]), "came back");
        is_wrong(
            &[&acked[..], &["< 0 A 2"]].concat(),
            &Found::default(),
            "was acknowledged",
        );
        // Without an answer it may.
        is_right(&acked[..4], &waiting([&[(A, 2)], &[(A, 1)], &[]]));
    }

    #[test]
    fn attempts_are_counted() {
        let received = ["? push - A", "! push - A", "< 0 A 1"];
        is_right(&received, &waiting([&[(A, 2)], &[(A, 1)], &[]]));
        is_wrong(
            &received,
            &waiting([&[(A, 1)], &[(A, 1)], &[]]),
            "delivery 1",
        );
        is_wrong(
            &received,
            &waiting([&[(A, 4)], &[(A, 1)], &[]]),
            "delivery 4",
        );
        let twice = [&received[..], &["< 0 A 2"]].concat();
        is_wrong(&twice, &Found::default(), "out already");
        let again = [&received[..], &["? nack 0 A", "< 0 A 1"]].concat();
        is_wrong(&again, &Found::default(), "delivery 1");
    }

    #[test]
    fn transactions_are_whole() {
        let lines = ["? push - A", "! push - A", "< 0 A 1", "? transact 0 A B 3"];
        let mut done = waiting([&[], &[(A, 1)], &[(B, 1)]]);
        is_wrong(&lines, &done, "in part");
        done.values.insert(3, B);
        is_right(&lines, &done);
        is_right(&lines, &waiting([&[(A, 2)], &[(A, 1)], &[]]));
        is_wrong(
            &lines,
            &waiting([&[(A, 2)], &[(A, 1)], &[(B, 1)]]),
            "in part",
        );
        let answered = [&lines[..], &["! transact 0 A B 3"]].concat();
        is_right(&answered, &done);
        is_wrong(&answered, &waiting([&[], &[(A, 1)], &[(B, 1)]]), "values");
    }

    #[test]
    fn a_key_is_in_order() {
        let pushed = ["? push 1 A B", "! push 1 A B"];
        is_wrong(
            &[&pushed[..], &["< 0 B 1"]].concat(),
            &Found::default(),
            "comes first",
        );
        let found = waiting([&[(B, 2)], &[(A, 1), (B, 1)], &[]]);
        is_right(
            &[&pushed[..], &["< 0 A 1", "? ack 0 A", "< 0 B 1"]].concat(),
            &found,
        );
    }
}
