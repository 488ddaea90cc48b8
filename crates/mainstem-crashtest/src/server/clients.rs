//! The clients of a cycle: producers, one who changes streams, and one who reads on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainstem_env::Env;
use serde_json::{Value, json};

use super::client::{CallError, Client};
use super::known::{Happened, Known, LASTING, PASSING, list, text};
use crate::sim::rng::Rng;

/// What the clients of a cycle share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) env: &'a Env,
    pub(super) address: SocketAddr,
    pub(super) known: &'a Mutex<Known>,
    /// Set before the process is ended: from then on a connection may be cut.
    pub(super) is_ending: AtomicBool,
}

/// One shard that is read on and on, over all lives of the process.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) shard: String,
    pub(super) iterator: String,
    /// All that was read so far.
    pub(super) read: Vec<String>,
}

const PAUSE: Duration = Duration::from_millis(1);

impl Shared<'_> {
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::SeqCst)
    }

    /// Runs `work` with a connection until the process is ended, and notes what goes wrong before.
    fn with_client(&self, who: &str, work: impl FnOnce(&mut Client) -> Result<(), CallError>) {
        let done = Client::connect(self.address)
            .map_err(CallError::Cut)
            .and_then(|mut client| work(&mut client));
        match done {
            Ok(()) => {}
            Err(CallError::Cut(_)) if self.is_ending() => {
                let mut known = self.known();
                known.cut = known.cut.saturating_add(1);
            }
            Err(error) => self.known().went_wrong(format!("{who}: {error}")),
        }
    }

    /// Puts records until the process is ended.
    pub(super) fn produce(&self, lane: u32, mut rng: Rng) {
        self.with_client(&format!("producer {lane}"), |client| {
            while !self.is_ending() {
                let next = self.known().next(lane, &mut rng);
                let Some((name, records)) = next else {
                    self.env.clock.sleep(PAUSE);
                    continue;
                };
                let is_single = records.len() == 1 && rng.below(2) == 0;
                match put(client, &name, lane, &records, is_single) {
                    Ok(answer) => {
                        let numbers = numbers(&answer, is_single).map_err(wrong)?;
                        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
                        let acked = self.known().acked(&name, &records, &numbers);
                        acked.map_err(wrong)?;
                    }
                    // It is CREATING or DELETING, or gone.
                    Err(CallError::Refused(error, _))
                        if error == "ResourceNotFoundException" && name != LASTING =>
                    {
                        self.known().refused(&name, lane, records);
                        self.env.clock.sleep(PAUSE);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
    }

    /// Makes and deletes streams and changes their retention until the process is ended.
    pub(super) fn change(&self, mut rng: Rng) {
        self.with_client("control", |client| {
            while !self.is_ending() {
                self.env.clock.sleep(PAUSE);
                let name = match rng.below(8) {
                    0 => LASTING,
                    _ => rng.pick(&PASSING),
                };
                let state = self
                    .known()
                    .life(name)
                    .map(|life| (life.deleted, life.hours.last().copied().unwrap_or(0)));
                match state {
                    None if !self.known().is_free(name) => {}
                    None => self.create(client, name, 1 + rng.below(3))?,
                    Some((Happened::No, _)) if name != LASTING && rng.below(4) == 0 => {
                        self.delete(client, name)?;
                    }
                    Some((_, existing)) => {
                        let hours = rng.pick(&[24, 25, 30, 48, 168, 8760]);
                        self.retain(client, name, existing, hours)?;
                    }
                }
            }
            Ok(())
        });
    }

    fn create(&self, client: &mut Client, name: &str, shards: u64) -> Result<(), CallError> {
        let before = {
            let mut known = self.known();
            let before = known.streams.get_mut(name).and_then(Option::take);
            known.creating(name, usize::try_from(shards).unwrap_or(1));
            before
        };
        let input = json!({"StreamName": name, "ShardCount": shards});
        let done = client.call("CreateStream", &input);
        let mut known = self.known();
        if is_done(done, &["ResourceInUseException"])? {
            known.changes = known.changes.saturating_add(1);
            if let Some(life) = known.life(name) {
                life.created = Happened::Yes;
            }
        } else {
            // An earlier one of the name is still DELETING.
            known.streams.insert(name.to_owned(), before);
        }
        Ok(())
    }

    fn delete(&self, client: &mut Client, name: &str) -> Result<(), CallError> {
        let note = |deleted| {
            if let Some(life) = self.known().life(name) {
                life.deleted = deleted;
            }
        };
        note(Happened::Maybe);
        let done = client.call("DeleteStream", &json!({"StreamName": name}));
        // It is still CREATING.
        let is_done = is_done(done, &["ResourceInUseException"])?;
        note(if is_done { Happened::Yes } else { Happened::No });
        let mut known = self.known();
        known.changes = known.changes.saturating_add(1);
        Ok(())
    }

    fn retain(
        &self,
        client: &mut Client,
        name: &str,
        existing: u64,
        hours: u64,
    ) -> Result<(), CallError> {
        if let Some(life) = self.known().life(name) {
            life.hours.push(hours);
        }
        let operation = if hours >= existing {
            "IncreaseStreamRetentionPeriod"
        } else {
            "DecreaseStreamRetentionPeriod"
        };
        let input = json!({"StreamName": name, "RetentionPeriodHours": hours});
        let done = client.call(operation, &input);
        let is_done = is_done(done, &["ResourceInUseException"])?;
        let mut known = self.known();
        known.changes = known.changes.saturating_add(1);
        if let Some(life) = known.life(name) {
            life.hours = vec![if is_done { hours } else { existing }];
        }
        Ok(())
    }

    /// Reads on from where each tail stands until the process is ended.
    pub(super) fn follow(&self, tails: &mut [Tail]) {
        self.with_client("reader", |client| {
            while !self.is_ending() {
                self.env.clock.sleep(PAUSE);
                for tail in tails.iter_mut() {
                    let page = records(client, &mut tail.iterator)?;
                    let mut known = self.known();
                    for (number, record) in page {
                        known.numbered(LASTING, &record, &number).map_err(wrong)?;
                        known.tailed = known.tailed.saturating_add(1);
                        if let (Some(life), Some(first)) =
                            (known.life(LASTING), record.split(' ').next())
                        {
                            // What was read once must stay. Records inside of an append stay with its
                            // first one.
                            let _inside = life.oracle.acked(first);
                        }
                        tail.read.push(record);
                    }
                }
            }
            Ok(())
        });
    }
}

/// Something that the server must not say.
pub(super) fn wrong(what: String) -> CallError {
    CallError::Failed(200, what)
}

/// Returns whether a call was done or refused with one of these errors, which then did nothing.
fn is_done(done: Result<Value, CallError>, refusals: &[&str]) -> Result<bool, CallError> {
    match done {
        Ok(_) => Ok(true),
        Err(CallError::Refused(error, _)) if refusals.contains(&error.as_str()) => Ok(false),
        Err(error) => Err(error),
    }
}

fn put(
    client: &mut Client,
    name: &str,
    lane: u32,
    records: &[String],
    is_single: bool,
) -> Result<Value, CallError> {
    let key = format!("lane {lane}");
    let entry = |record: &String| json!({"Data": STANDARD.encode(record), "PartitionKey": key});
    if is_single && let Some(record) = records.first() {
        let mut input = entry(record);
        if let Some(input) = input.as_object_mut() {
            input.insert(String::from("StreamName"), json!(name));
        }
        return client.call("PutRecord", &input);
    }
    let entries: Vec<Value> = records.iter().map(entry).collect();
    let input = json!({"StreamName": name, "Records": entries});
    client.call("PutRecords", &input)
}

/// Returns the sequence numbers that an answer gives.
fn numbers(answer: &Value, is_single: bool) -> Result<Vec<String>, String> {
    if is_single {
        return Ok(vec![text(answer, "SequenceNumber")?.to_owned()]);
    }
    list(answer, "Records")?
        .iter()
        .map(|record| Ok(text(record, "SequenceNumber")?.to_owned()))
        .collect()
}

/// Reads a page at `iterator`, which is moved on: the number and the text of each record.
pub(super) fn records(
    client: &mut Client,
    iterator: &mut String,
) -> Result<Vec<(String, String)>, CallError> {
    let page = client.call("GetRecords", &json!({"ShardIterator": iterator}))?;
    let parsed = || -> Result<(String, Vec<(String, String)>), String> {
        let next = text(&page, "NextShardIterator")?.to_owned();
        let records = list(&page, "Records")?.iter().map(|record| {
            let data = STANDARD.decode(text(record, "Data")?);
            let data = data.map_err(|error| error.to_string())?;
            let data = String::from_utf8(data).map_err(|error| error.to_string())?;
            let lane = data.split('-').next().unwrap_or_default();
            if text(record, "PartitionKey")? != format!("lane {lane}") {
                return Err(format!("the key of {record} is another one"));
            }
            Ok((text(record, "SequenceNumber")?.to_owned(), data))
        });
        Ok((next, records.collect::<Result<_, _>>()?))
    };
    let (next, records) = parsed().map_err(wrong)?;
    *iterator = next;
    Ok(records)
}
