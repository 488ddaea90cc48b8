//! Holds a queue to its history, by draining a copy of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_queue::Delivery;

use super::history::{History, Known, Place};
use super::process::Process;
use super::step::{CONSUMERS, OUTPUTS};
use crate::sim::run::CAPACITY;
use crate::sim::told::{is_want_of_space, told};

/// The key of the value that transactions set.
pub(super) const VALUE: &str = "last";
/// Why messages are rejected.
pub(super) const REASON: &str = "for a test";

/// Later than any delay in a plan, and long before ids are forgotten.
const ALL_DUE: Duration = Duration::from_mins(10);

/// What was found in a queue.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// For each consumer, by the number of the message: where it is, if it is not gone.
    places: Vec<BTreeMap<usize, Place>>,
    /// The value that was set last.
    pub value: u64,
}

impl Seen {
    /// Returns where a message is for a consumer.
    pub fn place(&self, consumer: usize, message: usize) -> Place {
        let place = self.places.get(consumer).and_then(|it| it.get(&message));
        place.copied().unwrap_or(Place::Gone)
    }
}

/// Opens a copy of what is on `sim`, drains it, and judges it by what was promised before the loss of
/// power at `at`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn judge(history: &History, sim: &Sim, at: u64) -> Result<Seen, String> {
    judge_in_place(history, &sim.process_crash(), at)
}

/// As [`judge`], of what is on `sim` itself, which is used up.
///
/// # Errors
/// What is wrong with it.
pub(super) fn judge_in_place(history: &History, sim: &Sim, at: u64) -> Result<Seen, String> {
    let mut process = Process::start(sim, None);
    if let Err(error) = &process
        && is_want_of_space(error)
        && history.opened > at
    {
        // A queue cannot be made on a full disk. One that is there can be opened.
        sim.set_capacity(CAPACITY);
        process = Process::start(sim, None);
    }
    let process = process.map_err(|error| format!("open: {}", told(&error)))?;
    // What is delivered is written down before.
    sim.set_capacity(CAPACITY);
    let seen = drained(history, sim, &process, at)?;
    places(history, &seen, at)?;
    batches(history, &seen, at)?;
    repeats(history, &seen)?;
    transactions(history, &seen, at)?;
    sim.violation().map_or(Ok(seen), Err)
}

/// Takes everything out of a queue.
fn drained(history: &History, sim: &Sim, process: &Process, at: u64) -> Result<Seen, String> {
    let mut seen = Seen {
        value: value_of(process)?,
        ..Seen::default()
    };
    let stats = process.queue.stats().map_err(|error| told(&error))?;
    sim.advance(ALL_DUE);
    for consumer in 0..CONSUMERS {
        let wrong = |what: String| format!("consumer {consumer}: {what}");
        let mut places = BTreeMap::new();
        dead(history, process, consumer, &mut places).map_err(wrong)?;
        let mut last_of_key = BTreeMap::new();
        loop {
            let it = process.consumer(consumer)?;
            let delivery = it.receive(Duration::ZERO).map_err(|error| told(&error))?;
            let Some(delivery) = delivery else { break };
            let number = known(history, &delivery).map_err(wrong)?;
            delivered(history, consumer, number, &delivery, at).map_err(wrong)?;
            if places.insert(number, Place::Waiting).is_some() {
                return Err(wrong(format!(
                    "message {number} comes twice, or is dead as well"
                )));
            }
            let message = history.messages.get(number);
            if let Some(key) = message.and_then(|it| it.key)
                && !message.is_some_and(|it| it.ever_dead(consumer))
                && let Some(before) = last_of_key.insert(key, number)
                && before > number
            {
                return Err(wrong(format!(
                    "of key {key}, {before} comes before {number}"
                )));
            }
            delivery.ack().map_err(|error| told(&error))?;
        }
        let name = process.consumers.len();
        debug_assert!(name == CONSUMERS, "all are open");
        let (topic, consumer_name) = NAMES.get(consumer).copied().unwrap_or_default();
        let counted = stats.consumers.iter();
        let counted = counted
            .clone()
            .find(|it| it.topic == topic && it.name == consumer_name);
        let depth = counted.map_or(0, |it| it.depth);
        if usize::try_from(depth) != Ok(places.len()) {
            return Err(wrong(format!("counted {depth}, found {}", places.len())));
        }
        seen.places.push(places);
    }
    Ok(seen)
}

/// The topics and names of the consumers.
const NAMES: [(&str, &str); CONSUMERS] = [
    ("main", "main"),
    ("main", "second"),
    (super::process::OUT, "main"),
];

/// Returns the value that was set last.
pub(super) fn value_of(process: &Process) -> Result<u64, String> {
    let value = process.queue.value(VALUE).map_err(|error| told(&error))?;
    let Some(value) = value else { return Ok(0) };
    let text = String::from_utf8(value).map_err(|error| told(&error))?;
    text.parse().map_err(|_| format!("the value is {text:?}"))
}

/// Notes the dead messages of a consumer.
fn dead(
    history: &History,
    process: &Process,
    consumer: usize,
    places: &mut BTreeMap<usize, Place>,
) -> Result<(), String> {
    let dead = process.consumer(consumer)?.dead(None, usize::MAX);
    for message in dead.map_err(|error| told(&error))? {
        let number = number_of(history, &message.payload)?;
        same_id(history, number, message.id.0)?;
        if message.reason != REASON {
            let reason = &message.reason;
            return Err(format!("message {number} is dead because of {reason:?}"));
        }
        if places.insert(number, Place::Dead).is_some() {
            return Err(format!("message {number} is dead twice"));
        }
    }
    Ok(())
}

fn number_of(history: &History, payload: &[u8]) -> Result<usize, String> {
    let mut all = history.messages.iter();
    let found = all.rposition(|it| it.payload == payload && !it.push.is_void);
    let begin = payload.get(..8.min(payload.len())).unwrap_or_default();
    found.ok_or_else(|| format!("nobody pushed {begin:02x?} ({} bytes)", payload.len()))
}

/// Returns which message was delivered.
pub(super) fn known(history: &History, delivery: &Delivery) -> Result<usize, String> {
    let number = number_of(history, delivery.payload())?;
    let message = history.messages.get(number).ok_or("no such message")?;
    let key = message.key.map(String::from).unwrap_or_default();
    if delivery.key() != key.as_bytes() {
        return Err(format!("message {number} has another key"));
    }
    same_id(history, number, delivery.id().0)?;
    Ok(number)
}

fn same_id(history: &History, number: usize, id: u64) -> Result<(), String> {
    let before = history.messages.get(number).and_then(|it| it.id);
    match before {
        Some(before) if before != id => {
            Err(format!("message {number} was {before} and is {id} now"))
        }
        _ => Ok(()),
    }
}

/// Checks that the deliveries of a message were counted.
pub(super) fn delivered(
    history: &History,
    consumer: usize,
    number: usize,
    delivery: &Delivery,
    at: u64,
) -> Result<(), String> {
    let message = history.messages.get(number).ok_or("no such message")?;
    if message.ever_dead(consumer) {
        // Redriving begins anew.
        return Ok(());
    }
    let deliveries = message.deliveries.get(consumer).into_iter().flatten();
    let (mut least, mut most) = (1, 1);
    for it in deliveries {
        match it.known(at) {
            Known::Yes => {
                least += 1;
                most += 1;
            }
            Known::Maybe => most += 1,
            Known::No => {}
        }
    }
    let attempts = delivery.attempts();
    if (least..=most).contains(&attempts) {
        return Ok(());
    }
    Err(format!(
        "message {number} is at delivery {attempts}, which should be {least} to {most}"
    ))
}

/// Checks where each message is for each consumer.
fn places(history: &History, seen: &Seen, at: u64) -> Result<(), String> {
    for (number, message) in history.messages.iter().enumerate() {
        for consumer in 0..CONSUMERS {
            let allowed = if message.is_for(consumer) {
                message.places(consumer, at)
            } else {
                vec![Place::Gone]
            };
            let place = seen.place(consumer, number);
            if !allowed.contains(&place) {
                return Err(format!(
                    "message {number} is {place:?} for consumer {consumer}, which should be one of \
                     {allowed:?}"
                ));
            }
        }
    }
    Ok(())
}

/// Checks that what was pushed in one go and is in doubt is there as a whole, for everybody, or not.
fn batches(history: &History, seen: &Seen, at: u64) -> Result<(), String> {
    let mut found: BTreeMap<usize, BTreeSet<bool>> = BTreeMap::new();
    for (number, message) in history.messages.iter().enumerate() {
        if message.push.known(at) != Known::Maybe || message.dedup.is_some() {
            continue;
        }
        for consumer in (0..CONSUMERS).filter(|it| message.is_for(*it)) {
            let is_there = seen.place(consumer, number) != Place::Gone;
            found.entry(message.batch).or_default().insert(is_there);
        }
    }
    match found.iter().find(|(_, ways)| ways.len() > 1) {
        Some((batch, _)) => Err(format!("batch {batch} is there in part")),
        None => Ok(()),
    }
}

/// Checks that of messages with one deduplication id no two are there.
fn repeats(history: &History, seen: &Seen) -> Result<(), String> {
    let mut found: BTreeMap<u8, usize> = BTreeMap::new();
    for (number, message) in history.messages.iter().enumerate() {
        let is_there = (0..CONSUMERS).any(|it| seen.place(it, number) != Place::Gone);
        if let Some(dedup) = message.dedup
            && is_there
            && let Some(other) = found.insert(dedup, number)
        {
            return Err(format!(
                "messages {other} and {number} are both there, with one id"
            ));
        }
    }
    Ok(())
}

/// Checks that transactions were done as a whole or not at all, and that the last one set the value.
fn transactions(history: &History, seen: &Seen, at: u64) -> Result<(), String> {
    let mut expected = 0;
    for transaction in &history.transactions {
        match transaction.asked.known(at) {
            Known::No => {}
            Known::Yes => expected = transaction.value,
            Known::Maybe => {
                let (consumer, input) = transaction.input;
                let is_input_gone = seen.place(consumer, input) == Place::Gone;
                let is_output_there = seen.place(OUTPUTS, transaction.output) == Place::Waiting;
                if is_input_gone != is_output_there {
                    return Err(format!(
                        "of a transaction, acknowledged: {is_input_gone}, pushed: {is_output_there}"
                    ));
                }
                if is_output_there {
                    expected = transaction.value;
                }
            }
        }
    }
    if seen.value == expected {
        return Ok(());
    }
    Err(format!(
        "the value is {}, which should be {expected}",
        seen.value
    ))
}
