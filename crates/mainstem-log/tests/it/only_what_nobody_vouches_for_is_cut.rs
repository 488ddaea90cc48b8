//! What a crash leaves is no damage, what a newer version wrote is not torn, and what was once proved
//! damaged stays so until it is repaired.

use std::path::{Path, PathBuf};

use mainstem_env::sim::Sim;
use mainstem_log::format::checksum::FrameHasher;
use mainstem_log::format::{frame, segment_header::SegmentHeader};
use mainstem_log::{LogError, Offline, SeqNo, Start};

use crate::kit::{DIR, append, name, open_sim, read_all, small_segments};

fn payload(number: u64) -> Vec<u8> {
    format!("record {number} ").repeat(7).into_bytes()
}

fn filled() -> (Sim, mainstem_log::Engine) {
    let sim = Sim::new(7);
    let engine = open_sim(&sim);
    let shard = engine.create_shard(&name("s"), small_segments()).unwrap();
    for number in 0..200 {
        append(&shard, &payload(number)).unwrap();
    }
    (sim, engine)
}

fn killed() -> (Sim, Vec<PathBuf>) {
    let sim = filled().0.process_crash();
    let segments = segments(&sim);
    (sim, segments)
}

fn segments(sim: &Sim) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "seg");
    sim.files().into_iter().filter(is_segment).collect()
}

fn damage(sim: &Sim) -> Vec<LogError> {
    let offline = Offline::open(&sim.env(), Path::new(DIR)).unwrap();
    let cuts = offline.plan_repair(&name("s")).unwrap();
    cuts.into_iter().flat_map(|cut| cut.damage).collect()
}

fn remove_newest(sim: &Sim, newest: &Path) {
    sim.env().fs.unlink(newest).unwrap();
    sim.env().fs.unlink(&newest.with_extension("idx")).unwrap();
}

#[test]
fn a_seal_whose_index_a_power_cut_took_is_undone() {
    let (sim, segments) = killed();
    let (active, sealed) = (segments.last().unwrap(), &segments[segments.len() - 2]);
    remove_newest(&sim, active);
    let mut bytes = sim.read_file(sealed).unwrap();
    let footer = bytes.len() - 64;
    let data_end = u32::from_le_bytes(bytes[footer + 8..footer + 12].try_into().unwrap());
    bytes[usize::try_from(data_end).unwrap()..footer].fill(0);
    sim.write_raw(sealed, &bytes).unwrap();
    assert!(damage(&sim).is_empty());
    let engine = open_sim(&sim);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(shard.refusal().is_none());
    let before = read_all(&shard).len();
    let next = append(&shard, b"after").unwrap();
    assert_eq!(next, SeqNo(u64::try_from(before).unwrap()));
    assert!(shard.cursor(Start::At(SeqNo(150))).unwrap().next().is_ok());
    engine.close().unwrap();
    drop((shard, engine));
    assert!(damage(&sim).is_empty());
}

#[test]
fn an_unborn_segment_is_no_damage() {
    for len in [0, 30, 64] {
        let (sim, segments) = killed();
        let active = segments.last().unwrap();
        remove_newest(&sim, active);
        sim.write_raw(active, &vec![0; len]).unwrap();
        assert!(damage(&sim).is_empty(), "{:?}", damage(&sim));
    }
}

#[test]
fn a_record_of_a_newer_version_is_not_taken_for_a_torn_one() {
    let (sim, segments) = killed();
    let active = segments.last().unwrap();
    let mut bytes = sim.read_file(active).unwrap();
    let header = SegmentHeader::decode(bytes[..64].try_into().unwrap()).unwrap();
    let at = 64 + 40;
    let word = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut hasher = FrameHasher::new(header.salt);
    let read = frame::decode(&bytes[at..], &mut hasher).unwrap();
    let (seq, time, len) = (read.seq, read.time_ms, read.len);
    let crc = crc32(read.payload);
    bytes[at..at + 4].copy_from_slice(&(word | 1 << 29).to_le_bytes());
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    frame::finish(&mut bytes[at..], seq, time, &mut hasher);
    assert!(matches!(
        frame::decode(&bytes[at..], &mut hasher),
        Err(frame::FrameError::Unsupported(_))
    ));
    bytes.truncate(at + len);
    sim.write_raw(active, &bytes).unwrap();
    sim.set_len_raw(active, u64::try_from(bytes.len()).unwrap())
        .unwrap();
    sim.env().fs.unlink(&active.with_extension("idx")).unwrap();
    let opened = open_sim(&sim).shard(&name("s"), small_segments());
    assert!(matches!(opened, Err(LogError::Unsupported { .. })));
    assert_eq!(sim.read_file(active).unwrap(), bytes);
    let offline = Offline::open(&sim.env(), Path::new(DIR)).unwrap();
    let plan = offline.plan_repair(&name("s"));
    assert!(matches!(plan, Err(LogError::Unsupported { .. })));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

/// A closed store whose newest segment lost its end, and of which only the note of the close knows.
fn only_the_note_knows() -> (Sim, PathBuf) {
    let (sim, engine) = filled();
    engine.close().unwrap();
    drop(engine);
    let active = segments(&sim).pop().unwrap();
    let group = 40 + 24 + u64::try_from(payload(190).len().next_multiple_of(8)).unwrap();
    sim.set_len_raw(&active, 64 + group).unwrap();
    let index = active.with_extension("idx");
    if sim.files().contains(&index) {
        sim.env().fs.unlink(&index).unwrap();
    }
    (sim, active)
}

#[test]
fn what_only_the_note_of_a_close_knows_is_damage_offline_too() {
    let (sim, active) = only_the_note_knows();
    let offline = Offline::open(&sim.env(), Path::new(DIR)).unwrap();
    let cuts = offline.plan_repair(&name("s")).unwrap();
    assert_eq!(cuts.len(), 1);
    assert_eq!(cuts[0].path, active);
    // The note says exactly how many there were.
    assert_eq!(
        cuts[0].first_lost.plus(cuts[0].records_lost_max),
        SeqNo(200)
    );
}

#[test]
fn what_only_the_note_of_a_close_knows_is_not_forgotten() {
    let (sim, _) = only_the_note_knows();
    for _ in 0..2 {
        let engine = open_sim(&sim);
        let shard = engine.shard(&name("s"), small_segments()).unwrap();
        assert!(matches!(shard.refusal(), Some(LogError::ReadOnly { .. })));
        engine.close().unwrap();
    }
    let cut = sim.process_crash();
    let engine = open_sim(&cut);
    let shard = engine.shard(&name("s"), small_segments()).unwrap();
    assert!(matches!(shard.refusal(), Some(LogError::ReadOnly { .. })));
}

#[test]
fn a_synced_index_has_a_durable_name() {
    let (sim, engine) = filled();
    let active = segments(&sim).pop().unwrap();
    engine.close().unwrap();
    let cut = sim.power_loss_now();
    let index = active.with_extension("idx");
    assert!(sim.files().contains(&index), "a close syncs the index");
    assert!(cut.files().contains(&index));
}
