//! Every bit of every file of a small store is flipped, every file is cut at every byte, removed, and
//! replaced by another. Whoever opens and reads the store gets the right data or an error that names
//! the place: never other data, and never less of it without a word.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mainstem_env::sim::{Choices, Sim, Strictness};
use mainstem_log::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use mainstem_log::format::segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader};
use mainstem_log::{Engine, LogError, Shard, Start};

use crate::kit::{append, append_batch, name, open, open_sim, read, small_segments};
use crate::workload::payload;

type Records = Vec<(u64, Vec<u8>)>;

/// A small store and what is in it: one shard of three segments, and one of a few records.
struct Store {
    sim: Sim,
    records: [(&'static str, Records); 2],
}

impl Store {
    /// Fills a store; its engine is returned open.
    fn fill() -> (Self, Engine) {
        let sim = Sim::new(11);
        let engine = open_sim(&sim);
        let shard = |shard| engine.create_shard(&name(shard), small_segments()).unwrap();
        let (a, b) = (shard("a"), shard("b"));
        let mut records = [("a", Vec::new()), ("b", Vec::new())];
        let mut in_active = 0;
        for number in 0.. {
            let unique = 100 + number * 5;
            let payloads: Vec<Vec<u8>> = (0..=number % 3)
                .map(|it| payload(unique + it, usize::try_from(number * 37 % 400).unwrap()))
                .collect();
            let first = append_batch(&a, &payloads).unwrap();
            records[0].1.extend((first.0..).zip(payloads));
            in_active += u64::from(a.metrics().segments == 3);
            if in_active == 4 {
                break;
            }
        }
        for number in 0..3 {
            let bytes = payload(500 + number, 20);
            let seq = append(&b, &bytes).unwrap();
            records[1].1.push((seq.0, bytes));
        }
        (Self { sim, records }, engine)
    }

    /// Returns the store after its engine was closed in good order.
    fn closed() -> Self {
        let (store, engine) = Self::fill();
        engine.close().unwrap();
        store
    }

    /// Returns the store after its process was killed.
    fn killed() -> Self {
        let (store, engine) = Self::fill();
        let sim = store.sim.process_crash();
        drop(engine);
        Self { sim, ..store }
    }

    /// Returns the store after a power cut that took whatever was not synced, the indexes among it.
    fn cut_off() -> Self {
        let (store, engine) = Self::fill();
        let at = store.sim.op_count();
        let sim = store
            .sim
            .power_loss(at, &mut Choices::drop_all(), Strictness::StrictPosix);
        drop(engine);
        assert!(sim.files().iter().all(|path| !has_extension(path, "idx")));
        Self { sim, ..store }
    }

    /// Changes a copy of the store and judges what is made of it. `may_lose_last` names a shard whose
    /// last group may be missing without a word.
    fn judge(&self, change: &Change, may_lose_last: Option<&str>) {
        let world = self.sim.snapshot();
        change.make(&world);
        let say = |what: &str| panic!("{change:?}: {what}");
        let engine = match open(&world.env()) {
            Ok(engine) => engine,
            Err(error) => return change.check_error(&error, &world),
        };
        for (shard_name, expected) in &self.records {
            let shard = match engine.shard(&name(shard_name), small_segments()) {
                Ok(shard) => shard,
                Err(error) => {
                    change.check_error(&error, &world);
                    continue;
                }
            };
            let refusal = shard.refusal();
            if let Some(refusal) = &refusal {
                let LogError::ReadOnly { source, .. } = refusal else {
                    return say(&format!("{refusal:?}"));
                };
                change.check_error(source, &world);
            }
            let mut complained = refusal.is_some();
            let mut shortest = expected.len();
            let starts = [0, 1, expected.len() / 2, expected.len() - 1];
            for start in starts {
                let from = Start::At(mainstem_log::SeqNo(u64::try_from(start).unwrap()));
                let (found, error) = read(&shard, from);
                if let Some(error) = &error {
                    change.check_error(error, &world);
                    complained = true;
                }
                if !expected[start..].starts_with(&found) {
                    return say(&format!(
                        "shard {shard_name} shows other data from {start} on"
                    ));
                }
                if error.is_none() {
                    shortest = shortest.min(start + found.len());
                }
            }
            if shortest < expected.len() && !complained && may_lose_last != Some(*shard_name) {
                return say(&format!("shard {shard_name} lost records without a word"));
            }
            self.check_appending(&shard, complained, shortest, change);
        }
        assert_eq!(world.violation(), None, "{change:?}");
    }

    /// Checks that a shard takes appends exactly if it says so, after all that is in it.
    fn check_appending(&self, shard: &Shard, complained: bool, records: usize, change: &Change) {
        match (append(shard, b"more"), shard.refusal()) {
            (Err(LogError::ReadOnly { .. }), Some(_)) => {}
            (Ok(seq), None) => {
                let in_order = seq.0 == u64::try_from(records).unwrap();
                assert!(in_order || complained, "{change:?}: appended as {seq}");
            }
            other => panic!("{change:?}: {other:?} of {} shards", self.records.len()),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        self.sim.files()
    }

    fn len(&self, path: &Path) -> u64 {
        u64::try_from(self.sim.read_file(path).unwrap().len()).unwrap()
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it == extension)
}

/// One thing that happens to a store behind its back.
#[derive(Debug)]
enum Change {
    Flip(PathBuf, u64),
    Cut(PathBuf, u64),
    Remove(PathBuf),
    /// The second file gets the contents of the first.
    Replace(PathBuf, PathBuf),
}

impl Change {
    fn make(&self, world: &Sim) {
        match self {
            Self::Flip(path, bit) => world.flip_bit(path, *bit).unwrap(),
            Self::Cut(path, len) => world.set_len_raw(path, *len).unwrap(),
            Self::Remove(path) => world.env().fs.unlink(path).unwrap(),
            Self::Replace(from, to) => {
                let bytes = world.read_file(from).unwrap();
                world.write_raw(to, &bytes).unwrap();
            }
        }
    }

    fn changed(&self) -> &Path {
        match self {
            Self::Flip(path, _)
            | Self::Cut(path, _)
            | Self::Remove(path)
            | Self::Replace(_, path) => path,
        }
    }

    /// Checks that an error is about the damage and says where it is.
    fn check_error(&self, error: &LogError, world: &Sim) {
        let LogError::Corrupt { path, position, .. } = error else {
            panic!("{self:?}: {error:?}");
        };
        let len = world.read_file(path).map_or(0, |it| it.len());
        assert!(
            *position <= u64::try_from(len).unwrap(),
            "{self:?}: {error:?}"
        );
        let is_the_file = path == self.changed();
        // A file that is missing, or is not the one it should be, shows in its neighbour.
        let by_its_neighbour = matches!(self, Self::Remove(_) | Self::Replace(..))
            && (path.parent() == self.changed().parent() || path.ends_with("ENGINE"));
        assert!(is_the_file || by_its_neighbour, "{self:?}: {error:?}");
    }
}

fn flip_every_bit(store: &Store) {
    for path in store.files() {
        for bit in 0..store.len(&path) * 8 {
            store.judge(&Change::Flip(path.clone(), bit), None);
        }
    }
}

#[test]
fn every_flipped_bit_after_an_orderly_close() {
    flip_every_bit(&Store::closed());
}

#[test]
fn every_flipped_bit_after_a_kill() {
    flip_every_bit(&Store::killed());
}

/// Once a power cut took the index, nothing tells damage in the very last group from a write that
/// was torn. In all other groups, the next group does.
#[test]
fn every_flipped_bit_after_a_power_cut() {
    let store = Store::cut_off();
    for path in store.files() {
        let shard = path.parent().unwrap().file_name().unwrap();
        let shard = shard.to_str().unwrap().to_owned();
        let last = last_group_of_unsealed(&store, &path);
        for bit in 0..store.len(&path) * 8 {
            let is_in_last = last.as_ref().is_some_and(|last| last.contains(&(bit / 8)));
            let change = Change::Flip(path.clone(), bit);
            store.judge(&change, is_in_last.then_some(&*shard));
        }
    }
}

/// Returns where the last group of an active segment lies.
fn last_group_of_unsealed(store: &Store, path: &Path) -> Option<Range<u64>> {
    let is_newest = store
        .files()
        .iter()
        .rfind(|it| it.parent() == path.parent())
        == Some(&path.to_path_buf());
    if !has_extension(path, "seg") || !is_newest {
        return None;
    }
    Some(last_group_in(&store.sim.read_file(path).unwrap()))
}

/// Returns where the last group lies in the bytes of an active segment; empty if there is none.
fn last_group_in(bytes: &[u8]) -> Range<u64> {
    let header = bytes.first_chunk::<SEGMENT_HEADER_BYTES>().unwrap();
    let header = SegmentHeader::decode(header).unwrap();
    let mut at = SEGMENT_HEADER_BYTES;
    let mut last = 0..0;
    while let Some(group) = bytes
        .get(at..)
        .and_then(|it| GroupHeader::decode(it, header.salt))
    {
        let end = at + GROUP_HEADER_BYTES + usize::try_from(group.bytes).unwrap();
        last = u64::try_from(at).unwrap()..u64::try_from(end).unwrap();
        at = end;
    }
    last
}

fn cut_every_file(store: &Store) {
    for path in store.files() {
        for len in 0..store.len(&path) {
            store.judge(&Change::Cut(path.clone(), len), None);
        }
    }
}

#[test]
fn every_file_cut_at_every_byte_after_an_orderly_close() {
    cut_every_file(&Store::closed());
}

#[test]
fn every_file_cut_at_every_byte_after_a_kill() {
    cut_every_file(&Store::killed());
}

/// The oldest segment is not among them: a segment that retention deleted looks the same as one that
/// somebody else did.
#[test]
fn every_file_removed() {
    for store in [Store::closed(), Store::killed()] {
        for path in store.files() {
            if path != Path::new("/data/shards/a/00000000000000000000.seg") {
                store.judge(&Change::Remove(path), None);
            }
        }
    }
}

#[test]
fn every_file_in_the_place_of_another() {
    for store in [Store::closed(), Store::killed()] {
        for from in store.files() {
            for to in store.files() {
                if from != to && from.extension() == to.extension() {
                    store.judge(&Change::Replace(from.clone(), to), None);
                }
            }
        }
    }
}

/// Groups of an earlier life of the same file, with the right salt and the right numbers at the right
/// place, are no part of this life: the chain tells.
#[test]
fn a_group_of_another_life_is_not_taken_for_the_next_one() {
    let (store, engine) = Store::fill();
    let path = Path::new("/data/shards/b/00000000000000000000.seg");
    let live = |pause: Duration, fill: u8| {
        let world = store.sim.process_crash();
        world.advance(pause);
        let engine = open_sim(&world);
        let shard = engine.shard(&name("b"), small_segments()).unwrap();
        for _ in 0..2 {
            append(&shard, &[fill; 100]).unwrap();
        }
        let bytes = world.read_file(path).unwrap();
        let last = usize::try_from(last_group_in(&bytes).start).unwrap();
        (world.process_crash(), bytes, last)
    };
    let (_, other_bytes, other_last) = live(Duration::ZERO, 1);
    let (world, mut bytes, last) = live(Duration::from_secs(5), 2);
    assert_eq!(last, other_last, "the groups line up");
    bytes[last..].copy_from_slice(&other_bytes[last..]);
    world.write_raw(path, &bytes).unwrap();
    world.env().fs.unlink(&path.with_extension("idx")).unwrap();
    drop(engine);
    let engine = open_sim(&world);
    let shard = engine.shard(&name("b"), small_segments()).unwrap();
    let (found, error) = read(&shard, Start::Oldest);
    assert!(error.is_none());
    assert_eq!(found.len(), store.records[1].1.len() + 1);
    assert_eq!(found.last().unwrap().1, [2; 100]);
}
