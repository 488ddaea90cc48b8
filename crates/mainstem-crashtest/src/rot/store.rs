//! Small stores whose contents are known.

use std::ops::Range;
use std::path::{Path, PathBuf};

use mainstem_env::sim::Sim;
use mainstem_log::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use mainstem_log::format::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use mainstem_log::{AppendOptions, Batch, Engine, Shard, ShardName, ShardOptions};

use crate::sim::judge::open;
use crate::sim::rng::payload;

/// How the last process that had a store open ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the command goes through all of them"
)]
pub enum Ending {
    /// It closed the store.
    Closed,
    /// It was killed.
    Killed,
    /// Power failed, and took whatever was not synced, the indexes among it.
    CutOff,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Killed, Self::CutOff];
}

/// A store at rest, and what is in it: shard `a` of several segments, and shard `b` of a few records.
#[derive(Debug)]
pub struct Store {
    /// The machine. It is only ever copied from.
    pub(super) sim: Sim,
    /// The same a little earlier, for older copies of its files.
    pub(super) earlier: Sim,
    /// The shards, and what must be in them, by sequence number.
    pub(super) records: [(ShardName, Vec<Vec<u8>>); 2],
    pub(super) segment_bytes: u64,
    pub(super) ending: Ending,
}

/// Segments that shard `a` has.
const SEGMENTS: u64 = 4;

impl Store {
    /// Makes a store whose larger shard takes about `bytes`.
    ///
    /// # Errors
    /// When the engine refuses anything.
    pub fn new(bytes: u64, ending: Ending) -> Result<Self, String> {
        let sim = Sim::new(11);
        let segment_bytes = (bytes / SEGMENTS).max(4096);
        let engine = open(&sim.env()).map_err(|error| error.to_string())?;
        let (a, b) = (
            shard(&engine, "a", segment_bytes)?,
            shard(&engine, "b", segment_bytes)?,
        );
        let mut in_a = Vec::new();
        let mut earlier = None;
        let mut in_active = 0;
        for number in 0.. {
            let unique = 100_u64.saturating_add(number * 5);
            let size = usize::try_from(number * 37 % 400).unwrap_or(0);
            let payloads: Vec<Vec<u8>> = (0..=number % 3)
                .map(|it| payload(unique + it, size))
                .collect();
            append(&a, &payloads)?;
            in_a.extend(payloads);
            let segments = a.metrics().segments;
            if segments == 2 && earlier.is_none() {
                earlier = Some(sim.snapshot());
            }
            in_active += u64::from(segments == SEGMENTS);
            // The active segment is filled half way.
            if in_active > 3
                && a.metrics().bytes > segment_bytes * (SEGMENTS - 1) + segment_bytes / 2
            {
                break;
            }
        }
        let in_b: Vec<Vec<u8>> = (0..3).map(|number| payload(500 + number, 20)).collect();
        for payload in &in_b {
            append(&b, std::slice::from_ref(payload))?;
        }
        drop((a, b));
        let at_rest = match ending {
            Ending::Closed => {
                engine.close().map_err(|error| error.to_string())?;
                sim.snapshot()
            }
            Ending::Killed => sim.process_crash(),
            Ending::CutOff => sim.power_loss_now(),
        };
        drop(engine);
        Ok(Self {
            earlier: earlier.unwrap_or_else(|| at_rest.snapshot()),
            sim: at_rest,
            records: [(name("a")?, in_a), (name("b")?, in_b)],
            segment_bytes,
            ending,
        })
    }

    /// Returns how the last process that had it open ended.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Returns the paths of its files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        self.sim.files()
    }

    /// Returns how many bytes a file has.
    pub fn len(&self, path: &Path) -> u64 {
        let bytes = self.sim.read_file(path).unwrap_or_default();
        u64::try_from(bytes.len()).unwrap_or(u64::MAX)
    }

    /// Returns where the last group lies, if `path` is the active segment of its shard.
    pub(super) fn last_group(&self, path: &Path) -> Option<Range<u64>> {
        let files = self.files();
        let newest = files
            .iter()
            .rfind(|it| it.parent() == path.parent() && is_segment(it));
        if newest.is_none_or(|newest| newest != path) {
            return None;
        }
        last_group_in(&self.sim.read_file(path).ok()?)
    }
}

pub(super) fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "seg")
}

/// Returns where the last group lies in the bytes of an active segment.
fn last_group_in(bytes: &[u8]) -> Option<Range<u64>> {
    let header = SegmentHeader::decode(bytes.first_chunk::<SEGMENT_HEADER_BYTES>()?).ok()?;
    let mut at = SEGMENT_HEADER_BYTES;
    let mut last = None;
    while let Some(group) = bytes
        .get(at..)
        .and_then(|it| GroupHeader::decode(it, header.salt))
    {
        let end = at + GROUP_HEADER_BYTES + usize::try_from(group.bytes).ok()?;
        last = Some(u64::try_from(at).ok()?..u64::try_from(end).ok()?);
        at = end;
    }
    last
}

fn name(name: &str) -> Result<ShardName, String> {
    ShardName::new(name).map_err(|error| error.to_string())
}

pub(super) fn shard_options(segment_bytes: u64) -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = segment_bytes;
    options.queued_bytes_max = 64 << 10;
    options
}

fn shard(engine: &Engine, shard: &str, segment_bytes: u64) -> Result<Shard, String> {
    let created = engine.create_shard(&name(shard)?, shard_options(segment_bytes));
    created.map_err(|error| error.to_string())
}

fn append(shard: &Shard, payloads: &[Vec<u8>]) -> Result<(), String> {
    let mut batch = Batch::new();
    let pushed = payloads.iter().try_for_each(|payload| batch.push(payload));
    pushed
        .and_then(|()| shard.append(&batch, AppendOptions::default()))
        .map(|_| ())
        .map_err(|error| error.to_string())
}
