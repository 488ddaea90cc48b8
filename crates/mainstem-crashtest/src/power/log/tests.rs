//! The states of cuts are those that a disk may leave.

use super::*;

const SECTOR: u64 = 512;

/// A write of `sectors` sectors full of `byte`, from sector `at` on.
fn write(at: u64, sectors: usize, byte: u8) -> Entry {
    Entry::Write(Write {
        offset: at * SECTOR,
        content: Content::Data(vec![byte; sectors * 512].into()),
    })
}

fn acked(text: &str) -> Entry {
    Entry::Mark(Mark::Acked(text.to_owned()))
}

/// Two writes, a flush, and three more: over the first one, elsewhere, and zeros over the second.
fn recording() -> Recording {
    Recording {
        base: Image::default(),
        marks: vec![Mark::Started],
        entries: vec![
            write(0, 8, 1),
            write(8, 8, 2),
            Entry::Flush,
            acked("flushed"),
            write(0, 4, 3),
            write(20, 4, 4),
            Entry::Write(Write {
                offset: 8 * SECTOR,
                content: Content::Zeros(8 * SECTOR),
            }),
            acked("last"),
        ],
    }
}

/// The first byte of each of the 24 sectors; each must be of one byte.
fn sectors(image: &Image) -> Vec<u8> {
    let mut bytes = vec![9; 24 * 512];
    image.read(0, &mut bytes);
    let sectors = bytes.chunks(512).map(|sector| {
        assert!(sector.iter().all(|byte| *byte == sector[0]));
        sector[0]
    });
    sectors.collect()
}

fn shape(runs: &[(usize, u8)]) -> Vec<u8> {
    runs.iter()
        .flat_map(|(count, byte)| vec![*byte; *count])
        .collect()
}

fn state(cut: usize, choice: Choice, seed: u64) -> State {
    let recording = recording();
    Cutter::new(&recording).state(cut, choice, &mut Dice::new(seed))
}

#[test]
fn what_was_flushed_stays_and_the_rest_is_chosen() {
    let end = recording().entries.len();
    let flushed = shape(&[(8, 1), (8, 2), (8, 0)]);
    let all = shape(&[(4, 3), (4, 1), (12, 0), (4, 4)]);
    assert_eq!(sectors(&state(end, Choice::All, 1).image), all);
    assert_eq!(sectors(&state(end, Choice::None, 1).image), flushed);
    let newest = shape(&[(8, 1), (16, 0)]);
    assert_eq!(sectors(&state(end, Choice::Newest, 1).image), newest);
    // Without the flush, nothing is sure; the flush itself is the border.
    assert_eq!(sectors(&state(2, Choice::None, 1).image), shape(&[(24, 0)]));
    assert_eq!(sectors(&state(3, Choice::None, 1).image), flushed);
    assert_eq!(sectors(&state(0, Choice::All, 1).image), shape(&[(24, 0)]));

    let mut subsets: Vec<Vec<u8>> = (0..200)
        .map(|seed| sectors(&state(end, Choice::Subset, seed).image))
        .collect();
    subsets.sort_unstable();
    subsets.dedup();
    assert_eq!(subsets.len(), 8, "each of three writes, or not");
}

#[test]
fn one_write_is_torn_and_by_whole_sectors() {
    let end = recording().entries.len();
    let flushed = shape(&[(8, 1), (8, 2), (8, 0)]);
    let all = shape(&[(4, 3), (4, 1), (12, 0), (4, 4)]);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let state = state(end, Choice::Torn(SECTOR), seed);
        assert!(state.is_torn);
        let sectors = sectors(&state.image);
        for (at, sector) in sectors.iter().enumerate() {
            assert!([flushed[at], all[at]].contains(sector), "sector {at}");
        }
        seen.insert(sectors);
    }
    // More than those in which each write is there or not, and not only beginnings of writes.
    assert!(seen.len() > 30, "{}", seen.len());
    assert!(seen.iter().any(|it| it[..4] == [1, 1, 1, 3]));
    let nothing_to_tear = state(3, Choice::Torn(SECTOR), 1);
    assert!(!nothing_to_tear.is_torn);
}

#[test]
fn a_cut_knows_what_was_known_before_it() {
    let marks = |cut| state(cut, Choice::All, 1).marks;
    let flushed = Mark::Acked(String::from("flushed"));
    assert_eq!(marks(3), [Mark::Started]);
    assert_eq!(marks(4), [Mark::Started, flushed.clone()]);
    let last = Mark::Acked(String::from("last"));
    assert_eq!(marks(8), [Mark::Started, flushed, last]);
}

#[test]
fn one_cutter_for_all_cuts_is_as_good_as_one_for_each() {
    let recording = recording();
    let mut cutter = Cutter::new(&recording);
    for cut in 0..=recording.entries.len() {
        for choice in Choice::ALL {
            let (one, other) = (&mut Dice::new(7), &mut Dice::new(7));
            let alone = Cutter::new(&recording).state(cut, choice, other);
            let state = cutter.state(cut, choice, one);
            assert_eq!(sectors(&state.image), sectors(&alone.image));
            assert_eq!(state.fingerprint, alone.fingerprint);
        }
    }
}

#[test]
fn cuts_are_anywhere_and_mostly_where_something_is_undecided() {
    let recording = recording();
    assert_eq!(recording.flushes(), 1);
    let mut dice = Dice::new(3);
    let mut counts = [0_u32; 9];
    for _ in 0..900 {
        counts[recording.cut(&mut dice)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert!(counts[2] > 3 * counts[1], "before the flush: {counts:?}");
    assert!(counts[4] > 2 * counts[5], "after a mark: {counts:?}");
}

#[test]
fn marks_make_an_oracle_or_say_what_was_wrong_already() {
    let sent: Mark = Mark::Sent(Arc::from([String::from("0-0 x")]));
    let acked = Mark::Acked(String::from("0-0"));
    let known = oracle(&[Mark::Started, sent.clone(), acked.clone()]).unwrap();
    assert_eq!(known.acked_records(), 1);
    let shown = Mark::Shown(Arc::from([]));
    oracle(&[sent, acked.clone(), shown]).unwrap_err();
    oracle(&[acked]).unwrap_err();
}
