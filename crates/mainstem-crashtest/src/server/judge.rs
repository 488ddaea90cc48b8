//! Asks a server that was started again for everything, and holds it to what is known.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mainstem_env::Env;
use serde_json::{Value, json};

use super::client::{CallError, Client};
use super::clients::{Tail, records};
use super::known::{Happened, Known, LASTING, Life, list, short, text};
use crate::oracle::Judged;

/// How long transitions and the removal of files may take.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(5);

/// A server that is asked.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    pub(super) env: &'a Env,
    pub(super) client: Client,
    /// Where the server keeps its data.
    pub(super) data: &'a Path,
}

/// What a shard shows, oldest first: numbers and records.
type Shown = Vec<(String, String)>;

impl<'a> Judge<'a> {
    pub(super) fn new(env: &'a Env, address: SocketAddr, data: &'a Path) -> Result<Self, String> {
        let client = Client::connect(address).map_err(|error| error.to_string())?;
        Ok(Self { env, client, data })
    }

    fn call(&mut self, operation: &str, input: &Value) -> Result<Value, String> {
        let done = self.client.call(operation, input);
        done.map_err(|error| format!("{operation} {input}: {error}"))
    }

    /// Checks everything, and settles in `known` what was in doubt.
    ///
    /// # Errors
    /// What the server did wrong.
    pub(super) fn everything(
        &mut self,
        known: &mut Known,
        tails: &[Tail],
    ) -> Result<Judged, String> {
        known.restarted();
        let there = self.settled()?;
        for name in there.keys() {
            if !known.streams.contains_key(name) {
                return Err(format!("{name}: nobody made it"));
            }
        }
        let mut all = Judged::default();
        let names: Vec<String> = known.streams.keys().cloned().collect();
        for name in names {
            let life = known.streams.get_mut(&name).and_then(Option::take);
            let life = match (life, there.get(&name)) {
                (None, None) => None,
                (None, Some(_)) => return Err(format!("{name}: nobody made it")),
                (Some(life), None) => {
                    if life.created == Happened::Yes && life.deleted == Happened::No {
                        return Err(format!("{name}: is gone"));
                    }
                    None
                }
                (Some(life), Some(_)) if life.deleted == Happened::Yes => {
                    return Err(format!(
                        "{name}: was deleted and is there, created: {:?}",
                        life.created
                    ));
                }
                (Some(mut life), Some(summary)) => {
                    let judged = self.stream(&name, &mut life, summary, known, tails);
                    let judged = judged.map_err(|what| format!("{name}: {what}"))?;
                    all.found = all.found.saturating_add(judged.found);
                    all.kept_unacked = all.kept_unacked.saturating_add(judged.kept_unacked);
                    all.lost_unacked = all.lost_unacked.saturating_add(judged.lost_unacked);
                    Some(life)
                }
            };
            known.streams.insert(name, life);
        }
        self.files(known)?;
        Ok(all)
    }

    /// Waits until no stream is in a transition, and returns the summaries of all.
    fn settled(&mut self) -> Result<BTreeMap<String, Value>, String> {
        let mut waited = Duration::ZERO;
        loop {
            let listed = self.call("ListStreams", &json!({}))?;
            let mut there = BTreeMap::new();
            let mut is_settled = true;
            for name in list(&listed, "StreamNames")? {
                let input = json!({"StreamName": name});
                let summary = match self.client.call("DescribeStreamSummary", &input) {
                    Ok(summary) => summary,
                    // It was DELETING a moment ago.
                    Err(CallError::Refused(error, _)) if error == "ResourceNotFoundException" => {
                        is_settled = false;
                        continue;
                    }
                    Err(error) => return Err(format!("DescribeStreamSummary {input}: {error}")),
                };
                let summary = summary.get("StreamDescriptionSummary").cloned();
                let summary = summary.ok_or("a summary without one")?;
                is_settled &= text(&summary, "StreamStatus")? == "ACTIVE";
                there.insert(text(&summary, "StreamName")?.to_owned(), summary);
            }
            if is_settled {
                return Ok(there);
            }
            if waited > PATIENCE {
                return Err(format!("streams stay in a transition: {there:?}"));
            }
            self.env.clock.sleep(STEP);
            waited = waited.saturating_add(STEP);
        }
    }

    fn stream(
        &mut self,
        name: &str,
        life: &mut Life,
        summary: &Value,
        known: &mut Known,
        tails: &[Tail],
    ) -> Result<Judged, String> {
        let hours = summary.get("RetentionPeriodHours").and_then(Value::as_u64);
        let hours = hours.filter(|hours| life.hours.contains(hours));
        let hours = hours.ok_or_else(|| {
            let found = summary.get("RetentionPeriodHours");
            format!("the retention is {found:?} hours, not of {:?}", life.hours)
        })?;
        life.hours = vec![hours];
        life.created = Happened::Yes;
        life.deleted = Happened::No;
        life.restarted();
        let mut texts = Vec::new();
        for shard in self.shards(name, life.shards)? {
            let shown = self.shard(name, &shard)?;
            let mut last: Option<String> = None;
            for (number, record) in &shown {
                // Numbers of one stream are equally long, so that their texts sort as they do.
                if last.as_ref().is_some_and(|last| number <= last) {
                    return Err(format!("{shard}: number {number} after {last:?}"));
                }
                last = Some(number.clone());
                known.numbered(name, record, number)?;
            }
            let tail = tails.iter().find(|it| name == LASTING && it.shard == shard);
            if let Some(tail) = tail {
                is_prefix(&tail.read, &shown).map_err(|what| format!("{shard}: {what}"))?;
            }
            texts.extend(shown.into_iter().map(|(_, record)| record));
        }
        let judged = life.oracle.judge(texts.iter().map(String::as_str));
        judged.map_err(|violation| violation.to_string().chars().take(300).collect())
    }

    /// Returns the shards of a stream, after checking that there are so many, all open, and that
    /// they cover all hash keys.
    pub(super) fn shards(&mut self, name: &str, count: usize) -> Result<Vec<String>, String> {
        let listed = self.call("ListShards", &json!({"StreamName": name}))?;
        let shards = list(&listed, "Shards")?;
        let mut ids = Vec::new();
        let mut start = Some(0_u128);
        for shard in shards {
            let range = shard.get("HashKeyRange").ok_or("a shard without a range")?;
            let key = |which| -> Result<u128, String> {
                text(range, which)?.parse().map_err(|_| range.to_string())
            };
            if start != Some(key("StartingHashKey")?) {
                return Err(format!("hash keys before {shard} are nobody's"));
            }
            start = key("EndingHashKey")?.checked_add(1);
            let numbers = shard.get("SequenceNumberRange");
            if numbers.is_none_or(|it| it.get("EndingSequenceNumber").is_some()) {
                return Err(format!("a shard is closed: {shard}"));
            }
            ids.push(text(shard, "ShardId")?.to_owned());
        }
        if ids.len() != count || start.is_some() {
            return Err(format!("{ids:?} in place of {count} shards"));
        }
        Ok(ids)
    }

    /// Returns an iterator at the oldest record of a shard.
    pub(super) fn oldest(&mut self, name: &str, shard: &str) -> Result<String, String> {
        let input =
            json!({"StreamName": name, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let answer = self.call("GetShardIterator", &input)?;
        Ok(text(&answer, "ShardIterator")?.to_owned())
    }

    /// Reads a shard from its oldest record on.
    fn shard(&mut self, name: &str, shard: &str) -> Result<Shown, String> {
        let mut iterator = self.oldest(name, shard)?;
        let mut shown = Vec::new();
        loop {
            let page = records(&mut self.client, &mut iterator);
            let page = page.map_err(|error| format!("{shard}: {error}"))?;
            if page.is_empty() {
                return Ok(shown);
            }
            shown.extend(page);
        }
    }

    /// Waits until the directories of shards are those of the streams that are there, no more and no
    /// less.
    fn files(&mut self, known: &Known) -> Result<(), String> {
        // A change of a stream, even one that is refused, ends deletions that are due; otherwise the
        // server takes its time.
        let nobody = self
            .client
            .call("DeleteStream", &json!({"StreamName": "nobody"}));
        match nobody {
            Err(CallError::Refused(error, _)) if error == "ResourceNotFoundException" => {}
            other => return Err(format!("a stream that is not there is deleted: {other:?}")),
        }
        let wanted: BTreeMap<&str, usize> = known
            .streams
            .iter()
            .filter_map(|(name, life)| Some((name.as_str(), life.as_ref()?.shards)))
            .collect();
        let mut waited = Duration::ZERO;
        loop {
            let entries = self.env.fs.list(&self.data.join("shards"));
            let entries = entries.map_err(|error| error.to_string())?;
            let mut found: BTreeMap<&str, usize> = BTreeMap::new();
            for entry in &entries {
                let count = found.entry(stream_of(&entry.name)).or_default();
                *count = count.saturating_add(1);
            }
            if found == wanted {
                return Ok(());
            }
            if waited > PATIENCE {
                return Err(format!("logs on disk: {found:?}, of streams: {wanted:?}"));
            }
            self.env.clock.sleep(STEP);
            waited = waited.saturating_add(STEP);
        }
    }
}

/// Returns the name of the stream that a shard's directory is of, or the directory's own.
fn stream_of(dir: &str) -> &str {
    let parts = || {
        let (rest, _shard) = dir.strip_prefix("stream.")?.rsplit_once('.')?;
        Some(rest.rsplit_once('.')?.0)
    };
    parts().unwrap_or(dir)
}

/// Checks that all that a reader who never stopped has read is what a shard begins with.
fn is_prefix(read: &[String], shown: &Shown) -> Result<(), String> {
    for (place, record) in read.iter().enumerate() {
        match shown.get(place) {
            Some((_, there)) if there == record => {}
            Some((_, there)) => {
                return Err(format!(
                    "a reader saw `{}` in place {place}, where `{}` is",
                    short(record),
                    short(there)
                ));
            }
            None => {
                return Err(format!("a reader saw `{}`, which is gone", short(record)));
            }
        }
    }
    Ok(())
}
