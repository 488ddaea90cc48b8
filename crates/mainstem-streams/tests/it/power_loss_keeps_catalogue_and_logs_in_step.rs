//! Power is lost after every operation of a short life of streams; what is found must open, hold all
//! that was acknowledged, and have no log that nothing names.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_streams::{StreamStatus, Streams, StreamsConfig, StreamsError};
use mainstem_types::StreamName;

use crate::support::{DIR, Start, World, name, provisioned, quiet, record, texts};

/// When something was asked for, and when it was acknowledged, as counts of operations.
type Span = RangeInclusive<u64>;

/// What was asked for in a life of streams.
#[derive(Debug, Default)]
struct Life {
    created: BTreeMap<&'static str, Span>,
    deleted: BTreeMap<&'static str, Span>,
    /// In the order in which they were put.
    records: BTreeMap<&'static str, Vec<(String, Span)>>,
    /// Of stream `a`, to 48 hours.
    retention: Option<Span>,
}

/// Runs the life on `sim` and writes down what was acknowledged when.
fn live(sim: &Sim) -> Life {
    let mut life = Life::default();
    let streams = open(sim).unwrap();
    let span = |work: &mut dyn FnMut()| {
        let start = sim.op_count();
        work();
        start..=sim.op_count()
    };
    let create = |stream| span(&mut || streams.create_stream(&provisioned(stream, 2)).unwrap());
    let put = |stream: &'static str, data: String| {
        let id = name(stream);
        let span = span(&mut || {
            // All in the first shard, so that there is one order.
            let mut input = record(&id, "key", data.as_bytes());
            input.explicit_hash_key = Some("0");
            streams.put_record(&input).unwrap();
        });
        (data, span)
    };
    let wait = || sim.advance(std::time::Duration::from_millis(100));
    life.created.insert("a", create("a"));
    life.created.insert("b", create("b"));
    wait();
    for i in 0..3 {
        for stream in ["a", "b"] {
            let put = put(stream, format!("{stream}{i}"));
            life.records.entry(stream).or_default().push(put);
        }
    }
    life.retention = Some(span(&mut || {
        streams.increase_retention(&name("a"), 48).unwrap();
    }));
    life.deleted.insert(
        "b",
        span(&mut || streams.delete_stream(&name("b")).unwrap()),
    );
    wait();
    // This also finishes the deletion of the other.
    life.created.insert("c", create("c"));
    wait();
    let put = put("c", "c0".to_owned());
    life.records.entry("c").or_default().push(put);
    streams.close().unwrap();
    life
}

fn open(sim: &Sim) -> Result<Streams, String> {
    let config = StreamsConfig::default();
    let opened = Streams::open_with(&sim.env(), Path::new(DIR), config, quiet());
    opened.map_err(|error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        causes
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    })
}

/// Tells whether what `span` covers must have happened, may have, or cannot have by `at_op`.
fn expected(span: Option<&Span>, at_op: u64) -> Expected {
    match span {
        Some(span) if at_op >= *span.end() => Expected::Yes,
        Some(span) if at_op >= *span.start() => Expected::Maybe,
        Some(_) | None => Expected::No,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Yes,
    Maybe,
    No,
}

impl Expected {
    fn allows(self, happened: bool) -> bool {
        match self {
            Self::Yes => happened,
            Self::Maybe => true,
            Self::No => !happened,
        }
    }
}

/// Opens what was found, lets transitions end, and compares it with what was acknowledged.
fn check(life: &Life, found: &Sim, at_op: u64) -> Result<(), String> {
    let streams = open(found)?;
    for stream in life.created.keys() {
        let deleted = expected(life.deleted.get(stream), at_op);
        let created = expected(life.created.get(stream), at_op);
        let status = streams.describe_stream_summary(&name(stream));
        let is_there = match status {
            Ok(summary) => summary.status != StreamStatus::Deleting,
            Err(StreamsError::StreamNotFound { .. }) => false,
            Err(error) => return Err(format!("{stream}: {error}")),
        };
        let is_right = match deleted {
            Expected::No => created.allows(is_there),
            Expected::Maybe => true,
            Expected::Yes => !is_there,
        };
        if !is_right {
            return Err(format!(
                "{stream}: there {is_there}, created {created:?}, deleted {deleted:?}"
            ));
        }
    }
    drop(streams);
    let mut world = World::on(found.clone(), StreamsConfig::default());
    world.advance(100);
    world.reopen().map_err(|error| error.to_string())?;
    let listed = world
        .streams()
        .list_streams(&mainstem_streams::ListStreamsInput::default());
    let listed = listed.map_err(|error| error.to_string())?.streams;
    for summary in &listed {
        let stream = &summary.arn.name;
        check_records(life, &world, stream, at_op)?;
        if stream.as_str() == "a" {
            let is_longer = summary.retention_hours == 48;
            if !expected(life.retention.as_ref(), at_op).allows(is_longer) {
                return Err(format!("a: retention is {} hours", summary.retention_hours));
            }
        }
    }
    // Life goes on.
    let next = world.create("next", 1);
    world.put(&next, "key", b"next");
    if texts(&world.read_from(&next, Start::TrimHorizon)) != ["next"] {
        return Err("a new stream does not work".to_owned());
    }
    let logs = world.engine().names().unwrap().len();
    let shards = 2 * listed.len() + 1;
    if logs != shards {
        return Err(format!("{logs} logs for {shards} shards"));
    }
    Ok(())
}

fn check_records(
    life: &Life,
    world: &World,
    stream: &StreamName,
    at_op: u64,
) -> Result<(), String> {
    let found = texts(&world.read_from(stream, Start::TrimHorizon));
    let put = life
        .records
        .get(stream.as_str())
        .cloned()
        .unwrap_or_default();
    let acknowledged = put.iter().filter(|(_, span)| at_op >= *span.end()).count();
    let put: Vec<String> = put.into_iter().map(|(data, _)| data).collect();
    if put.starts_with(&found) && found.len() >= acknowledged {
        return Ok(());
    }
    Err(format!(
        "{stream}: {found:?}, of which {acknowledged} were acknowledged"
    ))
}

/// Checks every moment of a life with some states of the disk at each.
fn survive(strictness: Strictness, seeds: u64) {
    let sim = Sim::new(3);
    let life = live(&sim);
    for at_op in 0..=sim.op_count() {
        for seed in 0..seeds {
            let mut choices = match seed {
                0 => Choices::drop_all(),
                1 => Choices::keep_all(),
                _ => Choices::random(seed * 1_000_003 + at_op),
            };
            let found = sim.power_loss(at_op, &mut choices, strictness);
            if let Err(what) = check(&life, &found, at_op) {
                panic!(
                    "{what}\nafter operation {at_op} of {}, seed {seed}, {strictness:?}\nlife: {life:#?}",
                    sim.op_count()
                );
            }
        }
    }
}

#[test]
fn on_a_strict_disk() {
    survive(Strictness::StrictPosix, 8);
}

#[test]
fn on_a_disk_like_ext4() {
    survive(Strictness::Ext4Like, 8);
}

#[test]
fn when_a_process_ends_without_a_word() {
    let sim = Sim::new(3);
    let life = live(&sim);
    check(&life, &sim.process_crash(), sim.op_count()).unwrap();
}
