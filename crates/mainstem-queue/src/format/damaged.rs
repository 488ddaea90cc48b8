//! Any bytes at all: decoders refuse them or understand them, and say the same when asked twice.

use proptest::collection::vec;
use proptest::prelude::*;

use super::bytes::Writer;
use super::event::Event;
use super::snapshot;

/// Bytes that begin like a record: mostly of a kind that there is.
fn records() -> impl Strategy<Value = Vec<u8>> {
    let numbers = prop_oneof![Just(0_u8), Just(1), 0..=4_u8, any::<u8>()];
    (0..=13_u8, vec(numbers, 0..90)).prop_map(|(kind, mut rest)| {
        rest.insert(0, kind);
        rest
    })
}

/// A snapshot of a state with everything in it, as records.
fn whole() -> Vec<Vec<u8>> {
    let mut out = Writer::default();
    out.u8(1).u32(0).u32(1); // version, part, parts
    out.u64(90).u64(3).u64(2); // applied, dropped before, dropped
    out.u32(2).bytes(b"main").u64(40).bytes(b"out").u64(7); // topics
    out.u32(2).u32(2); // next consumer, consumers
    out.u32(0).bytes(b"main").u16(0).u64(80).u64(30).u32(4);
    for (id, status) in [(10_u64, 0_u8), (11, 1), (12, 2), (13, 3)] {
        out.u64(id).u64(id + 40).u32(100).u64(5).u32(2).bytes(b"k");
        match status {
            0 => out.u8(0),
            1 => out.u8(1).u64(70).u64(9),
            2 => out.u8(2).u64(70),
            _ => out.u8(3).u64(70).bytes(b"why"),
        };
    }
    out.u32(1).bytes(b"main").u16(1).u64(0).u64(0).u32(0);
    out.u32(1).rest(&[7; 16]).u64(20).u64(700); // deduplication ids
    out.u32(1).u64(21); // repeats
    out.u32(1).bytes(b"sum").bytes(b"42"); // values
    vec![out.0]
}

/// Holds a snapshot that was understood to what is written of it.
fn says_the_same(records: &[Vec<u8>]) -> bool {
    let Ok(state) = snapshot::read(records) else {
        return false;
    };
    let written = snapshot::write(&state);
    let again = snapshot::read(&written).expect("what was written is read");
    assert_eq!(snapshot::write(&again), written);
    true
}

#[test]
fn a_snapshot_is_written_as_it_was_read() {
    let whole = whole();
    assert!(says_the_same(&whole));
    let state = snapshot::read(&whole).unwrap();
    assert_eq!(snapshot::write(&state), whole);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_record_is_refused_or_reads_back(record in records()) {
        if let Ok(event) = Event::read(&record) {
            let mut out = Writer::default();
            event.write(&mut out);
            prop_assert_eq!(Event::read(&out.0), Ok(event));
        }
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_reads_back(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut records = whole();
        let bytes = &mut records[0];
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        says_the_same(&records);
    }

    #[test]
    fn parts_that_do_not_fit_together_are_refused(parts in 2..5_usize, missing in 0..5_usize) {
        let bytes = whole().remove(0);
        let chunks: Vec<&[u8]> = bytes[9..].chunks(bytes.len() / parts).collect();
        let count = u32::try_from(chunks.len()).unwrap();
        let mut records: Vec<Vec<u8>> = (0..count)
            .zip(&chunks)
            .map(|(at, chunk)| {
                let mut out = Writer::default();
                out.u8(1).u32(at).u32(count).rest(chunk);
                out.0
            })
            .collect();
        prop_assert!(says_the_same(&records));
        let missing = missing % records.len();
        records.swap(0, missing);
        prop_assert_eq!(snapshot::read(&records).is_ok(), missing == 0);
        records.swap(0, missing);
        records.remove(missing);
        prop_assert!(snapshot::read(&records).is_err());
    }
}
