//! `tests/golden/v1/` holds a data directory of format version 1. It is read, written again to the
//! same bytes, and refused where it claims to be newer.
//!
//! With `MAINSTEM_BLESS_GOLDEN=1` the directory is written anew. That is for a new version of the
//! format, which gets a directory of its own, and for what is derived and every version can do without.

#![expect(
    clippy::disallowed_methods,
    reason = "golden files are read from the source tree, whatever the code under test does"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_log::format::FORMAT_VERSION;
use mainstem_log::format::checksum;
use mainstem_log::{LogError, Start};

use crate::kit::{DIR, append_batch, name, open, open_sim, read, read_all, small_segments};

/// The directory that holds the golden files.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1");
/// A sealed segment, small enough to be shown in `docs/format.md`.
const SEALED: &str = "shards/orders/00000000000000000000.seg";
const ACTIVE: &str = "shards/orders/00000000000000000005.seg";
const INDEX: &str = "shards/orders/00000000000000000005.idx";
const EMPTY: &str = "shards/clicks/00000000000000000000.seg";
const FILES: [&str; 6] = ["CLEAN", "ENGINE", EMPTY, INDEX, SEALED, ACTIVE];

/// What the shard `orders` holds; `clicks` holds nothing.
fn orders() -> Vec<(u64, Vec<u8>)> {
    let payloads: [&[u8]; 8] = [
        b"one coffee",
        b"two teas",
        b"",
        b"a cake, to go",
        b"the bill, please",
        b"one coffee",
        b"with milk",
        b"after the break",
    ];
    (0..).zip(payloads.map(<[u8]>::to_vec)).collect()
}

/// Does today what wrote the golden files, and returns the machine it was done on.
fn write_today() -> Sim {
    let sim = Sim::new(0x6d61_696e_7374_656d);
    let engine = open_sim(&sim);
    let shard = engine
        .create_shard(&name("orders"), small_segments())
        .unwrap();
    engine
        .create_shard(&name("clicks"), small_segments())
        .unwrap();
    let payloads: Vec<Vec<u8>> = orders().into_iter().map(|it| it.1).collect();
    append_batch(&shard, &payloads[..1]).unwrap();
    sim.advance(Duration::from_millis(1500));
    append_batch(&shard, &payloads[1..5]).unwrap();
    sim.advance(Duration::from_hours(1));
    assert_eq!(engine.maintain().rolled, 1);
    append_batch(&shard, &payloads[5..7]).unwrap();
    sim.advance(Duration::from_millis(250));
    append_batch(&shard, &payloads[7..]).unwrap();
    engine.close().unwrap();
    sim
}

fn golden(file: &str) -> Vec<u8> {
    let path = Path::new(GOLDEN).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn at(file: &str) -> PathBuf {
    Path::new(DIR).join(file)
}

/// Returns a machine with the golden files on its disk.
fn restored() -> Sim {
    let sim = Sim::new(1);
    // They were written a little before the simulated now.
    sim.advance(Duration::from_hours(2));
    let fs = sim.env().fs;
    for dir in ["", "shards", "shards/orders", "shards/clicks"] {
        fs.create_dir(&at(dir)).unwrap();
    }
    for file in FILES {
        sim.write_raw(at(file), &golden(file)).unwrap();
    }
    sim
}

#[test]
fn the_same_work_writes_the_same_bytes() {
    let sim = write_today();
    let written: Vec<PathBuf> = sim
        .files()
        .into_iter()
        .filter(|it| !it.ends_with("LOCK"))
        .collect();
    let mut expected: Vec<PathBuf> = FILES.map(at).to_vec();
    expected.sort();
    assert_eq!(written, expected);
    let is_blessing = std::env::var_os("MAINSTEM_BLESS_GOLDEN").is_some();
    let mut total = 0;
    for file in FILES {
        let bytes = sim.read_file(at(file)).unwrap();
        total += bytes.len();
        if is_blessing {
            let path = Path::new(GOLDEN).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &bytes).unwrap();
        }
        assert!(
            bytes == golden(file),
            "{file} is written differently from version 1"
        );
    }
    assert!(total < 20 << 10, "{total} bytes");
}

#[test]
fn old_bytes_are_read() {
    // The index came without the entry for the last group at first.
    for (is_closed, index_cut) in [(true, 0), (false, 0), (true, 16), (false, 16)] {
        let sim = restored();
        if !is_closed {
            sim.env().fs.unlink(&at("CLEAN")).unwrap();
        }
        let index = golden(INDEX);
        let index = &index[..index.len() - index_cut];
        sim.write_raw(at(INDEX), index).unwrap();
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("orders"), small_segments()).unwrap();
        assert!(shard.refusal().is_none(), "{:?}", shard.refusal());
        assert_eq!(read_all(&shard), orders());
        let start_ms = 1_700_000_000_000;
        let arrivals = [0, 1500, 1500, 1500, 1500, 3_601_500, 3_601_500, 3_601_750];
        let mut cursor = shard.cursor(Start::Oldest).unwrap();
        for after_ms in arrivals {
            let record = cursor.next().unwrap().unwrap();
            assert_eq!(record.time().0, start_ms + after_ms);
        }
        let (found, error) = read(
            &shard,
            Start::Time(mainstem_env::TimestampMs(start_ms + 2000)),
        );
        assert!(error.is_none());
        assert_eq!(found, orders()[5..]);
        assert_eq!(append_batch(&shard, &[b"and more".to_vec()]).unwrap().0, 8);
        let clicks = engine.shard(&name("clicks"), small_segments()).unwrap();
        assert_eq!(read_all(&clicks), []);
        assert_eq!(clicks.durable_end().0, 0);
    }
}

/// Raises the version in the header of a file, and makes its checksum right again.
fn make_newer(sim: &Sim, file: &str, at_version: usize, at_crc: impl Fn(usize) -> usize) {
    let mut bytes = sim.read_file(at(file)).unwrap();
    bytes[at_version] = u8::try_from(FORMAT_VERSION).unwrap() + 1;
    let at_crc = at_crc(bytes.len());
    let crc = checksum::plain(&bytes[..at_crc]);
    bytes[at_crc..at_crc + 4].copy_from_slice(&crc.to_le_bytes());
    sim.write_raw(at(file), &bytes).unwrap();
}

fn assert_unsupported(error: &LogError, file: &str) {
    match error {
        LogError::Unsupported { path, what } => {
            assert_eq!(path, &at(file));
            assert!(what.contains("version 2"), "{what}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_newer_version_is_unsupported_and_not_corrupt() {
    for (file, at_crc) in [("ENGINE", 28), ("CLEAN", usize::MAX)] {
        let sim = restored();
        make_newer(&sim, file, 8, |len| at_crc.min(len - 4));
        let before = sim.files();
        assert_unsupported(&open(&sim.env()).unwrap_err(), file);
        let lock = at("LOCK");
        let after: Vec<PathBuf> = sim.files().into_iter().filter(|it| *it != lock).collect();
        assert_eq!(after, before, "nothing was removed");
    }
    for file in [SEALED, ACTIVE] {
        for is_closed in [true, false] {
            let sim = restored();
            if !is_closed {
                sim.env().fs.unlink(&at("CLEAN")).unwrap();
            }
            make_newer(&sim, file, 8, |_| 60);
            let bytes = sim.read_file(at(file)).unwrap();
            let engine = open_sim(&sim);
            let error = match engine.shard(&name("orders"), small_segments()) {
                Ok(shard) => read(&shard, Start::Oldest).1.unwrap(),
                Err(error) => error,
            };
            assert_unsupported(&error, file);
            assert_eq!(sim.read_file(at(file)).unwrap(), bytes, "it was left alone");
        }
    }
}

#[test]
fn the_dump_in_the_specification_is_that_of_the_golden_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format.md");
    let text = std::fs::read_to_string(path).unwrap();
    let dump = text
        .split("```hexdump\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let hex = line.split('|').next().unwrap();
        let mut words = hex.split_whitespace();
        let at = usize::from_str_radix(words.next().unwrap(), 16).unwrap();
        assert_eq!(at, bytes.len(), "offset of {line}");
        bytes.extend(words.map(|word| u8::from_str_radix(word, 16).unwrap()));
    }
    assert_eq!(bytes, golden(SEALED));
}
